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

// TestRefusedBeforeTraining: what would only fail later, or never, is found before the
// first step, and named; the network stays as it was.
func TestRefusedBeforeTraining(t *testing.T) {
	x, huge, probabilities := uniform(1, 40, 4), times(1e200, uniform(1, 40, 4)), mat.NewDense(40, 4, nil)
	for name, c := range map[string]struct {
		x, y  *mat.Dense
		cfg   ksparse.TrainConfig
		cause error
		says  string
	}{
		"inputs":             {huge, x, ksparse.TrainConfig{}, ksparse.ErrNotFinite, "the training samples hold numbers of up to 1e+200"},
		"inputs, other loss": {huge, probabilities, ksparse.TrainConfig{Loss: ksparse.BinaryCrossEntropy}, ksparse.ErrNotFinite, "the training samples hold"},
		"targets":            {x, huge, ksparse.TrainConfig{}, ksparse.ErrNotFinite, "too large to be squared"},
		"validation":         {x, x, ksparse.TrainConfig{Validation: ksparse.Validation{X: huge, Y: huge}}, ksparse.ErrNotFinite, "the validation samples hold"},
		"validation source":  {x, x, ksparse.TrainConfig{Validation: ksparse.Validation{Source: sourceOf(t, huge)}}, ksparse.ErrNotFinite, "the validation samples hold"},
		"nil in a warm-up":   {x, x, ksparse.TrainConfig{Schedule: train.Warmup{Steps: 3, Then: (*train.CosineDecay)(nil)}}, ksparse.ErrEmpty, "Warmup.Then is a nil *train.CosineDecay"},
		"deeper":             {x, x, ksparse.TrainConfig{Schedule: train.Warmup{Then: train.Warmup{Then: (*train.Warmup)(nil)}}}, ksparse.ErrEmpty, "Warmup.Then"},
		"slots":              {x, x, ksparse.TrainConfig{Optimizer: fewSlots{}}, ksparse.ErrRange, "-1 slots"},
	} {
		net := autoencoder(t, 4, 9, 2, ksparse.ReLU)
		before := saved(t, net)
		h, err := net.Train(context.Background(), c.x, c.y, c.cfg)
		if h != nil || !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: history %+v, error %v, want %q", name, h, err, c.says)
		}
		if !slices.Equal(saved(t, net), before) {
			t.Errorf("%s: the network has changed", name)
		}
	}
}

// fewSlots is an optimizer with a number of slots that there cannot be.
type fewSlots struct{ train.SGD }

func (fewSlots) Slots() int { return -1 }

// TestFirstStepIsUndone: a step that diverges while it moves parameters leaves them as they
// were, if it is the first.
func TestFirstStepIsUndone(t *testing.T) {
	x := times(1000, uniform(1, 40, 4))
	for _, selection := range []ksparse.Selection{ksparse.SelectTopK, ksparse.SelectBatchTopK} {
		net := mustNew(t, ksparse.Config{Classic: true, Inputs: 4, Latents: 9, K: 2, Activation: ksparse.ReLU, Selection: selection, Seed: 1})
		before := parameters(net)
		h, err := net.Train(context.Background(), x, x, ksparse.TrainConfig{Optimizer: train.SGD{}, LearningRate: 1e308, Recipe: ksparse.Recipe{UnitNorm: true}})
		if !errors.Is(err, ksparse.ErrDiverged) || h == nil || h.Steps != 0 || !sameNumbers(before, parameters(net)) {
			t.Errorf("%v: history %+v, error %v, or the parameters have changed", selection, h, err)
		}
	}
}

// TestNaNFromOutside: a weight that somebody makes NaN between two steps is named.
func TestNaNFromOutside(t *testing.T) {
	net, x := autoencoder(t, 4, 9, 2, ksparse.ReLU), uniform(1, 40, 4)
	trainer := newTrainer(t, net, ksparse.TrainConfig{})
	step(t, trainer, x, x)
	net.Layers()[0].Weights().Set(3, 1, math.NaN())
	if _, err := trainer.Step(x, x); !errors.Is(err, ksparse.ErrDiverged) || !errors.Is(err, ksparse.ErrNotFinite) || !strings.Contains(err.Error(), "weight at row 3, column 1") {
		t.Errorf("error %v", err)
	}
}

