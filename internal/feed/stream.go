package feed

import (
	"context"
	"math/bits"
	"math/rand/v2"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// stream reads the samples of a Feed that do not fit in memory, a buffer at a time. Every
// buffer is a fair sample of the source, in whatever order its rows are: the source is cut
// into equal parts, each part into as many equal pieces as an epoch has buffers, and a
// buffer takes one piece of each part.
type stream struct {
	source     data.Source
	rows, cols int
	check      func(what string, y matrix.Rows, first int) error // may be nil
	parts      int                                               // of the source
	pieces     int                                               // of a part: buffers of an epoch
	buffer     matrix.Rows
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

// newStream divides the source, which Check has found to have so many rows, for a buffer of
// so many. Where they all fit it is divided into parts of one piece.
func newStream(src data.Source, rows, cols, buffer int, check func(what string, y matrix.Rows, first int) error) (*stream, error) {
	if buffer < 1 {
		return nil, fault.Errorf(fault.ErrRange, "a buffer of %d rows, want at least 1", buffer)
	}
	s := &stream{source: src, rows: rows, cols: cols, check: check}
	if rows <= buffer {
		s.pieces = 1
		return s, s.cut(timesOf(readRows, rows), rows)
	}
	piece := pieceOf(buffer, cols) // rows, or one fewer
	s.pieces = timesOf(buffer/piece*piece, rows)
	parts := timesOf(s.pieces*piece, rows)
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
	if rows > matrix.MaxNumbers/s.cols || s.pieces > matrix.MaxNumbers {
		return fault.Errorf(fault.ErrRange, "a source of %d x %d, through %d buffers of %d rows, is too large", s.rows, s.cols, s.pieces, rows)
	}
	s.parts, s.buffer = parts, matrix.New(rows, s.cols)
	return nil
}

// read reads some rows of each part into the buffer, and returns them: those that choose
// chooses of the part, which is the rows lo to hi.
func (s *stream) read(ctx context.Context, choose func(lo, hi int) (from, to int)) (matrix.Rows, error) {
	have := 0
	for i := range s.parts {
		if err := ctx.Err(); err != nil {
			return matrix.Rows{}, err
		}
		from, to := choose(placeOf(i, s.parts, s.rows), placeOf(i+1, s.parts, s.rows))
		if from == to {
			continue
		}
		rows := s.buffer.Slice(have, have+to-from)
		if err := Read(&rows, s.source, s.rows, s.cols, from, to); err != nil {
			return matrix.Rows{}, err
		}
		if s.check != nil {
			if err := s.check("the source", rows, from); err != nil {
				return matrix.Rows{}, err
			}
		}
		have += to - from
	}
	return s.buffer.Slice(0, have), nil
}

// next reads the buffer of an epoch that comes after so many others. The key of the epoch
// draws the order of each part's pieces: where it begins, and a step from piece to piece,
// around the end, that comes to all of them, for it has no factor in common with their
// number. So no order is kept in memory.
func (s *stream) next(ctx context.Context, key uint64, after int) (matrix.Rows, error) {
	rng := rand.NewPCG(key, 0x706965636573) // "pieces"
	return s.read(ctx, func(lo, hi int) (from, to int) {
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
	return s.read(ctx, func(lo, hi int) (from, to int) { return lo, hi })
}

// sample reads about count rows of the source: of each part a run of rows, at a place that
// the seed draws. Where there are no more rows than count it reads all of them, in order.
func sample(ctx context.Context, src data.Source, rows, cols, count int, seed uint64) (matrix.Rows, error) {
	if rows <= count {
		s, err := newStream(src, rows, cols, count, nil)
		if err != nil {
			return matrix.Rows{}, err
		}
		return s.all(ctx)
	}
	s := &stream{source: src, rows: rows, cols: cols}
	run := pieceOf(count, cols)
	if err := s.cut(count/run, count/run*run); err != nil {
		return matrix.Rows{}, err
	}
	rng := rand.NewPCG(seed, 0x73616d706c65) // "sample"
	return s.read(ctx, func(lo, hi int) (from, to int) {
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
