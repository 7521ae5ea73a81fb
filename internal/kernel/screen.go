package kernel

import "math"

// Kernels of the certified screen (package internal/screen, which has the bound
// and its proof). All of them give the same bits on every path: floating-point
// steps are single operations with one rounding, in a stated order, and the rest
// is integers. So parity tests compare with ==, and even the number of
// candidates does not depend on the processor.
//
// # Layouts
//
// d inputs are padded with zeros to groups = ceil(d/4) groups of four.
//
//   - Tile: ScreenRows rows of x, [groups][12][4] bytes, int8 in two's complement.
//     Row i, input p is at (p/4)*48 + i*4 + p%4.
//   - Row: one row of x by itself, [groups][4] bytes, for ScreenOne.
//   - Panel: ScreenLatents latents, [groups][32][4] bytes (which is also
//     [groups][2][16][4]), uint8 = q+128 = q^0x80 of the int8 q. Latent l, input p
//     is at (p/4)*128 + l*4 + p%4.
//   - Fine tiles, rows and panels are the same in bytes with groups = ceil(d/2)
//     groups of two: int16 in two's complement, low byte first, in all three of them.
//   - Codes: int16, row i of a tile and latent l of a panel at i*32 + l. A block of
//     several tiles stores them one after the other, panel by panel.
//
// Buffers start at 64-byte addresses where package screen allocates them, and a
// call that fills a tile's codes writes whole 64-byte lines; a kernel may rely on
// neither for safety.

const (
	ScreenRows     = 12 // rows of a tile
	ScreenLatents  = 32 // latents of a panel
	ScreenOutliers = 16 // inputs that the epilogue can add in float32
	// ScreenInputs is the most inputs that a screening kernel takes. Sums of
	// 127*255*d stay in int32 up to 66,000; a tile call takes 28 us at 16384, and
	// twice that in int16.
	ScreenInputs = 1 << 14

	// screenRound is added to a bound before it is truncated to a code: 1, so that
	// a code never lies below its bound, 1/128 for the rounding of the sum, and 1/4
	// for a bias that is rounded upward and taken with the other sign.
	screenRound float32 = 1.2578125
)

// ScreenRow holds the numbers of a row of x that the epilogue needs.
type ScreenRow struct {
	Start    int32   // of the accumulators: -128 times the sum of the row's q, 0 where fine
	Scale    float32 // of the integer product times ScreenPanel.Scale
	Bias     float32 // of ScreenPanel.Bias
	Norm     float32 // of ScreenPanel.Norm
	Residual float32 // of ScreenPanel.Residual
	Mask     uint32  // ScreenSigned or ScreenMagnitude
	Outlier  [ScreenOutliers]float32
}

// What a ScreenRow's codes bound: the value, or its absolute value, without the sign
// bit.
const (
	ScreenSigned    uint32 = 1<<32 - 1
	ScreenMagnitude uint32 = 1<<31 - 1
)

// ScreenPanel holds the numbers of a panel's latents. A latent that only pads has
// Bias and Norm -Inf, so that its code is the lowest by either mask.
type ScreenPanel struct {
	Scale, Bias, Norm, Residual [ScreenLatents]float32
}

// Quantised is what Quantise returns beside the bytes.
type Quantised struct {
	Residual float64 // sum of (t-q)²
	Square   float64 // sum of t²
	Integers float64 // sum of q², exact
	Sum      int64   // sum of q
}

// Pair names row Row of one matrix and row Latent of another.
type Pair struct{ Row, Latent int32 }

// screening is the part of a path that serves the certified screen.
type screening struct {
	// fastScreen says that the integer product is fast enough for screening to
	// beat the float64 product.
	fastScreen bool

	extent      func(x []float64) (largest, square float64)
	quantise    func(dst []uint8, stride int, x []float64, inv float64, flip uint8) Quantised
	screenTiles func(codes, lanes []int16, laneStride int, q []uint8, rows []ScreenRow, panel []uint8, fine bool, w *ScreenPanel, columns []float32)
	screenOne   func(codes, lanes []int16, q []uint8, row *ScreenRow, panel []uint8, fine bool, w *ScreenPanel, columns []float32)
	screenPairs func(pairs []Pair, codes, low, high []int16, row, latent int32, live uint32) int
	screenKth   func(codes []int16, k int) int16
	dotPairs    func(dst, x []float64, ldx int, w []float64, ldw, d int, pairs []Pair)
	quantise16  func(dst []uint8, stride int, x []float64, inv float64) Quantised
	dotPairs16  func(dst []int32, x []uint8, ldx int, w []uint8, ldw, d int, pairs []Pair)
	dotPairs32  func(dst, x []float64, ldx int, w []float32, ldw, d int, pairs []Pair)
}

