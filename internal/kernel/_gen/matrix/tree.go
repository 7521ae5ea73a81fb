package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tree adds the lanes of each column's sum, by halves, columns side by side, and
// stores the row of results.
func (g *gen) tree(acc [][]reg.VecVirtual, at operand.Mem) {
	switch {
	case g.width == 64:
		g.tree512(acc, at)
	case g.bytes == 8:
		g.tree256x64(acc, at)
	default:
		g.tree256x32(acc, at)
	}
}

// tree512 adds eight columns of one vector each: lanes i and i+half of the whole vector,
// then of its 256-bit halves.
func (g *gen) tree512(acc [][]reg.VecVirtual, at operand.Mem) {
	pair := func(x, y reg.VecVirtual, lo, hi int) reg.VecVirtual {
		a, b := g.vec(), g.vec()
		g.shuf128(lo, y, x, a)
		g.shuf128(hi, y, x, b)
		g.add(b, a, a)
		return a
	}
	four := func(a, b, c, d int) reg.VecVirtual {
		return pair(pair(acc[a][0], acc[b][0], 0x44, 0xee), pair(acc[c][0], acc[d][0], 0x44, 0xee), 0x88, 0xdd)
	}
	x, y := four(0, 2, 4, 6), four(1, 3, 5, 7)
	if g.bytes == 8 {
		g.mov(g.addPairs(x, y), at)
		return
	}
	lo, hi, lo2, hi2 := g.vec(), g.vec(), g.vec(), g.vec()
	g.VSHUFPS(operand.U8(0x44), y, x, lo)
	g.VSHUFPS(operand.U8(0xee), y, x, hi)
	g.VADDPS(hi, lo, lo) // x02 x13 y02 y13
	g.VSHUFPS(operand.U8(0x88), lo, lo, lo2)
	g.VSHUFPS(operand.U8(0xdd), lo, lo, hi2)
	g.VADDPS(hi2, lo2, lo2) // x y x y
	k, bits := g.K(), g.GP32()
	g.MOVL(operand.U32(0x3333), bits)
	g.KMOVW(bits, k)
	r := g.vec()
	g.VCOMPRESSPS_Z(lo2, k, r)
	g.VMOVUPS(r.AsY(), at)
}

// addPairs adds neighbours in x and in y; the sums alternate.
func (g *gen) addPairs(x, y reg.VecVirtual) reg.VecVirtual {
	lo, hi := g.vec(), g.vec()
	g.VUNPCKLPD(y, x, lo)
	g.VUNPCKHPD(y, x, hi)
	g.VADDPD(hi, lo, lo)
	return lo
}

// tree256x64 adds four columns of float64, of two vectors each.
func (g *gen) tree256x64(acc [][]reg.VecVirtual, at operand.Mem) {
	for j := range acc {
		g.VADDPD(acc[j][1], acc[j][0], acc[j][0])
	}
	pair := func(x, y reg.VecVirtual) reg.VecVirtual {
		a, b := g.vec(), g.vec()
		g.VPERM2F128(operand.U8(0x20), y, x, a)
		g.VPERM2F128(operand.U8(0x31), y, x, b)
		g.VADDPD(b, a, a)
		return a
	}
	x, y := pair(acc[0][0], acc[2][0]), pair(acc[1][0], acc[3][0])
	g.mov(g.addPairs(x, y), at)
}

// tree256x32 adds four columns of float32, of two vectors each.
func (g *gen) tree256x32(acc [][]reg.VecVirtual, at operand.Mem) {
	var s [4]reg.VecVirtual
	for j := range acc {
		g.VADDPS(acc[j][1], acc[j][0], acc[j][0])
		hi, lo := g.XMM(), g.XMM()
		g.VEXTRACTF128(operand.U8(1), acc[j][0], hi)
		g.VADDPS(hi, acc[j][0].AsX(), lo)
		s[j] = lo
	}
	pair := func(x, y reg.VecVirtual) reg.VecVirtual { // x02 x13 y02 y13
		a, b := g.XMM(), g.XMM()
		g.VSHUFPS(operand.U8(0x44), y, x, a)
		g.VSHUFPS(operand.U8(0xee), y, x, b)
		g.VADDPS(b, a, a)
		return a
	}
	x, y := pair(s[0], s[1]), pair(s[2], s[3])
	lo, hi := g.XMM(), g.XMM()
	g.VSHUFPS(operand.U8(0x88), y, x, lo)
	g.VSHUFPS(operand.U8(0xdd), y, x, hi)
	g.VADDPS(hi, lo, lo)
	g.VMOVUPS(lo, at)
}
