//go:build amd64 && !purego

package kernel

import "unsafe"

// elementwiseAVX512 and elementwiseAVX2 hold the element-wise kernels of two
// instruction sets.
var elementwiseAVX512 = elementwise{
	sigmoid: sigmoidAVX512Go, tanh: tanhAVX512Go,
	scale: scaleAVX512Go, sum: sumAVX512Go, allFinite: allFiniteAVX512Go, prefetch: prefetchAVX512Go,
	add: addAVX512Go, subtract: subtractAVX512Go, sigmoidSlope: sigmoidSlopeAVX512Go, tanhSlope: tanhSlopeAVX512Go,
	adam: adamAVX512Go, sgd: sgdAVX512Go, momentum: momentumAVX512Go, nesterov: nesterovAVX512Go,
	rmsProp: rmsPropAVX512Go, adaGrad: adaGradAVX512Go,
}

var elementwiseAVX2 = elementwise{
	sigmoid: sigmoidAVX2Go, tanh: tanhAVX2Go,
	scale: scaleAVX2Go, sum: sumAVX2Go, allFinite: allFiniteAVX2Go, prefetch: prefetchAVX2Go,
	add: addAVX2Go, subtract: subtractAVX2Go, sigmoidSlope: sigmoidSlopeAVX2Go, tanhSlope: tanhSlopeAVX2Go,
	adam: adamAVX2Go, sgd: sgdAVX2Go, momentum: momentumAVX2Go, nesterov: nesterovAVX2Go,
	rmsProp: rmsPropAVX2Go, adaGrad: adaGradAVX2Go,
}

// The Go side of each kernel. None may be inlined: a loop that calls nothing but
// assembly has no point at which it can be stopped, and would hold up every garbage
// collection until it ends.

//go:noinline
func sigmoidAVX512Go(dst, x []float64) {
	sigmoidAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
}

//go:noinline
func tanhAVX512Go(dst, x []float64) {
	tanhAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
}

//go:noinline
func scaleAVX512Go(x []float64, f float64) {
	scaleAVX512(unsafe.SliceData(x), len(x), f)
}

//go:noinline
func addAVX512Go(dst, x, y []float64) {
	addAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), unsafe.SliceData(y), len(x))
}

//go:noinline
func subtractAVX512Go(dst, x, y []float64) {
	subtractAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), unsafe.SliceData(y), len(x))
}

//go:noinline
func sigmoidSlopeAVX512Go(delta, value []float64) {
	sigmoidSlopeAVX512(unsafe.SliceData(delta), unsafe.SliceData(value), len(value), 1)
}

//go:noinline
func tanhSlopeAVX512Go(delta, value []float64) {
	tanhSlopeAVX512(unsafe.SliceData(delta), unsafe.SliceData(value), len(value), 1)
}

//go:noinline
func sgdAVX512Go(w, g []float64, rate float64) bool {
	return sgdAVX512(unsafe.SliceData(w), unsafe.SliceData(g), len(g), rate)
}

//go:noinline
func momentumAVX512Go(w, g, v []float64, rate, mu float64) bool {
	return momentumAVX512(unsafe.SliceData(w), unsafe.SliceData(g), unsafe.SliceData(v), len(g), rate, mu)
}

//go:noinline
func nesterovAVX512Go(w, g, v []float64, rate, mu float64) bool {
	return nesterovAVX512(unsafe.SliceData(w), unsafe.SliceData(g), unsafe.SliceData(v), len(g), rate, mu)
}

//go:noinline
func adamAVX512Go(w, g, m, v []float64, shrink, step, floor, beta1, beta2 float64) bool {
	return adamAVX512(unsafe.SliceData(w), unsafe.SliceData(g), unsafe.SliceData(m), unsafe.SliceData(v), len(g), shrink, step, floor, beta1, 1-beta1, beta2, 1-beta2)
}

//go:noinline
func rmsPropAVX512Go(w, g, s []float64, rate, alpha, eps float64) bool {
	return rmsPropAVX512(unsafe.SliceData(w), unsafe.SliceData(g), unsafe.SliceData(s), len(g), rate, alpha, 1-alpha, eps)
}

