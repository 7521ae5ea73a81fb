//go:build amd64 && !purego

package kernel

import "unsafe"

// screenSet is an instruction set that the screen has kernels for.
type screenSet uint8

const (
	screenAVX2    screenSet = iota
	screenAVXVNNI           // AVX2 with VPDPBUSD and VPDPWSSD
	screenAVX512            // with VNNI
)

// screening returns the kernels of s.
func (s screenSet) screening() screening {
	k := screening{
		fastScreen: true, coarse: GridOffset,
		extent: s.extent, largestBlock: s.largestBlock, quantise: s.quantise, quantise16: s.quantise16,
		screenTiles: s.screenTiles, screenOne: s.screenOne, screenPairs: s.screenPairs, screenKth: s.screenKth,
		dotPairs: s.dotPairs, dotPairs16: s.dotPairs16, dotPairs32: s.dotPairs32,
		dotBytes: s.dotBytes,
	}
	if s == screenAVX2 {
		k.coarse = GridBlocks
	}
	return k
}

// The Go side of each kernel. No function that calls assembly may be inlined: see
// vector_amd64.go.

//go:noinline
func (s screenSet) extent(x []float64) (largest, square float64) {
	if s == screenAVX512 {
		return extentAVX512(unsafe.SliceData(x), len(x))
	}
	largest, square = extentAVX2(unsafe.SliceData(x), len(x))
	if square != square {
		return extentGeneric(x) // which of the numbers that are none is the largest
	}
	return largest, square
}

//go:noinline
func (s screenSet) largestBlock(x []float64) float64 {
	whole := len(x) / ScreenBlock
	return max(largestBlockAVX2(unsafe.SliceData(x), whole), largestBlockGeneric(x[whole*ScreenBlock:]))
}

//go:noinline
func (s screenSet) quantise(dst []uint8, stride int, x []float64, inv float64, offset uint8) Quantised {
	if len(x) == 0 {
		return Quantised{}
	}
	_ = dst[(len(x)-1)>>2*stride : (len(x)-1)>>2*stride+4]
	var sums [4]float64
	offsets := uint64(offset) * 0x0101010101010101
	if s == screenAVX512 {
		quantiseAVX512(&dst[0], stride, &x[0], len(x), inv, offsets, &sums[0])
		return Quantised{Residual: sums[0], Square: sums[1], Integers: sums[2], Sum: int64(sums[3])}
	}
	var counts [16]int32
	quantiseAVX2(&dst[0], stride, &x[0], len(x), inv, offsets, &sums[0], &counts[0])
	return Quantised{Residual: sums[0], Square: sums[1], Integers: float64(total(counts[8:])), Sum: total(counts[:8])}
}

//go:noinline
func (s screenSet) quantise16(dst []uint8, stride int, x []float64, inv float64) Quantised {
	if len(x) == 0 {
		return Quantised{}
	}
	_ = dst[(len(x)-1)>>1*stride : (len(x)-1)>>1*stride+4]
	var sums [6]float64
	if s == screenAVX512 {
		quantise16AVX512(&dst[0], stride, &x[0], len(x), inv, &sums[0])
		return Quantised{Residual: sums[0], Square: sums[1], Integers: sums[2], Sum: int64(sums[3])}
	}
	var counts [8]int32
	quantise16AVX2(&dst[0], stride, &x[0], len(x), inv, &sums[0], &counts[0])
	return Quantised{Residual: sums[0], Square: sums[1], Integers: sums[2] + sums[3] + sums[4] + sums[5], Sum: total(counts[:])}
}

// total adds up sums of integers.
func total(counts []int32) (sum int64) {
	for _, c := range counts {
		sum += int64(c)
	}
	return sum
}

// tileGroups is the most groups of inputs, of all its tiles together, that one call
// takes: with AVX-512 some 6 us on Zen 5, 9 on Zen 4; the others are a half to a third as
// fast, and take half as many. Calls of one tile each would cost 30 cycles more for a
// tile, with AVX-512 8 % of it at 100 inputs.
const tileGroups = 2048

// screenTiles is ScreenTiles.
func (s screenSet) screenTiles(codes, lanes []int16, laneStride int, q []uint8, rows []ScreenRow, panel []uint8, grid Grid, w *ScreenPanel, columns []float32) {
	groups := len(panel) / (4 * ScreenLatents)
	most := tileGroups
	if s != screenAVX512 {
		most /= 2
	}
	tiles := max(1, most/(groups+8)) // the epilogue counts as 8 groups
	for {
		n := min(tiles, len(rows)/ScreenRows)
		s.callTiles(codes, lanes, laneStride, q, rows, n, groups, panel, grid, w, columns)
		i := n * ScreenRows
		if i == len(rows) {
			return
		}
		codes, lanes, q, rows = codes[i*ScreenLatents:], lanes[i*laneStride:], q[4*i*grid.TileGroups(groups):], rows[i:]
	}
}

