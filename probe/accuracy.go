package probe

import (
	"github.com/ksparse/ksparse/internal/dense"
	"gonum.org/v1/gonum/mat"
)

// Accuracy returns the share of rows in which the largest of scores (logits or
// probabilities) stands in the same column as the largest of y (one-hot rows or
// probabilities); equal values count for the lowest column. Errors wrap ksparse.ErrEmpty,
// ErrShape or ErrNotFinite.
func Accuracy(scores, y mat.Matrix) (float64, error) {
	_, cols, err := dense.Size("the matrix of scores", scores, -1)
	if err != nil {
		return 0, err
	}
	s, t, err := dense.Pair("the matrix of scores", "y", scores, y, cols, cols)
	if err != nil {
		return 0, err
	}
	right := 0
	for i := range s.Rows {
		if largest(s.Row(i)) == largest(t.Row(i)) {
			right++
		}
	}
	return float64(right) / float64(s.Rows), nil
}

// largest returns the column of the largest value, the lowest among equal ones.
func largest(row []float64) int {
	best := 0
	for j, v := range row {
		if v > row[best] {
			best = j
		}
	}
	return best
}
