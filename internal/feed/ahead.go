package feed

import (
	"context"

	"github.com/ksparse/ksparse/internal/matrix"
)

// ahead is a buffer that is being read while the one before it is in use.
type ahead struct {
	key   uint64 // of its epoch
	after int    // how many buffers of the epoch come before it
	stop  context.CancelFunc
	wait  func(bool) error // for rows
	rows  matrix.Rows
}

// SetLast says whether the epoch that is under way is the last one, so that nothing is read
// ahead for another. It comes before Next, each time that it may have changed.
func (f *Feed) SetLast(last bool) { f.last = last }

// readAhead begins to read the buffer that comes next, where the source may be read beside the
// training: of the next epoch, whose key is the next random number, where this was the last.
func (f *Feed) readAhead(ctx context.Context) {
	switch s := f.stream; {
	case s == nil || !s.ahead || s.coming != nil:
	case f.buffer+1 < s.pieces:
		s.begin(ctx, f.key, f.buffer+1)
	case !f.last:
		s.begin(ctx, f.rng.nextKey(), 0)
	}
}

// Close stops reading ahead, and returns once nothing is being read any more. The Feed can be
// used again.
func (f *Feed) Close() {
	if f.stream != nil {
		f.stream.drop()
	}
}

// begin begins to read a buffer: see piecesOf.
func (s *stream) begin(ctx context.Context, key uint64, after int) {
	if s.spare.Data == nil {
		s.spare = matrix.New(s.buffer.Rows, s.buffer.Cols)
	}
	ctx, stop := context.WithCancel(ctx)
	a, spare := &ahead{key: key, after: after, stop: stop}, s.spare
	a.wait = later(true, func() (err error) {
		a.rows, err = s.piecesOf(ctx, spare, key, after)
		return err
	})
	s.coming = a
}

// drop stops reading ahead.
func (s *stream) drop() {
	if a := s.coming; a != nil {
		a.stop()
		a.wait(false)
		s.coming = nil
	}
}

// next returns the buffer of an epoch that comes after so many others: what was read ahead, where
// that is it, or what it reads now. An error of what was read ahead comes here.
func (s *stream) next(ctx context.Context, key uint64, after int) (matrix.Rows, error) {
	if err := ctx.Err(); err != nil {
		return matrix.Rows{}, err
	}
	a := s.coming
	if a == nil || a.key != key || a.after != after {
		s.drop()
		return s.piecesOf(ctx, s.buffer, key, after)
	}
	err := a.wait(true)
	a.stop()
	s.coming = nil
	s.buffer, s.spare = s.spare, s.buffer
	return a.rows, err
}

// later begins do, on a goroutine of its own, and returns what waits for its end. Without a
// goroutine do waits until it is wanted.
func later(goroutine bool, do func() error) (wait func(wanted bool) error) {
	if !goroutine {
		return func(wanted bool) error {
			if !wanted {
				return nil
			}
			return do()
		}
	}
	done := make(chan error, 1)
	go func() {
		done <- do()
		close(done) // whoever waits again does not wait
	}()
	return func(bool) error { return <-done }
}
