// Package feed hands out the batches of a training: in each epoch all samples, in a
// new random order. The samples are in memory, or a buffer of them is, which is
// filled again and again from a data.Source.
//
// The order of the samples depends on the seed, their number and the size of the
// buffer, never on the machine.
package feed

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sparse"
	"github.com/ksparse/ksparse/internal/stat"
)

// Settings is what a Feed needs to know besides its samples.
type Settings struct {
	// Seed fixes the order of the samples.
	Seed uint64
	// MaxNorm, at least 1, leaves out samples whose input's Euclidean norm is more than
	// MaxNorm times the median norm of the inputs that are not zero: of all inputs, or
	// of those in the first buffer. 0 leaves none out.
	MaxNorm float64
	// Few has MaxNorm leave out none where it would leave out more than a twentieth of the
	// samples by whose norms it goes: so many are no outliers.
	Few bool
	// FromMiddle takes norms from the middle of the inputs, their geometric median, and not
	// from zero.
	FromMiddle bool
}

// Feed hands out batches. It is for one goroutine. Close ends what Next has begun.
type Feed struct {
	samples         // those in memory
	stream  *stream // what fills the buffer; nil where all samples are in memory
	position
	batch batch
	limit normLimit
	seed  uint64
	rng   generator
	key   uint64 // of a stream's epoch: fixes its order
	last  bool   // no epoch comes after this one
}

// position is where a Feed is in its samples. With the order of those in memory it is all
// that is needed to go on from there.
type position struct {
	inEpoch bool // an epoch is under way
	buffer  int  // which of the epoch's buffers, counted from 0, is in memory
	used    int  // entries of Feed.order whose samples went into batches
	leftOut int  // samples that MaxNorm has left out in this epoch
	// random is the state of rng to go on with: that before the epoch's key was drawn, if a
	// stream is in an epoch, for the buffer is then filled anew; else the present one.
	random rand.PCG
}

// FromMemory returns a Feed of the inputs x and the targets y, which have one row for
// each sample. x and y are the same matrix for an autoencoder.
func FromMemory(s Settings, x sparse.Rows, y matrix.Rows) *Feed {
	f := newFeed(s)
	f.setMemory(x, y)
	return f
}

// FromSource returns a Feed of the rows of a source. They are inputs and targets at once, or
// each is an input and its target. A source of up to buffer rows is read at once, and the Feed is
// then that of FromMemory, to the bit. A larger one streams: each epoch, and nothing before, reads
// it through a buffer of about that many rows. If it may be read beside the training, the next
// buffer is read into a second one while the present one is used; the batches are the same.
// check, where not nil, is asked about inputs and targets after each read, also on another
// goroutine; first is the number of their first row.
//
// Errors wrap fault.ErrEmpty, fault.ErrShape, fault.ErrNotFinite or fault.ErrRange (a buffer that
// is too large, or so small that an epoch has too many), or are those of ctx, of the source or of
// check.
func FromSource(ctx context.Context, s Settings, t Table, buffer int, check func(x, y matrix.Rows, first int) error) (*Feed, error) {
	stream, err := newStream(t, buffer, check)
	if err != nil {
		return nil, err
	}
	f := newFeed(s)
	if stream.pieces > 1 {
		f.stream = stream
		return f, nil
	}
	rows, err := stream.all(ctx)
	if err != nil {
		return nil, err
	}
	x, y := t.split(rows)
	f.setMemory(sparse.Rows{Dense: x}, y)
	return f, nil
}

// newFeed returns a Feed whose samples are still to be set.
func newFeed(s Settings) *Feed {
	f := &Feed{limit: newNormLimit(s), seed: s.Seed, rng: newGenerator(s.Seed)}
	f.random = f.rng.state()
	return f
}

// setMemory makes x and y all samples there are.
func (f *Feed) setMemory(x sparse.Rows, y matrix.Rows) { f.leftOut = f.samples.set(x, y, &f.limit) }

// Streams reports whether the samples come through a buffer that does not hold all of
// them.
func (f *Feed) Streams() bool { return f.stream != nil }

// Buffer says in words how the samples are buffered.
func (f *Feed) Buffer() string {
	if f.stream == nil {
		return "all samples"
	}
	return fmt.Sprintf("%d times a piece of each of %d parts", f.stream.pieces, f.stream.parts)
}

// Samples returns how many samples an epoch has. Where they stream, those that
// MaxNorm will leave out are among them.
func (f *Feed) Samples() int {
	if f.stream != nil {
		return f.stream.Rows
	}
	return len(f.order)
}

// LeftOut returns how many samples MaxNorm has left out: of all in memory or, where
// they stream, of those that were read in this epoch.
func (f *Feed) LeftOut() int { return f.leftOut }

// InEpoch reports whether an epoch is under way: after Begin, and up to the last batch.
func (f *Feed) InEpoch() bool { return f.inEpoch }

// SetBatchSize sets how many samples, at least 1, Next returns.
func (f *Feed) SetBatchSize(n int) { f.batch.size = n }

// HoldOut takes a share of the samples, at least one and not all, out of the Feed and
// returns copies of them. They are chosen at random. It comes before the first epoch.
// Errors wrap fault.ErrRange, where the samples stream, or fault.ErrEmpty.
func (f *Feed) HoldOut(fraction float64) (x sparse.Rows, y matrix.Rows, err error) {
	if f.stream != nil {
		return x, y, fault.Errorf(fault.ErrRange, "Validation.Fraction is %v, but the source's %d rows do not fit in the Buffer: use Validation.X or Source",
			fraction, f.stream.Rows)
	}
	if len(f.order) < 2 {
		return x, y, fault.Errorf(fault.ErrEmpty, "Validation.Fraction %v of 1 sample leaves none to train on", fraction)
	}
	f.rng.shuffle(f.order)
	held := int(math.Round(fraction * float64(len(f.order))))
	x, y = f.takeLast(max(1, min(held, len(f.order)-1)))
	return x, y, nil
}

