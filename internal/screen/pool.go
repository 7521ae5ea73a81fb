package screen

import "sync"

// pool is a sync.Pool of *T, whose values are zero at first.
type pool[T any] struct{ free sync.Pool }

func (p *pool[T]) Get() *T {
	if v, ok := p.free.Get().(*T); ok {
		return v
	}
	return new(T)
}

func (p *pool[T]) Put(v *T) { p.free.Put(v) }

// resizedAligned is matrix.Resized for memory that starts at a 64-byte address.
func resizedAligned[T uint8 | int16](s []T, n int) []T {
	if cap(s) < n {
		return aligned[T](n)
	}
	return s[:n]
}

// aligned returns memory of n bytes or int16 that starts at a 64-byte address:
// objects beyond 32 KB start at a page.
func aligned[T uint8 | int16](n int) []T {
	return make([]T, n, max(n, 40<<10))
}
