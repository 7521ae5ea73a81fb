//go:build amd64 && !purego

package kernel

import "unsafe"

// one returns Dot(x, y).
func (t *tiles[T]) one(x, y []T) T {
	k := len(x)
	return t.dot(unsafe.SliceData(x), unsafe.SliceData(y[:k]), k/t.lanes, mask[T](k%t.lanes))
}

// dotRows multiplies x with dotCols gathered rows at a time: one sum is bound by
// the latency of its chain, several run side by side.
func (t *tiles[T]) dotRows(dst, x, w []T, ldw int, idx []int32) {
	s := getScratch[T]()
	defer s.free()
	k := len(x)
	dst = dst[:len(idx)]
	groups, rest := k/t.lanes, mask[T](k%t.lanes)
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

// aboveBlock is how much of a row one call looks through.
const aboveBlock = 4096

// aboveBy returns an above that looks at 16 values at a time.
func aboveBy(groups16 func(hits *int32, z *float64, groups int, t float64, start int) int) func([]int32, []float64, float64) int {
	return func(hits []int32, z []float64, t float64) int {
		n, j := 0, 0
		for j+16 <= len(z) {
			g := min(aboveBlock, len(z)-j) / 16
			// At most j hits so far, so whole vectors fit before len(z).
			n += groups16(&hits[n], &z[j], g, t, j)
			j += 16 * g
		}
		for ; j < len(z); j++ {
			if z[j] > t {
				hits[n] = int32(j)
				n++
			}
		}
		return n
	}
}