// FastScreen reports whether the path in use makes screening worth its while.
func FastScreen() bool { return active.fastScreen }

// MaxAbs returns the largest absolute value of x, 0 for an empty x. Where x
// holds a NaN or an infinity, the result is not finite: the bits are compared as
// integers, in which NaN > Inf > all else.
func MaxAbs(x []float64) float64 {
	markRead(x)
	var m uint64
	for len(x) > ScreenInputs { // biases can be many
		part, _ := active.extent(x[:ScreenInputs])
		m = max(m, math.Float64bits(part))
		x = x[ScreenInputs:]
	}
	part, _ := active.extent(x)
	return math.Float64frombits(max(m, math.Float64bits(part)))
}

// Extent returns MaxAbs of x, which has at most ScreenInputs elements, and the sum of
// its squares. That has 32 partial sums: lane p%32 takes x[p], or lane p%8 where fewer
// than 32 elements are left; those 16 apart are added up first, then those 8 apart,
// and the rest is as for Dot.
func Extent(x []float64) (largest, square float64) {
	markRead(x)
	return active.extent(x)
}

// Quantise rounds t = x[p]*inv (one rounding) to the nearest integer q, ties to
// even, and stores the byte q^flip at dst[(p/4)*stride + p%4]; the places of the
// last group of four that are beyond len(x) get flip. |t| must stay below 127.5.
// The sums have 16 lanes: p%16, or 8 + p%8 for the last len(x)%8 elements. Those 8
// apart are added up first, the rest is as for Dot.
// A row of a tile is written with stride 48 and flip 0, a latent of a panel with
// stride 128 and flip 0x80. It asks, by prefetch, which cannot fault, for what
// follows x: rows that lie one behind the other are packed fastest in this order.
func Quantise(dst []uint8, stride int, x []float64, inv float64, flip uint8) Quantised {
	markRead(x)
	raceWrite(dst, (len(x)+3)/4, stride, 4)
	return active.quantise(dst, stride, x, inv, flip)
}

// ScreenTiles multiplies tiles, one behind the other, with a panel in integers, of
// one byte or, where fine, of two, and turns the sums into codes. For row i of a tile
// and latent l, with every float32 operation rounded once and fma a fused one:
//
//	acc = rows[i].Start + Σ_p int8(q[i,p]) * uint8(panel[l,p])     exact in int32
//	acc = rows[i].Start + Σ_p int16(q[i,p]) * int16(panel[l,p])    modulo 2^32, where fine
//	y = float32(acc) * rows[i].Scale
//	y = y * w.Scale[l]
//	y = fma(rows[i].Bias, w.Bias[l], y)
//	y = fma(rows[i].Outlier[o], columns[o*32+l], y)                for o = 0, 1, ...
//	y = y with the bits of rows[i].Mask
//	y = fma(rows[i].Norm, w.Norm[l], y)
//	y = fma(rows[i].Residual, w.Residual[l], y)
//	y = y + 1.2578125
//	code = y truncated towards zero, saturated to int16; -32768 where y is NaN
//
// The caller sees to it that y < 2^31. With i counted through all tiles, the code
// goes to codes[i*32+l], and lanes[i*laneStride+l] is raised to it. rows has 12
// elements for each tile, whatever part of it is in use: all are computed and
// written. len(panel) is 128*groups, len(q) 48*groups for each tile, len(columns)
// 32 for each of at most 16 outliers.
func ScreenTiles(codes, lanes []int16, laneStride int, q []uint8, rows []ScreenRow, panel []uint8, fine bool, w *ScreenPanel, columns []float32) {
	if len(rows) == 0 {
		return
	}
	groups, tiles := len(panel)/(4*ScreenLatents), len(rows)/ScreenRows
	rows, codes, q = rows[:tiles*ScreenRows], codes[:len(rows)*ScreenLatents], q[:tiles*4*ScreenRows*groups]
	_ = lanes[(len(rows)-1)*laneStride+ScreenLatents-1]
	raceWrite(codes, 1, 0, len(codes))
	raceWrite(lanes, len(rows), laneStride, ScreenLatents)
	raceRead(q, 1, 0, len(q))
	raceRead(rows, 1, 0, len(rows))
	raceRead(panel, 1, 0, len(panel))
	raceRead(columns, 1, 0, len(columns))
	active.screenTiles(codes, lanes, laneStride, q, rows, panel, fine, w, columns)
}