// Variance returns the mean of |t-t̄|² over the samples in memory, t̄ the mean of the
// t, where t = target(x, y) for a sample's input x and target y. target may return
// the same memory each time, of as many numbers as y has. Where samples stream,
// Variance comes after Begin. Errors wrap fault.ErrNotFinite or fault.ErrRange: the t
// are too large or too small for a training to square them.
func (f *Feed) Variance(target func(x, y []float64) []float64) (float64, error) {
	var moments stat.Moments
	var chunk matrix.Rows
	spare := f.x.Spare()
	for lo := 0; lo < len(f.order); lo += stat.ChunkRows {
		rows := f.order[lo:min(lo+stat.ChunkRows, len(f.order))]
		chunk.Resize(len(rows), f.y.Cols)
		for i, r := range rows {
			copy(chunk.Row(i), target(f.x.Row(r, spare), f.y.Row(r)))
		}
		moments.Add(chunk)
	}
	return moments.Variance("the training samples", stat.MostVariance)
}

// LargestInput returns the largest magnitude in the inputs of the samples in memory.
func (f *Feed) LargestInput() float64 {
	largest := 0.0
	for _, i := range f.order {
		largest = max(largest, f.x.RowMaxAbs(i))
	}
	return largest
}

// Inputs returns copies of the inputs of samples, as dense rows, as many as asked for or as there are, or
// fewer where MaxNorm leaves some out. In memory they are the first in the epoch's order; of
// a source that streams they come from all of its parts: see sample. It comes after
// Begin, and after a Restore it gives what it gave before. Errors are those of Begin.
func (f *Feed) Inputs(ctx context.Context, count int) (matrix.Rows, error) {
	if s := f.stream; s != nil {
		rows, err := s.sample(ctx, count, f.seed)
		if err != nil {
			return matrix.Rows{}, err
		}
		x, _ := s.split(rows)
		near := 0
		for i := range x.Rows {
			if f.limit.allows(sparse.Rows{Dense: x}, i, nil) {
				copy(x.Row(near), x.Row(i))
				near++
			}
		}
		switch x = x.Slice(0, near); {
		case near > 0 && s.Paired():
			return x.Clone(), nil // without the targets
		case near > 0:
			return x, nil
		}
	}
	return f.x.Gathered(matrix.Rows{}, f.order[:min(count, len(f.order))]), nil
}

// Begin begins an epoch. After an error the Feed is at the epoch's beginning: its
// State is right, but only a Restore goes on from there.
func (f *Feed) Begin(ctx context.Context) error {
	if f.stream == nil {
		f.rng.shuffle(f.order)
		f.position = position{inEpoch: true, leftOut: f.leftOut, random: f.rng.state()}
		return nil
	}
	f.position = position{inEpoch: true, random: f.rng.state()}
	f.key = f.rng.key()
	return f.fill(ctx)
}

// fill fills the buffer of a stream for the position, and shuffles its rows.
func (f *Feed) fill(ctx context.Context) error {
	rows, err := f.stream.next(ctx, f.key, f.buffer)
	if err != nil {
		return err
	}
	x, y := f.stream.split(rows)
	f.leftOut += f.samples.set(sparse.Rows{Dense: x}, y, &f.limit)
	Shuffle(rand.NewPCG(f.key, uint64(f.buffer)), f.order)
	return nil
}

// Next returns the next batch, in memory that the next call uses again, and whether it
// is the epoch's last. An epoch's last batch has the samples that are left. For an
// autoencoder y is x. After an error the State is as it was before the call, but
// only a Restore goes on from there.
func (f *Feed) Next(ctx context.Context) (x sparse.Rows, y matrix.Rows, last bool, err error) {
	before := f.position
	f.readAhead(ctx)
	more, err := f.gather(ctx)
	if err == nil && f.batch.x.Len() == 0 {
		err = fault.Errorf(fault.ErrEmpty, "no row of the source has a norm of up to %v any more: its rows have changed", f.limit.norm)
	}
	if err != nil {
		f.position = before
		return x, y, false, err
	}
	if !more {
		f.inEpoch, f.random = false, f.rng.state()
	}
	x, y = f.batch.rows(&f.samples)
	return x, y, !more, nil
}

// gather fills the batch with the next samples, as far as there are enough. It reports
// whether the epoch has more.
func (f *Feed) gather(ctx context.Context) (more bool, err error) {
	f.batch.begin(&f.samples)
	more = true
	for more && f.batch.room() > 0 {
		rows := f.order[f.used:min(f.used+f.batch.room(), len(f.order))]
		f.batch.add(&f.samples, rows)
		f.used += len(rows)
		if more, err = f.hasMore(ctx); err != nil {
			return false, err
		}
	}
	return more, nil
}

// hasMore reports whether the epoch has samples left. It fills the buffer with them
// where all samples in it are used.
func (f *Feed) hasMore(ctx context.Context) (bool, error) {
	for f.used == len(f.order) {
		if f.stream == nil || f.buffer+1 == f.stream.pieces {
			return false, nil
		}
		f.buffer, f.used = f.buffer+1, 0
		if err := f.fill(ctx); err != nil {
			return false, err
		}
		f.readAhead(ctx)
	}
	return true, nil
}
