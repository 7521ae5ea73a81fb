package kernel

import "sync"

// VecSigmoid sets dst[i] = Sigmoid(x[i]) for every i of x, bit for bit. dst may
// be x.
func VecSigmoid(dst, x []float64) { sweepVector(active.sigmoid, dst, x) }

// VecTanh sets dst[i] = Tanh(x[i]) for every i of x, bit for bit. dst may be x.
func VecTanh(dst, x []float64) { sweepVector(active.tanh, dst, x) }

// sweepVector calls f for dst and x, at most maxSweep elements a call.
func sweepVector(f func(dst, x []float64), dst, x []float64) {
	n := len(x)
	dst = dst[:n]
	raceWriteAll(dst)
	raceReadAll(x)
	for i := 0; i < n; i += maxSweep {
		e := min(i+maxSweep, n)
		f(dst[i:e], x[i:e])
	}
}

// Add sets dst[i] = x[i] + y[i] for every i of x. dst may be x or y.
func Add(dst, x, y []float64) { sweepTwo(active.add, dst, x, y) }

// Subtract sets dst[i] = x[i] - y[i] for every i of x. dst may be x or y.
func Subtract(dst, x, y []float64) { sweepTwo(active.subtract, dst, x, y) }

// sweepTwo is sweepVector for two operands.
func sweepTwo(f func(dst, x, y []float64), dst, x, y []float64) {
	n := len(x)
	dst, y = dst[:n], y[:n]
	raceWriteAll(dst)
	raceReadAll(x, y)
	for i := 0; i < n; i += maxSweep {
		e := min(i+maxSweep, n)
		f(dst[i:e], x[i:e], y[i:e])
	}
}

// SigmoidSlope multiplies every element of delta by the sigmoid's derivative, given
// its value s: delta[i] *= s (1-s).
func SigmoidSlope(delta, value []float64) { sweepVector(active.sigmoidSlope, delta, value) }

// TanhSlope multiplies every element of delta by tanh's derivative, given its value
// t: delta[i] *= 1-t², with one rounding.
func TanhSlope(delta, value []float64) { sweepVector(active.tanhSlope, delta, value) }

// Scale multiplies every element of x by f.
func Scale(x []float64, f float64) {
	raceWriteAll(x)
	for i := 0; i < len(x); i += maxSweep {
		active.scale(x[i:min(i+maxSweep, len(x))], f)
	}
}

// Sum returns the sum of x in dot order: the bits of Dot(x, ones).
func Sum(x []float64) float64 {
	raceReadAll(x)
	l, _ := lanePool.Get().(*[8]float64)
	if l == nil {
		l = new([8]float64)
	}
	defer lanePool.Put(l)
	*l = [8]float64{}
	for i := 0; i < len(x); i += maxSweep {
		active.sum(l, x[i:min(i+maxSweep, len(x))])
	}
	return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}

// lanePool keeps the lanes of Sum, which the call of a path's function moves to the
// heap.
var lanePool sync.Pool

// SumSquares returns the sum of the squares of x in dot order.
func SumSquares(x []float64) float64 { return Dot(x, x) }

// Prefetch brings x into a near cache, to be written, where the processor has an
// instruction for it. It has no other effect.
func Prefetch(x []float64) {
	for i := 0; i < len(x); i += maxSweep {
		active.prefetch(x[i:min(i+maxSweep, len(x))])
	}
}

// AllFinite reports whether x holds neither NaN nor an infinity.
func AllFinite(x []float64) bool {
	raceReadAll(x)
	for i := 0; i < len(x); i += maxSweep {
		if !active.allFinite(x[i:min(i+maxSweep, len(x))]) {
			return false
		}
	}
	return true
}
