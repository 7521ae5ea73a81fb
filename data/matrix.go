package data

import (
	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/matrix"
	"gonum.org/v1/gonum/mat"
)

// FromMatrix returns a Source of the rows of x. A *mat.Dense is not copied: leave it
// as it is while the source is in use. Errors wrap ksparse.ErrEmpty or
// ksparse.ErrNotFinite.
func FromMatrix(x mat.Matrix) (Source, error) {
	rows, err := dense.Rows("x", x, -1)
	if err != nil {
		return nil, err
	}
	return matrixSource{rows}, nil
}

// matrixSource is a Source of rows in memory.
type matrixSource struct{ x matrix.Rows }

func (s matrixSource) Dims() (rows, cols int) { return s.x.Rows, s.x.Cols }

// InMemory returns all rows. Those who know the type behind the Source need not copy them.
func (s matrixSource) InMemory() matrix.Rows { return s.x }

// ReadRows writes the rows lo to hi to dst.
func (s matrixSource) ReadRows(dst []float64, lo, hi int) error {
	if err := checkRead(s, dst, lo, hi); err != nil {
		return err
	}
	for i := lo; i < hi; i++ {
		copy(dst[(i-lo)*s.x.Cols:], s.x.Row(i))
	}
	return nil
}
