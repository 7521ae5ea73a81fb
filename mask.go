package ksparse

import (
	"fmt"
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sparse"
	"github.com/ksparse/ksparse/internal/topk"
	"gonum.org/v1/gonum/mat"
)

// Selection says which latents of a SparseLayer are active. The zero value is
// SelectTopK.
type Selection uint8

const (
	// SelectTopK keeps the K largest values of each row.
	SelectTopK Selection = iota
	// SelectAbsTopK keeps the K values of each row that are largest in magnitude,
	// with their signs. The layer's activation is Identity.
	SelectAbsTopK
	// SelectBatchTopK keeps, in training, the K·rows largest positive values of the
	// whole batch (Bussmann et al. 2024, arXiv:2412.06410), so some rows have more
	// active latents than others. Elsewhere it keeps what is above one threshold, so
	// that a row's code does not depend on the others: see SparseLayer.Thresholds.
	// Training leaves the threshold above which the weights that are left have K values
	// per row, on average, or all positive values where those are fewer. It takes that
	// from up to 32,768 rows, of long rows from 128 MiB or a batch of them, which stay in
	// memory: samples chosen by TrainConfig.Seed, from all parts of a source that streams; a
	// Trainer takes the last rows of its steps. The validation after an epoch goes by the threshold for the
	// weights that it measures. Between two steps the threshold is the smallest value
	// that the last batch kept. The layer's activation is ReLU or Identity.
	SelectBatchTopK
	// SelectThreshold keeps every latent whose pre-activation is above the
	// latent's own threshold (JumpReLU, Rajamanoharan et al. 2024,
	// arXiv:2407.14435). K plays no part.
	SelectThreshold
	// SelectGroupMax cuts the latents into K groups of neighbours, Out/K of them each,
	// and keeps the largest value of each group (groupmax of EleutherAI/sparsify); K
	// divides Out. The layer's activation is ReLU or Identity.
	SelectGroupMax
	selections // their number
)

var selectionNames = [selections]string{"topk", "abs_topk", "batch_topk", "threshold", "group_max"}

// String returns the selection's name in lower case, such as "batch_topk".
func (s Selection) String() string {
	if s < selections {
		return selectionNames[s]
	}
	return fmt.Sprintf("Selection(%d)", uint8(s))
}

// Mask is the boolean matrix M of a selection: M(i, j) is true where entry j of row i
// was selected. It is stored as the positions that are true, row after row. A Mask is
// not changed once it is made.
type Mask struct {
	rows, cols int
	offsets    []int // row i is indices[offsets[i]:offsets[i+1]]
	indices    []int32
}

// TopK returns the mask of the k largest entries of each row of z: exactly k
// true entries per row, none for k <= 0 and all for k >= the number of columns.
// Equal values go to the lowest column, +0 equals -0, and NaN counts as -Inf, so
// the mask is a function of the numbers alone. A z that is nil or cannot be read (its
// methods panic) gives an empty mask, of 0 x 0.
func TopK(z mat.Matrix, k int) *Mask {
	rows, err := dense.Read("z", z)
	if err != nil {
		return &Mask{offsets: []int{0}}
	}
	return topKMask(rows, k)
}

// topKMask is TopK of rows.
func topKMask(z matrix.Rows, k int) *Mask {
	k = max(0, min(k, z.Cols))
	m := &Mask{rows: z.Rows, cols: z.Cols, offsets: sparse.EveryK(nil, z.Rows, k), indices: make([]int32, z.Rows*k)}
	if len(m.indices) == 0 {
		return m
	}
	out := topk.Selected{Idx: m.indices, Val: make([]float64, z.Rows*k), Pre: make([]float64, z.Rows*k)}
	topk.Select(out, z, k, topk.ByPreActivation)
	return m
}

