//go:build !purego

package kernel

import (
	"math/bits"
	"unsafe"
)

// float is an element type that the products know.
type float interface{ float32 | float64 }

// What all tiles have. Sums fill 24 of the 32 registers.
const (
	tileRows = 4 // of a product tile, and rows that pack takes
	dotCols  = 4 // dot products that one call of dots sets
)

// tileSet is what the instruction set offers for one element type. Every function
// calls assembly that works on one tile or one row (the generated stubs have the
// loop that it replaces), so that no call is long enough to hold up a garbage
// collection.
type tileSet[T float] struct {
	lanes int // of a sum in dot order
	cache int // bytes of packed A and B to keep in the second-level cache
	few   int // with fewer rows of A or of B than this, nothing is packed

	wide, narrow productTile[T]

	pack        func(dst, src *T, ld, groups int, offsets *int, step int)
	copyColumns func(dst, src *T, ld, rows int) // tileRows elements of each row
	copyRows    func(dst, src *T, ld, rows int) // as many elements of each row as a wide tile has columns
	dots        func(dst, x *T, rows **T, groups, rest int)
}

// productTile is a tile of the result, of tileRows rows: chain adds steps of its chains,
// lane sums lanes of its dot products.
type productTile[T float] struct {
	nr    int // columns
	chain func(c *T, ldc int, a, b *T, steps int)
	lane  func(c *T, ldc int, a, b *T, steps int, stack *T, first, last int)
}

// tileFor picks the tile where cols columns are left: two narrow tiles serve up to two
// thirds of a wide one, of which most would be waste.
func (t *tileSet[T]) tileFor(cols int) *productTile[T] {
	if cols <= 2*t.narrow.nr {
		return &t.narrow
	}
	return &t.wide
}

// The tile sets of the element types. The caches are half of the 1 MB of a Neoverse core,
// and a small part of what Apple's cores share.
var (
	neonF64 = tileSet[float64]{
		lanes: 8, cache: 512 << 10, few: 12,
		wide:        productTile[float64]{12, callChainNEONF64, callLaneNEONF64},
		narrow:      productTile[float64]{4, callChainNarrowNEONF64, callLaneNarrowNEONF64},
		pack:        callPackNEONF64,
		copyColumns: callCopyColumnsNEONF64, copyRows: callCopyRowsNEONF64, dots: callDotsNEONF64,
	}
	neonF32 = tileSet[float32]{
		lanes: 16, cache: 512 << 10, few: 16,
		wide:        productTile[float32]{24, callChainNEONF32, callLaneNEONF32},
		narrow:      productTile[float32]{8, callChainNarrowNEONF32, callLaneNarrowNEONF32},
		pack:        callPackNEONF32,
		copyColumns: callCopyColumnsNEONF32, copyRows: callCopyRowsNEONF32, dots: callDotsNEONF32,
	}
)

// sizeOf returns the size of an element in bytes.
func sizeOf[T float]() int { return int(unsafe.Sizeof(T(0))) }

// addr returns a pointer to element i of s, which may be one past the end.
func addr[T float](s []T, i int) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(s)), i*sizeOf[T]()))
}

// lanePosition returns the place of lane l of lanes in the order in which the tree
// of dot order takes them: the bits of l reversed.
func lanePosition(l, lanes int) int {
	return int(bits.Reverse8(uint8(l)) >> (8 - bits.Len(uint(lanes-1))))
}

// roundUp returns the first multiple of to that is not below n.
func roundUp(n, to int) int { return (n + to - 1) / to * to }
