//go:build race

package kernel

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// TestScreenRaceSeen runs each kernel in two goroutines that share the result, in
// a child process, and expects the detector to say so although assembly does the
// writing.
func TestScreenRaceSeen(t *testing.T) {
	const d, n = 64, 64
	s := newScreenBlock(d, 2, 2, 3, Coarse())
	x, w, w32, dst := random64(n*d), random64(n*d), random32(n*d), make([]float64, 7)
	pairs := []Pair{{1, 2}, {3, 63}, {0, 0}, {1, 2}, {5, 6}, {7, 8}, {9, 10}}
	w16, dst16 := make([]uint8, n*256), make([]int32, 7)
	room := make([]Pair, 24*ScreenLatents)
	low, high := make([]int16, 24), make([]int16, 24)
	all := map[string]func(){
		"Quantise":    func() { Quantise(s.panel, 128, x[:d], 1, 0x80) },
		"ScreenTiles": func() { s.screen(1) },
		"ScreenOne": func() {
			ScreenOne(s.codes, s.lanes, s.q, &s.rows[0], s.panel[:128*s.groups], s.grid, &s.w[0], s.columns[:32*s.outliers])
		},
		"ScreenPairs": func() { ScreenPairs(room, s.codes, low, high, 0, 0, ^uint32(0)) },
		"DotPairs":    func() { DotPairs(dst, x, d, w, d, d, pairs) },
		"Quantise16":  func() { Quantise16(w16, 4, x[:d], 1) },
		"DotPairs16":  func() { DotPairs16(dst16, w16, 256, w16, 256, 128, pairs) },
		"DotPairs32":  func() { DotPairs32(dst, x, d, w32, d, d, pairs) },
	}
	if name := os.Getenv("KSPARSE_RACE_CHILD"); name != "" {
		var wg sync.WaitGroup
		for range 2 {
			wg.Add(1)
			go func() { defer wg.Done(); all[name]() }()
		}
		wg.Wait()
		return
	}
	for name := range all {
		child := exec.Command(os.Args[0], "-test.run=^TestScreenRaceSeen$")
		child.Env = append(os.Environ(), "KSPARSE_RACE_CHILD="+name)
		out, err := child.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "DATA RACE") {
			t.Errorf("%s: two writers of one result went unnoticed:\n%s", name, out)
		}
	}
}
