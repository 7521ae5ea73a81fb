package main

import "fmt"

// gatherVectors are how many registers a row of a tile that gathers has.
var gatherVectors = []int{1, 2, 4, 8, 16, 24}

// gather writes the sum of scaled rows, gathered by index, in a tile of some rows of the
// result: each result row's columns stay in registers over all of its entries. With
// narrow the rows are float32, converted to float64 as they are read.
//
// Where the last register is half full, it takes the last two columns, of which the
// register before has one too: both compute the same, and no load goes beyond a row.
func (g *gen) gather(vectors int, narrow bool) {
	name, of, widened, columns := "gather", "float64", "w[idx[t]][q]", fmt.Sprintf("%d-rest", 2*vectors)
	if narrow {
		name, of, widened = "gatherNarrow", "float32", "float64(w[idx[t]][q])"
	}
	g.begin(fmt.Sprintf("%s%d%s", name, vectors, g.suffix), fmt.Sprintf("dst *float64, ldd, rows int, from, to *int, alpha *float64, idx *int32, w *%s, ldw, rest int", of), "",
		"adds scaled rows of w to a few columns of rows of dst:",
		"",
		"\tfor i := range rows {",
		"\t\tfor t := from[i]; t < to[i]; t++ {",
		fmt.Sprintf("\t\t\tfor q := range %s {", columns),
		fmt.Sprintf("\t\t\t\tdst[i][q] = FMA(alpha[t], %s, dst[i][q])", widened),
		"\t\t\t}", "\t\t}", "\t}",
		"",
		"ldd and ldw are in bytes; rest is 0 or 1.")
	e := g.entries("from", "to")
	dst, ldd := g.arg("dst"), g.arg("ldd")
	c := g.lastColumn(vectors, narrow)
	acc, w := g.newVs(vectors), g.newVs(min(vectors, 6))
	g.eachEntryRow(e, func() { c.load(g, acc, dst) }, func(f V, row R) {
		c.multiply(g, acc, w, f, row)
	}, func() { c.store(g, acc, dst) }, func() { g.add(dst, dst, ldd) })
	g.end()
}

// entries has the registers of the entries of a result's rows.
type entries struct {
	rows, from, to R
	alpha, idx     R // of all entries
	w, ldw         R
	a, i, count    R // those of one row
	row            R
	f              V
}

// entries loads the arguments. from and to name those with the ranges, to is empty where
// the ranges follow one another.
func (g *gen) entries(from, to string) entries {
	e := entries{rows: g.arg("rows"), from: g.arg(from), alpha: g.arg("alpha"), idx: g.arg("idx"), w: g.arg("w"), ldw: g.arg("ldw")}
	e.a, e.i, e.count, e.row, e.f = g.newR(), g.newR(), g.newR(), g.newR(), g.newV()
	if to != "" {
		e.to = g.arg(to)
	} else {
		e.to = g.newR()
		g.addI(e.to, e.from, 8)
	}
	return e
}

// eachEntryRow writes the loop over rows of the result. before and after are written
// once a row, around the loop over its entries; entry has the factor in the first lane of
// a register and the row of w.
func (g *gen) eachEntryRow(e entries, before func(), entry func(f V, row R), after, next func()) {
	g.label("row")
	g.read(e.row, e.from, 0)
	g.read(e.count, e.to, 0)
	g.addI(e.from, e.from, 8)
	g.addI(e.to, e.to, 8)
	g.sub(e.count, e.count, e.row)
	g.addShifted(e.a, e.alpha, e.row, 3)
	g.addShifted(e.i, e.idx, e.row, 2)
	before()
	g.loop("entry", e.count, true, func() {
		g.readInt32(e.row, e.i)
		g.post(false, "d", e.f, e.a, 8)
		g.multiplyAdd(e.row, e.w, e.row, e.ldw)
		entry(e.f, e.row)
	})
	after()
	next()
	g.subI(e.rows, e.rows, 1)
	g.ifNot(e.rows, "row")
}

