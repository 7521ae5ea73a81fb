package kernel

import "math"

// Steps of optimizers over one row of parameters. Each step reads and writes a
// parameter once, together with the state that belongs to it. w, g and the
// state have one length, that of g, and do not overlap. Every operation is rounded
// on its own unless math.FMA fuses it, in the order of optimize_generic.go, so all
// paths give the same bits. A parameter that would not stay finite keeps its value,
// and the step returns false.

// AdamStep moves w by one Adam step and updates its two moments:
//
//	m = beta1 m + (1-beta1) g
//	v = beta2 v + (1-beta2) g²
//	w = shrink w - rate (m / c1) / (sqrt(v / c2) + eps)
//
// where c1 = 1-beta1^t and c2 = 1-beta2^t undo the moments' start at zero.
// shrink is 1 for Adam and 1 - rate*decay for AdamW. The quotient is computed as
// (rate sqrt(c2)/c1) m / (sqrt(v) + eps sqrt(c2)), the same number with one
// division per parameter instead of two.
func AdamStep(w, g, m, v []float64, shrink, rate, beta1, beta2, c1, c2, eps float64) (finite bool) {
	n := len(g)
	w, m, v = w[:n], m[:n], v[:n]
	raceWriteAll(w, m, v)
	raceReadAll(g)
	root := math.Sqrt(c2)
	step, floor := rate*root/c1, eps*root
	return bySweeps(n, func(i, e int) bool {
		return active.adam(w[i:e], g[i:e], m[i:e], v[i:e], shrink, step, floor, beta1, beta2)
	})
}

// SGDStep moves w against its gradient: w = w - rate g.
func SGDStep(w, g []float64, rate float64) (finite bool) {
	n := len(g)
	w = w[:n]
	raceWriteAll(w)
	raceReadAll(g)
	return bySweeps(n, func(i, e int) bool { return active.sgd(w[i:e], g[i:e], rate) })
}

// MomentumStep is SGDStep with a velocity, in PyTorch's form:
//
//	v = mu v + g
//	w = w - rate v               or, with nesterov,
//	w = w - rate (g + mu v)
func MomentumStep(w, g, v []float64, rate, mu float64, nesterov bool) (finite bool) {
	n := len(g)
	w, v = w[:n], v[:n]
	raceWriteAll(w, v)
	raceReadAll(g)
	sweep := active.momentum
	if nesterov {
		sweep = active.nesterov
	}
	return bySweeps(n, func(i, e int) bool { return sweep(w[i:e], g[i:e], v[i:e], rate, mu) })
}

// RMSPropStep divides each step by a running root mean square of the gradient:
//
//	s = alpha s + (1-alpha) g²
//	w = w - rate g / (sqrt(s) + eps)
func RMSPropStep(w, g, s []float64, rate, alpha, eps float64) (finite bool) {
	n := len(g)
	w, s = w[:n], s[:n]
	raceWriteAll(w, s)
	raceReadAll(g)
	return bySweeps(n, func(i, e int) bool { return active.rmsProp(w[i:e], g[i:e], s[i:e], rate, alpha, eps) })
}

// AdaGradStep divides each step by the root of the sum of all squared gradients:
//
//	s = s + g²
//	w = w - rate g / (sqrt(s) + eps)
func AdaGradStep(w, g, s []float64, rate, eps float64) (finite bool) {
	n := len(g)
	w, s = w[:n], s[:n]
	raceWriteAll(w, s)
	raceReadAll(g)
	return bySweeps(n, func(i, e int) bool { return active.adaGrad(w[i:e], g[i:e], s[i:e], rate, eps) })
}

// bySweeps calls step for the parameters i to e-1, at most maxSweep a call, until it
// has covered all n, and reports whether all stayed finite.
func bySweeps(n int, step func(i, e int) bool) bool {
	finite := true
	for i := 0; i < n; i += maxSweep {
		finite = step(i, min(i+maxSweep, n)) && finite
	}
	return finite
}
