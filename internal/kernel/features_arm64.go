//go:build !windows && !darwin && !purego

package kernel

import "golang.org/x/sys/cpu"

// hasDotProducts reports whether the processor has dot products of int8 (SDOT).
func hasDotProducts() bool { return cpu.ARM64.HasASIMDDP }

// hasMatrices reports whether it has products of matrices of int8 (SMMLA).
func hasMatrices() bool { return cpu.ARM64.HasI8MM }
