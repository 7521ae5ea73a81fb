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
		if others := f.Usual; math.Abs(*others.FVU-*good.FVU) > 0.01 || math.Abs(others.L0-good.L0) > 0.1 {
			t.Errorf("%d rows by %v: %+v without them, %+v before", c.rows, c.by, *others, good.Figures)
		}
		if len(f.Problems) != 1 || !strings.Contains(problems, " of 500 rows are outlying") || !strings.Contains(problems, "median norm is") {
			t.Errorf("%d rows by %v: problems:\n%s", c.rows, c.by, problems)
		}
	}
}

// halfDictionary is a model with this bias and k = 1, of atoms of norm 1 that have half of the
// columns: noise is foreign to it.
func halfDictionary(t *testing.T, bias float64) *pretrained.Model {
	t.Helper()
	m, _ := dictionary(t, func(cfg *ksparse.Config) {
		cfg.K, cfg.EncoderBias = 1, same(cfg.Encoder.Rows, bias)
		for j := range cfg.Encoder.Rows {
			atom := cfg.Encoder.Float64[j*cfg.Encoder.Cols:][:cfg.Encoder.Cols]
			clear(atom[cfg.Encoder.Cols/2:])
			norm := mat.Norm(mat.NewVecDense(len(atom), atom), 2)
			for i := range atom {
				atom[i] /= norm
			}
		}
	})
	return m
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
		{99, 1e6, "99 of 1000 rows are outlying"},
		{1, 1e150, "1 of 1000 rows are outlying"},
	} {
		m := halfDictionary(t, 0)
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

// TestCheckFarFromLargeMean: rows that differ little beside their mean are not taken for one,
// though a few are far from them.
func TestCheckFarFromLargeMean(t *testing.T) {
	m, _ := dictionary(t, nil)
	x := noise(1000, m.In())
	scaleRows(x, 4, 1e7)
	x.Apply(func(_, j int, v float64) float64 { return v + 1e6 }, x)
	if f, problems := checked(t, m, x); f.Outliers == nil || f.Outliers.Rows != 4 || f.RepeatedRows != 0 {
		t.Errorf("%+v, %d repeated\n%s", f.Outliers, f.RepeatedRows, problems)
	}
}

// TestCheckOutlyingTargets: a row is outlying where its target is.
func TestCheckOutlyingTargets(t *testing.T) {
	m, x := few(t, 100)
	y := mat.DenseCopyOf(x)
	scaleRows(y, 2, 1000)
	if f, err := m.CheckOutputs(x, y); err != nil || f.Outliers == nil || f.Outliers.Rows != 2 || f.Outliers.MostNorm < 1000 || f.UsualRows != 98 || *f.Usual.FVU > 0.1 {
		t.Errorf("%+v (%v)", f, err)
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
	net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 4, Latents: 8, K: 2, Activation: ksparse.ReLU, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	m := &pretrained.Model{Network: net, Info: pretrained.Info{K: 2, Selection: "topk"}}
	x := mat.NewDense(100, 4, nil)
	for i := range 100 {
		x.SetRow(i, []float64{.1, -.1 / 3, .07, .1 * math.Pi})
	}
	if f, problems := checked(t, m, x); f.FVU != nil || strings.Contains(problems, "worse") || !strings.Contains(problems, "are all equal") {
		t.Errorf("equal rows: %+v\n%s", f, problems)
	}
	if f, problems := checked(t, m, x.Slice(0, 1, 0, 4)); f.FVU != nil || strings.Contains(problems, "equal") || !strings.Contains(problems, "only one row") {
		t.Errorf("one row: %+v\n%s", f, problems)
	}
}

// few returns n rows of the model's own that are all different, and a model that is good on
// them, but has zero codes for tiny rows.
func few(t *testing.T, n int) (*pretrained.Model, *mat.Dense) {
	t.Helper()
	m := halfDictionary(t, -0.05)
	cfg, err := m.Config()
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	x := mat.NewDense(n, m.In(), nil)
	for i := range n {
		atom := cfg.Encoder.Float64[rng.IntN(cfg.Latents)*m.In():][:m.In()]
		size := 1.5 + 4*rng.Float64()
		for j, v := range atom {
			x.Set(i, j, size*v)
		}
	}
	return m, x
}

// foreign returns rows of which the model of few explains next to nothing.
func foreign(n, d int) *mat.Dense {
	x := noise(n, d)
	x.Apply(func(_, j int, v float64) float64 {
		if j < d/2 {
			return v / 4
		}
		return v
	}, x)
	return x
}

// stacked returns n rows that fill makes, and below them those of x.
func stacked(x *mat.Dense, n int, fill func(i int, row []float64)) *mat.Dense {
	rows, cols := x.Dims()
	out := mat.NewDense(n+rows, cols, nil)
	for i := range n {
		fill(i, out.RawRowView(i))
	}
	out.Slice(n, n+rows, 0, cols).(*mat.Dense).Copy(x)
	return out
}

// TestCheckFewUsualRows: rows of zeros, equal rows, nearly equal and tiny rows, however many,
// neither make a good model look bad nor hide rows that are foreign to it.
func TestCheckFewUsualRows(t *testing.T) {
	zero := func(int, []float64) {}
	m, x := few(t, 1000)
	rng := rand.New(rand.NewPCG(7, 8))
	equal := func(_ int, row []float64) { copy(row, x.RawRowView(999)) }
	near := func(i int, row []float64) {
		for j, v := range x.RawRowView(999) {
			row[j] = v * (1 + 3e-8*rng.NormFloat64())
		}
	}
	tiny := func(i int, row []float64) {
		for j, v := range x.RawRowView(i) {
			row[j] = 1e-6 * v
		}
	}
	for _, c := range []struct {
		name  string
		fill  func(int, []float64)
		many  int
		usual int
		says  string // of the good rows; other problems there are none
	}{
		{"zeros", zero, 999, 1, "999 of 1000 rows are zero"}, {"zeros", zero, 995, 5, "995 of 1000 rows are zero"},
		{"zeros", zero, 10, 990, "10 of 1000 rows are zero"}, {"zeros", zero, 900, 100, "900 of 1000 rows are zero"},
		{"equal", equal, 900, 100, ""}, {"equal", equal, 600, 400, ""},
		{"equal", equal, 999, 1, ""}, {"equal", equal, 300, 700, ""},
		{"near", near, 900, 100, ""}, {"near", near, 950, 50, ""}, {"near", near, 450, 550, ""}, {"near", near, 200, 800, ""},
		{"tiny", tiny, 850, 150, "few rows have most of the variance"}, {"tiny", tiny, 300, 700, ""},
	} {
		good := x.Slice(0, c.usual, 0, m.In()).(*mat.Dense)
		f, problems := checked(t, m, stacked(good, c.many, c.fill))
		if f.Outliers != nil || f.ScaledFVU != nil || !strings.Contains(problems, c.says) || len(f.Problems) > 1 && c.usual > 1 && c.name != "tiny" || c.says == "" && problems != "" {
			t.Errorf("%d rows that are %s, %d good ones: %+v\n%s", c.many, c.name, c.usual, f, problems)
		}
		if c.name == "zeros" && (f.ZeroRows != c.many || f.UsualRows != c.usual) {
			t.Errorf("%d rows of zeros: %d, and %d usual ones", c.many, f.ZeroRows, f.UsualRows)
		}
		if repeats := c.name == "equal" || c.name == "near" && c.many > c.usual; repeats && f.RepeatedRows != c.many-1 {
			t.Errorf("%d rows that are %s: %d repeated", c.many, c.name, f.RepeatedRows)
		}
		if c.usual < 50 {
			continue
		}
		f, problems = checked(t, m, stacked(foreign(c.usual, m.In()), c.many, c.fill))
		if !strings.Contains(problems, "explains only") && !strings.Contains(problems, "worse than") && !strings.Contains(problems, "few rows have") {
			t.Errorf("%d rows that are %s, %d foreign ones: %+v\n%s", c.many, c.name, c.usual, f, problems)
		}
	}
	// Large rows among zeros are not outlying.
	large := mat.DenseCopyOf(x.Slice(0, 5, 0, m.In()))
	scaleRows(large, 5, 100)
	if f, problems := checked(t, m, stacked(large, 900, zero)); len(f.Problems) != 1 {
		t.Errorf("zeros and large rows:\n%s", problems)
	}
}

// TestCheckHalfDisguised: up to half of the rows, along atoms and too small or too many to be
// outlying, do not hide that the others are foreign; nor do a quarter that is large make all
// rows look bad.
func TestCheckHalfDisguised(t *testing.T) {
	m, x := few(t, 1000)
	for _, norm := range []float64{5, 6, 9, 13.5, 50, 1e4} {
		for _, n := range []int{100, 200, 300, 450} {
			rows := foreign(1000, m.In())
			for i := range n {
				row := x.RawRowView(i)
				for j, v := range row {
					rows.Set(i, j, v*norm/mat.Norm(x.RowView(i), 2))
				}
			}
			if f, problems := checked(t, m, rows); !strings.Contains(problems, "explains only") && !strings.Contains(problems, "worse than") && !strings.Contains(problems, "few rows have") || f.Outliers != nil && f.Outliers.Rows > 100 {
				t.Errorf("%d rows of norm %v: FVU %v, of the median row %v\n%s", n, norm, *f.FVU, *f.MedianFVU, problems)
			}
		}
	}
	x.Slice(0, 250, 0, m.In()).(*mat.Dense).Copy(foreign(250, m.In()))
	scaleRows(x, 250, 100)
	if f, problems := checked(t, m, x); f.Outliers != nil || !strings.Contains(problems, "much worse than the median row") || len(f.Problems) != 1 {
		t.Errorf("a quarter of large foreign rows: %+v\n%s", f, problems)
	}
}

// TestCheckOrder: what is said without outlying rows follows the line that says so.
func TestCheckOrder(t *testing.T) {
	m, x := few(t, 500)
	scaleRows(x, 500, 0.001)
	x.Slice(0, 3, 0, m.In()).(*mat.Dense).Copy(foreign(3, m.In()))
	f, problems := checked(t, m, x)
	if f.Outliers == nil || f.ScaledFVU == nil || len(f.Problems) < 2 || !strings.Contains(f.Problems[0], "are outlying") || !strings.Contains(problems[len(f.Problems[0]):], "trained on rows of that scale") {
		t.Errorf("%+v\n%s", f, problems)
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
	setK(0)
	if f, problems = checked(t, m, x); f.K != 0 || !strings.Contains(problems, "no latent is active") {
		t.Errorf("k = 0: %+v\n%s", f, problems)
	}
}
