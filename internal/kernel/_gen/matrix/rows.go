package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gather adds scaled rows, gathered by index, to a tile of some rows of the
// result: each result row's columns stay in registers over all of its entries. With
// narrow the rows are float32, made float64 as they are read.
func (g *gen) gather(vectors int, narrow bool) {
	name, of := g.gathered(narrow)
	g.begin(fmt.Sprintf("%s%d", name, vectors), fmt.Sprintf("dst *%s, ldd, rows int, from, to *int, alpha *%[1]s, idx *int32, w *%s, ldw int, mask *%[1]s", g.goType, of),
		"adds scaled rows of w to a few columns of rows of dst:",
		"",
		"\tfor i := range rows {",
		"\t\tfor t := from[i]; t < to[i]; t++ {",
		fmt.Sprintf("\t\t\tfor q := range %d {", g.perVec()*vectors),
		"\t\t\t\tdst[i][q] = FMA(alpha[t], "+widened(narrow, "w[idx[t]][q]")+", dst[i][q])",
		"\t\t\t}", "\t\t}", "\t}",
		"",
		"ldd and ldw are in bytes. Where mask is not nil only those elements of the last",
		"vector whose mask is negative are touched.")
	load, store, loadRow := g.maskedOrWhole(g.arg("mask"), narrow)
	dst, ldd, rows, from, to := g.arg("dst"), g.arg("ldd"), g.arg("rows"), g.arg("from"), g.arg("to")
	alpha, index, w, ldw := g.arg("alpha"), g.arg("idx"), g.arg("w"), g.arg("ldw")
	t, end, row := g.GP64(), g.GP64(), g.GP64()
	acc := g.vecs(vectors)
	last := vectors - 1
	g.Label("row")
	g.MOVQ(mem(from, 0), t)
	g.MOVQ(mem(to, 0), end)
	g.CMPQ(t, end)
	g.JGE(operand.LabelRef("next"))
	for v := range last {
		g.mov(mem(dst, v*g.width), acc[v])
	}
	load(mem(dst, last*g.width), acc[last])
	g.align()
	g.Label("entry")
	g.rowOf(index, t, w, ldw, row)
	f, r := g.vec(), g.vec()
	g.broadcast(idx(alpha, t, uint8(g.bytes), 0), f)
	if narrow {
		for v := range last {
			g.VCVTPS2PD(mem(row, v*g.width/2), r)
			g.fma(r, f, acc[v])
		}
		loadRow(mem(row, last*g.width/2), r)
	} else {
		load(mem(row, last*g.width), r)
		for v := range last {
			g.fma(mem(row, v*g.width), f, acc[v])
		}
	}
	g.fma(r, f, acc[last])
	g.INCQ(t)
	g.CMPQ(t, end)
	g.JLT(operand.LabelRef("entry"))
	for v := range last {
		g.mov(acc[v], mem(dst, v*g.width))
	}
	store(acc[last], mem(dst, last*g.width))
	g.Label("next")
	g.ADDQ(operand.U32(8), from)
	g.ADDQ(operand.U32(8), to)
	g.ADDQ(ldd, dst)
	g.DECQ(rows)
	g.JNZ(operand.LabelRef("row"))
	g.end()
}

