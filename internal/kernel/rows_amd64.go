//go:build amd64 && !purego

package kernel

import (
	"math"
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

// rowSquares takes dotCols rows at a time, for the same reason.
func (t *tiles[T]) rowSquares(dst, x []T, cols int) {
	within(x, len(dst), cols, cols)
	i := 0
	for ; i+t.dotCols <= len(dst); i += t.dotCols {
		t.squares(&dst[i], at(x, i*cols), cols*size[T](), cols/t.lanes, mask[T](cols%t.lanes))
	}
	for ; i < len(dst); i++ {
		row := x[i*cols:][:cols]
		dst[i] = t.one(row, row)
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

// kthLargestBy moves nothing: one sweep after the other counts what lies above a
// value half way between the bounds of the answer, and the element next to that
// value becomes one of the bounds. Half way is meant in the order of all numbers,
// which are fewer than 2^64, so there are at most 64 sweeps whatever v holds. Of 100
// normal random numbers it takes 8. On a Zen 5, for the 26th of those and for the
// 33rd of 384: 0.15 and 0.33 us, AVX2 0.17 and 0.49, the partition of plain Go 0.83
// and 3.0.
func kthLargestBy(split func(v []float64, p float64) (above int, next, last float64)) func([]float64, int) float64 {
	return func(v []float64, k int) float64 {
		lo, hi := math.Inf(-1), math.Inf(1)
		for lo < hi {
			p := middle(lo, hi)
			above, next, last := split(v[:min(maxSweep, len(v))], p)
			for i := maxSweep; i < len(v); i += maxSweep {
				a, n, l := split(v[i:min(i+maxSweep, len(v))], p)
				above, next, last = above+a, min(next, n), max(last, l)
			}
			switch {
			case above == k:
				return next
			case above == k-1:
				return last
			case above > k:
				lo = next
			default:
				hi = last
			}
		}
		return lo
	}
}

// middle returns the number half way from lo to hi in the order of all numbers;
// lo <= middle < hi.
func middle(lo, hi float64) float64 {
	a, b := ordered(int64(math.Float64bits(lo))), ordered(int64(math.Float64bits(hi)))
	return math.Float64frombits(uint64(ordered(a&b + (a^b)>>1)))
}

// ordered makes of the bits of a number an integer that rises with the number, both
// zeros 0, and of such an integer the bits again.
func ordered(b int64) int64 {
	if b < 0 {
		return math.MinInt64 - b
	}
	return b
}
