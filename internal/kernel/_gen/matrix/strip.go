package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
		"ldd and ldw are in bytes. Where mask is not nil only those of the last 8 columns",
		"whose mask is negative are touched.")
	c := g.lastColumns(g.Arg("mask"), g.groupVectors(), false)
	dst, ldd, rows, offsets := g.Arg("dst"), g.Arg("ldd"), g.Arg("rows"), g.Arg("offsets")
	alpha, index, w, ldw, bias := g.Arg("alpha"), g.Arg("idx"), g.Arg("w"), g.Arg("ldw"), g.Arg("bias")
	t, end, row := g.GP64(), g.GP64(), g.GP64()
	acc := g.vecs(vectors)
	whole := vectors - c.masked
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
	f, r := g.vec(), g.vecs(c.masked)
	g.broadcast(idx(alpha, t, 8, 0), f)
	c.loadMasked(row, whole, r)
	for v := range whole {
		g.fma(mem(row, v*g.width), f, acc[v])
	}
	for q := range r {
		g.fma(r[q], f, acc[whole+q])
	}
	g.INCQ(t)
	g.CMPQ(t, end)
	g.JLT(operand.LabelRef("entry"))
	g.Label("sum")
	for v := range whole {
		g.add(mem(bias, v*g.width), acc[v], acc[v])
	}
	c.loadMasked(bias, whole, r)
	for q := range r {
		g.add(r[q], acc[whole+q], acc[whole+q])
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
		"ldd, ldx and ldw are in bytes. Where mask is not nil only those of the last 8 columns",
		"whose mask is negative are touched, the others count as zeros.")
	c := g.lastColumns(g.Arg("mask"), g.groupVectors(), false)
	lanes, dst, ldd, x, ldx := g.Arg("lanes"), g.Arg("dst"), g.Arg("ldd"), g.Arg("x"), g.Arg("ldx")
	rows, offsets, index, w, ldw := g.Arg("rows"), g.Arg("offsets"), g.Arg("idx"), g.Arg("w"), g.Arg("ldw")
	t, end, row := g.GP64(), g.GP64(), g.GP64()
	xs := g.vecs(vectors)
	whole := vectors - c.masked
	g.MOVQ(mem(offsets, 0), t)
	g.Label("row")
	g.MOVQ(mem(offsets, 8), end)
	c.loadAll(x, xs)
	c.storeAll(xs, dst)
	g.CMPQ(t, end)
	g.JGE(operand.LabelRef("next"))
	g.Align()
	g.Label("entry")
	g.rowOf(index, t, w, ldw, row)
	acc, r := g.vecs(g.groupVectors()), g.vecs(c.masked)
	for q := range acc {
		g.mov(mem(lanes, q*g.width), acc[q])
	}
	c.loadMasked(row, whole, r)
	for v := range whole {
		g.fma(mem(row, v*g.width), xs[v], acc[v%len(acc)])
	}
	for q := range acc {
		g.fma(r[q], xs[whole+q], acc[q])
		g.mov(acc[q], mem(lanes, q*g.width))
	}
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
	g.begin("stripSquares", "dst, lanes, x *float64, ldx int, y *float64, ldy, groups, rows int, scale float64, mask *float64",
		"adds squares of differences to sums, lane by lane, and scales the differences:",
		"",
		"\tfor i := range rows {",
		"\t\tfor q := range 8 * groups {",
		"\t\t\td := x[i][q] - y[i][q]",
		"\t\t\tlanes[i][q%8] = FMA(d, d, lanes[i][q%8])",
		"\t\t\tdst[i][q] = d * scale",
		"\t\t}", "\t}",
		"",
		"The rows of x and of dst are ldx bytes apart, those of y ldy bytes. Where mask is not",
		"nil it is for one more group, of which only the elements whose mask is negative are",
		"touched.")
	dst, lanes, x, ldx := g.Arg("dst"), g.Arg("lanes"), g.Arg("x"), g.Arg("ldx")
	y, ldy, groups, rows, mask := g.Arg("y"), g.Arg("ldy"), g.Arg("groups"), g.Arg("rows"), g.Arg("mask")
	scale := g.vec()
	g.broadcast(g.ArgAt("scale"), scale)
	acc := g.vecs(g.groupVectors())
	n, at := g.GP64(), g.GP64()
	each := func(q int, load, store func(src, dst operand.Op)) {
		d, t := g.vec(), g.vec()
		load(idx(x, at, 1, q*g.width), d)
		load(idx(y, at, 1, q*g.width), t)
		g.VSUBPD(t, d, d)
		g.fma(d, d, acc[q])
		g.VMULPD(scale, d, d)
		store(d, idx(dst, at, 1, q*g.width))
	}
	whole := func(src, dst operand.Op) { g.mov(src, dst) }
	g.Label("row")
	for q := range acc {
		g.mov(mem(lanes, q*g.width), acc[q])
	}
	g.MOVQ(groups, n)
	g.XORQ(at, at)
	g.Loop("group", n, func() {
		for q := range acc {
			each(q, whole, whole)
		}
		g.ADDQ(operand.U32(64), at)
	})
	g.TESTQ(mask, mask)
	g.JZ(operand.LabelRef("next"))
	for q := range acc {
		load, store := g.masked(mask, q)
		each(q, load, store)
	}
	g.Label("next")
	for q := range acc {
		g.mov(acc[q], mem(lanes, q*g.width))
	}
	g.ADDQ(operand.U32(64), lanes)
	g.ADDQ(ldx, x)
	g.ADDQ(ldx, dst)
	g.ADDQ(ldy, y)
	g.DECQ(rows)
	g.JNZ(operand.LabelRef("row"))
	g.End()
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
		for at := 0; at < 8; at += g.dotCols {
			acc := make([][]reg.VecVirtual, g.dotCols)
			for j := range acc {
				acc[j] = g.vecs(g.groupVectors())
				for q := range acc[j] {
					g.mov(mem(lanes, 64*(at+j)+q*g.width), acc[j][q])
				}
			}
			g.tree(acc, mem(dst, 8*at))
		}
		g.ADDQ(operand.U32(512), lanes)
		g.ADDQ(operand.U32(64), dst)
	})
	g.End()
}
