//go:build amd64 && !purego

package kernel

import "unsafe"

// tileSet is what one instruction set offers for one element type. Every function
// calls assembly that works on one tile or one row (the generated stubs have the
// loop that it replaces), so that no call is long enough to hold up a garbage
// collection.
type tileSet[T number] struct {
	mr    int // rows of a product tile
	lanes int // of a sum in dot order
	cache int // bytes of packed A and B to keep in the second-level cache
	few   int // with fewer rows of A or of B than this, nothing is packed
	near  int // nor where a dot tile's rows take at most this many bytes, and A half of cache

	// A narrow tile has the columns of one vector.
	wide, narrow productTile[T]

	pack        func(dst, src *T, ld, groups int, offsets *int, step int)
	copyColumns func(dst, src *T, ld, rows int) // mr elements of each row
	copyRows    func(dst, src *T, ld, rows int) // as many elements of each row as a wide tile has columns

	dot     func(x, y *T, groups int, mask *T) T
	dots    []dotTile[T]                              // dots[r-1] multiplies r rows with dotCols rows
	squares func(dst, x *T, ldx, groups int, mask *T) // multiplies dotCols rows with themselves
	dotCols int
}

// dotTile sets a few products, in dot order, of rows of x with other rows.
type dotTile[T number] func(dst *T, ldd int, x *T, ldx int, rows **T, groups int, mask *T)

// The tile sets of the instruction sets.
var avx512F64 = tileSet[float64]{
	mr: 8, lanes: 8, cache: 768 << 10, few: 24, near: 34 << 10,
	wide:        productTile[float64]{24, callChainAVX512F64, callLaneAVX512F64},
	narrow:      productTile[float64]{8, callChainNarrowAVX512F64, callLaneNarrowAVX512F64},
	pack:        callPackAVX512F64,
	copyColumns: callCopyColumnsAVX512F64, copyRows: callCopyRowsAVX512F64,
	dots:    []dotTile[float64]{callDot1AVX512F64, callDot2AVX512F64, callDot3AVX512F64},
	squares: callSquaresAVX512F64, dotCols: 8, dot: callDotAVX512F64,
}

var avx512F32 = tileSet[float32]{
	mr: 8, lanes: 16, cache: 768 << 10, few: 48, near: 34 << 10,
	wide:        productTile[float32]{48, callChainAVX512F32, callLaneAVX512F32},
	narrow:      productTile[float32]{16, callChainNarrowAVX512F32, callLaneNarrowAVX512F32},
	pack:        callPackAVX512F32,
	copyColumns: callCopyColumnsAVX512F32, copyRows: callCopyRowsAVX512F32,
	dots:    []dotTile[float32]{callDot1AVX512F32, callDot2AVX512F32, callDot3AVX512F32},
	dotCols: 8, dot: callDotAVX512F32,
}

var avx2F64 = tileSet[float64]{
	mr: 4, lanes: 8, cache: 320 << 10, few: 12,
	wide:        productTile[float64]{12, callChainAVX2F64, callLaneAVX2F64},
	narrow:      productTile[float64]{4, callChainNarrowAVX2F64, callLaneNarrowAVX2F64},
	pack:        callPackAVX2F64,
	copyColumns: callCopyColumnsAVX2F64, copyRows: callCopyRowsAVX2F64,
	dots:    []dotTile[float64]{callDot1AVX2F64},
	squares: callSquaresAVX2F64, dotCols: 4, dot: callDotAVX2F64,
}

var avx2F32 = tileSet[float32]{
	mr: 4, lanes: 16, cache: 320 << 10, few: 16,
	wide:        productTile[float32]{24, callChainAVX2F32, callLaneAVX2F32},
	narrow:      productTile[float32]{8, callChainNarrowAVX2F32, callLaneNarrowAVX2F32},
	pack:        callPackAVX2F32,
	copyColumns: callCopyColumnsAVX2F32, copyRows: callCopyRowsAVX2F32,
	dots:    []dotTile[float32]{callDot1AVX2F32},
	dotCols: 4, dot: callDotAVX2F32,
}

// The mask of n elements starts at element 16-n of these: n negative numbers and then
// zeros. Assembly reads the signs only.
var (
	maskWindow64 = [32]float64{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1}
	maskWindow32 = [32]float32{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1}
)

// maskOf returns the mask of n elements, nil where n is 0.
func maskOf[T number](n int) *T {
	if n == 0 {
		return nil
	}
	if sizeOf[T]() == 8 {
		return (*T)(unsafe.Pointer(&maskWindow64[16-n]))
	}
	return (*T)(unsafe.Pointer(&maskWindow32[16-n]))
}
