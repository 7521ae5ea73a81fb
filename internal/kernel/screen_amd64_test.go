//go:build amd64 && !purego

package kernel

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// init sets screenPeak where AVX-512 has VNNI.
func init() {
	for _, p := range paths {
		if p.available && p.name == "avx512" && p.coarse == GridOffset {
			screenPeak = screenPeakGo
		}
	}
}

//go:noinline
func screenPeakGo(n int) { screenPeakAVX512(n) }

// TestScreenGates: each file of the screen's assembly needs no more than the gate of
// its path tests; AVX-512's path is there without VNNI, and then has the screen of AVX2.
func TestScreenGates(t *testing.T) {
	base := []string{"MMX+", "SSE", "SSE2", "AVX", "AVX2", "FMA3", "POPCNT", "CMOV"}
	for set, more := range map[string][]string{
		"avx2": nil, "avxvnni": {"AVXVNNI"}, "avx512": {"AVX512F", "AVX512CD", "AVX512DQ", "AVX512BW", "AVX512VL", "AVX512VNNI"},
	} {
		text, err := os.ReadFile("screen_" + set + "_amd64.s")
		if err != nil {
			t.Fatal(err)
		}
		gate, found := append(more, base...), map[string]bool{}
		for _, line := range strings.Split(string(text), "\n") {
			needs, ok := strings.CutPrefix(line, "// Requires: ")
			if !ok {
				continue
			}
			for _, isa := range strings.Split(needs, ", ") {
				found[isa] = true
				if !slices.Contains(gate, isa) {
					t.Errorf("%s needs %s, which the gate does not test", set, isa)
				}
			}
		}
		if !found["AVX2"] || set == "avxvnni" && !found["AVXVNNI"] {
			t.Errorf("%s: no list of requirements: %v", set, found)
		}
	}
}

// TestScreenWithoutVNNI runs a child in which GODEBUG hides the VNNI of AVX-512: the path
// stays, the screen is another one.
func TestScreenWithoutVNNI(t *testing.T) {
	if os.Getenv("KSPARSE_VNNI_CHILD") != "" {
		want := GridBlocks
		if slices.Contains(Available(), "avxvnni") {
			want = GridOffset
		}
		if !FastScreen() || Active() != "avx512" || Coarse() != want {
			t.Errorf("path %q, fast screen %v, grid %d", Active(), FastScreen(), Coarse())
		}
		return
	}
	if Active() != "avx512" {
		t.Skip("the path in use is another one")
	}
	child := exec.Command(os.Args[0], "-test.run=^(TestScreenWithoutVNNI|TestScreenTiles|TestScreenDefinition)$")
	child.Env = append(os.Environ(), "KSPARSE_VNNI_CHILD=1", "GODEBUG=cpu.avx512vnni=off")
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
