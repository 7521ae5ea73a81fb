package ksparse

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
)

// throughLoss runs p, which has come to the last layer, through that layer and the
// loss against y. Where the layer decodes codes it goes on, a few samples at a time,
// back to the codes: so what they name of its weights is fetched once for both ways.
// The layer's delta, and passed, tell backward where to go on.
func (n *Network) throughLoss(p *Pass, y topk.Rows, loss Loss) (float64, error) {
	last := len(n.layers) - 1
	s := p.into(last)
	l, linear := n.layers[last].(*LinearLayer)
	s.passed = linear && s.in.codes != nil && !s.in.isDense()
	if !s.passed {
		n.layers[last].forward(s)
		p.setOutput()
		return n.lossDelta(p, y, loss)
	}
	if loss == SquaredError && l.in <= nearAtoms && kernel.FastStrips() {
		return p.throughStrips(l, y)
	}
	rows, cols, below := l.begin(s), l.out, p.states[last-1]
	p.setOutput()
	s.deltaAtPre = loss.atPre(l.activation)
	s.delta, p.rowLoss = resized(s.delta, rows*cols), resized(p.rowLoss, rows)
	below.delta = resized(below.delta, len(s.in.codes.values))
	grain := rowGrain(s.in.codes.rowCost(cols))
	if l.in*cols <= nearWeights {
		grain = l.forwardGrain(s)
	}
	parallel.For(rows, grain, func(_, lo, hi int) {
		l.forwardRows(s, lo, hi)
		from, to := lo*cols, hi*cols
		if l.activation != Identity {
			l.activation.values(s.post[from:to], s.pre[from:to])
		}
		loss.evaluateRows(p.output, y, s.deltaAtPre, s.delta, p.rowLoss, lo, hi)
		s.toPreAt(l.activation, from, to)
		l.backwardRows(s, below, lo, hi)
	})
	return loss.mean(p.output, p.rowLoss)
}

// nearWeights is how many weights stay near without being fetched anew: with
// more, samples are decoded and passed back in ones and twos (768 -> 8192, k=32: 0.73
// of the time of one after the other; 784 -> 1000, k=25: 0.91), with fewer in as many
// as serve the cache (784 -> 100: 0.95).
const nearWeights = 1 << 17

// nearAtoms is how many rows of W a strip may have: then it stays in a second-level
// cache of 1 MiB, more or less. (Of the time of throughLoss without strips: 784 -> 100
// 0.65, 784 -> 1000 0.75, 768 -> 2048 0.95, 768 -> 8192 1.10; Zen 5, 2 cores.)
const nearAtoms = 3 << 10

// stripRows is how many samples are taken through a strip at a time: what is between
// decoding and going back, three numbers for each of their columns, stays in the
// first-level cache.
const stripRows = 16

// stripEntries is about how many entries of codes are taken through all strips before
// the next ones: each needs 64 bytes, for its unfinished product, which a worker should
// have in its second-level cache. (From 4 Ki to 1 Mi a step takes the same time.)
const stripEntries = 1 << 13

// strip is what one goroutine needs for the samples that it takes through strips.
type strip struct {
	pre, post, delta [stripRows * kernel.StripCols]float64
	lanes, squares   []float64 // unfinished products with W, and losses of the rows
}

// strips are there to be used again, one for each goroutine.
type strips []strip

// each calls f for consecutive ranges of rows, which together have so many entries.
func (s *strips) each(rows, entries int, f func(b *strip, lo, hi int)) {
	workers := parallel.Workers(rows, stripRows)
	share := min((rows+workers-1)/workers, stripEntries*rows/max(entries, 1))
	share = parallel.Even(rows, max(share, stripRows))
	workers = parallel.Workers(rows, share)
	if len(*s) < workers {
		*s = append(*s, make([]strip, workers-len(*s))...)
	}
	parallel.ForWorkers(workers, rows, share, func(worker, lo, hi int) { f(&(*s)[worker], lo, hi) })
}

// throughStrips is throughLoss for the squared error, a strip of columns at a time:
// that part of W serves many samples, on both ways. The output is stored only where
// the loss is not finite.
func (p *Pass) throughStrips(l *LinearLayer, y topk.Rows) (float64, error) {
	last := len(p.states) - 1
	s, below := p.states[last], p.states[last-1]
	c, rows := s.in.codes, s.in.rows()
	s.out, p.output = signal{}, topk.Rows{}
	s.delta, p.rowLoss = resized(s.delta, rows*l.out), resized(p.rowLoss, rows)
	below.delta = resized(below.delta, len(c.values))
	p.strips.each(rows, len(c.values), func(b *strip, lo, hi int) { b.through(l, s, below, y, p.rowLoss, lo, hi) })
	loss, err := SquaredError.mean(topk.Rows{Rows: rows}, p.rowLoss)
	if math.IsNaN(loss) || math.IsInf(loss, 0) { // whoever asks why looks at the output
		l.forward(s)
		p.setOutput()
	}
	return loss, err
}

// through takes the samples lo to hi through all strips.
func (b *strip) through(l *LinearLayer, s, below *state, y topk.Rows, rowLoss []float64, lo, hi int) {
	c, cols := s.in.codes, l.out
	offsets := c.mask.offsets[lo : hi+1]
	first, end := offsets[0], offsets[hi-lo]
	scale := 2 * (1 / float64(y.Rows))
	y, rowLoss = y.Slice(lo, hi), rowLoss[lo:hi]
	b.lanes, b.squares = resized(b.lanes, 8*(end-first)), resized(b.squares, 8*(hi-lo))
	clear(b.lanes)
	clear(b.squares)
	clear(rowLoss)
	strips := kernel.NewStrips(cols, offsets, c.values, l.w.Data, l.w.Stride, c.mask.indices)
	for at := 0; at < cols; at += kernel.StripCols {
		width := min(kernel.StripCols, cols-at)
		for i := 0; i < y.Rows; i += stripRows {
			next := min(i+stripRows, y.Rows)
			size := (next - i) * width
			pre, delta := b.pre[:size], b.delta[:size]
			strips.Decode(pre, at, width, i, next, l.b)
			post := pre
			if l.activation != Identity {
				post = b.post[:size]
				l.activation.values(post, pre)
			}
			kernel.SquareStrip(delta, b.squares[8*i:], post, width, y.Data[i*y.Stride+at:], y.Stride, scale)
			l.activation.derivatives(delta, pre, post)
			strips.Dot(b.lanes[8*(offsets[i]-first):], s.delta[(lo+i)*cols:], delta, width, at, width, i, next)
		}
		if to := at + width; to%differenceBlock == 0 || to == cols {
			for i := range rowLoss {
				rowLoss[i] += kernel.FoldOne(b.squares[8*i:])
			}
			clear(b.squares)
		}
	}
	kernel.Fold(below.delta[first:end], b.lanes)
}

// dots is dotEntries by strips, where they serve.
func (b *strip) dots(dst []float64, x topk.Rows, offsets []int, w topk.Rows, idx []int32) {
	if w.Rows > nearAtoms || !kernel.FastStrips() {
		dotEntries(dst, x, offsets, w, idx)
		return
	}
	b.lanes = resized(b.lanes, 8*len(dst))
	clear(b.lanes)
	strips := kernel.NewStrips(w.Cols, offsets, nil, w.Data, w.Stride, idx)
	for at := 0; at < w.Cols; at += kernel.StripCols {
		strips.Dot(b.lanes, x.Data, x.Data[at:], x.Stride, at, min(kernel.StripCols, w.Cols-at), 0, x.Rows)
	}
	kernel.Fold(dst, b.lanes)
}
