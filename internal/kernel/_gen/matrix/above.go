package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// greater is the comparison t < z of VCMPPD, false for NaN.
const greater = 0x11

// aboveFinder writes above: its arguments and its registers.
type aboveFinder struct {
	*gen
	hits, z, groups, start reg.GPVirtual
	n, bits                reg.GPVirtual // how many hits; a bit for each of 16 values
	t                      reg.VecVirtual
}

// above writes Above for groups of 16 values. A group without a hit costs one branch.
func (g *gen) above() {
	g.begin("above", "hits *int32, z *float64, groups int, t float64, start int) (n int",
		"finds what exceeds t, in groups of 16:",
		"",
		"\tfor j := range 16 * groups {",
		"\t\tif z[j] > t {",
		"\t\t\thits[n] = int32(start + j)",
		"\t\t\tn++",
		"\t\t}", "\t}",
		"",
		"It may write to any element of hits[:16*groups].")
	f := aboveFinder{gen: g}
	f.hits, f.z, f.groups, f.start = g.Arg("hits"), g.Arg("z"), g.Arg("groups"), g.Arg("start")
	f.n, f.bits = g.GP64(), g.GP64()
	g.XORQ(f.n, f.n)
	f.t = g.vec()
	at, _ := g.Param("t").Resolve()
	g.VBROADCASTSD(at.Addr, f.t)
	if g.width == 64 {
		f.compress()
	} else {
		f.scan()
	}
	g.Store(f.n, g.Return("n"))
	g.End()
}

// compress writes the loop of AVX-512, which stores the positions of all hits of a group
// at once.
func (g aboveFinder) compress() {
	iota := g.integers("iota", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
	pos, by := g.ZMM(), g.ZMM()
	g.VPBROADCASTD(g.start.As32(), pos)
	g.VPADDD(iota, pos, pos)
	g.MOVL(operand.U32(16), g.bits.As32())
	g.VPBROADCASTD(g.bits.As32(), by)
	g.Loop("group", g.groups, func() {
		lo, hi := g.K(), g.K()
		g.VCMPPD(operand.U8(greater), mem(g.z, 0), g.t, lo)
		g.VCMPPD(operand.U8(greater), mem(g.z, 64), g.t, hi)
		g.KUNPCKBW(lo, hi, lo)
		g.KMOVW(lo, g.bits.As32())
		g.TESTL(g.bits.As32(), g.bits.As32())
		g.JZ(operand.LabelRef("none"))
		// Compress to a register and store all of it: compressing straight
		// to memory is microcode on Zen 4.
		found := g.ZMM()
		g.VPCOMPRESSD_Z(pos, lo, found)
		g.VMOVDQU32(found, idx(g.hits, g.n, 4, 0))
		g.POPCNTL(g.bits.As32(), g.bits.As32())
		g.ADDQ(g.bits, g.n)
		g.Label("none")
		g.VPADDD(by, pos, pos)
		g.ADDQ(operand.U32(128), g.z)
	})
}

// scan writes the loop of AVX2, which stores the positions of the hits among four values
// at once.
func (g aboveFinder) scan() {
	pos, by4, by16 := g.XMM(), g.XMM(), g.XMM()
	g.VMOVD(g.start.As32(), pos)
	g.VPBROADCASTD(pos, pos)
	g.VPADDD(g.integers("iota", 0, 1, 2, 3), pos, pos)
	g.VMOVDQU(g.integers("by4", 4, 4, 4, 4), by4)
	g.VMOVDQU(g.integers("by16", 16, 16, 16, 16), by16)
	order := g.GP64()
	g.LEAQ(g.hitOrder(), order)
	g.Loop("group", g.groups, func() {
		var c [4]reg.VecVirtual
		for i := range c {
			c[i] = g.YMM()
			g.VCMPPD(operand.U8(greater), mem(g.z, 32*i), g.t, c[i])
		}
		any01, any23 := g.YMM(), g.YMM()
		g.VORPD(c[1], c[0], any01)
		g.VORPD(c[3], c[2], any23)
		g.VORPD(any23, any01, any01)
		g.VPTEST(any01, any01)
		g.JZ(operand.LabelRef("none"))
		here := g.XMM()
		g.VMOVDQA(pos, here)
		for i := range c {
			at, found := g.GP64(), g.XMM()
			g.VMOVMSKPD(c[i], g.bits.As32())
			g.POPCNTL(g.bits.As32(), at.As32())
			g.ADDQ(g.bits, g.bits)
			g.VPSHUFB(idx(order, g.bits, 8, 0), here, found)
			g.VMOVDQU(found, idx(g.hits, g.n, 4, 0))
			g.ADDQ(at, g.n)
			if i < 3 {
				g.VPADDD(by4, here, here)
			}
		}
		g.Label("none")
		g.VPADDD(by16, pos, pos)
		g.ADDQ(operand.U32(128), g.z)
	})
}

// integers returns integers in memory.
func (g aboveFinder) integers(name string, x ...uint32) operand.Mem {
	m := g.StaticGlobal(g.fn(name))
	g.DataAttributes(8 | 16) // RODATA, NOPTR
	for i, v := range x {
		g.AddDatum(4*i, operand.U32(v))
	}
	return m
}

// hitOrder returns, for each set of four integers, the bytes that VPSHUFB takes to move
// the integers of that set to the front.
func (g aboveFinder) hitOrder() operand.Mem {
	m := g.StaticGlobal(g.fn("hitOrder"))
	g.DataAttributes(8 | 16) // RODATA, NOPTR
	for set := range 16 {
		at := 16 * set
		for i := range 4 {
			if set>>i&1 == 1 {
				g.AddDatum(at, operand.U32(0x03020100+0x04040404*i))
				at += 4
			}
		}
		for ; at < 16*(set+1); at += 4 {
			g.AddDatum(at, operand.U32(0))
		}
	}
	return m
}