// ScreenOne is ScreenTiles for a single row in the layout of its own, for batches
// that would leave most of a tile empty. It may read up to 8 KB ahead of the
// panel's end by prefetch, which cannot fault.
func ScreenOne(codes, lanes []int16, q []uint8, row *ScreenRow, panel []uint8, fine bool, w *ScreenPanel, columns []float32) {
	groups := len(panel) / (4 * ScreenLatents)
	codes, lanes, q = codes[:ScreenLatents], lanes[:ScreenLatents], q[:4*groups]
	raceWrite(codes, 1, 0, len(codes))
	raceWrite(lanes, 1, 0, len(lanes))
	raceRead(q, 1, 0, len(q))
	raceRead(panel, 1, 0, len(panel))
	raceRead(columns, 1, 0, len(columns))
	active.screenOne(codes, lanes, q, row, panel, fine, w, columns)
}

// ScreenPairs writes to pairs, row by row and latents ascending, Pair{row+i,
// latent+l} for every row i of low and every bit l of live for which
// low[i] <= codes[i*32+l] <= high[i], and returns their number. pairs has at least
// 32 elements for each row; what is left in those behind the last pair is not
// defined. low[i] > high[i] leaves row i out.
func ScreenPairs(pairs []Pair, codes, low, high []int16, row, latent int32, live uint32) int {
	n := len(low)
	pairs, codes, high = pairs[:n*ScreenLatents], codes[:n*ScreenLatents], high[:n]
	raceRead(codes, 1, 0, len(codes))
	raceRead(low, 1, 0, n)
	raceRead(high, 1, 0, n)
	k := active.screenPairs(pairs, codes, low, high, row, latent, live)
	raceWrite(pairs, 1, 0, k)
	return k
}

// ScreenKth returns the k-th largest of codes, 1 <= k <= len(codes). len(codes)
// is a multiple of 32.
func ScreenKth(codes []int16, k int) int16 {
	raceRead(codes, 1, 0, len(codes))
	return active.screenKth(codes, k)
}

// DotPairs sets dst[t] = Dot(row pairs[t].Row of x, row pairs[t].Latent of w) for
// every t, rows of d elements. Row i of x starts at x[i*ldx], row j of w at
// w[j*ldw].
func DotPairs(dst, x []float64, ldx int, w []float64, ldw, d int, pairs []Pair) {
	dst = dst[:len(pairs)]
	racePairs(dst, x, ldx, w, ldw, d, pairs)
	active.dotPairs(dst, x, ldx, w, ldw, d, pairs)
}

// DotPairs32 is DotPairs for weights stored as float32: each is converted to
// float64, which is exact, and the rest has the bits of DotPairs.
func DotPairs32(dst, x []float64, ldx int, w []float32, ldw, d int, pairs []Pair) {
	dst = dst[:len(pairs)]
	racePairs(dst, x, ldx, w, ldw, d, pairs)
	active.dotPairs32(dst, x, ldx, w, ldw, d, pairs)
}

// Quantise16 is Quantise for integers of two bytes: t = x[p]*inv, rounded to the
// nearest integer, goes to the two bytes at dst[(p/2)*stride + p%2*2], low byte
// first. |t| must stay below 32767.5. With stride 4 the integers lie side by side.
// Integers and Sum are exact.
func Quantise16(dst []uint8, stride int, x []float64, inv float64) Quantised {
	markRead(x)
	raceWrite(dst, (len(x)+1)/2, stride, 4)
	return active.quantise16(dst, stride, x, inv)
}

// DotPairs16 sets dst[t] to the product of row pairs[t].Row of x and row
// pairs[t].Latent of w, rows of d integers of two bytes, modulo 2^32: exact where the
// product of their Euclidean norms is below 2^31. d is a multiple of 32 (rows end with
// zeros). Row i of x starts at x[i*ldx], row j of w at w[j*ldw].
func DotPairs16(dst []int32, x []uint8, ldx int, w []uint8, ldw, d int, pairs []Pair) {
	dst = dst[:len(pairs)]
	racePairs(dst, x, ldx, w, ldw, 2*d, pairs)
	active.dotPairs16(dst, x, ldx, w, ldw, d, pairs)
}

func racePairs[R, S, T any](dst []R, x []S, ldx int, w []T, ldw, d int, pairs []Pair) {
	if !raceEnabled {
		return
	}
	raceWrite(dst, 1, 0, len(dst))
	raceRead(pairs, 1, 0, len(pairs))
	for _, p := range pairs {
		raceRead(x[int(p.Row)*ldx:], 1, 0, d)
		raceRead(w[int(p.Latent)*ldw:], 1, 0, d)
	}
}
