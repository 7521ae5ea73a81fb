package ksparse_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// This file checks the point of the library: gradients that pass the top-k mask
// are exact. Each is compared with a central difference of the loss,
// (L(w+h) - L(w-h)) / 2h, which knows nothing about masks or the chain rule.

var allActivations = []ksparse.Activation{
	ksparse.Identity, ksparse.Sigmoid, ksparse.ReLU, ksparse.Tanh,
	ksparse.LeakyReLU, ksparse.ELU, ksparse.Swish, ksparse.GELU,
}

var allLosses = []ksparse.Loss{ksparse.SquaredError, ksparse.BinaryCrossEntropy, ksparse.SoftmaxCrossEntropy}

const (
	differenceStep = 1e-5
	// A central difference is off by h²/6 times the third derivative, about 1e-10
	// here, and by rounding: 1e-16 times the loss over h, about 1e-10 for the
	// losses of some units that occur.
	differenceTolerance = 2e-8
)

// TestGradientsAgainstDifferences goes through every activation, every loss and
// every position of the sparse layer.
func TestGradientsAgainstDifferences(t *testing.T) {
	const in, hidden, out, k, rows = 5, 7, 4, 3, 3
	for _, act := range allActivations {
		for _, loss := range allLosses {
			// BinaryCrossEntropy wants outputs between 0 and 1.
			last := ksparse.Identity
			if loss == ksparse.BinaryCrossEntropy {
				last = ksparse.Sigmoid
			}
			stacks := map[string][]ksparse.Layer{
				"first": {
					ksparse.NewSparseLayer("sparse", in, hidden, k, act),
					ksparse.NewLinearLayer("linear", hidden, out, last),
				},
				"middle": {
					ksparse.NewLinearLayer("below", in, 6, act),
					ksparse.NewSparseLayer("sparse", 6, hidden, k, act),
					ksparse.NewLinearLayer("above", hidden, out, last),
				},
				"two in a row": {
					ksparse.NewSparseLayer("one", in, hidden, 4, act),
					ksparse.NewSparseLayer("two", hidden, 6, k, act),
					ksparse.NewLinearLayer("linear", 6, out, last),
				},
				"two apart": {
					ksparse.NewSparseLayer("one", in, hidden, k, act),
					ksparse.NewLinearLayer("between", hidden, 5, act),
					ksparse.NewSparseLayer("two", 5, hidden, k, act),
					ksparse.NewLinearLayer("linear", hidden, out, last),
				},
				"last": {
					ksparse.NewLinearLayer("linear", in, hidden, act),
					ksparse.NewSparseLayer("sparse", hidden, out, 2, last),
				},
				"only linear": {
					ksparse.NewLinearLayer("one", in, hidden, act),
					ksparse.NewLinearLayer("two", hidden, out, last),
				},
			}
			for position, layers := range stacks {
				t.Run(fmt.Sprintf("%v/%v/%s", act, loss, position), func(t *testing.T) {
					net, err := ksparse.NewNetwork(layers...)
					if err != nil {
						t.Fatal(err)
					}
					checkGradients(t, net, rows, loss)
				})
			}
		}
	}
}

// TestGradientsOfOddShapes takes the shapes at the edges: k = 0, all, beyond all;
// one row, one column.
func TestGradientsOfOddShapes(t *testing.T) {
	for _, c := range []struct{ in, latents, k, rows int }{
		{4, 5, 0, 3}, {4, 5, 5, 3}, {4, 5, 99, 3}, {4, 5, 4, 1}, {1, 5, 2, 3}, {4, 1, 1, 3}, {1, 1, 1, 1}, {1, 1, 0, 1}, {17, 9, 8, 2},
	} {
		t.Run(fmt.Sprintf("%d-%d-k%d-rows%d", c.in, c.latents, c.k, c.rows), func(t *testing.T) {
			net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: c.in, Latents: c.latents, K: cmp.Or(c.k, -1), Activation: ksparse.Tanh})
			if err != nil {
				t.Fatal(err)
			}
			checkGradients(t, net, c.rows, ksparse.SquaredError)
		})
	}
}

