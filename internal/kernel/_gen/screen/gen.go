package main

import (
	"github.com/ksparse/ksparse/internal/kernel/_gen/asm"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The layouts of ../../screen_layout.go.
const (
	tileRows  = 12
	stepX     = 4 * tileRows // bytes of four inputs in a tile of x
	stepW     = 128          // and in a panel of w: two vectors
	rowBytes  = 88           // of a ScreenRow
	columnRow = 128          // bytes of the latents' values of one outlier
)

// Offsets in a ScreenRow and in a ScreenPanel.
const (
	rowStart, rowScale, rowBias, rowNorm, rowResidual, rowMask, rowOutlier = 0, 4, 8, 12, 16, 20, 24
	panelScale, panelBias, panelNorm, panelResidual                        = 0, 128, 256, 384
)

// gen builds the functions.
type gen struct {
	asm.Builder
	table         operand.Mem // of constants
	haveConstants bool
}

// vecs returns n vector registers.
func (g *gen) vecs(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = g.ZMM()
	}
	return v
}

// zero sets v to zero.
func (g *gen) zero(v reg.VecVirtual) { g.VPXORQ(v, v, v) }

func mem(base reg.Register, disp int) operand.Mem { return asm.Mem(base, disp) }

func idx(base, index reg.Register, scale uint8, disp int) operand.Mem {
	return asm.Index(base, index, scale, disp)
}
