//go:build !purego

package kernel

// What all tiles have. Sums fill 24 of the 32 registers.
const (
	tileRows = 4 // of a product tile, and rows that pack takes
	dotCols  = 4 // dot products that one call of dots sets
)

// tileSet is what the instruction set offers for one element type. Every function
// calls assembly that works on one tile or one row (the generated stubs have the
// loop that it replaces), so that no call is long enough to hold up a garbage
// collection.
type tileSet[T number] struct {
	mr    int // tileRows
	lanes int // of a sum in dot order
	cache int // bytes of packed A and B to keep in the second-level cache
	few   int // with fewer rows of A or of B than this, nothing is packed

	wide, narrow productTile[T]

	pack        func(dst, src *T, ld, groups int, offsets *int, step int)
	copyColumns func(dst, src *T, ld, rows int) // tileRows elements of each row
	copyRows    func(dst, src *T, ld, rows int) // as many elements of each row as a wide tile has columns
	dots        func(dst, x *T, rows **T, groups, rest int)
}

// The tile sets of the element types. The caches are half of the 1 MB of a Neoverse core,
// and a small part of what Apple's cores share.
var (
	neonF64 = tileSet[float64]{
		mr: tileRows, lanes: 8, cache: 512 << 10, few: 12,
		wide:        productTile[float64]{12, callChainNEONF64, callLaneNEONF64},
		narrow:      productTile[float64]{4, callChainNarrowNEONF64, callLaneNarrowNEONF64},
		pack:        callPackNEONF64,
		copyColumns: callCopyColumnsNEONF64, copyRows: callCopyRowsNEONF64, dots: callDotsNEONF64,
	}
	neonF32 = tileSet[float32]{
		mr: tileRows, lanes: 16, cache: 512 << 10, few: 16,
		wide:        productTile[float32]{24, callChainNEONF32, callLaneNEONF32},
		narrow:      productTile[float32]{8, callChainNarrowNEONF32, callLaneNarrowNEONF32},
		pack:        callPackNEONF32,
		copyColumns: callCopyColumnsNEONF32, copyRows: callCopyRowsNEONF32, dots: callDotsNEONF32,
	}
)
