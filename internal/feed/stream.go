package feed

import (
	"context"
	"math/bits"
	"math/rand/v2"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// stream reads the samples of a Feed that do not fit in memory, a buffer at a time. Every
// buffer is a fair sample of the source, in whatever order its rows are: the source is cut
// into equal parts, each part into as many equal pieces as an epoch has buffers, and a
// buffer takes one piece of each part.
type stream struct {
	Table
	check  func(x, y matrix.Rows, first int) error // may be nil
	parts  int                                     // of the source
	pieces int                                     // of a part: buffers of an epoch
	buffer matrix.Rows                             // in use
	spare  matrix.Rows                             // the memory for reading ahead; none before that
	coming *ahead                                  // what is being read ahead; nil for nothing
}

const (
	// mixedParts is about how many parts a source has, where the buffer has that many rows.
	// With more the rows are mixed better, with fewer they are read in longer pieces.
	mixedParts = 1024
	// fewParts is how many parts are left, about, where longer pieces spare reads of a few
	// bytes: those of fewer than shortRead numbers.
	fewParts  = 256
	shortRead = 256
	// readRows is how many rows are read at a time where all of them are.
	readRows = 1024
)

// newStream divides the source for a buffer of so many rows. Where they all fit it is divided
// into parts of one piece.
func newStream(t Table, buffer int, check func(x, y matrix.Rows, first int) error) (*stream, error) {
	if buffer < 1 {
		return nil, fault.Errorf(fault.ErrRange, "a buffer of %d rows, want at least 1", buffer)
	}
	s := &stream{Table: t, check: check}
	if t.Rows <= buffer {
		s.pieces = 1
		return s, s.cut(timesOf(readRows, t.Rows), t.Rows)
	}
	piece := pieceOf(buffer, t.Cols) // rows, or one fewer
	s.pieces = timesOf(buffer/piece*piece, t.Rows)
	parts := timesOf(s.pieces*piece, t.Rows)
	return s, s.cut(parts, parts*piece)
}

// pieceOf returns how many rows are read in each part of the source for so many rows of it.
func pieceOf(rows, cols int) int {
	return max(1, rows/mixedParts, min(rows/fewParts, shortRead/cols))
}

// timesOf returns how many times n it takes to have at least all.
func timesOf(n, all int) int { return 1 + (all-1)/n }

// cut divides the source into parts, and makes room for that many rows.
func (s *stream) cut(parts, rows int) error {
	if rows > matrix.MaxNumbers/s.Cols || s.pieces > matrix.MaxNumbers {
		return fault.Errorf(fault.ErrRange, "a source of %d x %d, through %d buffers of %d rows, is too large", s.Rows, s.Cols, s.pieces, rows)
	}
	s.parts, s.buffer = parts, matrix.New(rows, s.Cols)
	return nil
}

// read reads some rows of each part into the buffer, and returns them: those that choose
// chooses of the part, which is the rows lo to hi.
func (s *stream) read(ctx context.Context, buffer matrix.Rows, choose func(lo, hi int) (from, to int)) (matrix.Rows, error) {
	have := 0
	for i := range s.parts {
		if err := ctx.Err(); err != nil {
			return matrix.Rows{}, err
		}
		from, to := choose(placeOf(i, s.parts, s.Rows), placeOf(i+1, s.parts, s.Rows))
		if from == to {
			continue
		}
		rows := buffer.Slice(have, have+to-from)
		x, y, err := s.Read(&rows, from, to)
		if err == nil && s.check != nil {
			err = s.check(x, y, from)
		}
		if err != nil {
			return matrix.Rows{}, err
		}
		have += to - from
	}
	return buffer.Slice(0, have), nil
}

// piecesOf reads a piece of each part into the buffer: those of an epoch that come after so many
// others. The key of the epoch draws the order of each part's pieces: where it begins, and a
// step from piece to piece, around the end, that comes to all of them, for it has no factor in
// common with their number. So no order is kept in memory.
func (s *stream) piecesOf(ctx context.Context, buffer matrix.Rows, key uint64, after int) (matrix.Rows, error) {
	rng := rand.NewPCG(key, 0x706965636573) // "pieces"
	return s.read(ctx, buffer, func(lo, hi int) (from, to int) {
		first, step := below(rng, s.pieces), below(rng, s.pieces)
		for commonFactor(step, s.pieces) > 1 {
			step = below(rng, s.pieces)
		}
		high, low := bits.Mul64(uint64(step), uint64(after))
		piece := (first + int(bits.Rem64(high, low, uint64(s.pieces)))) % s.pieces
		return lo + placeOf(piece, s.pieces, hi-lo), lo + placeOf(piece+1, s.pieces, hi-lo)
	})
}

// all reads all rows, which fit in the buffer, in order.
func (s *stream) all(ctx context.Context) (matrix.Rows, error) {
	return s.read(ctx, s.buffer, func(lo, hi int) (from, to int) { return lo, hi })
}

// sample reads about count rows of the source: of each part a run of rows, at a place that
// the seed draws. Where there are no more rows than count it reads all of them, in order.
func (t Table) sample(ctx context.Context, count int, seed uint64) (matrix.Rows, error) {
	if t.Rows <= count {
		s, err := newStream(t, count, nil)
		if err != nil {
			return matrix.Rows{}, err
		}
		return s.all(ctx)
	}
	s := &stream{Table: t}
	run := pieceOf(count, t.Cols)
	if err := s.cut(count/run, count/run*run); err != nil {
		return matrix.Rows{}, err
	}
	rng := rand.NewPCG(seed, 0x73616d706c65) // "sample"
	return s.read(ctx, s.buffer, func(lo, hi int) (from, to int) {
		from = lo + below(rng, hi-lo-run+1)
		return from, from + run
	})
}

// placeOf returns where part i of that many equal ones begins in rows.
func placeOf(i, parts, rows int) int {
	high, low := bits.Mul64(uint64(i), uint64(rows))
	place, _ := bits.Div64(high, low, uint64(parts))
	return int(place)
}

// commonFactor returns the greatest common divisor of a and b.
func commonFactor(a, b int) int {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}
