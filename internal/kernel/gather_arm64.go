//go:build !purego

package kernel

// gatherer adds gathered rows of a w with elements of type W to tiles of the result,
// which stay in registers over all entries of a row: tile i has gatherWidths[i] columns.
type gatherer[W number] [len(gatherWidths)]gatherTile[W]

// gatherTile adds the entries from[i] to to[i]-1 to a few columns of row i of dst, for
// some rows. rest is 1 where the last column is missing.
type gatherTile[W number] func(dst *float64, ldd, rows int, from, to *int, alpha *float64, idx *int32, w *W, ldw, rest int)

// gatherWidths are the columns of the tiles, widest first.
var gatherWidths = [...]int{48, 32, 16, 8, 4, 2}

var (
	neonGather = gatherer[float64]{
		callGather24NEONF64, callGather16NEONF64, callGather8NEONF64, callGather4NEONF64, callGather2NEONF64, callGather1NEONF64}
	neonGatherNarrow = gatherer[float32]{
		callGatherNarrow24NEONF64, callGatherNarrow16NEONF64, callGatherNarrow8NEONF64, callGatherNarrow4NEONF64,
		callGatherNarrow2NEONF64, callGatherNarrow1NEONF64}
)

// The order in which w is read is that of gather_amd64.go, which has the measurements;
// no such were made on arm64.
const (
	nearBlock  = 39 << 10  // bytes of a block of w that stays in the first-level cache
	nearRun    = 8         // entries of a result's row in such a block from which it is faster
	midBlock   = 384 << 10 // the same for the second-level cache
	midRun     = 6
	blockCols  = 32  // columns of a tile where w is taken in blocks
	gatherCall = 256 // entries of one call: well below 20 us, even from memory
	gatherRows = 64  // rows of the result in one call
)

// blockRows returns how many rows of w a block has: as many as the nearest cache holds
// in which each row of the result has enough entries to make up for loading and storing
// its tile, or 0 for no blocks. Each of w's rows must be used once on average, or
// bringing it nearer gains nothing.
func (gatherer[W]) blockRows(rows, n, entries int) int {
	if entries < rows {
		return 0
	}
	for _, c := range [...]struct{ bytes, run int }{{nearBlock, nearRun}, {midBlock, midRun}} {
		most := c.bytes / (blockCols * sizeOf[W]())
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
		g.addTiles(dst, ldd, cols, blockCols, offsets[:n], offsets[1:], alpha, w, ldw, idx)
	case block > 0:
		g.addBlocks(dst, ldd, cols, rows, block, offsets, alpha, w, ldw, idx)
	default:
		for i := range n {
			g.addTiles(dst[i*ldd:], 0, cols, gatherWidths[0], offsets[i:i+1], offsets[i+1:], alpha, w, ldw, idx)
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
		g.addTiles(dst, ldd, cols, blockCols, s.from, s.to, alpha, w, ldw, idx)
		if below >= rows {
			return
		}
	}
}

// addTiles adds entries from[i] to to[i]-1 to row i, one tile of columns after the
// other, each of at most widest columns.
func (g *gatherer[W]) addTiles(dst []float64, ldd, cols, widest int, from, to []int, alpha []float64, w []W, ldw int, idx []int32) {
	which := 0
	for j := 0; j < cols; {
		for gatherWidths[which] > widest || gatherWidths[which] > cols-j+1 {
			which++
		}
		tile, rest := g[which], max(0, gatherWidths[which]-(cols-j))
		for i := 0; i < len(from); {
			next, count := i+1, to[i]-from[i]
			for next < min(i+gatherRows, len(from)) && count+to[next]-from[next] <= gatherCall {
				count += to[next] - from[next]
				next++
			}
			switch {
			case count > gatherCall:
				addLong(tile, dst[i*ldd+j:], from[i], to[i], alpha, w[j:], ldw, idx, rest)
			case count > 0:
				tile(&dst[i*ldd+j], ldd*8, next-i, &from[i], &to[i], &alpha[0], &idx[0], &w[j], ldw*sizeOf[W](), rest)
			}
			i = next
		}
		j += gatherWidths[which]
	}
}

// addLong adds more entries than one call should take to a tile of one row.
func addLong[W number](tile gatherTile[W], dst []float64, from, to int, alpha []float64, w []W, ldw int, idx []int32, rest int) {
	s := getScratch[float64]()
	defer s.free()
	for from < to {
		s.offsets[0], s.offsets[1] = from, min(from+gatherCall, to)
		tile(&dst[0], 0, 1, &s.offsets[0], &s.offsets[1], &alpha[0], &idx[0], &w[0], ldw*sizeOf[W](), rest)
		from = s.offsets[1]
	}
}
