// Package matrix holds the two kinds of matrices that the library computes with:
// Rows, numbers in float64 with a stride, and Weights, in float64 or float32. It
// has what is done to them in many places, and says how to cut that work into
// pieces for several processors.
package matrix

import (
	"math"
	"unsafe"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
)

// Rows is a row-major matrix: row i is Data[i*Stride : i*Stride+Cols].
type Rows struct {
	Data               []float64
	Rows, Cols, Stride int
}

// MaxNumbers is how many numbers a matrix may have. It keeps sizes that come from a file
// or a slip of the keyboard from becoming a panic inside make.
const MaxNumbers = min(1<<36, math.MaxInt/8)

// New returns rows x cols zeros.
func New(rows, cols int) Rows {
	return Rows{Data: make([]float64, rows*cols), Rows: rows, Cols: cols, Stride: cols}
}

// Row returns row i.
func (r Rows) Row(i int) []float64 { return r.Data[i*r.Stride:][:r.Cols] }

// Slice returns the rows lo to hi, in the same memory.
func (r Rows) Slice(lo, hi int) Rows {
	return Rows{Data: r.Data[lo*r.Stride:], Rows: hi - lo, Cols: r.Cols, Stride: r.Stride}
}

// Spread returns at most that many rows, each as far from the next, in the same memory. r has
// some rows.
func (r Rows) Spread(most int) Rows {
	every := 1 + (r.Rows-1)/most
	return Rows{Data: r.Data, Rows: 1 + (r.Rows-1)/every, Cols: r.Cols, Stride: every * r.Stride}
}

// Resize makes r rows x cols without gaps, in its own memory where that is large
// enough. The contents are undefined.
func (r *Rows) Resize(rows, cols int) {
	r.Data = Resized(r.Data, rows*cols)
	r.Rows, r.Cols, r.Stride = rows, cols, cols
}

// Resized returns s, or a new slice where s is too small, with length n and
// undefined contents.
func Resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// NotFiniteRow returns the first row that holds NaN or an infinity, -1 if none does.
func (r Rows) NotFiniteRow() int {
	for i := range r.Rows {
		if !kernel.AllFinite(r.Row(i)) {
			return i
		}
	}
	return -1
}

// Same reports whether a and b are one matrix in one memory, as x and y of an
// autoencoder are.
func Same(a, b Rows) bool {
	return sameMemory(a.Data, b.Data) && a.Rows == b.Rows && a.Cols == b.Cols && a.Stride == b.Stride
}

// sameMemory reports whether a and b begin at the same place.
func sameMemory[T any](a, b []T) bool { return len(a) > 0 && len(b) > 0 && &a[0] == &b[0] }

// Overlap reports whether a and b have memory between their first and their last numbers
// in common.
func Overlap(a, b []float64) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	startA, startB := uintptr(unsafe.Pointer(&a[0])), uintptr(unsafe.Pointer(&b[0]))
	return startA < startB+8*uintptr(len(b)) && startB < startA+8*uintptr(len(a))
}

// Overlaps reports whether r and s may have a number in common. Two parts of one matrix
// that lie side by side have none.
func (r Rows) Overlaps(s Rows) bool {
	if !Overlap(r.Data, s.Data) {
		return false
	}
	if r.Stride != s.Stride {
		return true
	}
	stride := r.Stride
	apart := (int(uintptr(unsafe.Pointer(&s.Data[0]))-uintptr(unsafe.Pointer(&r.Data[0])))/8%stride + stride) % stride // columns from r to s
	return apart < r.Cols || apart+s.Cols > stride
}

// MaxAbs returns the largest magnitude in r, 0 where r has no numbers.
func (r Rows) MaxAbs() float64 {
	largest := 0.0
	for i := range r.Rows {
		largest = max(largest, kernel.MaxAbs(r.Row(i)))
	}
	return largest
}

// Clone returns a copy of r, without gaps between rows.
func (r Rows) Clone() Rows {
	own := New(r.Rows, r.Cols)
	for i := range r.Rows {
		copy(own.Row(i), r.Row(i))
	}
	return own
}

// Gather returns the given rows of m, in the memory of dst where that is large
// enough.
func Gather(dst, m Rows, rows []int) Rows {
	dst.Resize(len(rows), m.Cols)
	parallel.For(len(rows), RowGrain(m.Cols), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			copy(dst.Row(i), m.Row(rows[i]))
		}
	})
	return dst
}

// AddTo sets z += b.
func AddTo(z, b []float64) { kernel.Add(z, b, z) }

// AddRowsTo adds the rows of m to dst, in their order: each times its factor, or as
// it is where factors is nil.
func AddRowsTo(dst, factors []float64, m Rows) {
	workers := parallel.Workers(m.Cols, 64)
	parallel.For(m.Cols, (m.Cols+workers-1)/workers, func(_, lo, hi int) {
		for i := 0; i < m.Rows; i += len(Ascending) { // rows that fit in a cache
			n := min(len(Ascending), m.Rows-i)
			some := ones[:n]
			if factors != nil {
				some = factors[i : i+n]
			}
			kernel.AddRows(dst[lo:hi], some, m.Data[i*m.Stride+lo:], m.Stride, Ascending[:n])
		}
	})
}

// Ascending holds 0, 1, 2 and so on: the indices of rows that follow one another,
// for kernel.AddRows and kernel.DotRows. ones holds as many factors of 1.
var Ascending, ones = func() (idx [64]int32, factors [64]float64) {
	for i := range idx {
		idx[i], factors[i] = int32(i), 1
	}
	return idx, factors
}()
