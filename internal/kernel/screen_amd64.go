//go:build amd64 && !purego

package kernel

import "unsafe"

// screeningAVX512 holds the kernels of the screen for AVX-512 with VNNI.
var screeningAVX512 = screening{
	fastScreen:   true,
	coarse:       GridOffset,
	extent:       extentAVX512Go,
	largestBlock: largestBlockGeneric, // GridBlocks is for others
	quantise:     quantiseAVX512Go,
	screenTiles:  screenTilesAVX512Go,
	screenOne:    screenOneAVX512Go,
	screenPairs:  screenPairsAVX512Go,
	screenKth:    screenKthAVX512Go,
	dotPairs:     dotPairsAVX512Go,
	quantise16:   quantise16AVX512Go,
	dotPairs16:   dotPairs16AVX512Go,
	dotPairs32:   dotPairs32AVX512Go,
}

// The Go side of each kernel. None may be inlined: see vector_amd64.go.

//go:noinline
func extentAVX512Go(x []float64) (largest, square float64) {
	return extentAVX512(unsafe.SliceData(x), len(x))
}

//go:noinline
func quantiseAVX512Go(dst []uint8, stride int, x []float64, inv float64, offset uint8) Quantised {
	if len(x) == 0 {
		return Quantised{}
	}
	_ = dst[(len(x)-1)>>2*stride : (len(x)-1)>>2*stride+4]
	var s [4]float64
	quantiseAVX512(&dst[0], stride, &x[0], len(x), inv, uint64(offset)*0x0101010101010101, &s[0])
	return Quantised{Residual: s[0], Square: s[1], Integers: s[2], Sum: int64(s[3])}
}

//go:noinline
func quantise16AVX512Go(dst []uint8, stride int, x []float64, inv float64) Quantised {
	if len(x) == 0 {
		return Quantised{}
	}
	_ = dst[(len(x)-1)>>1*stride : (len(x)-1)>>1*stride+4]
	var s [4]float64
	quantise16AVX512(&dst[0], stride, &x[0], len(x), inv, &s[0])
	return Quantised{Residual: s[0], Square: s[1], Integers: s[2], Sum: int64(s[3])}
}

// tileGroups is the most groups of inputs, of all its tiles together, that one call
// takes: some 6 us on Zen 5, 9 on Zen 4. Calls of one tile each would cost 30 cycles
// more for a tile, which is 8 % of it at 100 inputs.
const tileGroups = 2048

// screenTilesAVX512Go is ScreenTiles.
func screenTilesAVX512Go(codes, lanes []int16, laneStride int, q []uint8, rows []ScreenRow, panel []uint8, grid Grid, w *ScreenPanel, columns []float32) {
	groups := len(panel) / (4 * ScreenLatents)
	tiles := max(1, tileGroups/(groups+8)) // the epilogue counts as 8 groups
	for {
		n := min(tiles, len(rows)/ScreenRows)
		callScreenTiles(codes, lanes, laneStride, q, rows, n, groups, panel, grid, w, columns)
		i := n * ScreenRows
		if i == len(rows) {
			return
		}
		codes, lanes, q, rows = codes[i*ScreenLatents:], lanes[i*laneStride:], q[4*i*groups:], rows[i:]
	}
}

// callScreenTiles screens as many tiles as one call takes.
//
//go:noinline
func callScreenTiles(codes, lanes []int16, laneStride int, q []uint8, rows []ScreenRow, tiles, groups int, panel []uint8, grid Grid, w *ScreenPanel, columns []float32) {
	c, l, x, p := unsafe.SliceData(codes), unsafe.SliceData(lanes), unsafe.SliceData(q), unsafe.SliceData(panel)
	o, outliers := unsafe.SliceData(columns), len(columns)/ScreenLatents
	if grid == GridFine {
		screenTiles16AVX512(c, l, 2*laneStride, x, p, groups, &rows[0].Start, tiles, &w.Scale[0], o, outliers)
	} else {
		screenTilesAVX512(c, l, 2*laneStride, x, p, groups, &rows[0].Start, tiles, &w.Scale[0], o, outliers)
	}
}

//go:noinline
func screenOneAVX512Go(codes, lanes []int16, q []uint8, row *ScreenRow, panel []uint8, grid Grid, w *ScreenPanel, columns []float32) {
	c, l, x, p := unsafe.SliceData(codes), unsafe.SliceData(lanes), unsafe.SliceData(q), unsafe.SliceData(panel)
	groups, o, outliers := len(panel)/(4*ScreenLatents), unsafe.SliceData(columns), len(columns)/ScreenLatents
	if grid == GridFine {
		screenOne16AVX512(c, l, x, p, groups, &row.Start, &w.Scale[0], o, outliers)
	} else {
		screenOneAVX512(c, l, x, p, groups, &row.Start, &w.Scale[0], o, outliers)
	}
}

// The most that one call takes, so that none is long.
const (
	pairRows   = 256 // rows of codes that screenPairs compares: 8192 pairs at most
	kthVectors = 512 // vectors of codes that screenKth counts
)

