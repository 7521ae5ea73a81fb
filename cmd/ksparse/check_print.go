package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/ksparse/ksparse/pretrained"
)

// result is what the commands check, info and convert print.
type result struct {
	Info     pretrained.Info      `json:"info"`
	Findings *pretrained.Findings `json:"findings,omitempty"`
	Saved    *saved               `json:"saved,omitempty"`
}

// saved says what was written, and where.
type saved struct {
	Format pretrained.Format `json:"format"`
	Path   string            `json:"path"`
}

// write writes the result as a table, or as JSON.
func (r result) write(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, r)
	}
	return r.print(w)
}

// print writes the result as a table.
func (r result) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		if text := strings.TrimSpace(fmt.Sprintf(format, args...)); text != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, text)
		}
	}
	i := r.Info
	line("weights", "%s", i.Weights)
	line("configuration", "%s", i.Config)
	line("format", "%s %s", i.Format, i.Version)
	line("architecture", "%s", i.Architecture)
	line("sizes", "%s", sizes(i))
	line("selection", "%s", selection(i))
	line("normalization", "%s", i.Normalization)
	line("properties", "%s", properties(i))
	if i.Kept != "" {
		line("weights as", "%s in the file, %s in memory", i.NumberFormat, i.Kept)
	}
	line("trained on", "%s %s", i.ModelName, i.HookName)
	for _, n := range i.Notes {
		line("note", "%s", n)
	}
	line("ignored", "%s", strings.Join(append(append([]string(nil), i.Ignored...), i.IgnoredTensors...), ", "))
	if f := r.Findings; f != nil {
		line("checked on", "%d rows", f.Rows)
		line("L0", "%.4g on average, %d at most", f.L0, f.MostL0)
		line("dead latents", "%d of %d", f.Dead, f.Latents)
		if f.FVU != nil {
			line("variance", "%.2f %% explained (FVU %.4g, of the median row %.4g)", 100*(1-*f.FVU), *f.FVU, *f.MedianFVU)
		}
		if u := f.Usual; u != nil && u.FVU != nil {
			line("of usual rows", "%d rows: L0 %.4g, %.2f %% explained (FVU %.4g)", f.UsualRows, u.L0, 100*(1-*u.FVU), *u.FVU)
		}
		if f.MostNorm > 0 {
			line("norms of atoms", "%.4g to %.4g, mean %.4g", f.LeastNorm, f.MostNorm, f.MeanNorm)
		}
		for _, p := range f.Problems {
			line("PROBLEM", "%s", p)
		}
		if !f.Reconstructed {
			line("note", "no reconstruction was measured: %s", notReconstructed(i))
		}
		if len(f.Problems) == 0 {
			line("verdict", "nothing looks wrong%s", map[bool]string{false: " in the codes and the weights"}[f.Reconstructed])
		}
	}
	if s := r.Saved; s != nil {
		line("saved", "%s as %s", s.Path, s.Format)
	}
	return t.Flush()
}

// notReconstructed says why no reconstruction was measured.
func notReconstructed(i pretrained.Info) string {
	if i.Outputs == 0 {
		return "the model has no decoder"
	}
	return "its outputs are of another place than its rows, and --targets says what they should be"
}

// sizes describes the number of inputs, latents and outputs.
func sizes(i pretrained.Info) string {
	s := fmt.Sprintf("%d inputs, %d latents", i.Inputs, i.Latents)
	switch {
	case i.Outputs == 0:
		return s + ", no decoder"
	case i.Outputs != i.Inputs:
		return s + fmt.Sprintf(", %d outputs", i.Outputs)
	}
	return s
}

// selection describes how the model selects latents.
func selection(i pretrained.Info) string {
	s := i.Selection
	if i.K > 0 {
		s += fmt.Sprintf(", k = %v", i.K)
	}
	switch t := i.Thresholds; {
	case len(t) == 2 && t[0] == t[1]:
		s += fmt.Sprintf(", threshold %.6g", t[0])
	case len(t) == 2:
		s += fmt.Sprintf(", thresholds from %.6g to %.6g", t[0], t[1])
	}
	return s
}

// properties lists what else the model has.
func properties(i pretrained.Info) string {
	var list []string
	for _, p := range []struct {
		name string
		is   bool
	}{{"pre-bias", i.PreBias}, {"tied weights", i.Tied}, {"skip connection", i.Skip}, {"transcoder", i.Transcoder}} {
		if p.is {
			list = append(list, p.name)
		}
	}
	if i.Reshape != "" {
		list = append(list, i.Reshape)
	}
	if len(i.Groups) > 0 {
		list = append(list, fmt.Sprintf("groups %v", i.Groups))
	}
	return strings.Join(list, ", ")
}
