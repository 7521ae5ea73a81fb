//go:build amd64 && !purego

package kernel

import (
	"math/bits"
	"sync"
	"unsafe"
)

// float is an element type that the products know.
type float interface{ float32 | float64 }

// tiles is what one instruction set offers for one element type. Every field
// calls assembly that works on one tile or one row (the generated stubs say
// which loop), so that no call lasts long enough to hold up a garbage collection.
type tiles[T float] struct {
	mr    int // rows of a product tile
	lanes int // of a sum in dot order
	cache int // bytes of packed A and B to keep in the second-level cache
	few   int // fewer rows or columns than this are multiplied without packing
	near  int // so are rows of which a dot tile takes no more bytes than this, if few enough to stay in half of cache

	// wide makes tiles of mr rows and nr columns, narrow of mr rows and one vector.
	wide, narrow tile[T]

	pack func(dst, src *T, ld, groups int, offsets *int, step int)

	copyColumns, copyRows func(dst, src *T, ld, rows int) // mr elements of each row, or those of a wide tile

	// dots[r-1] multiplies r rows with dotCols rows, squares so many with themselves, dot
	// one with one.
	dots    []func(dst *T, ldd int, x *T, ldx int, rows **T, groups int, mask *T)
	squares func(dst, x *T, ldx, groups int, mask *T)
	dotCols int
	dot     func(x, y *T, groups int, mask *T) T
}

// tile is a product tile of mr rows.
type tile[T float] struct {
	nr    int // columns
	chain func(c *T, ldc int, a, b *T, steps int)
	lane  func(c *T, ldc int, a, b *T, steps int, stack *T, first, last int)
}

// panel picks the tile for what is left of the columns: two narrow ones serve up
// to two vectors, where most of a wide one would be waste.
func (t *tiles[T]) panel(cols int) *tile[T] {
	if cols <= 2*t.narrow.nr {
		return &t.narrow
	}
	return &t.wide
}

var avx512F64 = tiles[float64]{
	mr: 8, lanes: 8, cache: 768 << 10, few: 24, near: 34 << 10,
	wide:        tile[float64]{24, callChainAVX512F64, callLaneAVX512F64},
	narrow:      tile[float64]{8, callChainNarrowAVX512F64, callLaneNarrowAVX512F64},
	pack:        callPackAVX512F64,
	copyColumns: callCopyColumnsAVX512F64, copyRows: callCopyRowsAVX512F64,
	dots: []func(dst *float64, ldd int, x *float64, ldx int, rows **float64, groups int, mask *float64){
		callDot1AVX512F64, callDot2AVX512F64, callDot3AVX512F64},
	squares: callSquaresAVX512F64, dotCols: 8, dot: callDotAVX512F64,
}

var avx512F32 = tiles[float32]{
	mr: 8, lanes: 16, cache: 768 << 10, few: 48, near: 34 << 10,
	wide:        tile[float32]{48, callChainAVX512F32, callLaneAVX512F32},
	narrow:      tile[float32]{16, callChainNarrowAVX512F32, callLaneNarrowAVX512F32},
	pack:        callPackAVX512F32,
	copyColumns: callCopyColumnsAVX512F32, copyRows: callCopyRowsAVX512F32,
	dots: []func(dst *float32, ldd int, x *float32, ldx int, rows **float32, groups int, mask *float32){
		callDot1AVX512F32, callDot2AVX512F32, callDot3AVX512F32},
	dotCols: 8, dot: callDotAVX512F32,
}

var avx2F64 = tiles[float64]{
	mr: 4, lanes: 8, cache: 320 << 10, few: 12,
	wide:        tile[float64]{12, callChainAVX2F64, callLaneAVX2F64},
	narrow:      tile[float64]{4, callChainNarrowAVX2F64, callLaneNarrowAVX2F64},
	pack:        callPackAVX2F64,
	copyColumns: callCopyColumnsAVX2F64, copyRows: callCopyRowsAVX2F64,
	dots: []func(dst *float64, ldd int, x *float64, ldx int, rows **float64, groups int, mask *float64){
		callDot1AVX2F64},
	squares: callSquaresAVX2F64, dotCols: 4, dot: callDotAVX2F64,
}

var avx2F32 = tiles[float32]{
	mr: 4, lanes: 16, cache: 320 << 10, few: 16,
	wide:        tile[float32]{24, callChainAVX2F32, callLaneAVX2F32},
	narrow:      tile[float32]{8, callChainNarrowAVX2F32, callLaneNarrowAVX2F32},
	pack:        callPackAVX2F32,
	copyColumns: callCopyColumnsAVX2F32, copyRows: callCopyRowsAVX2F32,
	dots: []func(dst *float32, ldd int, x *float32, ldx int, rows **float32, groups int, mask *float32){
		callDot1AVX2F32},
	dotCols: 4, dot: callDotAVX2F32,
}

// size is the size of an element in bytes.
func size[T float]() int { return int(unsafe.Sizeof(T(0))) }

// at is a pointer to element i of s, which may be one past the end.
func at[T float](s []T, i int) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(s)), i*size[T]()))
}

// maskWindow has 16 negative numbers and then zeros: a mask of n elements starts
// at 16-n. Assembly looks at signs only, so it serves floats of either size.
var (
	maskWindow64 = [32]float64{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1}
	maskWindow32 = [32]float32{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1}
)

// mask returns the mask of n elements, nil where n is 0.
func mask[T float](n int) *T {
	if n == 0 {
		return nil
	}
	if size[T]() == 8 {
		return (*T)(unsafe.Pointer(&maskWindow64[16-n]))
	}
	return (*T)(unsafe.Pointer(&maskWindow32[16-n]))
}

// lanePosition is the place of lane l of lanes in the order in which the tree
// of a dot product meets the lanes: the bits of l reversed.
func lanePosition(l, lanes int) int {
	return int(bits.Reverse8(uint8(l)) >> (8 - bits.Len(uint(lanes-1))))
}

// scratch is the working memory of one product.
type scratch[T float] struct {
	buf      []T
	rows     [16]*T
	offsets  [16]int
	from, to []int // ranges of the entries of each row of a result
	panels   []panel[T]
	edge     [8 * 48]T // a tile, or the rows that pack takes
}

var scratch64, scratch32 sync.Pool

func getScratch[T float]() *scratch[T] {
	p := &scratch64
	if size[T]() == 4 {
		p = &scratch32
	}
	if s, ok := p.Get().(*scratch[T]); ok {
		return s
	}
	return new(scratch[T])
}

func (s *scratch[T]) free() {
	clear(s.rows[:]) // or the pool would keep the caller's memory alive
	if size[T]() == 4 {
		scratch32.Put(s)
	} else {
		scratch64.Put(s)
	}
}

// take cuts the working memory into three parts of the given lengths, each at a
// multiple of 64 bytes.
func (s *scratch[T]) take(x, y, z int) (_, _, _ []T) {
	line := 64 / size[T]()
	x1, y1 := roundUp(x, line), roundUp(y, line)
	if total := x1 + y1 + z + line; len(s.buf) < total {
		s.buf = make([]T, total)
	}
	skip := int(-uintptr(unsafe.Pointer(&s.buf[0])) % 64)
	b := s.buf[skip/size[T]():]
	return b[:x:x], b[x1 : x1+y : x1+y], b[x1+y1 : x1+y1+z : x1+y1+z]
}
