package ksparse

import (
	"math"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/stat"
	"gonum.org/v1/gonum/mat"
)

// Figures of merit. Public projects use the same names for different formulas;
// each of these has one. All sums go over the rows in order.

// MeanSquaredError returns the mean over all elements of (out-y)². It is the
// SquaredError loss divided by the number of columns. Errors wrap ErrEmpty,
// ErrShape or ErrNotFinite.
func MeanSquaredError(out, y mat.Matrix) (float64, error) {
	o, t, err := pair(out, y)
	if err != nil {
		return 0, err
	}
	return squaredDistance(o, t) / (float64(o.Rows) * float64(o.Cols)), nil
}

// PSNR returns the peak signal-to-noise ratio in decibels,
// 10 log10(peak²/mse), for a mean squared error of values that lie between 0 and
// peak. It is +Inf for an error of zero.
func PSNR(mse, peak float64) float64 { return 10 * math.Log10(peak*peak/mse) }

// FVU returns the fraction of variance unexplained of out as a reconstruction of
// y: Σ|out-y|² / Σ|y-ȳ|², where ȳ is the mean row of y, the data set given. It is
// 0 for a perfect reconstruction and 1 for always answering ȳ; 1-FVU is the
// fraction of variance explained. Errors wrap ErrEmpty, ErrShape or
// ErrNotFinite (NaN or Inf in the data, or squares that overflow), and ErrRange
// where the rows of y are all equal. See measure.Evaluate for data larger than memory.
func FVU(out, y mat.Matrix) (float64, error) {
	o, t, err := pair(out, y)
	if err != nil {
		return 0, err
	}
	total := stat.MomentsOf(t).Total()
	if total == 0 {
		return 0, fault.Errorf(ErrRange, "FVU needs rows that differ: the variance of y is zero")
	}
	fvu := squaredDistance(o, t) / total
	if math.IsNaN(fvu) || math.IsInf(fvu, 0) {
		return 0, fault.Errorf(ErrNotFinite, "FVU overflows: its squares are too large for float64")
	}
	return fvu, nil
}

// Accuracy returns the share of rows in which the largest of scores (logits or
// probabilities) stands in the same column as the largest of y (one-hot rows or
// probabilities); equal values count for the lowest column. Errors wrap ErrEmpty,
// ErrShape or ErrNotFinite.
func Accuracy(scores, y mat.Matrix) (float64, error) {
	o, t, err := pair(scores, y)
	if err != nil {
		return 0, err
	}
	right := 0
	for i := range o.Rows {
		if largest(o.Row(i)) == largest(t.Row(i)) {
			right++
		}
	}
	return float64(right) / float64(o.Rows), nil
}

// pair checks an output and what it should be.
func pair(out, y mat.Matrix) (o, t matrix.Rows, err error) {
	if o, err = dense.Rows("the output", out, -1); err != nil {
		return o, t, err
	}
	if t, err = dense.Rows("y", y, o.Cols); err != nil {
		return o, t, err
	}
	if o.Rows != t.Rows {
		return o, t, fault.Errorf(ErrShape, "y has %d rows, the output has %d", t.Rows, o.Rows)
	}
	return o, t, nil
}

// squaredDistance returns the sum over all elements of (a-b)².
func squaredDistance(a, b matrix.Rows) float64 {
	sum := 0.0
	for i := range a.Rows {
		sum += stat.SquaredDistance(nil, a.Row(i), b.Row(i))
	}
	return sum
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
