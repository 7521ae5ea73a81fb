package train_test

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/traintest"
	"github.com/ksparse/ksparse/train"
)

// golden is the part of pytorch_training.json that is about single steps.
type golden struct {
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
}

func readGolden(t *testing.T) golden {
	return traintest.Read[golden](t, "../testdata/pytorch_training.json")
}

// zeroState returns what an optimizer needs before its first step.
func zeroState(o train.Optimizer, n int) [][]float64 {
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
		optimizer train.Optimizer
		rate      float64
		gradients []float64
		want      []float64
	}{
		// 1 - 0.1·0.5; 0.95 - 0.1·(-2).
		{"sgd", train.SGD{}, 0.1, []float64{0.5, -2, 0}, []float64{0.95, 1.15, 1.15}},
		// v = 2, 0.5·2+4 = 5, 0.5·5+0 = 2.5; w falls by a tenth of it.
		{"momentum", train.SGD{Momentum: 0.5}, 0.1, []float64{2, 4, 0}, []float64{0.8, 0.3, 0.05}},
		// The same v; w falls by a tenth of g + v/2 = 3, 6.5, 1.25.
		{"nesterov", train.SGD{Momentum: 0.5, Nesterov: true}, 0.1, []float64{2, 4, 0}, []float64{0.7, 0.05, -0.075}},
		// s = 4/4 = 1, 3/4+1/4 = 1, 3/4; w falls by 0.5·2/(1+1), 0.5·1/(1+1), 0.
		{"rmsprop", train.RMSProp{Decay: 0.75, Epsilon: 1}, 0.5, []float64{2, 1, 0}, []float64{0.5, 0.25, 0.25}},
		// s = 9, 25, 169; w falls by 0.5·3/(3+1) = 3/8, -0.5·4/(5+1) = -1/3, 0.5·12/(13+1) = 3/7.
		{"adagrad", train.AdaGrad{Epsilon: 1}, 0.5, []float64{3, -4, 12}, []float64{0.625, 0.9583333333333333, 0.5297619047619048}},
		// m = 1, 1.5, 0.75 and m/(1-Beta1^t) = 1/0.5 = 2, 1.5/0.75 = 2, 0.75/0.875 = 6/7;
		// v = 1, 1.75, 1.3125 and v/(1-Beta2^t) = 1/0.25 = 4, 1.75/0.4375 = 4, 1.3125/0.578125 = 84/37;
		// w falls by 0.1·2/(2+1) = 1/15 twice, then by 0.1·(6/7)/(sqrt(84/37)+1) = 0.034193506612.
		{"adam", train.Adam{Beta1: 0.5, Beta2: 0.75, Epsilon: 1}, 0.1, []float64{2, 2, 0},
			[]float64{0.9333333333333333, 0.8666666666666667, 0.8324731600543893}},
		// 1-0.1·0.5 = 0.95: 0.95·1 - 1/15, then 0.95·0.88333 - 1/15 = 0.7725.
		{"adamw", train.AdamW{Beta1: 0.5, Beta2: 0.75, Epsilon: 1, WeightDecay: 0.5}, 0.1, []float64{2, 2},
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
	for _, c := range readGolden(t).Optimizers {
		o := traintest.Optimizer(t, c.Kind, c.Settings)
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
	optimizer train.Optimizer
	slots     int
	rate      float64 // by default
}{
	{"sgd", train.SGD{}, 0, 0.01},
	{"momentum", train.SGD{Momentum: 0.9}, 1, 0.01},
	{"nesterov", train.SGD{Momentum: 0.9, Nesterov: true}, 1, 0.01},
	{"rmsprop", train.RMSProp{}, 1, 0.001},
	{"adagrad", train.AdaGrad{}, 1, 0.01},
	{"adam", train.Adam{}, 2, 0.001},
	{"adamw", train.AdamW{}, 2, 0.001},
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
func manySteps(o train.Optimizer, n, piece, steps int) [][]float64 {
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
	for _, c := range []struct{ zero, explicit, other train.Optimizer }{
		{train.SGD{}, train.SGD{Momentum: 0}, train.SGD{Momentum: 0.1}},
		{train.RMSProp{}, train.RMSProp{Decay: 0.99, Epsilon: 1e-8}, train.RMSProp{Decay: 0.98}},
		{train.AdaGrad{}, train.AdaGrad{Epsilon: 1e-10}, train.AdaGrad{Epsilon: 1e-4}},
		{train.Adam{}, train.Adam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, train.Adam{Beta1: 0.8}},
		{train.AdamW{}, train.AdamW{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.01}, train.AdamW{WeightDecay: 0.02}},
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
		optimizer train.Optimizer
		field     string // "" is valid
	}{
		{train.SGD{Momentum: 0.999}, ""},
		{train.SGD{Momentum: 1}, "SGD.Momentum"},
		{train.SGD{Momentum: -0.1}, "SGD.Momentum"},
		{train.SGD{Momentum: nan}, "SGD.Momentum"},
		{train.SGD{Nesterov: true}, "SGD.Nesterov"},
		{train.RMSProp{Decay: 0.5, Epsilon: 3}, ""},
		{train.RMSProp{Decay: 1}, "RMSProp.Decay"},
		{train.RMSProp{Decay: -1e-9}, "RMSProp.Decay"},
		{train.RMSProp{Epsilon: -1e-9}, "RMSProp.Epsilon"},
		{train.RMSProp{Epsilon: inf}, "RMSProp.Epsilon"},
		{train.AdaGrad{Epsilon: 1}, ""},
		{train.AdaGrad{Epsilon: -1}, "AdaGrad.Epsilon"},
		{train.AdaGrad{Epsilon: nan}, "AdaGrad.Epsilon"},
		{train.Adam{Beta1: 0.1, Beta2: 0.2, Epsilon: 0.3}, ""},
		{train.Adam{Beta1: 1}, "Adam.Beta1"},
		{train.Adam{Beta2: 1.5}, "Adam.Beta2"},
		{train.Adam{Beta2: nan}, "Adam.Beta2"},
		{train.Adam{Epsilon: -1}, "Adam.Epsilon"},
		{train.AdamW{WeightDecay: 5}, ""},
		{train.AdamW{Beta1: -1}, "AdamW.Beta1"},
		{train.AdamW{Beta2: inf}, "AdamW.Beta2"},
		{train.AdamW{Epsilon: inf}, "AdamW.Epsilon"},
		{train.AdamW{WeightDecay: -0.01}, "AdamW.WeightDecay"},
		{train.AdamW{WeightDecay: nan}, "AdamW.WeightDecay"},
	} {
		err := c.optimizer.Validate()
		if c.field == "" {
			if err != nil {
				t.Errorf("%+v: %v", c.optimizer, err)
			}
			continue
		}
		if !errors.Is(err, fault.ErrRange) || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%+v: got %v, want a fault.ErrRange that names %s", c.optimizer, err, c.field)
		}
	}
}
