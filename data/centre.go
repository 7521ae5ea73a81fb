package data

import (
	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/stat"
	"gonum.org/v1/gonum/mat"
)

// MeanRow returns the mean of the rows of x, of length d for an x of N x d. Errors
// wrap ksparse.ErrEmpty or ksparse.ErrNotFinite.
func MeanRow(x mat.Matrix) (*mat.VecDense, error) {
	rows, err := dense.Rows("x", x, -1)
	if err != nil {
		return nil, err
	}
	m := stat.MeanRow(rows)
	return mat.NewVecDense(len(m), m), nil
}

// GeometricMedian returns the point y that makes Σ|x_i-y| least, over the rows x_i
// of x, of length d for an x of N x d. Unlike the mean it hardly follows outliers;
// Gao et al. 2024 (arXiv:2406.04093) start the pre-bias there. Where
// it is not unique, which takes rows on one line, it returns one such point.
//
// The iteration is Weiszfeld's (1937), from the mean row, with the rule of Vardi and
// Zhang (2000) for points that stand on a row, at which public code divides by zero.
// It ends after a step of less than 1e-9 of the distance that three quarters of the rows do
// not exceed, or after 100 steps, not counting those that halve this distance. A row that is
// the median itself is returned exactly where the iteration has come nearest to that
// row; otherwise the distance from the median is about the last step's, more only
// where rows lie almost on one line. It takes about 4·N·d operations a step.
//
// Errors wrap ksparse.ErrEmpty or ksparse.ErrNotFinite.
func GeometricMedian(x mat.Matrix) (*mat.VecDense, error) {
	rows, err := dense.Rows("x", x, -1)
	if err != nil {
		return nil, err
	}
	y := stat.GeometricMedian(rows)
	return mat.NewVecDense(len(y), y), nil
}
