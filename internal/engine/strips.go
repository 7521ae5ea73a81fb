package engine

import (
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// nearAtoms is how many rows of W a strip may have: then it stays in a second-level
// cache of 1 MiB, more or less. (Of the time without strips: 784 -> 100 0.65, 784 -> 1000
// 0.75, 768 -> 2048 0.95, 768 -> 8192 1.10; Zen 5, 2 cores.)
const nearAtoms = 3 << 10

// stripRows is how many rows are taken through a strip at a time: what is between
// decoding and going back, three numbers for each of their columns, stays in the
// first-level cache.
const stripRows = 16

// stripEntries is about how many entries of codes are taken through all strips before
// the next ones: each needs 64 bytes, for its unfinished product, which a worker should
// have in its second-level cache. (From 4 Ki to 1 Mi a step takes the same time.)
const stripEntries = 1 << 13

// strip is what one goroutine needs for the rows that it takes through strips.
type strip struct {
	pre, post, delta [stripRows * kernel.StripCols]float64
	lanes, squares   []float64 // unfinished products with W, and losses of the rows
}

// strips are kept to be used again, one for each goroutine.
type strips []strip

// each calls f for consecutive ranges of the rows, which together have size entries.
func (s *strips) each(rows, size int, f func(st *strip, lo, hi int)) {
	workers := parallel.Workers(rows, stripRows)
	share := min((rows+workers-1)/workers, stripEntries*rows/max(size, 1))
	share = parallel.Even(rows, max(share, stripRows))
	workers = parallel.Workers(rows, share)
	if len(*s) < workers {
		*s = append(*s, make([]strip, workers-len(*s))...)
	}
	parallel.ForWorkers(workers, rows, share, func(worker, lo, hi int) { f(&(*s)[worker], lo, hi) })
}

// stripsObjective is for the squared error of a decoder with few atoms. It does what
// samplesObjective does, a strip of columns at a time: that part of W serves many rows,
// on both ways. The output is stored only where the loss is not finite.
type stripsObjective struct{ strips strips }

// run shares the rows out among goroutines, each of which takes its rows through all
// strips.
func (o *stripsObjective) run(t *training, y matrix.Rows) (Report, int, error) {
	p, last := t.pass, len(t.pass.layers)-1
	lp, below := &p.layers[last], &p.layers[last-1]
	c, rows := lp.in.codes, lp.in.rows()
	lp.out, p.output = signal{}, matrix.Rows{}
	lp.delta, p.rowLoss = matrix.Resized(lp.delta, rows*lp.layer.Out), matrix.Resized(p.rowLoss, rows)
	below.makeDelta()
	o.strips.each(rows, len(c.Values), func(st *strip, lo, hi int) { st.run(lp, below, y, p.rowLoss, lo, hi) })
	loss, err := t.recipe.Loss.mean(matrix.Rows{Rows: rows}, p.rowLoss)
	if !finite(loss) { // measured asks the output why
		lp.forwardLinear()
		p.setOutput()
	}
	report, err := t.measured(loss, err)
	if err != nil {
		return report, 0, err
	}
	lp.linearGradient(below)
	return report, last - 1, nil
}

// errorBlock is how many squared errors are summed in lanes before they are added to
// the row's sum, as in the root's squared error.
const errorBlock = 256

// run takes the rows lo to hi through all strips.
func (st *strip) run(lp, below *layerPass, y matrix.Rows, rowLoss []float64, lo, hi int) {
	l, c, cols := lp.layer, lp.in.codes, lp.layer.Out
	offsets := c.Offsets[lo : hi+1]
	first, end := offsets[0], offsets[hi-lo]
	scale := 2 * (1 / float64(y.Rows))
	y, rowLoss = y.Slice(lo, hi), rowLoss[lo:hi]
	st.lanes, st.squares = matrix.Resized(st.lanes, 8*(end-first)), matrix.Resized(st.squares, 8*(hi-lo))
	clear(st.lanes)
	clear(st.squares)
	clear(rowLoss)
	w := matrix.WideRows(l.W)
	ways := kernel.NewStrips(cols, offsets, c.Values, w.Data, w.Stride, c.Indices)
	for at := 0; at < cols; at += kernel.StripCols {
		width := min(kernel.StripCols, cols-at)
		for i := 0; i < y.Rows; i += stripRows {
			next := min(i+stripRows, y.Rows)
			size := (next - i) * width
			pre, delta := st.pre[:size], st.delta[:size]
			ways.Decode(pre, at, width, i, next, l.B)
			post := pre
			if l.Activation.Values != nil {
				post = st.post[:size]
				l.Activation.apply(post, pre)
			}
			kernel.SquareStrip(delta, st.squares[8*i:], post, width, y.Data[i*y.Stride+at:], y.Stride, scale)
			if l.Activation.Slopes != nil {
				l.Activation.Slopes(delta, pre, post)
			}
			ways.Dot(st.lanes[8*(offsets[i]-first):], lp.delta[(lo+i)*cols:], delta, width, at, width, i, next)
		}
		if to := at + width; to%errorBlock == 0 || to == cols {
			st.addSquares(rowLoss)
		}
	}
	kernel.Fold(below.delta[first:end], st.lanes)
}

// addSquares adds the squared errors that lie in lanes to the rows' losses.
func (st *strip) addSquares(rowLoss []float64) {
	for i := range rowLoss {
		rowLoss[i] += kernel.FoldOne(st.squares[8*i:])
	}
	clear(st.squares)
}

// dots is dotEntries by strips, where they serve.
func (st *strip) dots(dst []float64, x matrix.Rows, offsets []int, w matrix.Rows, idx []int32) {
	if w.Rows > nearAtoms || !kernel.FastStrips() {
		dotEntries(dst, x, offsets, w, idx)
		return
	}
	st.lanes = matrix.Resized(st.lanes, 8*len(dst))
	clear(st.lanes)
	ways := kernel.NewStrips(w.Cols, offsets, nil, w.Data, w.Stride, idx)
	for at := 0; at < w.Cols; at += kernel.StripCols {
		ways.Dot(st.lanes, x.Data, x.Data[at:], x.Stride, at, min(kernel.StripCols, w.Cols-at), 0, x.Rows)
	}
	kernel.Fold(dst, st.lanes)
}
