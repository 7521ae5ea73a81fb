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
	mr, nr int // rows and columns of a product tile
	lanes  int // of a sum in dot order
	vector int // elements in a vector

	chain func(c *T, ldc int, a, b *T, steps int)
	lane  func(c *T, ldc int, a, b *T, steps int, stack *T, first, last int)
	pack  func(dst, src *T, ld, groups int, offsets *int, step int)

	// dots[r-1] multiplies r rows with dotCols rows, dot one with one.
	dots    []func(dst *T, ldd int, x *T, ldx int, rows **T, groups int, mask *T)
	dotCols int
	dot     func(x, y *T, groups int, mask *T) T
}

var avx512F64 = tiles[float64]{
	mr: 8, nr: 24, lanes: 8, vector: 8,
	chain: callChainAVX512F64, lane: callLaneAVX512F64, pack: callPackAVX512F64,
	dots: []func(dst *float64, ldd int, x *float64, ldx int, rows **float64, groups int, mask *float64){
		callDot1AVX512F64, callDot2AVX512F64, callDot3AVX512F64},
	dotCols: 8, dot: callDotAVX512F64,
}

var avx512F32 = tiles[float32]{
	mr: 8, nr: 48, lanes: 16, vector: 16,
	chain: callChainAVX512F32, lane: callLaneAVX512F32, pack: callPackAVX512F32,
	dots: []func(dst *float32, ldd int, x *float32, ldx int, rows **float32, groups int, mask *float32){
		callDot1AVX512F32, callDot2AVX512F32, callDot3AVX512F32},
	dotCols: 8, dot: callDotAVX512F32,
}

var avx2F64 = tiles[float64]{
	mr: 4, nr: 12, lanes: 8, vector: 4,
	chain: callChainAVX2F64, lane: callLaneAVX2F64, pack: callPackAVX2F64,
	dots: []func(dst *float64, ldd int, x *float64, ldx int, rows **float64, groups int, mask *float64){
		callDot1AVX2F64},
	dotCols: 4, dot: callDotAVX2F64,
}

var avx2F32 = tiles[float32]{
	mr: 4, nr: 24, lanes: 16, vector: 8,
	chain: callChainAVX2F32, lane: callLaneAVX2F32, pack: callPackAVX2F32,
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

// within panics, as the plain loops would, unless s holds a matrix of this shape:
// assembly does not look.
func within[T any](s []T, rows, ld, cols int) {
	if rows > 0 && cols > 0 {
		_ = s[(rows-1)*ld+cols-1]
	}
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
	buf     []T
	rows    [16]*T
	offsets [16]int
	edge    [32 * 48]T
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

// take cuts the working memory into parts of the given lengths, each at a
// multiple of 64 bytes.
func (s *scratch[T]) take(lengths ...int) [][]T {
	line := 64 / size[T]()
	total := line
	for _, n := range lengths {
		total += (n + line - 1) / line * line
	}
	if len(s.buf) < total {
		s.buf = make([]T, total)
	}
	skip := int(-uintptr(unsafe.Pointer(&s.buf[0])) % 64)
	rest := s.buf[skip/size[T]():]
	parts := make([][]T, len(lengths))
	for i, n := range lengths {
		parts[i] = rest[:n:n]
		rest = rest[(n+line-1)/line*line:]
	}
	return parts
}
