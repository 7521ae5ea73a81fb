package engine

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sparse"
)

// TestObjectivesAgree compares the last layer, the loss and the way back by strips, by
// samples and by whole matrices with one after the other, bit for bit, on every kernel
// path.
func TestObjectivesAgree(t *testing.T) {
	shapes := []struct{ rows, in, latents, k int }{
		{1, 1, 1, 0}, {1, 3, 2, 1}, {2, 9, 5, 5}, {3, 64, 10, 0}, {17, 65, 40, 7}, {40, 100, 90, 12},
		{33, 256, 20, 3}, {5, 257, 30, 30}, {70, 531, 200, 25}, {300, 70, 64, 40},
	}
	for _, path := range kernel.Available() {
		t.Run(path, func(t *testing.T) {
			defer kernel.Use(path)()
			rng := rand.New(rand.NewPCG(71, 72))
			for _, shape := range shapes {
				for name, act := range testActivations {
					n := Network{Layers: []Layer{
						sparseLayer(rng, shape.in, shape.latents, shape.k, TopK, testActivations["relu"]),
						linearLayer(rng, shape.latents, shape.in, act),
					}}
					x, y := normalRows(rng, shape.rows, shape.in), normalRows(rng, shape.rows, shape.in)
					compareObjectives(t, fmt.Sprintf("%+v, %s", shape, name), n, x, y)
					if t.Failed() {
						return
					}
				}
			}
		})
	}
}

// compareObjectives compares all objectives for one network and batch.
func compareObjectives(t *testing.T, what string, n Network, x, y matrix.Rows) {
	t.Helper()
	wantLoss, wantDelta, wantBelow := throughPlainly(t, n, x, y)
	for kind, objective := range map[string]func(*Stepper) objective{
		"whole":   func(st *Stepper) objective { return &st.whole },
		"samples": func(st *Stepper) objective { return &st.samples },
		"strips":  func(st *Stepper) objective { return &st.strips },
	} {
		st := NewStepper(n, new(Screening), still(), x.Rows)
		p := st.pass
		p.forward(sparse.Rows{Dense: x}, 1)
		report, below, err := objective(st).run(&st.training, y)
		if err != nil || below != 0 || math.Float64bits(report.Loss) != math.Float64bits(wantLoss) {
			t.Errorf("%s, %s: loss %v, error %v and layer %d to go on from, want %v and layer 0", what, kind, report.Loss, err, below, wantLoss)
		}
		if !sameNumbers(p.layers[1].delta, wantDelta) {
			t.Errorf("%s, %s: delta is %v, want %v", what, kind, p.layers[1].delta, wantDelta)
		}
		if !sameNumbers(p.layers[0].delta, wantBelow) {
			t.Errorf("%s, %s: delta of the codes is %v, want %v", what, kind, p.layers[0].delta, wantBelow)
		}
	}
}

// throughPlainly is the last layer, the loss and the way back, whole matrices one
// after the other, the gradient at the codes by its definition.
func throughPlainly(t *testing.T, n Network, x, y matrix.Rows) (loss float64, delta, below []float64) {
	t.Helper()
	p := NewPass(new(Screening))
	p.Network = n
	p.forward(sparse.Rows{Dense: x}, 2)
	p.setOutput()
	s, l := &p.layers[1], &n.Layers[1]
	s.makeDelta()
	rows := matrix.Rows{Data: s.delta, Rows: x.Rows, Cols: l.Out, Stride: l.Out}
	loss, err := squaredError.evaluate(p.output, y, rows, make([]float64, x.Rows))
	if err != nil {
		t.Fatal(err)
	}
	s.slopes(0, len(s.delta))
	c, w := p.layers[0].out.codes, matrix.WideRows(l.W)
	for i := range c.Rows {
		indices, _ := c.Row(i)
		for _, j := range indices {
			below = append(below, kernel.Dot(rows.Row(i), w.Row(int(j))))
		}
	}
	return loss, s.delta, below
}

// TestStripsNotFinite: where the loss is not finite the output is there to be looked at.
func TestStripsNotFinite(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	n := Network{Layers: []Layer{
		sparseLayer(rng, 3, 4, 2, TopK, testActivations["identity"]),
		linearLayer(rng, 4, 3, testActivations["identity"]),
	}}
	n.Layers[1].B[1] = math.MaxFloat64
	x, y := matrix.New(2, 3), matrix.New(2, 3)
	y.Data[1] = -math.MaxFloat64
	st := NewStepper(n, new(Screening), still(), 2)
	st.number = 7
	st.pass.forward(sparse.Rows{Dense: x}, 1)
	_, _, err := st.strips.run(&st.training, y)
	if !errors.Is(err, fault.ErrDiverged) || !strings.Contains(err.Error(), "step 7: the loss is +Inf") {
		t.Fatalf("error %v, want that the loss is +Inf", err)
	}
	if out := st.pass.output; out.Rows != 2 || out.Row(1)[1] != math.MaxFloat64 {
		t.Fatalf("the output is %v", out)
	}
}
