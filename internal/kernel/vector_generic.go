package kernel

import "math"

// The element-wise kernels in plain Go, but for the optimizers' steps
// (optimize_generic.go): they define those of the other paths.

// sigmoidGeneric is VecSigmoid.
func sigmoidGeneric(dst, x []float64) {
	for i, v := range x {
		dst[i] = Sigmoid(v)
	}
}

// tanhGeneric is VecTanh.
func tanhGeneric(dst, x []float64) {
	for i, v := range x {
		dst[i] = Tanh(v)
	}
}

// addGeneric is Add.
func addGeneric(dst, x, y []float64) {
	for i, v := range x {
		dst[i] = v + y[i]
	}
}

// subtractGeneric is Subtract.
func subtractGeneric(dst, x, y []float64) {
	for i, v := range x {
		dst[i] = v - y[i]
	}
}

// sigmoidSlopeGeneric is SigmoidSlope.
func sigmoidSlopeGeneric(delta, value []float64) {
	for i, s := range value {
		delta[i] *= s * (1 - s)
	}
}

// tanhSlopeGeneric is TanhSlope.
func tanhSlopeGeneric(delta, value []float64) {
	for i, t := range value {
		delta[i] *= fma(-t, t, 1)
	}
}

// scaleGeneric is Scale.
func scaleGeneric(x []float64, f float64) {
	for i := range x {
		x[i] *= f
	}
}

// sumGeneric adds x to the lanes of a sum in dot order.
func sumGeneric(lanes *[8]float64, x []float64) {
	l := *lanes
	for len(x) >= 8 {
		l[0] += x[0]
		l[1] += x[1]
		l[2] += x[2]
		l[3] += x[3]
		l[4] += x[4]
		l[5] += x[5]
		l[6] += x[6]
		l[7] += x[7]
		x = x[8:]
	}
	for i, v := range x { // the missing zeros would change nothing: no lane is -0
		l[i] += v
	}
	*lanes = l
}

// allFiniteGeneric is AllFinite. It adds up x-x, which is NaN for NaN and infinities and 0
// for all else.
func allFiniteGeneric(x []float64) bool {
	var a, b, c, d float64
	for len(x) >= 4 {
		a += x[0] - x[0]
		b += x[1] - x[1]
		c += x[2] - x[2]
		d += x[3] - x[3]
		x = x[4:]
	}
	for _, v := range x {
		a += v - v
	}
	return !math.IsNaN((a + b) + (c + d))
}