// checkGradients compares every gradient of net on random data. Were a selection
// so close to a tie that the difference steps over it, the test would fail.
func checkGradients(t *testing.T, net *ksparse.Network, rows int, loss ksparse.Loss) {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 11))
	for _, l := range net.Layers() {
		for j := range l.Out() {
			l.Biases().SetVec(j, 0.3*rng.NormFloat64())
		}
	}
	x := normal(rng, rows, net.In())
	y := normal(rng, rows, net.Out())
	if loss != ksparse.SquaredError {
		for i := range rows {
			sum := 0.0
			for j, v := range y.RawRowView(i) {
				y.Set(i, j, 1/(1+math.Exp(-v)))
				sum += y.At(i, j)
			}
			for j := range y.RawRowView(i) {
				if loss == ksparse.SoftmaxCrossEntropy {
					y.Set(i, j, y.At(i, j)/sum)
				}
			}
		}
	}
	pass, err := net.Forward(x)
	if err != nil {
		t.Fatal(err)
	}
	g, err := net.Backprop(pass, y, loss)
	if err != nil {
		t.Fatal(err)
	}
	lossNow := func() float64 {
		p, err := net.Forward(x)
		if err != nil {
			t.Fatal(err)
		}
		g, err := net.Backprop(p, y, loss)
		if err != nil {
			t.Fatal(err)
		}
		return g.Loss()
	}
	check := func(what string, v *float64, analytic float64) {
		old := *v
		*v = old + differenceStep
		up := lossNow()
		*v = old - differenceStep
		down := lossNow()
		*v = old
		numeric := (up - down) / (2 * differenceStep)
		if !(math.Abs(numeric-analytic) <= differenceTolerance*max(1, math.Abs(numeric))) {
			t.Errorf("%s: gradient is %v, the difference %v", what, analytic, numeric)
		}
	}
	for i, l := range net.Layers() {
		w, b := l.Weights().RawMatrix(), l.Biases().RawVector()
		for at := range w.Data {
			r, c := at/w.Cols, at%w.Cols
			check(fmt.Sprintf("layer %d, weight (%d, %d)", i, r, c), &w.Data[at], g.Weights(i).At(r, c))
		}
		for j := range b.Data {
			check(fmt.Sprintf("layer %d, bias %d", i, j), &b.Data[j], g.Biases(i).AtVec(j))
		}
	}
}

// TestUnselectedUnitsGetNoGradient: not a small one, none at all, wherever the
// sparse layer stands; and the selected ones get what a dense layer would give.
func TestUnselectedUnitsGetNoGradient(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for position := range 3 {
		layers := []ksparse.Layer{
			ksparse.NewLinearLayer("a", 6, 6, ksparse.Tanh),
			ksparse.NewLinearLayer("b", 6, 6, ksparse.Tanh),
			ksparse.NewLinearLayer("c", 6, 6, ksparse.Tanh),
		}
		layers[position] = ksparse.NewSparseLayer("sparse", 6, 6, 2, ksparse.Sigmoid)
		net, err := ksparse.NewNetwork(layers...)
		if err != nil {
			t.Fatal(err)
		}
		pass, err := net.Forward(normal(rng, 2, 6))
		if err != nil {
			t.Fatal(err)
		}
		g, err := net.Backprop(pass, normal(rng, 2, 6), ksparse.SquaredError)
		if err != nil {
			t.Fatal(err)
		}
		mask, delta := pass.Mask(position), g.Delta(position)
		if mask.Count() != 4 {
			t.Fatalf("the mask has %d entries, want 4", mask.Count())
		}
		for j := range 6 {
			selected := false
			for i := range 2 {
				if mask.At(i, j) {
					selected = true
					if delta.At(i, j) == 0 {
						t.Errorf("position %d: selected unit (%d, %d) has no delta", position, i, j)
					}
				} else if delta.At(i, j) != 0 {
					t.Errorf("position %d: unselected unit (%d, %d) has delta %v", position, i, j, delta.At(i, j))
				}
			}
			if zero := g.Biases(position).AtVec(j) == 0; zero == selected {
				t.Errorf("position %d, unit %d: selected is %v, bias gradient %v", position, j, selected, g.Biases(position).AtVec(j))
			}
			for c := range 6 {
				if w := g.Weights(position).At(j, c); !selected && w != 0 {
					t.Errorf("position %d: weight (%d, %d) of an unselected unit has gradient %v", position, j, c, w)
				}
			}
		}
	}
}

func normal(rng *rand.Rand, rows, cols int) *mat.Dense {
	m := mat.NewDense(rows, cols, nil)
	for i := range m.RawMatrix().Data {
		m.RawMatrix().Data[i] = rng.NormFloat64()
	}
	return m
}
