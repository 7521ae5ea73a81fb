package ksparse

import (
	"context"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
)

// feeder hands out the batches of a training, each epoch all samples in a new
// random order. Either all samples are in memory, or a buffer of them is, which
// stream fills again and again.
type feeder struct {
	x, y   topk.Rows // the samples in memory
	order  []int     // the rows of x and y to use, in this order
	stream *stream   // nil where all samples are in memory
	place

	batchSize      int
	batchX, batchY topk.Rows
	maxNorm        float64 // TrainConfig.MaxNorm
	limit          float64 // the norm that this comes to; NaN before the first samples are in memory
	pcg            *rand.PCG
	rng            *rand.Rand // of pcg
}

// place is where a feeder is in its data. With the order (of a stream: that of its
// chunks) it is all that is needed to go on from there.
type place struct {
	open    bool     // an epoch is under way
	from    int      // the stream's chunk, in their order, with which the buffer begins
	at      int      // how many samples of order are used
	leftOut int      // samples that MaxNorm has left out in this epoch
	random  rand.PCG // of a stream in an epoch as it was before the buffer was filled, else as it is
}

// newFeeder returns a feeder whose samples are still to be set.
func newFeeder(cfg TrainConfig) *feeder {
	f := &feeder{maxNorm: cfg.MaxNorm, limit: math.NaN(), pcg: rand.NewPCG(cfg.Seed, 0x6b737061727365)} // "ksparse"
	f.rng = rand.New(f.pcg)
	f.random = *f.pcg
	return f
}

// setMemory makes x and y all there is.
func (f *feeder) setMemory(x, y topk.Rows) {
	f.x, f.y = x, y
	f.setLimit()
	f.pick()
	f.leftOut = x.Rows - len(f.order)
}

// setLimit finds, from the rows in memory, the norm above which a row is left out.
func (f *feeder) setLimit() {
	if f.maxNorm == 0 {
		return
	}
	norms := make([]float64, 0, f.x.Rows)
	for i := range f.x.Rows {
		if v := norm(f.x.Row(i)); v > 0 {
			norms = append(norms, v)
		}
	}
	if f.limit = 0; len(norms) > 0 {
		slices.Sort(norms)
		middle := len(norms) / 2
		median := norms[middle]
		if len(norms)%2 == 0 {
			median = norms[middle-1] + (median-norms[middle-1])/2
		}
		f.limit = f.maxNorm * median
	}
}

// pick sets order to the rows in memory whose norm is within the limit.
func (f *feeder) pick() {
	f.order = resized(f.order, f.x.Rows)[:0]
	for i := range f.x.Rows {
		if f.maxNorm == 0 || norm(f.x.Row(i)) <= f.limit {
			f.order = append(f.order, i)
		}
	}
}

func norm(row []float64) float64 { return math.Sqrt(kernel.SumSquares(row)) }

// holdOut takes a share of the samples, at least one, out of the order and
// returns them.
func (f *feeder) holdOut(fraction float64) (x, y topk.Rows, err error) {
	if len(f.order) < 2 {
		return x, y, errorf(ErrEmpty, "ValidationFraction %v of 1 sample leaves none to train on", fraction)
	}
	shuffle(f.rng, f.order)
	held := int(math.Round(fraction * float64(len(f.order))))
	keep := len(f.order) - max(1, min(held, len(f.order)-1))
	x, y = gatherRows(x, f.x, f.order[keep:]), gatherRows(y, f.y, f.order[keep:])
	f.order = f.order[:keep]
	return x, y, nil
}

// samples is how many samples an epoch has, before MaxNorm where they stream.
func (f *feeder) samples() int {
	if f.stream != nil {
		return f.stream.rows
	}
	return len(f.order)
}

// variance returns the mean of |y-ȳ|² over the samples in memory, ȳ their mean,
// in the space in which losses are measured.
func (f *feeder) variance(frame *frame) float64 {
	mean, buffer := make([]float64, f.y.Cols), make([]float64, f.y.Cols)
	target := func(i int) []float64 {
		if !frame.scales() {
			return f.y.Row(i)
		}
		shift, spread := frame.numbers(f.x.Row(i))
		normalize(buffer, f.y.Row(i), shift, spread)
		return buffer
	}
	for _, i := range f.order {
		addTo(mean, target(i))
	}
	kernel.Scale(mean, 1/float64(len(f.order)))
	sum := 0.0
	for _, i := range f.order {
		sum += squaredError(nil, target(i), mean, 0)
	}
	return sum / float64(len(f.order))
}

