package feed

import (
	"context"
	"math/rand/v2"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// stream reads the samples of a Feed that do not fit in memory: chunks of consecutive
// rows of a Source, as many at once as fit in a buffer.
type stream struct {
	source     data.Source
	rows, cols int
	check      func(what string, y matrix.Rows, first int) error // may be nil
	chunkRows  int                                               // rows of a chunk; the last chunk may have fewer
	order      []int                                             // the chunks in their order of use
	atOnce     int                                               // chunks that fit in the buffer
	buffer     matrix.Rows                                       // atOnce·chunkRows rows
}

const (
	// mixedChunks is from how many places of the Source, at least, the samples in the
	// buffer come: with more they are mixed better, with fewer they are read in larger
	// pieces.
	mixedChunks = 64
)

// newStream checks the source and divides it into chunks.
func newStream(src data.Source, cols, buffer int, check func(what string, y matrix.Rows, first int) error) (*stream, error) {
	rows, err := Check(src, cols)
	if err != nil {
		return nil, err
	}
	if buffer < 1 {
		return nil, fault.Errorf(fault.ErrRange, "a buffer of %d rows, want at least 1", buffer)
	}
	s := &stream{source: src, rows: rows, cols: cols, check: check}
	buffered := min(rows, buffer)
	s.chunkRows = min(rows, max(1, buffer/mixedChunks))
	chunks := 1 + (rows-1)/s.chunkRows
	if s.atOnce = chunks; rows > buffered {
		s.atOnce = buffered / s.chunkRows
		buffered = s.atOnce * s.chunkRows
	}
	if buffered > matrix.MaxNumbers/cols || chunks > matrix.MaxNumbers {
		return nil, fault.Errorf(fault.ErrRange, "a source of %d x %d in %d chunks, with a buffer of %d rows, is too large", rows, cols, chunks, buffered)
	}
	s.order = make([]int, chunks)
	for i := range s.order {
		s.order[i] = i
	}
	s.buffer = matrix.New(buffered, cols)
	return s, nil
}

// read reads the given chunks into the buffer and returns their rows.
func (s *stream) read(ctx context.Context, chunks []int) (matrix.Rows, error) {
	have := 0
	for _, c := range chunks {
		if err := ctx.Err(); err != nil {
			return matrix.Rows{}, err
		}
		lo, hi := c*s.chunkRows, min((c+1)*s.chunkRows, s.rows)
		part := s.buffer.Slice(have, have+hi-lo)
		if err := Read(&part, s.source, s.rows, s.cols, lo, hi); err != nil {
			return matrix.Rows{}, err
		}
		if s.check != nil {
			if err := s.check("the source", part, lo); err != nil {
				return matrix.Rows{}, err
			}
		}
		have += hi - lo
	}
	return s.buffer.Slice(0, have), nil
}

// spreadRuns is from how many places, at most, spread reads.
const spreadRuns = 256

// spread returns up to count rows from all parts of the source, without those that the
// limit leaves out. The source is cut into as many equal parts as there are places to read
// at, and of each part a run of rows is read, at a place that the seed draws: at even
// distances the rows of a source with a period might be all alike.
func (s *stream) spread(ctx context.Context, count int, limit *normLimit, seed uint64) (matrix.Rows, error) {
	count = min(count, s.rows)
	runs := min(spreadRuns, count)
	length := count / runs
	rng := rand.New(rand.NewPCG(seed, 0x737072656164)) // "spread"
	all, have := matrix.New(count, s.cols), 0
	var part matrix.Rows
	for i := range runs {
		if err := ctx.Err(); err != nil {
			return matrix.Rows{}, err
		}
		from, to := placeOf(i, runs, s.rows), placeOf(i+1, runs, s.rows)
		lo := from + rng.IntN(to-from-length+1)
		if err := Read(&part, s.source, s.rows, s.cols, lo, lo+length); err != nil {
			return matrix.Rows{}, err
		}
		for j := range length {
			if limit.allows(part.Row(j)) {
				copy(all.Row(have), part.Row(j))
				have++
			}
		}
	}
	return all.Slice(0, have), nil
}

// placeOf returns where part i of that many equal ones begins in rows.
func placeOf(i, parts, rows int) int { return rows/parts*i + rows%parts*i/parts }

// fill reads the chunks from f.chunk on into the buffer and shuffles their rows.
func (f *Feed) fill(ctx context.Context) error {
	s := f.stream
	rows, err := s.read(ctx, s.order[f.chunk:min(f.chunk+s.atOnce, len(s.order))])
	if err != nil {
		return err
	}
	f.leftOut += f.samples.set(rows, rows, &f.limit)
	f.rng.shuffle(f.order)
	return nil
}
