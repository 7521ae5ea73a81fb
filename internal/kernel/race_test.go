//go:build race

package kernel

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// TestRaceSeen runs two goroutines that write one result, in a child process,
// and expects the detector to say so although assembly does the writing.
func TestRaceSeen(t *testing.T) {
	if os.Getenv("KSPARSE_RACE_CHILD") != "" {
		a, b, dst := make([]float64, 64*32), make([]float64, 64*32), make([]float64, 64*64)
		var wg sync.WaitGroup
		for range 2 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				MulT(dst, 64, a, 32, 64, b, 32, 64, 32)
			}()
		}
		wg.Wait()
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestRaceSeen$")
	child.Env = append(os.Environ(), "KSPARSE_RACE_CHILD=1")
	out, err := child.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "DATA RACE") {
		t.Fatalf("two writers of one result went unnoticed:\n%s", out)
	}
}

// TestRaceGaps has two goroutines write interleaved columns of one matrix: no
// element is shared, so the detector must stay silent.
func TestRaceGaps(t *testing.T) {
	a, b, dst := make([]float64, 64*32), make([]float64, 64*32), make([]float64, 64*64)
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			MulT(dst[32*i:], 64, a, 32, 64, b, 32, 32, 32)
		}()
	}
	wg.Wait()
}
