package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gather writes the sum of scaled rows, gathered by index, in a tile of some rows of the
// result: each result row's columns stay in registers over all of its entries. With
// narrow the rows are float32, converted to float64 as they are read.
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
	c := g.lastColumns(g.Arg("mask"), 1, narrow)
	dst, ldd, rows, from, to := g.Arg("dst"), g.Arg("ldd"), g.Arg("rows"), g.Arg("from"), g.Arg("to")
	alpha, index, w, ldw := g.Arg("alpha"), g.Arg("idx"), g.Arg("w"), g.Arg("ldw")
	t, end, row := g.GP64(), g.GP64(), g.GP64()
	acc := g.vecs(vectors)
	last := vectors - 1
	g.Label("row")
	g.MOVQ(mem(from, 0), t)
	g.MOVQ(mem(to, 0), end)
	g.CMPQ(t, end)
	g.JGE(operand.LabelRef("next"))
	c.loadAll(dst, acc)
	g.Align()
	g.Label("entry")
	g.rowOf(index, t, w, ldw, row)
	f, r := g.vec(), g.vec()
	g.broadcast(idx(alpha, t, uint8(g.bytes), 0), f)
	if narrow {
		for v := range last {
			g.VCVTPS2PD(mem(row, v*g.width/2), r)
			g.fma(r, f, acc[v])
		}
		c.loadNarrow(mem(row, last*g.width/2), r)
	} else {
		c.load(0, mem(row, last*g.width), r)
		for v := range last {
			g.fma(mem(row, v*g.width), f, acc[v])
		}
	}
	g.fma(r, f, acc[last])
	g.INCQ(t)
	g.CMPQ(t, end)
	g.JLT(operand.LabelRef("entry"))
	c.storeAll(acc, dst)
	g.Label("next")
	g.ADDQ(operand.U32(8), from)
	g.ADDQ(operand.U32(8), to)
	g.ADDQ(ldd, dst)
	g.DECQ(rows)
	g.JNZ(operand.LabelRef("row"))
	g.End()
}

// gatherFar is gather for one row of the result and rows of w that no near cache
// holds. For each entry it prefetches as much of another row: what the next call
// will read.
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
	dst, alpha, index, count, w, ldw := g.Arg("dst"), g.Arg("alpha"), g.Arg("idx"), g.Arg("count"), g.Arg("w"), g.Arg("ldw")
	nextIndex, next := g.Arg("nextIdx"), g.Arg("next")
	t, row := g.GP64(), g.GP64()
	g.XORQ(t, t)
	acc := g.vecs(vectors)
	for v := range acc {
		g.mov(mem(dst, v*g.width), acc[v])
	}
	g.Align()
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
	g.End()
}

// rowOf sets row to the beginning of the row of w that entry t names.
func (g *gen) rowOf(index, t, w, ldw, row reg.Register) {
	g.MOVLQSX(idx(index, t, 4, 0), row)
	g.IMULQ(ldw, row)
	g.ADDQ(w, row)
}

// gathered returns the name of a gather and the type of the elements of w.
func (g *gen) gathered(narrow bool) (name, goType string) {
	if narrow {
		return "gatherNarrow", f32.goType
	}
	return "gather", g.goType
}

// widened is how the loop in a comment converts x.
func widened(narrow bool, x string) string {
	if narrow {
		return "float64(" + x + ")"
	}
	return x
}
