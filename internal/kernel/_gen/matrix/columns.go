package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// columns loads and stores some columns of a row, whole vectors but for the last ones, of
// which only the elements whose mask is negative are touched. loadNarrow loads float32
// and converts them; it knows one masked vector.
type columns struct {
	*gen
	masked      int                              // how many vectors are masked
	load        func(q int, src, dst operand.Op) // of masked vector q
	storeMasked func(v []reg.VecVirtual, at func(q int) operand.Mem)
	loadNarrow  func(src, dst operand.Op)
}

// lastColumns returns columns of which the last masked vectors have the mask in memory at
// mask, all elements where it is nil.
func (g *gen) lastColumns(mask reg.Register, masked int, narrow bool) columns {
	if g.width == 64 {
		return g.lastColumns512(mask)
	}
	m := g.vecs(masked)
	for q := range m {
		g.VPCMPEQD(m[q], m[q], m[q])
	}
	g.TESTQ(mask, mask)
	g.JZ(operand.LabelRef("whole"))
	for q := range m {
		g.VMOVDQU(mem(mask, q*g.width), m[q])
	}
	g.Label("whole")
	whole := g.GP32()
	g.VMOVMSKPD(m[masked-1], whole)
	var half reg.VecVirtual
	if narrow {
		g.Comment("The upper halves of the mask's elements are a mask of as many float32.")
		half = g.XMM()
		g.VEXTRACTF128(operand.U8(1), m[0], half)
		g.VSHUFPS(operand.U8(0xdd), half, m[0].AsX(), half)
	}
	return columns{g, masked,
		func(q int, src, dst operand.Op) { g.VMASKMOVPD(src, m[q], dst) },
		func(v []reg.VecVirtual, at func(q int) operand.Mem) {
			g.Comment("A masked store is slow on AMD processors.")
			g.CMPL(whole, operand.Imm(15))
			g.JNE(operand.LabelRef("part"))
			for q := range v {
				g.VMOVUPD(v[q], at(q))
			}
			g.JMP(operand.LabelRef("stored"))
			g.Label("part")
			for q := range v {
				g.VMASKMOVPD(v[q], m[q], at(q))
			}
			g.Label("stored")
		},
		func(src, dst operand.Op) {
			low := dst.(reg.VecVirtual).AsX()
			g.VMASKMOVPS(src, half, low)
			g.VCVTPS2PD(low, dst)
		}}
}

// lastColumns512 is lastColumns for AVX-512, with one masked vector.
func (g *gen) lastColumns512(mask reg.Register) columns {
	m, k := g.vec(), g.K()
	g.KXNORB(k, k, k)
	g.TESTQ(mask, mask)
	g.JZ(operand.LabelRef("whole"))
	g.VMOVDQU64(mem(mask, 0), m)
	g.VPMOVQ2M(m, k)
	g.Label("whole")
	return columns{g, 1,
		func(_ int, src, dst operand.Op) { g.VMOVUPD_Z(src, k, dst) },
		func(v []reg.VecVirtual, at func(q int) operand.Mem) { g.VMOVUPD(v[0], k, at(0)) },
		func(src, dst operand.Op) { g.VCVTPS2PD_Z(src, k, dst) }}
}

// loadAll loads the columns at base.
func (c columns) loadAll(base reg.Register, v []reg.VecVirtual) {
	whole := len(v) - c.masked
	for i := range whole {
		c.mov(mem(base, i*c.width), v[i])
	}
	c.loadMasked(base, whole, v[whole:])
}

// loadMasked loads the masked columns of a row at base, which begin with vector first.
func (c columns) loadMasked(base reg.Register, first int, v []reg.VecVirtual) {
	for q := range v {
		c.load(q, mem(base, (first+q)*c.width), v[q])
	}
}

// storeAll stores the columns to base.
func (c columns) storeAll(v []reg.VecVirtual, base reg.Register) {
	whole := len(v) - c.masked
	for i := range whole {
		c.mov(v[i], mem(base, i*c.width))
	}
	c.storeMasked(v[whole:], func(q int) operand.Mem { return mem(base, (whole+q)*c.width) })
}
