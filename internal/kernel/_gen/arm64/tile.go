package main

import "fmt"

// The tiles of products. Four rows of six registers leave 24 sums, six registers of B
// and one or two of A in 32 registers. A narrow tile has two registers in a row.
const (
	tileRows   = 4
	wideTile   = 6
	narrowTile = 2
)

// lanePad bytes follow each lane of packed rows: see the generator for amd64.
const lanePad = 64

// tile has the registers of a product tile, and the pointers to packed rows.
type tile struct {
	acc   [tileRows][]V
	row   []V // of B
	col   []V // of A
	a, b  R
	steps R // a copy, counted down
}

// newTile returns the registers of a tile of nv registers a row.
func (g *gen) newTile(nv int) tile {
	var t tile
	for i := range t.acc {
		t.acc[i] = g.newVs(nv)
	}
	t.row, t.col = g.newVs(nv), g.newVs(tileRows*g.bytes/16)
	t.a, t.b, t.steps = g.arg("a"), g.arg("b"), g.newR()
	return t
}

// run adds n steps of the outer product: of a column of A and a row of B each. It moves
// both pointers past them.
func (g *gen) run(t tile, n R) {
	g.copyR(t.steps, n)
	g.loop("step", t.steps, true, func() {
		g.loads(t.col, t.a, 0)
		g.loads(t.row, t.b, 0)
		g.addI(t.a, t.a, tileRows*g.bytes)
		g.addI(t.b, t.b, 16*len(t.row))
		for i := range t.acc {
			for v := range t.row {
				g.byElement("fmla."+g.shape, t.acc[i][v], t.row[v], t.col[i/g.perVec()], i%g.perVec())
			}
		}
	})
}

// eachRow calls f for every row of the tile in C, with a pointer that it moves.
func (g *gen) eachRow(p, ldc R, f func(i int)) {
	for i := range tileRows {
		f(i)
		if i < tileRows-1 {
			g.add(p, p, ldc)
		}
	}
}

// prefetchTile prefetches the tile in C, which is usually not in a cache, long before it
// is stored to.
func (g *gen) prefetchTile(p, ldc R, nv int) {
	g.eachRow(p, ldc, func(int) {
		for at := 0; at < 16*nv; at += 64 {
			g.prefetchWrite(p, at)
		}
		g.prefetchWrite(p, 16*nv-8)
	})
}

// chainTile adds steps of the chains of a tile, which start from C.
func (g *gen) chainTile(name string, nv int) {
	nr := nv * g.perVec()
	g.begin(name+g.suffix, fmt.Sprintf("c *%s, ldc int, a, b *%[1]s, steps int", g.goType), "",
		fmt.Sprintf("adds to a %dx%d tile of C (rows ldc bytes apart):", tileRows, nr),
		"",
		"\tfor p := range steps {",
		fmt.Sprintf("\t\tfor i := range %d {", tileRows),
		fmt.Sprintf("\t\t\tfor j := range %d {", nr),
		fmt.Sprintf("\t\t\t\tc[i][j] = FMA(a[%d*p+i], b[%d*p+j], c[i][j])", tileRows, nr),
		"\t\t\t}", "\t\t}", "\t}")
	c, ldc, steps, p := g.arg("c"), g.arg("ldc"), g.arg("steps"), g.newR()
	t := g.newTile(nv)
	g.copyR(p, c)
	g.eachRow(p, ldc, func(i int) { g.loads(t.acc[i], p, 0) })
	g.add(p, p, ldc) // the tile below is the next one
	g.prefetchTile(p, ldc, nv)
	g.run(t, steps)
	g.eachRow(c, ldc, func(i int) { g.stores(t.acc[i], c, 0) })
	g.end()
}

// laneTile sums a tile of dot products with one chain for each lane. The lanes come in
// the order in which the tree of dot order takes them, so that finished lanes form a
// stack: after lane t, as many sums are popped and added as t has trailing ones in
// binary.
func (g *gen) laneTile(name string, nv int) {
	nr := nv * g.perVec()
	g.begin(name+g.suffix, fmt.Sprintf("c *%s, ldc int, a, b *%[1]s, steps int, stack *%[1]s, first, last int", g.goType), "",
		fmt.Sprintf("computes lanes first to last-1, in the order of the tree, of a %dx%d tile of dot products:", tileRows, nr),
		"",
		"\tfor t := first; t < last; t++ {",
		"\t\tvar sum tile",
		"\t\tfor p := range steps {",
		fmt.Sprintf("\t\t\tfor i := range %d {", tileRows),
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
	c, ldc, steps, stack := g.arg("c"), g.arg("ldc"), g.arg("steps"), g.arg("stack")
	lane, last, p := g.arg("first"), g.arg("last"), g.newR()
	t := g.newTile(nv)
	g.copyR(p, c)
	g.prefetchTile(p, ldc, nv)
	g.label("lane")
	for i := range t.acc {
		for _, z := range t.acc[i] {
			g.zero(z)
		}
	}
	g.run(t, steps)
	g.addI(t.a, t.a, lanePad)
	g.addI(t.b, t.b, lanePad)
	g.popAndPush(t, stack, lane)
	g.ifCompare(lane, "LT", last, "lane")
	g.end()
	g.label("store")
	g.eachRow(c, ldc, func(i int) { g.stores(t.acc[i], c, 0) })
	g.end()
}

// popAndPush adds to the sums of a lane those that the tree adds to it, and pushes the
// result. After the last lane it jumps to the label store instead. It leaves in lane the
// next one.
func (g *gen) popAndPush(t tile, stack, lane R) {
	nv := len(t.row)
	bits := g.newR()
	g.copyR(bits, lane)
	g.label("pop")
	g.ifBit(false, 0, bits, "push")
	g.subI(stack, stack, 16*nv*tileRows)
	for i := range t.acc {
		g.loads(t.row, stack, 16*nv*i)
		for v, r := range t.row {
			g.do("fadd."+g.shape, t.acc[i][v], t.acc[i][v], r)
		}
	}
	g.shiftR(bits, bits, 1)
	g.jump("pop")
	g.label("push")
	g.addI(lane, lane, 1)
	g.ifCompareI(lane, "EQ", g.lanes, "store")
	for i := range t.acc {
		g.stores(t.acc[i], stack, 16*nv*i)
	}
	g.addI(stack, stack, 16*nv*tileRows)
}

// peak runs multiply-adds on registers alone: no kernel exceeds its rate.
func (g *gen) peak() {
	g.begin("peak"+g.suffix, "n int", "", "does n times 24 independent multiply-adds of whole registers, on registers only.")
	n, acc, x := g.arg("n"), g.newVs(tileRows*wideTile), g.newV()
	for _, z := range append(acc, x) {
		g.zero(z)
	}
	g.loop("peak", n, true, func() {
		for _, z := range acc {
			g.byElement("fmla."+g.shape, z, x, x, 0)
		}
	})
	g.end()
}
