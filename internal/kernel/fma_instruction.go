//go:build amd64.v3 || arm64 || loong64 || ppc64 || ppc64le || riscv64 || s390x

package kernel

import "math"

// inlineFMA says that fma is one instruction.
const inlineFMA = true

// fma is math.FMA, in whose place the compiler puts an instruction.
func fma(x, y, z float64) float64 { return math.FMA(x, y, z) }