// callTiles screens as many tiles as one call takes.
//
//go:noinline
func (s screenSet) callTiles(codes, lanes []int16, laneStride int, q []uint8, rows []ScreenRow, tiles, groups int, panel []uint8, grid Grid, w *ScreenPanel, columns []float32) {
	c, l, x, p := unsafe.SliceData(codes), unsafe.SliceData(lanes), unsafe.SliceData(q), unsafe.SliceData(panel)
	o, outliers := unsafe.SliceData(columns), len(columns)/ScreenLatents
	r, scale := &rows[0].Start, &w.Scale[0]
	switch fine := grid == GridFine; {
	case s == screenAVX512 && fine:
		screenTiles16AVX512(c, l, 2*laneStride, x, p, groups, r, tiles, scale, o, outliers)
	case s == screenAVX512:
		screenTilesAVX512(c, l, 2*laneStride, x, p, groups, r, tiles, scale, o, outliers)
	case s == screenAVXVNNI && fine:
		screenTiles16AVXVNNI(c, l, 2*laneStride, x, p, groups, r, tiles, scale, o, outliers)
	case s == screenAVXVNNI:
		screenTilesAVXVNNI(c, l, 2*laneStride, x, p, groups, r, tiles, scale, o, outliers)
	case fine:
		screenTiles16AVX2(c, l, 2*laneStride, x, p, groups, r, tiles, scale, o, outliers)
	default:
		screenTilesAVX2(c, l, 2*laneStride, x, p, groups, r, tiles, scale, o, outliers)
	}
}

//go:noinline
func (s screenSet) screenOne(codes, lanes []int16, q []uint8, row *ScreenRow, panel []uint8, grid Grid, w *ScreenPanel, columns []float32) {
	c, l, x, p := unsafe.SliceData(codes), unsafe.SliceData(lanes), unsafe.SliceData(q), unsafe.SliceData(panel)
	groups, o, outliers := len(panel)/(4*ScreenLatents), unsafe.SliceData(columns), len(columns)/ScreenLatents
	r, scale := &row.Start, &w.Scale[0]
	switch fine := grid == GridFine; {
	case s == screenAVX512 && fine:
		screenOne16AVX512(c, l, x, p, groups, r, scale, o, outliers)
	case s == screenAVX512:
		screenOneAVX512(c, l, x, p, groups, r, scale, o, outliers)
	case s == screenAVXVNNI && fine:
		screenOne16AVXVNNI(c, l, x, p, groups, r, scale, o, outliers)
	case s == screenAVXVNNI:
		screenOneAVXVNNI(c, l, x, p, groups, r, scale, o, outliers)
	case fine:
		screenOne16AVX2(c, l, x, p, groups, r, scale, o, outliers)
	default:
		screenOneAVX2(c, l, x, p, groups, r, scale, o, outliers)
	}
}

// The most that one call takes, so that none is long.
const (
	pairRows   = 256 // rows of codes that screenPairs compares: 8192 pairs at most
	kthVectors = 512 // vectors of codes that screenKth counts
)

// screenPairs is ScreenPairs.
func (s screenSet) screenPairs(pairs []Pair, codes, low, high []int16, row, latent int32, live uint32) int {
	total := 0
	for i := 0; i < len(low); i += pairRows {
		n := min(pairRows, len(low)-i)
		total += s.callPairs(pairs[total:], codes[i*ScreenLatents:], low[i:i+n], high[i:], row+int32(i), latent, live)
	}
	return total
}

// callPairs finds the pairs in as many rows of codes as one call takes.
//
//go:noinline
func (s screenSet) callPairs(pairs []Pair, codes, low, high []int16, row, latent int32, live uint32) int {
	first := uint64(uint32(row)) | uint64(uint32(latent))<<32
	if s == screenAVX512 {
		return screenPairsAVX512(&pairs[0].Row, &codes[0], &low[0], &high[0], len(low), first, uint64(live))
	}
	return screenPairsAVX2(&pairs[0].Row, &codes[0], &low[0], &high[0], len(low), first, uint64(live))
}

//go:noinline
func (s screenSet) screenKth(codes []int16, k int) int16 {
	vectors := len(codes) / ScreenLatents
	if vectors == 0 || vectors > kthVectors || len(codes)%ScreenLatents != 0 {
		return screenKthGeneric(codes, k)
	}
	if s == screenAVX512 {
		return screenKthAVX512(&codes[0], vectors, k)
	}
	return screenKthAVX2(&codes[0], vectors, k)
}
