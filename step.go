package ksparse

import (
	"fmt"
	"math"
	"strings"
	"sync/atomic"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/screen"
	"github.com/ksparse/ksparse/internal/topk"
)

// stepper takes training steps. It owns the optimizer's state and all memory
// that a step needs, so a step on warm buffers makes no garbage to speak of.
type stepper struct {
	net     *Network
	cfg     TrainConfig // with defaults
	pass    *Pass
	weights [][][]float64   // optimizer state of layer i's weights, slot by slot
	biases  [][][]float64   // the same of its biases
	bias    []float64       // a gradient of biases
	norms   []float64       // squared norms of gradient rows
	workers []workerScratch // one for each goroutine
}

// workerScratch is what one goroutine needs for a few rows of a weight matrix.
type workerScratch struct {
	gradient []float64
	before   []float64   // the rows before the update
	state    [][]float64 // the optimizer state of the rows
}

// stepReport is what a step says about its batch.
type stepReport struct {
	loss         float64 // before the step, without penalties
	l0           float64
	gradientNorm float64
	dead         int
}

// checkRecipe returns what in cfg does not fit the network.
func (n *Network) checkRecipe(cfg TrainConfig) error { return nil }

// newStepper returns a stepper for n. cfg has every default in place; variance is
// the mean over the training samples of |y-ȳ|² (NaN where the loss is not
// SquaredError), steps the number of steps of the whole training.
func newStepper(n *Network, cfg TrainConfig, variance float64, steps int) *stepper {
	s := &stepper{net: n, cfg: cfg, pass: n.newPass()}
	for i, l := range n.layers {
		if l, ok := l.(*SparseLayer); ok && !n.plain.Load() && l.worthScreening(cfg.BatchSize, false) {
			w := screen.Wide(l.w)
			s.pass.states[i].screening = &screening{packed: screen.Pack(w, l.b), kept: true, weights: w, stats: &n.stats}
		}
		a := l.base()
		s.weights = append(s.weights, slots(cfg.Optimizer, len(a.w.Data)))
		s.biases = append(s.biases, slots(cfg.Optimizer, len(a.b)))
	}
	return s
}

func slots(o Optimizer, n int) [][]float64 {
	state := make([][]float64, o.Slots())
	for i := range state {
		state[i] = make([]float64, n)
	}
	return state
}

// repack brings up to date what the stepper derives from the parameters, where
// somebody else has written to them.
func (s *stepper) repack() {
	for i, l := range s.net.layers {
		if c := s.pass.states[i].screening; c.kept {
			c.packed.Repack(c.weights, l.base().b)
		}
	}
}

// sections lists the state that the stepper keeps between two steps.
func (s *stepper) sections() []section {
	var all []section
	for i := range s.weights {
		for j := range s.weights[i] {
			all = append(all,
				section{name: fmt.Sprintf("layer %d weights slot %d", i, j), floats: s.weights[i][j]},
				section{name: fmt.Sprintf("layer %d biases slot %d", i, j), floats: s.biases[i][j]})
		}
	}
	return all
}

// step takes one training step, number from 1, on the batch x with the targets y
// (x itself for an autoencoder), and reports on it. This is the whole of training:
//
//  1. forward: every layer's output, and the mask of every sparse layer;
//  2. the loss, and its gradient at the output;
//  3. backward, from the last layer to the first: the gradient at each layer's
//     pre-activations, which for a sparse layer exists only where its mask is true;
//  4. each layer's weight gradient, a few rows at a time, straight into the
//     optimizer. No gradient matrix is ever stored.
//
// Clipping needs the norm of the whole gradient before anything may move. Then
// step 4 runs twice: once to add up the norms of the rows, once to use them.
// Rows are cheap to compute from codes, cheaper than to store and read again.
func (s *stepper) step(x, y topk.Rows, rate float64, number int) (stepReport, error) {
	var report stepReport
	n, p := s.net, s.pass
	n.forward(p, x, len(n.layers))
	p.setOutput()
	if err := checkOutput(p.output); err != nil {
		return report, errorf(ErrDiverged, "training diverged at step %d: the output is no longer finite", number)
	}
	loss, err := n.lossDelta(p, y, s.cfg.Loss)
	if err != nil {
		return report, errorf(err, "step %d: %s", number, strings.TrimPrefix(err.Error(), "ksparse: "))
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return report, errorf(ErrDiverged, "training diverged at step %d: the loss is %v", number, loss)
	}
	report.loss = loss
	if i := n.lastSparse(); i >= 0 {
		report.l0 = L0(p.Codes(i))
	}
	if s.cfg.ClipNorm == 0 {
		n.backward(p, func(i int) {
			if err == nil {
				err = s.update(i, 1, rate, number)
			}
		})
		return report, err
	}
	square := 0.0
	n.backward(p, func(i int) { square += s.squaredNorm(i) })
	if math.IsNaN(square) || math.IsInf(square, 0) {
		return report, errorf(ErrDiverged, "training diverged at step %d: the gradient's squared norm is %v", number, square)
	}
	scale := 1.0
	report.gradientNorm = math.Sqrt(square)
	if norm := report.gradientNorm; norm > s.cfg.ClipNorm {
		scale = s.cfg.ClipNorm / norm
	}
	for i := range n.layers {
		if err == nil {
			err = s.update(i, scale, rate, number)
		}
	}
	return report, err
}

