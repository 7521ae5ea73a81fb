package engine

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/screen"
)

// layerSweep is what a training keeps of a layer from step to step.
type layerSweep struct {
	layer        *Layer
	tied         bool        // the weights move with the layer below
	unitRows     bool        // the rows of the weights are kept at norm 1
	weights      [][]float64 // optimizer state of the weights, slot by slot
	biases       [][]float64 // the same of the biases
	biasGradient []float64
	square       float64       // of the weights' gradient: its squared norm in the last sweep
	usualRow     usualGradient // of the rows of the weights' gradient that are not zero
}

// newLayerSweep makes the optimizer state of a layer, zeros.
func newLayerSweep(l *Layer, slots int, tied bool) layerSweep {
	ls := layerSweep{layer: l, tied: tied, biases: newSlots(slots, len(l.B)), biasGradient: make([]float64, len(l.B))}
	if !tied {
		ls.weights = newSlots(slots, len(l.W.Float64))
	}
	return ls
}

// newSlots returns the optimizer state of n parameters.
func newSlots(slots, n int) [][]float64 {
	state := make([][]float64, slots)
	for i := range state {
		state[i] = make([]float64, n)
	}
	return state
}

// keepUnitNorm makes the rows of the layer above the last sparse one, the dictionary
// atoms, have norm 1 from the first step on. Of tied weights they are those of the layer
// itself.
func (sw *sweeper) keepUnitNorm(sparse int) {
	at := &sw.layers[sparse+1]
	if at.tied {
		at = &sw.layers[sparse]
	}
	at.unitRows = true
}

// scaleToUnit scales the rows that are kept at norm 1 to that.
func (sw *sweeper) scaleToUnit() {
	for i := range sw.layers {
		if at := &sw.layers[i]; at.unitRows {
			w := matrix.WideRows(at.layer.W)
			for j := range w.Rows {
				Unit(w.Row(j))
			}
		}
	}
}

// Unit scales v to norm 1 and reports whether that is possible: v is not zero.
func Unit(v []float64) bool {
	norm := matrix.Norm(v)
	if norm == 0 {
		return false
	}
	if norm < 0x1p-1000 || norm > 0x1p1000 { // 1/norm would not be a normal number
		kernel.Scale(v, math.Ldexp(1, min(1000, -matrix.Exponent(v))))
		norm = matrix.Norm(v)
	}
	kernel.Scale(v, 1/norm)
	return true
}

// sweeper moves the parameters of all layers, in sweeps over the rows of their weights.
type sweeper struct {
	*training
	layers  []layerSweep
	norms   []float64 // squared norms of a layer's gradient rows
	usual   usualGradient
	workers []sweepMemory
}

// sweepMemory is what one goroutine needs for a few rows.
type sweepMemory struct {
	gradient []float64
	second   []float64   // the gradient of a second layer with these weights
	state    [][]float64 // the optimizer state of the rows
	along    []float64   // for removeParallel: one number
}

// reserve makes memory for that number of goroutines.
func (sw *sweeper) reserve(workers int) {
	if len(sw.workers) < workers {
		sw.workers = append(sw.workers, make([]sweepMemory, workers-len(sw.workers))...)
	}
}

// squareRows is how many rows' squared norms the kernel computes side by side.
const squareRows = 8

// sweep is one pass over the rows of layer i's weights: it computes their gradient, with
// penalties, a few rows at a time, and notes the rows' squared norms.
type sweep struct {
	of   *sweeper
	i    int // the layer
	cols int
	rows int // how many rows of the gradient are computed at a time
	step int // how many parameters are moved at a time, whole rows

	// move moves the parameters from to to; nil where the norms are all.
	move func(m *sweepMemory, gradient []float64, from, to int)
	// moved is called for rows that have moved, while they are in the cache; may be nil.
	moved func(lo, hi int)
}

// newSweep prepares a sweep over layer i.
func (sw *sweeper) newSweep(i int) sweep {
	cols := sw.layers[i].layer.W.Cols
	return sweep{of: sw, i: i, cols: cols, step: max(1, pieceSize/cols) * cols}
}

