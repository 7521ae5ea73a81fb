//go:build amd64 && !purego

package kernel

// gatherer adds gathered rows of a w with elements of type W to tiles of the result,
// which stay in registers over all entries of a row.
type gatherer[W number] struct {
	vector int // elements of a vector

	near     []gatherTile[W] // near[v] adds to tiles of v vectors; some are nil, never near[1]
	tile     int             // vectors of a tile where w is taken in blocks
	far      gatherRow[W]    // prefetches the next rows
	farWidth int             // vectors of far
	farBytes int             // far gathers from a w of more bytes
}

// gatherTile adds the entries from[i] to to[i]-1 to a few columns of row i of dst, for
// some rows.
type gatherTile[W number] func(dst *float64, ldd, rows int, from, to *int, alpha *float64, idx *int32, w *W, ldw int, mask *float64)

// gatherRow adds count entries to a few columns of one row, and prefetches the rows
// nextIdx of next meanwhile.
type gatherRow[W number] func(dst, alpha *float64, idx *int32, count int, w *W, ldw int, nextIdx *int32, next *W)

var (
	avx512Gather = gatherer[float64]{
		vector: 8, tile: 8, far: callGatherFarAVX512F64, farWidth: 16, farBytes: 32 << 20,
		near: []gatherTile[float64]{
			1: callGather1AVX512F64, 2: callGather2AVX512F64, 3: callGather3AVX512F64, 4: callGather4AVX512F64,
			5: callGather5AVX512F64, 6: callGather6AVX512F64, 7: callGather7AVX512F64, 8: callGather8AVX512F64,
			16: callGather16AVX512F64},
	}
	avx2Gather = gatherer[float64]{
		vector: 4, tile: 12, far: callGatherFarAVX2F64, farWidth: 12, farBytes: 4 << 20,
		near: []gatherTile[float64]{
			1: callGather1AVX2F64, 2: callGather2AVX2F64, 3: callGather3AVX2F64, 4: callGather4AVX2F64,
			5: callGather5AVX2F64, 6: callGather6AVX2F64, 7: callGather7AVX2F64, 8: callGather8AVX2F64,
			9: callGather9AVX2F64, 10: callGather10AVX2F64, 11: callGather11AVX2F64, 12: callGather12AVX2F64},
	}

	// Rows of float32 have fewer kinds of tiles: only the columns after the last wide
	// tile take several tiles in place of one.
	avx512GatherNarrow = gatherer[float32]{
		vector: 8, tile: 8, far: callGatherNarrowFarAVX512F64, farWidth: 16, farBytes: 32 << 20,
		near: []gatherTile[float32]{
			1: callGatherNarrow1AVX512F64, 2: callGatherNarrow2AVX512F64, 4: callGatherNarrow4AVX512F64,
			8: callGatherNarrow8AVX512F64, 16: callGatherNarrow16AVX512F64},
	}
	avx2GatherNarrow = gatherer[float32]{
		vector: 4, tile: 12, far: callGatherNarrowFarAVX2F64, farWidth: 12, farBytes: 4 << 20,
		near: []gatherTile[float32]{
			1: callGatherNarrow1AVX2F64, 2: callGatherNarrow2AVX2F64, 4: callGatherNarrow4AVX2F64,
			8: callGatherNarrow8AVX2F64, 12: callGatherNarrow12AVX2F64},
	}
)

// The order in which w is read. Nanoseconds for each vector of 8 elements of an entry,
// on one core of a Zen 5 with AVX-512, results of 4 MB, random indices; "8 rows" is
// what this replaced, one pass over a row of the result for each 8 entries, and *
// is what blockRows and farBytes choose:
//
//	rows of w, of the result,  8 rows  row by row       in blocks for
//	entries of each, columns           near     far     L1       L2
//	 100   64  25  784          0.44    0.34    0.37    0.24 *   0.25
//	 256   50  64  784          0.57    0.42    0.52    0.25 *   0.32
//	 500  128  50  784          0.60    0.46    0.56    0.32     0.33 *
//	 100   64  10  784          0.48    0.38    0.38    0.35     0.31 *
//	 256   64   6  784          0.68    0.57    0.57    0.68     0.48 *
//	1000  128  25  784          0.64    0.52    0.52    0.66     0.41 *
//	2000  128  50  784          0.65    0.53    0.60    0.72     0.46 *
//	1024   64   4  768          0.75    0.72 *  0.66    1.29     0.83
//	4096  512  32  768          0.87    0.81 *  0.77    2.15     1.07
//	8192  512  32  768          1.15    1.39    1.18 *  4.10     2.09
//
// Tiles of 6 to 12 vectors, and blocks a fifth larger or smaller, differ by less
// than one run from the next. AVX2 row by row: 1.46 near and 1.05 far with 4096
// rows, 0.55 and 0.62 with 256.
const (
	nearBlock  = 39 << 10  // bytes of a block of w that stays in the first-level cache
	nearRun    = 8         // entries of a result's row in such a block from which it is faster
	midBlock   = 384 << 10 // the same for the second-level cache
	midRun     = 6
	gatherCall = 256 // entries of one call: well below 20 us, even from memory
	gatherRows = 64  // rows of the result in one call
)

// blockRows returns how many rows of w a block has: as many as the nearest cache holds
// in which each row of the result has enough entries to make up for loading and storing
// its tile, or 0 for no blocks. Each of w's rows must be used once on average, or
// bringing it nearer gains nothing.
func (g *gatherer[W]) blockRows(rows, n, entries int) int {
	if entries < rows {
		return 0
	}
	for _, c := range [...]struct{ bytes, run int }{{nearBlock, nearRun}, {midBlock, midRun}} {
		most := c.bytes / (g.tile * g.vector * sizeOf[W]())
		blocks := (rows + most - 1) / most
		if entries >= c.run*n*blocks {
			return (rows + blocks - 1) / blocks
		}
	}
	return 0
}

