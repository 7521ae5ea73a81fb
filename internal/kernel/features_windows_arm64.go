//go:build !purego

package kernel

import "syscall"

// hasDotProducts reports whether the processor multiplies int8 (SDOT).
func hasDotProducts() bool {
	const dotProducts = 43 // PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE of winnt.h
	present, _, _ := syscall.NewLazyDLL("kernel32.dll").NewProc("IsProcessorFeaturePresent").Call(dotProducts)
	return present != 0
}
