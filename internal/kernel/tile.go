//go:build (amd64 || arm64) && !purego

package kernel

import (
	"math/bits"
	"unsafe"
)

// productTile is a tile of the result, of mr rows: chain adds steps of its chains, lane
// sums lanes of its dot products.
type productTile[T number] struct {
	nr    int // columns
	chain func(c *T, ldc int, a, b *T, steps int)
	lane  func(c *T, ldc int, a, b *T, steps int, stack *T, first, last int)
}

// tileFor picks the tile where cols columns are left: two narrow tiles serve where most
// of a wide one would be waste.
func (t *tileSet[T]) tileFor(cols int) *productTile[T] {
	if cols <= 2*t.narrow.nr {
		return &t.narrow
	}
	return &t.wide
}

// sizeOf returns the size of an element in bytes.
func sizeOf[T number]() int { return int(unsafe.Sizeof(T(0))) }

// addr returns a pointer to element i of s, which may be one past the end.
func addr[T number](s []T, i int) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(s)), i*sizeOf[T]()))
}

// lanePosition returns the place of lane l of lanes in the order in which the tree
// of dot order takes them: the bits of l reversed.
func lanePosition(l, lanes int) int {
	return int(bits.Reverse8(uint8(l)) >> (8 - bits.Len(uint(lanes-1))))
}

// roundUp returns the first multiple of to that is not below n.
func roundUp(n, to int) int { return (n + to - 1) / to * to }
