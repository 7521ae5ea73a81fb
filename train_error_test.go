package ksparse_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

func TestTrainDiverges(t *testing.T) {
	x := uniform(1, 10, 6)
	for _, c := range []struct {
		name string
		cfg  ksparse.TrainConfig
	}{
		{"sgd", ksparse.TrainConfig{Optimizer: train.SGD{}, LearningRate: 1e3}},
		{"far too fast", ksparse.TrainConfig{Optimizer: train.SGD{}, LearningRate: 1e300}},
		{"momentum", ksparse.TrainConfig{Optimizer: train.SGD{Momentum: 0.9}, LearningRate: 1e5, BatchSize: 4}},
		{"adam", ksparse.TrainConfig{LearningRate: math.MaxFloat64}},
		{"clipped", ksparse.TrainConfig{Optimizer: train.SGD{}, LearningRate: 1e200, ClipNorm: 1}},
		{"decayed away", ksparse.TrainConfig{Optimizer: train.SGD{}, LearningRate: 1e6, L2: 1e6}},
		{"a NaN from the schedule", ksparse.TrainConfig{Schedule: rates{1, 1, math.NaN()}}},
		{"an infinity from the schedule", ksparse.TrainConfig{Optimizer: train.SGD{}, Schedule: rates{0.1, math.Inf(1)}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			net := smallNetwork(t)
			c.cfg.Epochs = 1000
			steps := 0
			c.cfg.Callback = func(p train.Progress) error {
				if steps = p.Step; !allFinite(parameters(net)) || math.IsNaN(p.Loss) || math.IsInf(p.Loss, 0) {
					return fmt.Errorf("step %d: loss %v, or a parameter, is not finite", p.Step, p.Loss)
				}
				return nil
			}
			h, err := net.Train(context.Background(), x, x, c.cfg)
			if !errors.Is(err, ksparse.ErrDiverged) {
				t.Fatalf("error %v, want ErrDiverged", err)
			}
			if want := fmt.Sprintf("at step %d:", h.Steps+1); !strings.Contains(err.Error(), want) || h.Steps != steps {
				t.Errorf("after %d steps, %d in the history: the error %q does not say %q", steps, h.Steps, err, want)
			}
			if h.Stop != train.StopDiverged {
				t.Errorf("stopped because of %v", h.Stop)
			}
			if !allFinite(parameters(net)) {
				t.Error("a parameter is not finite")
			}
		})
	}
}

// TestTrainOutputOverflows: Inf - Inf inside the network is ErrDiverged for a loss,
// too, that would otherwise call the NaN an output out of range.
func TestTrainOutputOverflows(t *testing.T) {
	net := networkOf(t, ksparse.NewLinearLayer("huge", 1, 2, ksparse.Identity), ksparse.NewLinearLayer("sum", 2, 1, ksparse.Sigmoid))
	net.Layers()[0].Weights().Copy(mat.NewDense(1, 2, []float64{1e308, -1e308}))
	net.Layers()[1].Weights().Copy(mat.NewDense(2, 1, []float64{1, 1}))
	start := parameters(net)
	x, y := mat.NewDense(1, 1, []float64{1e3}), mat.NewDense(1, 1, []float64{0.5})
	h, err := net.Train(context.Background(), x, y, ksparse.TrainConfig{Loss: ksparse.BinaryCrossEntropy})
	if !errors.Is(err, ksparse.ErrDiverged) || !strings.Contains(err.Error(), "step 1") || h.Stop != train.StopDiverged {
		t.Errorf("error %v, stopped because of %v", err, h.Stop)
	}
	if !sameNumbers(parameters(net), start) {
		t.Error("the network has changed")
	}
}

// rates is a schedule of given factors, the last one for ever.
type rates []float64

func (rates) Validate() error                  { return nil }
func (r rates) Factor(step, steps int) float64 { return r[min(step, len(r)-1)] }

// spoiler is SGD that writes a bad number into the last parameter of pieces of
// the given length, in its third step.
type spoiler struct {
	train.SGD
	length int
	value  float64
}

