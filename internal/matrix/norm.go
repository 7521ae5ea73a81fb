package matrix

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
)

// Squares of numbers beyond 1e154 overflow, and those of numbers below 1e-162 are zero.
// So a sum of squares is used as it is where it lies in the range below. Elsewhere it is
// taken again of the numbers times a power of two, which changes no digit.
const (
	leastSquares = 0x1p-900 // what underflows beside it is less than its rounding
	mostSquares  = math.MaxFloat64
)

// EqualWithin is up to which share of their size numbers count as equal: 16 times the
// distance from 1 to the next float64. What differs by less differs by rounding.
const EqualWithin = 0x1p-48

// Norm returns the Euclidean norm of row. It is +Inf only where the norm itself is more
// than a float64 holds.
func Norm(row []float64) float64 {
	norm, exponent := scaledNorm(row)
	return math.Ldexp(norm, exponent)
}

// RootMeanSquare returns the norm of row over the root of its length, which is never more
// than the largest of its numbers.
func RootMeanSquare(row []float64) float64 {
	norm, exponent := scaledNorm(row)
	return min(math.Ldexp(norm/math.Sqrt(float64(len(row))), exponent), math.MaxFloat64)
}

// scaledNorm returns the norm of row as norm·2^exponent.
func scaledNorm(row []float64) (norm float64, exponent int) {
	if square := kernel.SumSquares(row); square >= leastSquares && square <= mostSquares {
		return math.Sqrt(square), 0
	}
	if kernel.MaxAbs(row) == 0 {
		return 0, 0
	}
	exponent = Exponent(row)
	near := make([]float64, len(row))
	TimesPower(near, row, -exponent)
	return math.Sqrt(kernel.SumSquares(near)), exponent
}

// Exponent returns the power of two by which the numbers of row are divided so that the
// largest magnitude is in [0.5, 1); 0 where they are all zero.
func Exponent(row []float64) int {
	_, exponent := math.Frexp(kernel.MaxAbs(row))
	return exponent
}

// TimesPower sets dst to x·2^exponent. dst may be x.
func TimesPower(dst, x []float64, exponent int) {
	for j, v := range x {
		dst[j] = math.Ldexp(v, exponent)
	}
}

// MeanDeviation returns the mean of row and the standard deviation of its numbers, with
// n-1 for n, of which there is at least one. They are right for numbers of any
// magnitude; numbers that are all equal deviate by exactly zero.
func MeanDeviation(row []float64) (mean, deviation float64) {
	n := float64(len(row))
	mean = kernel.Sum(row) / n
	square := squares(row, mean)
	switch {
	case !(square <= mostSquares): // or it is NaN
		return largeMeanDeviation(row)
	case square <= float64(n*EqualWithin*EqualWithin*mean*mean):
		// The mean's rounding may be all that there is: take it from the first number on.
		sum := 0.0
		for _, v := range row {
			sum += v - row[0]
		}
		mean = row[0] + sum/n
		square = squares(row, mean)
	}
	return mean, math.Sqrt(square / max(n-1, 1))
}

// squares returns Σ(v-mean)² over the numbers of row.
func squares(row []float64, mean float64) float64 {
	square := 0.0
	for _, v := range row {
		square += float64((v - mean) * (v - mean))
	}
	return square
}

// largeMeanDeviation is MeanDeviation for numbers whose squares overflow. A deviation
// that is itself more than a float64 holds becomes the largest one.
func largeMeanDeviation(row []float64) (mean, deviation float64) {
	n, exponent := float64(len(row)), Exponent(row)
	for _, v := range row {
		mean += math.Ldexp(v, -exponent)
	}
	mean /= n
	square := 0.0
	for _, v := range row {
		d := math.Ldexp(v, -exponent) - mean
		square += float64(d * d)
	}
	deviation = math.Ldexp(math.Sqrt(square/max(n-1, 1)), exponent)
	return math.Ldexp(mean, exponent), min(deviation, math.MaxFloat64)
}
