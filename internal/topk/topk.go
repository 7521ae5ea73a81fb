// Package topk answers one question: which k latents, with which values, for
// these rows. Everything that selects in ksparse asks it here.
//
// The order is that of the values after the activation, or of their magnitudes;
// equal ones go to the lowest index, and NaN counts as -Inf. So the answer is a
// function of the numbers alone. EncodeAbove asks for all above a threshold
// instead, EncodeGroups for the largest of each group.
package topk

import (
	"sync"

	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// Select finds the k largest entries of each row of z, 1 <= k <= z.Cols.
func Select(out Selected, z matrix.Rows, k int, f Func) {
	parallel.For(z.Rows, max(1, 1<<14/z.Cols), func(_, lo, hi int) {
		s := scratchPool.Get().(*scratch)
		defer scratchPool.Put(s)
		for i := lo; i < hi; i++ {
			sel := &s.selectors(1, k, f)[0]
			row := z.Row(i)
			for j := 0; j < len(row); j += segment {
				sel.scan(row[j:min(j+segment, len(row))], j, f, &s.spare)
			}
			idx, val, pre := out.row(i, k)
			sel.finish(idx, val, pre)
		}
	})
}

// Encode computes f(X Wᵀ + b) and finds the k largest entries of each row,
// 1 <= k < w.Rows, without ever storing that product: a tile of it is looked at
// while it is in cache, and each row keeps its best entries so far. Weights in
// float32 give the bits that the same numbers give in float64.
//
// A row of which any pre-activation, selected or not, is NaN or infinite has NaN as its
// first value: what was selected then means nothing, and nobody should miss it.
func Encode(out Selected, x matrix.Rows, w matrix.Weights, bias []float64, k int, f Func) {
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
	c.out, c.x, c.w, c.bias, c.f = Selected{}, matrix.Rows{}, matrix.Weights{}, nil, Func{}
	callPool.Put(c)
}

// split says how the work for the rows x is shared out: in blocks of rows, or, where
// block is 0, in a part of the latents for each of the workers.
func split(x matrix.Rows, w matrix.Weights) (workers, block int) {
	workers = parallel.Workers(w.Rows, panel)
	if x.Rows < workers*minRows && w.Rows*w.Cols >= 1<<16 {
		return workers, 0
	}
	block = max(minRows, min(maxRows, rowBytes/(8*max(w.Cols, 1))))
	// Even shares keep every worker busy to the end.
	workers = parallel.Workers(x.Rows, minRows)
	return workers, max(minRows, min(block, (x.Rows+workers-1)/workers))
}

// call is one Encode. It is kept for the next one, with its method values, so
// that a call makes no garbage.
type call struct {
	out  Selected
	x    matrix.Rows
	w    matrix.Weights
	bias []float64
	k    int
	f    Func

	share int        // latents per part
	parts []*scratch // of encodeByLatents

	rows, latents func(worker, lo, hi int) // encodeRows and encodeLatents
}

var callPool sync.Pool

// encodeRows encodes the rows lo to hi.
func (c *call) encodeRows(_, lo, hi int) {
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	by, kept := c.f.scanned(c.k)
	x := c.x.Slice(lo, hi)
	s.scan(s.selectors(hi-lo, kept, by), x, c.w, c.bias, 0, c.w.Rows, by)
	s.finish(c.out, lo, x, c.w, c.bias, c.k, c.f)
}

// encodeByLatents encodes too few rows to share them out: it shares out the latents.
// Each worker finds the best of its own part; the winners of all parts then go, in
// ascending order, through one more selection.
func (c *call) encodeByLatents(workers int) {
	c.share = (c.w.Rows + workers - 1) / workers
	c.parts = matrix.Resized(c.parts, workers)
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
	lo, hi := min(part*c.share, c.w.Rows), min((part+1)*c.share, c.w.Rows)
	s.scan(s.selectors(c.x.Rows, kept, by), c.x, c.w, c.bias, lo, hi, by)
}
