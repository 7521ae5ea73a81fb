// Package stat computes means, variances and medians of rows, with the same bits
// for every number of processors.
package stat

import (
	"math"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// Moments gathers the mean and the variance of each column of a stream of rows,
// chunk by chunk. Those of a chunk are taken in two passes over it and merged as
// Chan, Golub and LeVeque do (1979), so a mean that is large beside the
// variance costs no digits: nothing like E[x²]-E[x]² is ever computed. All
// numbers are taken relative to the first row, so rows that are all equal have a
// variance of exactly zero. So has a column whose numbers differ by no more than
// matrix.EqualWithin of the largest: such a difference is rounding.
//
// Sums go over the rows in order, columns are shared out: for chunks of the same
// sizes the bits are the same on every number of processors.
type Moments struct {
	rows   int
	origin []float64 // the first row
	mean   []float64 // relative to origin
	square []float64 // of each column, Σ(x-mean)²
	low    []float64 // of each column, the least x-origin
	high   []float64 // of each column, the largest

	chunk []float64 // scratch: the mean of a chunk, and its squares
}

// Add takes in rows of the same number of columns as those before.
func (m *Moments) Add(x matrix.Rows) {
	if x.Rows == 0 {
		return
	}
	n := x.Cols
	if m.rows == 0 {
		m.origin = append(m.origin[:0], x.Row(0)...)
		m.mean, m.square, m.chunk = make([]float64, n), make([]float64, n), make([]float64, 2*n)
		m.low, m.high = make([]float64, n), make([]float64, n)
	}
	before, rows := float64(m.rows), float64(x.Rows)
	m.rows += x.Rows
	all := float64(m.rows)
	parallel.For(n, max(16, matrix.RowGrain(2*x.Rows)), func(_, lo, hi int) {
		origin, low, high, mean, square := m.origin[lo:hi], m.low[lo:hi], m.high[lo:hi], m.chunk[lo:hi], m.chunk[n+lo:n+hi]
		clear(mean)
		clear(square)
		for i := range x.Rows {
			for j, v := range x.Row(i)[lo:hi] {
				d := v - origin[j]
				mean[j] += d
				if d > high[j] {
					high[j] = d
				} else if d < low[j] {
					low[j] = d
				}
			}
		}
		for j := range mean {
			mean[j] /= rows
		}
		for i := range x.Rows {
			for j, v := range x.Row(i)[lo:hi] {
				d := v - origin[j] - mean[j]
				square[j] += float64(d * d)
			}
		}
		for j := range mean {
			d := mean[j] - m.mean[lo+j]
			m.mean[lo+j] += float64(d * (rows / all))
			m.square[lo+j] += square[j] + float64(d*d*(before*(rows/all)))
		}
	})
}

// Mean returns the mean of the rows, a slice of its own.
func (m *Moments) Mean() []float64 {
	mean := make([]float64, len(m.mean))
	for j, v := range m.mean {
		mean[j] = m.origin[j] + v
	}
	return mean
}

// Total returns the sum over the rows of their squared distance from the mean row. It is
// +Inf or NaN where squares overflow.
func (m *Moments) Total() float64 {
	squares := m.chunk[:len(m.square)]
	copy(squares, m.square)
	for j := range squares {
		if m.equal(j) {
			squares[j] = 0
		}
	}
	return kernel.Sum(squares)
}

// equal reports whether the numbers of column j differ by rounding at most.
func (m *Moments) equal(j int) bool {
	low, high := m.origin[j]+m.low[j], m.origin[j]+m.high[j]
	largest := min(max(math.Abs(low), math.Abs(high)), math.MaxFloat64)
	return m.high[j]-m.low[j] <= matrix.EqualWithin*largest
}

// MostVariance is the largest variance of data to train on, and its inverse the least:
// a training squares products of two such numbers.
const MostVariance = 1e140

// ClearEqual sets the columns of x to zero whose numbers differ by rounding at most.
func (m *Moments) ClearEqual(x matrix.Rows) {
	for j := range m.square {
		for i := 0; i < x.Rows && m.equal(j); i++ {
			x.Row(i)[j] = 0
		}
	}
}

// Variance returns Total over the number of rows, 0 where the rows are equal up to
// rounding. Where it lies outside 1/most to most, squares overflow, or soon will, or are
// lost: the error wraps fault.ErrNotFinite or fault.ErrRange, and calls the rows what.
func (m *Moments) Variance(what string, most float64) (float64, error) {
	v := m.Total() / float64(m.rows)
	different := false
	for j := range m.square {
		different = different || !m.equal(j)
	}
	if different && !(v >= 1/most && v <= most) {
		if math.IsNaN(kernel.Sum(m.mean)) && !math.IsInf(kernel.Sum(m.high)-kernel.Sum(m.low), 0) {
			return v, fault.Errorf(fault.ErrNotFinite, "%s hold NaN", what)
		}
		// Not more than it can tell: v itself may have overflowed or be zero.
		reach := max(kernel.MaxAbs(m.low), kernel.MaxAbs(m.high))
		size, cause := "small", fault.ErrRange
		if reach > 1 {
			size, cause = "large", fault.ErrNotFinite
		}
		return v, fault.Errorf(cause, "%s are too %s to be squared: they differ by up to %.2g. Scale them, so that this is near 1, or leave out the few that stand apart", what, size, reach)
	}
	return v, nil
}

// ChunkRows is how many rows of a matrix in memory go into Moments at a time.
const ChunkRows = 1024

// MomentsOf returns the moments of the rows of x, taken in ChunkRows at a time.
func MomentsOf(x matrix.Rows) *Moments {
	m := new(Moments)
	for lo := 0; lo < x.Rows; lo += ChunkRows {
		m.Add(x.Slice(lo, min(lo+ChunkRows, x.Rows)))
	}
	return m
}

// MeanRow returns the mean of the rows of x.
func MeanRow(x matrix.Rows) []float64 {
	return atUsualScale(x, func(x matrix.Rows) []float64 { return MomentsOf(x).Mean() })
}
