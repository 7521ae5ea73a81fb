package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// outer adds one step of the outer product to the tile: a column of A (mr
// values) times a row of B (nv vectors).
func (g *gen) outer(acc [][]reg.VecVirtual, a, b reg.Register) {
	row := make([]reg.VecVirtual, g.nv)
	for v := range row {
		row[v] = g.vec()
		g.mov(mem(b, v*g.width), row[v])
	}
	for i := range acc {
		f := g.vec()
		g.broadcast(mem(a, i*g.bytes), f)
		for v := range row {
			g.fma(f, row[v], acc[i][v])
		}
	}
}

// lanePad bytes follow each lane of packed rows. Without them the lanes of rows of
// 1024 elements lie at multiples of 4 KiB and compete, when pack writes all of them
// at once, for one set of the first-level cache.
const lanePad = 64

// steps runs n steps of the outer product over packed A and B and moves both pointers
// past them. Unrolling the loop by 2 or 4 gained nothing.
func (g *gen) steps(acc [][]reg.VecVirtual, a, b reg.Register, n operand.Op) {
	count := g.GP64()
	g.MOVQ(n, count)
	g.Loop("step", count, func() {
		g.outer(acc, a, b)
		g.ADDQ(operand.U32(g.mr*g.bytes), a)
		g.ADDQ(operand.U32(g.nv*g.width), b)
	})
}

// accumulators returns the registers of the product tile, by row.
func (g *gen) accumulators() [][]reg.VecVirtual {
	acc := make([][]reg.VecVirtual, g.mr)
	for i := range acc {
		acc[i] = g.vecs(g.nv)
	}
	return acc
}

// eachRow calls f for every vector of the tile in C, row by row, and returns a pointer to
// the last row.
func (g *gen) eachRow(c, ldc reg.Register, f func(i, v int, at operand.Mem)) reg.GPVirtual {
	p := g.GP64()
	g.MOVQ(c, p)
	for i := range g.mr {
		for v := range g.nv {
			f(i, v, mem(p, v*g.width))
		}
		if i < g.mr-1 {
			g.ADDQ(ldc, p)
		}
	}
	return p
}

// tileDoc is the shape of the product tile, for a comment.
func (g *gen) tileDoc() string {
	return fmt.Sprintf("%dx%d tile", g.mr, g.nv*g.perVec())
}

// prefetchTile prefetches the tile in C, which is usually not in a cache, long before it
// is stored to.
func (g *gen) prefetchTile(p, ldc reg.Register) {
	for i := range g.mr {
		for at := 0; at < g.nv*g.width; at += 64 {
			g.PREFETCHT0(mem(p, at))
		}
		g.PREFETCHT0(mem(p, g.nv*g.width-1))
		if i < g.mr-1 {
			g.ADDQ(ldc, p)
		}
	}
}

// chainTile adds steps of the chains of a tile, which start from C.
func (g *gen) chainTile(name string) {
	nr := g.nv * g.perVec()
	g.begin(name, fmt.Sprintf("c *%s, ldc int, a, b *%[1]s, steps int", g.goType),
		fmt.Sprintf("adds to a %s of C (rows ldc bytes apart):", g.tileDoc()),
		"",
		"\tfor p := range steps {",
		fmt.Sprintf("\t\tfor i := range %d {", g.mr),
		fmt.Sprintf("\t\t\tfor j := range %d {", nr),
		fmt.Sprintf("\t\t\t\tc[i][j] = FMA(a[%d*p+i], b[%d*p+j], c[i][j])", g.mr, nr),
		"\t\t\t}", "\t\t}", "\t}")
	c, ldc, a, b, n := g.Arg("c"), g.Arg("ldc"), g.Arg("a"), g.Arg("b"), g.Arg("steps")
	acc := g.accumulators()
	below := g.eachRow(c, ldc, func(i, v int, at operand.Mem) { g.mov(at, acc[i][v]) })
	g.Comment("The tile below is the next one.")
	g.ADDQ(ldc, below)
	g.prefetchTile(below, ldc)
	g.steps(acc, a, b, n)
	g.eachRow(c, ldc, func(i, v int, at operand.Mem) { g.mov(acc[i][v], at) })
	g.End()
}