//go:noinline
func adaGradAVX512Go(w, g, s []float64, rate, eps float64) bool {
	return adaGradAVX512(unsafe.SliceData(w), unsafe.SliceData(g), unsafe.SliceData(s), len(g), rate, eps)
}

//go:noinline
func sumAVX512Go(lanes *[8]float64, x []float64) {
	sumAVX512(&lanes[0], unsafe.SliceData(x), len(x))
}

//go:noinline
func prefetchAVX512Go(x []float64) {
	prefetchAVX512(unsafe.SliceData(x), len(x))
}

//go:noinline
func allFiniteAVX512Go(x []float64) bool {
	return allFiniteAVX512(unsafe.SliceData(x), len(x))
}

//go:noinline
func splitAVX512Go(v []float64, p float64) (above int, next, last float64) {
	return splitAVX512(unsafe.SliceData(v), len(v), p)
}

//go:noinline
func sigmoidAVX2Go(dst, x []float64) {
	sigmoidAVX2(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
}

//go:noinline
func tanhAVX2Go(dst, x []float64) {
	tanhAVX2(unsafe.SliceData(dst), unsafe.SliceData(x), len(x))
}

//go:noinline
func scaleAVX2Go(x []float64, f float64) {
	scaleAVX2(unsafe.SliceData(x), len(x), f)
}

//go:noinline
func addAVX2Go(dst, x, y []float64) {
	addAVX2(unsafe.SliceData(dst), unsafe.SliceData(x), unsafe.SliceData(y), len(x))
}

//go:noinline
func subtractAVX2Go(dst, x, y []float64) {
	subtractAVX2(unsafe.SliceData(dst), unsafe.SliceData(x), unsafe.SliceData(y), len(x))
}

//go:noinline
func sigmoidSlopeAVX2Go(delta, value []float64) {
	sigmoidSlopeAVX2(unsafe.SliceData(delta), unsafe.SliceData(value), len(value), 1)
}

//go:noinline
func tanhSlopeAVX2Go(delta, value []float64) {
	tanhSlopeAVX2(unsafe.SliceData(delta), unsafe.SliceData(value), len(value), 1)
}

//go:noinline
func sgdAVX2Go(w, g []float64, rate float64) bool {
	return sgdAVX2(unsafe.SliceData(w), unsafe.SliceData(g), len(g), rate)
}

//go:noinline
func momentumAVX2Go(w, g, v []float64, rate, mu float64) bool {
	return momentumAVX2(unsafe.SliceData(w), unsafe.SliceData(g), unsafe.SliceData(v), len(g), rate, mu)
}

//go:noinline
func nesterovAVX2Go(w, g, v []float64, rate, mu float64) bool {
	return nesterovAVX2(unsafe.SliceData(w), unsafe.SliceData(g), unsafe.SliceData(v), len(g), rate, mu)
}

//go:noinline
func adamAVX2Go(w, g, m, v []float64, shrink, step, floor, beta1, beta2 float64) bool {
	return adamAVX2(unsafe.SliceData(w), unsafe.SliceData(g), unsafe.SliceData(m), unsafe.SliceData(v), len(g), shrink, step, floor, beta1, 1-beta1, beta2, 1-beta2)
}

//go:noinline
func rmsPropAVX2Go(w, g, s []float64, rate, alpha, eps float64) bool {
	return rmsPropAVX2(unsafe.SliceData(w), unsafe.SliceData(g), unsafe.SliceData(s), len(g), rate, alpha, 1-alpha, eps)
}

//go:noinline
func adaGradAVX2Go(w, g, s []float64, rate, eps float64) bool {
	return adaGradAVX2(unsafe.SliceData(w), unsafe.SliceData(g), unsafe.SliceData(s), len(g), rate, eps)
}

//go:noinline
func sumAVX2Go(lanes *[8]float64, x []float64) {
	sumAVX2(&lanes[0], unsafe.SliceData(x), len(x))
}

//go:noinline
func prefetchAVX2Go(x []float64) {
	prefetchAVX2(unsafe.SliceData(x), len(x))
}

//go:noinline
func allFiniteAVX2Go(x []float64) bool {
	return allFiniteAVX2(unsafe.SliceData(x), len(x))
}

//go:noinline
func splitAVX2Go(v []float64, p float64) (above int, next, last float64) {
	return splitAVX2(unsafe.SliceData(v), len(v), p)
}
