package engine

import (
	"sync"

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
	c.values, c.out, c.pre = act.Values, out, pre
	parallel.For(len(pre), activationGrain, c.run)
	c.out, c.pre = nil, nil
	activatePool.Put(c)
}

// activateCall is one activate. It is kept for the next one, with its method value: a
// new one for each would be garbage.
type activateCall struct {
	values   func(out, pre []float64)
	out, pre []float64
	run      func(worker, lo, hi int)
}

func (c *activateCall) part(_, lo, hi int) { c.values(c.out[lo:hi], c.pre[lo:hi]) }

var activatePool sync.Pool
