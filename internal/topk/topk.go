package topk

import (
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

// Select finds the k largest entries of each row of z, 1 <= k <= z.Cols.
func Select(out Selected, z Rows, k int, f Func) {
	parallel.For(z.Rows, max(1, 1<<14/z.Cols), func(_, lo, hi int) {
		s := scratchPool.Get().(*scratch)
		defer scratchPool.Put(s)
		sel := s.selectors(1)
		for i := lo; i < hi; i++ {
			sel[0].Reset(k)
			// In pieces, because the threshold that a piece finds spares the next.
			row := z.Row(i)
			for j := 0; j < len(row); j += scanned {
				sel[0].Scan(row[j:min(j+scanned, len(row))], j, f)
			}
			sel[0].Finish(out.row(i, k))
		}
	})
}

const scanned = 256

func (o Selected) row(i, k int) ([]int32, []float64, []float64) {
	return o.Idx[i*k : (i+1)*k], o.Val[i*k : (i+1)*k], o.Pre[i*k : (i+1)*k]
}

const (
	// panel is how many latents are multiplied before their pre-activations are
	// looked at, while those are in the first-level cache.
	panel = 48
	// rowBytes bounds the rows that one worker multiplies with a panel: they
	// should stay in its second-level cache.
	rowBytes = 512 << 10
	maxRows  = 128
	minRows  = 4
)

// Encode computes f(X Wᵀ + b) and finds the k largest entries of each row,
// 1 <= k <= w.Rows, without ever storing that product: a tile of it is looked at
// while it is in cache, and each row keeps its best entries so far.
func Encode(out Selected, x, w Rows, bias []float64, k int, f Func) {
	block := max(minRows, min(maxRows, rowBytes/(8*max(w.Cols, 1))))
	workers := parallel.Workers(w.Rows, panel)
	if x.Rows < workers*minRows && w.Rows*w.Cols >= 1<<16 {
		encodeByLatents(out, x, w, bias, k, f, workers)
		return
	}
	// Even shares keep both cores busy to the end.
	if share := (x.Rows + workers - 1) / workers; share < block {
		block = max(minRows, share)
	}
	parallel.For(x.Rows, block, func(_, lo, hi int) {
		s := scratchPool.Get().(*scratch)
		defer scratchPool.Put(s)
		sel := s.selectors(hi - lo)
		for i := range sel {
			sel[i].Reset(k)
		}
		s.scan(sel, x.Slice(lo, hi), w, bias, 0, w.Rows, f)
		for i := range sel {
			sel[i].Finish(out.row(lo+i, k))
		}
	})
}

// encodeByLatents is Encode for so few rows that the latents must be shared out.
// Each worker finds the k best of its own range; the ranges' winners then go, in
// ascending order, through one more selection.
func encodeByLatents(out Selected, x, w Rows, bias []float64, k int, f Func, workers int) {
	share := (w.Rows + workers - 1) / workers
	parts := make([]*scratch, workers)
	parallel.For(workers, 1, func(_, lo, _ int) {
		s := scratchPool.Get().(*scratch)
		parts[lo] = s
		sel := s.selectors(x.Rows)
		for i := range sel {
			sel[i].Reset(k)
		}
		s.scan(sel, x, w, bias, min(lo*share, w.Rows), min((lo+1)*share, w.Rows), f)
	})
	for i := range x.Rows {
		first := &parts[0].sel[i]
		for _, p := range parts[1:] {
			first.merge(&p.sel[i])
		}
		first.Finish(out.row(i, k))
	}
	for _, p := range parts {
		scratchPool.Put(p)
	}
}

// merge shows s what a selection over later entries holds.
func (s *Selector) merge(later *Selector) {
	for i, v := range later.val {
		if v > s.threshold {
			s.push(int(later.idx[i]), v, later.pre[i])
		}
	}
}

// scratch is what one worker needs for a block of rows.
type scratch struct {
	sel  []Selector
	tile []float64
}

var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

func (s *scratch) selectors(n int) []Selector {
	if len(s.sel) < n {
		s.sel = append(s.sel, make([]Selector, n-len(s.sel))...)
	}
	return s.sel[:n]
}

// scan shows the selectors, one for each row of x, the latents lo to hi.
func (s *scratch) scan(sel []Selector, x, w Rows, bias []float64, lo, hi int, f Func) {
	if cap(s.tile) < panel*x.Rows {
		s.tile = make([]float64, panel*x.Rows)
	}
	for ; lo < hi; lo += panel {
		n := min(panel, hi-lo)
		tile := s.tile[:n*x.Rows]
		kernel.MulT(tile, n, x.Data, x.Stride, x.Rows, w.Data[lo*w.Stride:], w.Stride, n, x.Cols)
		b := bias[lo : lo+n]
		for i := range sel {
			z := tile[i*n : (i+1)*n]
			for j, bj := range b {
				z[j] += bj
			}
			sel[i].Scan(z, lo, f)
		}
	}
}
