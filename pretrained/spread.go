package pretrained

import (
	"math"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/stat"
	"gonum.org/v1/gonum/mat"
)

// A spread is how rows lie about their mean, all of it times unit, a power of two that
// brings their largest number to about 1. So no square of it overflows.
type spread struct {
	unit     float64
	variance float64 // Σ|y-ȳ|²: exactly 0 where the rows are all equal
}

// spreadOf measures the rows of s times scale, but for those that are left out.
func spreadOf(s data.Source, scale float64, without []bool) (spread, error) {
	unit, err := unitOf(s, scale, without)
	if err != nil {
		return spread{}, err
	}
	var m stat.Moments
	err = eachKept(s, scale, without, func(x *mat.Dense) {
		x.Scale(unit, x)
		rows, cols := x.Dims()
		m.Add(matrix.Rows{Rows: rows, Cols: cols, Stride: cols, Data: x.RawMatrix().Data})
	})
	return spread{unit: unit, variance: m.Total()}, err
}

// unitOf returns the power of two that brings the largest number of the rows of s times
// scale, but for those that are left out, to about 1.
func unitOf(s data.Source, scale float64, without []bool) (float64, error) {
	largest := 0.0
	err := eachKept(s, scale, without, func(x *mat.Dense) {
		for _, v := range x.RawMatrix().Data {
			largest = max(largest, math.Abs(v))
		}
	})
	return powerOfTwo(largest), err
}

// eachKept calls f for chunks of the rows of s times scale, but for those that are left
// out.
func eachKept(s data.Source, scale float64, without []bool, f func(x *mat.Dense)) error {
	return eachChunk(s, scale, func(lo int, x *mat.Dense) error {
		if x = withoutRows(x, lo, without); x != nil {
			f(x)
		}
		return nil
	})
}

// powerOfTwo returns the power of two that brings v to between 1/2 and 1, as far as
// there is one.
func powerOfTwo(v float64) float64 {
	const most = 1000
	_, e := math.Frexp(v)
	return math.Ldexp(1, min(max(-e, -most), most))
}

// withoutRows returns the rows of x, whose first is row lo of all, but for those that are
// left out; nil where that leaves none.
func withoutRows(x *mat.Dense, lo int, without []bool) *mat.Dense {
	rows, cols := x.Dims()
	if without == nil {
		return x
	}
	n := 0
	for i := range rows {
		if !without[lo+i] {
			copy(x.RawRowView(n), x.RawRowView(i))
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return x.Slice(0, n, 0, cols).(*mat.Dense)
}
