package ksparse

import (
	"slices"

	"github.com/ksparse/ksparse/internal/topk"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
)

// Mask is the boolean matrix M of a top-k selection: M(i, j) is true where entry
// j of row i was selected. It is stored as the positions that are true, row
// after row. A Mask is not changed once it is made.
type Mask struct {
	rows, cols int
	offsets    []int // row i is indices[offsets[i]:offsets[i+1]]
	indices    []int32
}

// TopK returns the mask of the k largest entries of each row of z: exactly k
// true entries per row, none for k <= 0 and all for k >= the number of columns.
// Equal values go to the lowest column, +0 equals -0, and NaN counts as -Inf, so
// the mask is a function of the numbers alone. A nil z gives an empty mask.
func TopK(z mat.Matrix, k int) *Mask {
	if isNil(z) {
		return &Mask{offsets: []int{0}}
	}
	rows, cols := z.Dims()
	k = max(0, min(k, cols))
	m := &Mask{rows: rows, cols: cols, indices: make([]int32, rows*k)}
	m.offsets = everyK(nil, rows, k)
	if len(m.indices) == 0 {
		return m
	}
	d, ok := z.(*mat.Dense)
	if !ok {
		d = mat.DenseCopyOf(z)
	}
	out := topk.Selected{Idx: m.indices, Val: make([]float64, rows*k), Pre: make([]float64, rows*k)}
	topk.Select(out, denseRows(d), k, Identity.forSelection())
	return m
}

// everyK returns the offsets of rows that hold k entries each, in the memory of
// old where that is large enough.
func everyK(old []int, rows, k int) []int {
	offsets := resized(old, rows+1)
	for i := range offsets {
		offsets[i] = i * k
	}
	return offsets
}

// Dims returns the number of rows (samples) and columns (latents).
func (m *Mask) Dims() (rows, cols int) { return m.rows, m.cols }

// At reports whether entry j of row i is selected; outside the mask nothing is.
func (m *Mask) At(i, j int) bool {
	if i < 0 || i >= m.rows || j < 0 || j >= m.cols {
		return false
	}
	_, found := slices.BinarySearch(m.Row(i), int32(j))
	return found
}

// Row returns the selected columns of row i, ascending. The slice belongs to the
// mask: do not change it. It panics if there is no row i, as a slice would.
func (m *Mask) Row(i int) []int32 {
	lo, hi := m.offsets[i], m.offsets[i+1]
	return m.indices[lo:hi:hi]
}

// Count returns the number of true entries.
func (m *Mask) Count() int { return len(m.indices) }

// Apply sets dst = src ⊙ M: the entries of src where the mask is true, zero
// elsewhere. dst and src have the mask's shape, or it returns ErrShape and
// changes nothing; an empty dst (new(mat.Dense)) takes that shape. dst may be src.
func (m *Mask) Apply(dst, src *mat.Dense) error {
	if dst == nil || src == nil {
		return errorf(ErrEmpty, "mask applied to a nil matrix")
	}
	if r, c := src.Dims(); r != m.rows || c != m.cols {
		return errorf(ErrShape, "mask of %d x %d applied to a source of %d x %d", m.rows, m.cols, r, c)
	}
	if dst.IsEmpty() && m.rows*m.cols > 0 {
		dst.ReuseAs(m.rows, m.cols)
	}
	if r, c := dst.Dims(); r != m.rows || c != m.cols {
		return errorf(ErrShape, "mask of %d x %d applied to a destination of %d x %d", m.rows, m.cols, r, c)
	}
	for i := range m.rows {
		to, from := dst.RawRowView(i), src.RawRowView(i)
		next := 0
		for _, j := range m.Row(i) {
			clear(to[next:j])
			to[j] = from[j]
			next = int(j) + 1
		}
		clear(to[next:])
	}
	return nil
}

func rawMatrix(m topk.Rows) blas64.General {
	return blas64.General{Data: m.Data, Rows: m.Rows, Cols: m.Cols, Stride: m.Stride}
}
