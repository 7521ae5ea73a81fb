package pretrained_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/pretrained"
)

// checked runs Check, and writes the findings as JSON, which an infinity would stop.
func checked(t *testing.T, m *pretrained.Model, x mat.Matrix) (*pretrained.Findings, string) {
	t.Helper()
	f, err := m.Check(x)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(f); err != nil {
		t.Errorf("%v in %+v", err, f)
	}
	return f, strings.Join(f.Problems, "\n")
}

// scaleRows multiplies the first n rows.
func scaleRows(x *mat.Dense, n int, by float64) {
	for i := range n {
		row := x.RawRowView(i)
		for j := range row {
			row[j] *= by
		}
	}
}

// noise returns normally distributed rows, which the dictionary cannot explain.
func noise(n, d int) *mat.Dense {
	rng := rand.New(rand.NewPCG(3, 4))
	x := mat.NewDense(n, d, nil)
	x.Apply(func(_, _ int, _ float64) float64 { return rng.NormFloat64() }, x)
	return x
}

// TestCheckOutliers: a few large rows make a good model look bad.
func TestCheckOutliers(t *testing.T) {
	for _, c := range []struct {
		rows int
		by   float64
	}{{5, 100}, {1, 1000}, {40, 20}, {3, 1e12}} {
		m, x := dictionary(t, func(cfg *ksparse.Config) { cfg.EncoderBias = same(cfg.Encoder.Rows, -0.05) })
		good, _ := checked(t, m, x)
		scaleRows(x, c.rows, c.by)
		f, problems := checked(t, m, x)
		if f.Outliers == nil || f.Outliers.Rows != c.rows || f.Outliers.MostNorm < c.by*f.Outliers.MedianNorm/2 || f.Outliers.LeastNorm > f.Outliers.MostNorm {
			t.Fatalf("%d rows by %v: %+v", c.rows, c.by, f.Outliers)
		}
		if others := f.Outliers.Others; math.Abs(*others.FVU-*good.FVU) > 0.01 || math.Abs(others.L0-good.L0) > 0.1 {
			t.Errorf("%d rows by %v: %+v without them, %+v before", c.rows, c.by, others, good.Figures)
		}
		if len(f.Problems) != 1 || !strings.Contains(problems, " of 500 rows are outlying") || !strings.Contains(problems, "median norm is") {
			t.Errorf("%d rows by %v: problems:\n%s", c.rows, c.by, problems)
		}
	}
}

// TestCheckDisguise: a few large rows along an atom make a model look good on rows that
// are foreign to it.
func TestCheckDisguise(t *testing.T) {
	for _, c := range []struct {
		rows int
		norm float64
		want string
	}{
		{3, 1000, "3 of 1000 rows are outlying"},
		{100, 1e6, "100 of 1000 rows are outlying"},
		{40, 23, "few rows have most of the variance"}, // too small to be outlying
		{1, 1e150, "1 of 1000 rows are outlying"},
	} {
		m, _ := dictionary(t, func(cfg *ksparse.Config) { // atoms of norm 1 that have half of the columns
			cfg.K = 1
			for j := range cfg.Encoder.Rows {
				atom := cfg.Encoder.Float64[j*cfg.Encoder.Cols:][:cfg.Encoder.Cols]
				clear(atom[cfg.Encoder.Cols/2:])
				norm := mat.Norm(mat.NewVecDense(len(atom), atom), 2)
				for i := range atom {
					atom[i] /= norm
				}
			}
		})
		cfg, err := m.Config()
		if err != nil {
			t.Fatal(err)
		}
		x := noise(1000, m.In())
		f, problems := checked(t, m, x)
		if f.Outliers != nil || *f.FVU < 0.8 || !strings.Contains(problems, "explains only") {
			t.Fatalf("rows of noise: %+v\n%s", f, problems)
		}
		for i := range c.rows {
			for j := range m.In() {
				x.Set(i, j, c.norm*cfg.Encoder.Float64[j])
			}
		}
		f, problems = checked(t, m, x)
		if *f.FVU > 0.8 || !strings.Contains(problems, c.want) || !strings.Contains(problems, "few rows have") && !strings.Contains(problems, "explains only") {
			t.Errorf("%d rows of norm %v: FVU %v, problems:\n%s", c.rows, c.norm, *f.FVU, problems)
		}
	}
}

// TestCheckFarFromMean: where the mean is large, the norm does not show an outlying row.
func TestCheckFarFromMean(t *testing.T) {
	m, _ := dictionary(t, nil)
	x := noise(1000, m.In())
	scaleRows(x, 4, 40)
	x.Apply(func(_, j int, v float64) float64 { return v + 100 }, x)
	if f, problems := checked(t, m, x); f.Outliers == nil || f.Outliers.Rows != 4 || f.Outliers.MostNorm > 3*f.Outliers.MedianNorm || f.Outliers.MostAway < 30*f.Outliers.MedianAway {
		t.Errorf("%+v\n%s", f.Outliers, problems)
	}
}

