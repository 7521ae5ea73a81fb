package ksparse_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/measure"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// Data of any magnitude that float64 holds: results are right, or there is an error of
// this package.

// mustNew is ksparse.New.
func mustNew(t testing.TB, cfg ksparse.Config) *ksparse.Network {
	t.Helper()
	net, err := ksparse.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// times returns x times a number.
func times(factor float64, x *mat.Dense) *mat.Dense {
	var y mat.Dense
	y.Scale(factor, x)
	return &y
}

// TestNormalizedCodesOfAnyMagnitude: codes of a row that is normalised do not depend on
// its length. A power of two changes no digit, so the bits are the same.
func TestNormalizedCodesOfAnyMagnitude(t *testing.T) {
	net := mustNew(t, ksparse.Config{Classic: true, Inputs: 6, Latents: 20, K: 4, Activation: ksparse.ReLU, Normalization: ksparse.UnitRMS, Seed: 3})
	x := normal(rand.New(rand.NewPCG(7, 9)), 5, 6)
	want, err := net.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, exponent := range []int{-1020, -600, -549, -500, 0, 500, 511, 512, 600, 1020} {
		got, err := net.Encode(times(math.Ldexp(1, exponent), x))
		if err != nil {
			t.Fatalf("2^%d: %v", exponent, err)
		}
		if !mat.Equal(got, want) {
			t.Errorf("2^%d: other codes", exponent)
		}
	}
}

// TestLayerNormOfAnyMagnitude: where the standard deviation is far from its epsilon, the
// output is scaled back to the size of its row.
func TestLayerNormOfAnyMagnitude(t *testing.T) {
	net := mustNew(t, ksparse.Config{Classic: true, Inputs: 6, Latents: 20, K: 4, Activation: ksparse.ReLU, Normalization: ksparse.LayerNorm, Seed: 3})
	x := normal(rand.New(rand.NewPCG(7, 9)), 5, 6)
	want, err := net.Predict(times(0x1p40, x))
	if err != nil {
		t.Fatal(err)
	}
	for _, exponent := range []int{500, 511, 512, 600, 1000} {
		got, err := net.Predict(times(math.Ldexp(1, exponent), x))
		if err != nil {
			t.Fatalf("2^%d: %v", exponent, err)
		}
		if !mat.EqualApprox(times(math.Ldexp(1, 40-exponent), got), want, 1e-14*mat.Max(want)) {
			t.Errorf("2^%d: other outputs", exponent)
		}
	}
	zero, err := net.Encode(mat.NewDense(1, 6, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []float64{0.3, 1.1e10, 0.3e12, 0.3e15, 0.3e300} {
		next := math.Nextafter(v, 1)
		for _, row := range [][]float64{{v, v, v, v, v, v}, {v, next, v, v, v, v}, {-v, -next, -v, -next, -v, -v}} {
			if codes, err := net.Encode(mat.NewDense(1, 6, row)); err != nil || !mat.EqualApprox(codes, zero, 1e-10) {
				t.Errorf("the row %v has the codes %v, error %v, one of zeros %v", row, mat.Formatted(codes), err, mat.Formatted(zero))
			}
		}
	}
}

// TestMaxNormOfAnyMagnitude: no row is far from the median, or those that are far are
// left out, however long the rows are.
func TestMaxNormOfAnyMagnitude(t *testing.T) {
	for _, c := range []struct {
		what    string
		long    int     // rows of 200 that are longer than the others
		size    float64 // of the others
		longer  float64 // by how much
		leftOut int
	}{
		{"all 1e155", 0, 1e155, 1, 0}, {"all 1e-165", 0, 1e-165, 1, 0}, {"all 1e300", 0, 1e300, 1, 0},
		{"120 at 1e200", 120, 1, 1e200, 0}, {"5 at 1e200", 5, 1, 1e200, 5}, {"5 at 1e300 beside 1e200", 5, 1e200, 1e100, 5},
		{"5 beside 1e-200", 5, 1e-200, 20, 5},
	} {
		net := mustNew(t, ksparse.Config{Classic: true, Inputs: 4, Latents: 9, K: 2, Activation: ksparse.ReLU, Normalization: ksparse.UnitRMS, Seed: 3})
		x := normal(rand.New(rand.NewPCG(7, 9)), 200, 4)
		for i := range 200 {
			row := x.RawRowView(i)
			norm := math.Sqrt(mat.Dot(x.RowView(i), x.RowView(i)))
			for j := range row {
				row[j] *= c.size / norm
				if i < c.long {
					row[j] *= c.longer
				}
			}
		}
		cfg := ksparse.TrainConfig{MaxNorm: 10, Epochs: 1}
		fromMatrix, err := net.Train(context.Background(), x, x, cfg)
		if err != nil || fromMatrix.LeftOut != c.leftOut {
			t.Errorf("%s: %+v, error %v, want %d left out", c.what, fromMatrix, err, c.leftOut)
		}
		cfg.Buffer = 50
		net = mustNew(t, ksparse.Config{Classic: true, Inputs: 4, Latents: 9, K: 2, Activation: ksparse.ReLU, Normalization: ksparse.UnitRMS, Seed: 3})
		if h, err := net.TrainSource(context.Background(), sourceOf(t, x), cfg); err != nil || c.long <= 5 && h.LeftOut != c.leftOut {
			t.Errorf("%s, from a source: %+v, error %v", c.what, h, err)
		}
	}
}

// TestTrainRefusesWhatItCannotSquare, and leaves the network as it was.
func TestTrainRefusesWhatItCannotSquare(t *testing.T) {
	for _, size := range []float64{1e153, 1e154, 1e200, 1e308, 1e-165, 1e-300, 5e-324} {
		for _, batch := range []int{1, 64} {
			net := mustNew(t, ksparse.Config{Classic: true, Inputs: 4, Latents: 9, K: 2, Activation: ksparse.ReLU, Seed: 3})
			before, x := saved(t, net), times(size, uniform(1, 100, 4))
			h, err := net.Train(context.Background(), x, x, ksparse.TrainConfig{BatchSize: batch})
			if h != nil || !errors.Is(err, ksparse.ErrRange) && !errors.Is(err, ksparse.ErrNotFinite) {
				t.Errorf("rows of %g: history %+v, error %v", size, h, err)
			}
			if !slices.Equal(saved(t, net), before) {
				t.Errorf("rows of %g: the network has changed", size)
			}
		}
	}
}

// TestTrainEqualRows: where rows differ by rounding alone there is no FVU.
func TestTrainEqualRows(t *testing.T) {
	x := mat.NewDense(100, 4, nil)
	for i := range 100 {
		x.SetRow(i, []float64{.1, -.1 / 3, .07, .1 * math.Pi})
	}
	check := func(what string, cfg ksparse.Config, x *mat.Dense) {
		net := mustNew(t, cfg)
		withAuxK := ksparse.TrainConfig{Epochs: 2, Recipe: ksparse.Recipe{AuxK: 2}}
		if h, err := net.Train(context.Background(), x, x, withAuxK); h != nil || !errors.Is(err, ksparse.ErrRange) || !strings.Contains(err.Error(), "AuxK") {
			t.Errorf("%s: with AuxK: history %+v, error %v", what, h, err)
		}
		h, err := net.Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: 2})
		if err != nil || !math.IsNaN(h.Epochs[1].FVU) || !(h.Epochs[1].TrainLoss < 10) {
			t.Errorf("%s: history %+v, error %v, want an FVU of NaN", what, h, err)
		}
		if _, err := measure.Evaluate(net, sourceOf(t, x)); cfg.Normalization == 0 && !errors.Is(err, ksparse.ErrRange) {
			t.Errorf("%s: Evaluate: %v", what, err)
		}
		if _, err := ksparse.FVU(x, x); cfg.Normalization == 0 && !errors.Is(err, ksparse.ErrRange) {
			t.Errorf("%s: FVU: %v", what, err)
		}
	}
	cfg := ksparse.Config{Classic: true, Inputs: 4, Latents: 9, K: 2, Activation: ksparse.ReLU, Seed: 3}
	check("equal rows", cfg, x)
	cfg.Normalization = ksparse.UnitRMS
	for i := range 100 {
		for j := range 4 {
			x.Set(i, j, x.At(i, j)*(1+float64(i)/7))
		}
	}
	check("rows of one direction, normalised", cfg, x)
}

// TestFiguresOfAnyMagnitude: a ratio is the same for all scales, to the bit.
func TestFiguresOfAnyMagnitude(t *testing.T) {
	out, y := normal(rand.New(rand.NewPCG(7, 9)), 30, 4), uniform(1, 30, 4)
	want, err := ksparse.FVU(out, y)
	if err != nil {
		t.Fatal(err)
	}
	mse, err := ksparse.MeanSquaredError(out, y)
	if err != nil {
		t.Fatal(err)
	}
	for _, exponent := range []int{-900, -549, 0, 500, 512, 600, 1000} {
		factor := math.Ldexp(1, exponent)
		if got, err := ksparse.FVU(times(factor, out), times(factor, y)); err != nil || math.Abs(got-want) > 1e-15*want {
			t.Errorf("2^%d: FVU %v, error %v, want %v", exponent, got, err, want)
		}
		got, err := ksparse.MeanSquaredError(times(factor, out), times(factor, y))
		if overflows := exponent >= 512; errors.Is(err, ksparse.ErrNotFinite) != overflows || !overflows && math.Abs(got-mse*factor*factor) > 1e-15*got {
			t.Errorf("2^%d: mean squared error %v, error %v, want %v", exponent, got, err, mse*factor*factor)
		}
	}
	large, small := mat.NewDense(2000, 1, nil), mat.NewDense(2000, 1, nil)
	for i := range 2000 {
		large.Set(i, 0, 1e153)
	}
	if got, err := ksparse.MeanSquaredError(large, small); err != nil || math.Abs(got-1e306) > 1e292 {
		t.Errorf("a mean of 1e306, whose sum overflows, is %v, error %v", got, err)
	}
}

// TestFVUOfFarMagnitudes: what is far from what it is compared with is so in the FVU, or
// is an error that says so.
func TestFVUOfFarMagnitudes(t *testing.T) {
	huge, tiny := math.MaxFloat64, 5e-324
	for _, c := range []struct {
		what   string
		out, y []float64 // rows of two
		want   float64   // NaN for ErrNotFinite, -1 for ErrRange
	}{
		{"all out", []float64{1e200, 1e200, 1e200, 1e200}, []float64{1, 2, 3, 4}, math.NaN()},
		{"one out", []float64{1e160, 2, 3, 4}, []float64{1, 2, 3, 4}, math.NaN()},
		{"far but not too far", []float64{1e100, 2, 3, 4}, []float64{1, 2, 3, 4}, 1e200 / 4},
		{"a tiny column", []float64{1, 0, 1, 0}, []float64{1, 1e-170, 1, -1e-170}, 1},
		{"a large constant column", []float64{1e200, 0, 1e200, 0}, []float64{1e200, 1, 1e200, -1}, 1},
		{"wrong there", []float64{2e200, 0, 1e200, 0}, []float64{1e200, 1, 1e200, -1}, math.NaN()},
		{"the largest", []float64{0, 0, 0, 0}, []float64{huge, huge, -huge, -huge}, 1},
		{"the smallest", []float64{0, 0, 0, 0}, []float64{tiny, 0, 0, 0}, 2},
		{"perfect", []float64{1e200, 1, 2e200, 3}, []float64{1e200, 1, 2e200, 3}, 0},
		{"equal", []float64{1, 2, 3, 4}, []float64{1e200, 1e-200, 1e200, 1e-200}, -1},
		{"equal up to rounding", []float64{1, 2, 3, 4}, []float64{1, 1 + 0x1p-48, 1, 1}, -1},
	} {
		fvu, err := ksparse.FVU(mat.NewDense(2, 2, c.out), mat.NewDense(2, 2, c.y))
		switch {
		case math.IsNaN(c.want):
			if !errors.Is(err, ksparse.ErrNotFinite) {
				t.Errorf("%s: %v, %v, want ErrNotFinite", c.what, fvu, err)
			}
		case c.want < 0:
			if !errors.Is(err, ksparse.ErrRange) {
				t.Errorf("%s: %v, %v, want ErrRange", c.what, fvu, err)
			}
		case err != nil || math.Abs(fvu-c.want) > 1e-14*c.want:
			t.Errorf("%s: %v, %v, want %v", c.what, fvu, err, c.want)
		}
	}
	// Equal up to rounding in every order.
	for _, y := range [][]float64{{1, 1 + 0x1p-49, 1 - 0x1p-49}, {1 - 0x1p-49, 1, 1 + 0x1p-49}, {1 + 0x1p-49, 1 - 0x1p-49, 1}} {
		if fvu, err := ksparse.FVU(mat.NewDense(3, 1, nil), mat.NewDense(3, 1, y)); !errors.Is(err, ksparse.ErrRange) {
			t.Errorf("%v: %v, %v", y, fvu, err)
		}
	}
}

// TestStartFromAnyMagnitude: the data set's scale and the atoms are those of the same
// data near 1.
func TestStartFromAnyMagnitude(t *testing.T) {
	x := normal(rand.New(rand.NewPCG(7, 9)), 50, 4)
	atoms := func(exponent int) (*mat.Dense, float64) {
		net := mustNew(t, ksparse.Config{Classic: true, Inputs: 4, Latents: 9, K: 2, Activation: ksparse.ReLU, Normalization: ksparse.DatasetScale, Seed: 3})
		if err := net.StartFrom(sourceOf(t, times(math.Ldexp(1, exponent), x)), ksparse.Start{Atoms: true}); err != nil {
			t.Fatalf("2^%d: %v", exponent, err)
		}
		return net.Layers()[1].Weights(), net.Wiring().Scale
	}
	want, scale := atoms(0)
	for _, exponent := range []int{-1000, -549, 512, 1000, 1016} {
		got, s := atoms(exponent)
		if s != math.Ldexp(scale, -exponent) || !mat.EqualApprox(got, want, 1e-15) {
			t.Errorf("2^%d: scale %v beside %v, or other atoms", exponent, s, scale)
		}
	}
}

// TestAtomsOfAnyMagnitude: UnitNorm begins with atoms of norm 1, whatever they were.
func TestAtomsOfAnyMagnitude(t *testing.T) {
	for _, size := range []float64{1e-320, 1e-308, 1e-165, 1e155, 1e308} {
		net := mustNew(t, ksparse.Config{Classic: true, Inputs: 4, Latents: 9, K: 2, Activation: ksparse.ReLU, Seed: 3})
		w := net.Layers()[1].Weights()
		w.Scale(size, w)
		x := normal(rand.New(rand.NewPCG(7, 9)), 20, 4)
		if _, err := net.Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: 1, Optimizer: train.SGD{}, Recipe: ksparse.Recipe{UnitNorm: true}}); err != nil {
			t.Errorf("atoms of %g: %v", size, err)
		}
		for j := range 9 {
			if norm := mat.Norm(w.RowView(j), 2); math.Abs(norm-1) > 1e-12 {
				t.Errorf("atoms of %g: norm %v after training", size, norm)
			}
		}
	}
}
