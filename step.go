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
	net      *Network
	cfg      TrainConfig // with defaults
	mover    mover       // the optimizer, where it is one of ours
	variance float64     // of the data: the mean of |y-ȳ|²
	steps    int         // of the whole training
	pass     *Pass
	sparse   int           // position of the last sparse layer, -1 for none
	atoms    int           // of the layer whose rows are kept at norm 1, -1 for none
	weights  [][][]float64 // optimizer state of layer i's weights, slot by slot
	biases   [][][]float64 // the same of its biases
	bias     [][]float64   // gradients of the biases
	shift    []float64     // what the pre-bias adds to that of the last layer
	norms    []float64     // squared norms of gradient rows
	workers  []workerScratch
	number   int // of the step under way

	levels     *levels // of a loss with more parts than one reconstruction, else nil
	idle       []int64 // samples since a latent of the last sparse layer was active
	thresholds thresholdAverage
}

// workerScratch is what one goroutine needs for a few rows of a weight matrix.
type workerScratch struct {
	gradient []float64
	second   []float64   // the gradient of a second layer with these weights
	before   []float64   // the rows before the update, where the optimizer is not ours
	state    [][]float64 // the optimizer state of the rows
	along    []float64   // for removeParallel: one number
}

// stepReport is what a step says of its batch, before the step.
type stepReport struct {
	loss         float64 // all that is made small but for penalties
	fvu          float64 // of the reconstruction; NaN where it is not defined
	l0           float64 // latents active per sample
	gradientNorm float64 // of all parameters together, before clipping
	dead         int     // latents idle for so long that they count as dead
}

