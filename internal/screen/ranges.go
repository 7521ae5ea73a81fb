package screen

import (
	"math"

	"github.com/ksparse/ksparse/internal/matrix"
)

// ranges says which codes of each row of a block the next round takes, and which rows
// are given up: left to the float64 path.
type ranges struct {
	unit      []float64 // the value of one code; 0 for a row that is given up
	low, high []int16   // the codes that a round takes
	givenUp   []int32   // rows of the block
}

// reset makes room for rows; the caller sets their units.
func (r *ranges) reset(rows int) {
	r.unit = matrix.Resized(r.unit, rows)
	r.low, r.high = matrix.Resized(r.low, rows), matrix.Resized(r.high, rows)
	r.givenUp = r.givenUp[:0]
}

// open reports whether row i is not given up.
func (r *ranges) open(i int) bool { return r.unit[i] != 0 }

// set makes a round take the codes low to high of row i.
func (r *ranges) set(i int, low, high int16) { r.low[i], r.high[i] = low, high }

// setNone makes a round take nothing of row i.
func (r *ranges) setNone(i int) { r.set(i, math.MaxInt16, math.MinInt16) }

// giveUp leaves row i to the float64 path.
func (r *ranges) giveUp(i int) {
	r.unit[i] = 0
	r.setNone(i)
	r.givenUp = append(r.givenUp, int32(i))
}

// repeated returns n times the range of the block's only row.
func (r *ranges) repeated(n int) (low, high []int16) {
	first, last := r.low[0], r.high[0]
	r.low, r.high = matrix.Resized(r.low, n), matrix.Resized(r.high, n)
	for i := range n {
		r.set(i, first, last)
	}
	return r.low, r.high
}
