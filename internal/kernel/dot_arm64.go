//go:build !purego

package kernel

import "unsafe"

// dotNEON is Dot.
func dotNEON(x, y []float64) float64 {
	k := len(x)
	return callDotNEONF64(unsafe.SliceData(x), unsafe.SliceData(y[:k]), k/8, k%8)
}

// dotRowsNEON is DotRows. It multiplies x with dotCols gathered rows at a time: one sum is
// bound by the latency of its chains, several run side by side.
func dotRowsNEON(dst, x, w []float64, ldw int, idx []int32) {
	s := getScratch[float64]()
	defer s.free()
	k := len(x)
	dst = dst[:len(idx)]
	for len(idx) > 0 {
		n := min(dotCols, len(idx))
		for q := range 2 * dotCols { // these rows and the next
			s.rows[q] = unsafe.SliceData(w[int(idx[min(q, len(idx)-1)])*ldw:][:k])
		}
		c := unsafe.SliceData(dst)
		if n < dotCols {
			c = &s.edge[0]
		}
		callDotsNEONF64(c, unsafe.SliceData(x), &s.rows[0], k/8, k%8)
		if n < dotCols {
			copy(dst[:n], s.edge[:n])
		}
		dst, idx = dst[n:], idx[n:]
	}
}

// rowSquaresNEON is RowSquares, with dotCols rows at a time for the same reason.
func rowSquaresNEON(dst, x []float64, cols int) {
	within(x, len(dst), cols, cols)
	i := 0
	for ; i+dotCols <= len(dst); i += dotCols {
		callSquaresNEONF64(&dst[i], addr(x, i*cols), 8*cols, cols/8, cols%8)
	}
	for ; i < len(dst); i++ {
		row := x[i*cols:][:cols]
		dst[i] = dotNEON(row, row)
	}
}
