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

// gen builds the functions of one instruction set.
type gen struct {
	asm.Builder
	set           string      // in names: AVX512, AVX2 or AVXVNNI
	width         int         // bytes of a vector, 64 or 32
	table         operand.Mem // of constants
	haveConstants bool
}

// newGen returns a gen without functions.
func newGen(set string, width int) *gen { return &gen{Builder: asm.New(), set: set, width: width} }

// vec returns a vector register.
func (g *gen) vec() reg.VecVirtual {
	if g.width == 64 {
		return g.ZMM()
	}
	return g.YMM()
}

// vecs returns n vector registers.
func (g *gen) vecs(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = g.vec()
	}
	return v
}

// zero sets v to zero.
func (g *gen) zero(v reg.VecVirtual) {
	if g.width == 64 {
		g.VPXORQ(v, v, v)
	} else {
		g.VPXOR(v, v, v)
	}
}

// load and store move whole vectors of integers.
func (g *gen) load(from operand.Mem, v reg.VecVirtual) {
	if g.width == 64 {
		g.VMOVDQU64(from, v)
	} else {
		g.VMOVDQU(from, v)
	}
}

func (g *gen) store(v reg.VecVirtual, to operand.Mem) {
	if g.width == 64 {
		g.VMOVDQU64(v, to)
	} else {
		g.VMOVDQU(v, to)
	}
}

func mem(base reg.Register, disp int) operand.Mem { return asm.Mem(base, disp) }

func idx(base, index reg.Register, scale uint8, disp int) operand.Mem {
	return asm.Index(base, index, scale, disp)
}