func (o spoiler) Update(w, g []float64, state [][]float64, rate float64, step int) {
	o.SGD.Update(w, g, state, rate, step)
	if step == 3 && len(w) == o.length {
		w[len(w)-1] = o.value
	}
}

// TestTrainBadOptimizer: what an optimizer spoils is taken back, and the error
// names the step and the layer.
func TestTrainBadOptimizer(t *testing.T) {
	x := uniform(1, 10, 6)
	for _, c := range []struct {
		length, slot int
		layer        string
		value, clip  float64
	}{
		{9 * 6, 0, "", math.NaN(), 0}, // both weight matrices
		{9, 1, "encoder", math.NaN(), 0},
		{6, 3, "decoder", math.Inf(-1), 0},
		{9, 1, "encoder", math.Inf(1), 0.1},
		{6, 3, "decoder", math.NaN(), 0.1},
	} {
		net, two := smallNetwork(t), smallNetwork(t)
		cfg := ksparse.TrainConfig{Epochs: 9, ClipNorm: c.clip, Optimizer: train.SGD{}, Callback: stopAfter(2)}
		trainOn(t, two, x, x, cfg)
		cfg.Optimizer, cfg.Callback = spoiler{length: c.length, value: c.value}, nil
		h, err := net.Train(context.Background(), x, x, cfg)
		if !errors.Is(err, ksparse.ErrDiverged) || !strings.Contains(err.Error(), "step 3") || !strings.Contains(err.Error(), c.layer) {
			t.Errorf("%+v: error %v", c, err)
		}
		if h == nil || h.Steps != 2 || h.Stop != train.StopDiverged {
			t.Errorf("%+v: history %+v", c, h)
		}
		got := parameters(net)
		if !allFinite(got) || !sameBits(got[c.slot], parameters(two)[c.slot]) {
			t.Errorf("%+v: the spoiled parameters are not those before the step", c)
		}
	}
}

