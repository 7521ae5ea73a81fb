package feed

import (
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sparse"
)

// samples are those in memory: all of a Feed, or those in its buffer.
type samples struct {
	x     sparse.Rows // inputs
	y     matrix.Rows // targets
	order []int       // the rows of x and y to use, in this order
}

// set makes x and y the samples, in the order in which they stand, without those that
// the limit leaves out. It returns how many these are. From the first samples the limit
// takes its norm.
func (s *samples) set(x sparse.Rows, y matrix.Rows, limit *normLimit) (leftOut int) {
	limit.find(x)
	s.x, s.y = x, y
	s.order = matrix.Resized(s.order, x.Len())[:0]
	spare := limit.spare(x)
	for i := range x.Len() {
		if limit.allows(x, i, spare) {
			s.order = append(s.order, i)
		}
	}
	return x.Len() - len(s.order)
}

// same reports whether the inputs are the targets.
func (s *samples) same() bool { return matrix.Same(s.x.Dense, s.y) }

// takeLast takes the last n samples out and returns copies of them.
func (s *samples) takeLast(n int) (x sparse.Rows, y matrix.Rows) {
	keep := len(s.order) - n
	x.Empty(s.x, n)
	x.Add(s.x, s.order[keep:])
	y = matrix.Gather(y, s.y, s.order[keep:])
	s.order = s.order[:keep]
	return x, y
}
