//go:build !race

package kernel

import "testing"

// TestNoAllocations: working memory is reused, so that a training step leaves
// nothing behind for the garbage collector.
func TestNoAllocations(t *testing.T) {
	const n = 100
	a, b, c := random64(n*n), random64(n*n), make([]float64, n*n)
	a32, b32, c32 := random32(n*n), random32(n*n), make([]float32, n*n)
	idx, hits := []int32{5, 1, 99, 5, 7, 8, 9, 10, 11}, make([]int32, n)
	found, offsets := make([]int64, n), []int{0, 3, 3, 9}
	strips := NewStrips(n, offsets, a, b, n, idx)
	fast(t, func(t *testing.T, p path) {
		for name, f := range map[string]func(){
			"dot":            func() { c[0] = p.dot(a[:n], b[:n]) },
			"dotRows":        func() { p.dotRows(c, a[:n], b, n, idx) },
			"rowSquares":     func() { p.rowSquares(c[:n], a, n) },
			"addRows":        func() { p.addRows(c[:n], a, b, n, idx) },
			"addRowsBatch":   func() { p.addRowsBatch(c, n, n, offsets, a, b, n, idx) },
			"addRowsBatch32": func() { p.addRowsBatch32(c, n, n, offsets, a, b32, n, idx) },
			"stripDecode":    func() { p.stripDecode(&strips, c[:3*n], 0, n, 0, 3, a[:n]) },
			"stripDot":       func() { p.stripDot(&strips, c, c[n*n/2:], a, n, 0, n, 0, 3) },
			"stripSquares":   func() { p.stripSquares(c[:3*n], c[n*n/2:], a[:3*n], n, b, n, 2) },
			"fold":           func() { p.fold(c[:n], a) },
			"above":          func() { p.above(hits, a[:n], 1) },
			"takeAbove":      func() { p.takeAbove(found, hits, 0, 1) },
			"kthLargest":     func() { c[0] = p.kthLargest(a[:n], 30) },
			"mulT":           func() { p.mulT(c, n, a, n, n, b, n, n, n) },
			"mulAdd":         func() { p.mulAdd(c, n, n, n, n, a, n, 1, b, n) },
			"mulT32":         func() { p.mulT32(c32, n, a32, n, n, b32, n, n, n) },
			"mulAdd32":       func() { p.mulAdd32(c32, n, n, n, n, a32, n, 1, b32, n) },
		} {
			if got := testing.AllocsPerRun(10, f); got != 0 {
				t.Errorf("%s allocates %v times a call", name, got)
			}
		}
	})
}
