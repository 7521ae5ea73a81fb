package ksparse_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// mixedNetwork has dense and sparse layers, two sparse ones in a row, and enough
// of everything that work is shared out: by samples, by latents for a short
// batch, and by pieces of parameters.
func mixedNetwork(t testing.TB) *ksparse.Network {
	return networkOf(t,
		ksparse.NewLinearLayer("in", 10, 64, ksparse.Tanh),
		ksparse.NewSparseLayer("wide", 64, 1100, 30, ksparse.ReLU),
		ksparse.NewSparseLayer("narrow", 1100, 70, 9, ksparse.GELU),
		ksparse.NewLinearLayer("middle", 70, 20, ksparse.Swish),
		ksparse.NewLinearLayer("out", 20, 10, ksparse.Identity))
}

func mixedConfig() ksparse.TrainConfig {
	return ksparse.TrainConfig{Epochs: 2, BatchSize: 48, Optimizer: train.AdamW{}, LearningRate: 0.003,
		Schedule: train.Warmup{Steps: 3, Then: train.CosineDecay{}}, L1: 1e-4, L2: 1e-3, ClipNorm: 0.5, Seed: 5}
}

// TestTrainSameBits: the same seed, data and configuration give the same bits, for
// every GOMAXPROCS, with a callback and validation or without.
func TestTrainSameBits(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	x, valid := uniform(1, 101, 10), uniform(2, 33, 10) // batches of 48, 48, 5
	run := func(procs int, change func(*ksparse.TrainConfig)) [][]float64 {
		runtime.GOMAXPROCS(procs)
		net, cfg := mixedNetwork(t), mixedConfig()
		if change != nil {
			change(&cfg)
		}
		trainOn(t, net, x, x, cfg)
		return parameters(net)
	}
	want := run(2, nil)
	if sameNumbers(want, parameters(mixedNetwork(t))) {
		t.Fatal("nothing was learnt")
	}
	calls := 0
	for _, c := range []struct {
		name   string
		procs  int
		change func(*ksparse.TrainConfig)
		differ bool
	}{
		{"again", 2, nil, false},
		{"one processor", 1, nil, false},
		{"five processors", 5, nil, false},
		{"with validation", 2, func(c *ksparse.TrainConfig) { c.Validation.X, c.Validation.Y = valid, valid }, false},
		{"with patience", 3, func(c *ksparse.TrainConfig) { c.Validation.Patience, c.Validation.X, c.Validation.Y = 9, x, x }, false},
		{"with a callback", 5, func(c *ksparse.TrainConfig) {
			c.Callback = func(train.Progress) error { calls++; return nil }
		}, false},
		{"another seed", 2, func(c *ksparse.TrainConfig) { c.Seed = 6 }, true},
		{"no clipping", 2, func(c *ksparse.TrainConfig) { c.ClipNorm = 0 }, true},
		{"no L1", 2, func(c *ksparse.TrainConfig) { c.L1 = 0 }, true},
		{"no L2", 2, func(c *ksparse.TrainConfig) { c.L2 = 0 }, true},
	} {
		if same := sameNumbers(run(c.procs, c.change), want); same == c.differ {
			t.Errorf("%s: same bits %v, want %v", c.name, same, !c.differ)
		}
	}
	if calls != 6 {
		t.Errorf("%d calls of the callback, want 6", calls)
	}
	// Without clipping the optimizer runs layer by layer on the way back.
	plain := func(c *ksparse.TrainConfig) { c.ClipNorm, c.BatchSize = 0, 7 }
	one := run(1, plain)
	for _, procs := range []int{2, 5} {
		if !sameNumbers(run(procs, plain), one) {
			t.Errorf("without clipping, batches of 7: other bits on %d processors", procs)
		}
	}
}