// TestTrainBadInput: an error of the right kind that says what was wanted and what
// came, no history, and not a bit of the network changed.
func TestTrainBadInput(t *testing.T) {
	x := uniform(1, 10, 6)
	with := func(i, j int, v float64) *mat.Dense {
		m := mat.DenseCopyOf(x)
		m.Set(i, j, v)
		return m
	}
	third := mat.NewDense(10, 6, nil)
	third.Apply(func(_, _ int, _ float64) float64 { return 1.0 / 6 }, third)
	thirdWith := mat.DenseCopyOf(third)
	thirdWith.Set(3, 2, 0.5)
	nan, inf := math.NaN(), math.Inf(1)
	type config = ksparse.TrainConfig
	for _, c := range []struct {
		name string
		x, y mat.Matrix
		cfg  config
		want error
		says []string
	}{
		{"nil x", nil, x, config{}, ksparse.ErrEmpty, []string{"x is nil"}},
		{"nil y", x, nil, config{}, ksparse.ErrEmpty, []string{"y is nil"}},
		{"x of nil type", (*mat.Dense)(nil), x, config{}, ksparse.ErrEmpty, []string{"x is nil"}},
		{"y of nil type", x, (*ksparse.Codes)(nil), config{}, ksparse.ErrEmpty, []string{"y is nil"}},
		{"empty x", &mat.Dense{}, x, config{}, ksparse.ErrEmpty, []string{"x has no rows", "0 x 0"}},
		{"empty y", x, &mat.Dense{}, config{}, ksparse.ErrEmpty, []string{"y has no rows"}},
		{"x too wide", uniform(1, 10, 7), x, config{}, ksparse.ErrShape, []string{"x has 7 columns", "want 6"}},
		{"y too narrow", x, uniform(1, 10, 5), config{}, ksparse.ErrShape, []string{"y has 5 columns", "want 6"}},
		{"y too short", x, uniform(1, 9, 6), config{}, ksparse.ErrShape, []string{"x has 10 rows", "y has 9"}},
		{"x transposed", x.T(), x, config{}, ksparse.ErrShape, []string{"x has 10 columns", "want 6"}},
		{"NaN in x", with(4, 5, nan), x, config{}, ksparse.ErrNotFinite, []string{"x holds NaN", "row 4", "column 5"}},
		{"Inf in x", with(9, 0, inf), x, config{}, ksparse.ErrNotFinite, []string{"x holds +Inf", "row 9", "column 0"}},
		{"NaN in y", x, with(0, 1, nan), config{}, ksparse.ErrNotFinite, []string{"y holds NaN", "row 0", "column 1"}},
		{"Inf in y", x, with(2, 3, -inf), config{}, ksparse.ErrNotFinite, []string{"y holds -Inf", "row 2", "column 3"}},
		{"NaN in x, transposed view", mat.DenseCopyOf(with(4, 5, nan).T()).T(), x, config{}, ksparse.ErrNotFinite, []string{"row 4", "column 5"}},

		{"y below 0", third, with(1, 2, -0.5), config{Loss: ksparse.BinaryCrossEntropy}, ksparse.ErrRange, []string{"y is -", "0 to 1"}},
		{"y above 1", third, mat.NewDense(10, 6, slices.Repeat([]float64{1.5}, 60)), config{Loss: ksparse.BinaryCrossEntropy}, ksparse.ErrRange, []string{"y is 1.5", "row 0", "column 0", "0 to 1"}},
		{"y sums to more", third, thirdWith, config{Loss: ksparse.SoftmaxCrossEntropy}, ksparse.ErrRange, []string{"y: row 3 sums to 1.3333", "sum to 1"}},
		{"y negative for softmax", third, with(0, 0, -1), config{Loss: ksparse.SoftmaxCrossEntropy}, ksparse.ErrRange, []string{"y is -1", "0 to 1"}},

		{"epochs", x, x, config{Epochs: -1}, ksparse.ErrRange, []string{"Epochs is -1", "or more"}},
		{"batch size", x, x, config{BatchSize: -2}, ksparse.ErrRange, []string{"BatchSize is -2", "or more"}},
		{"loss", x, x, config{Loss: 99}, ksparse.ErrRange, []string{"Loss(99)"}},
		{"patience", x, x, config{Validation: ksparse.Validation{Patience: -3}}, ksparse.ErrRange, []string{"Patience is -3", "or more"}},
		{"learning rate", x, x, config{LearningRate: -0.1}, ksparse.ErrRange, []string{"LearningRate is -0.1", "0 or more"}},
		{"learning rate NaN", x, x, config{LearningRate: nan}, ksparse.ErrRange, []string{"LearningRate is NaN"}},
		{"L1", x, x, config{L1: -1}, ksparse.ErrRange, []string{"L1 is -1"}},
		{"L2", x, x, config{L2: inf}, ksparse.ErrRange, []string{"L2 is +Inf"}},
		{"clipping", x, x, config{ClipNorm: -1}, ksparse.ErrRange, []string{"ClipNorm is -1"}},
		{"min delta", x, x, config{Validation: ksparse.Validation{MinDelta: -1}}, ksparse.ErrRange, []string{"MinDelta is -1"}},
		{"optimizer", x, x, config{Optimizer: train.Adam{Beta1: 2}}, ksparse.ErrRange, []string{"Adam.Beta1 is 2", "< 1"}},
		{"schedule", x, x, config{Schedule: train.StepDecay{}}, ksparse.ErrRange, []string{"StepDecay.Every is 0", "at least 1"}},
		{"fraction below 0", x, x, config{Validation: ksparse.Validation{Fraction: -0.1}}, ksparse.ErrRange, []string{"Validation.Fraction is -0.1", "< 1"}},
		{"fraction 1", x, x, config{Validation: ksparse.Validation{Fraction: 1}}, ksparse.ErrRange, []string{"Validation.Fraction is 1"}},
		{"aux k", x, x, config{Recipe: ksparse.Recipe{AuxK: -1}}, ksparse.ErrRange, []string{"Recipe.AuxK is -1", "or more"}},
		{"aux weight", x, x, config{Recipe: ksparse.Recipe{AuxWeight: -1}}, ksparse.ErrRange, []string{"Recipe.AuxWeight is -1", "or more"}},
		{"aux weight NaN", x, x, config{Recipe: ksparse.Recipe{AuxWeight: nan}}, ksparse.ErrRange, []string{"Recipe.AuxWeight is NaN"}},
		{"dead after", x, x, config{Recipe: ksparse.Recipe{DeadAfter: -5}}, ksparse.ErrRange, []string{"Recipe.DeadAfter is -5", "or more"}},
		{"multi top k", x, x, config{Recipe: ksparse.Recipe{MultiTopK: inf}}, ksparse.ErrRange, []string{"MultiTopK is +Inf"}},
		{"prefix 0", x, x, config{Recipe: ksparse.Recipe{Matryoshka: []int{0, 3}}}, ksparse.ErrRange, []string{"Matryoshka[0] is 0", "at least 1"}},
		{"equal prefixes", x, x, config{Recipe: ksparse.Recipe{Matryoshka: []int{3, 3}}}, ksparse.ErrRange, []string{"Matryoshka[1] is 3 after 3", "grow"}},
		{"falling prefixes", x, x, config{Recipe: ksparse.Recipe{Matryoshka: []int{2, 5, 3}}}, ksparse.ErrRange, []string{"Matryoshka[2] is 3 after 5"}},
		{"k at the start", x, x, config{Recipe: ksparse.Recipe{KStart: -1}}, ksparse.ErrRange, []string{"KStart is -1", "or more"}},
		{"annealing", x, x, config{Recipe: ksparse.Recipe{KStart: 5, KAnneal: 1.5}}, ksparse.ErrRange, []string{"KAnneal is 1.5", "0 to 1"}},
		{"max norm below 1", x, x, config{MaxNorm: 0.5}, ksparse.ErrRange, []string{"MaxNorm is 0.5", "1 or more"}},
		{"max norm NaN", x, x, config{MaxNorm: nan}, ksparse.ErrRange, []string{"MaxNorm is NaN"}},
		{"max norm infinite", x, x, config{MaxNorm: inf}, ksparse.ErrRange, []string{"MaxNorm is +Inf"}},
		{"ema 1", x, x, config{EMA: 1}, ksparse.ErrRange, []string{"EMA is 1", "< 1"}},
		{"ema below 0", x, x, config{EMA: -0.1}, ksparse.ErrRange, []string{"EMA is -0.1"}},
		{"resume from nowhere", x, x, config{Checkpoint: ksparse.Checkpoint{Resume: true}}, ksparse.ErrEmpty, []string{"Checkpoint.Resume", "File"}},
		{"checkpoints to nowhere", x, x, config{Checkpoint: ksparse.Checkpoint{Every: 3}}, ksparse.ErrEmpty, []string{"Checkpoint.Every is 3", "File"}},
		{"checkpoint steps", x, x, config{Checkpoint: ksparse.Checkpoint{File: "f", Every: -1}}, ksparse.ErrRange, []string{"Checkpoint.Every is -1", "or more"}},
		{"buffer", x, x, config{Buffer: -1}, ksparse.ErrRange, []string{"Buffer is -1", "or more"}},
		{"nothing left", uniform(1, 1, 6), uniform(1, 1, 6), config{Validation: ksparse.Validation{Fraction: 0.1}}, ksparse.ErrEmpty, []string{"Validation.Fraction 0.1 of 1"}},

		{"only validation x", x, x, config{Validation: ksparse.Validation{X: x}}, ksparse.ErrEmpty, []string{"Validation.X", "Y", "nil"}},
		{"only validation y", x, x, config{Validation: ksparse.Validation{Y: x}}, ksparse.ErrEmpty, []string{"Validation.X", "Y", "nil"}},
		{"two validations", x, x, config{Validation: ksparse.Validation{X: x, Y: x, Fraction: 0.5}}, ksparse.ErrRange, []string{"Validation", "both X and Fraction"}},
		{"validation shape", x, x, config{Validation: ksparse.Validation{X: uniform(1, 3, 5), Y: x}}, ksparse.ErrShape, []string{"Validation.X has 5 columns", "want 6"}},
		{"validation rows", x, x, config{Validation: ksparse.Validation{X: uniform(1, 3, 6), Y: x}}, ksparse.ErrShape, []string{"Validation.X has 3 rows", "Validation.Y has 10"}},
		{"validation NaN", x, x, config{Validation: ksparse.Validation{X: x, Y: with(1, 1, nan)}}, ksparse.ErrNotFinite, []string{"Validation.Y holds NaN", "row 1"}},
		{"validation probabilities", third, third, config{Loss: ksparse.SoftmaxCrossEntropy, Validation: ksparse.Validation{X: third, Y: thirdWith}}, ksparse.ErrRange, []string{"Validation.Y: row 3 sums to"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			net := smallNetwork(t)
			start := parameters(net)
			h, err := net.Train(context.Background(), c.x, c.y, c.cfg)
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if h != nil {
				t.Errorf("a history, though training never began: %+v", h)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("error %q does not say %q", err, s)
				}
			}
			if !sameNumbers(parameters(net), start) {
				t.Error("the network has changed")
			}
		})
	}
}

