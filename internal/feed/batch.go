package feed

import (
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sparse"
)

// batch has the memory of a batch, and collects its samples.
type batch struct {
	size int         // how many samples it has at most
	x    sparse.Rows // the inputs that it has
	y    matrix.Rows // room for as many targets as it may have; not in use where the inputs are the targets
}

// begin empties the batch and makes room for samples like those of s.
func (b *batch) begin(s *samples) {
	b.x.Empty(s.x, b.size)
	if !s.same() {
		b.y.Resize(b.size, s.y.Cols)
	}
}

// room returns how many more samples the batch takes.
func (b *batch) room() int { return b.size - b.x.Len() }

// add adds copies of the given rows of s.
func (b *batch) add(s *samples, rows []int) {
	if !s.same() {
		matrix.Gather(b.y.Slice(b.x.Len(), b.size), s.y, rows)
	}
	b.x.Add(s.x, rows)
}

// rows returns the samples of the batch, which are copies of those of s. For an
// autoencoder y is x.
func (b *batch) rows(s *samples) (x sparse.Rows, y matrix.Rows) {
	if s.same() {
		return b.x, b.x.Dense
	}
	return b.x, b.y.Slice(0, b.x.Len())
}
