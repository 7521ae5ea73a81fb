package ksparse

import (
	"math"

	"github.com/ksparse/ksparse/internal/topk"
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
// where the rows of y are all equal. See Evaluate for data larger than memory.
func FVU(out, y mat.Matrix) (float64, error) {
	o, t, err := pair(out, y)
	if err != nil {
		return 0, err
	}
	var m moments
	for lo := 0; lo < t.Rows; lo += chunkRows {
		m.add(t.Slice(lo, min(lo+chunkRows, t.Rows)))
	}
	total := m.total()
	if total == 0 {
		return 0, errorf(ErrRange, "FVU needs rows that differ: the variance of y is zero")
	}
	fvu := squaredDistance(o, t) / total
	if math.IsNaN(fvu) || math.IsInf(fvu, 0) {
		return 0, errorf(ErrNotFinite, "FVU overflows: its squares are too large for float64")
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

// L0 returns the mean number of non-zero values per row. It is at most k, less
// where a ReLU layer selected zeros; 0 for codes without rows.
func L0(c *Codes) float64 {
	if c == nil || c.mask.rows == 0 {
		return 0
	}
	n := 0
	for _, v := range c.values {
		if v != 0 {
			n++
		}
	}
	return float64(n) / float64(c.mask.rows)
}

// ActivationFrequency returns for each latent the share of the rows in which its
// value is not zero. A selected zero does not count as active. It returns nil
// for nil codes and zeros for codes without rows.
func ActivationFrequency(c *Codes) []float64 {
	if c == nil {
		return nil
	}
	f := make([]float64, c.mask.cols)
	for e, j := range c.mask.indices {
		if c.values[e] != 0 {
			f[j]++
		}
	}
	for j := range f {
		f[j] /= float64(max(c.mask.rows, 1))
	}
	return f
}

// DeadLatents returns the latents, ascending, whose value is zero in every row:
// those of ActivationFrequency 0. Codes should be those of a whole data set.
func DeadLatents(c *Codes) []int {
	var dead []int
	for j, f := range ActivationFrequency(c) {
		if f == 0 {
			dead = append(dead, j)
		}
	}
	return dead
}

// pair checks an output and what it should be.
func pair(out, y mat.Matrix) (o, t topk.Rows, err error) {
	if o, err = rowsOf("the output", out, -1); err != nil {
		return o, t, err
	}
	if t, err = rowsOf("y", y, o.Cols); err != nil {
		return o, t, err
	}
	if o.Rows != t.Rows {
		return o, t, errorf(ErrShape, "y has %d rows, the output has %d", t.Rows, o.Rows)
	}
	return o, t, nil
}

// squaredDistance returns the sum over all elements of (a-b)².
func squaredDistance(a, b topk.Rows) float64 {
	sum := 0.0
	for i := range a.Rows {
		sum += squaredError(nil, a.Row(i), b.Row(i), 0)
	}
	return sum
}

func largest(row []float64) int {
	best := 0
	for j, v := range row {
		if v > row[best] {
			best = j
		}
	}
	return best
}
