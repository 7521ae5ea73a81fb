//go:build amd64 && !purego

package kernel

import "unsafe"

// one returns Dot(x, y).
func (t *tileSet[T]) one(x, y []T) T {
	k := len(x)
	return t.dot(unsafe.SliceData(x), unsafe.SliceData(y[:k]), k/t.lanes, maskOf[T](k%t.lanes))
}

// dotRows is DotRows. It multiplies x with dotCols gathered rows at a time: one sum is
// bound by the latency of its chain, several run side by side.
func (t *tileSet[T]) dotRows(dst, x, w []T, ldw int, idx []int32) {
	s := getScratch[T]()
	defer s.free()
	k := len(x)
	dst = dst[:len(idx)]
	groups, rest := k/t.lanes, maskOf[T](k%t.lanes)
	for len(idx) > 0 {
		n := min(t.dotCols, len(idx))
		for q := range 2 * t.dotCols { // these rows and the next
			s.rows[q] = unsafe.SliceData(w[int(idx[min(q, len(idx)-1)])*ldw:][:k])
		}
		c := unsafe.SliceData(dst)
		if n < t.dotCols {
			c = &s.edge[0]
		}
		t.dots[0](c, 0, unsafe.SliceData(x), 0, &s.rows[0], groups, rest)
		if n < t.dotCols {
			copy(dst[:n], s.edge[:n])
		}
		dst, idx = dst[n:], idx[n:]
	}
}

// rowSquares is RowSquares, with dotCols rows at a time for the same reason.
func (t *tileSet[T]) rowSquares(dst, x []T, cols int) {
	within(x, len(dst), cols, cols)
	i := 0
	for ; i+t.dotCols <= len(dst); i += t.dotCols {
		t.squares(&dst[i], addr(x, i*cols), cols*sizeOf[T](), cols/t.lanes, maskOf[T](cols%t.lanes))
	}
	for ; i < len(dst); i++ {
		row := x[i*cols:][:cols]
		dst[i] = t.one(row, row)
	}
}