// newStepper prepares training steps of n. cfg has its defaults in place, variance
// may be NaN where there is none.
func newStepper(n *Network, cfg TrainConfig, variance float64, steps int) *stepper {
	s := &stepper{net: n, cfg: cfg, mover: moverOf(cfg.Optimizer), variance: variance, steps: steps, pass: n.newPass(), sparse: n.lastSparse(), atoms: -1}
	s.pass.train()
	for i, l := range n.layers {
		if l, ok := l.(*SparseLayer); ok && !n.plain.Load() && l.worthScreening(cfg.BatchSize, l.k, false) {
			w := screen.Wide(l.w)
			s.pass.states[i].screening = &screening{packed: screen.Pack(w, l.b), kept: true, weights: w, stats: &n.stats}
		}
		a := l.base()
		var own [][]float64
		if !n.sharesWeights(i) {
			own = slots(cfg.Optimizer, len(a.w.Data))
		}
		s.weights = append(s.weights, own)
		s.biases = append(s.biases, slots(cfg.Optimizer, len(a.b)))
		s.bias = append(s.bias, make([]float64, len(a.b)))
	}
	if n.frame.shift != nil {
		s.shift = make([]float64, n.In())
	}
	if s.sparse >= 0 {
		s.idle = make([]int64, n.layers[s.sparse].Out())
	}
	if cfg.UnitNorm {
		s.atoms = s.sparse + 1
		if n.sharesWeights(s.atoms) {
			s.atoms = s.sparse
		}
		w := n.layers[s.atoms].base().w
		for j := range w.Rows {
			unit(w.Row(j))
		}
	}
	if cfg.AuxK.K > 0 || cfg.MultiTopK > 0 || len(cfg.Matryoshka) > 0 {
		s.levels = newLevels(n, cfg, variance)
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

// checkRecipe returns an error where parts of cfg do not fit the network, or each
// other.
func (n *Network) checkRecipe(cfg TrainConfig) error {
	if err := n.ready(true); err != nil {
		return err
	}
	sparse := n.lastSparse()
	var l *SparseLayer
	if sparse >= 0 {
		l = n.layers[sparse].(*SparseLayer)
	}
	if cfg.UnitNorm && (l == nil || sparse+1 == len(n.layers)) {
		return errorf(ErrNoSparseLayer, "TrainConfig.UnitNorm needs a layer after the last sparse one: its rows are the atoms")
	}
	if cfg.KStart > 0 && (l == nil || l.selection == SelectThreshold || l.selection == SelectGroupMax || cfg.KStart < l.k) {
		return errorf(ErrRange, "TrainConfig.KStart is %d, want at least the k of a last sparse layer that selects by k", cfg.KStart)
	}
	parts := []struct {
		name string
		on   bool
	}{{"AuxK", cfg.AuxK.K > 0}, {"MultiTopK", cfg.MultiTopK > 0}, {"Matryoshka", len(cfg.Matryoshka) > 0}}
	for _, part := range parts {
		if !part.on {
			continue
		}
		if sparse != 0 || len(n.layers) != 2 || n.layers[1].Activation() != Identity || cfg.Loss != SquaredError {
			return errorf(ErrRange, "TrainConfig.%s needs an autoencoder of one sparse and one linear layer with the activation %v, and the loss %v", part.name, Identity, SquaredError)
		}
	}
	switch {
	case cfg.AuxK.K > 0 && l.activation != ReLU && l.activation != Identity:
		return errorf(ErrRange, "TrainConfig.AuxK needs an encoder with the activation %v or %v, not %v", ReLU, Identity, l.activation)
	case cfg.MultiTopK > 0 && len(cfg.Matryoshka) > 0:
		return errorf(ErrRange, "TrainConfig has both MultiTopK and Matryoshka, want one of them")
	case cfg.MultiTopK > 0 && l.selection != SelectTopK && l.selection != SelectAbsTopK:
		return errorf(ErrRange, "TrainConfig.MultiTopK needs a layer that selects k of each row, layer %q selects by %v", l.name, l.selection)
	case len(cfg.Matryoshka) > 0 && cfg.Matryoshka[len(cfg.Matryoshka)-1] > l.out:
		return errorf(ErrRange, "TrainConfig.Matryoshka has a prefix of %d latents, layer %q has %d", cfg.Matryoshka[len(cfg.Matryoshka)-1], l.name, l.out)
	}
	return nil
}

// step takes one training step, number from 1, on the samples x with the targets
// y, which may be x itself. This is the whole of training:
//
//  1. forward: every layer's output, and the mask of every sparse layer;
//  2. the loss, and its gradient at the output;
//  3. backward, from the last layer to the first: the gradient at each layer's
//     pre-activations, which for a sparse layer exists only where its mask is true;
//  4. each layer's weight gradient, a few rows at a time, straight into the
//     optimizer. No gradient matrix is ever stored.
//
// What the last layer has to do in 1 to 3 is done for a few samples at a time
// (throughLoss). A loss with more parts (levels) has steps 1 to 3 of its own. Clipping
// needs the norm of the whole gradient before anything may move. Then step 4 runs
// twice: once to add up the norms of the rows, once to use them. Rows are cheap to
// compute from codes, cheaper than to store and read again.
func (s *stepper) step(x, y topk.Rows, rate float64, number int) (stepReport, error) {
	n, p := s.net, s.pass
	s.number = number
	if s.sparse >= 0 {
		k := s.k(number)
		if s.levels != nil {
			k = s.levels.wanted(k)
		}
		p.states[s.sparse].k = k
	}
	var report stepReport
	var err error
	if s.levels != nil {
		report, err = s.levels.pass(s, x, y)
	} else {
		report, err = s.plainPass(x, y)
	}
	if err != nil {
		return report, err
	}
	for i, l := range n.layers {
		l.biasGradient(p.states[i], s.bias[i])
	}
	if n.frame.shift != nil {
		n.layers[0].inputGradient(s.bias[0], s.shift)
		last := s.bias[len(n.layers)-1]
		kernel.Subtract(last, last, s.shift)
	}
	scale := 1.0
	if s.cfg.ClipNorm > 0 {
		square := 0.0
		for i := len(n.layers) - 1; i >= 0; i-- {
			square += s.squaredNorm(i)
		}
		if math.IsNaN(square) || math.IsInf(square, 0) {
			return report, s.diverged("the gradient's squared norm is %v", square)
		}
		if norm := math.Sqrt(square); norm > s.cfg.ClipNorm {
			scale = s.cfg.ClipNorm / norm
		}
	}
	square := 0.0
	for i := len(n.layers) - 1; i >= 0 && err == nil; i-- {
		var part float64
		part, err = s.update(i, scale, rate)
		square += part
	}
	report.gradientNorm = math.Sqrt(square)
	return report, err
}

// k returns how many latents the last sparse layer keeps at a step: TrainConfig's
// KStart at the first, the layer's own k once KAnneal of the steps are done.
func (s *stepper) k(number int) int {
	l := s.net.layers[s.sparse].(*SparseLayer)
	k, start := l.k, s.cfg.KStart
	if falling := int(math.Ceil(s.cfg.KAnneal * float64(s.steps))); start > k && number <= falling {
		k = start - int(int64(start-k)*int64(number-1)/int64(falling))
	}
	return k
}

// plainPass does steps 1 to 3 for the loss of the network's output.
func (s *stepper) plainPass(x, y topk.Rows) (stepReport, error) {
	n, p := s.net, s.pass
	n.forward(p, x, len(n.layers)-1)
	loss, err := n.throughLoss(p, n.frame.target(p, y), s.cfg.Loss)
	switch finite := !math.IsNaN(loss) && !math.IsInf(loss, 0); {
	case err == nil && finite: // which it is not where the output is not
	case checkOutput(p.output) != nil:
		return stepReport{}, s.diverged("the output is no longer finite")
	case err != nil:
		return stepReport{}, errorf(err, "step %d: %s", s.number, strings.TrimPrefix(err.Error(), "ksparse: "))
	default:
		return stepReport{}, s.diverged("the loss is %v", loss)
	}
	n.backward(p)
	report := stepReport{loss: loss, fvu: s.fvu(loss)}
	if s.sparse >= 0 {
		s.watch(&report, p.states[s.sparse].out.codes)
	}
	return report, nil
}

// fvu is the fraction of variance unexplained that a mean squared error comes to.
func (s *stepper) fvu(loss float64) float64 {
	if !(s.variance > 0) { // or it is NaN
		return math.NaN()
	}
	return loss / s.variance
}

// diverged makes the error of a training whose numbers are no longer finite.
func (s *stepper) diverged(format string, args ...any) error {
	return errorf(ErrDiverged, "training diverged at step %d: %s", s.number, fmt.Sprintf(format, args...))
}

// watch notes which latents the batch's codes have active, and learns the
// threshold of a selection from the batch.
func (s *stepper) watch(report *stepReport, c *Codes) {
	for j := range s.idle {
		s.idle[j] += int64(c.mask.rows)
	}
	active := 0
	for e, v := range c.values {
		if v != 0 {
			s.idle[c.mask.indices[e]] = 0
			active++
		}
	}
	for _, idle := range s.idle {
		if idle >= int64(s.cfg.AuxK.DeadAfter) {
			report.dead++
		}
	}
	report.l0 = float64(active) / float64(c.mask.rows)
	if l := s.net.layers[s.sparse].(*SparseLayer); l.selection == SelectBatchTopK {
		s.thresholds.learn(l, c)
	}
}

// restored brings up to date what follows from the parameters and the sections,
// where somebody else has written to them.
func (s *stepper) restored() {
	for i, l := range s.net.layers {
		if c := s.pass.states[i].screening; c.kept {
			c.packed.Repack(c.weights, l.base().b)
		}
	}
}

// sections returns all that a training needs to go on, besides the parameters.
func (s *stepper) sections() []section {
	var all []section
	for i := range s.net.layers {
		for t, slot := range s.weights[i] {
			all = append(all, section{name: fmt.Sprintf("layer %d weights slot %d", i, t), floats: slot})
		}
		for t, slot := range s.biases[i] {
			all = append(all, section{name: fmt.Sprintf("layer %d biases slot %d", i, t), floats: slot})
		}
	}
	if s.idle != nil {
		all = append(all, section{name: "idle", counts: s.idle})
	}
	return append(all, section{name: "threshold", floats: s.thresholds.average[:]})
}

const (
	// pieceSize is how many parameters the optimizer takes at a time: they and its
	// state should stay in the first-level cache. So should their gradient, where
	// computing more of it at a time gains nothing.
	pieceSize = 1024
	// squareRows is how many rows' squared norms the kernel computes side by side.
	squareRows = 8
	// denseGradientRows is how many rows are taken at a time where the gradient is
	// a product of dense matrices, which packs one of them anew each time.
	denseGradientRows = 64
)

// eachPiece computes the gradient of layer i's weights, with penalties, a few rows
// at a time, notes the rows' squared norms, and hands it to f, fewer rows at a time: the
// rows' gradient, and the range of parameters that they are, which f moves. Without f
// the norms are all. done, if it is not nil, is told of the rows that are through, while
// they are still in the cache.
func (s *stepper) eachPiece(i int, f func(w *workerScratch, gradient []float64, lo, hi int), done func(lo, hi int)) {
	l, state := s.net.layers[i], s.pass.states[i]
	w := l.base().w
	most := l.gradientRows(state)
	shared := i+1 < len(s.net.layers) && s.net.sharesWeights(i+1)
	if shared {
		most = min(most, s.net.layers[i+1].gradientRows(s.pass.states[i+1]))
	}
	s.norms = resized(s.norms, w.Rows)
	rows := parallel.Even(w.Rows, most)
	grain := rows
	if done != nil {
		// Latents whose integer copies share cache lines go to one goroutine.
		grain = (rows + screen.PanelLatents - 1) / screen.PanelLatents * screen.PanelLatents
	}
	step := max(1, pieceSize/w.Cols) * w.Cols
	several := (squareRows*w.Cols + step - 1) / step * step
	workers := parallel.Workers(w.Rows, grain)
	s.reserve(workers)
	parallel.ForWorkers(workers, w.Rows, grain, func(worker, first, last int) {
		scratch, told := &s.workers[worker], first
		for lo := first; lo < last; lo += rows {
			hi := min(lo+rows, last)
			from, to := lo*w.Cols, hi*w.Cols
			if f != nil && to-from <= step {
				s.askFor(i, from, to)
			}
			scratch.gradient = resized(scratch.gradient, to-from)
			l.gradient(state, lo, hi, scratch.gradient)
			if shared {
				scratch.second = resized(scratch.second, to-from)
				s.net.layers[i+1].gradient(s.pass.states[i+1], lo, hi, scratch.second)
				addTo(scratch.gradient, scratch.second)
			}
			for at, ready := from, from; at < to; at += step {
				if at == ready {
					ready = min(at+several, to)
					s.finish(i, scratch, scratch.gradient[at-from:ready-from], at, ready)
				}
				if f == nil {
					continue
				}
				end := min(at+step, to)
				f(scratch, scratch.gradient[at-from:end-from], at, end)
				if now := end / w.Cols; done != nil && (now-told >= screen.PanelLatents || now == last) {
					done(told, now)
					told = now
				}
			}
		}
	})
}

// finish adds to the gradient of the parameters from to to of layer i, which are whole
// rows, what does not come from the data, and notes the rows' squared norms.
func (s *stepper) finish(i int, scratch *workerScratch, gradient []float64, from, to int) {
	w := s.net.layers[i].base().w
	s.addPenalty(gradient, w.Data[from:to])
	if i == s.atoms {
		scratch.removeParallel(gradient, w.Data[from:to], w.Cols)
	}
	kernel.RowSquares(s.norms[from/w.Cols:to/w.Cols], gradient, w.Cols)
}

// askFor has weights of layer i and their optimizer state brought near, for when
// their gradient is there.
func (s *stepper) askFor(i, from, to int) {
	kernel.Prefetch(s.net.layers[i].base().w.Data[from:to])
	for _, slot := range s.weights[i] {
		kernel.Prefetch(slot[from:to])
	}
}

// reserve makes scratch memory for so many goroutines.
func (s *stepper) reserve(workers int) {
	if len(s.workers) < workers {
		s.workers = append(s.workers, make([]workerScratch, workers-len(s.workers))...)
	}
}

// removeParallel takes from each row's gradient the part along the row, which has
// norm 1: g -= (g·w) w.
func (s *workerScratch) removeParallel(gradient, weights []float64, cols int) {
	for at := 0; at < len(gradient); at += cols {
		g, w := gradient[at:at+cols], weights[at:at+cols]
		s.along = append(s.along[:0], -kernel.Dot(g, w))
		kernel.AddRows(g, s.along, w, cols, ascending[:1])
	}
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

// update moves the parameters of layer i and returns the squared norm of their
// gradient before scaling. A parameter that would not stay finite is left as it was,
// and the error says so.
func (s *stepper) update(i int, scale, rate float64) (square float64, err error) {
	a := s.net.layers[i].base()
	move := func(scratch *workerScratch, w, gradient []float64, state [][]float64, from, to int) bool {
		if scale != 1 {
			kernel.Scale(gradient, scale)
		}
		scratch.state = scratch.state[:0]
		for _, slot := range state {
			scratch.state = append(scratch.state, slot[from:to])
		}
		if s.mover != nil {
			return s.mover.move(w, gradient, scratch.state, rate, s.number)
		}
		scratch.before = append(scratch.before[:0], w...)
		s.cfg.Optimizer.Update(w, gradient, scratch.state, rate, s.number)
		if !kernel.AllFinite(w) {
			copy(w, scratch.before)
			return false
		}
		return true
	}
	var bad atomic.Bool
	copies := s.pass.states[i].screening
	if !s.net.sharesWeights(i) { // else they move with the layer below
		var repack func(lo, hi int)
		if copies.kept {
			repack = func(lo, hi int) { copies.packed.RepackRows(copies.weights, lo, hi) }
		}
		cols := a.w.Cols
		s.eachPiece(i, func(scratch *workerScratch, gradient []float64, from, to int) {
			w := a.w.Data[from:to]
			if !move(scratch, w, gradient, s.weights[i], from, to) {
				bad.Store(true)
			}
			if i == s.atoms {
				for at := 0; at < len(w); at += cols {
					unit(w[at : at+cols])
				}
			}
		}, repack)
		for _, v := range s.norms {
			square += v
		}
	}
	s.reserve(1)
	square += kernel.Dot(s.bias[i], s.bias[i])
	ok := move(&s.workers[0], a.b, s.bias[i], s.biases[i], 0, len(a.b)) && !bad.Load()
	if copies.kept {
		copies.packed.RepackBias(a.b)
	}
	if !ok {
		return square, s.diverged("a parameter of layer %q would not stay finite", a.name)
	}
	return square, nil
}

// squaredNorm returns the squared Euclidean norm of layer i's gradient: the sum
// of those of its rows, in order.
func (s *stepper) squaredNorm(i int) float64 {
	sum := kernel.Dot(s.bias[i], s.bias[i])
	if s.net.sharesWeights(i) {
		return sum
	}
	s.eachPiece(i, nil, nil)
	for _, v := range s.norms {
		sum += v
	}
	return sum
}