// run goes over all rows, which are shared out among goroutines.
func (w *sweep) run() {
	sw, rows := w.of, w.of.layers[w.i].layer.W.Rows
	most := sw.pass.layers[w.i].gradient.grain()
	if w.second() {
		most = min(most, sw.pass.layers[w.i+1].gradient.grain())
	}
	sw.norms = matrix.Resized(sw.norms, rows)
	w.rows = parallel.Even(rows, most)
	grain := w.rows
	if w.moved != nil {
		// Latents whose integer copies share cache lines go to one goroutine.
		grain = (w.rows + screen.PanelLatents - 1) / screen.PanelLatents * screen.PanelLatents
	}
	workers := parallel.Workers(rows, grain)
	sw.reserve(workers)
	parallel.ForWorkers(workers, rows, grain, func(worker, first, last int) { w.share(&sw.workers[worker], first, last) })
}

// second reports whether the layer above has the same weights, and a gradient of them.
func (w *sweep) second() bool { return w.i+1 < len(w.of.layers) && w.of.layers[w.i+1].tied }

// share goes over the rows first to last.
func (w *sweep) share(m *sweepMemory, first, last int) {
	at := &w.of.layers[w.i]
	several := (squareRows*w.cols + w.step - 1) / w.step * w.step
	told := first // rows before it were passed to moved
	for lo := first; lo < last; lo += w.rows {
		hi := min(lo+w.rows, last)
		from, to := lo*w.cols, hi*w.cols
		if w.move != nil && to-from <= w.step {
			at.prefetch(from, to)
		}
		w.gradient(m, lo, hi)
		for i, ready := from, from; i < to; i += w.step {
			if i == ready {
				ready = min(i+several, to)
				w.finish(m, m.gradient[i-from:ready-from], i, ready)
			}
			if w.move == nil {
				continue
			}
			end := min(i+w.step, to)
			w.move(m, m.gradient[i-from:end-from], i, end)
			if now := end / w.cols; w.moved != nil && (now-told >= screen.PanelLatents || now == last) {
				w.moved(told, now)
				told = now
			}
		}
	}
}

// gradient computes the gradient of the rows lo to hi, without penalties.
func (w *sweep) gradient(m *sweepMemory, lo, hi int) {
	layers, n := w.of.pass.layers, (hi-lo)*w.cols
	m.gradient = matrix.Resized(m.gradient, n)
	layers[w.i].gradient.rows(m.gradient, lo, hi)
	if w.second() {
		m.second = matrix.Resized(m.second, n)
		layers[w.i+1].gradient.rows(m.second, lo, hi)
		matrix.AddTo(m.gradient, m.second)
	}
}

// finish adds to the gradient of the parameters from to to, which are whole rows, what
// does not come from the data, and notes the rows' squared norms. A row that is too long
// for a step is shortened.
func (w *sweep) finish(m *sweepMemory, gradient []float64, from, to int) {
	at := &w.of.layers[w.i]
	weights := at.layer.W.Float64[from:to]
	w.of.recipe.addPenalty(gradient, weights)
	if at.unitRows {
		m.removeParallel(gradient, weights, w.cols)
	}
	kernel.RowSquares(w.of.norms[from/w.cols:to/w.cols], gradient, w.cols)
	if w.move != nil && w.of.recipe.ScaleGradients {
		w.shorten(gradient, from/w.cols)
	}
}

// prefetch has the weights from to to and their optimizer state brought near, for when
// their gradient is there.
func (ls *layerSweep) prefetch(from, to int) {
	kernel.Prefetch(ls.layer.W.Float64[from:to])
	for _, slot := range ls.weights {
		kernel.Prefetch(slot[from:to])
	}
}

// removeParallel takes from each row's gradient the part along the row, which has norm
// 1: g -= (g·w) w.
func (m *sweepMemory) removeParallel(gradient, weights []float64, cols int) {
	for at := 0; at < len(gradient); at += cols {
		g, w := gradient[at:at+cols], weights[at:at+cols]
		m.along = append(m.along[:0], -kernel.Dot(g, w))
		kernel.AddRows(g, m.along, w, cols, matrix.Ascending[:1])
	}
}

// addPenalty adds the gradient of L1·Σ|w| + L2/2·Σw².
func (r *Recipe) addPenalty(gradient, weights []float64) {
	l1, l2 := r.L1, r.L2
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
