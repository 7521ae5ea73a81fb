package ksparse_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// oddRows are 2,000 sums of 3 of 48 atoms, in which rows are changed by change.
func oddRows(change func(x *mat.Dense, i int, row []float64)) *mat.Dense {
	x, _ := sparseSums(5, 2000, 32, 48, 3, 0)
	for i := range 2000 {
		change(x, i, x.RawRowView(i))
	}
	return x
}

// fvuOf is the FVU of what the network makes of x.
func fvuOf(t *testing.T, n *ksparse.Network, x *mat.Dense) float64 {
	t.Helper()
	codes, err := n.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	out, err := n.Decode(codes)
	if err != nil {
		t.Fatal(err)
	}
	fvu, err := ksparse.FVU(out, x)
	if err != nil {
		t.Fatal(err)
	}
	return fvu
}

// TestOddData: where a few rows are some times as long as the others, where lengths vary, and where
// most rows are one and the same, what is chosen is not much worse than a plain training by Adam,
// and mostly better. Steps that a few rows make too long kill latents, and then it is many times worse.
func TestOddData(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, c := range []struct {
		name   string
		most   float64 // of the plain training's FVU
		change func(x *mat.Dense, i int, row []float64)
	}{
		{"as they are", 0.8, func(*mat.Dense, int, []float64) {}},
		{"1 of 100 rows 5 to 9 times as long", 0.6, func(_ *mat.Dense, i int, row []float64) {
			if i%100 == 7 {
				floats.Scale(5+4*rng.Float64(), row)
			}
		}},
		{"lengths of log-normal size", 0.7, func(_ *mat.Dense, _ int, row []float64) { floats.Scale(1+rng.ExpFloat64()*rng.ExpFloat64(), row) }},
		{"9 of 10 rows the same", 1.4, func(x *mat.Dense, i int, row []float64) {
			if i%10 != 0 {
				copy(row, x.RawRowView(0))
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := oddRows(c.change)
			cfg := ksparse.Config{Inputs: 32, Latents: 64, K: 3}
			chosen := mustNew(t, cfg)
			trainOn(t, chosen, x, x, ksparse.TrainConfig{})
			cfg.Classic, cfg.Activation, cfg.PreBias, cfg.Mirrored = true, ksparse.ReLU, true, true
			plain := mustNew(t, cfg)
			trainOn(t, plain, x, x, ksparse.TrainConfig{BatchSize: 32, Optimizer: train.Adam{}})
			if got, want := fvuOf(t, chosen, x), fvuOf(t, plain, x); !(got <= c.most*want) {
				t.Errorf("FVU %.4f, of the plain training %.4f: ratio %.2f, want at most %.2f", got, want, got/want, c.most)
			}
		})
	}
}

// TestFarFromTheMiddle: rows that a common mean hides, and that are far from the others, are left
// out in the modern form, and named for others with a pre-bias.
func TestFarFromTheMiddle(t *testing.T) {
	x := oddRows(func(_ *mat.Dense, i int, row []float64) {
		if i%500 == 7 {
			floats.Scale(50, row)
		}
		floats.AddConst(100, row)
	})
	for _, c := range []struct {
		classic bool
		leftOut int
		says    string
	}{
		{false, 4, "4 samples were left out, each more than 10 times as far from the middle of the samples as the median one"},
		{true, 0, "4 of 2000 samples are more than 10 times as far from the middle"},
	} {
		n := mustNew(t, ksparse.Config{Inputs: 32, Latents: 64, K: 3, Classic: c.classic, PreBias: true})
		h := trainOn(t, n, x, x, ksparse.TrainConfig{Epochs: 2})
		if h.LeftOut != c.leftOut || !strings.Contains(strings.Join(h.Advice, "\n"), c.says) {
			t.Errorf("classic %v: %d left out, advice %q", c.classic, h.LeftOut, h.Advice)
		}
	}
}

// TestOneInput: data of one number in a row can be learned.
func TestOneInput(t *testing.T) {
	x, _ := sparseSums(3, 2000, 1, 4, 1, 0)
	n := mustNew(t, ksparse.Config{Inputs: 1, Latents: 8, K: 1})
	trainOn(t, n, x, x, ksparse.TrainConfig{})
	if fvu := fvuOf(t, n, x); !(fvu < 0.02) {
		t.Errorf("FVU %v", fvu)
	}
}

// TestFewKinds: of rows of 20 kinds, or of a few features that are there or not, each gets a latent: no row
// is the start of two atoms.
func TestFewKinds(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	kinds, features := mat.NewDense(3000, 20, nil), mat.NewDense(3000, 64, nil)
	for i := range 3000 {
		kinds.Set(i, rng.IntN(20), 1)
		for j := range 64 {
			if rng.Float64() < 0.03 {
				features.Set(i, j, 1)
			}
		}
	}
	for name, c := range map[string]struct {
		x    *mat.Dense
		k    int
		most float64
	}{"kinds": {kinds, 1, 1e-4}, "features": {features, 4, 0.1}} {
		_, cols := c.x.Dims()
		n := mustNew(t, ksparse.Config{Inputs: cols, Latents: cols, K: c.k})
		trainOn(t, n, c.x, c.x, ksparse.TrainConfig{})
		if fvu := fvuOf(t, n, c.x); !(fvu <= c.most) {
			t.Errorf("%s: FVU %v, want at most %v", name, fvu, c.most)
		}
	}
}

// TestMultiTopKWithAuxK: the second reconstruction does not keep dead latents dead.
func TestMultiTopKWithAuxK(t *testing.T) {
	x := oddRows(func(*mat.Dense, int, []float64) {})
	n := mustNew(t, ksparse.Config{Inputs: 32, Latents: 64, K: 3})
	trainOn(t, n, x, x, ksparse.TrainConfig{Recipe: ksparse.Recipe{MultiTopK: 0.125}})
	if fvu := fvuOf(t, n, x); !(fvu < 0.06) {
		t.Errorf("FVU %v", fvu)
	}
}

// TestTargetsWithMean: the biases of a network whose outputs are not its inputs begin at the mean target, and
// where a mean hides all else it is named.
func TestTargetsWithMean(t *testing.T) {
	x := oddRows(func(*mat.Dense, int, []float64) {})
	y := mat.NewDense(2000, 5, nil)
	for i := range 2000 {
		for j := range 5 {
			y.Set(i, j, 1000+x.At(i, 3*j))
		}
	}
	for _, mean := range []float64{0, 1000} {
		in := mat.DenseCopyOf(x)
		in.Apply(func(_, _ int, v float64) float64 { return v + mean }, in)
		n := mustNew(t, ksparse.Config{Inputs: 32, Outputs: 5, Latents: 64, K: 8})
		h := trainOn(t, n, in, y, ksparse.TrainConfig{})
		fvu, said := h.Epochs[len(h.Epochs)-1].FVU, strings.Contains(strings.Join(h.Advice, "\n"), "subtract their means from inputs and targets")
		if mean == 0 && (said || !(fvu < 0.7)) || mean > 0 && !said {
			t.Errorf("inputs with mean %v: FVU %v, advice %q", mean, fvu, h.Advice)
		}
	}
}

// TestManyFarAreNamed: where too many rows are far from the others for MaxNorm to be chosen, they are named.
func TestManyFarAreNamed(t *testing.T) {
	x := oddRows(func(_ *mat.Dense, i int, row []float64) {
		if i%10 == 7 {
			floats.Scale(50, row)
		}
	})
	h := trainOn(t, mustNew(t, ksparse.Config{Inputs: 32, Latents: 64, K: 3}), x, x, ksparse.TrainConfig{Epochs: 2})
	if h.LeftOut != 0 || !strings.Contains(strings.Join(h.Advice, "\n"), "200 of 2000 samples are more than 10 times as far from the middle") {
		t.Errorf("%d left out, advice %q", h.LeftOut, h.Advice)
	}
}

// TestFewStepsTakeLargeBatches: a few steps go through the samples twice, where nobody chooses the batch.
func TestFewStepsTakeLargeBatches(t *testing.T) {
	x := oddRows(func(*mat.Dense, int, []float64) {})
	for _, c := range []struct{ steps, epochs, step int }{{50, 4, 50}, {1, 1, 1}, {63, 2, 63}, {200, 4, 200}} {
		h := trainOn(t, mustNew(t, ksparse.Config{Inputs: 32, Latents: 64, K: 3}), x, x, ksparse.TrainConfig{Steps: c.steps})
		if len(h.Epochs) != c.epochs || h.Steps != c.step {
			t.Errorf("%d steps: %d epochs, %d steps", c.steps, len(h.Epochs), h.Steps)
		}
	}
}

// TestAdviceOnPatience: a training that Patience ends while the rate is still high is told so.
func TestAdviceOnPatience(t *testing.T) {
	x := oddRows(func(*mat.Dense, int, []float64) {})
	cfg := ksparse.TrainConfig{Epochs: 100, Validation: ksparse.Validation{Fraction: 0.1, Patience: 1}}
	h := trainOn(t, mustNew(t, ksparse.Config{Inputs: 32, Latents: 64, K: 3}), x, x, cfg)
	if h.Stop != train.StopPatience || !strings.Contains(strings.Join(h.Advice, "\n"), "Patience has ended the training") {
		t.Errorf("stop %v, advice %q", h.Stop, h.Advice)
	}
}

// TestAdviceOnUnused: latents that are not active in a whole epoch are named at the end, also where
// DeadAfter is more than that.
func TestAdviceOnUnused(t *testing.T) {
	x := oddRows(func(*mat.Dense, int, []float64) {})
	n := mustNew(t, ksparse.Config{Inputs: 32, Latents: 8192, K: 3})
	h := trainOn(t, n, x, x, ksparse.TrainConfig{Epochs: 4, BatchSize: 128})
	if len(h.Advice) == 0 || !strings.Contains(h.Advice[0], "not active in the last 2000 samples): take fewer Latents") {
		t.Errorf("advice %q", h.Advice)
	}
}

// TestAdviceOnEqualFirst: samples that are equal at first do not stand for all of them.
func TestAdviceOnEqualFirst(t *testing.T) {
	x, _ := sparseSums(3, 400, 8, 16, 2, 0)
	const about = "are equal, so the variance of the data is not known"
	source, err := data.FromMatrix(x)
	if err != nil {
		t.Fatal(err)
	}
	n := mustNew(t, ksparse.Config{Inputs: 8, Latents: 16, K: 2})
	h, err := n.TrainSource(context.Background(), source, ksparse.TrainConfig{Epochs: 1, Buffer: 1})
	if err != nil {
		t.Fatal(err)
	}
	if said := strings.Join(h.Advice, "\n"); !strings.Contains(said, "the samples in the first buffer "+about) {
		t.Errorf("advice %q", said)
	}

	n = mustNew(t, ksparse.Config{Inputs: 8, Latents: 16, K: 2})
	trainer, err := ksparse.NewTrainer(n, ksparse.TrainConfig{Steps: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, batch := range []mat.Matrix{mat.NewDense(4, 8, nil), x} {
		if _, err := trainer.Step(batch, batch); err != nil {
			t.Fatal(err)
		}
	}
	h, err = trainer.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if said := strings.Join(h.Advice, "\n"); !strings.Contains(said, "the rows of the first batch "+about) {
		t.Errorf("advice %q", said)
	}
}
