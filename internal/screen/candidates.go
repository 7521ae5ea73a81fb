package screen

import (
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// candidates lists, for each row of a block, the latents that the rounds took, with
// their pre-activations. With a middle stage it has the ends of intervals that hold those.
type candidates struct {
	room int // for candidates of a row

	// Those of row i from i*room on, ascending by latent within each round.
	idx   []int32
	pre   []float64 // or the lower ends of the intervals
	upper []float64 // the upper ends of the intervals

	count []int // of each row: the number of candidates
	first []int // their number after round 1
	tried []int // their number after the last round

	values []float64 // of one row's candidates: see evaluate
}

// reset makes room for the candidates of rows, and has none of them.
func (c *candidates) reset(rows, room int, intervals bool) {
	c.room = room
	c.idx, c.pre = matrix.Resized(c.idx, rows*room), matrix.Resized(c.pre, rows*room)
	if intervals {
		c.upper = matrix.Resized(c.upper, rows*room)
	}
	c.count, c.first, c.tried = matrix.Resized(c.count, rows), matrix.Resized(c.first, rows), matrix.Resized(c.tried, rows)
	clear(c.count)
	clear(c.first)
}

// add adds a latent to the candidates of row i and returns where it stands in idx, or
// -1 where there is no room.
func (c *candidates) add(i int, latent int32) int {
	n := c.count[i]
	if n == c.room {
		return -1
	}
	c.count[i] = n + 1
	c.idx[i*c.room+n] = latent
	return i*c.room + n
}

// row returns the candidates of row i and their pre-activations.
func (c *candidates) row(i int) (idx []int32, pre []float64) {
	from, n := i*c.room, c.count[i]
	return c.idx[from:][:n], c.pre[from:][:n]
}

// intervals returns the candidates of row i and the upper ends of their intervals.
func (c *candidates) intervals(i int) (idx []int32, upper []float64) {
	from, n := i*c.room, c.count[i]
	return c.idx[from:][:n], c.upper[from:][:n]
}

// drop removes the candidates of row i.
func (c *candidates) drop(i int) { c.count[i] = 0 }

// endFirst ends round 1: what is added from now on is of another round.
func (c *candidates) endFirst() { copy(c.first, c.count) }

// endLast ends the last round: what is dropped from now on has been tried.
func (c *candidates) endLast() { copy(c.tried, c.count) }

// ascending calls f for the places, in row, of the candidates of row i by ascending
// latent: both rounds found theirs in that order.
func (c *candidates) ascending(i int, f func(at int)) {
	idx, _ := c.row(i)
	s, t := 0, c.first[i]
	for s < c.first[i] || t < len(idx) {
		if t == len(idx) || s < c.first[i] && idx[s] < idx[t] {
			f(s)
			s++
		} else {
			f(t)
			t++
		}
	}
}

// evaluate sets values to the activated values of row i's candidates and returns
// how many are above the floor.
func (c *candidates) evaluate(i int, f *activation) (above int) {
	_, pre := c.row(i)
	c.values = matrix.Resized(c.values, len(pre))
	f.Apply(c.values, pre)
	for _, v := range c.values {
		if v > f.floor {
			above++
		}
	}
	return above
}

// kth returns the k-th largest of values.
func (c *candidates) kth(k int) float64 { return kernel.KthLargest(c.values, k) }
