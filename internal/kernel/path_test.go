package kernel

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRequiredPaths fails where KSPARSE_REQUIRE_KERNELS, a list with commas,
// names a path that this processor or build does not have: a test machine that
// quietly skips its fast path is a failed run.
func TestRequiredPaths(t *testing.T) {
	list := os.Getenv("KSPARSE_REQUIRE_KERNELS")
	if list == "" {
		t.Skip("KSPARSE_REQUIRE_KERNELS names no path")
	}
	for _, name := range strings.Split(list, ",") {
		if !slices.Contains(Available(), strings.TrimSpace(name)) {
			t.Errorf("KSPARSE_REQUIRE_KERNELS asks for %q, available are %v", name, Available())
		}
	}
}

func TestChoose(t *testing.T) {
	if got := choose("go").name; got != "go" {
		t.Errorf("choose(go) gives %q", got)
	}
	if got, want := choose("").name, Available()[0]; got != want {
		t.Errorf("choose() gives %q, the fastest available is %q", got, want)
	}
	defer func() {
		if recover() == nil {
			t.Error("choose of an unknown path did not panic")
		}
	}()
	choose("no such path")
}

func TestUse(t *testing.T) {
	before := Active()
	restore := Use("go")
	if Active() != "go" {
		t.Errorf("Use(go) left %q active", Active())
	}
	restore()
	if Active() != before {
		t.Errorf("restore left %q active, want %q", Active(), before)
	}
}

// TestGates reads which instruction sets the generated assembly says it needs
// and checks that the gate in archPaths tests each of them.
func TestGates(t *testing.T) {
	base := []string{"SSE", "SSE2", "AVX", "AVX2", "FMA3", "POPCNT"}
	gates := map[string][]string{
		"avx2":   base,
		"avx512": append([]string{"AVX512F", "AVX512CD", "AVX512DQ", "AVX512BW", "AVX512VL"}, base...),
	}
	for set, gate := range gates {
		files, err := filepath.Glob("matrix_" + set + "_*.s")
		if err != nil || len(files) == 0 {
			t.Fatalf("no generated files of %s: %v", set, err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(string(text), "\n") {
				needs, found := strings.CutPrefix(line, "// Requires: ")
				if !found {
					continue
				}
				for _, isa := range strings.Split(needs, ", ") {
					if !slices.Contains(gate, isa) {
						t.Errorf("%s needs %s, which the gate of %s does not test", name, isa, set)
					}
				}
			}
		}
	}
}
