//go:build !purego

package kernel

import "unsafe"

// screenMultiply is how a processor multiplies int8.
type screenMultiply int

const (
	screenPlain    screenMultiply = iota
	screenDots                    // SDOT: four inputs of four latents
	screenMatrices                // SMMLA: eight inputs of two rows and two latents
)

// screeningNEON returns the kernels of the screen. Where int8 are not multiplied, only
// those are fast that do not multiply, and the screen is no gain.
func screeningNEON(by screenMultiply) screening {
	s := generic.screening
	s.extent, s.quantise, s.quantise16 = extentNEONGo, quantiseNEONGo, quantise16NEONGo
	s.screenPairs, s.screenKth = screenPairsNEONGo, screenKthNEONGo
	s.dotPairs, s.dotPairs32, s.dotPairs16 = dotPairsNEONGo, dotPairs32NEONGo, dotPairs16NEONGo
	s.dotBytes = dotBytesPlainNEONGo
	if by != screenPlain {
		s.dotBytes = dotBytesNEONGo
		s.fastScreen, s.coarse = true, GridSigned
		s.screenTiles, s.screenOne = screenTilesNEONGo, screenOneNEONGo
	}
	if by == screenMatrices {
		s.screenTiles = screenTilesPairsNEONGo
	}
	return s
}

// extentNEONGo is Extent.
func extentNEONGo(x []float64) (largest, square float64) {
	return callExtentNEON(unsafe.SliceData(x), len(x))
}

// quantiseNEONGo is Quantise.
func quantiseNEONGo(dst []uint8, stride int, x []float64, inv float64, offset uint8) Quantised {
	if len(x) == 0 {
		return Quantised{}
	}
	_ = dst[(len(x)-1)>>2*stride : (len(x)-1)>>2*stride+4]
	var s [4]float64
	callQuantiseNEON(&dst[0], stride, &x[0], len(x), inv, int(offset), &s[0])
	return Quantised{Residual: s[0], Square: s[1], Integers: s[2], Sum: int64(s[3])}
}

// quantise16NEONGo is Quantise16.
func quantise16NEONGo(dst []uint8, stride int, x []float64, inv float64) Quantised {
	if len(x) == 0 {
		return Quantised{}
	}
	_ = dst[(len(x)-1)>>1*stride : (len(x)-1)>>1*stride+4]
	var s [4]float64
	callQuantise16NEON(&dst[0], stride, &x[0], len(x), inv, &s[0])
	return Quantised{Residual: s[0], Square: s[1], Integers: s[2], Sum: int64(s[3])}
}

// The most that one call takes, so that none is long.
const (
	tileGroups  = 2048 // groups of inputs of all tiles, for 8 latents: 9 us of a Neoverse N1 in int8, as computed
	pairRows    = 256  // rows of codes that screenPairs compares: 8192 pairs at most
	kthVectors  = 512  // vectors of codes that screenKth counts
	pairVectors = 4096 // vectors of 32 integers that dotPairs16 multiplies, of all pairs
)

// screenTilesNEONGo is ScreenTiles.
func screenTilesNEONGo(codes, lanes []int16, laneStride int, q []uint8, rows []ScreenRow, panel []uint8, grid Grid, w *ScreenPanel, columns []float32) {
	if grid == GridFine {
		screenTilesBy(callScreenTiles16NEON, codes, lanes, laneStride, q, rows, panel, w, columns)
		return
	}
	screenTilesBy(callScreenTilesNEON, codes, lanes, laneStride, q, rows, panel, w, columns)
}

// screenTilesPairsNEONGo is ScreenTiles by SMMLA.
func screenTilesPairsNEONGo(codes, lanes []int16, laneStride int, q []uint8, rows []ScreenRow, panel []uint8, grid Grid, w *ScreenPanel, columns []float32) {
	if grid == GridFine {
		screenTilesNEONGo(codes, lanes, laneStride, q, rows, panel, grid, w, columns)
		return
	}
	screenTilesBy(callScreenTilesPairsNEON, codes, lanes, laneStride, q, rows, panel, w, columns)
}

// screenTilesBy calls kernel for as many tiles at a time as one call takes, and for 8
// latents.
func screenTilesBy(kernel func(codes, lanes *int16, laneStride int, q, panel *uint8, groups int, rows *int32, tiles int, w, columns *float32, outliers int),
	codes, lanes []int16, laneStride int, q []uint8, rows []ScreenRow, panel []uint8, w *ScreenPanel, columns []float32) {
	groups := len(panel) / (4 * ScreenLatents)
	tiles := max(1, tileGroups/(groups+16)) // the epilogue counts as 16 groups
	x, latents, outliers := unsafe.SliceData(q), unsafe.SliceData(panel), unsafe.SliceData(columns)
	for i := 0; i < len(rows); i += tiles * ScreenRows {
		n := min(tiles, (len(rows)-i)/ScreenRows)
		for l := 0; l < ScreenLatents; l += 8 {
			kernel(&codes[i*ScreenLatents+l], &lanes[i*laneStride+l], 2*laneStride, at(x, 4*i*groups), at(latents, 4*l), groups, &rows[i].Start, n,
				&w.Scale[l], at(outliers, l), len(columns)/ScreenLatents)
		}
	}
}