// laneTile sums a tile of dot products with one chain for each lane. The lanes come in
// the order in which the tree of dot order takes them, so that finished lanes form a
// stack: after lane t, as many sums are popped and added as t has trailing ones in
// binary.
func (g *gen) laneTile(name string) {
	nr := g.nv * g.perVec()
	g.begin(name, fmt.Sprintf("c *%s, ldc int, a, b *%[1]s, steps int, stack *%[1]s, first, last int", g.goType),
		fmt.Sprintf("computes lanes first to last-1, in the order of the tree, of a %s of dot products:", g.tileDoc()),
		"",
		"\tfor t := first; t < last; t++ {",
		"\t\tvar sum tile",
		"\t\tfor p := range steps {",
		fmt.Sprintf("\t\t\tfor i := range %d {", g.mr),
		fmt.Sprintf("\t\t\t\tfor j := range %d {", nr),
		"\t\t\t\t\tsum[i][j] = FMA(a[t][p][i], b[t][p][j], sum[i][j])",
		"\t\t\t\t}", "\t\t\t}", "\t\t}",
		"\t\tfor bits := t; bits&1 == 1; bits >>= 1 {",
		"\t\t\tsum += pop(stack)",
		"\t\t}",
		"\t\tpush(stack, sum)",
		"\t}",
		"",
		fmt.Sprintf("%d bytes follow each lane of a and of b;", lanePad),
		fmt.Sprintf("stack points behind the last tile on the stack; lane %d goes to C (rows ldc bytes apart) instead.", g.lanes-1))
	a, b, sp, t := g.Arg("a"), g.Arg("b"), g.Arg("stack"), g.Arg("first")
	acc := g.accumulators()
	steps, _ := g.Param("steps").Resolve()
	g.prefetchTile(g.Arg("c"), g.Arg("ldc"))
	last, _ := g.Param("last").Resolve()
	g.Label("lane")
	for i := range acc {
		for _, z := range acc[i] {
			g.zero(z)
		}
	}
	g.steps(acc, a, b, steps.Addr)
	g.ADDQ(operand.U32(lanePad), a)
	g.ADDQ(operand.U32(lanePad), b)
	g.popAndPush(acc, sp, t)
	g.CMPQ(t, last.Addr)
	g.JL(operand.LabelRef("lane"))
	g.JMP(operand.LabelRef("out"))
	g.Label("store")
	c, ldc := g.Arg("c"), g.Arg("ldc")
	g.eachRow(c, ldc, func(i, v int, at operand.Mem) { g.mov(acc[i][v], at) })
	g.Label("out")
	g.End()
}

// popAndPush adds to the sums of lane t those that the tree adds to it, from the stack at
// sp, and pushes the result. After the last lane it jumps to the label store instead. It
// leaves in t the next lane.
func (g *gen) popAndPush(acc [][]reg.VecVirtual, sp, t reg.GPVirtual) {
	tile := uint64(g.mr * g.nv * g.width)
	each := func(f func(i, v int, at operand.Mem)) {
		for i := range g.mr {
			for v := range g.nv {
				f(i, v, mem(sp, (i*g.nv+v)*g.width))
			}
		}
	}
	bits := g.GP64()
	g.MOVQ(t, bits)
	g.Label("pop")
	g.TESTQ(operand.U32(1), bits)
	g.JZ(operand.LabelRef("push"))
	g.SUBQ(operand.U32(tile), sp)
	each(func(i, v int, at operand.Mem) { g.add(at, acc[i][v], acc[i][v]) })
	g.SHRQ(operand.Imm(1), bits)
	g.JMP(operand.LabelRef("pop"))
	g.Label("push")
	g.INCQ(t)
	g.CMPQ(t, operand.U8(g.lanes))
	g.JE(operand.LabelRef("store"))
	each(func(i, v int, at operand.Mem) { g.mov(acc[i][v], at) })
	g.ADDQ(operand.U32(tile), sp)
}

// peak runs multiply-adds on registers alone: no kernel exceeds its rate.
func (g *gen) peak() {
	g.begin("peak", "n int",
		"does n times 24 (AVX2: 12) independent multiply-adds of whole vectors, on registers only.")
	n := g.Arg("n")
	acc := g.vecs(g.mr * g.wide)
	x := g.vec()
	g.zero(x)
	for _, z := range acc {
		g.zero(z)
	}
	g.Loop("peak", n, func() {
		for _, z := range acc {
			g.fma(x, x, z)
		}
	})
	g.End()
}
