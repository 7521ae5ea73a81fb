//go:build !purego

package kernel

import "syscall"

// hasDotProducts reports whether the processor has dot products of int8 (SDOT): all of
// Apple's have.
func hasDotProducts() bool { return true }

// hasMatrices reports whether it has products of matrices of int8 (SMMLA): those from M2 on.
func hasMatrices() bool {
	has, err := syscall.SysctlUint32("hw.optional.arm.FEAT_I8MM")
	return err == nil && has == 1
}
