package engine

import (
	"math"
	"sync"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
)

// activationGrain is how many activations are worth handing to another goroutine.
const activationGrain = 1 << 12

// activate sets out = f(pre). For the identity out is pre, or takes its numbers.
func activate(act *Activation, out, pre []float64) {
	if act.Values == nil {
		if len(pre) > 0 && &out[0] != &pre[0] {
			copy(out, pre)
		}
		return
	}
	c, _ := activatePool.Get().(*activateCall)
	if c == nil {
		c = new(activateCall)
		c.run = c.part
	}
	c.act, c.out, c.pre = act, out, pre
	parallel.For(len(pre), activationGrain, c.run)
	c.act, c.out, c.pre = nil, nil, nil
	activatePool.Put(c)
}

// activateCall is one activate. It is kept for the next one, with its method value: a
// new one for each would be garbage.
type activateCall struct {
	act      *Activation
	out, pre []float64
	run      func(worker, lo, hi int)
}

func (c *activateCall) part(_, lo, hi int) { c.act.apply(c.out[lo:hi], c.pre[lo:hi]) }

// apply sets out = f(pre), for an f that is not the identity. Where a pre-activation is
// NaN or infinite the value is NaN: of max(z, 0) it would be 0, and nobody would miss it.
func (a *Activation) apply(out, pre []float64) {
	a.Values(out, pre)
	if kernel.AllFinite(pre) {
		return
	}
	for e, z := range pre {
		if !finite(z) {
			out[e] = math.NaN()
		}
	}
}

var activatePool sync.Pool
