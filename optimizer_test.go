package ksparse_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// trainingGolden is testdata/pytorch_training.json: what PyTorch computed. The
// script of the same name beside it writes it.
type trainingGolden struct {
	Optimizers []struct {
		Kind      string
		Settings  json.RawMessage // fields of the optimizer
		Rate      float64
		Start     []float64
		Gradients [][]float64 // step by step
		Want      [][]float64 // the parameters after each step
	}
	Schedules []struct {
		Kind          string
		Settings      json.RawMessage
		Steps, Warmup int
		Want          []float64
	}
	Trainings []goldenTraining
}

func readTrainingGolden(t *testing.T) trainingGolden {
	t.Helper()
	data, err := os.ReadFile("testdata/pytorch_training.json")
	if err != nil {
		t.Fatal(err)
	}
	var g trainingGolden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// fromSettings decodes the fields of a T, and fails on one that T does not have.
func fromSettings[T any](t *testing.T, settings json.RawMessage) T {
	t.Helper()
	var v T
	if len(settings) == 0 {
		return v
	}
	d := json.NewDecoder(bytes.NewReader(settings))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func optimizerNamed(t *testing.T, kind string, settings json.RawMessage) ksparse.Optimizer {
	t.Helper()
	switch kind {
	case "SGD":
		return fromSettings[ksparse.SGD](t, settings)
	case "RMSProp":
		return fromSettings[ksparse.RMSProp](t, settings)
	case "AdaGrad":
		return fromSettings[ksparse.AdaGrad](t, settings)
	case "Adam":
		return fromSettings[ksparse.Adam](t, settings)
	case "AdamW":
		return fromSettings[ksparse.AdamW](t, settings)
	}
	t.Fatalf("unknown optimizer %q", kind)
	return nil
}

// zeroState returns what an optimizer needs before its first step.
func zeroState(o ksparse.Optimizer, n int) [][]float64 {
	state := make([][]float64, o.Slots())
	for i := range state {
		state[i] = make([]float64, n)
	}
	return state
}

// TestOptimizerByHand follows one parameter that starts at 1. The numbers were
// worked out from the textbook formulas, with settings that keep them short: an
// Epsilon of 1 would show if it stood in the wrong place.
func TestOptimizerByHand(t *testing.T) {
	for _, c := range []struct {
		name      string
		optimizer ksparse.Optimizer
		rate      float64
		gradients []float64
		want      []float64
	}{
		// 1 - 0.1·0.5; 0.95 - 0.1·(-2).
		{"sgd", ksparse.SGD{}, 0.1, []float64{0.5, -2, 0}, []float64{0.95, 1.15, 1.15}},
		// v = 2, 0.5·2+4 = 5, 0.5·5+0 = 2.5; w falls by a tenth of it.
		{"momentum", ksparse.SGD{Momentum: 0.5}, 0.1, []float64{2, 4, 0}, []float64{0.8, 0.3, 0.05}},
		// The same v; w falls by a tenth of g + v/2 = 3, 6.5, 1.25.
		{"nesterov", ksparse.SGD{Momentum: 0.5, Nesterov: true}, 0.1, []float64{2, 4, 0}, []float64{0.7, 0.05, -0.075}},
		// s = 4/4 = 1, 3/4+1/4 = 1, 3/4; w falls by 0.5·2/(1+1), 0.5·1/(1+1), 0.
		{"rmsprop", ksparse.RMSProp{Decay: 0.75, Epsilon: 1}, 0.5, []float64{2, 1, 0}, []float64{0.5, 0.25, 0.25}},
		// s = 9, 25, 169; w falls by 0.5·3/(3+1) = 3/8, -0.5·4/(5+1) = -1/3, 0.5·12/(13+1) = 3/7.
		{"adagrad", ksparse.AdaGrad{Epsilon: 1}, 0.5, []float64{3, -4, 12}, []float64{0.625, 0.9583333333333333, 0.5297619047619048}},
		// m = 1, 1.5, 0.75 and m/(1-Beta1^t) = 1/0.5 = 2, 1.5/0.75 = 2, 0.75/0.875 = 6/7;
		// v = 1, 1.75, 1.3125 and v/(1-Beta2^t) = 1/0.25 = 4, 1.75/0.4375 = 4, 1.3125/0.578125 = 84/37;
		// w falls by 0.1·2/(2+1) = 1/15 twice, then by 0.1·(6/7)/(sqrt(84/37)+1) = 0.034193506612.
		{"adam", ksparse.Adam{Beta1: 0.5, Beta2: 0.75, Epsilon: 1}, 0.1, []float64{2, 2, 0},
			[]float64{0.9333333333333333, 0.8666666666666667, 0.8324731600543893}},
		// 1-0.1·0.5 = 0.95: 0.95·1 - 1/15, then 0.95·0.88333 - 1/15 = 0.7725.
		{"adamw", ksparse.AdamW{Beta1: 0.5, Beta2: 0.75, Epsilon: 1, WeightDecay: 0.5}, 0.1, []float64{2, 2},
			[]float64{0.8833333333333333, 0.7725}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, state := []float64{1}, zeroState(c.optimizer, 1)
			for i, g := range c.gradients {
				c.optimizer.Update(w, []float64{g}, state, c.rate, i+1)
				// A handful of operations on numbers near 1, half an ulp (1.1e-16) each.
				if !(math.Abs(w[0]-c.want[i]) <= 2e-15) {
					t.Errorf("step %d: got %.17g, want %.17g", i+1, w[0], c.want[i])
				}
			}
		})
	}
}

// TestOptimizerPyTorch: six steps of five parameters.
func TestOptimizerPyTorch(t *testing.T) {
	// Some ten operations per step and parameter, half an ulp (1.1e-16) each, of
	// numbers up to the largest parameter, and PyTorch's as many.
	const tolerance = 6 * 2 * 10 * 1.1e-16
	seen := map[string]int{}
	for _, c := range readTrainingGolden(t).Optimizers {
		o := optimizerNamed(t, c.Kind, c.Settings)
		seen[c.Kind]++
		if err := o.Validate(); err != nil {
			t.Errorf("%s %s: %v", c.Kind, c.Settings, err)
		}
		w, state := slices.Clone(c.Start), zeroState(o, len(c.Start))
		for i, g := range c.Gradients {
			o.Update(w, g, state, c.Rate, i+1)
			for j, want := range c.Want[i] {
				if !(math.Abs(w[j]-want) <= tolerance*max(1, math.Abs(want))) {
					t.Errorf("%s %s: parameter %d after step %d is %.17g, want %.17g", c.Kind, c.Settings, j, i+1, w[j], want)
				}
			}
		}
	}
	for _, kind := range []string{"SGD", "RMSProp", "AdaGrad", "Adam", "AdamW"} {
		if seen[kind] < 2 {
			t.Errorf("%d cases of %s, want 2 or more", seen[kind], kind)
		}
	}
}

var everyOptimizer = []struct {
	name      string
	optimizer ksparse.Optimizer
	slots     int
	rate      float64 // by default
}{
	{"sgd", ksparse.SGD{}, 0, 0.01},
	{"momentum", ksparse.SGD{Momentum: 0.9}, 1, 0.01},
	{"nesterov", ksparse.SGD{Momentum: 0.9, Nesterov: true}, 1, 0.01},
	{"rmsprop", ksparse.RMSProp{}, 1, 0.001},
	{"adagrad", ksparse.AdaGrad{}, 1, 0.01},
	{"adam", ksparse.Adam{}, 2, 0.001},
	{"adamw", ksparse.AdamW{}, 2, 0.001},
}

func TestOptimizerSlotsAndDefaultRates(t *testing.T) {
	for _, c := range everyOptimizer {
		if got := c.optimizer.Slots(); got != c.slots {
			t.Errorf("%s: %d slots, want %d", c.name, got, c.slots)
		}
		if got := c.optimizer.DefaultRate(); got != c.rate {
			t.Errorf("%s: default rate %v, want %v", c.name, got, c.rate)
		}
	}
}

// manySteps runs o for some steps on n parameters, handed over in pieces of the
// given size, and returns the parameters and all of the state.
func manySteps(o ksparse.Optimizer, n, piece, steps int) [][]float64 {
	w, g, state := make([]float64, n), make([]float64, n), zeroState(o, n)
	for j := range w {
		w[j] = math.Sin(float64(j))
	}
	for step := 1; step <= steps; step++ {
		for j := range g {
			g[j] = math.Cos(float64(step*n+j)) * math.Exp2(float64(j%20-10))
		}
		for lo := 0; lo < n; lo += piece {
			hi := min(lo+piece, n)
			var part [][]float64
			for _, s := range state {
				part = append(part, s[lo:hi])
			}
			o.Update(w[lo:hi], g[lo:hi], part, 0.02, step)
		}
	}
	return append(state, w)
}

func sameBits(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

// TestOptimizerPieces: a parameter's way does not depend on which other ones are
// updated by the same call.
func TestOptimizerPieces(t *testing.T) {
	const n = 61
	for _, c := range everyOptimizer {
		whole := manySteps(c.optimizer, n, n, 5)
		for _, piece := range []int{1, 2, 3, 8, 16, 33, n - 1} {
			for i, got := range manySteps(c.optimizer, n, piece, 5) {
				if !sameBits(got, whole[i]) {
					t.Errorf("%s: slice %d after pieces of %d differs from that of the whole", c.name, i, piece)
				}
			}
		}
	}
}

// TestOptimizerDefaults: a zero field and its documented default are the same.
func TestOptimizerDefaults(t *testing.T) {
	for _, c := range []struct{ zero, explicit, other ksparse.Optimizer }{
		{ksparse.SGD{}, ksparse.SGD{Momentum: 0}, ksparse.SGD{Momentum: 0.1}},
		{ksparse.RMSProp{}, ksparse.RMSProp{Decay: 0.99, Epsilon: 1e-8}, ksparse.RMSProp{Decay: 0.98}},
		{ksparse.AdaGrad{}, ksparse.AdaGrad{Epsilon: 1e-10}, ksparse.AdaGrad{Epsilon: 1e-4}},
		{ksparse.Adam{}, ksparse.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, ksparse.Adam{Beta1: 0.8}},
		{ksparse.AdamW{}, ksparse.AdamW{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.01}, ksparse.AdamW{WeightDecay: 0.02}},
	} {
		zero, explicit, other := manySteps(c.zero, 40, 40, 4), manySteps(c.explicit, 40, 40, 4), manySteps(c.other, 40, 40, 4)
		last := len(zero) - 1
		if !sameBits(zero[last], explicit[last]) {
			t.Errorf("%+v and %+v differ", c.zero, c.explicit)
		}
		if sameBits(zero[last], other[len(other)-1]) {
			t.Errorf("%+v and %+v do not differ", c.zero, c.other)
		}
	}
}

func TestOptimizerValidate(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		optimizer ksparse.Optimizer
		field     string // "" is valid
	}{
		{ksparse.SGD{Momentum: 0.999}, ""},
		{ksparse.SGD{Momentum: 1}, "SGD.Momentum"},
		{ksparse.SGD{Momentum: -0.1}, "SGD.Momentum"},
		{ksparse.SGD{Momentum: nan}, "SGD.Momentum"},
		{ksparse.SGD{Nesterov: true}, "SGD.Nesterov"},
		{ksparse.RMSProp{Decay: 0.5, Epsilon: 3}, ""},
		{ksparse.RMSProp{Decay: 1}, "RMSProp.Decay"},
		{ksparse.RMSProp{Decay: -1e-9}, "RMSProp.Decay"},
		{ksparse.RMSProp{Epsilon: -1e-9}, "RMSProp.Epsilon"},
		{ksparse.RMSProp{Epsilon: inf}, "RMSProp.Epsilon"},
		{ksparse.AdaGrad{Epsilon: 1}, ""},
		{ksparse.AdaGrad{Epsilon: -1}, "AdaGrad.Epsilon"},
		{ksparse.AdaGrad{Epsilon: nan}, "AdaGrad.Epsilon"},
		{ksparse.Adam{Beta1: 0.1, Beta2: 0.2, Epsilon: 0.3}, ""},
		{ksparse.Adam{Beta1: 1}, "Adam.Beta1"},
		{ksparse.Adam{Beta2: 1.5}, "Adam.Beta2"},
		{ksparse.Adam{Beta2: nan}, "Adam.Beta2"},
		{ksparse.Adam{Epsilon: -1}, "Adam.Epsilon"},
		{ksparse.AdamW{WeightDecay: 5}, ""},
		{ksparse.AdamW{Beta1: -1}, "AdamW.Beta1"},
		{ksparse.AdamW{Beta2: inf}, "AdamW.Beta2"},
		{ksparse.AdamW{Epsilon: inf}, "AdamW.Epsilon"},
		{ksparse.AdamW{WeightDecay: -0.01}, "AdamW.WeightDecay"},
		{ksparse.AdamW{WeightDecay: nan}, "AdamW.WeightDecay"},
	} {
		err := c.optimizer.Validate()
		if c.field == "" {
			if err != nil {
				t.Errorf("%+v: %v", c.optimizer, err)
			}
			continue
		}
		if !errors.Is(err, ksparse.ErrRange) || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%+v: got %v, want an ErrRange that names %s", c.optimizer, err, c.field)
		}
	}
}