// counting counts how often it is read.
type counting struct {
	mat.Matrix
	reads *int
}

func (c counting) At(i, j int) float64 {
	*c.reads++
	return c.Matrix.At(i, j)
}

// TestReadOnce: inputs that are targets too are read once, whatever type the matrix has.
func TestReadOnce(t *testing.T) {
	reads := 0
	c := counting{uniform(1, 20, 4), &reads}
	for name, x := range map[string]mat.Matrix{"a value": c, "a pointer": &c, "a transpose": mat.Transpose{Matrix: mat.Transpose{Matrix: c}}} {
		for call, f := range map[string]func() error{
			"Train": func() error {
				_, err := autoencoder(t, 4, 9, 2, ksparse.ReLU).Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: 1})
				return err
			},
			"FVU": func() error {
				_, err := ksparse.FVU(x, x)
				return err
			},
		} {
			reads = 0
			if err := f(); err != nil || reads < 80 || reads > 82 {
				t.Errorf("%s of %s: %d reads of 80 numbers, error %v", call, name, reads, err)
			}
		}
	}
}

// shrinking is a source that has fewer rows, or other columns, after some reads.
type shrinking struct {
	rows, cols, after int
	then              [2]int
}

func (s *shrinking) Dims() (rows, cols int) {
	if s.after <= 0 {
		return s.then[0], s.then[1]
	}
	return s.rows, s.cols
}

func (s *shrinking) ReadRows(dst []float64, lo, hi int) error {
	s.after--
	for i := range dst {
		dst[i] = math.Sin(float64(lo*s.cols + i))
	}
	return nil
}

// TestSourcesThatShrink: a source whose size changes is an error wherever it is read.
func TestSourcesThatShrink(t *testing.T) {
	for _, then := range [][2]int{{2000, 4}, {3000, 5}, {0, 0}, {-1, 4}, {3000, 0}} {
		for after := range 4 {
			src := func() *shrinking { return &shrinking{rows: 3000, cols: 4, after: 1 + after, then: then} }
			net := mustNew(t, ksparse.Config{Classic: true, Inputs: 4, Latents: 9, K: 2, Activation: ksparse.ReLU, Normalization: ksparse.DatasetScale, Scale: 1})
			for name, err := range map[string]error{
				"StartFrom": net.StartFrom(src(), ksparse.Start{}),
				"Train":     errorOf(net.TrainSource(context.Background(), src(), ksparse.TrainConfig{Buffer: 100, Epochs: 2})),
				"Calibrate": errorOf(net.Calibrate(src(), 1.5)),
			} {
				if err != nil && !errors.Is(err, ksparse.ErrShape) && !errors.Is(err, ksparse.ErrEmpty) {
					t.Errorf("%s, to %v after %d reads: %v", name, then, 1+after, err)
				}
				if err == nil && name == "Train" {
					t.Errorf("%s, to %v after %d reads: no error", name, then, 1+after)
				}
			}
		}
	}
}

// errorOf returns the error of two results.
func errorOf[T any](_ T, err error) error { return err }

// TestLaterRowsTooLarge: what cannot be squared is refused where it comes, and a Trainer
// goes on with the next batch.
func TestLaterRowsTooLarge(t *testing.T) {
	net, x := autoencoder(t, 4, 9, 2, ksparse.ReLU), uniform(1, 300, 4)
	trainer := newTrainer(t, net, ksparse.TrainConfig{})
	step(t, trainer, x, x)
	before := parameters(net)
	if _, err := trainer.Step(times(1e80, x), times(1e80, x)); !errors.Is(err, ksparse.ErrNotFinite) || !sameNumbers(before, parameters(net)) {
		t.Errorf("error %v, or the parameters have changed", err)
	}
	step(t, trainer, x, x)
	for i := 290; i < 300; i++ {
		for j := range 4 {
			x.Set(i, j, 1e80*x.At(i, j))
		}
	}
	for seed := range uint64(4) {
		_, err := autoencoder(t, 4, 9, 2, ksparse.ReLU).TrainSource(context.Background(), sourceOf(t, x), ksparse.TrainConfig{Buffer: 64, BatchSize: 10, Seed: seed})
		if !errors.Is(err, ksparse.ErrNotFinite) || !strings.Contains(err.Error(), "too large to be squared") {
			t.Errorf("seed %d: error %v", seed, err)
		}
	}
}

