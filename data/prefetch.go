package data

import "github.com/ksparse/ksparse/internal/fault"

// Prefetch returns src, and says of it that its methods may be called by several goroutines at
// once. Training on a source that is larger than TrainConfig.Buffer, and measure.Evaluate, then
// read ahead: while some rows are in use the next ones are read. The results are the same, to
// the bit; the rows in memory are twice as many.
//
// It is for sources of one's own, whose reads take long and leave the processor idle. An *Npy
// needs none of it, nor does what Concat, Range, HoldOut, Split, Sample and Pair make of
// sources that are read ahead. Of a matrix in memory nothing is read ahead. A nil src stays
// nil.
//
// Any source can say the same of itself by a method ReadsAhead() bool that returns true.
func Prefetch(src Source) Source {
	if _, isHeld := src.(matrixSource); isHeld || fault.IsNil(src) {
		return src
	}
	return stillPair(prefetched{src}, src)
}

// prefetched is a source that may be read by several goroutines at once.
type prefetched struct{ Source }

func (prefetched) ReadsAhead() bool { return true }

// Origin says where the row comes from.
func (p prefetched) Origin(row int) string { return origin(p.Source, row) }
