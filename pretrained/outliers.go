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
	mean     []float64
	variance float64 // Σ|y-ȳ|²: exactly 0 where the rows are all equal
}

// spreadOf measures the rows of s times scale, but for those that are left out.
func spreadOf(s data.Source, scale float64, without []bool) (spread, error) {
	largest := 0.0
	kept := func(f func(x *mat.Dense)) error {
		return eachChunk(s, scale, func(lo int, x *mat.Dense) error {
			if x = withoutRows(x, lo, without); x != nil {
				f(x)
			}
			return nil
		})
	}
	err := kept(func(x *mat.Dense) {
		for _, v := range x.RawMatrix().Data {
			largest = max(largest, math.Abs(v))
		}
	})
	out := spread{unit: powerOfTwo(largest)}
	var m stat.Moments
	if err == nil {
		err = kept(func(x *mat.Dense) {
			x.Scale(out.unit, x)
			rows, cols := x.Dims()
			m.Add(matrix.Rows{Rows: rows, Cols: cols, Stride: cols, Data: x.RawMatrix().Data})
		})
	}
	out.mean, out.variance = m.Mean(), m.Total()
	return out, err
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

// outlyingFrom is how many times the median norm, or the median distance from the mean,
// an outlying row has. No figure of normally distributed rows comes near it.
const outlyingFrom = 5

// fewest: a tenth of the rows at most can be outlying by their distance alone.
const fewest = 10

// A rowsAbout says which rows of a source are outlying, with the norms of all.
type rowsAbout struct {
	unit                 float64 // of the norms, as in spread
	norms                []float64
	outlying             []bool // nil where none is
	count                int
	least, most          float64 // norm of an outlying row, 0 where there is none
	median               float64 // norm of the rows that are not zero
	farthest, medianAway float64 // distance of a row from the mean
}

// look finds the outlying rows of s: those of a large norm, then those far from the mean
// of the others, as the norm does not tell where all rows have a large mean.
func look(s data.Source) (*rowsAbout, error) {
	all, err := spreadOf(s, 1, nil)
	if err != nil {
		return nil, err
	}
	a := &rowsAbout{unit: all.unit}
	if a.norms, err = distances(s, all.unit, nil); err != nil {
		return nil, err
	}
	a.median = a.medianOf(a.norms)
	a.outlying = above(a.norms, a.median)
	usual, err := spreadOf(s, 1, a.outlying)
	if err != nil {
		return nil, err
	}
	for j := range usual.mean { // to the unit of all
		usual.mean[j] *= all.unit / usual.unit
	}
	away, err := distances(s, all.unit, usual.mean)
	if err != nil {
		return nil, err
	}
	a.medianAway = a.medianOf(away)
	if far := above(away, a.medianAway); number(far) <= len(far)/fewest { // more are another part of the data
		for i, is := range far {
			a.outlying[i] = a.outlying[i] || is
		}
	}
	a.sum(away)
	return a, nil
}

// sum finds the numbers of the rows that are marked, which are so far from the mean.
func (a *rowsAbout) sum(away []float64) {
	a.least = math.Inf(1)
	for i, is := range a.outlying {
		if is {
			a.least, a.most, a.farthest = min(a.least, a.norms[i]), max(a.most, a.norms[i]), max(a.farthest, away[i])
		}
	}
	if a.count = number(a.outlying); a.count == 0 {
		a.outlying, a.least = nil, 0
	}
}

// above marks the values that are far above their median.
func above(values []float64, median float64) []bool {
	marks := make([]bool, len(values))
	for i, v := range values {
		marks[i] = median > 0 && v > outlyingFrom*median
	}
	return marks
}

// number returns how many are marked.
func number(marks []bool) (n int) {
	for _, is := range marks {
		if is {
			n++
		}
	}
	return n
}

// with returns what is known of the rows together with that of their targets y: a row is
// outlying where either is. Its norms are those of the rows, or where none of them is
// outlying those of the targets.
func (a *rowsAbout) with(y data.Source) (*rowsAbout, error) {
	b, err := look(y)
	if err != nil || b.count == 0 || len(b.norms) != len(a.norms) { // another number is an error, and found later
		return a, err
	}
	if a.count == 0 {
		return b, nil
	}
	for i, is := range b.outlying {
		if is && !a.outlying[i] {
			a.outlying[i] = true
			a.count++
		}
	}
	return a, nil
}

// distances returns how far each row times unit is from mean, nil for the origin.
func distances(s data.Source, unit float64, mean []float64) ([]float64, error) {
	rows, cols := s.Dims()
	if mean == nil {
		mean = make([]float64, cols)
	}
	out := make([]float64, 0, rows)
	err := eachChunk(s, unit, func(_ int, x *mat.Dense) error {
		for i := range x.RawMatrix().Rows {
			row := x.RawRowView(i)
			for j := range row {
				row[j] -= mean[j]
			}
			out = append(out, matrix.Norm(row))
		}
		return nil
	})
	return out, err
}

// medianOf returns the median of the values of rows that are not zero: zeros pad data.
func (a *rowsAbout) medianOf(values []float64) float64 {
	var some []float64
	for i, v := range values {
		if a.norms[i] > 0 {
			some = append(some, v)
		}
	}
	return stat.Median(some)
}

// full is a length in the unit of the rows themselves, the largest number where it would
// overflow.
func (a *rowsAbout) full(length float64) float64 { return min(length/a.unit, math.MaxFloat64) }

// normScale returns the scale that makes the mean norm of the rows that are not outlying
// sqrt(cols). It is infinite for rows of zeros.
func (a *rowsAbout) normScale(cols int) float64 {
	sum, n := 0.0, 0
	for i, v := range a.norms {
		if a.outlying == nil || !a.outlying[i] {
			sum += v
			n++
		}
	}
	return math.Sqrt(float64(cols)) * (float64(n) / sum) * a.unit
}
