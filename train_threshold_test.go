package ksparse_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// mixtures returns rows that are each a sum of 4 of 64 random directions.
func mixtures(rows, cols int) *mat.Dense {
	const directions = 64
	rng := rand.New(rand.NewPCG(11, 12))
	atoms := mat.NewDense(directions, cols, nil)
	atoms.Apply(func(_, _ int, _ float64) float64 { return rng.NormFloat64() / math.Sqrt(float64(cols)) }, atoms)
	x := mat.NewDense(rows, cols, nil)
	for i := range rows {
		for range 4 {
			atom, size := atoms.RawRowView(rng.IntN(directions)), 0.5+rng.Float64()
			for j, v := range x.RawRowView(i) {
				x.Set(i, j, v+size*atom[j])
			}
		}
	}
	return x
}

// sourceOf returns the rows of x as a source.
func sourceOf(t testing.TB, x mat.Matrix) data.Source {
	t.Helper()
	src, err := data.FromMatrix(x)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// batchTopK returns an autoencoder that selects from the whole batch.
func batchTopK(t testing.TB, inputs, latents, k int, change func(*ksparse.Config)) *ksparse.Network {
	t.Helper()
	cfg := ksparse.Config{Classic: true, Inputs: inputs, Latents: latents, K: k, Activation: ksparse.ReLU, Selection: ksparse.SelectBatchTopK, Mirrored: true}
	if change != nil {
		change(&cfg)
	}
	return mustNew(t, cfg)
}

// use returns L0 and FVU of the rows of x by thresholds, as they are.
func use(t testing.TB, net *ksparse.Network, x *mat.Dense) (l0, fvu float64) {
	t.Helper()
	codes, out, err := net.Reconstruct(x)
	if err != nil {
		t.Fatal(err)
	}
	fvu, err = ksparse.FVU(out, x)
	if err != nil {
		t.Fatal(err)
	}
	return codes.L0(), fvu
}

// checkThreshold checks that about k latents a row are active, and that the rows are
// about as well explained as with a threshold for just k.
func checkThreshold(t testing.TB, what string, net *ksparse.Network, x *mat.Dense, k float64) {
	t.Helper()
	l0, fvu := use(t, net, x)
	if math.Abs(l0-k) > 0.06*k {
		t.Errorf("%s: L0 is %v, want about %v", what, l0, k)
	}
	calibrated := reloaded(t, net)
	if _, err := calibrated.Calibrate(sourceOf(t, x), k); err != nil {
		t.Fatal(err)
	}
	if _, want := use(t, calibrated, x); math.Abs(fvu-want) > 0.03 {
		t.Errorf("%s: the FVU is %v, calibrated %v", what, fvu, want)
	}
}

// reloaded returns the network as Save and Load leave it.
func reloaded(t testing.TB, net *ksparse.Network) *ksparse.Network {
	t.Helper()
	var file bytes.Buffer
	if err := net.Save(&file); err != nil {
		t.Fatal(err)
	}
	other, err := ksparse.Load(&file)
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// TestThresholdIsRight for the weights that a training leaves, after any number of steps.
func TestThresholdIsRight(t *testing.T) {
	x := mixtures(6000, 32)
	for name, c := range map[string]struct {
		cfg    ksparse.TrainConfig
		change func(*ksparse.Config)
	}{
		"three epochs": {cfg: ksparse.TrainConfig{Epochs: 3, BatchSize: 1024}},
		"one step":     {cfg: ksparse.TrainConfig{Steps: 1, BatchSize: 1024}},
		"small steps":  {cfg: ksparse.TrainConfig{Steps: 40, BatchSize: 3}},
		"average":      {cfg: ksparse.TrainConfig{Epochs: 3, BatchSize: 256, EMA: 0.999, LearningRate: 0.01}},
		"best epoch":   {cfg: ksparse.TrainConfig{Epochs: 4, BatchSize: 256, LearningRate: 0.3, Optimizer: train.SGD{}, Validation: ksparse.Validation{Patience: 2, Fraction: 0.1}}},
		"best average": {cfg: ksparse.TrainConfig{Epochs: 4, BatchSize: 256, EMA: 0.99, Validation: ksparse.Validation{Patience: 2, Fraction: 0.1}}},
		"annealing":    {cfg: ksparse.TrainConfig{Epochs: 2, BatchSize: 256, Recipe: ksparse.Recipe{KStart: 60}}},
		"recipe": {cfg: ksparse.TrainConfig{Epochs: 2, BatchSize: 256, Recipe: ksparse.Recipe{UnitNorm: true, AuxK: 16, Matryoshka: []int{16, 64}}},
			change: func(c *ksparse.Config) { c.PreBias, c.Normalization = true, ksparse.LayerNorm }},
		"tied":     {cfg: ksparse.TrainConfig{Epochs: 2, BatchSize: 256}, change: func(c *ksparse.Config) { c.Tied, c.Mirrored = true, false }},
		"identity": {cfg: ksparse.TrainConfig{Epochs: 2, BatchSize: 256}, change: func(c *ksparse.Config) { c.Activation = ksparse.Identity }},
	} {
		t.Run(name, func(t *testing.T) {
			net := batchTopK(t, 32, 256, 8, c.change)
			trainOn(t, net, x, x, c.cfg)
			checkThreshold(t, name, net, x, 8)
		})
	}
}

// TestThresholdAfterStop: however a training ends, also in the middle of annealing.
func TestThresholdAfterStop(t *testing.T) {
	x := mixtures(4000, 16)
	fails := errors.New("fails")
	for _, by := range []error{ksparse.ErrStop, fails, context.Canceled} {
		ctx, cancel := context.WithCancel(context.Background())
		net := batchTopK(t, 16, 64, 4, nil)
		_, err := net.Train(ctx, x, x, ksparse.TrainConfig{BatchSize: 64, Recipe: ksparse.Recipe{KStart: 32}, Callback: func(p train.Progress) error {
			if p.Step == 3 {
				cancel()
				if by != context.Canceled {
					return by
				}
			}
			return nil
		}})
		cancel()
		if by != ksparse.ErrStop && !errors.Is(err, by) {
			t.Errorf("%v: error %v", by, err)
		}
		checkThreshold(t, by.Error(), net, x, 4)
	}
	// Weights so large that products overflow give a threshold that is a number.
	wild := batchTopK(t, 16, 64, 4, nil)
	h, err := wild.Train(context.Background(), x, x, ksparse.TrainConfig{BatchSize: 64, Optimizer: train.SGD{}, LearningRate: 1e40})
	if !errors.Is(err, ksparse.ErrDiverged) || h.Steps < 1 {
		t.Fatalf("history %+v, error %v", h, err)
	}
	if v := wild.Layers()[0].(*ksparse.SparseLayer).Thresholds()[0]; !(v >= 0 && v <= math.MaxFloat64) {
		t.Errorf("diverged: the threshold is %v", v)
	}
	net := batchTopK(t, 16, 64, 4, nil)
	failing := &failingSource{Source: sourceOf(t, x), reads: 1024 + 4 + 500, err: fails} // in the second buffer
	if h, err := net.TrainSource(context.Background(), failing, ksparse.TrainConfig{BatchSize: 64, Buffer: 1024}); !errors.Is(err, fails) || h == nil || h.Steps == 0 {
		t.Fatalf("history %+v, error %v", h, err)
	}
	checkThreshold(t, "source", net, x, 4)
}

// failingSource fails after some reads.
type failingSource struct {
	data.Source
	reads int
	err   error
}

// ReadRows counts the reads.
func (s *failingSource) ReadRows(dst []float64, lo, hi int) error {
	if s.reads--; s.reads < 0 {
		return s.err
	}
	return s.Source.ReadRows(dst, lo, hi)
}

// TestValidationByRightThreshold: what is measured after an epoch is the network as it
// would be left then; so the training goes on while it gets better.
func TestValidationByRightThreshold(t *testing.T) {
	all := mixtures(6000, 32)
	x, valid := all.Slice(0, 5000, 0, 32), mat.DenseCopyOf(all.Slice(5000, 6000, 0, 32))
	cfg := ksparse.TrainConfig{Epochs: 6, BatchSize: 512, LearningRate: 0.002, Validation: ksparse.Validation{X: valid, Y: valid, Patience: 1}}
	net := batchTopK(t, 32, 256, 8, nil)
	h := trainOn(t, net, x, x, cfg)
	if h.Stop != train.StopDone {
		t.Errorf("the training stopped after %d epochs: %v", len(h.Epochs), h.Stop)
	}
	for _, ema := range []float64{0, 0.9} {
		for epochs := 1; epochs < 4; epochs++ {
			cfg := cfg
			cfg.Epochs, cfg.EMA = epochs, ema
			net := batchTopK(t, 32, 256, 8, nil)
			h := trainOn(t, net, x, x, cfg)
			loss := squaredErrorByHand(t, net, valid, valid)
			if got := h.Epochs[epochs-1].ValidationLoss; math.Abs(got-loss) > 1e-12*loss {
				t.Errorf("EMA %v, epoch %d: the validation loss is %v, that of the network that is left %v", ema, epochs, got, loss)
			}
		}
	}
}

// TestThresholdsOfStack: each layer that selects from the batch has its own, also below
// other layers.
func TestThresholdsOfStack(t *testing.T) {
	x := mixtures(3000, 16)
	first, second := ksparse.NewSparseLayer("first", 16, 48, 6, ksparse.ReLU), ksparse.NewSparseLayer("second", 24, 40, 3, ksparse.ReLU)
	for _, l := range []*ksparse.SparseLayer{first, second} {
		if err := l.SetSelection(ksparse.SelectBatchTopK); err != nil {
			t.Fatal(err)
		}
	}
	middle, last := ksparse.NewLinearLayer("middle", 48, 24, ksparse.Tanh), ksparse.NewLinearLayer("last", 40, 16, ksparse.Identity)
	net := networkOf(t, first, middle, second, last)
	trainOn(t, net, x, x, ksparse.TrainConfig{Epochs: 2, BatchSize: 128})
	check := func(what string, l0, want float64) {
		if math.Abs(l0-want) > 0.06*want {
			t.Errorf("%s: L0 is %v, want %v", what, l0, want)
		}
	}
	l0, _ := use(t, net, x)
	check("second", l0, 3)
	codes, err := networkFrom(t, first).Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	check("first", codes.L0(), 6)
	if _, err := net.Pretrain(context.Background(), x, ksparse.PretrainConfig{Train: ksparse.TrainConfig{Steps: 20}}); err != nil {
		t.Fatal(err)
	}
	if codes, err = networkFrom(t, first).Encode(x); err != nil {
		t.Fatal(err)
	}
	check("first, pre-trained", codes.L0(), 6)
	l0, _ = use(t, net, x)
	check("second, pre-trained", l0, 3)
}

// networkFrom returns a network that has a copy of one layer's parameters and thresholds.
func networkFrom(t testing.TB, l *ksparse.SparseLayer) *ksparse.Network {
	t.Helper()
	c := ksparse.NewSparseLayer(l.Name(), l.In(), l.Out(), l.K(), l.Activation())
	net := networkOf(t, c)
	c.Weights().Copy(l.Weights())
	c.Biases().CopyVec(l.Biases())
	if err := errors.Join(c.SetSelection(l.Selection()), c.SetThresholds(l.Thresholds()...)); err != nil {
		t.Fatal(err)
	}
	return net
}

// TestTrainerThreshold: a training on batches of one's own learns from the last ones, and
// between steps the threshold is about right, too.
func TestTrainerThreshold(t *testing.T) {
	x := mixtures(6000, 32)
	for _, ema := range []float64{0, 0.999} {
		for _, steps := range []int{1, 40} {
			if testing.Short() && steps > 1 {
				continue // takes long where the processor is emulated
			}
			for _, batch := range []int{100, 1500} {
				net := batchTopK(t, 32, 256, 8, nil)
				trainer, err := ksparse.NewTrainer(net, ksparse.TrainConfig{EMA: ema, LearningRate: 0.002})
				if err != nil {
					t.Fatal(err)
				}
				for i := range steps {
					lo := i * batch % 4500
					part := x.Slice(lo, lo+batch, 0, 32)
					if _, err := trainer.Step(part, part); err != nil {
						t.Fatal(err)
					}
					if l0, _ := use(t, net, x); math.Abs(l0-8) > 2.4 {
						t.Errorf("EMA %v, batches of %d: L0 is %v after step %d", ema, batch, l0, i+1)
					}
				}
				if _, err := trainer.Finish(); err != nil {
					t.Fatal(err)
				}
				if l0, _ := use(t, net, x); math.Abs(l0-8) > 0.5 {
					t.Errorf("EMA %v, batches of %d: L0 is %v after %d steps, want 8", ema, batch, l0, steps)
				}
			}
		}
	}
}

// TestThresholdOfFew: a k of 0 leaves nothing active; where fewer values are positive
// than k, all of them are.
func TestThresholdOfFew(t *testing.T) {
	x := mixtures(500, 16)
	for _, latents := range []int{24, 1500} { // also where encoding screens
		net := batchTopK(t, 16, latents, -1, nil) // none in the end
		trainOn(t, net, x, x, ksparse.TrainConfig{Steps: 3, Recipe: ksparse.Recipe{KStart: 5}})
		if l0, _ := use(t, net, x); l0 != 0 {
			t.Errorf("L0 is %v with k = 0", l0)
		}
	}
	for _, k := range []int{23, 24, 100, math.MaxInt} {
		net := batchTopK(t, 16, 24, k, nil)
		trainOn(t, net, x, x, ksparse.TrainConfig{Steps: 3})
		got, _ := use(t, net, x)
		if err := net.Layers()[0].(*ksparse.SparseLayer).SetThresholds(0); err != nil {
			t.Fatal(err)
		}
		if want, _ := use(t, net, x); got != want {
			t.Errorf("k = %d: L0 is %v, and %v values are positive", k, got, want)
		}
	}
}

// TestThresholdBits: a resumed training, from memory or a stream, learns the thresholds
// of an uninterrupted one, on any number of cores.
func TestThresholdBits(t *testing.T) {
	x := mixtures(2000, 16)
	src := sourceOf(t, x)
	for _, cfg := range []ksparse.TrainConfig{
		{Epochs: 3, BatchSize: 128}, {Epochs: 3, BatchSize: 128, Buffer: 700, MaxNorm: 2}, {Steps: 40, BatchSize: 128, EMA: 0.9},
		{Epochs: 3, BatchSize: 128, Validation: ksparse.Validation{Fraction: 0.1, Patience: 2}},
	} {
		cfg.Seed = 3
		run := func(net *ksparse.Network, cfg ksparse.TrainConfig) *train.History {
			h, err := net.TrainSource(context.Background(), src, cfg)
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		want := batchTopK(t, 16, 64, 4, nil)
		wantHistory := run(want, cfg)
		for _, stop := range []int{1, 16, 21, 32} {
			before := runtime.GOMAXPROCS(1)
			got, part := batchTopK(t, 16, 64, 4, nil), cfg
			part.Checkpoint = ksparse.Checkpoint{File: filepath.Join(t.TempDir(), "checkpoint"), Resume: true}
			part.Callback = func(p train.Progress) error {
				if p.Step == stop {
					return ksparse.ErrStop
				}
				return nil
			}
			run(got, part)
			checkThreshold(t, "stopped", got, x, 4)
			part.Callback = nil
			got = batchTopK(t, 16, 64, 4, func(c *ksparse.Config) { c.Seed = 9 })
			h := run(got, part)
			runtime.GOMAXPROCS(before)
			if !sameNumbers(parameters(got), parameters(want)) {
				t.Errorf("%+v: stopped after step %d and resumed, parameters or thresholds differ", cfg, stop)
			}
			for i, e := range h.Epochs {
				if w := wantHistory.Epochs[i].ValidationLoss; e.ValidationLoss != w && !math.IsNaN(w) {
					t.Errorf("epoch %d: validation loss %v, want %v", i+1, e.ValidationLoss, w)
				}
			}
		}
	}
}

// TestThresholdOfManyRows: it is that of some ten thousand rows, so L0 is right for all rows:
// in memory, of a stream, and of the rows that a Trainer has seen.
func TestThresholdOfManyRows(t *testing.T) {
	const rows, cols, k = 20_000, 16, 4
	x := mixtures(rows, cols)
	check := func(what string, net *ksparse.Network, off float64) {
		t.Helper()
		if l0, _ := use(t, net, x); math.Abs(l0-k) > off*k {
			t.Errorf("%s: L0 is %v, want %v", what, l0, k)
		}
	}
	net := batchTopK(t, cols, 64, k, nil)
	trainOn(t, net, x, x, ksparse.TrainConfig{Steps: 30})
	check("in memory", net, 1e-4)

	net = batchTopK(t, cols, 64, k, nil)
	if _, err := net.TrainSource(context.Background(), sourceOf(t, x), ksparse.TrainConfig{Steps: 30, Buffer: 2000}); err != nil {
		t.Fatal(err)
	}
	check("of a stream", net, 1e-4)

	net = batchTopK(t, cols, 64, k, nil)
	trainer, err := ksparse.NewTrainer(net, ksparse.TrainConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for lo := 0; lo < rows; lo += rows / 10 {
		part := x.Slice(lo, lo+rows/10, 0, cols)
		if _, err := trainer.Step(part, part); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := trainer.Finish(); err != nil {
		t.Fatal(err)
	}
	check("by a Trainer", net, 1e-4)
}
