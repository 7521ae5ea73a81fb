package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// outer adds one step of the outer product to the tile: a column of A (mr
// values) times a row of B (nv vectors).
func (g *gen) outer(acc [][]reg.VecVirtual, a, b reg.Register, step int) {
	row := make([]reg.VecVirtual, g.nv)
	for v := range row {
		row[v] = g.vec()
		g.mov(mem(b, (step*g.nv+v)*g.width), row[v])
	}
	for i := range acc {
		f := g.vec()
		g.broadcast(mem(a, (step*g.mr+i)*g.bytes), f)
		for v := range row {
			g.fma(f, row[v], acc[i][v])
		}
	}
}

const unroll = 4

// steps runs the outer product over n steps of packed A and B and leaves both
// pointers behind what was read.
func (g *gen) steps(acc [][]reg.VecVirtual, a, b reg.Register, n operand.Op) {
	block := func(name string, count reg.GPVirtual, u int) {
		g.loop(name, count, func() {
			for s := range u {
				g.outer(acc, a, b, s)
			}
			g.ADDQ(operand.U32(u*g.mr*g.bytes), a)
			g.ADDQ(operand.U32(u*g.nv*g.width), b)
		})
	}
	count := g.GP64()
	g.MOVQ(n, count)
	g.SHRQ(operand.Imm(2), count)
	block("by4", count, unroll)
	rest := g.GP64()
	g.MOVQ(n, rest)
	g.ANDQ(operand.Imm(unroll-1), rest)
	block("by1", rest, 1)
}

func (g *gen) accumulators() [][]reg.VecVirtual {
	acc := make([][]reg.VecVirtual, g.mr)
	for i := range acc {
		acc[i] = g.vecs(g.nv)
	}
	return acc
}

// eachRow visits the tile in C, row by row.
func (g *gen) eachRow(c, ldc reg.Register, f func(i, v int, at operand.Mem)) {
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
}

func (g *gen) tileDoc() string {
	return g.lines("%dx%d tile", g.mr, g.nv*g.perVec())
}

// chainTile: accumulators start from C.
func (g *gen) chainTile() {
	nr := g.nv * g.perVec()
	g.begin("chain", g.lines("c *%s, ldc int, a, b *%[1]s, steps int", g.goType),
		g.lines("adds to a %s of C (rows ldc bytes apart):", g.tileDoc()),
		"",
		"\tfor p := range steps {",
		g.lines("\t\tfor i := range %d {", g.mr),
		g.lines("\t\t\tfor j := range %d {", nr),
		g.lines("\t\t\t\tc[i][j] = FMA(a[%d*p+i], b[%d*p+j], c[i][j])", g.mr, nr),
		"\t\t\t}", "\t\t}", "\t}")
	c, ldc, a, b, n := g.arg("c"), g.arg("ldc"), g.arg("a"), g.arg("b"), g.arg("steps")
	acc := g.accumulators()
	g.eachRow(c, ldc, func(i, v int, at operand.Mem) { g.mov(at, acc[i][v]) })
	g.steps(acc, a, b, n)
	g.eachRow(c, ldc, func(i, v int, at operand.Mem) { g.mov(acc[i][v], at) })
	g.end()
}

// laneTile: one chain for each lane, lanes in the order in which the tree of a
// dot product meets them, so that finished lanes form a stack: after lane t, as
// many sums are popped and added as t has trailing ones in binary.
func (g *gen) laneTile() {
	nr := g.nv * g.perVec()
	g.begin("lane", g.lines("c *%s, ldc int, a, b *%[1]s, steps int, stack *%[1]s, first, last int", g.goType),
		g.lines("computes lanes first to last-1, in the order of the tree, of a %s of dot products:", g.tileDoc()),
		"",
		"\tfor t := first; t < last; t++ {",
		"\t\tvar sum tile",
		"\t\tfor p := range steps {",
		g.lines("\t\t\tfor i := range %d {", g.mr),
		g.lines("\t\t\t\tfor j := range %d {", nr),
		"\t\t\t\t\tsum[i][j] = FMA(a[t][p][i], b[t][p][j], sum[i][j])",
		"\t\t\t\t}", "\t\t\t}", "\t\t}",
		"\t\tfor bits := t; bits&1 == 1; bits >>= 1 {",
		"\t\t\tsum += pop(stack)",
		"\t\t}",
		"\t\tpush(stack, sum)",
		"\t}",
		"",
		g.lines("stack points behind the last tile on the stack; lane %d goes to C (rows ldc bytes apart) instead.", g.lanes-1))
	a, b, sp, t := g.arg("a"), g.arg("b"), g.arg("stack"), g.arg("first")
	acc := g.accumulators()
	tile := uint64(g.mr * g.nv * g.width)
	each := func(f func(i, v int, at operand.Mem)) {
		for i := range g.mr {
			for v := range g.nv {
				f(i, v, mem(sp, (i*g.nv+v)*g.width))
			}
		}
	}
	steps, _ := g.Param("steps").Resolve()
	last, _ := g.Param("last").Resolve()
	g.Label("lane")
	for i := range acc {
		for _, z := range acc[i] {
			g.zero(z)
		}
	}
	g.steps(acc, a, b, steps.Addr)
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
	g.CMPQ(t, last.Addr)
	g.JL(operand.LabelRef("lane"))
	g.JMP(operand.LabelRef("out"))
	g.Label("store")
	c, ldc := g.arg("c"), g.arg("ldc")
	g.eachRow(c, ldc, func(i, v int, at operand.Mem) { g.mov(acc[i][v], at) })
	g.Label("out")
	g.end()
}

// peak runs multiply-adds on registers alone: the rate nothing can exceed.
func (g *gen) peak() {
	g.begin("peak", "n int",
		"does n times 24 (AVX2: 12) independent multiply-adds of whole vectors, on registers only.")
	n := g.arg("n")
	acc := g.vecs(g.mr * g.nv)
	x := g.vec()
	g.zero(x)
	for _, z := range acc {
		g.zero(z)
	}
	g.loop("peak", n, func() {
		for _, z := range acc {
			g.fma(x, x, z)
		}
	})
	g.end()
}
