//go:build !purego

package kernel

// init sets screenPeak where the processor multiplies int8.
func init() {
	if hasDotProducts() {
		screenPeak = func(n int) { callScreenPeakNEON(4 * n) } // of 16 bytes in place of 64
	}
}
