package train

import (
	"sync"

	"github.com/ksparse/ksparse/internal/kernel"
)

// MoveOf returns o's Update as a function that never leaves a parameter NaN or
// infinite: it keeps the old value, and returns false. A training step calls it.
//
// An optimizer of this package does so by itself, for single parameters. Any other
// Optimizer is watched from outside, and all of w is put back. That includes pointers to
// optimizers of this package, and types that embed one, which may have an Update of
// their own.
func MoveOf(o Optimizer) func(w, g []float64, state [][]float64, rate float64, step int) (finite bool) {
	switch o := o.(type) {
	case SGD:
		return o.move
	case RMSProp:
		return o.move
	case AdaGrad:
		return o.move
	case Adam:
		return o.move
	case AdamW:
		return o.move
	}
	return watched{o}.move
}

// watched is an Optimizer that may leave parameters NaN or infinite.
type watched struct{ Optimizer }

// move calls Update, and takes it back for all of w where w is not finite afterwards.
// The state stays as Update left it.
func (o watched) move(w, g []float64, state [][]float64, rate float64, step int) (finite bool) {
	before := copies.Get().(*[]float64)
	defer copies.Put(before)
	*before = append((*before)[:0], w...)
	o.Update(w, g, state, rate, step)
	if !kernel.AllFinite(w) {
		copy(w, *before)
		return false
	}
	return true
}

// copies keeps the memory for parameters as they were before an Update.
var copies = sync.Pool{New: func() any { return new([]float64) }}