// panicking is a source whose methods panic after some calls.
type panicking struct{ shrinking }

func (p *panicking) ReadRows(dst []float64, lo, hi int) error {
	if p.after <= 0 {
		panic("no such row")
	}
	return p.shrinking.ReadRows(dst, lo, hi)
}

// TestSourcesThatPanic are errors that name the rows.
func TestSourcesThatPanic(t *testing.T) {
	for after := range 3 {
		src := func() *panicking {
			return &panicking{shrinking{rows: 3000, cols: 4, after: after, then: [2]int{3000, 4}}}
		}
		net := mustNew(t, ksparse.Config{Classic: true, Inputs: 4, Latents: 9, K: 2, Activation: ksparse.ReLU})
		errs := map[string]error{
			"Train":    errorOf(net.TrainSource(context.Background(), src(), ksparse.TrainConfig{Buffer: 100, Epochs: 2})),
			"Evaluate": errorOf(measure.Evaluate(net, src())),
		}
		if after == 0 {
			errs["Calibrate"], errs["StartFrom"] = errorOf(net.Calibrate(src(), 1.5)), net.StartFrom(src(), ksparse.Start{})
		}
		for name, err := range errs {
			if !errors.Is(err, ksparse.ErrShape) || !strings.Contains(err.Error(), "it panics: no such row") {
				t.Errorf("%s, after %d reads: error %v", name, after, err)
			}
		}
	}
}

// TestNegativeRate: a schedule of one's own that would climb is an error.
func TestNegativeRate(t *testing.T) {
	net, x := autoencoder(t, 4, 9, 2, ksparse.ReLU), uniform(1, 30, 4)
	if h, err := net.Train(context.Background(), x, x, ksparse.TrainConfig{BatchSize: 10, Schedule: rates{1, -1}}); !errors.Is(err, ksparse.ErrRange) || h.Steps != 1 || !strings.Contains(err.Error(), "learning rate of step 2") {
		t.Errorf("history %+v, error %v", h, err)
	}
}

// TestAuxKOfEqualBatch: a batch of nearly equal rows does not make the auxiliary loss
// larger than all others.
func TestAuxKOfEqualBatch(t *testing.T) {
	x := normal(rand.New(rand.NewPCG(7, 9)), 300, 8)
	for _, noise := range []float64{0, 1e-10, 1e-8, 1e-4} {
		trainer := newTrainer(t, autoencoder(t, 8, 40, 3, ksparse.ReLU), ksparse.TrainConfig{Recipe: ksparse.Recipe{AuxK: 8, DeadAfter: 1}})
		step(t, trainer, x, x)
		batch := mat.NewDense(7, 8, nil)
		for i := range 7 {
			for j := range 8 {
				batch.Set(i, j, x.At(0, j)*(1+noise*float64(i)))
			}
		}
		if p := step(t, trainer, batch, batch); !(p.Loss < 1e5) {
			t.Errorf("noise %g: a loss of %v", noise, p.Loss)
		}
	}
}

// TestEvaluateFarFromZero: rows far from zero are measured as they are.
func TestEvaluateFarFromZero(t *testing.T) {
	net, x := mustNew(t, ksparse.Config{Classic: true, Inputs: 4, Latents: 9, K: 2, Activation: ksparse.ReLU, PreBias: true}), normal(rand.New(rand.NewPCG(7, 9)), 600, 4)
	for i := range 600 {
		x.Set(i, 0, 1e15)
	}
	if r, err := measure.Evaluate(net, sourceOf(t, x)); err != nil || r.MeanRows != 0 {
		t.Errorf("%+v, error %v", r, err)
	}
	if r, err := measure.Evaluate(net, sourceOf(t, times(3e-139, normal(rand.New(rand.NewPCG(7, 9)), 60, 4)))); err != nil || r.ZeroRows != 0 {
		t.Errorf("%+v, error %v", r, err)
	}
}
