package data

import (
	"sync"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// Paired is a source of inputs and targets side by side. TrainSource trains a network on it
// that gives the targets for the inputs, such as a transcoder.
type Paired interface {
	Source
	// Inputs returns how many of the columns are inputs: the first ones, at least one and
	// not all. The others are targets. It does not change.
	Inputs() int
}

// Pair returns inputs and targets side by side: as many rows as each has, and the columns of
// inputs before those of targets. It is a Paired, and stays one in Concat, Range, HoldOut,
// Split, Sample and Prefetch, so that a row keeps its target. If inputs is a pair itself, all
// of its columns are inputs. A read takes one read of each; memory for the targets of the
// longest read is kept.
//
// Errors wrap ksparse.ErrEmpty, or ksparse.ErrShape where the two have other numbers of rows.
func Pair(inputs, targets Source) (Source, error) {
	x, err := newPart("the source of inputs", inputs)
	if err != nil {
		return nil, err
	}
	y, err := newPart("the source of targets", targets)
	if err != nil {
		return nil, err
	}
	if x.rows != y.rows {
		return nil, fault.Errorf(fault.ErrShape, "Pair was given inputs of %d rows and targets of %d", x.rows, y.rows)
	}
	return &pair{inputs: x, targets: y, ahead: allReadAhead(inputs, targets)}, nil
}

// pair is two sources side by side.
type pair struct {
	inputs, targets part
	ahead           bool
}

func (p *pair) Dims() (rows, cols int) { return p.inputs.rows, p.inputs.cols + p.targets.cols }
func (p *pair) Inputs() int            { return p.inputs.cols }
func (p *pair) ReadsAhead() bool       { return p.ahead }

// Origin says where the row's input and its target come from.
func (p *pair) Origin(row int) string {
	x, y := origin(p.inputs.src, row), origin(p.targets.src, row)
	if x == y {
		return x
	}
	return x + " of the inputs, " + y + " of the targets"
}

// targetsPool keeps the memory of targets from read to read.
var targetsPool = sync.Pool{New: func() any { return new([]float64) }}

// ReadRows reads the rows lo to hi: the inputs to the front of dst, from where they go to their
// places, and the targets to memory of their own, which holds what dst held: so what a source
// does not write is what the caller finds.
func (p *pair) ReadRows(dst []float64, lo, hi int) error {
	if err := checkRead(p, dst, lo, hi); err != nil || lo == hi {
		return err
	}
	rows, in, out := hi-lo, p.inputs.cols, p.targets.cols
	memory := targetsPool.Get().(*[]float64)
	defer targetsPool.Put(memory)
	*memory = matrix.Resized(*memory, rows*out)
	targets := *memory
	copy(targets, dst)
	if err := p.inputs.read(dst[:rows*in], lo, hi); err != nil {
		return err
	}
	if err := p.targets.read(targets, lo, hi); err != nil {
		return err
	}
	for i := rows - 1; i >= 0; i-- { // backwards, so that no input is written over before it is moved
		row := dst[i*(in+out):][:in+out]
		copy(row, dst[i*in:(i+1)*in])
		copy(row[in:], targets[i*out:(i+1)*out])
	}
	return nil
}
