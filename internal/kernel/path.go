package kernel

// path is one set of kernels: the loops behind the exported functions, whose
// comments define what each computes. Every path gives the same bits; they
// differ in speed only.
type path struct {
	name      string
	available bool // on this processor

	dot            func(x, y []float64) float64
	dotRows        func(dst, x, w []float64, ldw int, idx []int32)
	rowSquares     func(dst, x []float64, cols int)
	addRows        func(dst, alpha, w []float64, ldw int, idx []int32)
	addRowsBatch   func(dst []float64, ldd, cols int, offsets []int, alpha, w []float64, ldw int, idx []int32)
	addRowsBatch32 func(dst []float64, ldd, cols int, offsets []int, alpha []float64, w []float32, ldw int, idx []int32)
	mulT           func(dst []float64, ldd int, a []float64, lda, m int, b []float64, ldb, n, k int)
	mulAdd         func(dst []float64, ldd, m, n, k int, a []float64, ai, ap int, b []float64, ldb int)
	above          func(hits []int32, z []float64, t float64) int
	kthLargest     func(v []float64, k int) float64
	takeAbove      func(hits []int64, sums []int32, t int32, first uint32) int

	mulT32   func(dst []float32, ldd int, a []float32, lda, m int, b []float32, ldb, n, k int)
	mulAdd32 func(dst []float32, ldd, m, n, k int, a []float32, ai, ap int, b []float32, ldb int)

	elementwise
	stripping
	screening
}

// maxSweep is the most elements that one call of an element-wise kernel takes.
// Assembly cannot be preempted, so a call has to end within some 20 us; the
// slowest kernel takes about half of that for 4096 elements. To plain Go the limit
// makes no difference.
const maxSweep = 4096

// elementwise holds the kernels of a path that work element by element. They
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

// stripping holds the kernels of a path that serve Strips.
type stripping struct {
	fastStrips bool // strips are faster than whole rows

	stripDecode  func(s *Strips, dst []float64, at, width, lo, hi int, bias []float64)
	stripDot     func(s *Strips, lanes, dst, x []float64, ldx, at, width, lo, hi int)
	stripSquares func(dst, lanes, x []float64, width int, y []float64, ldy int, scale float64)
	fold         func(dst, lanes []float64)
}

// screening holds the kernels of a path that serve the certified screen.
type screening struct {
	fastScreen bool // the integer product is fast enough to beat the float64 product
	coarse     Grid // that screenTiles and screenOne take, beside GridFine

	extent       func(x []float64) (largest, square float64)
	largestBlock func(x []float64) float64
	quantise     func(dst []uint8, stride int, x []float64, inv float64, offset uint8) Quantised
	screenTiles  func(codes, lanes []int16, laneStride int, q []uint8, rows []ScreenRow, panel []uint8, grid Grid, w *ScreenPanel, columns []float32)
	screenOne    func(codes, lanes []int16, q []uint8, row *ScreenRow, panel []uint8, grid Grid, w *ScreenPanel, columns []float32)
	screenPairs  func(pairs []Pair, codes, low, high []int16, row, latent int32, live uint32) int
	screenKth    func(codes []int16, k int) int16
	dotPairs     func(dst, x []float64, ldx int, w []float64, ldw, d int, pairs []Pair)
	quantise16   func(dst []uint8, stride int, x []float64, inv float64) Quantised
	dotPairs16   func(dst []int32, x []uint8, ldx int, w []uint8, ldw, d int, pairs []Pair)
	dotPairs32   func(dst, x []float64, ldx int, w []float32, ldw, d int, pairs []Pair)
	dotBytes     func(dst []int32, q []int8, w []uint8, ldw int, rows []int32)
}
