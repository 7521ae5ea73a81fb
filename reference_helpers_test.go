package ksparse

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/normal"
	"gonum.org/v1/gonum/mat"
)

// copyOf returns a network of the same layers and parameters.
func copyOf(t *testing.T, n *Network) *Network {
	t.Helper()
	var layers []Layer
	for _, l := range n.layers {
		if s := l.sparse(); s != nil {
			c := NewSparseLayer(s.name, s.in, s.out, s.k, s.activation)
			c.selection, c.thresholds = s.selection, slices.Clone(s.thresholds)
			layers = append(layers, c)
		} else {
			layers = append(layers, NewLinearLayer(l.Name(), l.In(), l.Out(), l.Activation()))
		}
	}
	c, err := newNetwork(layers)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Wire(n.Wiring()); err != nil {
		t.Fatal(err)
	}
	for i, l := range n.layers {
		copy(c.layers[i].parameters().w.Float64, l.parameters().w.Float64)
		copy(c.layers[i].parameters().b, l.parameters().b)
	}
	return c
}

// sameNumbers compares two slices with ==, so that +0 equals -0.
func sameNumbers(t *testing.T, what string, got, want []float64) bool {
	t.Helper()
	if !slices.Equal(got, want) {
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				t.Errorf("%s: number %d is %v, the reference has %v", what, i, got[i], want[i])
				return false
			}
		}
		t.Errorf("%s: %d numbers, the reference has %d", what, len(got), len(want))
		return false
	}
	return true
}

// sameParameters compares all parameters of two networks.
func sameParameters(t *testing.T, what string, got, want *Network) bool {
	t.Helper()
	ok := true
	for i, l := range want.layers {
		a, b := got.layers[i].parameters(), l.parameters()
		ok = sameNumbers(t, fmt.Sprintf("%s: weights of layer %d", what, i), a.w.Float64, b.w.Float64) && ok
		ok = sameNumbers(t, fmt.Sprintf("%s: biases of layer %d", what, i), a.b, b.b) && ok
	}
	return ok
}

// randomData returns rows x cols numbers, of which some are equal to others and some
// zero, so that values tie.
func randomData(rng *rand.Rand, rows, cols int) *mat.Dense {
	m := mat.NewDense(rows, cols, nil)
	for i := range m.RawMatrix().Data {
		switch rng.IntN(8) {
		case 0:
		case 1:
			m.RawMatrix().Data[i] = float64(rng.IntN(3) - 1)
		default:
			m.RawMatrix().Data[i] = rng.NormFloat64()
		}
	}
	return m
}

// perturb gives biases other values than zero, and some latents the same weights as
// others, so that values tie.
func perturb(rng *rand.Rand, n *Network) {
	for _, l := range n.layers {
		a := l.parameters()
		for j := range a.b {
			a.b[j] = 0.3 * rng.NormFloat64()
		}
		w := matrix.WideRows(a.w)
		if l.sparse() != nil && w.Rows > 2 && rng.IntN(2) == 0 {
			j := 1 + rng.IntN(w.Rows-1)
			copy(w.Row(j), w.Row(j-1))
			a.b[j] = a.b[j-1]
		}
	}
}

// plainThresholds returns the thresholds that the layers of n should have after a training
// on the rows x: those of SelectBatchTopK, layer by layer, such that k values a row are
// above, or all that are positive; the rows go on by these thresholds.
func plainThresholds(n *Network, x matrix.Rows) (all [][]float64) {
	in := n.rows.Enter(new(normal.Batch), x)
	for _, l := range n.layers {
		at := l.forward(in)
		in = at.out
		s := l.sparse()
		if s == nil || s.selection != SelectBatchTopK {
			continue
		}
		threshold, values := math.MaxFloat64, matrix.New(at.pre.Rows, at.pre.Cols)
		s.activation.values(values.Data, at.pre.Data)
		if s.k > 0 {
			positive := slices.DeleteFunc(slices.Clone(values.Data), func(v float64) bool { return v <= 0 })
			slices.Sort(positive)
			threshold = 0
			if at := len(positive) - min(s.k, s.out)*x.Rows; at >= 0 {
				threshold = math.Nextafter(positive[at], 0)
			}
		}
		all = append(all, slices.Repeat([]float64{threshold}, s.out))
		mask := maskWhere(at.pre, func(_ int, v float64) bool { return v > threshold })
		mask.apply(values, values)
		in = values
	}
	return all
}