// gatherFar is gather for one row of the result and rows of w that no near cache
// holds. For each entry it asks for as much again of another row: what the next
// call will read.
func (g *gen) gatherFar(vectors int, narrow bool) {
	name, of := g.gathered(narrow)
	g.begin(name+"Far", fmt.Sprintf("dst, alpha *%s, idx *int32, count int, w *%s, ldw int, nextIdx *int32, next *%[2]s", g.goType, of),
		"adds scaled rows of w to a few columns of one row:",
		"",
		"\tfor t := range count {",
		fmt.Sprintf("\t\tfor q := range %d {", g.perVec()*vectors),
		"\t\t\tdst[q] = FMA(alpha[t], "+widened(narrow, "w[idx[t]][q]")+", dst[q])",
		"\t\t}",
		"\t\tprefetch(next[nextIdx[t]])",
		"\t}",
		"",
		"ldw, in bytes, is that of w and of next; count is not 0.")
	dst, alpha, index, count, w, ldw := g.arg("dst"), g.arg("alpha"), g.arg("idx"), g.arg("count"), g.arg("w"), g.arg("ldw")
	nextIndex, next := g.arg("nextIdx"), g.arg("next")
	t, row := g.GP64(), g.GP64()
	g.XORQ(t, t)
	acc := g.vecs(vectors)
	for v := range acc {
		g.mov(mem(dst, v*g.width), acc[v])
	}
	g.align()
	g.Label("entry")
	g.rowOf(nextIndex, t, next, ldw, row)
	size := g.width // of a vector's elements in w
	if narrow {
		size /= 2
	}
	for at := 0; at < vectors*size; at += 64 {
		g.PREFETCHT0(mem(row, at))
	}
	g.rowOf(index, t, w, ldw, row)
	f := g.vec()
	g.broadcast(idx(alpha, t, uint8(g.bytes), 0), f)
	for v := range acc {
		if narrow {
			r := g.vec()
			g.VCVTPS2PD(mem(row, v*size), r)
			g.fma(r, f, acc[v])
		} else {
			g.fma(mem(row, v*size), f, acc[v])
		}
	}
	g.INCQ(t)
	g.CMPQ(t, count)
	g.JLT(operand.LabelRef("entry"))
	for v := range acc {
		g.mov(acc[v], mem(dst, v*g.width))
	}
	g.end()
}

// rowOf sets row to where the row of w begins that entry t names.
func (g *gen) rowOf(index, t, w, ldw, row reg.Register) {
	g.MOVLQSX(idx(index, t, 4, 0), row)
	g.IMULQ(ldw, row)
	g.ADDQ(w, row)
}

// gathered returns the name of a gather and the type of the rows' elements.
func (g *gen) gathered(narrow bool) (name, goType string) {
	if narrow {
		return "gatherNarrow", f32.goType
	}
	return "gather", g.goType
}

func widened(narrow bool, x string) string {
	if narrow {
		return "float64(" + x + ")"
	}
	return x
}

// maskedOrWhole is masked for one vector, all of it where mask is nil. store may
// jump to a label next, which must follow. loadRow, where narrow, loads float32.
func (g *gen) maskedOrWhole(mask reg.Register, narrow bool) (load, store, loadRow func(src, dst operand.Op)) {
	m := g.vec()
	if g.width == 64 {
		k := g.K()
		g.KXNORB(k, k, k)
		g.TESTQ(mask, mask)
		g.JZ(operand.LabelRef("whole"))
		g.VMOVDQU64(mem(mask, 0), m)
		g.VPMOVQ2M(m, k)
		g.Label("whole")
		return func(src, dst operand.Op) { g.VMOVUPD_Z(src, k, dst) },
			func(src, dst operand.Op) { g.VMOVUPD(src, k, dst) },
			func(src, dst operand.Op) { g.VCVTPS2PD_Z(src, k, dst) }
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
	return func(src, dst operand.Op) { g.VMASKMOVPD(src, m, dst) },
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
		}
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
			pos := g.GP64()
			g.POPCNTL(bits.As32(), pos.As32())
			g.CMPL(pos.As32(), operand.Imm(4))
			g.JA(operand.LabelRef("many"))
			g.Label("bit")
			g.BSFQ(bits, pos)
			g.ADDQ(start, pos)
			g.MOVL(pos.As32(), idx(hits, n, 4, 0))
			g.INCQ(n)
			g.LEAQ(mem(bits, -1), pos)
			g.ANDQ(pos, bits)
			g.JNZ(operand.LabelRef("bit"))
			g.JMP(operand.LabelRef("none"))
			g.Comment("Of many hits the loop above would mispredict its end each time:",
				"store every position, count it if it is a hit.")
			g.Label("many")
			g.MOVQ(start, pos)
			for range 16 {
				g.MOVL(pos.As32(), idx(hits, n, 4, 0))
				g.INCL(pos.As32())
				g.SHRL(operand.Imm(1), bits.As32())
				g.ADCQ(operand.Imm(0), n)
			}
			g.Label("none")
			g.ADDQ(operand.U32(16), start)
			g.ADDQ(operand.U32(128), z)
		})
	}
	g.Store(n, g.Return("n"))
	g.end()
}
