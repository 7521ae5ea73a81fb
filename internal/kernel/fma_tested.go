//go:build (amd64 && !amd64.v3) || arm

package kernel

import "math"

// inlineFMA says that fma is one instruction.
const inlineFMA = false

// fma is math.FMA, in whose place the compiler puts an instruction, a test whether the
// processor has it, and a call where it does not.
func fma(x, y, z float64) float64 { return math.FMA(x, y, z) }
