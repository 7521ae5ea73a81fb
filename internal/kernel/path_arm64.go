//go:build !purego

package kernel

// archPaths lists the path of this architecture. Every processor that Go runs on has
// what it uses, but for the dot products of int8; a kernel that it does not name is that
// in plain Go.
func archPaths() []path {
	p := generic
	p.name = "neon"
	p.dot, p.dotRows, p.rowSquares = dotNEON, dotRowsNEON, rowSquaresNEON
	p.addRows, p.addRowsBatch, p.addRowsBatch32 = neonGather.addRows, neonGather.addRowsBatch, neonGatherNarrow.addRowsBatch
	p.mulT, p.mulAdd, p.mulT32, p.mulAdd32 = neonF64.mulT, neonF64.mulAdd, neonF32.mulT, neonF32.mulAdd
	p.above, p.kthLargest = aboveNEONGo, kthLargestNEON
	p.elementwise, p.stripping, p.screening = elementwiseNEON, strippingNEON, screeningNEON(hasDotProducts())
	return []path{p}
}
