package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// stripVectors are the widths of the kernels that work on a strip of columns: the
// widest takes whole strips, the others the columns after those.
var stripVectors = []int{1, 2, 4, 8}

// stripDecode writes the sum of scaled rows, gathered by index, plus the bias.
func (g *gen) stripDecode(vectors int) {
	g.begin(fmt.Sprintf("stripDecode%d", vectors), "dst *float64, ldd, rows int, offsets *int, alpha *float64, idx *int32, w *float64, ldw int, bias, mask *float64",
		"sets a few columns of rows of dst to sums of scaled rows of w:",
		"",
		"\tfor i := range rows {",
		fmt.Sprintf("\t\tfor q := range %d {", g.perVec()*vectors),
		"\t\t\tsum := 0.0",
		"\t\t\tfor t := offsets[i]; t < offsets[i+1]; t++ {",
		"\t\t\t\tsum = FMA(alpha[t], w[idx[t]][q], sum)",
		"\t\t\t}",
		"\t\t\tdst[i][q] = sum + bias[q]",
		"\t\t}", "\t}",
		"",
		"ldd and ldw are in bytes. Where mask is not nil only those elements of the last",
		"vector whose mask is negative are touched.")
	c := g.lastColumns(g.Arg("mask"), false)
	dst, ldd, rows, offsets := g.Arg("dst"), g.Arg("ldd"), g.Arg("rows"), g.Arg("offsets")
	alpha, index, w, ldw, bias := g.Arg("alpha"), g.Arg("idx"), g.Arg("w"), g.Arg("ldw"), g.Arg("bias")
	t, end, row := g.GP64(), g.GP64(), g.GP64()
	acc, b := g.vecs(vectors), g.vecs(vectors)
	last := vectors - 1
	c.loadAll(bias, b)
	g.MOVQ(mem(offsets, 0), t)
	g.Label("row")
	g.MOVQ(mem(offsets, 8), end)
	for _, z := range acc {
		g.zero(z)
	}
	g.CMPQ(t, end)
	g.JGE(operand.LabelRef("sum"))
	g.Align()
	g.Label("entry")
	g.rowOf(index, t, w, ldw, row)
	f, r := g.vec(), g.vec()
	g.broadcast(idx(alpha, t, 8, 0), f)
	c.load(mem(row, last*g.width), r)
	for v := range last {
		g.fma(mem(row, v*g.width), f, acc[v])
	}
	g.fma(r, f, acc[last])
	g.INCQ(t)
	g.CMPQ(t, end)
	g.JLT(operand.LabelRef("entry"))
	g.Label("sum")
	for v := range acc {
		g.add(b[v], acc[v], acc[v])
	}
	c.storeAll(acc, dst)
	g.ADDQ(operand.U32(8), offsets)
	g.ADDQ(ldd, dst)
	g.DECQ(rows)
	g.JNZ(operand.LabelRef("row"))
	g.End()
}

// stripDot writes the products of rows of x with rows gathered by index, a few columns of
// them, added to their lanes. A row's columns of x stay in registers over all of its
// entries.
func (g *gen) stripDot(vectors int) {
	g.begin(fmt.Sprintf("stripDot%d", vectors), "lanes, dst *float64, ldd int, x *float64, ldx, rows int, offsets *int, idx *int32, w *float64, ldw int, mask *float64",
		"adds a few columns to products, lane by lane, and copies those columns of x:",
		"",
		"\tfor i := range rows {",
		"\t\tfor t := offsets[i]; t < offsets[i+1]; t++ {",
		fmt.Sprintf("\t\t\tfor q := range %d {", g.perVec()*vectors),
		"\t\t\t\tlanes[t-offsets[0]][q%8] = FMA(x[i][q], w[idx[t]][q], lanes[t-offsets[0]][q%8])",
		"\t\t\t}", "\t\t}",
		"\t\tcopy(dst[i], x[i])",
		"\t}",
		"",
		"ldd, ldx and ldw are in bytes. Where mask is not nil only those elements of the last",
		"vector whose mask is negative are touched, the others count as zeros.")
	c := g.lastColumns(g.Arg("mask"), false)
	lanes, dst, ldd, x, ldx := g.Arg("lanes"), g.Arg("dst"), g.Arg("ldd"), g.Arg("x"), g.Arg("ldx")
	rows, offsets, index, w, ldw := g.Arg("rows"), g.Arg("offsets"), g.Arg("idx"), g.Arg("w"), g.Arg("ldw")
	t, end, row := g.GP64(), g.GP64(), g.GP64()
	xs := g.vecs(vectors)
	last := vectors - 1
	g.MOVQ(mem(offsets, 0), t)
	g.Label("row")
	g.MOVQ(mem(offsets, 8), end)
	for v := range last {
		g.mov(mem(x, v*g.width), xs[v])
		g.mov(xs[v], mem(dst, v*g.width))
	}
	c.load(mem(x, last*g.width), xs[last])
	c.store(xs[last], mem(dst, last*g.width))
	g.CMPQ(t, end)
	g.JGE(operand.LabelRef("next"))
	g.Align()
	g.Label("entry")
	g.rowOf(index, t, w, ldw, row)
	acc, r := g.vec(), g.vec()
	g.mov(mem(lanes, 0), acc)
	c.load(mem(row, last*g.width), r)
	for v := range last {
		g.fma(mem(row, v*g.width), xs[v], acc)
	}
	g.fma(r, xs[last], acc)
	g.mov(acc, mem(lanes, 0))
	g.ADDQ(operand.U32(64), lanes)
	g.INCQ(t)
	g.CMPQ(t, end)
	g.JLT(operand.LabelRef("entry"))
	g.Label("next")
	g.ADDQ(operand.U32(8), offsets)
	g.ADDQ(ldd, dst)
	g.ADDQ(ldx, x)
	g.DECQ(rows)
	g.JNZ(operand.LabelRef("row"))
	g.End()
}