// at returns a pointer n elements beyond p, nil for a nil p.
func at[T any](p *T, n int) *T {
	if p == nil {
		return nil
	}
	return (*T)(unsafe.Add(unsafe.Pointer(p), n*int(unsafe.Sizeof(*p))))
}

// screenOneNEONGo is ScreenOne.
func screenOneNEONGo(codes, lanes []int16, q []uint8, row *ScreenRow, panel []uint8, grid Grid, w *ScreenPanel, columns []float32) {
	kernel := callScreenOneNEON
	if grid == GridFine {
		kernel = callScreenOne16NEON
	}
	kernel(&codes[0], &lanes[0], unsafe.SliceData(q), unsafe.SliceData(panel), len(panel)/(4*ScreenLatents), &row.Start, &w.Scale[0], unsafe.SliceData(columns), len(columns)/ScreenLatents)
}

// screenPairsNEONGo is ScreenPairs.
func screenPairsNEONGo(pairs []Pair, codes, low, high []int16, row, latent int32, live uint32) int {
	total := 0
	for i := 0; i < len(low); i += pairRows {
		first := uint64(uint32(row+int32(i))) | uint64(uint32(latent))<<32
		total += callScreenPairsNEON(&pairs[total:][:1][0].Row, &codes[i*ScreenLatents], &low[i], &high[i], min(pairRows, len(low)-i), first, uint64(live))
	}
	return total
}

// screenKthNEONGo is ScreenKth.
func screenKthNEONGo(codes []int16, k int) int16 {
	vectors := len(codes) / ScreenLatents
	if vectors == 0 || vectors > kthVectors || len(codes)%ScreenLatents != 0 {
		return screenKthGeneric(codes, k)
	}
	return callScreenKthNEON(&codes[0], vectors, k)
}

// dotPairsNEONGo is DotPairs.
func dotPairsNEONGo(dst, x []float64, ldx int, w []float64, ldw, d int, pairs []Pair) {
	dotPairsBySets(callDotPairsNEON, dst, x, ldx, w, ldw, d, pairs)
}

// dotPairs32NEONGo is DotPairs32.
func dotPairs32NEONGo(dst, x []float64, ldx int, w []float32, ldw, d int, pairs []Pair) {
	dotPairsBySets(callDotPairs32NEON, dst, x, ldx, w, ldw, d, pairs)
}

// dotPairsBySets multiplies four pairs a call.
func dotPairsBySets[W number](four func(dst *float64, x **float64, w **W, groups, rest int), dst, x []float64, ldx int, w []W, ldw, d int, pairs []Pair) {
	s, t := getScratch[float64](), getScratch[W]()
	defer s.free()
	defer t.free()
	for len(pairs) > 0 {
		for i := range 2 * dotCols { // the rows of four pairs, and of the next four
			p := pairs[min(i, len(pairs)-1)]
			s.rows[i] = unsafe.SliceData(x[int(p.Row)*ldx:][:d])
			t.rows[i] = unsafe.SliceData(w[int(p.Latent)*ldw:][:d])
		}
		n := min(dotCols, len(pairs))
		four(&s.edge[0], &s.rows[0], &t.rows[0], d/8, d%8)
		copy(dst[:n], s.edge[:n])
		dst, pairs = dst[n:], pairs[n:]
	}
}

// dotPairs16NEONGo is DotPairs16.
func dotPairs16NEONGo(dst []int32, x []uint8, ldx int, w []uint8, ldw, d int, pairs []Pair) {
	vectors := d / 32
	if vectors == 0 || d%32 != 0 {
		dotPairs16Generic(dst, x, ldx, w, ldw, d, pairs)
		return
	}
	for _, p := range pairs { // panics where a row is outside
		_, _ = x[int(p.Row)*ldx:][:2*d], w[int(p.Latent)*ldw:][:2*d]
	}
	most := max(1, pairVectors/vectors)
	for len(pairs) > 0 {
		n := min(most, len(pairs))
		callDotPairs16NEON(&dst[:n][0], &x[0], ldx, &w[0], ldw, vectors, &pairs[0].Row, n)
		dst, pairs = dst[n:], pairs[n:]
	}
}
