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

// firstLanes returns masks of the first n of eight elements, n in a register below 8, as
// vectors: of four elements of 8 bytes, or for elements of 4 bytes, of four of those.
func (g narrow) firstLanes(n reg.GPVirtual, bytes int) (masks [2]reg.VecVirtual) {
	from, scaled := g.GP64(), g.GP64()
	g.LEAQ(g.constants().Offset(atMasks+64), from)
	g.MOVQ(n, scaled)
	g.SHLQ(operand.U8(map[int]int{4: 2, 8: 3}[bytes]), scaled)
	g.SUBQ(scaled, from)
	for v := range masks {
		if masks[v] = g.YMM(); bytes == 4 {
			masks[v] = g.XMM()
		}
		g.VMOVDQU(mem(from, 4*bytes*v), masks[v])
	}
	return masks
}

// tree adds the eight lanes of x in the order of a dot product.
func (g narrow) tree(x [2]reg.VecVirtual) reg.VecVirtual {
	other := g.XMM()
	g.VADDPD(x[1], x[0], x[0])
	g.VEXTRACTF128(operand.U8(1), x[0], other)
	g.VADDPD(other, x[0].AsX(), other)
	sum := g.XMM()
	g.VUNPCKHPD(other, other, sum)
	g.VADDSD(sum, other, other)
	return other
}