// TestTrainMatrixTypes: what kind of matrix the samples come in makes no
// difference to a single bit, nor whether y is x or a copy.
func TestTrainMatrixTypes(t *testing.T) {
	x := uniform(1, 21, 6)
	indices, values := make([][]int32, 21), make([][]float64, 21)
	for i := range 21 { // a few entries only, so that they are codes
		for j := range 6 {
			if (i+j)%3 == 0 {
				x.Set(i, j, 0)
				continue
			}
			indices[i], values[i] = append(indices[i], int32(j)), append(values[i], x.At(i, j))
		}
	}
	codes, err := ksparse.NewCodes(6, indices, values)
	if err != nil {
		t.Fatal(err)
	}
	wide := uniform(9, 25, 11)
	strided := wide.Slice(3, 24, 2, 8).(*mat.Dense)
	strided.Copy(x)
	transposed := mat.DenseCopyOf(x.T()).T()
	cfg := ksparse.TrainConfig{Epochs: 3, BatchSize: 4, Validation: ksparse.Validation{Fraction: 0.2}, ClipNorm: 1}
	run := func(x, y mat.Matrix) [][]float64 {
		net := smallNetwork(t)
		trainOn(t, net, x, y, cfg)
		return parameters(net)
	}
	want := run(x, x)
	for _, c := range []struct {
		name string
		x, y mat.Matrix
	}{
		{"a copy as y", x, mat.DenseCopyOf(x)},
		{"transposed", transposed, transposed},
		{"codes", codes, codes},
		{"strided", strided, strided},
		{"strided and dense", strided, x},
		{"dense and codes", x, codes},
	} {
		before := mat.DenseCopyOf(c.x)
		if !sameNumbers(run(c.x, c.y), want) {
			t.Errorf("%s: other bits", c.name)
		}
		if !mat.Equal(before, c.x) {
			t.Errorf("%s: Train changed x", c.name)
		}
	}
	// y as x shifted within one array is not x.
	long := uniform(3, 22, 6)
	head, tail := long.Slice(0, 21, 0, 6), long.Slice(1, 22, 0, 6)
	if !sameNumbers(run(head, tail), run(mat.DenseCopyOf(head), mat.DenseCopyOf(tail))) {
		t.Error("overlapping x and y: other bits")
	}
}

// TestTrainDefaults: the zero configuration is the one that is documented, the
// learning rate for 9 latents among it.
func TestTrainDefaults(t *testing.T) {
	x := uniform(1, 300, 6)
	run := func(cfg ksparse.TrainConfig) (*train.History, [][]float64) {
		net := smallNetwork(t)
		return trainOn(t, net, x, x, cfg), parameters(net)
	}
	h, zero := run(ksparse.TrainConfig{})
	if h.Steps != 20 || len(h.Epochs) != 10 {
		t.Errorf("%d steps, %d epochs, want 20 and 10", h.Steps, len(h.Epochs))
	}
	rate := 2e-4 * math.Sqrt(16384/9.)
	for _, e := range h.Epochs {
		if e.LearningRate != rate || !math.IsNaN(e.ValidationLoss) {
			t.Errorf("epoch %d: learning rate %v, validation loss %v; want %v, NaN", e.Epoch, e.LearningRate, e.ValidationLoss, rate)
		}
	}
	if first, last := h.Epochs[0].TrainLoss, h.Epochs[9].TrainLoss; !(last < first) {
		t.Errorf("the loss goes from %v to %v", first, last)
	}
	_, explicit := run(ksparse.TrainConfig{Epochs: 10, BatchSize: 256, Loss: ksparse.SquaredError, Optimizer: train.Adam{},
		LearningRate: rate, Schedule: train.ConstantRate{}})
	if !sameNumbers(zero, explicit) {
		t.Error("the zero configuration is not the documented default")
	}
}

// TestTrainDefaultRate: the rate of Adam and AdamW goes with 1/sqrt(latents) of the
// last sparse layer, 2e-4 at 2¹⁴ of them; others have a fixed one.
func TestTrainDefaultRate(t *testing.T) {
	sparse := func(latents ...int) *ksparse.Network {
		var layers []ksparse.Layer
		in := 2
		for _, n := range latents {
			layers = append(layers, ksparse.NewSparseLayer("sparse", in, n, 1, ksparse.ReLU))
			in = n
		}
		return networkOf(t, append(layers, ksparse.NewLinearLayer("out", in, 2, ksparse.Identity))...)
	}
	x := uniform(1, 3, 2)
	for _, c := range []struct {
		net       *ksparse.Network
		optimizer train.Optimizer
		given     float64
		want      float64
	}{
		{sparse(16384), nil, 0, 2e-4},
		{sparse(4096), train.Adam{Beta1: 0.5}, 0, 4e-4},
		{sparse(64), &train.AdamW{}, 0, 3.2e-3},
		{sparse(64), train.AdamW{}, 0.5, 0.5},
		{sparse(16384, 256), &train.Adam{}, 0, 1.6e-3},
		{sparse(64), train.SGD{}, 0, 0.01},
		{sparse(64), train.RMSProp{}, 0, 0.001},
		{sparse(), nil, 0, 0.001},
	} {
		h := trainOn(t, c.net, x, x, ksparse.TrainConfig{Epochs: 1, Optimizer: c.optimizer, LearningRate: c.given})
		if got := h.Epochs[0].LearningRate; !(math.Abs(got-c.want) <= 1e-15*c.want) {
			t.Errorf("%T, layers %v: rate %v, want %v", c.optimizer, len(c.net.Layers()), got, c.want)
		}
	}
}

