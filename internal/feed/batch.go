package feed

import "github.com/ksparse/ksparse/internal/matrix"

// batch has the memory of a batch, and collects its samples.
type batch struct {
	size  int         // how many samples it has at most
	count int         // how many it has
	x, y  matrix.Rows // y is not in use where the inputs are the targets
}

// begin empties the batch and makes room for samples like those of s.
func (b *batch) begin(s *samples) {
	b.count = 0
	b.x.Resize(b.size, s.x.Cols)
	if !s.same() {
		b.y.Resize(b.size, s.y.Cols)
	}
}

// room returns how many more samples the batch takes.
func (b *batch) room() int { return b.size - b.count }

// add adds copies of the given rows of s.
func (b *batch) add(s *samples, rows []int) {
	matrix.Gather(b.x.Slice(b.count, b.size), s.x, rows)
	if !s.same() {
		matrix.Gather(b.y.Slice(b.count, b.size), s.y, rows)
	}
	b.count += len(rows)
}

// rows returns the samples of the batch, which are copies of those of s. For an
// autoencoder y is x.
func (b *batch) rows(s *samples) (x, y matrix.Rows) {
	x = b.x.Slice(0, b.count)
	if s.same() {
		return x, x
	}
	return x, b.y.Slice(0, b.count)
}
