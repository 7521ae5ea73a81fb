package train_test

import (
	"math"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/train"
)

// spoiler is SGD that sets the last parameter to a number of its own.
type spoiler struct {
	train.SGD
	last float64
}

func (o spoiler) Update(w, g []float64, state [][]float64, rate float64, step int) {
	o.SGD.Update(w, g, state, rate, step)
	w[len(w)-1] = o.last
}

// TestMoveOfIsUpdate compares MoveOf with Update where all parameters stay finite: for
// the optimizers of the package, for pointers to them and for a type of the caller's.
func TestMoveOfIsUpdate(t *testing.T) {
	const n = 61
	optimizers := []train.Optimizer{&train.SGD{}, &train.Adam{Beta1: 0.5}, spoiler{train.SGD{Momentum: 0.5}, 3}}
	for _, c := range everyOptimizer {
		optimizers = append(optimizers, c.optimizer)
	}
	for _, o := range optimizers {
		move := train.MoveOf(o)
		got, want := start(n), start(n)
		gotState, wantState := zeroState(o, n), zeroState(o, n)
		for step := 1; step <= 4; step++ {
			g := start(n)
			kernel.Scale(g, 1/float64(step))
			if !move(got, g, gotState, 0.02, step) {
				t.Errorf("%T, step %d: not finite", o, step)
			}
			o.Update(want, g, wantState, 0.02, step)
		}
		if !sameBits(got, want) || !slices.EqualFunc(gotState, wantState, sameBits) {
			t.Errorf("%T: MoveOf and Update give other bits", o)
		}
	}
}

// start returns n numbers from -1 to 1.
func start(n int) []float64 {
	w := make([]float64, n)
	for j := range w {
		w[j] = math.Sin(float64(j))
	}
	return w
}

// TestMoveOfKeepsParametersFinite: an optimizer of the package leaves the one parameter
// unchanged that would overflow, as its Update does. For all others none has changed.
func TestMoveOfKeepsParametersFinite(t *testing.T) {
	before, g := []float64{1, -math.MaxFloat64, 2}, []float64{0.5, math.MaxFloat64, 1}
	for _, c := range []struct {
		what      string
		optimizer train.Optimizer
		finite    bool
		want      []float64
	}{
		{"SGD", train.SGD{}, false, []float64{0.5, -math.MaxFloat64, 1}},
		{"pointer, whose Update has kept it finite", &train.SGD{}, true, []float64{0.5, -math.MaxFloat64, 1}},
		{"embedded SGD, NaN", spoiler{last: math.NaN()}, false, before},
		{"embedded SGD, Inf", spoiler{last: math.Inf(1)}, false, before},
		{"pointer to embedded SGD", &spoiler{last: math.Inf(-1)}, false, before},
		{"embedded interface", struct{ train.Optimizer }{spoiler{last: math.NaN()}}, false, before},
	} {
		w := slices.Clone(before)
		if finite := train.MoveOf(c.optimizer)(w, g, nil, 1, 1); finite != c.finite || !slices.Equal(w, c.want) {
			t.Errorf("%s: finite is %v, parameters are %v; want %v and %v", c.what, finite, w, c.finite, c.want)
		}
	}
}
