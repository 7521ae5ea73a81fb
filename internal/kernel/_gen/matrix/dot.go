package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dotTile multiplies rows of A with dotCols rows of B, straight from memory.
func (g *gen) dotTile(rows int) {
	cols, parts := g.dotCols, g.lanes*g.bytes/g.width
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
	x, ldx, ptrs, n, mask := g.arg("x"), g.arg("ldx"), g.arg("rows"), g.arg("groups"), g.arg("mask")
	row := make([]reg.GPVirtual, cols)
	for j := range row {
		row[j] = g.GP64()
		g.MOVQ(mem(ptrs, 8*j), row[j])
	}
	if rows == 1 {
		g.prefetchRows(ptrs, cols)
	}
	pos := g.GP64()
	g.XORQ(pos, pos)
	acc := make([][][]reg.VecVirtual, rows) // row, col, part of a group
	for i := range acc {
		acc[i] = make([][]reg.VecVirtual, cols)
		for j := range acc[i] {
			acc[i][j] = g.vecs(parts)
			for _, z := range acc[i][j] {
				g.zero(z)
			}
		}
	}
	xAt := func(i, disp int) operand.Mem {
		m := mem(x, disp)
		if i > 0 {
			m = idx(x, ldx, uint8(i), disp)
		}
		return m
	}
	g.loop("group", n, func() {
		for q := range parts {
			a := g.vecs(rows)
			for i := range a {
				g.mov(xAt(i, q*g.width), a[i])
			}
			for j := range cols {
				if rows == 1 {
					g.fma(idx(row[j], pos, 1, q*g.width), a[0], acc[0][j][q])
					continue
				}
				b := g.vec()
				g.mov(idx(row[j], pos, 1, q*g.width), b)
				for i := range a {
					g.fma(b, a[i], acc[i][j][q])
				}
			}
		}
		g.ADDQ(operand.U32(parts*g.width), x)
		g.ADDQ(operand.U32(parts*g.width), pos)
	})
	g.TESTQ(mask, mask)
	g.JZ(operand.LabelRef("reduce"))
	for q := range parts {
		load, _ := g.masked(mask, q)
		a := g.vecs(rows)
		for i := range a {
			load(xAt(i, q*g.width), a[i])
		}
		for j := range cols {
			b := g.vec()
			load(idx(row[j], pos, 1, q*g.width), b)
			for i := range a {
				g.fma(b, a[i], acc[i][j][q])
			}
		}
	}
	g.Label("reduce")
	dst, ldd := g.arg("dst"), g.arg("ldd")
	for i := range acc {
		g.tree(acc[i], mem(dst, 0))
		if i < rows-1 {
			g.ADDQ(ldd, dst)
		}
	}
	g.end()
}

// prefetchRows asks for the beginnings of the count rows whose pointers follow
// count others: the processor's own prefetch takes over once a row is under way.
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

// masked returns a load and a store of those elements of part q of a group
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

