package kernel

import "math"

// The kernels of the certified screen (package internal/screen, which has the bound
// and its proof). All of them give the same bits on every path: floating-point
// steps are single operations with one rounding, in a stated order, and the rest
// is integers. So parity tests compare with ==, and even the number of
// candidates is the same on every processor.

// FastScreen reports whether the integer product of the path in use is fast enough
// for screening to beat the float64 product.
func FastScreen() bool { return active.fastScreen }

// MaxAbs returns the largest absolute value of x, 0 for an empty x. Where x
// holds a NaN or an infinity, the result is not finite: the bits are compared as
// integers, in which NaN > Inf > all else.
func MaxAbs(x []float64) float64 {
	raceReadAll(x)
	var m uint64
	for len(x) > ScreenInputs { // biases can be many
		largest, _ := active.extent(x[:ScreenInputs])
		m = max(m, math.Float64bits(largest))
		x = x[ScreenInputs:]
	}
	largest, _ := active.extent(x)
	return math.Float64frombits(max(m, math.Float64bits(largest)))
}

// Extent returns MaxAbs of x, which has at most ScreenInputs elements, and the sum of
// its squares.
func Extent(x []float64) (largest, square float64) {
	raceReadAll(x)
	return active.extent(x)
}

// LargestBlock returns the largest sum of squares of the inputs whose products a sum of
// GridBlocks adds up: in each block of 16 inputs of x, those at 0, 1, 4, 5, 8, 9, 12 and
// 13, and the others. The squares of inputs that are four apart are one chain of fused
// multiply-adds from +0, of which two are then added. x is finite, and has at most
// ScreenInputs elements.
func LargestBlock(x []float64) float64 {
	raceReadAll(x)
	return active.largestBlock(x)
}

// Quantise rounds t = x[p]*inv (one rounding) to the nearest integer q, ties to
// even, and stores the byte q+offset, modulo 2^8, at dst[(p/4)*stride + p%4]; the places
// of the last group of four that are beyond len(x) get offset. |t| must stay below 127.5.
// A row of a tile is written with stride 48 and offset 0, a latent of a panel with
// stride 128 and Grid.Offset. Quantise prefetches what follows x, which cannot fault:
// rows that lie one behind the other are packed fastest in this order.
func Quantise(dst []uint8, stride int, x []float64, inv float64, offset uint8) Quantised {
	raceReadAll(x)
	raceWrite(dst, (len(x)+3)/4, stride, 4)
	return active.quantise(dst, stride, x, inv, offset)
}

// ScreenTiles multiplies tiles, one behind the other, with a panel in integers of a grid,
// and turns the sums into codes. For row i of a tile and latent l, with every float32
// operation rounded once and fma a fused one:
//
//	acc = rows[i].Start + Σ_p q[i,p]*panel[l,p]
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
// On GridFine, acc is modulo 2^32, and both factors are int16; else it is exact in int32, q is int8, and panel is
// int8 on GridSigned, uint8 on the others. In a tile of GridBlocks, with start[i,b,h] for
// what the row has after its groups,
//
//	acc = rows[i].Start + Σ_b Σ_h int16(start[i,b,h] + Σ_p q[i,p]*panel[l,p])
//
// where b counts blocks, h is 0 or 1, p goes over the inputs of the block for which p/2%2
// is h, and int16 is modulo 2^16. There panel is at most 128.
//
// The caller keeps y below 2^31. With i counted over all tiles, the code goes to
// codes[i*32+l], and lanes[i*laneStride+l] is raised to it. rows has 12 elements for
// each tile, however many of them are in use: all are computed and written.
// len(panel) is 128*groups, len(q) 48*grid.TileGroups(groups) for each tile, len(columns)
// 32 for each of at most 16 outliers.
func ScreenTiles(codes, lanes []int16, laneStride int, q []uint8, rows []ScreenRow, panel []uint8, grid Grid, w *ScreenPanel, columns []float32) {
	if len(rows) == 0 {
		return
	}
	groups, tiles := grid.TileGroups(len(panel)/(4*ScreenLatents)), len(rows)/ScreenRows
	rows, codes, q = rows[:tiles*ScreenRows], codes[:len(rows)*ScreenLatents], q[:tiles*4*ScreenRows*groups]
	_ = lanes[(len(rows)-1)*laneStride+ScreenLatents-1]
	raceWriteAll(codes)
	raceWrite(lanes, len(rows), laneStride, ScreenLatents)
	raceReadAll(q)
	raceReadAll(rows)
	raceReadAll(panel)
	raceReadAll(columns)
	kernel := active.screenTiles
	if !active.known(grid) {
		kernel = screenTilesGeneric
	}
	kernel(codes, lanes, laneStride, q, rows, panel, grid, w, columns)
}

// ScreenOne is ScreenTiles for a single row in the layout of its own, for batches
// that would leave most of a tile empty. Its sums are exact in int32 on GridBlocks too. It
// may prefetch up to 8 KB beyond the panel's end, which cannot fault.
func ScreenOne(codes, lanes []int16, q []uint8, row *ScreenRow, panel []uint8, grid Grid, w *ScreenPanel, columns []float32) {
	groups := len(panel) / (4 * ScreenLatents)
	codes, lanes, q = codes[:ScreenLatents], lanes[:ScreenLatents], q[:4*groups]
	raceWriteAll(codes)
	raceWriteAll(lanes)
	raceReadAll(q)
	raceReadAll(panel)
	raceReadAll(columns)
	kernel := active.screenOne
	if !active.known(grid) {
		kernel = screenOneGeneric
	}
	kernel(codes, lanes, q, row, panel, grid, w, columns)
}

// ScreenPairs writes to pairs, row by row and latents ascending, Pair{row+i,
// latent+l} for every row i of low and every bit l of live for which
// low[i] <= codes[i*32+l] <= high[i], and returns their number. pairs has at least
// 32 elements for each row; those after the last pair are not defined.
// low[i] > high[i] leaves row i out.
func ScreenPairs(pairs []Pair, codes, low, high []int16, row, latent int32, live uint32) int {
	n := len(low)
	pairs, codes, high = pairs[:n*ScreenLatents], codes[:n*ScreenLatents], high[:n]
	raceReadAll(codes)
	raceRead(low, 1, 0, n)
	raceRead(high, 1, 0, n)
	k := active.screenPairs(pairs, codes, low, high, row, latent, live)
	raceWrite(pairs, 1, 0, k)
	return k
}

// ScreenKth returns the k-th largest of codes, 1 <= k <= len(codes). len(codes)
// is a multiple of 32.
func ScreenKth(codes []int16, k int) int16 {
	raceReadAll(codes)
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
	raceReadAll(x)
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

// racePairs reports to the race detector that dst is written, and that pairs and the
// rows that they name, of d elements, are read.
func racePairs[R, S, T any](dst []R, x []S, ldx int, w []T, ldw, d int, pairs []Pair) {
	if !raceEnabled {
		return
	}
	raceWriteAll(dst)
	raceReadAll(pairs)
	for _, p := range pairs {
		raceRead(x[int(p.Row)*ldx:], 1, 0, d)
		raceRead(w[int(p.Latent)*ldw:], 1, 0, d)
	}
}
