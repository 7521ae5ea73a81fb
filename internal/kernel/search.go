//go:build (amd64 || arm64) && !purego

package kernel

import "math"

// aboveBlock is the most values that one call compares.
const aboveBlock = 4096

// aboveBy returns Above for assembly that compares 16 values at a time.
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

// kthLargestBy returns KthLargest for a given split. It moves no element: each sweep
// counts the elements above a value half way between the bounds of the answer, and the
// element next to that value becomes one of the bounds. Half way is meant in the order
// of all numbers, which are fewer than 2^64, so there are at most 64 sweeps whatever v
// holds; 100 normal random numbers take 8. On a Zen 5, for the 26th of those and for
// the 33rd of 384: 0.15 and 0.33 us, AVX2 0.17 and 0.49, the partition of plain Go
// 0.83 and 3.0.
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

// ordered turns the bits of a number into an integer that rises with the number, 0 for
// both zeros, and such an integer into the bits again.
func ordered(b int64) int64 {
	if b < 0 {
		return math.MinInt64 - b
	}
	return b
}
