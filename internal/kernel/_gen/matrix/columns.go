package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// columns loads and stores some columns of a row, whole vectors but for the last one, of
// which load and store touch only the elements whose mask is negative. store may jump to
// a label next, which must follow. loadNarrow loads float32 and converts them.
type columns struct {
	*gen
	load, store, loadNarrow func(src, dst operand.Op)
}

// lastColumns returns columns with the mask in memory at mask, all elements where it is
// nil.
func (g *gen) lastColumns(mask reg.Register, narrow bool) columns {
	m := g.vec()
	if g.width == 64 {
		k := g.K()
		g.KXNORB(k, k, k)
		g.TESTQ(mask, mask)
		g.JZ(operand.LabelRef("whole"))
		g.VMOVDQU64(mem(mask, 0), m)
		g.VPMOVQ2M(m, k)
		g.Label("whole")
		return columns{g,
			func(src, dst operand.Op) { g.VMOVUPD_Z(src, k, dst) },
			func(src, dst operand.Op) { g.VMOVUPD(src, k, dst) },
			func(src, dst operand.Op) { g.VCVTPS2PD_Z(src, k, dst) }}
	}
	g.VPCMPEQD(m, m, m)
	g.TESTQ(mask, mask)
	g.JZ(operand.LabelRef("whole"))
	g.VMOVDQU(mem(mask, 0), m)
	g.Label("whole")
	whole := g.GP32()
	g.VMOVMSKPD(m, whole)
	var half reg.VecVirtual
	if narrow {
		g.Comment("The upper halves of the mask's elements are a mask of as many float32.")
		half = g.XMM()
		g.VEXTRACTF128(operand.U8(1), m, half)
		g.VSHUFPS(operand.U8(0xdd), half, m.AsX(), half)
	}
	return columns{g,
		func(src, dst operand.Op) { g.VMASKMOVPD(src, m, dst) },
		func(src, dst operand.Op) {
			g.Comment("A masked store is slow on AMD processors.")
			g.CMPL(whole, operand.Imm(15))
			g.JNE(operand.LabelRef("part"))
			g.VMOVUPD(src, dst)
			g.JMP(operand.LabelRef("next"))
			g.Label("part")
			g.VMASKMOVPD(src, m, dst)
		},
		func(src, dst operand.Op) {
			low := dst.(reg.VecVirtual).AsX()
			g.VMASKMOVPS(src, half, low)
			g.VCVTPS2PD(low, dst)
		}}
}

// loadAll loads the columns at base.
func (c columns) loadAll(base reg.Register, v []reg.VecVirtual) {
	last := len(v) - 1
	for i := range last {
		c.mov(mem(base, i*c.width), v[i])
	}
	c.load(mem(base, last*c.width), v[last])
}

// storeAll stores the columns to base.
func (c columns) storeAll(v []reg.VecVirtual, base reg.Register) {
	last := len(v) - 1
	for i := range last {
		c.mov(v[i], mem(base, i*c.width))
	}
	c.store(v[last], mem(base, last*c.width))
}
