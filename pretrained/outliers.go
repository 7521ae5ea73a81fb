package pretrained

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/stat"
	"gonum.org/v1/gonum/mat"
)

// Zeros pad data, texts begin with the same token, and a few rows may be a hundred times as
// large as the others: a mean over such rows says little. So what is usual is told by the
// rows that are not zero, each once, and by their medians:
//
//   - The centre has in each column the median of such rows.
//   - A row is outlying where its distance from the centre is more than outlyingFrom times
//     that of nine tenths of them, one not counted. So about a tenth can be, and one of three.
//   - The usual rows are those that are neither zero nor outlying, each once.
//
// Half of the rows or more may also be one row up to rounding: within rounding of the centre,
// as a share of the median norm. They count once, too. (float32 rounds to 2^-24.)
const (
	outlyingFrom = 5
	rounding     = 1.0 / (1 << 22)
)

// centreRows is about how many rows, drawn at random, the centre is of at most.
const centreRows = 1024

// A rowsAbout says which rows of a source are usual. Its lengths are those of the rows times
// unit, a power of two, so that no square overflows.
type rowsAbout struct {
	unit     float64
	norms    []float64 // of all rows
	repeated []bool    // the row is equal, up to rounding, to one before it, and not zero
	outlying []bool
	centre   []float64
	away     []float64 // each row's distance from the centre

	medianNorm, medianAway float64 // over the rows that are not zero, each once
}

// look measures the rows of s.
func look(s data.Source) (*rowsAbout, error) {
	unit, err := unitOf(s, 1, nil)
	if err != nil {
		return nil, err
	}
	a := &rowsAbout{unit: unit}
	if a.norms, err = distances(s, a.unit, nil); err != nil {
		return nil, err
	}
	if err := a.findRepeated(s); err != nil {
		return nil, err
	}
	for merged := true; merged; merged = a.mergeNear() {
		if a.centre, err = a.centreOf(s); err != nil {
			return nil, err
		}
		if a.away, err = distances(s, a.unit, a.centre); err != nil {
			return nil, err
		}
		a.medianNorm, a.medianAway = stat.Median(a.once(a.norms)), stat.Median(a.once(a.away))
	}
	a.findOutlying()
	return a, nil
}

// findOutlying marks the outlying rows.
func (a *rowsAbout) findOutlying() {
	a.outlying = make([]bool, len(a.norms))
	away := a.once(a.away)
	if len(away) < 3 { // which of two is far from the other?
		return
	}
	slices.Sort(away)
	limit := away[(len(away)-1)*9/10]
	for i, v := range a.away {
		a.outlying[i] = a.norms[i] > 0 && v > outlyingFrom*limit
	}
}

// mergeNear marks as repeated all but the first of the rows at the centre, up to rounding,
// where half or more are, and reports whether it did.
func (a *rowsAbout) mergeNear() bool {
	var near []int
	far := 0
	for i, v := range a.away {
		switch {
		case a.norms[i] == 0, a.repeated[i]:
		case v <= rounding*a.medianNorm:
			near = append(near, i)
		default:
			far++
		}
	}
	if len(near) < max(2, far) {
		return false
	}
	for _, i := range near[1:] {
		a.repeated[i] = true
	}
	return true
}

// findRepeated marks the rows that are equal to one before them, by a hash of 64 bits.
func (a *rowsAbout) findRepeated(s data.Source) error {
	a.repeated = make([]bool, len(a.norms))
	seed, seen := maphash.MakeSeed(), make(map[uint64]bool, len(a.norms))
	var text []byte
	return eachChunk(s, 1, func(lo int, x *mat.Dense) error {
		for i := range x.RawMatrix().Rows {
			text = text[:0]
			for _, v := range x.RawRowView(i) {
				text = binary.LittleEndian.AppendUint64(text, math.Float64bits(v+0)) // -0 is 0
			}
			hash := maphash.Bytes(seed, text)
			a.repeated[lo+i] = seen[hash] && a.norms[lo+i] > 0
			seen[hash] = true
		}
		return nil
	})
}

