//go:build !purego

package kernel

import "math"

// splitNEONGo is the split of kthLargestBy.
func splitNEONGo(v []float64, p float64) (above int, next, last float64) {
	if len(v) == 0 {
		return 0, math.Inf(1), math.Inf(-1)
	}
	return callSplitNEON(&v[0], len(v), p)
}
