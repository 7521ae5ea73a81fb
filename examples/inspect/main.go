// Command inspect prints what a file of a sparse autoencoder holds, checks on your
// activations whether the model does what the file declares, and writes the model in the
// format of another library.
//
//	go run ./inspect path/to/model
//	go run ./inspect -rows activations.npy path/to/model
//	go run ./inspect -to saelens -out converted path/to/model
//	go run ./inspect -hookpoint layers.10 path/to/run
//
// A path may be a file of weights, a folder, a repository in the Hugging Face cache, or a
// network file or checkpoint of ksparse.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/examples/program"
	"github.com/ksparse/ksparse/pretrained"
)

// result is what -json prints.
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

// main runs the program.
func main() { program.Main("inspect", run) }

// settings are the program's flags, and the path of the model.
type settings struct {
	path          string
	open          pretrained.Options
	save          pretrained.SaveOptions
	rows, outputs string
	most          int
	to, out       string
	asJSON        bool
}

// parseFlags returns the settings that the flags give.
func parseFlags(args []string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("inspect", flag.ContinueOnError)
	flags.StringVar(&s.rows, "rows", "", "a .npy `file` of activations, samples x inputs, to check the model on")
	flags.StringVar(&s.outputs, "outputs", "", "a .npy `file` of what a transcoder should give for the rows")
	flags.IntVar(&s.most, "most", 10000, "`rows` to check on at most")
	flags.StringVar(&s.to, "to", "", "a `format` to convert to: saelens, sparsify, sentence-transformers or ksparse")
	flags.StringVar(&s.out, "out", "", "the `path` to convert to: a new folder, or for ksparse a file")
	flags.BoolVar(&s.asJSON, "json", false, "print JSON")
	flags.StringVar(&s.open.Hookpoint, "hookpoint", "", "which model of a folder with several: its `path` below the folder")
	flags.IntVar(&s.open.K, "k", 0, "how many latents are active, of a model whose configuration does not say it")
	flags.Float64Var(&s.open.Threshold, "threshold", 0, "the `threshold` of a model that never learned one")
	flags.Float64Var(&s.open.Scale, "scale", 0, "the `factor` for the rows of a model that has one and does not say which; 1 for none")
	flags.BoolVar(&s.open.Unset, "unset", false, "look at a model although its threshold or scale is not known")
	flags.BoolVar(&s.open.Embedding, "embedding", false, "the Gemma Scope file is of the token embeddings")
	flags.BoolVar(&s.save.Round, "round", false, "allow float64 weights to be rounded to float32 in converting")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	given := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	switch {
	case flags.NArg() != 1:
		return s, fmt.Errorf("want the path of one model after the flags, got %d", flags.NArg())
	case (s.to == "") != (s.out == ""):
		return s, errors.New("-to and -out go together")
	case s.outputs != "" && s.rows == "":
		return s, errors.New("-outputs goes with -rows")
	case given["most"] && s.rows == "":
		return s, errors.New("-most goes with -rows")
	case given["round"] && s.to == "":
		return s, errors.New("-round goes with -to")
	case s.most < 1:
		return s, fmt.Errorf("-most is %d, want at least 1", s.most)
	}
	s.path = flags.Arg(0)
	return s, nil
}

// run is the program with the given flags. It writes to w.
func run(_ context.Context, args []string, w io.Writer) error {
	s, err := parseFlags(args)
	if err != nil {
		return err
	}
	m, err := open(s)
	if err != nil {
		return inFlags(s.path, err)
	}
	r := result{Info: m.Info}
	if s.rows != "" {
		if r.Findings, err = check(m, s.rows, s.outputs, s.most); err != nil {
			return inFlags(s.path, err)
		}
	}
	if s.to != "" {
		r.Saved = &saved{pretrained.Format(s.to), s.out}
		if err := m.SaveAs(s.out, r.Saved.Format, s.save); err != nil {
			return inFlags(s.path, err)
		}
	}
	if s.asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	return r.print(w)
}

// advice says which flag does what an option of package pretrained does.
var advice = map[string]string{
	"K":         "the flag -k says it",
	"Threshold": "the flag -threshold says it, and with -unset you can look at the model without it",
	"Scale":     "the flag -scale says it, and with -unset you can look at the model without it",
	"Hookpoint": "the flag -hookpoint names one, by its path below the folder",
	"Round":     "the flag -round allows to round them",
}

// open opens the model, and notes the flags that have no effect on it.
func open(s settings) (*pretrained.Model, error) {
	known := s.open
	known.Unset = false
	m, err := pretrained.Open(s.path, known)
	unset := s.open.Unset && errors.Is(err, ksparse.ErrUnset)
	if unset {
		m, err = pretrained.Open(s.path, s.open)
	}
	if err != nil {
		return nil, err
	}
	if s.open.Unset && !unset {
		m.Info.Notes = append(m.Info.Notes, "-unset is not used: all of the model is known")
	}
	if s.open.Embedding && m.Info.Format != pretrained.GemmaScope {
		m.Info.Notes = append(m.Info.Notes, fmt.Sprintf("-embedding is not used: it is for files of %s", pretrained.GemmaScope))
	}
	return m, nil
}

// inFlags returns err about the model at path in the words of this program: with its flags in place of the fields,
// methods and functions that a caller in Go has.
func inFlags(path string, err error) error {
	var option *pretrained.OptionError
	var other interface{ Reason() string } // a file of another kind than was wanted
	switch {
	case errors.As(err, &option) && (errors.Is(err, ksparse.ErrRange) || option.Option == "Hookpoint" && !errors.Is(err, pretrained.ErrSeveral)):
		return errors.New(option.Reason) // the flag was given: what it says is wrong
	case errors.As(err, &option):
		return fmt.Errorf("%s; %s", option.Reason, advice[option.Option])
	case errors.Is(err, ksparse.ErrUnset):
		return fmt.Errorf("%s: the threshold or the scale of the model is not known, and without it the model can only be looked at; -threshold or -scale says it", path)
	case errors.As(err, &other):
		return errors.New(other.Reason())
	}
	return errors.New(strings.TrimPrefix(strings.TrimPrefix(err.Error(), "pretrained: "), "ksparse: "))
}

// check runs the model on the first rows of the files.
func check(m *pretrained.Model, rows, outputs string, most int) (*pretrained.Findings, error) {
	x, err := read(rows, most)
	if err != nil {
		return nil, err
	}
	if outputs == "" {
		return m.Check(x)
	}
	y, err := read(outputs, most)
	if err != nil {
		return nil, err
	}
	return m.CheckOutputs(x, y)
}

// read returns the first rows of a .npy file.
func read(path string, most int) (mat.Matrix, error) {
	source, err := data.OpenNpy(path)
	if err != nil {
		return nil, err
	}
	defer source.Close() // read only
	n, cols := source.Dims()
	n = min(n, most)
	x := mat.NewDense(n, cols, nil)
	if err := source.ReadRows(x.RawMatrix().Data, 0, n); err != nil {
		return nil, err
	}
	for i, v := range x.RawMatrix().Data {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%s holds %v in row %d, column %d", path, v, i/cols, i%cols)
		}
	}
	return x, nil
}
