//go:build !purego

package kernel

import "syscall"

// hasDotProducts reports whether the processor has dot products of int8 (SDOT).
func hasDotProducts() bool {
	const dotProducts = 43 // PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE of winnt.h
	present, _, _ := syscall.NewLazyDLL("kernel32.dll").NewProc("IsProcessorFeaturePresent").Call(dotProducts)
	return present != 0
}

// hasMatrices is false: the number of that feature is not in all versions of winnt.h.
func hasMatrices() bool { return false }
