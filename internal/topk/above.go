package topk

import (
	"sync"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// EncodeAbove computes Z = X Wᵀ + b and finds all entries with Z[i,j] >
// threshold[j], without ever storing that product. A threshold is finite or +Inf,
// which nothing is above; NaN is not above anything. The memory of out is used
// again where it is large enough. Weights in float32 give the bits that the same
// numbers give in float64. An entry of Z that is NaN or infinite is found, too, as NaN.
func EncodeAbove(out *List, x matrix.Rows, w matrix.Weights, bias, threshold []float64) {
	c, _ := abovePool.Get().(*aboveCall)
	if c == nil {
		c = new(aboveCall)
		c.rows, c.latents = c.encodeRows, c.encodeLatents
	}
	c.x, c.w, c.bias, c.threshold = x, w, bias, threshold
	if workers, block := split(x, w); block == 0 {
		c.share = (w.Rows + workers - 1) / workers
		for range workers {
			c.found.Part() // beforehand: a row's entries are in the order of the parts
		}
		parallel.ForWorkers(workers, workers, 1, c.latents)
	} else {
		parallel.For(x.Rows, block, c.rows)
	}
	c.found.Join(out, x.Rows)
	c.x, c.w, c.bias, c.threshold = matrix.Rows{}, matrix.Weights{}, nil, nil
	abovePool.Put(c)
}

// aboveCall is one EncodeAbove. Like a call, it is kept.
type aboveCall struct {
	x               matrix.Rows
	w               matrix.Weights
	bias, threshold []float64

	share int // latents per part
	found Found

	rows, latents func(worker, lo, hi int) // encodeRows and encodeLatents
}

var abovePool sync.Pool

// encodeRows encodes the rows lo to hi.
func (c *aboveCall) encodeRows(_, lo, hi int) { c.scan(c.found.Part(), lo, hi, 0, c.w.Rows) }

// encodeLatents encodes all rows for one part of the latents.
func (c *aboveCall) encodeLatents(_, part, _ int) {
	lo, hi := min(part*c.share, c.w.Rows), min((part+1)*c.share, c.w.Rows)
	c.scan(c.found.parts[part], 0, c.x.Rows, lo, hi)
}

// scan adds to p what it finds of the rows from to to and the latents lo to hi.
func (c *aboveCall) scan(p *Part, from, to, lo, hi int) {
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	s.spare.grow()
	x, d := c.x.Slice(from, to), c.x.Cols
	s.tile = matrix.Resized(s.tile, panel*x.Rows)
	for ; lo < hi; lo += panel {
		n := min(panel, hi-lo)
		tile, bias, threshold := s.tile[:n*x.Rows], c.bias[lo:lo+n], c.threshold[lo:lo+n]
		w, stride := matrix.Panel(&s.wide, c.w, lo, n)
		kernel.MulT(tile, n, x.Data, x.Stride, x.Rows, w, stride, n, d)
		for i := range x.Rows {
			z, over := tile[i*n:(i+1)*n], s.spare.values[:n]
			for j, b := range bias {
				v := z[j] + b
				// Two numbers differ where their difference, as rounded, is not zero.
				z[j], over[j] = v, v-threshold[j]
			}
			if !kernel.AllFinite(z) {
				p.addSpoilt(int32(lo), z, over)
				p.end(from + i)
				continue
			}
			hits := s.spare.hits[:n]
			for _, j := range hits[:kernel.Above(hits, over, 0)] {
				p.add(int32(lo)+j, z[j])
			}
			p.end(from + i)
		}
	}
}