// stripSquares writes the squared error of a strip.
func (g *gen) stripSquares() {
	g.begin("stripSquares", "dst, lanes, x *float64, groups int, y *float64, ldy, rows int, scale float64, mask *float64",
		"adds squares of differences to sums, lane by lane, and scales the differences:",
		"",
		"\tfor i := range rows {",
		"\t\tfor q := range 8 * groups {",
		"\t\t\td := x[i][q] - y[i][q]",
		"\t\t\tlanes[i][q%8] = FMA(d, d, lanes[i][q%8])",
		"\t\t\tdst[i][q] = d * scale",
		"\t\t}", "\t}",
		"",
		"The rows of x and of dst follow one another, those of y are ldy bytes apart. Where mask",
		"is not nil it is for one more group, of which only the elements whose mask is negative",
		"are touched.")
	dst, lanes, x, groups := g.Arg("dst"), g.Arg("lanes"), g.Arg("x"), g.Arg("groups")
	y, ldy, rows, mask := g.Arg("y"), g.Arg("ldy"), g.Arg("rows"), g.Arg("mask")
	scale := g.vec()
	at, _ := g.Param("scale").Resolve()
	g.broadcast(at.Addr, scale)
	k, rest := g.restOfGroup(mask)
	g.Label("row")
	acc := g.vec()
	g.mov(mem(lanes, 0), acc)
	n, col := g.GP64(), g.GP64()
	each := func(load, store func(src, dst operand.Op)) {
		d, t := g.vec(), g.vec()
		load(mem(x, 0), d)
		load(mem(col, 0), t)
		g.VSUBPD(t, d, d)
		g.fma(d, d, acc)
		g.VMULPD(scale, d, d)
		store(d, mem(dst, 0))
	}
	g.MOVQ(groups, n)
	g.MOVQ(y, col)
	whole := func(src, dst operand.Op) { g.mov(src, dst) }
	g.Loop("group", n, func() {
		each(whole, whole)
		g.ADDQ(operand.U32(64), x)
		g.ADDQ(operand.U32(64), col)
		g.ADDQ(operand.U32(64), dst)
	})
	g.TESTQ(rest, rest)
	g.JZ(operand.LabelRef("next"))
	each(func(src, dst operand.Op) { g.VMOVUPD_Z(src, k, dst) }, func(src, dst operand.Op) { g.VMOVUPD(src, k, dst) })
	g.LEAQ(idx(x, rest, 8, 0), x)
	g.LEAQ(idx(dst, rest, 8, 0), dst)
	g.Label("next")
	g.mov(acc, mem(lanes, 0))
	g.ADDQ(operand.U32(64), lanes)
	g.ADDQ(ldy, y)
	g.DECQ(rows)
	g.JNZ(operand.LabelRef("row"))
	g.End()
}

// restOfGroup returns which elements of a group have a negative mask, and how many; where
// mask is nil it jumps to the label row, and there are none.
func (g *gen) restOfGroup(mask reg.Register) (k reg.OpmaskVirtual, rest reg.GPVirtual) {
	g.Comment("Elements in the part of a group.")
	k = g.K()
	bits := g.GP32()
	rest = g.GP64()
	g.XORQ(rest, rest)
	g.TESTQ(mask, mask)
	g.JZ(operand.LabelRef("row"))
	m := g.vec()
	g.VMOVDQU64(mem(mask, 0), m)
	g.VPMOVQ2M(m, k)
	g.KMOVW(k, bits)
	g.POPCNTL(bits, rest.As32())
	return k, rest
}

// fold writes the sum of the lanes of eight products at a time.
func (g *gen) fold() {
	g.begin("fold", "dst, lanes *float64, groups int",
		"adds the lanes of products up, in groups of 8:",
		"",
		"\tfor t := range 8 * groups {",
		"\t\tdst[t] = tree(lanes[t])",
		"\t}")
	dst, lanes, n := g.Arg("dst"), g.Arg("lanes"), g.Arg("groups")
	g.Loop("group", n, func() {
		acc := make([][]reg.VecVirtual, 8)
		for j := range acc {
			acc[j] = g.vecs(1)
			g.mov(mem(lanes, 64*j), acc[j][0])
		}
		g.tree(acc, mem(dst, 0))
		g.ADDQ(operand.U32(512), lanes)
		g.ADDQ(operand.U32(64), dst)
	})
	g.End()
}
