package topk

import (
	"math"
	"slices"
	"sync"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// scratch is what one worker needs for a block of rows: its selectors with their
// memory, and a tile of pre-activations.
type scratch struct {
	sel      []selector
	idx      []int32
	val, pre []float64
	tile     []float64
	spare    spare

	kept  Selected // of finishByPreActivation: the k+1 best of each row
	again []int    // of finishByPreActivation: rows to scan again

	wide []float64 // a panel of float32 weights, converted
}

var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

// selectors returns one new selector for each of the rows, for its k best entries.
func (s *scratch) selectors(rows, k int, f Func) []selector {
	n := capacity(k)
	s.sel = matrix.Resized(s.sel, rows)
	s.idx, s.val, s.pre = matrix.Resized(s.idx, rows*n), matrix.Resized(s.val, rows*n), matrix.Resized(s.pre, rows*n)
	s.spare.grow()
	for i := range s.sel {
		lo, hi := i*n, (i+1)*n
		s.sel[i].reset(k, f, s.idx[lo:hi], s.val[lo:hi], s.pre[lo:hi])
	}
	return s.sel
}

// scan gives the selectors, one for each row of x, the latents lo to hi.
func (s *scratch) scan(sel []selector, x matrix.Rows, w matrix.Weights, bias []float64, lo, hi int, f Func) {
	s.tile = matrix.Resized(s.tile, panel*x.Rows)
	for ; lo < hi; lo += panel {
		n := min(panel, hi-lo)
		tile := s.tile[:n*x.Rows]
		data, stride := matrix.Panel(&s.wide, w, lo, n)
		kernel.MulT(tile, n, x.Data, x.Stride, x.Rows, data, stride, n, x.Cols)
		b := bias[lo : lo+n]
		for i := range sel {
			z := tile[i*n : (i+1)*n]
			kernel.Add(z, z, b)
			if !kernel.AllFinite(z) {
				sel[i].spoilt = true
			}
			sel[i].scan(z, lo, f, &s.spare)
		}
	}
}

// finish writes what the selectors hold of the rows x to out, from row lo on.
func (s *scratch) finish(out Selected, lo int, x matrix.Rows, w matrix.Weights, bias []float64, k int, f Func) {
	if f.Values != nil {
		s.finishByPreActivation(out, lo, x, w, bias, k, f)
		return
	}
	for i := range s.sel {
		idx, val, pre := out.row(lo+i, k)
		s.sel[i].finish(idx, val, pre)
		if s.sel[i].spoilt {
			val[0] = math.NaN()
		}
	}
}

// finishByPreActivation is finish for rows that were scanned by pre-activation, k+1
// entries kept of each. As f does not decrease, those also have the k+1 largest
// values, and the one with the smallest pre-activation is the best that is not to be
// selected. Where its value is truly smaller than the k others, which only rounding
// or saturation can prevent, these are the k best by value too. Else the row is
// scanned again, by value.
func (s *scratch) finishByPreActivation(out Selected, lo int, x matrix.Rows, w matrix.Weights, bias []float64, k int, f Func) {
	rows := len(s.sel)
	n := k + 1
	s.kept.Idx = matrix.Resized(s.kept.Idx, rows*n)
	s.kept.Val, s.kept.Pre = matrix.Resized(s.kept.Val, rows*n), matrix.Resized(s.kept.Pre, rows*n)
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
		} else if s.sel[i].spoilt {
			toVal[0] = math.NaN()
		}
	}
	f.Values = nil
	for _, i := range s.again {
		s.scan(s.selectors(1, k, f), x.Slice(i, i+1), w, bias, 0, w.Rows, f)
		s.finish(out, lo+i, x, w, bias, k, f)
	}
}
