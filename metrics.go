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
	off, exponent := scaledDifference(o, t)
	mse := math.Ldexp(sumOfSquares(off)/n, 2*exponent)
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
	moments := stat.MomentsOf(t)
	total, left, exponent := moments.Total(), squaredDistance(o, t), 0
	if !canSquare(total) || !canSquare(left) {
		// Errors and deviations are each brought near 1, by a power of two.
		off, offBy := scaledDifference(o, t)
		away, awayBy := scaledDifference(t, t.Slice(0, 1))
		moments.ClearEqual(away)
		left, total, exponent = sumOfSquares(off), stat.MomentsOf(away).Total(), 2*(offBy-awayBy)
	}
	if total == 0 {
		return 0, fault.Errorf(ErrRange, "FVU needs rows that differ: the variance of y is zero")
	}
	fvu := math.Ldexp(left/total, exponent)
	if math.IsNaN(fvu) || math.IsInf(fvu, 0) {
		return 0, fault.Errorf(ErrNotFinite, "FVU overflows: y differs too little beside the output's error")
	}
	return fvu, nil
}

// pair checks an output and what it should be.
func pair(out, y mat.Matrix) (o, t matrix.Rows, err error) {
	if o, err = dense.Rows("the output", out, -1); err != nil || dense.Same(out, y) {
		return o, o, err
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

// scaledDifference returns (a-b)/2^exponent, whose magnitudes are less than 1. A single row
// of b stands for all.
func scaledDifference(a, b matrix.Rows) (d matrix.Rows, exponent int) {
	d = matrix.New(a.Rows, a.Cols)
	unit, halved := 1.0, 0
	if max(a.MaxAbs(), b.MaxAbs()) > 0x1p1000 { // the difference could overflow
		unit, halved = 0.5, 1
	}
	for i := range a.Rows {
		to, from := d.Row(i), b.Row(min(i, b.Rows-1))
		for j, v := range a.Row(i) {
			to[j] = unit*v - unit*from[j]
		}
	}
	_, exponent = math.Frexp(d.MaxAbs())
	matrix.TimesPower(d.Data, d.Data, -exponent)
	return d, exponent + halved
}

// sumOfSquares returns the sum of the squares of all elements.
func sumOfSquares(m matrix.Rows) float64 {
	sum := 0.0
	for i := range m.Rows {
		sum += kernel.SumSquares(m.Row(i))
	}
	return sum
}
