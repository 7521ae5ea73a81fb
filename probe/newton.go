package probe

import (
	"context"
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
)

// minimise moves the parameters to the minimum by Newton's method, whose steps conjugate gradients find as
// exactly as it takes (Dembo and Steihaug 1983; with the diagonal as a preconditioner as in Hsia, Chiang and
// Lin 2018). It returns how many steps it took. The objective is convex, so nothing but the
// tolerance depends on the way there.
func (p *problem) minimise(ctx context.Context, o Options) (steps int, err error) {
	n := len(p.at)
	s := solver{problem: p, step: make([]float64, n), rest: make([]float64, n), along: make([]float64, n), curved: make([]float64, n), scale: make([]float64, n)}
	next := make([]float64, n)
	p.evaluate(p.at)
	first := p.norm()
	for ; p.norm() > o.Tolerance; steps++ {
		if p.l2 == 0 && slices.Max(p.losses) < leastLoss {
			return steps, fault.Errorf(ErrSeparable, "the classes can be told apart without an error, so without L2 there is no minimum: set Options.L2")
		}
		if steps == o.MaxIterations {
			return steps, fault.Errorf(ErrNotConverged, "the probe has not converged: after %d iterations the gradient is %.2g, want at most %.2g; allow more iterations, raise L2, or scale the columns of x", steps, p.norm(), o.Tolerance)
		}
		now := p.norm()
		goal := max(o.Tolerance/2, now*min(mostRest, math.Sqrt(now/first)))
		if err := s.solve(ctx, goal*float64(p.x.Len())); err != nil {
			return steps, err
		}
		if !p.move(next, s.step) {
			return steps, fault.Errorf(ErrNotConverged, "the probe has not converged: after %d iterations the gradient is %.2g, want at most %.2g, and rounding allows no better; ask for a larger Tolerance", steps, p.norm(), o.Tolerance)
		}
	}
	return steps, nil
}

const (
	leastLoss  = 0.69  // log 2, less some rounding: a row whose loss is less gives its class more than a half
	mostRest   = 0.1   // of the gradient: what a step may leave of it, where the function is as its curvature says
	mostInner  = 1000  // products with the second derivative for a step
	sufficient = 1e-4  // of what the slope promises a step must gain
	halvings   = 40    // of a step, at most
	rounding   = 1e-12 // of the loss: less is no difference
)

// move takes a step, or as much of it as makes the objective smaller, and reports whether there is any.
// next is memory for parameters.
func (p *problem) move(next, step []float64) bool {
	loss, norm, slope := p.loss, p.norm(), kernel.Dot(p.gradient, step)
	t := 1.0
	for range halvings {
		for j, v := range step {
			next[j] = p.at[j] + float64(t*v)
		}
		p.evaluate(next)
		if p.loss <= loss+float64(sufficient*t*slope) || p.loss <= loss+float64(rounding*loss) && p.norm() < norm {
			copy(p.at, next)
			return true
		}
		t /= 2
	}
	p.evaluate(p.at)
	return false
}

// solver finds steps by conjugate gradients.
type solver struct {
	*problem
	step   []float64
	rest   []float64 // what the step leaves of the gradient, with the other sign
	along  []float64 // where the step is made longer
	curved []float64 // the second derivative times that
	scale  []float64 // the second derivative's diagonal
}

// solve sets step to where the gradient, by the second derivative, would have no number larger than goal.
func (s *solver) solve(ctx context.Context, goal float64) error {
	s.curvature(s.scale)
	clear(s.step)
	product := 0.0
	for j, g := range s.gradient {
		s.rest[j] = -g
		s.along[j] = -g / s.scale[j]
	}
	product = kernel.Dot(s.rest, s.along)
	for i := range mostInner {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.curve(s.curved, s.along)
		bend := kernel.Dot(s.along, s.curved)
		if !(bend > 0) { // rounding is all that is left
			if i == 0 {
				copy(s.step, s.along)
			}
			return nil
		}
		by := product / bend
		for j, v := range s.along {
			s.step[j] += float64(by * v)
			s.rest[j] -= float64(by * s.curved[j])
		}
		if kernel.MaxAbs(s.rest) <= goal {
			return nil
		}
		before := product
		for j, r := range s.rest {
			s.curved[j] = r / s.scale[j]
		}
		product = kernel.Dot(s.rest, s.curved)
		for j, z := range s.curved {
			s.along[j] = z + float64(product/before*s.along[j])
		}
	}
	return nil
}
