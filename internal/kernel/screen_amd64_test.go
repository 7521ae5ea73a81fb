//go:build amd64 && !purego

package kernel

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// init sets screenPeak where a path has the integer product.
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

// TestScreenWithoutVNNI runs a child in which GODEBUG hides VNNI: the path stays, the
// screen is that in plain Go.
func TestScreenWithoutVNNI(t *testing.T) {
	if os.Getenv("KSPARSE_VNNI_CHILD") != "" {
		if FastScreen() || Active() != "avx512" {
			t.Errorf("path %q, fast screen %v", Active(), FastScreen())
		}
		return
	}
	if !FastScreen() {
		t.Skip("the path in use has no fast screen")
	}
	child := exec.Command(os.Args[0], "-test.run=^TestScreenWithoutVNNI$")
	child.Env = append(os.Environ(), "KSPARSE_VNNI_CHILD=1", "GODEBUG=cpu.avx512vnni=off")
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
