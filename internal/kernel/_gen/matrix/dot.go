package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dotTile writes the product of some rows of A with dotCols rows of B, where they lie in
// memory.
func (g *gen) dotTile(rows int) {
	cols, vectors := g.dotCols, g.groupVectors()
	g.begin(fmt.Sprintf("dot%d", rows), fmt.Sprintf("dst *%s, ldd int, x *%[1]s, ldx int, rows **%[1]s, groups int, mask *%[1]s", g.goType),
		fmt.Sprintf("sets %dx%d dot products of rows of x (ldx bytes apart) with rows:", rows, cols),
		"",
		fmt.Sprintf("\tfor i := range %d {", rows),
		fmt.Sprintf("\t\tfor j := range %d {", cols),
		"\t\t\tdst[i][j] = Dot(x[i], rows[j])",
		"\t\t}", "\t}",
		"",
		fmt.Sprintf("over groups of %d elements and, where mask is not nil, one more of which only", g.lanes),
		"the elements whose mask is negative are read. dst's rows are ldd bytes apart.")
	t := dotTile{gen: g, row: make([]reg.GPVirtual, cols), acc: make([][][]reg.VecVirtual, rows)}
	t.x, t.ldx = g.Arg("x"), g.Arg("ldx")
	ptrs, n, mask := g.Arg("rows"), g.Arg("groups"), g.Arg("mask")
	for j := range t.row {
		t.row[j] = g.GP64()
		g.MOVQ(mem(ptrs, 8*j), t.row[j])
	}
	if rows == 1 {
		g.prefetchRows(ptrs, cols)
	}
	t.pos = g.GP64()
	g.XORQ(t.pos, t.pos)
	for i := range t.acc {
		t.acc[i] = g.zeros(cols, vectors)
	}
	g.Loop("group", n, func() {
		for q := range vectors {
			t.multiply(q)
		}
		g.ADDQ(operand.U32(vectors*g.width), t.x)
		g.ADDQ(operand.U32(vectors*g.width), t.pos)
	})
	g.TESTQ(mask, mask)
	g.JZ(operand.LabelRef("reduce"))
	for q := range vectors {
		load, _ := g.masked(mask, q)
		t.multiplyLoaded(q, load)
	}
	g.Label("reduce")
	dst, ldd := g.Arg("dst"), g.Arg("ldd")
	for i := range t.acc {
		g.tree(t.acc[i], mem(dst, 0))
		if i < rows-1 {
			g.ADDQ(ldd, dst)
		}
	}
	g.End()
}

// dotTile has the registers of a dot tile.
type dotTile struct {
	*gen
	x, ldx reg.GPVirtual
	row    []reg.GPVirtual      // the rows of B
	pos    reg.GPVirtual        // bytes of those rows that are multiplied
	acc    [][][]reg.VecVirtual // by row, column and vector of a group
}

// xAt is the place disp bytes into row i of x.
func (g dotTile) xAt(i, disp int) operand.Mem {
	if i > 0 {
		return idx(g.x, g.ldx, uint8(i), disp)
	}
	return mem(g.x, disp)
}

// multiply adds the products of vector q of a group. A single row of x takes the rows of
// B from memory.
func (g dotTile) multiply(q int) {
	if len(g.acc) > 1 {
		g.multiplyLoaded(q, func(src, dst operand.Op) { g.mov(src, dst) })
		return
	}
	a := g.vec()
	g.mov(g.xAt(0, q*g.width), a)
	for j := range g.row {
		g.fma(idx(g.row[j], g.pos, 1, q*g.width), a, g.acc[0][j][q])
	}
}

// multiplyLoaded is multiply with all rows in registers, put there by load.
func (g dotTile) multiplyLoaded(q int, load func(src, dst operand.Op)) {
	a := g.vecs(len(g.acc))
	for i := range a {
		load(g.xAt(i, q*g.width), a[i])
	}
	for j := range g.row {
		b := g.vec()
		load(idx(g.row[j], g.pos, 1, q*g.width), b)
		for i := range a {
			g.fma(b, a[i], g.acc[i][j][q])
		}
	}
}

// prefetchRows prefetches the beginnings of the count rows whose pointers follow
// count others: the processor's own prefetch does the rest of a row.
func (g *gen) prefetchRows(ptrs reg.Register, count int) {
	p := g.GP64()
	for j := range count {
		g.MOVQ(mem(ptrs, 8*(count+j)), p)
		for at := range prefetchLines {
			g.PREFETCHT0(mem(p, 64*at))
		}
	}
}

// prefetchLines is what measured best in rows from memory: 42-44 GB/s without,
// 45-47 with 4 lines, 43-45 with 2, 8 or 16, and 38-40 with whole rows.
const prefetchLines = 4