func TestTrainBatchLargerThanTheData(t *testing.T) {
	x := uniform(1, 13, 6)
	run := func(size int) (*train.History, [][]float64) {
		net := smallNetwork(t)
		return trainOn(t, net, x, x, ksparse.TrainConfig{Epochs: 4, BatchSize: size, Callback: func(p train.Progress) error {
			if p.Steps != 4 || !p.EpochEnd {
				t.Errorf("batches of %d: %d steps announced, the epoch's end: %v", size, p.Steps, p.EpochEnd)
			}
			return nil
		}}), parameters(net)
	}
	h, large := run(math.MaxInt)
	_, exact := run(13)
	if h.Steps != 4 || !sameNumbers(large, exact) {
		t.Errorf("%d steps, want 4; the bits of batches of 13: %v", h.Steps, sameNumbers(large, exact))
	}
}

// TestTrainOneOfEach: one row, one column, one latent.
func TestTrainOneOfEach(t *testing.T) {
	x := mat.NewDense(1, 1, []float64{0.75})
	net := networkOf(t, ksparse.NewSparseLayer("encoder", 1, 1, 1, ksparse.Identity), ksparse.NewLinearLayer("decoder", 1, 1, ksparse.Identity))
	h := trainOn(t, net, x, x, ksparse.TrainConfig{Epochs: 300, LearningRate: 0.05, Optimizer: train.SGD{}})
	if h.Steps != 300 || !(h.Epochs[299].TrainLoss < 1e-12) {
		t.Errorf("%d steps, loss %v after them", h.Steps, h.Epochs[299].TrainLoss)
	}
	// One row of many columns, a column of many rows.
	row := uniform(1, 1, 6)
	if h := trainOn(t, smallNetwork(t), row, row, ksparse.TrainConfig{Epochs: 3}); h.Steps != 3 {
		t.Errorf("one row: %d steps, want 3", h.Steps)
	}
	column := mat.NewVecDense(9, []float64{-4, -3, -2, -1, 0, 1, 2, 3, 4})
	line := networkOf(t, ksparse.NewLinearLayer("line", 1, 1, ksparse.Identity))
	y := mat.NewVecDense(9, nil)
	y.ScaleVec(-2, column)
	trainOn(t, line, column, y, ksparse.TrainConfig{Epochs: 200, BatchSize: 2, Optimizer: train.SGD{}, LearningRate: 0.02})
	if w, b := line.Layers()[0].Weights().At(0, 0), line.Layers()[0].Biases().AtVec(0); !(math.Abs(w+2) < 1e-6 && math.Abs(b) < 1e-6) {
		t.Errorf("y = %v x + %v, want y = -2 x", w, b)
	}
}

