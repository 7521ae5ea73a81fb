package topk

import (
	"slices"
	"sync"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
)

// Rows is a row-major matrix: row i is Data[i*Stride : i*Stride+Cols].
type Rows struct {
	Data               []float64
	Rows, Cols, Stride int
}

// Row returns row i.
func (r Rows) Row(i int) []float64 { return r.Data[i*r.Stride:][:r.Cols] }

// Slice returns the rows lo to hi.
func (r Rows) Slice(lo, hi int) Rows {
	return Rows{Data: r.Data[lo*r.Stride:], Rows: hi - lo, Cols: r.Cols, Stride: r.Stride}
}

// Selected receives a selection of k entries per row: those of row i stand at
// i*k to (i+1)*k, in ascending order of Idx.
type Selected struct {
	Idx []int32
	Val []float64 // after the activation
	Pre []float64 // before it
}

func (o Selected) row(i, k int) ([]int32, []float64, []float64) {
	return o.Idx[i*k : (i+1)*k], o.Val[i*k : (i+1)*k], o.Pre[i*k : (i+1)*k]
}

const (
	// piece is how many entries of a row of a stored matrix are looked at with one
	// threshold; what they raise it to spares the next piece.
	piece = 256
	// panel is how many latents are multiplied before their pre-activations are
	// looked at, while those are in the first-level cache.
	panel = 384
	// rowBytes bounds the rows that one worker multiplies with a panel: they
	// should stay in its second-level cache.
	rowBytes = 3072 << 10
	maxRows  = 512
	minRows  = 4
)

// Select finds the k largest entries of each row of z, 1 <= k <= z.Cols.
func Select(out Selected, z Rows, k int, f Func) {
	parallel.For(z.Rows, max(1, 1<<14/z.Cols), func(_, lo, hi int) {
		s := scratchPool.Get().(*scratch)
		defer scratchPool.Put(s)
		for i := lo; i < hi; i++ {
			sel := &s.selectors(1, k, f)[0]
			row := z.Row(i)
			for j := 0; j < len(row); j += piece {
				sel.scan(row[j:min(j+piece, len(row))], j, f, &s.spare)
			}
			idx, val, pre := out.row(i, k)
			sel.finish(idx, val, pre)
		}
	})
}

// Encode computes f(X Wᵀ + b) and finds the k largest entries of each row,
// 1 <= k < w.Rows, without ever storing that product: a tile of it is looked at
// while it is in cache, and each row keeps its best entries so far.
func Encode(out Selected, x, w Rows, bias []float64, k int, f Func) {
	encode(out, x, weights{wide: w}, bias, k, f)
}

// EncodeNarrow is Encode for weights in float32, row after row without gaps. It
// has the bits of Encode for the same numbers in float64.
func EncodeNarrow(out Selected, x Rows, w []float32, bias []float64, k int, f Func) {
	encode(out, x, narrowWeights(w, len(bias), x.Cols), bias, k, f)
}

func encode(out Selected, x Rows, w weights, bias []float64, k int, f Func) {
	c, _ := callPool.Get().(*call)
	if c == nil {
		c = new(call)
		c.rows, c.latents = c.encodeRows, c.encodeLatents
	}
	c.out, c.x, c.w, c.bias, c.k, c.f = out, x, w, bias, k, f
	if workers, block := split(x, w); block == 0 {
		c.encodeByLatents(workers)
	} else {
		parallel.For(x.Rows, block, c.rows)
	}
	c.out, c.x, c.w, c.bias, c.f = Selected{}, Rows{}, weights{}, nil, Func{}
	callPool.Put(c)
}

// split says how the work for the rows x is shared out: in blocks of rows, or, where
// block is 0, in a part of the latents for each of the workers.
func split(x Rows, w weights) (workers, block int) {
	workers = parallel.Workers(w.wide.Rows, panel)
	if x.Rows < workers*minRows && w.wide.Rows*w.wide.Cols >= 1<<16 {
		return workers, 0
	}
	block = max(minRows, min(maxRows, rowBytes/(8*max(w.wide.Cols, 1))))
	// Even shares keep every worker busy to the end.
	workers = parallel.Workers(x.Rows, minRows)
	return workers, max(minRows, min(block, (x.Rows+workers-1)/workers))
}

// call is one Encode. It is kept for the next one, with its method values, so
// that a call makes no garbage.
type call struct {
	out  Selected
	x    Rows
	w    weights
	bias []float64
	k    int
	f    Func

	share int        // latents per part
	parts []*scratch // of encodeByLatents

	rows, latents func(worker, lo, hi int)
}

var callPool sync.Pool

// encodeRows encodes the rows lo to hi.
func (c *call) encodeRows(_, lo, hi int) {
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	by, kept := c.f.scanned(c.k)
	x := c.x.Slice(lo, hi)
	s.scan(s.selectors(hi-lo, kept, by), x, c.w, c.bias, 0, c.w.wide.Rows, by)
	s.finish(c.out, lo, x, c.w, c.bias, c.k, c.f)
}

// encodeByLatents is for so few rows that the latents must be shared out. Each
// worker finds the best of its own range; the ranges' winners then go, in
// ascending order, through one more selection.
func (c *call) encodeByLatents(workers int) {
	c.share = (c.w.wide.Rows + workers - 1) / workers
	c.parts = Grown(c.parts, workers)
	parallel.ForWorkers(workers, workers, 1, c.latents)
	first := c.parts[0]
	for i := range c.x.Rows {
		for _, later := range c.parts[1:] {
			first.sel[i].merge(&later.sel[i])
		}
	}
	first.finish(c.out, 0, c.x, c.w, c.bias, c.k, c.f)
	for i, s := range c.parts {
		scratchPool.Put(s)
		c.parts[i] = nil
	}
}