// watchOptimizer checks what Train promises to Update. It adds the step's number
// to the parameters and writes it to its state.
type watchOptimizer struct {
	t      *testing.T
	slots  int
	counts [4]atomic.Int64 // how many parameters were updated in step 1, 2, ...
}

func (o *watchOptimizer) Validate() error      { return nil }
func (o *watchOptimizer) DefaultRate() float64 { return 0.125 }
func (o *watchOptimizer) Slots() int           { return o.slots }

func (o *watchOptimizer) Update(w, g []float64, state [][]float64, rate float64, step int) {
	if len(g) != len(w) || len(state) != o.slots || rate != 0.125 || step < 1 || step > len(o.counts) {
		o.t.Errorf("Update with %d parameters, %d gradients, %d slots, rate %v, step %d", len(w), len(g), len(state), rate, step)
		return
	}
	o.counts[step-1].Add(int64(len(w)))
	for i, s := range state {
		if len(s) != len(w) {
			o.t.Errorf("slot %d is of length %d, the parameters of %d", i, len(s), len(w))
			return
		}
		for j := range s {
			// 0 before the first step, then what the step before left.
			if want := float64((step - 1) * (i + 1)); s[j] != want {
				o.t.Errorf("step %d: slot %d holds %v, want %v", step, i, s[j], want)
				return
			}
			s[j] = float64(step * (i + 1))
		}
	}
	for j := range w {
		w[j] += float64(step)
	}
}

