package feed

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/ksparse/ksparse/internal/fault"
)

// State is where a Feed is in its samples: with the same settings and samples, all
// that it takes to go on from there.
type State struct {
	Buffer  int       // of a stream: which of the epoch's buffers, counted from 0, is in memory
	Used    int       // how many samples in memory (of a stream: in the buffer) went into batches
	LeftOut int       // samples that MaxNorm has left out in this epoch
	InEpoch bool      // an epoch is under way
	Random  [2]uint64 // the random state to go on with
	Order   []int64   // the order of the samples; none where they stream, for Random fixes it
}

// State returns the present State. Order is a copy.
func (f *Feed) State() State {
	s := State{Buffer: f.buffer, Used: f.used, LeftOut: f.leftOut, InEpoch: f.inEpoch}
	random, _ := f.random.MarshalBinary() // "pcg:" and two uint64; never an error
	s.Random = [2]uint64{binary.BigEndian.Uint64(random[4:]), binary.BigEndian.Uint64(random[12:])}
	order := f.keptOrder()
	s.Order = make([]int64, len(order))
	for i, v := range order {
		s.Order[i] = int64(v)
	}
	return s
}

// keptOrder is the order that a State keeps.
func (f *Feed) keptOrder() []int {
	if f.stream != nil {
		return nil
	}
	return f.order
}

// Restore goes to a State that a Feed of the same settings and samples had. This
// Feed has begun its first epoch: where samples stream, that is when MaxNorm's limit
// is found. If the State cannot be one of this Feed, the error wraps fault.ErrFormat;
// other errors are those of filling the buffer. After an error the Feed is of no
// more use.
func (f *Feed) Restore(ctx context.Context, s State) error {
	order := f.keptOrder()
	if !sameMembers(order, s.Order) {
		return fault.Errorf(fault.ErrFormat, "the checkpoint's order of the samples does not have each sample once")
	}
	refill := f.stream != nil && s.InEpoch // between epochs the buffer does not matter
	notThere := fault.Errorf(fault.ErrFormat, "the checkpoint's place in the data, %d of buffer %d, is not there", s.Used, s.Buffer)
	if s.Buffer < 0 || s.Used < 0 || s.LeftOut < 0 || refill && s.Buffer >= f.stream.pieces {
		return notThere
	}
	for i, v := range s.Order {
		order[i] = int(v)
	}
	f.Close() // what is read ahead belongs to where the Feed was
	f.rng.restore(*rand.NewPCG(s.Random[0], s.Random[1]))
	f.position = position{inEpoch: s.InEpoch, buffer: s.Buffer, used: s.Used, leftOut: s.LeftOut, random: f.rng.state()}
	if refill {
		f.key = f.rng.key()
		if err := f.fill(ctx); err != nil {
			return err
		}
		f.leftOut = s.LeftOut // it counts this buffer already
	}
	if s.Used > len(f.order) && (refill || f.stream == nil) {
		return notThere
	}
	return nil
}

// sameMembers reports whether a and b have the same numbers, in whatever order.
func sameMembers(a []int, b []int64) bool {
	return slices.EqualFunc(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)),
		func(v int, w int64) bool { return int64(v) == w })
}