// encodeLatents finds the best of all rows in one part of the latents.
func (c *call) encodeLatents(_, part, _ int) {
	s := scratchPool.Get().(*scratch)
	c.parts[part] = s
	by, kept := c.f.scanned(c.k)
	lo, hi := min(part*c.share, c.w.wide.Rows), min((part+1)*c.share, c.w.wide.Rows)
	s.scan(s.selectors(c.x.Rows, kept, by), c.x, c.w, c.bias, lo, hi, by)
}

// scanned returns what a scan for the k best by f selects by, and how many it
// keeps.
func (f Func) scanned(k int) (Func, int) {
	if f.Values != nil {
		return plain, k + 1
	}
	return f, k
}

// finish writes what the selectors hold of the rows x to out, from row lo on.
func (s *scratch) finish(out Selected, lo int, x Rows, w weights, bias []float64, k int, f Func) {
	if f.Values != nil {
		s.finishMany(out, lo, x, w, bias, k, f)
		return
	}
	for i := range s.sel {
		idx, val, pre := out.row(lo+i, k)
		s.sel[i].finish(idx, val, pre)
	}
}

// finishMany is finish for rows that were scanned by pre-activation, k+1 kept.
// As f does not decrease, those are also the k+1 largest values, and the smallest
// of them is the best that was not chosen. Where its value is truly smaller than
// those chosen, as it is but for rounding and saturation, the choice by value is
// the same. Else the row is scanned again, by value.
func (s *scratch) finishMany(out Selected, lo int, x Rows, w weights, bias []float64, k int, f Func) {
	rows := len(s.sel)
	n := k + 1
	s.kept.Idx, s.kept.Val, s.kept.Pre = Grown(s.kept.Idx, rows*n), Grown(s.kept.Val, rows*n), Grown(s.kept.Pre, rows*n)
	for i := range s.sel {
		idx, val, pre := s.kept.row(i, n)
		s.sel[i].finish(idx, val, pre)
	}
	f.Values(s.kept.Val, s.kept.Pre)
	s.again = s.again[:0]
	for i := range rows {
		idx, val, pre := s.kept.row(i, n)
		last := 0 // the smallest pre-activation, the last of equal ones
		for t, z := range pre {
			if z <= pre[last] {
				last = t
			}
		}
		toIdx, toVal, toPre := out.row(lo+i, k)
		copy(toIdx[copy(toIdx, idx[:last]):], idx[last+1:])
		copy(toVal[copy(toVal, val[:last]):], val[last+1:])
		copy(toPre[copy(toPre, pre[:last]):], pre[last+1:])
		if !(val[last] < slices.Min(toVal)) {
			s.again = append(s.again, i)
		}
	}
	f.Values = nil
	for _, i := range s.again {
		s.scan(s.selectors(1, k, f), x.Slice(i, i+1), w, bias, 0, w.wide.Rows, f)
		s.finish(out, lo+i, x, w, bias, k, f)
	}
}

// scratch is what one worker needs for a block of rows: its selectors with their
// memory, and a tile of pre-activations.
type scratch struct {
	sel      []Selector
	idx      []int32
	val, pre []float64
	tile     []float64
	spare    spare

	kept  Selected // for finishMany
	again []int    // rows to scan again

	wide []float64 // a panel of narrow weights
}

// spare is memory that all selectors of a worker use in turn.
type spare struct {
	hits  []int32   // positions in a piece or panel
	piece []float64 // values of a piece or panel
}

func (s *spare) grow() {
	most := max(piece, panel)
	s.hits, s.piece = Grown(s.hits, most), Grown(s.piece, most)
}

var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

// selectors returns selectors for so many rows, each for its k best entries.
func (s *scratch) selectors(rows, k int, f Func) []Selector {
	n := capacity(k)
	s.sel = Grown(s.sel, rows)
	s.idx, s.val, s.pre = Grown(s.idx, rows*n), Grown(s.val, rows*n), Grown(s.pre, rows*n)
	s.spare.grow()
	for i := range s.sel {
		lo, hi := i*n, (i+1)*n
		s.sel[i].reset(k, f, s.idx[lo:hi], s.val[lo:hi], s.pre[lo:hi])
	}
	return s.sel
}

// Grown returns s, or a new slice, with length n and undefined contents.
func Grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// scan shows the selectors, one for each row of x, the latents lo to hi.
func (s *scratch) scan(sel []Selector, x Rows, w weights, bias []float64, lo, hi int, f Func) {
	s.tile = Grown(s.tile, panel*x.Rows)
	for ; lo < hi; lo += panel {
		n := min(panel, hi-lo)
		tile := s.tile[:n*x.Rows]
		data, stride := w.panel(s, lo, n)
		kernel.MulT(tile, n, x.Data, x.Stride, x.Rows, data, stride, n, x.Cols)
		b := bias[lo : lo+n]
		for i := range sel {
			z := tile[i*n : (i+1)*n]
			kernel.Add(z, z, b)
			sel[i].scan(z, lo, f, &s.spare)
		}
	}
}
