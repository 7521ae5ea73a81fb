//go:build !race

package kernel

import "testing"

func TestScreenNoAllocations(t *testing.T) {
	const d, n = 100, 64
	s := newScreenBlock(d, 2, 2, 3, Coarse())
	x, w, w32, dst := random64(n*d), random64(n*d), random32(n*d), make([]float64, 7)
	pairs := []Pair{{1, 2}, {3, 63}, {0, 0}, {1, 2}, {5, 6}, {7, 8}, {9, 10}}
	w16, dst16 := make([]uint8, n*256), make([]int32, 7)
	room := make([]Pair, 24*ScreenLatents)
	low, high := make([]int16, 24), make([]int16, 24)
	for _, name := range Available() {
		restore := Use(name)
		for what, f := range map[string]func(){
			"MaxAbs":       func() { dst[0] = MaxAbs(x) },
			"LargestBlock": func() { dst[0] = LargestBlock(x[:d]) },
			"Quantise":     func() { dst[0] = Quantise(s.panel, 128, x[:d], 1, 0x80).Residual },
			"ScreenTiles":  func() { s.screen(1) },
			"ScreenOne": func() {
				ScreenOne(s.codes, s.lanes, s.q, &s.rows[0], s.panel[:128*s.groups], s.grid, &s.w[0], s.columns[:32*s.outliers])
			},
			"ScreenPairs": func() { ScreenPairs(room, s.codes, low, high, 0, 0, ^uint32(0)) },
			"ScreenKth":   func() { low[0] = ScreenKth(s.codes[:128], 5) },
			"DotPairs":    func() { DotPairs(dst, x, d, w, d, d, pairs) },
			"Quantise16":  func() { Quantise16(w16, 4, x[:d], 1) },
			"DotPairs16":  func() { DotPairs16(dst16, w16, 256, w16, 256, 128, pairs) },
			"DotPairs32":  func() { DotPairs32(dst, x, d, w32, d, d, pairs) },
		} {
			if got := testing.AllocsPerRun(10, f); got != 0 {
				t.Errorf("%s: %s allocates %v times a call", name, what, got)
			}
		}
		restore()
	}
}
