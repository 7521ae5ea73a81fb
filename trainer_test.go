package ksparse_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

func newTrainer(t testing.TB, n *ksparse.Network, cfg ksparse.TrainConfig) *ksparse.Trainer {
	t.Helper()
	trainer, err := ksparse.NewTrainer(n, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return trainer
}

func step(t testing.TB, trainer *ksparse.Trainer, x, y mat.Matrix) train.Progress {
	t.Helper()
	p, err := trainer.Step(x, y)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTrainerIsTrain: steps on the batches that Train would make give its bits. All
// samples are the same here, so their order does not matter.
func TestTrainerIsTrain(t *testing.T) {
	x, y, valid := mat.NewDense(8, 6, nil), mat.NewDense(8, 6, nil), uniform(3, 5, 6)
	for i := range 8 {
		x.SetRow(i, uniform(1, 1, 6).RawRowView(0))
		y.SetRow(i, uniform(2, 1, 6).RawRowView(0))
	}
	const steps = 12
	for name, c := range map[string]struct {
		net func(testing.TB) *ksparse.Network
		cfg ksparse.TrainConfig
	}{
		"plain":      {smallNetwork, ksparse.TrainConfig{}},
		"schedule":   {smallNetwork, ksparse.TrainConfig{Schedule: train.Warmup{Steps: 3, Then: train.LinearDecay{}}, ClipNorm: 0.1, L1: 1e-3, L2: 1e-3}},
		"averages":   {smallNetwork, ksparse.TrainConfig{EMA: 0.7, Optimizer: train.SGD{Momentum: 0.9}}},
		"validation": {smallNetwork, ksparse.TrainConfig{EMA: 0.7, Validation: ksparse.Validation{X: valid, Y: valid}}},
		"recipe":     {smallNetwork, ksparse.TrainConfig{Recipe: ksparse.Recipe{UnitNorm: true, MultiTopK: 0.125, KStart: 6, KAnneal: 0.7}}},
		"batch":      {modelOf(ksparse.Config{Classic: true, PreBias: true, Tied: true, Selection: ksparse.SelectBatchTopK}), ksparse.TrainConfig{}},
		"deep":       {deepNetworkOfSix, ksparse.TrainConfig{}},
	} {
		one, other := c.net(t), c.net(t)
		c.cfg.Steps = steps
		trainer := newTrainer(t, one, c.cfg)
		for i := range steps {
			p := step(t, trainer, x, y)
			if p.Step != i+1 || p.Steps != steps || p.Epoch != 1 || p.Epochs != 1 || p.EpochEnd != (i == steps-1) {
				t.Errorf("%s, step %d: %+v", name, i+1, p)
			}
		}
		got, err := trainer.Finish()
		if err != nil {
			t.Fatal(err)
		}
		c.cfg.Epochs = steps // of one step each
		want := trainOn(t, other, x, y, c.cfg)
		if !sameNumbers(parameters(one), parameters(other)) {
			t.Errorf("%s: other bits than those of Train", name)
		}
		if got.Steps != steps || len(got.Epochs) != 1 || got.BestEpoch != 1 || got.Stop != train.StopDone {
			t.Errorf("%s: history %+v", name, got)
		}
		e, loss := got.Epochs[0], 0.0
		for _, w := range want.Epochs {
			loss += w.TrainLoss / steps
		}
		last := want.Epochs[steps-1]
		if !(math.Abs(e.TrainLoss-loss) <= 1e-14*loss) || e.LearningRate != last.LearningRate {
			t.Errorf("%s: loss %v at the rate %v, want %v at %v", name, e.TrainLoss, e.LearningRate, loss, last.LearningRate)
		}
		if e.ValidationLoss != last.ValidationLoss && !(math.IsNaN(e.ValidationLoss) && math.IsNaN(last.ValidationLoss)) {
			t.Errorf("%s: validation loss %v, want %v", name, e.ValidationLoss, last.ValidationLoss)
		}
	}
}

func deepNetworkOfSix(t testing.TB) *ksparse.Network {
	return networkOf(t, ksparse.NewSparseLayer("s", 6, 9, 3, ksparse.Tanh),
		ksparse.NewLinearLayer("a", 9, 5, ksparse.Tanh), ksparse.NewLinearLayer("b", 5, 6, ksparse.Identity))
}

// TestTrainerStepIsTheGradient: a step of plain SGD is the gradient that Backprop gives,
// for batches of any sizes.
func TestTrainerStepIsTheGradient(t *testing.T) {
	const rate = 0.05
	net := smallNetwork(t)
	trainer := newTrainer(t, net, ksparse.TrainConfig{Optimizer: train.SGD{}, LearningRate: rate})
	for i, rows := range []int{7, 1, 300, 7} {
		x, y := uniform(uint64(i), rows, 6), uniform(uint64(9+i), rows, 6)
		pass, err := net.Forward(x)
		if err != nil {
			t.Fatal(err)
		}
		g, err := net.Backprop(pass, y, ksparse.SquaredError)
		if err != nil {
			t.Fatal(err)
		}
		want := parameters(net)
		for l := range net.Layers() {
			for j, v := range g.Weights(l).RawMatrix().Data {
				want[2*l][j] -= rate * v
			}
			for j, v := range g.Biases(l).RawVector().Data {
				want[2*l+1][j] -= rate * v
			}
		}
		p := step(t, trainer, x, y)
		if !closeNumbers(parameters(net), want, 1e-13) || !(math.Abs(p.Loss-g.Loss()) <= 1e-13*g.Loss()) {
			t.Errorf("a batch of %d: another step than the gradient's, or the loss %v is not %v", rows, p.Loss, g.Loss())
		}
		if p.Steps != 0 || p.EpochEnd || p.LearningRate != rate {
			t.Errorf("a batch of %d: %+v", rows, p)
		}
	}
}

// TestTrainerFVU: relative to the variance of the first batch.
func TestTrainerFVU(t *testing.T) {
	trainer := newTrainer(t, smallNetwork(t), ksparse.TrainConfig{})
	y := mat.NewDense(4, 6, nil)
	for i := range 4 {
		y.Set(i, 0, float64(i)) // a variance of 1.25
	}
	for range 2 {
		if p := step(t, trainer, uniform(1, 4, 6), y); !(math.Abs(p.FVU-p.Loss/1.25) <= 1e-14*p.FVU) {
			t.Errorf("FVU is %v, want %v", p.FVU, p.Loss/1.25)
		}
		y.Scale(3, y)
	}
}

func TestNewTrainerErrors(t *testing.T) {
	x := uniform(1, 10, 6)
	type config = ksparse.TrainConfig
	narrow, err := ksparse.New(ksparse.Config{Classic: true, Encoder: ksparse.Weights{Rows: 9, Cols: 6, Float32: make([]float32, 54)}, Tied: true, K: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		net  *ksparse.Network
		cfg  config
		want error
		says string
	}{
		{nil, config{}, ksparse.ErrEmpty, "nil network"},
		{narrow, config{}, ksparse.ErrFrozen, "Widen"},
		{smallNetwork(t), config{Steps: -1}, ksparse.ErrRange, "TrainConfig.Steps is -1"},
		{smallNetwork(t), config{MaxNorm: 2}, ksparse.ErrRange, "TrainConfig.MaxNorm is for Train and TrainSource"},
		{smallNetwork(t), config{Validation: ksparse.Validation{Fraction: 0.5}}, ksparse.ErrRange, "Validation.Fraction"},
		{smallNetwork(t), config{Validation: ksparse.Validation{Patience: 2}}, ksparse.ErrRange, "Validation.Patience"},
		{smallNetwork(t), config{Checkpoint: ksparse.Checkpoint{File: "x"}}, ksparse.ErrRange, "Checkpoint.File"},
		{smallNetwork(t), config{Schedule: train.CosineDecay{}}, ksparse.ErrRange, "TrainConfig.Steps is 0"},
		{smallNetwork(t), config{Recipe: ksparse.Recipe{KStart: 4}}, ksparse.ErrRange, "TrainConfig.Steps is 0"},
		{smallNetwork(t), config{Recipe: ksparse.Recipe{KStart: 1}, Steps: 5}, ksparse.ErrRange, "KStart is 1"},
		{smallNetwork(t), config{Validation: ksparse.Validation{X: x, Y: uniform(1, 10, 5)}}, ksparse.ErrShape, "Validation.Y has 5 columns"},
	} {
		if trainer, err := ksparse.NewTrainer(c.net, c.cfg); trainer != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("error is %v, want %v with %q", err, c.want, c.says)
		}
	}
	newTrainer(t, smallNetwork(t), config{Schedule: train.ConstantRate{}, Epochs: 3, BatchSize: 5, Seed: 6, Buffer: 7})
}

// TestTrainerBadBatch: the error leaves everything as it was.
func TestTrainerBadBatch(t *testing.T) {
	x := uniform(1, 10, 6)
	nan := mat.DenseCopyOf(x)
	nan.Set(3, 2, math.NaN())
	one, other := smallNetwork(t), smallNetwork(t)
	trainer, undisturbed := newTrainer(t, one, ksparse.TrainConfig{}), newTrainer(t, other, ksparse.TrainConfig{})
	for range 2 {
		for _, c := range []struct {
			x, y mat.Matrix
			want error
			says string
		}{
			{nil, x, ksparse.ErrEmpty, "x is nil"}, {x, &mat.Dense{}, ksparse.ErrEmpty, "y has no rows"}, {uniform(1, 10, 7), x, ksparse.ErrShape, "x has 7 columns"},
			{x, uniform(1, 9, 6), ksparse.ErrShape, "y has 9"}, {nan, x, ksparse.ErrNotFinite, "x holds NaN at row 3, column 2"}, {x, nan, ksparse.ErrNotFinite, "y holds NaN"},
		} {
			if _, err := trainer.Step(c.x, c.y); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error is %v, want %v with %q", err, c.want, c.says)
			}
		}
		step(t, trainer, x, x)
		step(t, undisturbed, x, x)
		if !sameNumbers(parameters(one), parameters(other)) {
			t.Error("a batch that was refused changed the training")
		}
	}
	if h, err := trainer.Finish(); err != nil || h.Steps != 2 {
		t.Errorf("%+v, %v", h, err)
	}
}

// TestTrainerEnds: after all steps, after Finish, after what the callback returns and
// after a divergence there is no further step.
func TestTrainerEnds(t *testing.T) {
	x := uniform(1, 10, 6)
	own := errors.New("own")
	callback := func(at int, err error) func(train.Progress) error {
		return func(p train.Progress) error {
			if p.Step == at {
				return err
			}
			return nil
		}
	}
	for name, c := range map[string]struct {
		cfg   ksparse.TrainConfig
		steps int   // that are taken
		at    error // of the last one
		after error // of the next
		stop  train.StopReason
	}{
		"all steps": {ksparse.TrainConfig{Steps: 3}, 3, nil, ksparse.ErrRange, train.StopDone},
		"stop":      {ksparse.TrainConfig{Callback: callback(2, ksparse.ErrStop)}, 2, nil, ksparse.ErrStop, train.StopCallback},
		"own error": {ksparse.TrainConfig{Callback: callback(2, own)}, 2, own, own, train.StopCallback},
		"diverged":  {ksparse.TrainConfig{Schedule: rates{1, 1, math.NaN()}, Steps: 9}, 2, nil, ksparse.ErrDiverged, train.StopDiverged},
	} {
		net := smallNetwork(t)
		trainer := newTrainer(t, net, c.cfg)
		for i := range c.steps {
			want := c.at
			if i < c.steps-1 {
				want = nil
			}
			if p, err := trainer.Step(x, x); !errors.Is(err, want) || p.Step != i+1 {
				t.Errorf("%s: step %d: error %v, want %v", name, i+1, err, want)
			}
		}
		for range 2 {
			if _, err := trainer.Step(x, x); !errors.Is(err, c.after) {
				t.Errorf("%s: the next step returns %v, want %v", name, err, c.after)
			}
		}
		before := parameters(net)
		if h, err := trainer.Finish(); err != nil || h.Steps != c.steps || h.Stop != c.stop || !sameNumbers(parameters(net), before) || !allFinite(before) {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
		if _, err := trainer.Step(x, x); err == nil {
			t.Errorf("%s: a step after Finish", name)
		}
	}
}

// TestTrainerFinish: the averages are left in place once, and a training without a step
// leaves the network as it was.
func TestTrainerFinish(t *testing.T) {
	x := uniform(1, 10, 6)
	net := smallNetwork(t)
	trainer := newTrainer(t, net, ksparse.TrainConfig{EMA: 0.5, LearningRate: 0.1})
	step(t, trainer, x, x)
	first := parameters(net)
	step(t, trainer, x, x)
	want := parameters(net)
	for i := range want {
		for j := range want[i] {
			want[i][j] = 0.5*first[i][j] + 0.5*want[i][j]
		}
	}
	for range 2 {
		if h, err := trainer.Finish(); err != nil || h.Steps != 2 || len(h.Epochs) != 1 || !closeNumbers(parameters(net), want, 1e-15) {
			t.Errorf("%+v, %v: the averages are not left, or not once", h, err)
		}
	}

	batch := modelOf(ksparse.Config{Classic: true, Selection: ksparse.SelectBatchTopK})(t)
	before := parameters(batch)
	h, err := newTrainer(t, batch, ksparse.TrainConfig{EMA: 0.5}).Finish()
	if err != nil || h.Steps != 0 || len(h.Epochs) != 0 || !sameNumbers(parameters(batch), before) {
		t.Errorf("without a step: %+v, %v, or the network has changed", h, err)
	}
	if _, err := batch.Encode(x); !errors.Is(err, ksparse.ErrUnset) {
		t.Errorf("without a step: Encode returns %v, want ErrUnset", err)
	}
	if _, err := batch.Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: 1}); err != nil {
		t.Error(err)
	}
}
