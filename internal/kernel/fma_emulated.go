//go:build !amd64 && !arm && !arm64 && !loong64 && !ppc64 && !ppc64le && !riscv64 && !s390x

package kernel

// inlineFMA says that fma is one instruction.
const inlineFMA = false

// fma is math.FMA, emulated.
func fma(x, y, z float64) float64 { return emulatedFMA(x, y, z) }