// lastColumn has where the last register of a row lies.
type lastColumn struct {
	narrow bool // w is float32
	one    bool // the tile has one register
	rest   R
	d, w   R // bytes from the start of the columns of dst and of w
}

// lastColumn computes it from the argument rest.
func (g *gen) lastColumn(vectors int, narrow bool) lastColumn {
	c := lastColumn{narrow: narrow, one: vectors == 1, rest: g.arg("rest"), d: g.newR(), w: g.newR()}
	if c.one {
		return c
	}
	g.set(c.d, int64(16*(vectors-1)))
	bytes := 0
	if narrow {
		bytes = 1
	}
	g.shiftR(c.w, c.d, bytes)
	g.plain("SUB R%d<<3, R%d, R%[2]d", c.rest, c.d)
	g.plain("SUB R%d<<%d, R%d, R%[3]d", c.rest, 3-bytes, c.w)
	return c
}

// load loads a row of dst.
func (c lastColumn) load(g *gen, acc []V, dst R) {
	if c.one {
		g.either(c.rest, "load", func() { g.load(acc[0], dst, 0) }, func() { g.loadD(acc[0], dst, 0) })
		return
	}
	last := len(acc) - 1
	g.loads(acc[:last], dst, 0)
	g.loadAt(acc[last], dst, c.d)
}

// store stores a row of dst.
func (c lastColumn) store(g *gen, acc []V, dst R) {
	if c.one {
		g.either(c.rest, "store", func() { g.store(acc[0], dst, 0) }, func() { g.storeD(acc[0], dst, 0) })
		return
	}
	last := len(acc) - 1
	g.stores(acc[:last], dst, 0)
	g.storeAt(acc[last], dst, c.d)
}

// either writes whole, and part where rest is not zero.
func (g *gen) either(rest R, id string, whole, part func()) {
	g.ifNot(rest, id+"Part")
	whole()
	g.jump(id + "Whole")
	g.label(id + "Part")
	part()
	g.label(id + "Whole")
}

// multiply adds f times a row of w to acc. b are registers for parts of the row.
func (c lastColumn) multiply(g *gen, acc, b []V, f V, row R) {
	last := len(acc) - 1
	switch {
	case c.one && c.narrow:
		g.either(c.rest, "w", func() { g.loadD(b[0], row, 0) }, func() { g.loadS(b[0], row, 0) })
		g.do("fcvtl", b[0], b[0])
	case c.one:
		g.either(c.rest, "w", func() { g.load(b[0], row, 0) }, func() { g.loadD(b[0], row, 0) })
	case c.narrow:
		c.multiplyNarrow(g, acc, b, f, row)
		return
	default:
		for v := 0; v < last; v += len(b) {
			part := b[:min(len(b), last-v)]
			g.loads(part, row, 16*v)
			for i, r := range part {
				g.byElement("fmla.2d", acc[v+i], r, f, 0)
			}
		}
		g.loadAt(b[0], row, c.w)
	}
	g.byElement("fmla.2d", acc[last], b[0], f, 0)
}

// multiplyNarrow is multiply for rows of float32, of which a register has four.
func (c lastColumn) multiplyNarrow(g *gen, acc, b []V, f V, row R) {
	last := len(acc) - 1
	for v := 0; v < last; v += 2 {
		if v+1 == last {
			g.loadD(b[0], row, 8*v)
		} else {
			g.load(b[0], row, 8*v)
			g.do("fcvtl2", b[1], b[0])
		}
		g.do("fcvtl", b[0], b[0])
		g.byElement("fmla.2d", acc[v], b[0], f, 0)
		if v+1 < last {
			g.byElement("fmla.2d", acc[v+1], b[1], f, 0)
		}
	}
	g.loadDAt(b[0], row, c.w)
	g.do("fcvtl", b[0], b[0])
	g.byElement("fmla.2d", acc[last], b[0], f, 0)
}
