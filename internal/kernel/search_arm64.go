//go:build !purego

package kernel

import "math"

// aboveBlock is the most values that one call compares.
const aboveBlock = 4096

// aboveNEONGo is Above.
func aboveNEONGo(hits []int32, z []float64, t float64) int {
	n, j := 0, 0
	for j+16 <= len(z) {
		g := min(aboveBlock, len(z)-j) / 16
		n += callAboveNEON(&hits[n], &z[j], g, t, j)
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

// kthLargestNEON is KthLargest. It moves no element: each sweep counts the elements above
// a value half way between the bounds of the answer, and the element next to that value
// becomes one of the bounds. Half way is meant in the order of all numbers, which are fewer
// than 2^64, so there are at most 64 sweeps whatever v holds.
func kthLargestNEON(v []float64, k int) float64 {
	lo, hi := math.Inf(-1), math.Inf(1)
	for lo < hi {
		p := middle(lo, hi)
		above, next, last := 0, math.Inf(1), math.Inf(-1)
		for i := 0; i < len(v); i += maxSweep {
			a, n, l := callSplitNEON(&v[i], min(maxSweep, len(v)-i), p)
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

// middle returns the number half way from lo to hi in the order of all numbers;
// lo <= middle < hi.
func middle(lo, hi float64) float64 {
	a, b := ordered(int64(math.Float64bits(lo))), ordered(int64(math.Float64bits(hi)))
	return math.Float64frombits(uint64(ordered(a&b + (a^b)>>1)))
}

// ordered turns the bits of a number into an integer that rises with the number, 0 for
// both zeros, and such an integer into the bits again.
func ordered(b int64) int64 {
	if b < 0 {
		return math.MinInt64 - b
	}
	return b
}
