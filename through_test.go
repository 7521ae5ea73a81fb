package ksparse

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/topk"
)

// TestThroughStrips compares the last layer, the loss and the way back by strips with
// one after the other, bit for bit, on every kernel path.
func TestThroughStrips(t *testing.T) {
	shapes := []struct{ rows, in, latents, k int }{
		{1, 1, 1, 0}, {1, 3, 2, 1}, {2, 9, 5, 5}, {3, 64, 10, 0}, {17, 65, 40, 7}, {40, 100, 90, 12},
		{33, 256, 20, 3}, {5, 257, 30, 30}, {70, 531, 200, 25}, {300, 70, 64, 40},
	}
	for _, path := range kernel.Available() {
		t.Run(path, func(t *testing.T) {
			defer kernel.Use(path)()
			rng := rand.New(rand.NewPCG(71, 72))
			for _, shape := range shapes {
				for act := range activations {
					n, err := NewNetwork(NewSparseLayer("encoder", shape.in, shape.latents, shape.k, ReLU),
						NewLinearLayer("decoder", shape.latents, shape.in, act))
					if err != nil {
						t.Fatal(err)
					}
					l := n.layers[1].(*LinearLayer)
					for i := range l.b {
						l.b[i] = rng.NormFloat64()
					}
					x, y := newRows(shape.rows, shape.in), newRows(shape.rows, shape.in)
					for i := range x.Data {
						x.Data[i], y.Data[i] = rng.NormFloat64(), rng.NormFloat64()
					}
					what := fmt.Sprintf("%+v, %v", shape, act)
					wantLoss, wantDelta, wantBelow := throughPlainly(t, n, x, y)

					p := n.newPass()
					n.forward(p, x, 1)
					p.into(1)
					loss, err := p.throughStrips(l, y)
					if err != nil || math.Float64bits(loss) != math.Float64bits(wantLoss) {
						t.Fatalf("%s: loss %v and error %v, want %v", what, loss, err, wantLoss)
					}
					if !sameNumbers(p.states[1].delta, wantDelta) {
						t.Fatalf("%s: delta is %v, want %v", what, p.states[1].delta, wantDelta)
					}
					if !sameNumbers(p.states[0].delta, wantBelow) {
						t.Fatalf("%s: delta of the codes is %v, want %v", what, p.states[0].delta, wantBelow)
					}
				}
			}
		})
	}
}

// sameNumbers compares bits.
func sameNumbers(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

// throughPlainly is the last layer, the loss and the way back, whole matrices one
// after the other, the gradient at the codes by its definition.
func throughPlainly(t *testing.T, n *Network, x, y topk.Rows) (loss float64, delta, below []float64) {
	t.Helper()
	p := n.newPass()
	n.forward(p, x, 2)
	p.setOutput()
	loss, err := n.lossDelta(p, y, SquaredError)
	if err != nil {
		t.Fatal(err)
	}
	s, l := p.states[1], n.layers[1].(*LinearLayer)
	s.toPre(l.activation)
	c := p.Codes(0)
	for i := range c.mask.rows {
		indices, _ := c.Row(i)
		for _, j := range indices {
			below = append(below, kernel.Dot(s.delta[i*l.out:(i+1)*l.out], l.w.Row(int(j))))
		}
	}
	return loss, s.delta, below
}

// TestThroughStripsNotFinite: where the loss is not finite the output is there to be
// looked at.
func TestThroughStripsNotFinite(t *testing.T) {
	n, err := New(Config{Inputs: 3, Latents: 4, K: 2})
	if err != nil {
		t.Fatal(err)
	}
	l := n.layers[1].(*LinearLayer)
	l.b[1] = math.MaxFloat64
	x, y := newRows(2, 3), newRows(2, 3)
	y.Data[1] = -math.MaxFloat64
	p := n.newPass()
	n.forward(p, x, 1)
	p.into(1)
	loss, err := p.throughStrips(l, y)
	if err != nil || !math.IsInf(loss, 1) {
		t.Fatalf("loss %v and error %v, want +Inf", loss, err)
	}
	if p.output.Rows != 2 || p.output.Row(1)[1] != math.MaxFloat64 {
		t.Fatalf("the output is %v", p.output)
	}
}
