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
	iota := g.StaticGlobal(g.fn("iota"))
	g.DataAttributes(8 | 16) // RODATA, NOPTR
	for i := range 16 {
		g.AddDatum(4*i, operand.U32(i))
	}
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

// scan writes the loop of AVX2, which stores one position after the other.
func (g aboveFinder) scan() {
	g.Loop("group", g.groups, func() {
		m := make([]reg.GPVirtual, 4)
		for i := range m {
			c := g.YMM()
			g.VCMPPD(operand.U8(greater), mem(g.z, 32*i), g.t, c)
			m[i] = g.GP64()
			g.VMOVMSKPD(c, m[i].As32())
		}
		g.SHLQ(operand.U8(4), m[1])
		g.SHLQ(operand.U8(8), m[2])
		g.SHLQ(operand.U8(12), m[3])
		g.ORQ(m[1], m[0])
		g.ORQ(m[3], m[2])
		g.ORQ(m[2], m[0])
		g.MOVQ(m[0], g.bits)
		g.JZ(operand.LabelRef("none"))
		pos := g.GP64()
		g.POPCNTL(g.bits.As32(), pos.As32())
		g.CMPL(pos.As32(), operand.Imm(4))
		g.JA(operand.LabelRef("many"))
		g.Label("bit")
		g.BSFQ(g.bits, pos)
		g.ADDQ(g.start, pos)
		g.MOVL(pos.As32(), idx(g.hits, g.n, 4, 0))
		g.INCQ(g.n)
		g.LEAQ(mem(g.bits, -1), pos)
		g.ANDQ(pos, g.bits)
		g.JNZ(operand.LabelRef("bit"))
		g.JMP(operand.LabelRef("none"))
		g.Comment("Of many hits the loop above would mispredict its end each time:",
			"store every position, count it if it is a hit.")
		g.Label("many")
		g.MOVQ(g.start, pos)
		for range 16 {
			g.MOVL(pos.As32(), idx(g.hits, g.n, 4, 0))
			g.INCL(pos.As32())
			g.SHRL(operand.Imm(1), g.bits.As32())
			g.ADCQ(operand.Imm(0), g.n)
		}
		g.Label("none")
		g.ADDQ(operand.U32(16), g.start)
		g.ADDQ(operand.U32(128), g.z)
	})
}
