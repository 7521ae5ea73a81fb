package screen

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
)

// # The grids
//
// A row or a latent is rounded to whole multiples of a step, which is as small as the
// integers and the sums of their products allow. In int8 that is the largest entry/127, on
// the fine grid, in int16, max(largest entry/32767, norm/46000). bound.go says why all
// sums are then right.
//
// On kernel.GridBlocks the integers of latents are at most 64, so that their sum with the
// offset 64 and a product of two, 2*128*127, fit int16. There 8 products at a time are added up modulo 2^16:
// those of one half of the inputs of a block. Their sum is right if it is within int16 itself, whatever lies between. By
// Cauchy-Schwarz it is at most |q| |q'|, the norms over these inputs. So let
// the steps be at least norm/252.5 of a row, and norm/126.5 of a latent, for the norm over every half of
// a block. Rounding moves each of 8 integers by at most 1/2, and the norm by sqrt(8)/2
// < 1.42, so that |q| < 254, |q'| < 128, and their product is below 2^15.
//
// Both limits are twice the largest integer, less the rounding. Entries of a normal distribution stay far below: of 768, the
// norms are about 180 and 90. Only where most of the 8 inputs are as large as the largest does
// the step grow, by sqrt(2) at most.
const (
	rowBlock    = 252.5
	latentBlock = 126.5
)

// blockFactor scales these limits. It is 1; with more, the tests must fail, which is
// itself tested.
var blockFactor = 1.0

// rowStep returns the step of the grid for a row, the outliers taken out, with
// the given largest entry, and norm with the outliers.
func (p *Packed) rowStep(x []float64, largest, norm float64) float64 {
	switch p.grid {
	case kernel.GridFine:
		return fineStep(largest, norm)
	case kernel.GridBlocks:
		return max(largest/127, math.Sqrt(kernel.LargestBlock(x))/(blockFactor*rowBlock))
	}
	return largest / 127
}

// latentStep is rowStep for a latent. largest and norm are in units of ω, and so is the
// step.
func (p *Packed) latentStep(w []float64, largest, norm float64) float64 {
	if p.grid == kernel.GridBlocks {
		return max(largest/64, math.Sqrt(kernel.LargestBlock(w))/p.unit/(blockFactor*latentBlock))
	}
	return p.rowStep(w, largest, norm)
}

// fineStep is rowStep on the fine grid.
func fineStep(largest, norm float64) float64 { return max(largest/32767, norm/46000) }

// quantise is kernel.Quantise on the grid of p.
func (p *Packed) quantise(dst []uint8, stride int, x []float64, inv float64, offset uint8) kernel.Quantised {
	if p.fine() {
		return kernel.Quantise16(dst, stride, x, inv)
	}
	return kernel.Quantise(dst, stride, x, inv, offset)
}