// TestTrainNoneActive: a training in which a layer would have no active latent is refused,
// and one whose last layer gets there from a KStart is not.
func TestTrainNoneActive(t *testing.T) {
	x := uniform(1, 10, 6)
	stack := func(k1, k2 int) *ksparse.Network {
		return networkOf(t, ksparse.NewSparseLayer("first", 6, 9, k1, ksparse.ReLU), ksparse.NewSparseLayer("second", 9, 8, k2, ksparse.ReLU), ksparse.NewLinearLayer("decoder", 8, 6, ksparse.Identity))
	}
	for _, c := range []struct {
		k1, k2, start int
		says          string // "" is a training
	}{
		{0, 2, 0, `layer "first" has k = 0`}, {2, 0, 0, `layer "second" has k = 0`}, {0, 2, 3, `layer "first" has k = 0`}, {2, 0, 3, ""}, {2, 2, 0, ""},
	} {
		cfg := ksparse.TrainConfig{Steps: 8, BatchSize: 5, Recipe: ksparse.Recipe{KStart: c.start}}
		_, train := stack(c.k1, c.k2).Train(t.Context(), x, x, cfg)
		_, trainer := ksparse.NewTrainer(stack(c.k1, c.k2), cfg)
		for what, err := range map[string]error{"Train": train, "NewTrainer": trainer} {
			if c.says == "" && err != nil || c.says != "" && (!errors.Is(err, ksparse.ErrRange) || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%s with k = %d and %d, KStart %d: error %v, want %q", what, c.k1, c.k2, c.start, err, c.says)
			}
		}
	}
	histories, err := stack(2, 0).Pretrain(t.Context(), x, ksparse.PretrainConfig{Train: ksparse.TrainConfig{Steps: 1}})
	if len(histories) > 0 || !errors.Is(err, ksparse.ErrRange) || !strings.Contains(err.Error(), `layer "second" has k = 0`) {
		t.Errorf("Pretrain: %d histories, error %v", len(histories), err)
	}
}

// TestTrainAllActive: k = Out and any larger k are one network, the dense one.
func TestTrainAllActive(t *testing.T) {
	x, cfg := uniform(1, 20, 6), ksparse.TrainConfig{Epochs: 5, BatchSize: 6, Optimizer: train.SGD{Momentum: 0.9}, LearningRate: 0.01}
	run := func(k int) [][]float64 {
		net := networkOf(t, ksparse.NewSparseLayer("encoder", 6, 9, k, ksparse.Tanh), ksparse.NewLinearLayer("decoder", 9, 6, ksparse.Identity))
		trainOn(t, net, x, x, cfg)
		return parameters(net)
	}
	all := run(9)
	if !sameNumbers(run(16), all) {
		t.Error("k = 16 of 9 latents gives other bits than k = 9")
	}
	first := networkOf(t, ksparse.NewSparseLayer("encoder", 6, 9, 9, ksparse.Tanh), ksparse.NewLinearLayer("decoder", 9, 6, ksparse.Identity))
	dense := networkOf(t, ksparse.NewLinearLayer("encoder", 6, 9, ksparse.Tanh), ksparse.NewLinearLayer("decoder", 9, 6, ksparse.Identity))
	dense.Layers()[0].Weights().Copy(first.Layers()[0].Weights().T())
	dense.Layers()[1].Weights().Copy(first.Layers()[1].Weights())
	trainOn(t, dense, x, x, cfg)
	// 20 steps of sums in another order.
	within(t, "encoder", dense.Layers()[0].Weights().T(), mat.NewDense(9, 6, all[0]), 1e-13)
	within(t, "encoder biases", dense.Layers()[0].Biases(), mat.NewVecDense(9, all[1]), 1e-13)
	within(t, "decoder", dense.Layers()[1].Weights(), mat.NewDense(9, 6, all[2]), 1e-13)
	within(t, "decoder biases", dense.Layers()[1].Biases(), mat.NewVecDense(6, all[3]), 1e-13)
}

// TestTrainBesideOthers: networks train, with one optimizer for all, while others
// predict. Each gets the bits that it gets alone.
func TestTrainBesideOthers(t *testing.T) {
	x, other := uniform(1, 60, 6), smallNetwork(t)
	cfg := ksparse.TrainConfig{Epochs: 10, BatchSize: 7, Optimizer: &train.Adam{}, Validation: ksparse.Validation{Fraction: 0.1}, ClipNorm: 1}
	alone := smallNetwork(t)
	trainOn(t, alone, x, x, cfg)
	want := parameters(alone)
	predicted, err := other.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 3 {
		net := smallNetwork(t)
		group.Add(2)
		go func() {
			defer group.Done()
			if _, err := net.Train(context.Background(), x, x, cfg); err != nil || !sameNumbers(parameters(net), want) {
				t.Errorf("beside others, training gives other bits, error %v", err)
			}
		}()
		go func() {
			defer group.Done()
			for range 20 {
				if got, err := other.Predict(x); err != nil || !mat.Equal(got, predicted) {
					t.Errorf("beside trainings, Predict gives other numbers, error %v", err)
				}
			}
		}()
	}
	group.Wait()
}
