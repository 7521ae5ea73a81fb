package topk

import (
	"sync"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
)

// List receives a selection of any number of entries per row: those of row i
// stand at Offsets[i] to Offsets[i+1], in ascending order of Idx.
type List struct {
	Offsets []int // one more than there are rows
	Idx     []int32
	Pre     []float64 // before the activation
}

// Row returns the entries of row i.
func (l *List) Row(i int) ([]int32, []float64) {
	lo, hi := l.Offsets[i], l.Offsets[i+1]
	return l.Idx[lo:hi], l.Pre[lo:hi]
}

// EncodeAbove computes Z = X Wᵀ + b and finds all entries with Z[i,j] >
// threshold[j], without ever storing that product. A threshold is finite or +Inf,
// which nothing is above; NaN is not above anything. The memory of out is used
// again where it is large enough.
func EncodeAbove(out *List, x, w Rows, bias, threshold []float64) {
	encodeAbove(out, x, weights{wide: w}, bias, threshold)
}

// EncodeAboveNarrow is EncodeAbove for weights in float32, row after row without
// gaps. It has the bits of EncodeAbove for the same numbers in float64.
func EncodeAboveNarrow(out *List, x Rows, w []float32, bias, threshold []float64) {
	encodeAbove(out, x, narrowWeights(w, len(bias), x.Cols), bias, threshold)
}

func encodeAbove(out *List, x Rows, w weights, bias, threshold []float64) {
	c, _ := abovePool.Get().(*aboveCall)
	if c == nil {
		c = new(aboveCall)
		c.rows, c.latents = c.encodeRows, c.encodeLatents
	}
	c.x, c.w, c.bias, c.threshold = x, w, bias, threshold
	if workers, block := split(x, w); block == 0 {
		c.share = (w.wide.Rows + workers - 1) / workers
		for range workers {
			c.found.Part() // beforehand: a row's entries are in the order of the parts
		}
		parallel.ForWorkers(workers, workers, 1, c.latents)
	} else {
		parallel.For(x.Rows, block, c.rows)
	}
	c.found.Join(out, x.Rows)
	c.x, c.w, c.bias, c.threshold = Rows{}, weights{}, nil, nil
	abovePool.Put(c)
}

// aboveCall is one EncodeAbove. Like a call, it is kept.
type aboveCall struct {
	x               Rows
	w               weights
	bias, threshold []float64

	share int // latents per part
	found Found

	rows, latents func(worker, lo, hi int)
}

var abovePool sync.Pool

// encodeRows encodes the rows lo to hi.
func (c *aboveCall) encodeRows(_, lo, hi int) { c.scan(c.found.Part(), lo, hi, 0, c.w.wide.Rows) }

// encodeLatents encodes all rows for one part of the latents.
func (c *aboveCall) encodeLatents(_, part, _ int) {
	lo, hi := min(part*c.share, c.w.wide.Rows), min((part+1)*c.share, c.w.wide.Rows)
	c.scan(c.found.parts[part], 0, c.x.Rows, lo, hi)
}

// scan adds to p what it finds of the rows from to to and the latents lo to hi.
func (c *aboveCall) scan(p *Part, from, to, lo, hi int) {
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	s.spare.grow()
	x, d := c.x.Slice(from, to), c.x.Cols
	s.tile = Grown(s.tile, panel*x.Rows)
	for ; lo < hi; lo += panel {
		n := min(panel, hi-lo)
		tile, bias, threshold := s.tile[:n*x.Rows], c.bias[lo:lo+n], c.threshold[lo:lo+n]
		w, stride := c.w.panel(s, lo, n)
		kernel.MulT(tile, n, x.Data, x.Stride, x.Rows, w, stride, n, d)
		for i := range x.Rows {
			z, over := tile[i*n:(i+1)*n], s.spare.piece[:n]
			for j, b := range bias {
				v := z[j] + b
				// Two numbers differ where their difference, as rounded, is not zero.
				z[j], over[j] = v, v-threshold[j]
			}
			hits := s.spare.hits[:n]
			for _, j := range hits[:kernel.Above(hits, over, 0)] {
				p.add(int32(lo)+j, z[j])
			}
			p.end(from + i)
		}
	}
}

// Found collects entries that several goroutines find at once, for a List. The
// zero value is empty.
type Found struct {
	mu    sync.Mutex
	parts []*Part

	out  *List
	copy func(worker, lo, hi int)
}

// Part holds what one goroutine has found, in pieces: entries of one row, each
// piece in ascending order of the index.
type Part struct {
	pieces []rowPiece
	idx    []int32
	pre    []float64
}

type rowPiece struct {
	row, end int // its entries end before this one of the part
	to       int // and go here in the list
}

var partPool = sync.Pool{New: func() any { return new(Part) }}

// Part returns a new part. Where a row has pieces in several parts, they follow
// one another in the order in which the parts were asked for.
func (f *Found) Part() *Part {
	p := partPool.Get().(*Part)
	p.pieces, p.idx, p.pre = p.pieces[:0], p.idx[:0], p.pre[:0]
	f.mu.Lock()
	f.parts = append(f.parts, p)
	f.mu.Unlock()
	return p
}

// Add adds a piece.
func (p *Part) Add(row int, idx []int32, pre []float64) {
	p.idx, p.pre = append(p.idx, idx...), append(p.pre, pre...)
	p.end(row)
}

// add adds an entry to the piece that end ends.
func (p *Part) add(idx int32, pre float64) { p.idx, p.pre = append(p.idx, idx), append(p.pre, pre) }

func (p *Part) end(row int) {
	if end := len(p.idx); end > p.last() {
		p.pieces = append(p.pieces, rowPiece{row: row, end: end})
	}
}

// last returns where the last piece ends.
func (p *Part) last() int {
	if n := len(p.pieces); n > 0 {
		return p.pieces[n-1].end
	}
	return 0
}

// Join sets out to all that was found of so many rows, and empties f.
func (f *Found) Join(out *List, rows int) {
	out.Offsets = Grown(out.Offsets, rows+1)
	clear(out.Offsets)
	// First the counts, from which come the beginnings of the rows; each piece moves
	// that of its row on, to where the next row begins in the end.
	next := out.Offsets[1:]
	total := 0
	for _, p := range f.parts {
		from := 0
		for _, piece := range p.pieces {
			next[piece.row] += piece.end - from
			from = piece.end
		}
		total += from
	}
	begin := 0
	for i, n := range next {
		next[i] = begin
		begin += n
	}
	for _, p := range f.parts {
		from := 0
		for i := range p.pieces {
			piece := &p.pieces[i]
			piece.to = next[piece.row]
			next[piece.row] += piece.end - from
			from = piece.end
		}
	}
	out.Idx, out.Pre = Grown(out.Idx, total), Grown(out.Pre, total)
	if f.copy == nil {
		f.copy = f.copyParts
	}
	f.out = out
	parallel.For(len(f.parts), 1+len(f.parts)*leastCopy/(total+1), f.copy)
	f.out = nil
	for i, p := range f.parts {
		partPool.Put(p)
		f.parts[i] = nil
	}
	f.parts = f.parts[:0]
}

// leastCopy is how many entries are worth a goroutine.
const leastCopy = 1 << 14

func (f *Found) copyParts(_, lo, hi int) {
	for _, p := range f.parts[lo:hi] {
		from := 0
		for _, piece := range p.pieces {
			copy(f.out.Idx[piece.to:], p.idx[from:piece.end])
			copy(f.out.Pre[piece.to:], p.pre[from:piece.end])
			from = piece.end
		}
	}
}