// dot is the product of one pair of rows, bound by the latency of one chain.
func (g *gen) dot() {
	parts := g.lanes * g.bytes / g.width
	g.begin("dot", fmt.Sprintf("x, y *%s, groups int, mask *%[1]s) (sum %[1]s", g.goType),
		fmt.Sprintf("returns the dot product over groups of %d elements and, where mask is not", g.lanes),
		"nil, one more of which only the elements whose mask is negative are read.")
	x, y, n, mask := g.arg("x"), g.arg("y"), g.arg("groups"), g.arg("mask")
	acc := g.vecs(parts)
	for _, z := range acc {
		g.zero(z)
	}
	g.loop("group", n, func() {
		for q, z := range acc {
			a := g.vec()
			g.mov(mem(x, q*g.width), a)
			g.fma(mem(y, q*g.width), a, z)
		}
		g.ADDQ(operand.U32(parts*g.width), x)
		g.ADDQ(operand.U32(parts*g.width), y)
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
	if parts == 2 {
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
	g.end()
}

// squares multiplies dotCols rows with themselves: side by side, as each sum is bound
// by the latency of its chain.
func (g *gen) squares() {
	rows, parts := g.dotCols, g.lanes*g.bytes/g.width
	g.begin("squares", fmt.Sprintf("dst, x *%s, ldx, groups int, mask *%[1]s", g.goType),
		fmt.Sprintf("sets %d dot products of rows of x (ldx bytes apart) with themselves:", rows),
		"",
		fmt.Sprintf("\tfor i := range %d {", rows),
		"\t\tdst[i] = Dot(x[i], x[i])",
		"\t}",
		"",
		fmt.Sprintf("over groups of %d elements and, where mask is not nil, one more of which only", g.lanes),
		"the elements whose mask is negative are read.")
	x, ldx, n, mask := g.arg("x"), g.arg("ldx"), g.arg("groups"), g.arg("mask")
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
	acc := make([][]reg.VecVirtual, rows) // row, part of a group
	for i := range acc {
		acc[i] = g.vecs(parts)
		for _, z := range acc[i] {
			g.zero(z)
		}
	}
	g.loop("group", n, func() {
		for q := range parts {
			for i := range acc {
				a := g.vec()
				g.mov(row(i, q*g.width), a)
				g.fma(a, a, acc[i][q])
			}
		}
		for _, b := range base {
			g.ADDQ(operand.U32(parts*g.width), b)
		}
	})
	g.TESTQ(mask, mask)
	g.JZ(operand.LabelRef("reduce"))
	for q := range parts {
		load, _ := g.masked(mask, q)
		for i := range acc {
			a := g.vec()
			load(row(i, q*g.width), a)
			g.fma(a, a, acc[i][q])
		}
	}
	g.Label("reduce")
	g.tree(acc, mem(g.arg("dst"), 0))
	g.end()
}

// tree adds the lanes of each column's sum, by halves, columns side by side, and
// stores the row of results.
func (g *gen) tree(acc [][]reg.VecVirtual, at operand.Mem) {
	one := func(j int) reg.VecVirtual { return acc[j][0] }
	switch {
	case g.width == 64:
		// Lanes i and i+half of the whole vector, then of its 256-bit halves.
		pair := func(x, y reg.VecVirtual, lo, hi int) reg.VecVirtual {
			a, b := g.vec(), g.vec()
			g.shuf128(lo, y, x, a)
			g.shuf128(hi, y, x, b)
			g.add(b, a, a)
			return a
		}
		four := func(a, b, c, d int) reg.VecVirtual {
			return pair(pair(one(a), one(b), 0x44, 0xee), pair(one(c), one(d), 0x44, 0xee), 0x88, 0xdd)
		}
		if g.bytes == 8 {
			x, y := four(0, 2, 4, 6), four(1, 3, 5, 7)
			lo, hi := g.vec(), g.vec()
			g.VUNPCKLPD(y, x, lo)
			g.VUNPCKHPD(y, x, hi)
			g.VADDPD(hi, lo, lo)
			g.mov(lo, at)
			return
		}
		x, y := four(0, 2, 4, 6), four(1, 3, 5, 7)
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
	case g.bytes == 8:
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
		x, y := pair(one(0), one(2)), pair(one(1), one(3))
		lo, hi := g.vec(), g.vec()
		g.VUNPCKLPD(y, x, lo)
		g.VUNPCKHPD(y, x, hi)
		g.VADDPD(hi, lo, lo)
		g.mov(lo, at)
	default:
		var s [4]reg.VecVirtual
		for j := range acc {
			g.VADDPS(acc[j][1], acc[j][0], acc[j][0])
			hi, lo := g.XMM(), g.XMM()
			g.VEXTRACTF128(operand.U8(1), one(j), hi)
			g.VADDPS(hi, one(j).AsX(), lo)
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
}
