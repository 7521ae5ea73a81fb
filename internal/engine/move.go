package engine

import (
	"math"
	"sync/atomic"

	"github.com/ksparse/ksparse/internal/kernel"
)

// usualGradient is the running mean of a squared norm of gradients: a sum in which each step
// weighs less than the one after it, and the sum of the weights. There is one of the weights
// of all layers together, and one of each layer's rows.
type usualGradient [2]float64

// usualDecay is how much a step weighs, for a weight of 1 of the one after it. The gradient of a
// short training falls fast, and the mean must follow it.
const usualDecay = 0.8

// longRow is how many times the usual norm a row of a gradient may have. A few samples that
// are far longer than the others, or a batch in which next to all are one and the same, would else
// throw the latents that they have active so far that they are never active again.
const longRow = 2.5

// see takes in the squared norm of a step's gradient.
func (u *usualGradient) see(square float64) {
	u[0] = float64(usualDecay*u[0]) + square
	u[1] = float64(usualDecay*u[1]) + 1
}

// square returns the mean; NaN before the first step, 0 before the first gradient.
func (u *usualGradient) square() float64 { return u[0] / u[1] }

// gradientScale returns what the gradient is multiplied by: so much that the norm of all
// parameters' gradient together is at most ClipNorm and that, with ScaleGradients, the root
// mean square of the weights' has been 1 in the steps before. In the first step that has a gradient
// it is 1 then.
func (sw *sweeper) gradientScale() (scale float64, err error) {
	scale, r, usual := 1.0, sw.recipe, sw.usual.square()
	if r.ClipNorm > 0 || r.ScaleGradients && !(usual > 0) {
		square, weights := 0.0, 0.0
		for i := len(sw.layers) - 1; i >= 0; i-- {
			square += sw.squaredNorm(i)
			weights += sw.layers[i].square
		}
		if err := sw.checkNorm(square); err != nil {
			return 0, err
		}
		if norm := math.Sqrt(square); r.ClipNorm > 0 && norm > r.ClipNorm {
			scale = r.ClipNorm / norm
		}
		if !(usual > 0) {
			usual = weights
		}
	}
	if r.ScaleGradients && usual > 0 {
		if by := math.Sqrt(float64(sw.weights()) / usual); finite(by) {
			scale *= by
		}
	}
	return scale, nil
}

// shorten makes those rows of the gradient, the first of which has that number, no longer than
// longRow allows, and the gradient of a sparse layer's bias with its row.
func (w *sweep) shorten(gradient []float64, first int) {
	at := &w.of.layers[w.i]
	most := longRow * longRow * at.usualRow.square()
	for i := range len(gradient) / w.cols {
		square := &w.of.norms[first+i]
		if !(*square > most) || !finite(*square) { // also in the first step, where most is NaN
			continue
		}
		by := math.Sqrt(most / *square)
		kernel.Scale(gradient[i*w.cols:(i+1)*w.cols], by)
		if at.layer.Sparse() {
			at.biasGradient[first+i] *= by
		}
		*square = most
	}
}

// weights returns how many weights the steps move.
func (sw *sweeper) weights() (n int) {
	for i := range sw.layers {
		if !sw.layers[i].tied {
			n += len(sw.layers[i].layer.W.Float64)
		}
	}
	return n
}

// sawGradient takes the gradient of a step into the usual one. Its error is that of checkNorm:
// by a mean that overflows every later gradient would be scaled to zero.
func (sw *sweeper) sawGradient() error {
	square := 0.0
	for i := len(sw.layers) - 1; i >= 0; i-- {
		square += sw.layers[i].square
	}
	sw.usual.see(square)
	return sw.checkNorm(sw.usual[0])
}

// checkNorm returns an error where the squared norm of the gradient overflows: an
// optimizer that squares the gradient would stand still from then on.
func (t *training) checkNorm(square float64) error {
	if !finite(square) {
		return t.diverged("the gradient's squared norm is %v", square)
	}
	return nil
}

// squaredNorm returns the squared Euclidean norm of layer i's gradient: the sum of those
// of its rows, in order.
func (sw *sweeper) squaredNorm(i int) float64 {
	at := &sw.layers[i]
	sum := kernel.Dot(at.biasGradient, at.biasGradient)
	if at.tied {
		return sum
	}
	w := sw.newSweep(i)
	w.run()
	at.square = 0
	for _, v := range sw.norms {
		sum += v
		at.square += v
	}
	return sum
}

// update moves the parameters of layer i and returns the squared norm of their gradient
// before scaling. A parameter that would not stay finite is left as it was, and the
// error says so.
func (sw *sweeper) update(i int, scale, rate float64) (square float64, err error) {
	at := &sw.layers[i]
	var bad atomic.Bool
	if !at.tied {
		w := sw.newSweep(i)
		w.move = func(m *sweepMemory, gradient []float64, from, to int) {
			weights := at.layer.W.Float64[from:to]
			sw.decay(i, weights, from, rate)
			if !sw.move(m, weights, gradient, at.weights, from, to, scale, rate) {
				bad.Store(true)
			}
			if at.unitRows {
				for i := 0; i < len(weights); i += w.cols {
					Unit(weights[i : i+w.cols])
				}
			}
		}
		if c := at.layer.Copy; c != nil {
			w.moved = func(lo, hi int) { c.packed.RepackRows(at.layer.W, lo, hi) }
		}
		w.run()
		rows := 0.0
		for _, v := range sw.norms {
			square += v
			if v > 0 {
				rows++
			}
		}
		at.square = square
		if rows > 0 {
			at.usualRow.see(square / rows)
		}
	}
	sw.reserve(1)
	square += kernel.Dot(at.biasGradient, at.biasGradient)
	ok := sw.move(&sw.workers[0], at.layer.B, at.biasGradient, at.biases, 0, len(at.layer.B), scale*sw.recipe.BiasScale, rate*sw.recipe.BiasScale) && !bad.Load()
	if c := at.layer.Copy; c != nil {
		c.packed.RepackBias(at.layer.B)
	}
	if !ok {
		return square, sw.diverged("a parameter of layer %q would not stay finite", at.layer.Name)
	}
	return square, nil
}

// decay makes the weights of the last sparse layer from that place on, whole rows, smaller
// where they have a gradient.
func (sw *sweeper) decay(i int, weights []float64, from int, rate float64) {
	at := &sw.layers[i]
	if sw.recipe.EncoderDecay == 0 || i != sw.pass.Network.LastSparse() || at.unitRows {
		return
	}
	shrink := max(0, 1-float64(rate*sw.recipe.EncoderDecay))
	for cols := at.layer.W.Cols; len(weights) > 0; weights, from = weights[cols:], from+cols {
		if sw.norms[from/cols] > 0 {
			kernel.Scale(weights[:cols], shrink)
		}
	}
}

// move moves the parameters w, which have the places from to to in the optimizer's
// state, against their gradient times scale.
func (sw *sweeper) move(m *sweepMemory, w, gradient []float64, state [][]float64, from, to int, scale, rate float64) bool {
	if scale != 1 {
		kernel.Scale(gradient, scale)
	}
	m.state = m.state[:0]
	for _, slot := range state {
		m.state = append(m.state, slot[from:to])
	}
	return sw.recipe.Move(w, gradient, m.state, rate, sw.number)
}
