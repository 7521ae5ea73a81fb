package ksparse

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/topk"
)

// stream is where a feeder's samples come from when they do not fit in memory:
// chunks of consecutive rows of a Source.
type stream struct {
	source     Source
	rows, cols int
	loss       Loss
	chunkRows  int       // rows of a chunk, the last one may have less
	chunks     []int     // the chunks in their order of use
	atOnce     int       // chunks that fit in the buffer
	buffer     topk.Rows // atOnce·chunkRows rows
}

// mixedChunks is from how many places of the Source the samples in the buffer
// come, at least: more mix better, fewer are read in larger pieces.
const mixedChunks = 64

// TrainSource trains an autoencoder on the rows of src, which need not fit in
// memory. It is Train otherwise.
//
// A source of up to TrainConfig.Buffer rows is read once, and the training is
// that of Train, to the bit. A larger one is read once in each epoch, through a
// shuffling buffer: chunks of Buffer/64 consecutive rows (at least one row), in a
// new random order; as many as fit are read into the buffer, a ReadRows each, its
// rows are shuffled and used up, and so on. A batch may take the last rows of one
// buffer and the first of the next. So rows that are far apart in the source meet
// in a batch, but neighbours do so more often than by chance: a source that is
// sorted wants a large buffer.
//
// Memory for the rows is (Buffer + BatchSize)·columns·8 bytes, and 8 bytes for
// each row of the buffer and each chunk. The rest is that of a training that has
// its data in memory: parameters, optimizer state, and activations of one batch.
//
// The rows must stay the same from epoch to epoch, and until a resumed training
// ends. Errors of the source are wrapped and name the rows that were asked for;
// rows with NaN or an infinity are ErrNotFinite, another number of columns than
// the network takes ErrShape, a network that is not as wide at its end as at its
// start ErrShape. Reading the first buffer comes before training begins, so where
// that fails, or ctx is done meanwhile, there is no history and no checkpoint.
// ValidationFraction needs a source that fits in the buffer, else
// it is ErrRange: give ValidationX.
func (n *Network) TrainSource(ctx context.Context, src Source, cfg TrainConfig) (*History, error) {
	start := time.Now()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s, err := n.newStream(src, cfg.withDefaults())
	if err != nil {
		return nil, err
	}
	feed := newFeeder(cfg)
	if s.atOnce < len(s.chunks) {
		if cfg.ValidationFraction > 0 {
			return nil, errorf(ErrRange, "ValidationFraction is %v, but the source's %d rows do not fit in the Buffer: use ValidationX",
				cfg.ValidationFraction, s.rows)
		}
		feed.stream = s
	} else {
		x, err := s.read(ctx, s.chunks)
		if err != nil {
			return nil, err
		}
		feed.setMemory(x, x)
	}
	return n.train(ctx, start, feed, cfg)
}

// newStream checks the source and divides it into chunks.
func (n *Network) newStream(src Source, cfg TrainConfig) (*stream, error) {
	if src == nil {
		return nil, errorf(ErrEmpty, "the source is nil")
	}
	rows, cols := src.Dims()
	if rows < 1 || cols < 1 {
		return nil, errorf(ErrEmpty, "the source has no rows (it is %d x %d)", rows, cols)
	}
	if cols != n.In() {
		return nil, errorf(ErrShape, "the source has %d columns, want %d", cols, n.In())
	}
	if n.Out() != cols {
		return nil, errorf(ErrShape, "TrainSource wants an autoencoder, the network takes %d values and gives %d", cols, n.Out())
	}
	s := &stream{source: src, rows: rows, cols: cols, loss: cfg.Loss}
	buffered := min(rows, cfg.Buffer)
	s.chunkRows = min(rows, max(1, cfg.Buffer/mixedChunks))
	chunks := 1 + (rows-1)/s.chunkRows
	if s.atOnce = chunks; rows > buffered {
		s.atOnce = buffered / s.chunkRows
		buffered = s.atOnce * s.chunkRows
	}
	if buffered > maxParameters/cols || chunks > maxParameters {
		return nil, errorf(ErrRange, "a source of %d x %d in %d chunks, with a buffer of %d rows, is too large", rows, cols, chunks, buffered)
	}
	s.chunks = make([]int, chunks)
	for i := range s.chunks {
		s.chunks[i] = i
	}
	s.buffer = newRows(buffered, cols)
	return s, nil
}

// read reads the given chunks into the buffer and returns their rows.
func (s *stream) read(ctx context.Context, chunks []int) (topk.Rows, error) {
	have := 0
	for _, c := range chunks {
		if err := ctx.Err(); err != nil {
			return topk.Rows{}, err
		}
		lo, hi := c*s.chunkRows, min((c+1)*s.chunkRows, s.rows)
		part := s.buffer.Slice(have, have+hi-lo)
		end := part.Rows * part.Cols
		part.Data = part.Data[:end:end] // a source that appends gets its own memory
		if err := s.source.ReadRows(part.Data, lo, hi); err != nil {
			return topk.Rows{}, fmt.Errorf("ksparse: reading the rows %d to %d of the source: %w", lo, hi, err)
		}
		if !kernel.AllFinite(part.Data) {
			for i, v := range part.Data {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					return topk.Rows{}, errorf(ErrNotFinite, "the source holds %v at row %d, column %d", v, lo+i/s.cols, i%s.cols)
				}
			}
		}
		if err := s.loss.checkTarget(fmt.Sprintf("the source from row %d on", lo), part); err != nil {
			return topk.Rows{}, err
		}
		have += hi - lo
	}
	return s.buffer.Slice(0, have), nil
}

// fill reads the chunks from f.from on into the buffer and shuffles its rows.
func (f *feeder) fill(ctx context.Context) error {
	s := f.stream
	rows, err := s.read(ctx, s.chunks[f.from:min(f.from+s.atOnce, len(s.chunks))])
	if err != nil {
		return err
	}
	f.x, f.y = rows, rows
	if math.IsNaN(f.limit) { // the first buffer
		f.setLimit()
	}
	f.pick()
	f.leftOut += rows.Rows - len(f.order)
	shuffle(f.rng, f.order)
	return nil
}