// screenPairsAVX512Go is ScreenPairs.
func screenPairsAVX512Go(pairs []Pair, codes, low, high []int16, row, latent int32, live uint32) int {
	total := 0
	for i := 0; i < len(low); i += pairRows {
		n := min(pairRows, len(low)-i)
		total += callScreenPairs(pairs[total:], codes[i*ScreenLatents:], low[i:i+n], high[i:], row+int32(i), latent, live)
	}
	return total
}

// callScreenPairs finds the pairs in as many rows of codes as one call takes.
//
//go:noinline
func callScreenPairs(pairs []Pair, codes, low, high []int16, row, latent int32, live uint32) int {
	first := uint64(uint32(row)) | uint64(uint32(latent))<<32
	return screenPairsAVX512(&pairs[0].Row, &codes[0], &low[0], &high[0], len(low), first, uint64(live))
}

//go:noinline
func screenKthAVX512Go(codes []int16, k int) int16 {
	vectors := len(codes) / ScreenLatents
	if vectors == 0 || vectors > kthVectors || len(codes)%ScreenLatents != 0 {
		return screenKthGeneric(codes, k)
	}
	return screenKthAVX512(&codes[0], vectors, k)
}

// dotPairsAVX512Go is DotPairs, with four pairs a call.
func dotPairsAVX512Go(dst, x []float64, ldx int, w []float64, ldw, d int, pairs []Pair) {
	var rx, rw [8]*float64 // the rows of four pairs, and of the next four
	for len(pairs) > 0 {
		// A row of w that several of the next pairs share is prefetched as a whole.
		for t := 4; t < min(8, len(pairs)-1); t++ {
			if p := pairs[t].Latent; p != pairs[t-1].Latent && p == pairs[t+1].Latent {
				prefetchAVX512Go(w[int(p)*ldw:][:d])
			}
		}
		for t := range rx {
			p := pairs[min(t, len(pairs)-1)]
			rx[t] = unsafe.SliceData(x[int(p.Row)*ldx:][:d])
			rw[t] = unsafe.SliceData(w[int(p.Latent)*ldw:][:d])
		}
		if len(pairs) < 4 {
			var few [4]float64
			callDotPairs(&few, &rx, &rw, d)
			copy(dst[:len(pairs)], few[:])
			return
		}
		callDotPairs((*[4]float64)(dst), &rx, &rw, d)
		dst, pairs = dst[4:], pairs[4:]
	}
}

// callDotPairs multiplies the first four pairs of rows and prefetches the other four.
//
//go:noinline
func callDotPairs(dst *[4]float64, x, w *[8]*float64, d int) {
	dotPairsAVX512(&dst[0], &x[0], &w[0], d/8, 1<<(d%8)-1)
}

// dotPairs32AVX512Go is DotPairs32, with four pairs a call.
func dotPairs32AVX512Go(dst, x []float64, ldx int, w []float32, ldw, d int, pairs []Pair) {
	var rx [8]*float64
	var rw [8]*float32
	for len(pairs) > 0 {
		for t := range rx {
			p := pairs[min(t, len(pairs)-1)]
			rx[t] = unsafe.SliceData(x[int(p.Row)*ldx:][:d])
			rw[t] = unsafe.SliceData(w[int(p.Latent)*ldw:][:d])
		}
		if len(pairs) < 4 {
			var few [4]float64
			callDotPairs32(&few, &rx, &rw, d)
			copy(dst[:len(pairs)], few[:])
			return
		}
		callDotPairs32((*[4]float64)(dst), &rx, &rw, d)
		dst, pairs = dst[4:], pairs[4:]
	}
}

// callDotPairs32 is callDotPairs for rows of w in float32.
//
//go:noinline
func callDotPairs32(dst *[4]float64, x *[8]*float64, w *[8]*float32, d int) {
	dotPairs32AVX512(&dst[0], &x[0], &w[0], d/8, 1<<(d%8)-1)
}

// pairVectors is the most vectors of 32 integers, of all its pairs together, that one
// call multiplies: some 5 us where rows come from the third-level cache.
const pairVectors = 4096

// dotPairs16AVX512Go is DotPairs16.
func dotPairs16AVX512Go(dst []int32, x []uint8, ldx int, w []uint8, ldw, d int, pairs []Pair) {
	vectors := d / 32
	if vectors == 0 || d%32 != 0 {
		dotPairs16Generic(dst, x, ldx, w, ldw, d, pairs)
		return
	}
	for _, p := range pairs { // panics where a row is outside
		_, _ = x[int(p.Row)*ldx:][:2*d], w[int(p.Latent)*ldw:][:2*d]
	}
	most := max(4, pairVectors/vectors&^3)
	for len(pairs) > 0 {
		n := min(most, len(pairs))
		callDotPairs16(dst[:n], x, ldx, w, ldw, vectors, pairs[:n])
		dst, pairs = dst[n:], pairs[n:]
	}
}

// callDotPairs16 multiplies as many pairs of rows as one call takes.
//
//go:noinline
func callDotPairs16(dst []int32, x []uint8, ldx int, w []uint8, ldw, vectors int, pairs []Pair) {
	dotPairs16AVX512(&dst[0], &x[0], ldx, &w[0], ldw, vectors, &pairs[0].Row, len(pairs))
}