// addRows is AddRows.
func (g *gatherer[W]) addRows(dst, alpha []float64, w []W, ldw int, idx []int32) {
	s := getScratch[float64]()
	defer s.free()
	s.offsets[0], s.offsets[1] = 0, len(idx)
	g.addRowsBatch(dst, len(dst), len(dst), s.offsets[:2], alpha, w, ldw, idx)
}

// addRowsBatch is AddRowsBatch.
func (g *gatherer[W]) addRowsBatch(dst []float64, ldd, cols int, offsets []int, alpha []float64, w []W, ldw int, idx []int32) {
	n := len(offsets) - 1
	first, end := offsets[0], offsets[n]
	if first == end || cols == 0 {
		return
	}
	alpha, idx = alpha[:end], idx[:end]
	rows := namedRows(offsets, idx)
	within(dst, n, ldd, cols)
	within(w, rows, ldw, cols)
	block := g.blockRows(rows, n, end-first)
	switch {
	case block >= rows:
		g.addTiles(dst, ldd, cols, g.tile, offsets[:n], offsets[1:], alpha, w, ldw, idx)
	case block > 0:
		g.addBlocks(dst, ldd, cols, rows, block, offsets, alpha, w, ldw, idx)
	case rows*ldw*sizeOf[W]() > g.farBytes:
		for i := range n {
			g.addFar(dst[i*ldd:][:cols], offsets[i:i+2], alpha, w, ldw, idx)
		}
	default:
		for i := range n {
			g.addTiles(dst[i*ldd:], 0, cols, len(g.near)-1, offsets[i:i+1], offsets[i+1:], alpha, w, ldw, idx)
		}
	}
}

// addBlocks adds the rows of w a block at a time. A row of the result takes its entries
// in order, up to the first that is beyond the block: where indices ascend those are the
// entries in the block, and otherwise the sum is still right.
func (g *gatherer[W]) addBlocks(dst []float64, ldd, cols, rows, block int, offsets []int, alpha []float64, w []W, ldw int, idx []int32) {
	s := getScratch[float64]()
	defer s.free()
	n := len(offsets) - 1
	s.from, s.to = append(s.from[:0], offsets[:n]...), append(s.to[:0], offsets[:n]...)
	for below := block; ; below += block {
		for i, t := range s.to {
			s.from[i] = t
			for t < offsets[i+1] && (int(idx[t]) < below || below >= rows) {
				t++
			}
			s.to[i] = t
		}
		g.addTiles(dst, ldd, cols, g.tile, s.from, s.to, alpha, w, ldw, idx)
		if below >= rows {
			return
		}
	}
}

// addTiles adds entries from[i] to to[i]-1 to row i, one tile of columns after the
// other, each of at most widest vectors.
func (g *gatherer[W]) addTiles(dst []float64, ldd, cols, widest int, from, to []int, alpha []float64, w []W, ldw int, idx []int32) {
	for j := 0; j < cols; {
		width := min(widest, (cols-j+g.vector-1)/g.vector)
		for g.near[width] == nil {
			width--
		}
		var rest *float64 // the mask of the last vector, where it is not whole
		if left := cols - j; left < width*g.vector {
			rest = maskOf[float64](left % g.vector)
		}
		for i := 0; i < len(from); {
			next, count := i+1, to[i]-from[i]
			for next < min(i+gatherRows, len(from)) && count+to[next]-from[next] <= gatherCall {
				count += to[next] - from[next]
				next++
			}
			switch {
			case count > gatherCall:
				g.addLong(dst[i*ldd+j:], width, from[i], to[i], alpha, w[j:], ldw, idx, rest)
			case count > 0:
				g.near[width](&dst[i*ldd+j], ldd*8, next-i, &from[i], &to[i], &alpha[0], &idx[0], &w[j], ldw*sizeOf[W](), rest)
			}
			i = next
		}
		j += width * g.vector
	}
}

// addLong adds more entries than one call should take to a tile of one row.
func (g *gatherer[W]) addLong(dst []float64, width, from, to int, alpha []float64, w []W, ldw int, idx []int32, rest *float64) {
	s := getScratch[float64]()
	defer s.free()
	for from < to {
		s.offsets[0], s.offsets[1] = from, min(from+gatherCall, to)
		g.near[width](&dst[0], 0, 1, &s.offsets[0], &s.offsets[1], &alpha[0], &idx[0], &w[0], ldw*sizeOf[W](), rest)
		from = s.offsets[1]
	}
}

// addFar adds entries offsets[0] to offsets[1]-1 to one row. While it adds one
// tile of each entry's row it prefetches the next tile, and with the last tile the
// first one of the entries that follow, which as a rule are the next row's.
func (g *gatherer[W]) addFar(dst []float64, offsets []int, alpha []float64, w []W, ldw int, idx []int32) {
	step := g.farWidth * g.vector
	whole := len(dst) / step * step
	for from := offsets[0]; from < offsets[1]; from += gatherCall {
		count := min(gatherCall, offsets[1]-from)
		for j := 0; j < whole; j += step {
			nextIdx, next := &idx[from], j+step
			if next == whole {
				nextIdx, next = &idx[from+min(count, len(idx)-from-count)], 0
			}
			g.far(&dst[j], &alpha[from], &idx[from], count, &w[j], ldw*sizeOf[W](), nextIdx, &w[next])
		}
	}
	if whole < len(dst) {
		g.addTiles(dst[whole:], 0, len(dst)-whole, g.tile, offsets[:1], offsets[1:], alpha, w[whole:], ldw, idx)
	}
}
