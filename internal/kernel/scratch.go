//go:build (amd64 || arm64) && !purego

package kernel

import (
	"sync"
	"unsafe"
)

// scratch is the working memory of one product.
type scratch[T number] struct {
	buf      []T
	rows     [16]*T // of a dot tile, and of the next one
	offsets  [16]int
	from, to []int // ranges of the entries of each row of a result
	panels   []packedPanel[T]
	edge     [8 * 48]T // a tile at the edge of a result, or the rows that pack takes
}

// packedPanel is a packed group of columns of the result.
type packedPanel[T number] struct {
	*productTile[T]
	first, cols int // columns of the result
	at          int // where its packed elements start
}

// Working memory that is not in use, by the type of its elements.
var scratch64, scratch32 sync.Pool

// getScratch returns working memory, which free gives back.
func getScratch[T number]() *scratch[T] {
	p := &scratch64
	if sizeOf[T]() == 4 {
		p = &scratch32
	}
	if s, ok := p.Get().(*scratch[T]); ok {
		return s
	}
	return new(scratch[T])
}

// free gives s back for the next product.
func (s *scratch[T]) free() {
	clear(s.rows[:]) // or the pool would keep the caller's memory alive
	if sizeOf[T]() == 4 {
		scratch32.Put(s)
	} else {
		scratch64.Put(s)
	}
}

// take returns three buffers of the given lengths, each at a multiple of 64 bytes.
func (s *scratch[T]) take(x, y, z int) (_, _, _ []T) {
	line := 64 / sizeOf[T]()
	x1, y1 := roundUp(x, line), roundUp(y, line)
	if total := x1 + y1 + z + line; len(s.buf) < total {
		s.buf = make([]T, total)
	}
	skip := int(-uintptr(unsafe.Pointer(&s.buf[0])) % 64)
	b := s.buf[skip/sizeOf[T]():]
	return b[:x:x], b[x1 : x1+y : x1+y], b[x1+y1 : x1+y1+z : x1+y1+z]
}
