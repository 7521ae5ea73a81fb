//go:build !purego

package kernel

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
)

// init sets screenPeak where the processor multiplies int8.
func init() {
	if hasDotProducts() {
		screenPeak = callScreenPeakNEON
	}
}

// TestScreenWithoutDotProducts runs a child in which GODEBUG hides the dot products of
// int8: the path stays, and the screen is that in plain Go.
func TestScreenWithoutDotProducts(t *testing.T) {
	if os.Getenv("KSPARSE_DOT_CHILD") != "" {
		if FastScreen() || Coarse() != generic.coarse || Active() != "neon" {
			t.Errorf("path %q, fast screen %v, grid %d", Active(), FastScreen(), Coarse())
		}
		return
	}
	if runtime.GOOS != "linux" || !FastScreen() {
		t.Skip("the path in use has no fast screen that could be hidden")
	}
	child := exec.Command(os.Args[0], "-test.run=^TestScreenWithoutDotProducts$")
	child.Env = append(os.Environ(), "KSPARSE_DOT_CHILD=1", "GODEBUG=cpu.asimddp=off")
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