// TestTrainLossUndefined: a cross entropy of outputs outside [0, 1] is an error
// once they come, in a step or in the validation.
func TestTrainLossUndefined(t *testing.T) {
	x := uniform(1, 10, 6)
	y := mat.NewDense(10, 6, slices.Repeat([]float64{0.5}, 60))
	net := smallNetwork(t)
	start := parameters(net)
	h, err := net.Train(context.Background(), x, y, ksparse.TrainConfig{Loss: ksparse.BinaryCrossEntropy})
	if !errors.Is(err, ksparse.ErrRange) {
		t.Fatalf("error %v, want ErrRange", err)
	}
	for _, s := range []string{"step 1", "output is ", "0 to 1", "Sigmoid"} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q does not say %q", err, s)
		}
	}
	if n := strings.Count(err.Error(), "ksparse:"); n != 1 {
		t.Errorf("error %q names the package %d times", err, n)
	}
	if h == nil || h.Steps != 0 || h.Stop != train.StopLoss || !sameNumbers(parameters(net), start) {
		t.Errorf("history %+v", h)
	}

	// An output that is its input: 0.5 in training, 2 in the validation.
	line := networkOf(t, ksparse.NewLinearLayer("line", 1, 1, ksparse.Identity))
	line.Layers()[0].Weights().Set(0, 0, 1)
	half := mat.NewDense(1, 1, []float64{0.5})
	h, err = line.Train(context.Background(), half, half, ksparse.TrainConfig{
		Loss:       ksparse.BinaryCrossEntropy,
		Optimizer:  scripted{},
		Validation: ksparse.Validation{X: mat.NewDense(1, 1, []float64{2}), Y: half},
	})
	if !errors.Is(err, ksparse.ErrRange) || h == nil || h.Steps != 1 || h.Stop != train.StopLoss {
		t.Errorf("validation: error %v, history %+v", err, h)
	}
}

// TestTrainValidationOverflows: a validation loss that is NaN or infinite is never
// silent, and an epoch with one is never the best.
func TestTrainValidationOverflows(t *testing.T) {
	x := uniform(1, 10, 6)
	huge := mat.NewDense(2, 6, slices.Repeat([]float64{1e200}, 12)) // its square is infinite
	net := smallNetwork(t)
	h, err := net.Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: 2, Validation: ksparse.Validation{X: huge, Y: huge}})
	if !errors.Is(err, ksparse.ErrDiverged) && !errors.Is(err, ksparse.ErrNotFinite) {
		t.Errorf("error %v, want ErrDiverged or ErrNotFinite; the history says %+v", err, h.Epochs)
	}
	if !allFinite(parameters(net)) {
		t.Error("a parameter is not finite")
	}
}
