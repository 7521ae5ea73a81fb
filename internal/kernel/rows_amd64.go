//go:build amd64 && !purego

package kernel

import (
	"unsafe"
)

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
		for q := range t.dotCols {
			s.rows[q] = unsafe.SliceData(w[int(idx[min(q, n-1)])*ldw:][:k])
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

// adders adds 8, 4 or 1 scaled rows in one pass over the result.
type adders struct {
	vector           int
	add8, add4, add1 func(dst *float64, vectors int, alpha *float64, rows **float64, mask *float64)
}

var (
	avx512Add = adders{8, callAdd8AVX512F64, callAdd4AVX512F64, callAdd1AVX512F64}
	avx2Add   = adders{4, callAdd8AVX2F64, callAdd4AVX2F64, callAdd1AVX2F64}
)

func (a *adders) addRows(dst, alpha, w []float64, ldw int, idx []int32) {
	s := getScratch[float64]()
	defer s.free()
	vectors, rest := len(dst)/a.vector, mask[float64](len(dst)%a.vector)
	for len(idx) > 0 {
		n, add := 1, a.add1
		switch {
		case len(idx) >= 8:
			n, add = 8, a.add8
		case len(idx) >= 4:
			n, add = 4, a.add4
		}
		for q, j := range idx[:n] {
			s.rows[q] = unsafe.SliceData(w[int(j)*ldw:][:len(dst)])
		}
		add(unsafe.SliceData(dst), vectors, &alpha[0], &s.rows[0], rest)
		alpha, idx = alpha[n:], idx[n:]
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
