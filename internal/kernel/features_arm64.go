//go:build !windows && !purego

package kernel

import (
	"runtime"

	"golang.org/x/sys/cpu"
)

// hasDotProducts reports whether the processor multiplies int8 (SDOT): all of Apple's do.
func hasDotProducts() bool {
	return cpu.ARM64.HasASIMDDP || runtime.GOOS == "darwin" || runtime.GOOS == "ios"
}
