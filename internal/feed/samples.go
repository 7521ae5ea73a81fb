package feed

import "github.com/ksparse/ksparse/internal/matrix"

// samples are those in memory: all of a Feed, or those in its buffer.
type samples struct {
	x, y  matrix.Rows // inputs and targets
	order []int       // the rows of x and y to use, in this order
}

// set makes x and y the samples, in the order in which they stand, without those that
// the limit leaves out. It returns how many these are. From the first samples the limit
// takes its norm.
func (s *samples) set(x, y matrix.Rows, limit *normLimit) (leftOut int) {
	limit.find(x)
	s.x, s.y = x, y
	s.order = matrix.Resized(s.order, x.Rows)[:0]
	for i := range x.Rows {
		if limit.allows(x.Row(i)) {
			s.order = append(s.order, i)
		}
	}
	return x.Rows - len(s.order)
}

// same reports whether the inputs are the targets.
func (s *samples) same() bool { return matrix.Same(s.x, s.y) }

// takeLast takes the last n samples out and returns copies of them.
func (s *samples) takeLast(n int) (x, y matrix.Rows) {
	keep := len(s.order) - n
	x, y = matrix.Gather(x, s.x, s.order[keep:]), matrix.Gather(y, s.y, s.order[keep:])
	s.order = s.order[:keep]
	return x, y
}