const (
	// pieceSize is how many parameters the optimizer takes at a time: they and its
	// state should stay in the first-level cache. So should their gradient, where
	// computing more of it at a time gains nothing.
	pieceSize = 1024
	// denseGradientRows is how many rows are taken at a time where the gradient is
	// a product of dense matrices, which packs one of them anew each time.
	denseGradientRows = 64
)

// eachPiece computes the weight gradient of layer i, with penalties, a few rows
// at a time, and hands it to f, fewer rows at a time: the rows' gradient, and the
// range of parameters that they are. Then, where done is not nil, it is told of
// the rows that are through.
func (s *stepper) eachPiece(i int, f func(w *workerScratch, gradient []float64, lo, hi int), done func(lo, hi int)) {
	l, state := s.net.layers[i], s.pass.states[i]
	w := l.base().w
	rows := parallel.Even(w.Rows, l.gradientRows(state))
	grain := rows
	if state.screening.kept {
		// Latents whose int8 copies share cache lines go to one goroutine.
		grain = (rows + screen.PanelLatents - 1) / screen.PanelLatents * screen.PanelLatents
	}
	workers := parallel.Workers(w.Rows, grain)
	if len(s.workers) < workers {
		s.workers = append(s.workers, make([]workerScratch, workers-len(s.workers))...)
	}
	parallel.ForWorkers(workers, w.Rows, grain, func(worker, first, last int) {
		scratch := &s.workers[worker]
		for lo := first; lo < last; lo += rows {
			hi := min(lo+rows, last)
			from, to := lo*w.Cols, hi*w.Cols
			scratch.gradient = resized(scratch.gradient, to-from)
			l.gradient(state, lo, hi, scratch.gradient)
			step := max(1, pieceSize/w.Cols) * w.Cols
			for at := from; at < to; at += step {
				end := min(at+step, to)
				gradient := scratch.gradient[at-from : end-from]
				s.addPenalty(gradient, w.Data[at:end])
				f(scratch, gradient, at, end)
			}
		}
		if done != nil {
			done(first, last)
		}
	})
}

// addPenalty adds the gradient of L1·Σ|w| + L2/2·Σw².
func (s *stepper) addPenalty(gradient, weights []float64) {
	l1, l2 := s.cfg.L1, s.cfg.L2
	if l1 == 0 && l2 == 0 {
		return
	}
	for i, w := range weights {
		g := gradient[i] + float64(l2*w)
		switch {
		case w > 0:
			g += l1
		case w < 0:
			g -= l1
		}
		gradient[i] = g
	}
}

// update moves the parameters of layer i. Where one would not stay finite, it and
// its neighbours are left as they were, and the error says so.
func (s *stepper) update(i int, scale, rate float64, number int) error {
	a := s.net.layers[i].base()
	move := func(scratch *workerScratch, w, gradient []float64, state [][]float64, from, to int) bool {
		if scale != 1 {
			kernel.Scale(gradient, scale)
		}
		scratch.before = append(scratch.before[:0], w...)
		scratch.state = scratch.state[:0]
		for _, slot := range state {
			scratch.state = append(scratch.state, slot[from:to])
		}
		s.cfg.Optimizer.Update(w, gradient, scratch.state, rate, number)
		if !kernel.AllFinite(w) {
			copy(w, scratch.before)
			return false
		}
		return true
	}
	copies := s.pass.states[i].screening
	var repack func(lo, hi int)
	if copies.kept {
		repack = func(lo, hi int) { copies.packed.RepackRows(copies.weights, lo, hi) }
	}
	var bad atomic.Bool
	s.eachPiece(i, func(scratch *workerScratch, gradient []float64, from, to int) {
		if !move(scratch, a.w.Data[from:to], gradient, s.weights[i], from, to) {
			bad.Store(true)
		}
	}, repack)
	s.bias = resized(s.bias, len(a.b))
	s.net.layers[i].biasGradient(s.pass.states[i], s.bias)
	ok := move(&s.workers[0], a.b, s.bias, s.biases[i], 0, len(a.b)) && !bad.Load()
	if copies.kept {
		copies.packed.RepackBias(a.b)
	}
	if !ok {
		return errorf(ErrDiverged, "training diverged at step %d: a parameter of layer %q would not stay finite", number, a.name)
	}
	return nil
}

// squaredNorm returns the squared Euclidean norm of layer i's gradient: the sum
// of those of its rows, in order.
func (s *stepper) squaredNorm(i int) float64 {
	a := s.net.layers[i].base()
	s.norms = resized(s.norms, a.w.Rows)
	s.eachPiece(i, func(_ *workerScratch, gradient []float64, from, to int) {
		for r := from / a.w.Cols; r < to/a.w.Cols; r++ {
			row := gradient[r*a.w.Cols-from:][:a.w.Cols]
			s.norms[r] = kernel.Dot(row, row)
		}
	}, nil)
	s.bias = resized(s.bias, len(a.b))
	s.net.layers[i].biasGradient(s.pass.states[i], s.bias)
	sum := kernel.Dot(s.bias, s.bias)
	for _, v := range s.norms {
		sum += v
	}
	return sum
}
