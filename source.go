package ksparse

import (
	"math"
	"slices"
	"strings"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/topk"
	"gonum.org/v1/gonum/mat"
)

// Source is a matrix of samples that need not fit in memory: rows are read by
// index range. Training and Evaluate read from one goroutine at a time, and find
// a NaN or an infinity in what they read by themselves.
//
// NewMatrixSource and NewFloat32Source make one of rows in memory, OpenNpy one of
// a file.
type Source interface {
	// Dims returns the number of rows (samples) and columns. They do not change.
	Dims() (rows, cols int)
	// ReadRows writes the rows lo to hi (without hi) to dst, one after the other;
	// dst has (hi-lo)·cols numbers. The same range gives the same numbers each time.
	ReadRows(dst []float64, lo, hi int) error
}

// NewMatrixSource returns a Source of the rows of x. A *mat.Dense is not copied:
// leave it as it is while the source is in use. Errors wrap ErrEmpty or
// ErrNotFinite.
func NewMatrixSource(x mat.Matrix) (Source, error) {
	rows, err := rowsOf("x", x, -1)
	if err != nil {
		return nil, err
	}
	return matrixSource{rows}, nil
}

type matrixSource struct{ x topk.Rows }

func (s matrixSource) Dims() (rows, cols int) { return s.x.Rows, s.x.Cols }

func (s matrixSource) ReadRows(dst []float64, lo, hi int) error {
	if err := checkRead(s, dst, lo, hi); err != nil {
		return err
	}
	for i := lo; i < hi; i++ {
		copy(dst[(i-lo)*s.x.Cols:], s.x.Row(i))
	}
	return nil
}

// NewFloat32Source returns a Source of float32 samples, rows x cols numbers, row
// after row. data is not copied: leave it as it is while the source is in use.
// Errors wrap ErrEmpty (no rows or columns), ErrShape (another number of numbers
// than rows x cols) or ErrNotFinite.
func NewFloat32Source(data []float32, rows, cols int) (Source, error) {
	if rows < 1 || cols < 1 {
		return nil, errorf(ErrEmpty, "a source of %d x %d has no data", rows, cols)
	}
	if len(data)%cols != 0 || len(data)/cols != rows { // rows·cols may overflow
		return nil, errorf(ErrShape, "a source of %d x %d was given %d numbers", rows, cols, len(data))
	}
	for e, v := range data {
		if v-v != 0 {
			return nil, errorf(ErrNotFinite, "the source holds %v at row %d, column %d", v, e/cols, e%cols)
		}
	}
	return float32Source{data, rows, cols}, nil
}

type float32Source struct {
	data       []float32
	rows, cols int
}

func (s float32Source) Dims() (rows, cols int) { return s.rows, s.cols }

func (s float32Source) ReadRows(dst []float64, lo, hi int) error {
	if err := checkRead(s, dst, lo, hi); err != nil {
		return err
	}
	for e, v := range s.data[lo*s.cols : hi*s.cols] {
		dst[e] = float64(v)
	}
	return nil
}

// checkRead says whether the rows lo to hi of s can be read into dst.
func checkRead(s Source, dst []float64, lo, hi int) error {
	rows, cols := s.Dims()
	if lo < 0 || lo > hi || hi > rows {
		return errorf(ErrRange, "rows %d to %d of a source that has %d", lo, hi, rows)
	}
	if len(dst) != (hi-lo)*cols {
		return errorf(ErrShape, "rows %d to %d of %d columns are read into %d numbers, want %d", lo, hi, cols, len(dst), (hi-lo)*cols)
	}
	return nil
}

// checkSource returns the number of rows of src, which must have some, and cols
// columns.
func checkSource(src Source, cols int) (rows int, err error) {
	if src == nil {
		return 0, errorf(ErrEmpty, "the source is nil")
	}
	rows, c := src.Dims()
	if rows < 1 || c < 1 {
		return 0, errorf(ErrEmpty, "the source has no rows (it is %d x %d)", rows, c)
	}
	if c != cols {
		return 0, errorf(ErrShape, "the source has %d columns, want %d", c, cols)
	}
	return rows, nil
}

// readChunk sets m, in its own memory where that is large enough, to the rows lo
// to hi of src and checks that they are finite.
func readChunk(m *topk.Rows, src Source, lo, hi int) error {
	_, cols := src.Dims()
	resize(m, hi-lo, cols)
	n := len(m.Data)
	if err := src.ReadRows(m.Data[:n:n], lo, hi); err != nil { // one that appends gets memory of its own
		return errorf(err, "reading the rows %d to %d of the source: %s", lo, hi, strings.TrimPrefix(err.Error(), "ksparse: "))
	}
	if i := notFiniteRow(*m); i >= 0 {
		j := slices.IndexFunc(m.Row(i), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
		return errorf(ErrNotFinite, "the source holds %v at row %d, column %d", m.Row(i)[j], lo+i, j)
	}
	return nil
}

// notFiniteRow returns the first row that holds NaN or an infinity, -1 if none does.
func notFiniteRow(m topk.Rows) int {
	for i := range m.Rows {
		if !kernel.AllFinite(m.Row(i)) {
			return i
		}
	}
	return -1
}