// TestOptimizerOfYourOwn: in each step Update sees every parameter once, with
// state that starts at zero and stays with its parameter, and the default rate.
func TestOptimizerOfYourOwn(t *testing.T) {
	for _, slots := range []int{0, 1, 3} {
		net, err := ksparse.NewNetwork(
			ksparse.NewSparseLayer("a", 70, 50, 5, ksparse.ReLU), // more than one piece of parameters
			ksparse.NewSparseLayer("b", 50, 30, 3, ksparse.Tanh),
			ksparse.NewLinearLayer("c", 30, 70, ksparse.Identity))
		if err != nil {
			t.Fatal(err)
		}
		var total int64
		for _, l := range net.Layers() {
			total += int64((l.In() + 1) * l.Out())
			l.Weights().Zero()
		}
		x := mat.NewDense(6, 70, nil)
		o := &watchOptimizer{t: t, slots: slots}
		if _, err := net.Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: 2, BatchSize: 3, Optimizer: o}); err != nil {
			t.Fatal(err)
		}
		for i := range o.counts {
			if got := o.counts[i].Load(); got != total {
				t.Errorf("step %d updated %d parameters, want %d", i+1, got, total)
			}
		}
		for i, l := range net.Layers() {
			// 1+2+3+4, once for each parameter.
			w, b := l.Weights(), l.Biases()
			if mat.Min(w) != 10 || mat.Max(w) != 10 || mat.Min(b) != 10 || mat.Max(b) != 10 {
				t.Errorf("layer %d: not every parameter was updated once a step", i)
			}
		}
	}
}
