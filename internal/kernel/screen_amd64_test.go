//go:build amd64 && !purego

package kernel

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func init() {
	for _, p := range paths {
		if p.available && p.fastScreen {
			screenPeak = screenPeakGo
		}
	}
}

//go:noinline
func screenPeakGo(n int) { screenPeakAVX512(n) }

// TestScreenGate: the screen's assembly needs VNNI beside what the path needs, and
// the path is there without it.
func TestScreenGate(t *testing.T) {
	text, err := os.ReadFile("screen_avx512_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	gate := []string{"MMX+", "SSE", "SSE2", "AVX", "AVX2", "FMA3", "POPCNT", "CMOV", "AVX512F", "AVX512CD", "AVX512DQ", "AVX512BW", "AVX512VL", "AVX512VNNI"}
	found := 0
	for _, line := range strings.Split(string(text), "\n") {
		needs, ok := strings.CutPrefix(line, "// Requires: ")
		if !ok {
			continue
		}
		found++
		for _, isa := range strings.Split(needs, ", ") {
			if !slices.Contains(gate, isa) {
				t.Errorf("needs %s, which the gate does not test", isa)
			}
		}
	}
	if found == 0 {
		t.Error("no list of requirements")
	}
}
