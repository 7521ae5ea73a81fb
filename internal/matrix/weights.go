package matrix

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/ksparse/ksparse/internal/parallel"
)

// Weights is a matrix of weights in float64 or float32: one of the two slices holds
// it, row after row without gaps, and the other is nil. The zero value is no matrix.
//
// Published models are stored in float32, and half the memory is what they need
// here too: a product makes each weight a float64 as it reads it, which is exact,
// and then does what it does with float64 weights, in the same order. So results
// have the same bits.
type Weights struct {
	Rows, Cols int
	Float64    []float64
	Float32    []float32
}

// Empty reports whether w is no matrix.
func (w Weights) Empty() bool {
	return w.Rows == 0 && w.Cols == 0 && w.Float64 == nil && w.Float32 == nil
}

// FirstNotFinite returns the position of the first number that is NaN or infinite, row after
// row; -1 where there is none.
func (w Weights) FirstNotFinite() int {
	if w.Float32 != nil {
		return FirstNotFinite(w.Float32)
	}
	return FirstNotFinite(w.Float64)
}

// Wide returns m, which has no gaps between its rows, as weights in the same memory.
func Wide(m Rows) Weights {
	if m.Stride != m.Cols && m.Rows > 1 {
		panic("matrix: weights with gaps between their rows")
	}
	return Weights{Rows: m.Rows, Cols: m.Cols, Float64: m.Data[:m.Rows*m.Cols]}
}

// WideRows returns float64 weights as Rows in the same memory. Of float32 weights
// the result has the shape alone.
func WideRows(w Weights) Rows {
	return Rows{Data: w.Float64, Rows: w.Rows, Cols: w.Cols, Stride: w.Cols}
}

// SameWeights reports whether a and b are in one memory.
func SameWeights(a, b Weights) bool {
	if a.Float32 != nil || b.Float32 != nil {
		return sameMemory(a.Float32, b.Float32)
	}
	return sameMemory(a.Float64, b.Float64)
}

// Widened returns w in float64: a copy where w is in float32, else w itself.
func Widened(w Weights) Weights {
	if w.Float32 == nil {
		return w
	}
	wide := make([]float64, len(w.Float32))
	parallel.For(len(wide), 1<<16, func(_, lo, hi int) {
		Widen(wide[lo:hi], w.Float32[lo:hi])
	})
	return Weights{Rows: w.Rows, Cols: w.Cols, Float64: wide}
}

// Narrowed returns w in float32, and whether every number of w is a float32: if not
// there is no result. It is a copy where w is in float64, else w itself.
func Narrowed(w Weights) (Weights, bool) {
	if w.Float64 == nil {
		return w, true
	}
	narrow := make([]float32, len(w.Float64))
	for i, v := range w.Float64 {
		f := float32(v)
		if float64(f) != v {
			return Weights{}, false
		}
		narrow[i] = f
	}
	return Weights{Rows: w.Rows, Cols: w.Cols, Float32: narrow}, true
}

// Kept returns the numbers of w for one who keeps them whatever happens to w: w
// itself where it is in float32, for such weights are never written to, else a copy,
// in float32 where that is exact.
func Kept(w Weights) Weights {
	if narrow, exact := Narrowed(w); exact {
		return narrow
	}
	w.Float64 = slices.Clone(w.Float64)
	return w
}

// Widen sets dst[i] = narrow[i] for every i of narrow, which is exact.
func Widen(dst []float64, narrow []float32) {
	dst = dst[:len(narrow)]
	for i, v := range narrow {
		dst[i] = float64(v)
	}
}

// Panel returns the n rows of w from row lo on, and their stride: float64 weights
// in their own memory, float32 weights converted into *buf, which grows as needed.
func Panel(buf *[]float64, w Weights, lo, n int) (data []float64, stride int) {
	d := w.Cols
	if w.Float32 == nil {
		return w.Float64[lo*d:], d
	}
	*buf = Resized(*buf, n*d)
	Widen(*buf, w.Float32[lo*d:(lo+n)*d])
	return *buf, d
}

// Bytes returns how much memory the numbers of w take.
func Bytes(w Weights) int { return 8*len(w.Float64) + 4*len(w.Float32) }

// FirstNotFinite returns where x first holds NaN or an infinity, -1 if nowhere.
func FirstNotFinite[T float32 | float64](x []T) int {
	var first atomic.Int64
	first.Store(math.MaxInt64)
	parallel.For(len(x), 1<<18, func(_, lo, hi int) {
		for i, v := range x[lo:hi] {
			if v-v != 0 {
				for old := first.Load(); int64(lo+i) < old && !first.CompareAndSwap(old, int64(lo+i)); old = first.Load() {
				}
				return
			}
		}
	})
	if at := first.Load(); at != math.MaxInt64 {
		return int(at)
	}
	return -1
}
