//go:build !purego

package kernel

// archPaths lists the paths of this architecture, fastest first. Every processor that Go
// runs on has what "neon" uses; the others have ways to multiply int8 beside it. A kernel
// that is not named here is that in plain Go.
func archPaths() []path {
	neon := generic
	neon.name = "neon"
	neon.dot, neon.dotRows, neon.rowSquares = dotNEON, dotRowsNEON, rowSquaresNEON
	neon.addRows, neon.addRowsBatch, neon.addRowsBatch32 = neonGather.addRows, neonGather.addRowsBatch, neonGatherNarrow.addRowsBatch
	neon.mulT, neon.mulAdd, neon.mulT32, neon.mulAdd32 = neonF64.mulT, neonF64.mulAdd, neonF32.mulT, neonF32.mulAdd
	neon.above, neon.kthLargest, neon.takeAbove = aboveBy(callAboveNEON), kthLargestBy(splitNEONGo), takeAboveBy(callTakeAboveNEON)
	neon.elementwise, neon.stripping, neon.screening = elementwiseNEON, strippingNEON, screeningNEON(screenPlain)
	dots, matrices := neon, neon
	dots.name, dots.available, dots.screening = "neon-dotprod", hasDotProducts(), screeningNEON(screenDots)
	matrices.name, matrices.available, matrices.screening = "neon-i8mm", dots.available && hasMatrices(), screeningNEON(screenMatrices)
	return []path{matrices, dots, neon}
}