// masked returns a load and a store of those elements of vector q of a group
// whose mask is negative.
func (g *gen) masked(mask reg.Register, q int) (load, store func(src, dst operand.Op)) {
	m := g.vec()
	if g.width == 64 {
		k := g.K()
		g.VMOVDQU64(mem(mask, q*g.width), m)
		if g.bytes == 8 {
			g.VPMOVQ2M(m, k)
			return func(src, dst operand.Op) { g.VMOVUPD_Z(src, k, dst) },
				func(src, dst operand.Op) { g.VMOVUPD(src, k, dst) }
		}
		g.VPMOVD2M(m, k)
		return func(src, dst operand.Op) { g.VMOVUPS_Z(src, k, dst) },
			func(src, dst operand.Op) { g.VMOVUPS(src, k, dst) }
	}
	g.VMOVDQU(mem(mask, q*g.width), m)
	if g.bytes == 8 {
		return func(src, dst operand.Op) { g.VMASKMOVPD(src, m, dst) },
			func(src, dst operand.Op) { g.VMASKMOVPD(src, m, dst) }
	}
	return func(src, dst operand.Op) { g.VMASKMOVPS(src, m, dst) },
		func(src, dst operand.Op) { g.VMASKMOVPS(src, m, dst) }
}

// dot writes the product of one pair of rows, bound by the latency of one chain.
func (g *gen) dot() {
	vectors := g.groupVectors()
	g.begin("dot", fmt.Sprintf("x, y *%s, groups int, mask *%[1]s) (sum %[1]s", g.goType),
		fmt.Sprintf("returns the dot product over groups of %d elements and, where mask is not", g.lanes),
		"nil, one more of which only the elements whose mask is negative are read.")
	x, y, n, mask := g.Arg("x"), g.Arg("y"), g.Arg("groups"), g.Arg("mask")
	acc := g.zeros(1, vectors)[0]
	g.Loop("group", n, func() {
		for q, z := range acc {
			a := g.vec()
			g.mov(mem(x, q*g.width), a)
			g.fma(mem(y, q*g.width), a, z)
		}
		g.ADDQ(operand.U32(vectors*g.width), x)
		g.ADDQ(operand.U32(vectors*g.width), y)
	})
	g.TESTQ(mask, mask)
	g.JZ(operand.LabelRef("reduce"))
	for q, z := range acc {
		load, _ := g.masked(mask, q)
		a, b := g.vec(), g.vec()
		load(mem(x, q*g.width), a)
		load(mem(y, q*g.width), b)
		g.fma(b, a, z)
	}
	g.Label("reduce")
	z := acc[0]
	if vectors == 2 {
		g.add(acc[1], z, z)
	} else {
		h := g.YMM()
		g.VEXTRACTF64X4(operand.U8(1), z, h)
		g.add(h, z.AsY(), z.AsY())
	}
	s, h := z.AsX(), g.XMM()
	g.VEXTRACTF128(operand.U8(1), z.AsY(), h)
	g.add(h, s, s)
	g.VUNPCKHPD(s, s, h)
	g.add(h, s, s)
	if g.bytes == 4 {
		g.VMOVSHDUP(s, h)
		g.add(h, s, s)
	}
	g.Store(s, g.Return("sum"))
	g.End()
}

// squares writes the product of dotCols rows with themselves: side by side, as each sum
// is bound by the latency of its chain.
func (g *gen) squares() {
	rows, vectors := g.dotCols, g.groupVectors()
	g.begin("squares", fmt.Sprintf("dst, x *%s, ldx, groups int, mask *%[1]s", g.goType),
		fmt.Sprintf("sets %d dot products of rows of x (ldx bytes apart) with themselves:", rows),
		"",
		fmt.Sprintf("\tfor i := range %d {", rows),
		"\t\tdst[i] = Dot(x[i], x[i])",
		"\t}",
		"",
		fmt.Sprintf("over groups of %d elements and, where mask is not nil, one more of which only", g.lanes),
		"the elements whose mask is negative are read.")
	x, ldx, n, mask := g.Arg("x"), g.Arg("ldx"), g.Arg("groups"), g.Arg("mask")
	base := []reg.Register{x}
	for len(base) < (rows+2)/3 { // three rows each
		b := g.GP64()
		g.LEAQ(idx(base[len(base)-1], ldx, 2, 0), b)
		g.ADDQ(ldx, b)
		base = append(base, b)
	}
	row := func(i, disp int) operand.Mem {
		if i%3 == 0 {
			return mem(base[i/3], disp)
		}
		return idx(base[i/3], ldx, uint8(i%3), disp)
	}
	acc := g.zeros(rows, vectors)
	g.Loop("group", n, func() {
		for q := range vectors {
			for i := range acc {
				a := g.vec()
				g.mov(row(i, q*g.width), a)
				g.fma(a, a, acc[i][q])
			}
		}
		for _, b := range base {
			g.ADDQ(operand.U32(vectors*g.width), b)
		}
	})
	g.TESTQ(mask, mask)
	g.JZ(operand.LabelRef("reduce"))
	for q := range vectors {
		load, _ := g.masked(mask, q)
		for i := range acc {
			a := g.vec()
			load(row(i, q*g.width), a)
			g.fma(a, a, acc[i][q])
		}
	}
	g.Label("reduce")
	g.tree(acc, mem(g.Arg("dst"), 0))
	g.End()
}
