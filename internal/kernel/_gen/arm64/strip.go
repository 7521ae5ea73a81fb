package main

import "fmt"

// stripVectors are how many registers a row of a tile that decodes has, stripGroups how
// many groups of 8 columns one that multiplies has: their sums or columns stay in
// registers.
var (
	stripVectors = []int{1, 2, 4, 8, 16}
	stripGroups  = []int{1, 2, 4}
)

// strips writes the kernels that work on a strip of columns.
func (g *gen) strips() {
	for _, vectors := range stripVectors {
		g.stripDecode(vectors)
	}
	for _, groups := range stripGroups {
		g.stripDot(groups)
	}
	g.stripSquares()
	g.fold()
}

// stripDecode writes the sum of scaled rows, gathered by index, plus the bias. The last
// register is that of gather.
func (g *gen) stripDecode(vectors int) {
	g.begin(fmt.Sprintf("stripDecode%d%s", vectors, g.suffix), "dst *float64, ldd, rows int, offsets *int, alpha *float64, idx *int32, w *float64, ldw int, bias *float64, rest int", "",
		"sets a few columns of rows of dst to sums of scaled rows of w:",
		"",
		"\tfor i := range rows {",
		fmt.Sprintf("\t\tfor q := range %d-rest {", 2*vectors),
		"\t\t\tsum := 0.0",
		"\t\t\tfor t := offsets[i]; t < offsets[i+1]; t++ {",
		"\t\t\t\tsum = FMA(alpha[t], w[idx[t]][q], sum)",
		"\t\t\t}",
		"\t\t\tdst[i][q] = sum + bias[q]",
		"\t\t}", "\t}",
		"",
		"ldd and ldw are in bytes; rest is 0 or 1.")
	e := g.entries("offsets", "")
	dst, ldd, bias := g.arg("dst"), g.arg("ldd"), g.arg("bias")
	c := g.lastColumn(vectors, false)
	acc, w := g.newVs(vectors), g.newVs(min(vectors, 6))
	g.eachEntryRow(e, func() {
		for _, z := range acc {
			g.zero(z)
		}
	}, func(f V, row R) {
		c.multiply(g, acc, w, f, row)
	}, func() {
		for v, z := range acc {
			switch {
			case c.one:
				g.either(c.rest, "bias", func() { g.load(w[0], bias, 0) }, func() { g.loadD(w[0], bias, 0) })
			case v == len(acc)-1:
				g.loadAt(w[0], bias, c.d)
			default:
				g.load(w[0], bias, 16*v)
			}
			g.do("fadd.2d", z, z, w[0])
		}
		c.store(g, acc, dst)
	}, func() { g.add(dst, dst, ldd) })
	g.end()
}

// stripDot writes the products of rows of x with rows gathered by index, a few columns of
// them, added to their lanes. A row's columns of x stay in registers over all of its
// entries.
func (g *gen) stripDot(groups int) {
	g.begin(fmt.Sprintf("stripDot%d%s", groups, g.suffix), "lanes, x *float64, ldx, rows int, offsets *int, idx *int32, w *float64, ldw int", "",
		"adds a few columns to products, lane by lane:",
		"",
		"\tfor i := range rows {",
		"\t\tfor t := offsets[i]; t < offsets[i+1]; t++ {",
		fmt.Sprintf("\t\t\tfor q := range %d {", 8*groups),
		"\t\t\t\tlanes[t-offsets[0]][q%8] = FMA(x[i][q], w[idx[t]][q], lanes[t-offsets[0]][q%8])",
		"\t\t\t}", "\t\t}", "\t}",
		"",
		"ldx and ldw are in bytes.")
	lanes, x, ldx, rows, offsets := g.arg("lanes"), g.arg("x"), g.arg("ldx"), g.arg("rows"), g.arg("offsets")
	idx, w, ldw := g.arg("idx"), g.arg("w"), g.arg("ldw")
	at, count, row := g.newR(), g.newR(), g.newR()
	xs, acc, b := g.newVs(4*groups), g.newVs(groupVectors), g.newVs(groupVectors)
	g.read(at, offsets, 0)
	g.addShifted(idx, idx, at, 2)
	g.label("row")
	g.read(row, offsets, 0)
	g.read(count, offsets, 8)
	g.addI(offsets, offsets, 8)
	g.sub(count, count, row)
	g.loads(xs, x, 0)
	g.loop("entry", count, true, func() {
		g.readInt32(row, idx)
		g.loads(acc, lanes, 0)
		g.multiplyAdd(row, w, row, ldw)
		for q := range groups {
			g.loads(b, row, 64*q)
			for v := range b {
				g.do("fmla.2d", acc[v], xs[4*q+v], b[v])
			}
		}
		g.stores(acc, lanes, 0)
		g.addI(lanes, lanes, 64)
	})
	g.add(x, x, ldx)
	g.subI(rows, rows, 1)
	g.ifNot(rows, "row")
	g.end()
}

