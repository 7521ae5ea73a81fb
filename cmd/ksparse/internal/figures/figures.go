// Package figures measures models on rows, and prints what it measured.
package figures

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/measure"
)

// Figures are those of a model on rows. Their definitions are those of measure.Report; those of a transcoder are of
// targets and outputs.
type Figures struct {
	Rows    int `json:"rows"`
	Inputs  int `json:"inputs"`
	Latents int `json:"latents"`

	FVU    float64 `json:"fvu"`
	L0     float64 `json:"l0"`
	Dead   int     `json:"dead"`
	MSE    float64 `json:"mse"`
	Cosine float64 `json:"cosine"`

	NormalizedMSE            float64  `json:"normalized_mse"`
	CentredExplainedVariance float64  `json:"centred_explained_variance"`
	RowExplainedVariance     float64  `json:"row_explained_variance"`
	L2Ratio                  float64  `json:"l2_ratio"`
	ReconstructionBias       *float64 `json:"reconstruction_bias"` // null where it cannot be computed

	Density []Bin `json:"density"`
}

// Bin is how many latents are active in a share of the rows from From to To.
type Bin struct {
	From    float64 `json:"from"`
	To      float64 `json:"to"`
	Latents int     `json:"latents"`
}

// Of measures a model on all rows of src, which has the targets of a transcoder beside its inputs: see data.Pair.
func Of(m measure.Model, src data.Source) (*Figures, error) {
	r, err := measure.Evaluate(m, src)
	if err != nil {
		return nil, err
	}
	bins, err := r.DensityHistogram(0)
	if err != nil {
		return nil, err
	}
	f := &Figures{
		Rows: r.Rows, Inputs: r.Inputs, Latents: r.Latents,
		FVU: r.FVU, L0: r.L0, Dead: len(r.Dead), MSE: r.MSE, Cosine: r.CosineSimilarity,
		NormalizedMSE: r.NormalizedMSE, CentredExplainedVariance: r.CentredExplainedVariance, RowExplainedVariance: r.RowExplainedVariance,
		L2Ratio: r.L2Ratio, ReconstructionBias: Number(r.ReconstructionBias),
	}
	for _, b := range bins {
		f.Density = append(f.Density, Bin(b))
	}
	return f, nil
}

// Number returns v for JSON, which has no NaN and no infinity: nil for those.
func Number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// A Line is a figure with its name.
type Line struct{ Name, Value, About string }

// Lines returns the figures for a table.
func (f *Figures) Lines() []Line {
	all := []Line{
		{"rows", fmt.Sprint(f.Rows), ""},
		{"FVU", fmt.Sprintf("%.4g", f.FVU), "share of the variance that is not explained"},
		{"L0", fmt.Sprintf("%.4g", f.L0), "latents that are active in a row, on average"},
		{"dead", fmt.Sprintf("%d of %d", f.Dead, f.Latents), "latents that are active in no row"},
		{"MSE", fmt.Sprintf("%.4g", f.MSE), "mean squared error of a number"},
		{"cosine", fmt.Sprintf("%.4g", f.Cosine), "of rows and their reconstructions, on average"},
		{"normalized MSE", fmt.Sprintf("%.4g", f.NormalizedMSE), "mean of |error|²/|row|²"},
		{"centred explained", fmt.Sprintf("%.4g", f.CentredExplainedVariance), "explained variance, the mean error left out"},
		{"row explained", fmt.Sprintf("%.4g", f.RowExplainedVariance), "explained variance of a row, on average"},
		{"L2 ratio", fmt.Sprintf("%.4g", f.L2Ratio), "length of reconstructions over that of rows, on average"},
	}
	if f.ReconstructionBias != nil {
		all = append(all, Line{"bias", fmt.Sprintf("%.4g", *f.ReconstructionBias), "relative reconstruction bias: 1 without shrinkage"})
	}
	return all
}

// Print writes the figures as a table.
func (f *Figures) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, l := range f.Lines() {
		fmt.Fprintf(t, "%s\t%s", l.Name, l.Value)
		if l.About != "" {
			fmt.Fprintf(t, "\t%s", l.About)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}
