package kernel

import "math"

// AllFinite reports whether x holds neither NaN nor an infinity.
func AllFinite(x []float64) bool {
	for _, v := range x {
		if math.Float64bits(v)>>52&0x7ff == 0x7ff {
			return false
		}
	}
	return true
}

// VecSigmoid sets dst[i] = Sigmoid(x[i]); dst may be x.
func VecSigmoid(dst, x []float64) {
	for i, v := range x {
		dst[i] = Sigmoid(v)
	}
}

// VecTanh sets dst[i] = Tanh(x[i]); dst may be x.
func VecTanh(dst, x []float64) {
	for i, v := range x {
		dst[i] = Tanh(v)
	}
}

// Scale sets x = f x.
func Scale(x []float64, f float64) {
	for i := range x {
		x[i] *= f
	}
}