// TestCheckUsualRows: rows that are merely of different sizes, rows of zeros, and equal
// rows are not outlying.
func TestCheckUsualRows(t *testing.T) {
	m, x := dictionary(t, nil)
	for name, rows := range map[string]mat.Matrix{"made of atoms": x, "noise": noise(2000, m.In()), "one": noise(1, m.In()), "two": noise(2, m.In()), "none but zeros": mat.NewDense(9, m.In(), nil)} {
		if f, problems := checked(t, m, rows); f.Outliers != nil {
			t.Errorf("%s: %+v\n%s", name, f.Outliers, problems)
		}
	}
	scaleRows(x, 400, 0) // padding
	if f, problems := checked(t, m, x); f.Outliers != nil {
		t.Errorf("padding: %+v\n%s", f.Outliers, problems)
	}
}

// TestCheckAnyScale: the figures of a model that does the same at every scale are the same
// where squares of the rows would overflow or vanish.
func TestCheckAnyScale(t *testing.T) {
	m, x := dictionary(t, nil)
	want, _ := checked(t, m, x)
	for _, e := range []int{515, -550, 900, -900, 1} { // about 1e155, 1e-165, 1e271, 1e-271
		scaled := mat.DenseCopyOf(x)
		scaleRows(scaled, 500, math.Ldexp(1, e))
		f, problems := checked(t, m, scaled)
		if f.FVU == nil || *f.FVU != *want.FVU || *f.MedianFVU != *want.MedianFVU || f.L0 != want.L0 || problems != "" || f.Outliers != nil {
			t.Errorf("rows times 2^%d: %+v\n%s", e, f, problems)
		}
		scaleRows(scaled, 5, 100)
		if f, _ := checked(t, m, scaled); f.Outliers == nil || f.Outliers.Rows != 5 {
			t.Errorf("outlying rows times 2^%d: %+v", e, f.Outliers)
		}
	}
}

// TestCheckEqualRows: rows without variance are not said to be reconstructed worse than
// their mean.
func TestCheckEqualRows(t *testing.T) {
	net, err := ksparse.New(ksparse.Config{Inputs: 4, Latents: 8, K: 2, Activation: ksparse.ReLU, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	m := &pretrained.Model{Network: net, Info: pretrained.Info{K: 2, Selection: "topk"}}
	x := mat.NewDense(100, 4, nil)
	for i := range 100 {
		x.SetRow(i, []float64{.1, -.1 / 3, .07, .1 * math.Pi})
	}
	for what := range 2 {
		f, problems := checked(t, m, x)
		got := f.FVU
		if what == 1 {
			got = f.Outliers.Others.FVU
		}
		if got != nil || strings.Contains(problems, "worse") || !strings.Contains(problems, "are all equal") {
			t.Errorf("equal rows: %+v\n%s", f, problems)
		}
		x.SetRow(50, []float64{100, 100, 0, 0}) // and once more with one that is not
	}
}

// TestCheckNegativeThresholds: they are counted where the network selects by them.
func TestCheckNegativeThresholds(t *testing.T) {
	for _, selection := range []ksparse.Selection{ksparse.SelectThreshold, ksparse.SelectBatchTopK, ksparse.SelectTopK} {
		m, x := dictionary(t, func(cfg *ksparse.Config) {
			cfg.Selection, cfg.Thresholds = selection, same(cfg.Encoder.Rows, 2)
			for j := range 7 {
				cfg.Thresholds[3*j] = -0.01
			}
		})
		f, problems := checked(t, m, x)
		want := 7
		if selection == ksparse.SelectTopK {
			want = 0
		}
		if f.NegativeThresholds != want || strings.Contains(problems, "7 of 48 latents have a threshold below 0") != (want > 0) {
			t.Errorf("%v: %d\n%s", selection, f.NegativeThresholds, problems)
		}
	}
}

// TestCheckPresentK: L0 is compared with the k that the network has now.
func TestCheckPresentK(t *testing.T) {
	m, x := dictionary(t, nil)
	setK := func(k int) {
		if err := m.Layers()[0].(*ksparse.SparseLayer).SetK(k); err != nil {
			t.Fatal(err)
		}
	}
	setK(20)
	f, problems := checked(t, m, x)
	if f.K != 20 || strings.Contains(problems, "declared k") {
		t.Errorf("k = 20: %+v\n%s", f, problems)
	}
	if err := m.Layers()[0].(*ksparse.SparseLayer).SetSelection(ksparse.SelectTopK); err != nil {
		t.Fatal(err)
	}
	setK(48)
	if f, problems = checked(t, m, noise(100, m.In())); f.K != 48 {
		t.Errorf("k = 48: %+v\n%s", f, problems)
	}
}
