package ksparse

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// plainScaled is a training of several steps by Forward, Backprop and loops: gradients that are
// clipped, scaled by their usual size and shortened row by row, decay of the encoder, biases with
// a scale, Adam, averages.
type plainScaled struct {
	cfg         TrainConfig
	slots       map[*float64][][]float64 // of Adam
	sum, weight float64                  // of the squared norms of the steps before
	rows        [2][2]float64            // the same sums, of the squared norms of each layer's rows
	shortened   int                      // rows so far
	average     [][]float64
}

// squareOf returns the squared norm of v.
func squareOf(v []float64) (sum float64) {
	for _, g := range v {
		sum += g * g
	}
	return sum
}

// shorten shortens the rows of a layer's gradient that are too long, and the biases with them
// where there are some.
func (p *plainScaled) shorten(layer int, w matrix.Rows, biases []float64) {
	usual := p.rows[layer][0] / p.rows[layer][1]
	sum, rows := 0.0, 0.0
	for j := range w.Rows {
		square := squareOf(w.Row(j))
		if square > 2.5*2.5*usual {
			by := 2.5 * math.Sqrt(usual/square)
			for c := range w.Row(j) {
				w.Row(j)[c] *= by
			}
			if biases != nil {
				biases[j] *= by
			}
			p.shortened++
			square = squareOf(w.Row(j))
		}
		if square > 0 {
			sum, rows = sum+square, rows+1
		}
	}
	if rows > 0 {
		p.rows[layer] = [2]float64{0.8*p.rows[layer][0] + sum/rows, 0.8*p.rows[layer][1] + 1}
	}
}

// step takes a step of the network n.
func (p *plainScaled) step(t *testing.T, n *Network, number int, x *mat.Dense) {
	t.Helper()
	at, err := n.Forward(x)
	if err != nil {
		t.Fatal(err)
	}
	g, err := n.Backprop(at, x, SquaredError)
	if err != nil {
		t.Fatal(err)
	}
	all, own, count := 0.0, 0.0, 0
	for i := range n.layers {
		all += squareOf(g.Biases(i).RawVector().Data)
		if !n.sharesWeights(i) {
			w := dense.View(g.Weights(i)).Data
			own, count = own+squareOf(w), count+len(w)
		}
	}
	scale, usual := min(1, p.cfg.ClipNorm/math.Sqrt(all+own)), p.sum/p.weight
	if !(usual > 0) {
		usual = own
	}
	if usual > 0 {
		scale *= math.Sqrt(float64(count) / usual)
	}
	own = 0
	for i := range n.layers {
		if n.sharesWeights(i) {
			continue
		}
		var biases []float64
		if i == 0 { // the sparse layer
			biases = g.Biases(i).RawVector().Data
		}
		p.shorten(i, dense.View(g.Weights(i)), biases)
		own += squareOf(dense.View(g.Weights(i)).Data)
	}
	p.sum, p.weight = 0.8*p.sum+own, 0.8*p.weight+1
	move := func(w, g []float64, unit float64) {
		for i := range g {
			g[i] *= scale * unit
		}
		if p.slots[&w[0]] == nil {
			p.slots[&w[0]] = [][]float64{make([]float64, len(w)), make([]float64, len(w))}
		}
		p.cfg.Optimizer.Update(w, g, p.slots[&w[0]], p.cfg.LearningRate*unit, number)
	}
	for i, l := range n.layers {
		a := l.parameters()
		if !n.sharesWeights(i) {
			grad := dense.View(g.Weights(i))
			for j := 0; i == 0 && j < a.out; j++ {
				for c, row := 0, matrix.WideRows(a.w).Row(j); c < a.in && squareOf(grad.Row(j)) > 0; c++ {
					row[c] *= 1 - p.cfg.LearningRate*p.cfg.Recipe.EncoderDecay
				}
			}
			move(a.w.Float64, grad.Data, 1)
		}
		move(a.b, g.Biases(i).RawVector().Data, p.cfg.Recipe.BiasScale)
	}
	for i, v := range trained(n.layers) {
		for j := range v {
			if number == 1 {
				p.average[i][j] = v[j]
			}
			p.average[i][j] += (1 - p.cfg.EMA) * (v[j] - p.average[i][j])
		}
	}
}

// TestScaledSteps: over several steps the engine does what the formulas say, also where the
// first steps have no gradient, and where squares of gradients underflow.
func TestScaledSteps(t *testing.T) {
	for _, screening := range []string{"on", "off"} {
		for _, tied := range []bool{false, true} {
			for _, size := range []float64{1, 1e5, 1e-60} {
				for _, clip := range []float64{math.MaxFloat64, 0.1 * size * size} {
					what := fmt.Sprintf("screening %s, tied %v, size %g, clipped to %g", screening, tied, size, clip)
					withScreening(screening, func() { holdScaledSteps(t, what, tied, size, clip) })
				}
			}
		}
	}
}

// holdScaledSteps compares a few steps on data of that size, the first two of zeros.
func holdScaledSteps(t *testing.T, what string, tied bool, size, clip float64) {
	rng := rand.New(rand.NewPCG(3, 4))
	cfg := TrainConfig{
		Steps: 10, LearningRate: 0.02, ClipNorm: clip, EMA: 0.7, Optimizer: train.Adam{Epsilon: 0.4},
		Recipe: Recipe{ScaleGradients: true, EncoderDecay: 0.5, BiasScale: size / 4},
	}
	n, err := New(Config{Classic: true, Inputs: 7, Latents: 20, K: 3, Activation: ReLU, Tied: tied})
	if err != nil {
		t.Fatal(err)
	}
	want := copyOf(t, n)
	p := &plainScaled{cfg: cfg, slots: map[*float64][][]float64{}, average: likeEach(trained(n.layers))}
	trainer, err := NewTrainer(n, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for number := 1; number <= cfg.Steps; number++ {
		x := mat.NewDense(16, 7, nil)
		if number > 2 {
			x = gauss(rng, 16, 7)
			x.Scale(size, x)
		}
		if number == 6 { // one sample far longer than the others
			for c := range 7 {
				x.Set(3, c, 20*x.At(3, c))
			}
		}
		if _, err := trainer.Step(x, x); err != nil {
			t.Fatal(what, err)
		}
		p.step(t, want, number, x)
		closeTo(t, fmt.Sprintf("%s, step %d", what, number), trained(n.layers), trained(want.layers))
	}
	if _, err := trainer.Finish(); err != nil {
		t.Fatal(what, err)
	}
	closeTo(t, what+", averages", trained(n.layers), p.average)
	if p.shortened == 0 && size > 1e-50 { // else squares are zero
		t.Errorf("%s: no row of a gradient was shortened", what)
	}
}

// closeTo compares numbers up to rounding, of the largest of each slice.
func closeTo(t *testing.T, what string, got, want [][]float64) {
	t.Helper()
	for i := range want {
		largest := 0.0
		for _, v := range want[i] {
			largest = max(largest, math.Abs(v))
		}
		for j, v := range want[i] {
			if !(math.Abs(got[i][j]-v) <= 1e-9*largest) {
				t.Fatalf("%s: number %d of %d is %v, want %v", what, j, i, got[i][j], v)
			}
		}
	}
}
