package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// addRows adds count scaled rows to dst in one pass over it.
func (g *gen) addRows(count int) {
	g.begin(g.lines("add%d", count), g.lines("dst *%s, vectors int, alpha *%[1]s, rows **%[1]s, mask *%[1]s", g.goType),
		"adds scaled rows to dst:",
		"",
		g.lines("\tfor q := range %d * vectors {", g.perVec()),
		g.lines("\t\tfor t := range %d {", count),
		"\t\t\tdst[q] = FMA(alpha[t], rows[t][q], dst[q])",
		"\t\t}", "\t}",
		"",
		"and, where mask is not nil, does the same to those elements of one more vector",
		"whose mask is negative.")
	dst, n, alpha, ptrs := g.arg("dst"), g.arg("vectors"), g.arg("alpha"), g.arg("rows")
	f, row := g.vecs(count), make([]reg.GPVirtual, count)
	for t := range row {
		row[t] = g.GP64()
		g.MOVQ(mem(ptrs, 8*t), row[t])
		g.broadcast(mem(alpha, t*g.bytes), f[t])
	}
	pos := g.GP64()
	g.XORQ(pos, pos)
	g.loop("vector", n, func() {
		s := g.vec()
		g.mov(idx(dst, pos, 1, 0), s)
		for t := range row {
			g.fma(idx(row[t], pos, 1, 0), f[t], s)
		}
		g.mov(s, idx(dst, pos, 1, 0))
		g.ADDQ(operand.U32(g.width), pos)
	})
	mask := g.arg("mask")
	g.TESTQ(mask, mask)
	g.JZ(operand.LabelRef("out"))
	load, store := g.masked(mask, 0)
	s := g.vec()
	load(idx(dst, pos, 1, 0), s)
	for t := range row {
		r := g.vec()
		load(idx(row[t], pos, 1, 0), r)
		g.fma(r, f[t], s)
	}
	store(s, idx(dst, pos, 1, 0))
	g.Label("out")
	g.end()
}

// above compares 16 values at a time. A group without a hit costs one branch.
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
	hits, z, groups, start := g.arg("hits"), g.arg("z"), g.arg("groups"), g.arg("start")
	n, bits := g.GP64(), g.GP64()
	g.XORQ(n, n)
	t := g.vec()
	at, _ := g.Param("t").Resolve()
	g.VBROADCASTSD(at.Addr, t)
	const greater = 0x11 // t < z, false for NaN
	if g.width == 64 {
		iota := g.StaticGlobal(g.fn("iota"))
		g.DataAttributes(8 | 16) // RODATA, NOPTR
		for i := range 16 {
			g.AddDatum(4*i, operand.U32(i))
		}
		pos, by := g.ZMM(), g.ZMM()
		g.VPBROADCASTD(start.As32(), pos)
		g.VPADDD(iota, pos, pos)
		g.MOVL(operand.U32(16), bits.As32())
		g.VPBROADCASTD(bits.As32(), by)
		g.loop("group", groups, func() {
			lo, hi := g.K(), g.K()
			g.VCMPPD(operand.U8(greater), mem(z, 0), t, lo)
			g.VCMPPD(operand.U8(greater), mem(z, 64), t, hi)
			g.KUNPCKBW(lo, hi, lo)
			g.KMOVW(lo, bits.As32())
			g.TESTL(bits.As32(), bits.As32())
			g.JZ(operand.LabelRef("none"))
			// Compress to a register and store all of it: compressing straight
			// to memory is microcode on Zen 4.
			found := g.ZMM()
			g.VPCOMPRESSD_Z(pos, lo, found)
			g.VMOVDQU32(found, idx(hits, n, 4, 0))
			g.POPCNTL(bits.As32(), bits.As32())
			g.ADDQ(bits, n)
			g.Label("none")
			g.VPADDD(by, pos, pos)
			g.ADDQ(operand.U32(128), z)
		})
	} else {
		g.loop("group", groups, func() {
			m := make([]reg.GPVirtual, 4)
			for i := range m {
				c := g.YMM()
				g.VCMPPD(operand.U8(greater), mem(z, 32*i), t, c)
				m[i] = g.GP64()
				g.VMOVMSKPD(c, m[i].As32())
			}
			g.SHLQ(operand.U8(4), m[1])
			g.SHLQ(operand.U8(8), m[2])
			g.SHLQ(operand.U8(12), m[3])
			g.ORQ(m[1], m[0])
			g.ORQ(m[3], m[2])
			g.ORQ(m[2], m[0])
			g.MOVQ(m[0], bits)
			g.JZ(operand.LabelRef("none"))
			g.Label("bit")
			j := g.GP64()
			g.BSFQ(bits, j)
			g.ADDQ(start, j)
			g.MOVL(j.As32(), idx(hits, n, 4, 0))
			g.INCQ(n)
			g.LEAQ(mem(bits, -1), j)
			g.ANDQ(j, bits)
			g.JNZ(operand.LabelRef("bit"))
			g.Label("none")
			g.ADDQ(operand.U32(16), start)
			g.ADDQ(operand.U32(128), z)
		})
	}
	g.Store(n, g.Return("n"))
	g.end()
}
