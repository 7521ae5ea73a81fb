package kernel

import (
	"math"
	"sync"
)

// maxSweep is the longest piece of a slice that one kernel call takes. Assembly
// cannot be preempted, so a call has to end within some 20 us; 4096 elements
// take the slowest kernel about half of that, and plain Go does not care.
const maxSweep = 4096

// VecSigmoid sets dst[i] = Sigmoid(x[i]) for every i of x, bit for bit. dst may
// be x.
func VecSigmoid(dst, x []float64) { sweepVector(active.sigmoid, dst, x) }

// VecTanh sets dst[i] = Tanh(x[i]) for every i of x, bit for bit. dst may be x.
func VecTanh(dst, x []float64) { sweepVector(active.tanh, dst, x) }

func sweepVector(f func(dst, x []float64), dst, x []float64) {
	n := len(x)
	dst = dst[:n]
	markWritten(dst)
	markRead(x)
	for i := 0; i < n; i += maxSweep {
		e := min(i+maxSweep, n)
		f(dst[i:e], x[i:e])
	}
}

// Add sets dst[i] = x[i] + y[i] for every i of x. dst may be x or y.
func Add(dst, x, y []float64) { sweepTwo(active.add, dst, x, y) }

// Subtract sets dst[i] = x[i] - y[i] for every i of x. dst may be x or y.
func Subtract(dst, x, y []float64) { sweepTwo(active.subtract, dst, x, y) }

func sweepTwo(f func(dst, x, y []float64), dst, x, y []float64) {
	n := len(x)
	dst, y = dst[:n], y[:n]
	markWritten(dst)
	markRead(x)
	markRead(y)
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
	markWritten(x)
	for i := 0; i < len(x); i += maxSweep {
		active.scale(x[i:min(i+maxSweep, len(x))], f)
	}
}

// Sum returns the sum of x in dot order: the bits of Dot(x, ones).
func Sum(x []float64) float64 {
	markRead(x)
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

// lanePool keeps the lanes of Sum, which a path's function makes escape.
var lanePool sync.Pool

// SumSquares returns the sum of the squares of x in dot order.
func SumSquares(x []float64) float64 { return Dot(x, x) }

// Prefetch asks for x to be brought near, to be written, where the processor can be
// asked. That changes nothing but the time at which x is there.
func Prefetch(x []float64) {
	for i := 0; i < len(x); i += maxSweep {
		active.prefetch(x[i:min(i+maxSweep, len(x))])
	}
}

// AllFinite reports whether x holds neither NaN nor an infinity.
func AllFinite(x []float64) bool {
	markRead(x)
	for i := 0; i < len(x); i += maxSweep {
		if !active.allFinite(x[i:min(i+maxSweep, len(x))]) {
			return false
		}
	}
	return true
}

// elementwise is the part of a path that works element by element. The functions
// take slices of one length, at most maxSweep.
type elementwise struct {
	sigmoid   func(dst, x []float64)
	tanh      func(dst, x []float64)
	scale     func(x []float64, f float64)
	sum       func(lanes *[8]float64, x []float64) // adds x[8i+l] to lane l, i ascending
	allFinite func(x []float64) bool
	prefetch  func(x []float64)

	add, subtract           func(dst, x, y []float64)
	sigmoidSlope, tanhSlope func(delta, value []float64)

	adam     func(w, g, m, v []float64, shrink, step, floor, beta1, beta2 float64) bool
	sgd      func(w, g []float64, rate float64) bool
	momentum func(w, g, v []float64, rate, mu float64) bool
	nesterov func(w, g, v []float64, rate, mu float64) bool
	rmsProp  func(w, g, s []float64, rate, alpha, eps float64) bool
	adaGrad  func(w, g, s []float64, rate, eps float64) bool
}

var elementwiseGeneric = elementwise{
	sigmoid:   sigmoidGeneric,
	tanh:      tanhGeneric,
	scale:     scaleGeneric,
	sum:       sumGeneric,
	allFinite: allFiniteGeneric,
	prefetch:  func([]float64) {},

	add: addGeneric, subtract: subtractGeneric,
	sigmoidSlope: sigmoidSlopeGeneric, tanhSlope: tanhSlopeGeneric,

	adam:     adamGeneric,
	sgd:      sgdGeneric,
	momentum: momentumGeneric,
	nesterov: nesterovGeneric,
	rmsProp:  rmsPropGeneric,
	adaGrad:  adaGradGeneric,
}

func sigmoidGeneric(dst, x []float64) {
	for i, v := range x {
		dst[i] = Sigmoid(v)
	}
}

func tanhGeneric(dst, x []float64) {
	for i, v := range x {
		dst[i] = Tanh(v)
	}
}

func addGeneric(dst, x, y []float64) {
	for i, v := range x {
		dst[i] = v + y[i]
	}
}

func subtractGeneric(dst, x, y []float64) {
	for i, v := range x {
		dst[i] = v - y[i]
	}
}

func sigmoidSlopeGeneric(delta, value []float64) {
	for i, s := range value {
		delta[i] *= s * (1 - s)
	}
}

func tanhSlopeGeneric(delta, value []float64) {
	for i, t := range value {
		delta[i] *= math.FMA(-t, t, 1)
	}
}

func scaleGeneric(x []float64, f float64) {
	for i := range x {
		x[i] *= f
	}
}

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

// allFiniteGeneric adds up x-x, which is NaN for NaN and infinities and else 0.
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