// begin begins an epoch. An error leaves the feeder at the epoch's beginning.
func (f *feeder) begin(ctx context.Context) error {
	if f.stream == nil {
		shuffle(f.rng, f.order)
		f.place = place{open: true, leftOut: f.leftOut, random: *f.pcg}
		return nil
	}
	shuffle(f.rng, f.stream.chunks)
	f.place = place{open: true, random: *f.pcg}
	return f.fill(ctx)
}

// next returns the next batch, in memory that the next call uses again, and
// whether it is the epoch's last. An epoch's last batch takes what is left. For
// an autoencoder y is x. An error leaves the feeder's place as it was.
func (f *feeder) next(ctx context.Context) (x, y topk.Rows, last bool, err error) {
	before := f.place
	twice := !same(f.x, f.y)
	resize(&f.batchX, f.batchSize, f.x.Cols)
	if twice {
		resize(&f.batchY, f.batchSize, f.y.Cols)
	}
	have, more := 0, true
	for more && have < f.batchSize {
		rows := f.order[f.at:min(f.at+f.batchSize-have, len(f.order))]
		gatherRows(f.batchX.Slice(have, f.batchSize), f.x, rows)
		if twice {
			gatherRows(f.batchY.Slice(have, f.batchSize), f.y, rows)
		}
		have += len(rows)
		f.at += len(rows)
		if more, err = f.more(ctx); err != nil {
			f.place = before
			return x, y, false, err
		}
	}
	if have == 0 {
		f.place = before
		return x, y, false, errorf(ErrEmpty, "no row of the source has a norm of up to %v any more: its rows have changed", f.limit)
	}
	if !more {
		f.open, f.random = false, *f.pcg
	}
	x = f.batchX.Slice(0, have)
	if y = x; twice {
		y = f.batchY.Slice(0, have)
	}
	return x, y, !more, nil
}

// more reports whether the epoch has samples left, and fills the buffer with them
// where it is used up.
func (f *feeder) more(ctx context.Context) (bool, error) {
	for f.at == len(f.order) {
		if f.stream == nil || f.from+f.stream.atOnce >= len(f.stream.chunks) {
			return false, nil
		}
		f.from, f.at, f.random = f.from+f.stream.atOnce, 0, *f.pcg
		if err := f.fill(ctx); err != nil {
			return false, err
		}
	}
	return true, nil
}

// resume goes to a place, whose order has been set. It returns false where that
// place cannot be.
func (f *feeder) resume(ctx context.Context, p place) (bool, error) {
	*f.pcg, f.place = p.random, p
	if f.stream != nil && p.open {
		if p.from < 0 || p.from >= len(f.stream.chunks) || p.from%f.stream.atOnce != 0 {
			return false, nil
		}
		if err := f.fill(ctx); err != nil {
			return true, err
		}
		f.leftOut = p.leftOut // it counts this buffer already
	}
	return p.leftOut >= 0 && p.at >= 0 && p.at <= len(f.order), nil
}

// orderToKeep is what a checkpoint keeps of the order: of a stream the chunks'.
func (f *feeder) orderToKeep() []int {
	if f.stream != nil {
		return f.stream.chunks
	}
	return f.order
}

// shuffle puts order into a random order (Fisher and Yates). It is written out so
// that the order for a seed can never change with the standard library.
func shuffle(rng *rand.Rand, order []int) {
	for i := len(order) - 1; i > 0; i-- {
		j, _ := bits.Mul64(rng.Uint64(), uint64(i+1))
		order[i], order[j] = order[j], order[i]
	}
}

// gatherRows returns the given rows of m, in the memory of dst where that is
// large enough.
func gatherRows(dst, m topk.Rows, rows []int) topk.Rows {
	resize(&dst, len(rows), m.Cols)
	parallel.For(len(rows), rowGrain(m.Cols), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			copy(dst.Row(i), m.Row(rows[i]))
		}
	})
	return dst
}

// same reports whether a and b are one matrix, as x and y of an autoencoder are.
func same(a, b topk.Rows) bool {
	return &a.Data[0] == &b.Data[0] && a.Rows == b.Rows && a.Cols == b.Cols && a.Stride == b.Stride
}