// batchMask is the mask of the want largest positive entries of all rows of z together;
// equal values go to the lowest row, then to the lowest column.
func batchMask(z matrix.Rows, want int) *Mask {
	var positive []float64
	for i := range z.Rows {
		for _, v := range z.Row(i) {
			if v > 0 {
				positive = append(positive, v)
			}
		}
	}
	least, ties := 0.0, 0
	switch {
	case want == 0:
		least = math.Inf(1)
	case len(positive) > want:
		least, ties = kernel.KthLargest(slices.Clone(positive), want), want
		for _, v := range positive {
			if v > least {
				ties--
			}
		}
	}
	return maskWhere(z, func(_ int, v float64) bool {
		if v == least && ties > 0 {
			ties--
			return true
		}
		return v > least
	})
}

// groupMask is the mask of the largest entry of each of k groups of neighbouring
// columns, cols/k of them each; the lowest column among equal ones.
func groupMask(z matrix.Rows, k int) *Mask {
	size := z.Cols / k
	m := &Mask{rows: z.Rows, cols: z.Cols, offsets: sparse.EveryK(nil, z.Rows, k)}
	for i := range z.Rows {
		for from := 0; from < z.Cols; from += size {
			best := from
			for j := from; j < from+size; j++ {
				if z.Row(i)[j] > z.Row(i)[best] {
					best = j
				}
			}
			m.indices = append(m.indices, int32(best))
		}
	}
	return m
}

// maskWhere is the mask of the entries for which selected is true; j is the column.
func maskWhere(z matrix.Rows, selected func(j int, v float64) bool) *Mask {
	m := &Mask{rows: z.Rows, cols: z.Cols, offsets: make([]int, 1, z.Rows+1)}
	for i := range z.Rows {
		for j, v := range z.Row(i) {
			if selected(j, v) {
				m.indices = append(m.indices, int32(j))
			}
		}
		m.offsets = append(m.offsets, len(m.indices))
	}
	return m
}

// Dims returns the number of rows (samples) and columns (latents). A nil mask has none.
func (m *Mask) Dims() (rows, cols int) {
	if m == nil {
		return 0, 0
	}
	return m.rows, m.cols
}

// At reports whether entry j of row i is selected; outside the mask nothing is.
func (m *Mask) At(i, j int) bool {
	if rows, cols := m.Dims(); i < 0 || i >= rows || j < 0 || j >= cols {
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
func (m *Mask) Count() int {
	if m == nil {
		return 0
	}
	return len(m.indices)
}

// Apply sets dst = src ⊙ M: the entries of src where the mask is true, zero
// elsewhere. dst and src have the mask's shape, or it returns ErrShape and
// changes nothing; an empty dst (new(mat.Dense)) takes that shape. dst may be src, or
// share part of its memory: src is copied first then.
func (m *Mask) Apply(dst, src *mat.Dense) error {
	if dst == nil || src == nil {
		return fault.Errorf(ErrEmpty, "mask applied to a nil matrix")
	}
	rows, cols := m.Dims()
	if r, c := src.Dims(); r != rows || c != cols {
		return fault.Errorf(ErrShape, "mask of %d x %d applied to a source of %d x %d", rows, cols, r, c)
	}
	if rows == 0 || cols == 0 {
		if !dst.IsEmpty() {
			r, c := dst.Dims()
			return fault.Errorf(ErrShape, "mask of %d x %d applied to a destination of %d x %d", rows, cols, r, c)
		}
		return nil
	}
	from, err := dense.Read("the source", src)
	if err != nil {
		return err
	}
	to, err := dense.Output("the destination of a mask", dst, rows, cols)
	if err != nil {
		return err
	}
	m.apply(to, dense.Apart(to, from))
	return nil
}

// apply sets dst = src ⊙ M. dst may be src.
func (m *Mask) apply(dst, src matrix.Rows) {
	for i := range m.rows {
		to, from := dst.Row(i), src.Row(i)
		next := 0
		for _, j := range m.Row(i) {
			clear(to[next:j])
			to[j] = from[j]
			next = int(j) + 1
		}
		clear(to[next:])
	}
}

// String says the mask's size and how many entries are selected.
func (m *Mask) String() string {
	rows, cols := m.Dims()
	return fmt.Sprintf("mask of %d x %d, %d selected", rows, cols, m.Count())
}
