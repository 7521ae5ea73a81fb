package ksparse

import (
	"math"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/stat"
	"gonum.org/v1/gonum/mat"
)

// Figures of merit. Public projects use the same names for different formulas;
// each of these has one. All sums go over the rows in order.

// MeanSquaredError returns the mean over all elements of (out-y)². It is the
// SquaredError loss divided by the number of columns. Errors wrap ErrEmpty,
// ErrShape or ErrNotFinite, for a mean that overflows too.
func MeanSquaredError(out, y mat.Matrix) (float64, error) {
	o, t, err := pair(out, y)
	if err != nil {
		return 0, err
	}
	n := float64(o.Rows) * float64(o.Cols)
	if sum := squaredDistance(o, t); canSquare(sum) {
		return sum / n, nil
	}
	o, t, exponent := scaledDown(o, t)
	mse := math.Ldexp(squaredDistance(o, t)/n, 2*exponent)
	if math.IsInf(mse, 0) {
		return 0, fault.Errorf(ErrNotFinite, "the mean squared error overflows: the output is too far from y")
	}
	return mse, nil
}

// FVU returns the fraction of variance unexplained of out as a reconstruction of
// y: Σ|out-y|² / Σ|y-ȳ|², where ȳ is the mean row of y, the data set given. It is
// 0 for a perfect reconstruction and 1 for always answering ȳ; 1-FVU is the
// fraction of variance explained. Errors wrap ErrEmpty, ErrShape or
// ErrNotFinite (NaN or Inf in the data, or an FVU that overflows), and ErrRange
// where the rows of y are all equal, up to rounding: each column within 2^-48 of its
// size. See measure.Evaluate for data larger than memory.
func FVU(out, y mat.Matrix) (float64, error) {
	o, t, err := pair(out, y)
	if err != nil {
		return 0, err
	}
	total, left := stat.MomentsOf(t).Total(), squaredDistance(o, t)
	if !canSquare(total) || !canSquare(left) {
		o, t, _ = scaledDown(o, t) // a ratio is the same for all scales
		total, left = stat.MomentsOf(t).Total(), squaredDistance(o, t)
	}
	if total == 0 {
		return 0, fault.Errorf(ErrRange, "FVU needs rows that differ: the variance of y is zero")
	}
	fvu := left / total
	if math.IsNaN(fvu) || math.IsInf(fvu, 0) {
		return 0, fault.Errorf(ErrNotFinite, "FVU overflows: y differs too little beside the output's error")
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

// canSquare reports whether a sum of squares is neither so large that some overflowed nor
// so small that some underflowed.
func canSquare(sum float64) bool { return sum >= 0x1p-900 && sum <= math.MaxFloat64 }

// scaledDown returns copies of a and b, divided by 2^exponent, so that all numbers have
// magnitudes of less than 1.
func scaledDown(a, b matrix.Rows) (x, y matrix.Rows, exponent int) {
	x, y = matrix.New(a.Rows, a.Cols), matrix.New(b.Rows, b.Cols)
	largest := 0.0
	for i := range a.Rows {
		largest = max(largest, kernel.MaxAbs(a.Row(i)), kernel.MaxAbs(b.Row(i)))
	}
	_, exponent = math.Frexp(largest)
	for i := range a.Rows {
		divideByPower(x.Row(i), a.Row(i), exponent)
		divideByPower(y.Row(i), b.Row(i), exponent)
	}
	return x, y, exponent
}

// divideByPower sets dst to row / 2^exponent.
func divideByPower(dst, row []float64, exponent int) {
	for j, v := range row {
		dst[j] = math.Ldexp(v, -exponent)
	}
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
