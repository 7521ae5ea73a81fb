//go:build !purego

package kernel

import "unsafe"

// elementwiseNEON holds the element-wise kernels. What they call is generated beside the
// assembly, and is never inlined: a loop that calls nothing but assembly has no point at
// which it can be stopped, and would hold up every garbage collection until it ends.
var elementwiseNEON = elementwise{
	sigmoid:   oneOperand(callSigmoidNEON),
	tanh:      oneOperand(callTanhNEON),
	scale:     func(x []float64, f float64) { callScaleNEON(unsafe.SliceData(x), len(x), f) },
	sum:       func(lanes *[8]float64, x []float64) { callSumNEON(&lanes[0], unsafe.SliceData(x), len(x)) },
	allFinite: func(x []float64) bool { return callAllFiniteNEON(unsafe.SliceData(x), len(x)) },
	prefetch:  func(x []float64) { callPrefetchNEON(unsafe.SliceData(x), len(x)) },
	add:       twoOperands(callAddNEON),
	subtract:  twoOperands(callSubtractNEON),
	sigmoidSlope: func(delta, value []float64) {
		callSigmoidSlopeNEON(unsafe.SliceData(delta), unsafe.SliceData(value), len(value), 1)
	},
	tanhSlope: func(delta, value []float64) {
		callTanhSlopeNEON(unsafe.SliceData(delta), unsafe.SliceData(value), len(value), 1)
	},
	adam: func(w, g, m, v []float64, shrink, step, floor, beta1, beta2 float64) bool {
		return callAdamNEON(unsafe.SliceData(w), unsafe.SliceData(g), unsafe.SliceData(m), unsafe.SliceData(v), len(g), shrink, step, floor, beta1, 1-beta1, beta2, 1-beta2)
	},
	sgd: func(w, g []float64, rate float64) bool {
		return callSgdNEON(unsafe.SliceData(w), unsafe.SliceData(g), len(g), rate)
	},
	momentum: func(w, g, v []float64, rate, mu float64) bool {
		return callMomentumNEON(unsafe.SliceData(w), unsafe.SliceData(g), unsafe.SliceData(v), len(g), rate, mu)
	},
	nesterov: func(w, g, v []float64, rate, mu float64) bool {
		return callNesterovNEON(unsafe.SliceData(w), unsafe.SliceData(g), unsafe.SliceData(v), len(g), rate, mu)
	},
	rmsProp: func(w, g, s []float64, rate, alpha, eps float64) bool {
		return callRmsPropNEON(unsafe.SliceData(w), unsafe.SliceData(g), unsafe.SliceData(s), len(g), rate, alpha, 1-alpha, eps)
	},
	adaGrad: func(w, g, s []float64, rate, eps float64) bool {
		return callAdaGradNEON(unsafe.SliceData(w), unsafe.SliceData(g), unsafe.SliceData(s), len(g), rate, eps)
	},
}

// functionCall is the most elements for which one call computes an activation: 17 us of a
// Neoverse N1, as computed.
const functionCall = maxSweep / 2

// oneOperand returns the kernel of a function of one variable.
func oneOperand(f func(dst, x *float64, n int)) func(dst, x []float64) {
	return func(dst, x []float64) {
		for ; len(x) > functionCall; dst, x = dst[functionCall:], x[functionCall:] {
			f(&dst[0], &x[0], functionCall)
		}
		f(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
	}
}

// twoOperands returns the kernel of a function of two variables.
func twoOperands(f func(dst, x, y *float64, n int)) func(dst, x, y []float64) {
	return func(dst, x, y []float64) {
		f(unsafe.SliceData(dst), unsafe.SliceData(x), unsafe.SliceData(y), len(x))
	}
}
