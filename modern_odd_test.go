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