// once returns the values of the rows that are not zero, each once.
func (a *rowsAbout) once(values []float64) (some []float64) {
	for i, v := range values {
		if a.norms[i] > 0 && !a.repeated[i] {
			some = append(some, v)
		}
	}
	return some
}

// centreOf returns the median row of s times unit.
func (a *rowsAbout) centreOf(s data.Source) ([]float64, error) {
	_, cols := s.Dims()
	of := (len(a.once(a.norms)) + centreRows - 1) / centreRows // one row of so many
	columns, rng := make([][]float64, cols), rand.New(rand.NewPCG(1, 1))
	err := eachChunk(s, a.unit, func(lo int, x *mat.Dense) error {
		for i := range x.RawMatrix().Rows {
			if a.norms[lo+i] == 0 || a.repeated[lo+i] {
				continue
			}
			if rng.IntN(of) == 0 {
				for j, v := range x.RawRowView(i) {
					columns[j] = append(columns[j], v)
				}
			}
		}
		return nil
	})
	centre := make([]float64, cols)
	for j := range centre {
		centre[j] = stat.Median(columns[j])
	}
	return centre, err
}

// distances returns how far each row times unit is from the point at, nil for the origin.
func distances(s data.Source, unit float64, at []float64) ([]float64, error) {
	rows, cols := s.Dims()
	if at == nil {
		at = make([]float64, cols)
	}
	out := make([]float64, 0, rows)
	err := eachChunk(s, unit, func(_ int, x *mat.Dense) error {
		for i := range x.RawMatrix().Rows {
			row := x.RawRowView(i)
			for j := range row {
				row[j] -= at[j]
			}
			out = append(out, matrix.Norm(row))
		}
		return nil
	})
	return out, err
}

// with marks the rows, too, that are outlying in b, of as many rows: the targets. It returns
// what there is to say of all of them, and what they are: the lengths are those of the rows
// where both are outlying.
func (a *rowsAbout) with(b *rowsAbout) (o *Outliers, what string) {
	rows, targets := a.outliers(), b.outliers()
	o, what = rows, "rows"
	switch {
	case rows == nil:
		o, what = targets, "targets"
	case targets != nil:
		what = "rows or their targets"
	}
	for i, is := range b.outlying {
		a.outlying[i] = a.outlying[i] || is
	}
	if o != nil {
		o.Rows = number(a.outlying)
	}
	return o, what
}

// unusual marks the rows that are not usual; nil where all are.
func (a *rowsAbout) unusual() []bool {
	marks := make([]bool, len(a.norms))
	for i, norm := range a.norms {
		marks[i] = norm == 0 || a.repeated[i] || a.outlying[i]
	}
	if !slices.Contains(marks, true) {
		return nil
	}
	return marks
}

// zeros returns how many rows are zero.
func (a *rowsAbout) zeros() (n int) {
	for _, norm := range a.norms {
		if norm == 0 {
			n++
		}
	}
	return n
}

// outliers says what there is to say of the outlying rows, nil where there are none.
func (a *rowsAbout) outliers() *Outliers {
	o := &Outliers{Rows: number(a.outlying), LeastNorm: math.MaxFloat64, MedianNorm: a.full(a.medianNorm), MedianAway: a.full(a.medianAway)}
	for i, is := range a.outlying {
		if is {
			o.LeastNorm, o.MostNorm = min(o.LeastNorm, a.full(a.norms[i])), max(o.MostNorm, a.full(a.norms[i]))
			o.MostAway = max(o.MostAway, a.full(a.away[i]))
		}
	}
	if o.Rows == 0 {
		return nil
	}
	return o
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

// full is a length in the unit of the rows themselves, the largest number where it would
// overflow.
func (a *rowsAbout) full(length float64) float64 { return min(length/a.unit, math.MaxFloat64) }

// normScale returns the scale that makes the mean norm of the usual rows sqrt(cols),
// infinite where there are none.
func (a *rowsAbout) normScale(cols int) float64 {
	sum, n := 0.0, 0
	for i, v := range a.norms {
		if v > 0 && !a.repeated[i] && !a.outlying[i] {
			sum += v
			n++
		}
	}
	return math.Sqrt(float64(cols)) * (float64(n) / sum) * a.unit
}
