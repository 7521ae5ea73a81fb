package pretrained_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/measure"
	"github.com/ksparse/ksparse/pretrained"
)

// dictionary is a model of n unit atoms in d dimensions that finds them, and rows
// that are made of k of them each.
func dictionary(t *testing.T, edit func(*ksparse.Config)) (*pretrained.Model, *mat.Dense) {
	t.Helper()
	const d, n, k, samples = 24, 48, 2, 500
	rng := rand.New(rand.NewPCG(1, 2))
	w := make([]float64, n*d)
	for j := range n {
		norm := 0.0
		for i := range d {
			w[j*d+i] = rng.NormFloat64()
			norm += w[j*d+i] * w[j*d+i]
		}
		for i := range d {
			w[j*d+i] /= math.Sqrt(norm)
		}
	}
	x := mat.NewDense(samples, d, nil)
	for i := range samples {
		for range k {
			j := rng.IntN(n)
			for c := range d {
				x.Set(i, c, x.At(i, c)+5*w[j*d+c])
			}
		}
	}
	cfg := ksparse.Config{
		Classic: true,
		Encoder: ksparse.Weights{Rows: n, Cols: d, Float64: w}, Tied: true,
		K: k, Activation: ksparse.ReLU, Selection: ksparse.SelectTopK,
	}
	if edit != nil {
		edit(&cfg)
	}
	net, err := ksparse.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := pretrained.Save(path, pretrained.Native, net, pretrained.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	m, err := pretrained.Open(path, pretrained.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m, x
}

// TestCheck has a model for each problem, with a word of it.
func TestCheck(t *testing.T) {
	scale := func(x *mat.Dense, v float64) *mat.Dense { x.Scale(v, x); return x }
	for _, c := range []struct {
		name string
		edit func(*ksparse.Config)
		rows func(*mat.Dense) mat.Matrix
		want string // "" for no problem
	}{
		{"good", nil, nil, ""},
		{"threshold too low", func(cfg *ksparse.Config) {
			cfg.Selection, cfg.Thresholds = ksparse.SelectBatchTopK, make([]float64, cfg.Encoder.Rows)
		}, nil, "times the declared k = 2"},
		{"threshold too high", func(cfg *ksparse.Config) {
			cfg.Selection, cfg.Thresholds = ksparse.SelectBatchTopK, same(cfg.Encoder.Rows, 4.9999)
		}, func(x *mat.Dense) mat.Matrix { return scale(x, 0.3) }, "no latent is active"},
		{"few", func(cfg *ksparse.Config) { cfg.K, cfg.EncoderBias = 16, same(cfg.Encoder.Rows, -2) }, nil, "and k = 16 is declared"},
		{"dense", func(cfg *ksparse.Config) {
			cfg.Selection, cfg.Thresholds, cfg.EncoderBias = ksparse.SelectThreshold, make([]float64, cfg.Encoder.Rows), same(cfg.Encoder.Rows, 100)
		}, nil, "which is not sparse"},
		{"another place", nil, func(x *mat.Dense) mat.Matrix {
			x.Apply(func(i, j int, _ float64) float64 { return math.Cos(float64(i*j)) - 3 }, x)
			for i := range 3 {
				x.Set(i, 0, x.At(i, 0)+0.01)
			}
			return x
		}, "another layer, site or scale"},
		{"worse than the mean", func(cfg *ksparse.Config) {
			for i := range cfg.Encoder.Float64 {
				cfg.Encoder.Float64[i] *= 3
			}
		}, nil, "worse than the mean"},
		{"scale", func(cfg *ksparse.Config) { cfg.EncoderBias = same(cfg.Encoder.Rows, -0.4) }, func(x *mat.Dense) mat.Matrix { return scale(x, 0.01) }, "trained on rows of that scale"},
		{"dead", func(cfg *ksparse.Config) {
			cfg.EncoderBias = make([]float64, cfg.Encoder.Rows)
			for j := range cfg.EncoderBias[:30] {
				cfg.EncoderBias[j] = -100
			}
		}, nil, "latents are zero in all 500 rows"},
		{"zero atoms", func(cfg *ksparse.Config) {
			clear(cfg.Encoder.Float64[:cfg.Encoder.Cols])
		}, nil, "1 atoms of the decoder are zero"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, x := dictionary(t, c.edit)
			var rows mat.Matrix = x
			if c.rows != nil {
				rows = c.rows(x)
			}
			f, err := m.Check(rows)
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(f.Problems, "\n"); (c.want == "") != (all == "") || !strings.Contains(all, c.want) {
				t.Errorf("problems:\n%s\nwant %q (%+v)", all, c.want, f)
			}
		})
	}
}

// same returns n times the same number.
func same(n int, v float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// TestCheckFigures compares with the figures of package ksparse and of package measure.
func TestCheckFigures(t *testing.T) {
	m, x := dictionary(t, nil)
	f, err := m.Check(x)
	if err != nil {
		t.Fatal(err)
	}
	codes, err := m.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.Decode(codes)
	if err != nil {
		t.Fatal(err)
	}
	fvu, err := ksparse.FVU(out, x)
	if err != nil {
		t.Fatal(err)
	}
	src, err := data.FromMatrix(x)
	if err != nil {
		t.Fatal(err)
	}
	report, err := measure.Evaluate(m, src)
	if err != nil {
		t.Fatal(err)
	}
	if f.FVU == nil || math.Abs(*f.FVU-report.FVU) > 1e-12 || f.L0 != report.L0 || f.Dead != len(report.Dead) {
		t.Errorf("%+v; package measure has FVU %v, L0 %v, dead %v", f, report.FVU, report.L0, report.Dead)
	}
	dead := 0
	for _, f := range codes.Frequency() {
		if f == 0 {
			dead++
		}
	}
	if f.FVU == nil || math.Abs(*f.FVU-fvu) > 1e-12 || f.L0 != codes.L0() || f.Dead != dead {
		t.Errorf("%+v; FVU %v, L0 %v, dead %v", f, fvu, codes.L0(), dead)
	}
	if math.Abs(f.MeanNorm-1) > 1e-12 || f.NotFinite != 0 || f.K != 2 || f.Rows != 500 {
		t.Errorf("%+v", f)
	}
}

// TestCheckTranscoder: reconstructions are measured only against given outputs.
func TestCheckTranscoder(t *testing.T) {
	fix := readFixture(t, "testdata/saelens_jumprelu_transcoder_v6")
	m := fix.open(t)
	x := rows(fix.Input)
	f, err := m.Check(x)
	if err != nil {
		t.Fatal(err)
	}
	if f.FVU != nil {
		t.Errorf("a transcoder's FVU against its rows: %v", *f.FVU)
	}
	if f, err = m.CheckOutputs(x, rows(fix.Reconstruction)); err != nil {
		t.Fatal(err)
	}
	if f.FVU == nil || *f.FVU > 1e-12 {
		t.Errorf("the FVU of its own outputs: %v", f.FVU)
	}
	if _, err := m.CheckOutputs(x, x); !errors.Is(err, ksparse.ErrShape) {
		t.Errorf("targets of another width: %v", err)
	}
	if _, err := m.Check(mat.NewDense(2, 3, nil)); !errors.Is(err, ksparse.ErrShape) {
		t.Errorf("rows of another width: %v", err)
	}
}

// TestCheckFixtures runs over every kind of model.
func TestCheckFixtures(t *testing.T) {
	for _, fix := range fixtures(t) {
		if fix.options().Unset {
			continue
		}
		m := fix.open(t)
		f, err := m.Check(rows(fix.Input))
		if err != nil {
			t.Errorf("%s: %v", fix.name(), err)
			continue
		}
		if f.NotFinite != 0 || f.L0 == 0 {
			t.Errorf("%s: %+v", fix.name(), f)
		}
	}
}

// TestCheckSaysWhatWasGiven: errors speak of rows and targets, as far as they were given.
func TestCheckSaysWhatWasGiven(t *testing.T) {
	m, x := dictionary(t, nil)
	wide := mat.NewDense(5, 25, nil)
	for _, c := range []struct {
		rows, targets mat.Matrix
		want          error
		says          string
	}{
		{wide, nil, ksparse.ErrShape, "the rows are 5 x 25, the model takes 24"},
		{wide, x, ksparse.ErrShape, "the rows are 5 x 25"},
		{x, wide, ksparse.ErrShape, "the targets are 5 x 25, want 500 x 24"},
		{nil, nil, ksparse.ErrEmpty, "the rows: "},
		{x, mat.NewDense(1, 1, []float64{math.NaN()}), ksparse.ErrNotFinite, "the targets: "},
	} {
		if _, err := m.CheckOutputs(c.rows, c.targets); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("error %v, want %v that says %q", err, c.want, c.says)
		}
	}
	m.Layers()[0].Weights().Set(1, 2, math.NaN())
	f, err := m.Check(x)
	if err != nil || f.NotFinite == 0 || !strings.Contains(strings.Join(f.Problems, "\n"), "NaN or infinite") {
		t.Errorf("a weight of NaN: %+v, error %v", f, err)
	}
}
