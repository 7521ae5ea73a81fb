package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// firstLanes returns a mask of the first n lanes of 8, n in a register below 8.
func (g *gen) firstLanes(n reg.GPVirtual) reg.OpmaskVirtual {
	bits, k := g.GP64(), g.K()
	g.MOVQ(n, reg.RCX)
	g.MOVQ(operand.U32(1), bits)
	g.SHLQ(reg.CL, bits)
	g.DECQ(bits)
	g.KMOVB(bits.As32(), k)
	return k
}

// pairOfTrees adds the lanes of x and of y in the order of a dot product and
// returns the two results side by side.
func (g *gen) pairOfTrees(x, y reg.VecVirtual) reg.VecVirtual {
	var s [2]reg.VecVirtual
	for i, v := range []reg.VecVirtual{x, y} {
		half, quarter := g.YMM(), g.XMM()
		g.VEXTRACTF64X4(operand.U8(1), v, half)
		g.VADDPD(half, v.AsY(), half)
		g.VEXTRACTF128(operand.U8(1), half, quarter)
		g.VADDPD(quarter, half.AsX(), quarter)
		s[i] = quarter
	}
	even, odd := g.XMM(), g.XMM()
	g.VUNPCKLPD(s[1], s[0], even)
	g.VUNPCKHPD(s[1], s[0], odd)
	g.VADDPD(odd, even, even)
	return even
}