// stripSquares writes the squared error of whole groups of a strip.
func (g *gen) stripSquares() {
	g.begin("stripSquares"+g.suffix, "dst, lanes, x *float64, ldx, groups int, y *float64, ldy, rows int, scale float64", "",
		"adds squares of differences to sums, lane by lane, and scales the differences:",
		"",
		"\tfor i := range rows {",
		"\t\tfor q := range 8 * groups {",
		"\t\t\td := x[i][q] - y[i][q]",
		"\t\t\tlanes[i][q%8] = FMA(d, d, lanes[i][q%8])",
		"\t\t\tdst[i][q] = d * scale",
		"\t\t}", "\t}",
		"",
		"ldx, of x and dst, and ldy are in bytes.")
	dst, lanes, x, ldx, groups := g.arg("dst"), g.arg("lanes"), g.arg("x"), g.arg("ldx"), g.arg("groups")
	y, ldy, rows, scale := g.arg("y"), g.arg("ldy"), g.arg("rows"), g.argV("scale")
	n, from, target, to := g.newR(), g.newR(), g.newR(), g.newR()
	acc, a, b := g.newVs(groupVectors), g.newVs(groupVectors), g.newVs(groupVectors)
	g.label("row")
	g.loads(acc, lanes, 0)
	g.copyR(n, groups)
	g.copyR(from, x)
	g.copyR(target, y)
	g.copyR(to, dst)
	g.loop("group", n, true, func() {
		g.loads(a, from, 0)
		g.loads(b, target, 0)
		for v := range a {
			g.do("fsub.2d", a[v], a[v], b[v])
			g.do("fmla.2d", acc[v], a[v], a[v])
			g.do("fmul.2d", a[v], a[v], scale)
		}
		g.stores(a, to, 0)
		for _, p := range []R{from, target, to} {
			g.addI(p, p, 64)
		}
	})
	g.stores(acc, lanes, 0)
	g.addI(lanes, lanes, 64)
	g.add(x, x, ldx)
	g.add(dst, dst, ldx)
	g.add(y, y, ldy)
	g.subI(rows, rows, 1)
	g.ifNot(rows, "row")
	g.end()
}

// fold writes the sum of the lanes of two products at a time.
func (g *gen) fold() {
	g.begin("fold"+g.suffix, "dst, lanes *float64, pairs int", "",
		"adds the lanes of products up, in pairs:",
		"",
		"\tfor t := range 2 * pairs {",
		"\t\tdst[t] = tree(lanes[t])",
		"\t}")
	dst, lanes, n := g.arg("dst"), g.arg("lanes"), g.arg("pairs")
	acc := [][]V{g.newVs(groupVectors), g.newVs(groupVectors)}
	g.loop("pair", n, true, func() {
		g.loads(acc[0], lanes, 0)
		g.loads(acc[1], lanes, 64)
		g.addI(lanes, lanes, 128)
		g.post(true, "q", g.tree(acc)[0], dst, 16)
	})
	g.end()
}
