package main

import "fmt"

// dotCols is how many dot products run side by side: each is bound by the latency of its
// chains.
const dotCols = 4

// groupVectors is how many registers a group of elements takes, one for each lane of a
// sum in dot order: 4 for either element.
const groupVectors = 4

// zeros returns rows of registers of one group each, set to zero.
func (g *gen) zeros(rows int) [][]V {
	acc := make([][]V, rows)
	for i := range acc {
		acc[i] = g.newVs(groupVectors)
		for _, z := range acc[i] {
			g.zero(z)
		}
	}
	return acc
}

// loadRest loads rest elements at p, fewer than a group, and zeros after them. id makes
// its labels unique in the function; left and at are registers that it may use.
func (g *gen) loadRest(id string, v []V, p, rest, left, at R) {
	for _, z := range v {
		g.zero(z)
	}
	g.copyR(left, rest)
	g.copyR(at, p)
	last := len(v) - 1
	for i, z := range v[:last] {
		g.ifCompareI(left, "LT", g.perVec(), fmt.Sprintf("%sPart%d", id, i))
		g.post(false, "q", z, at, 16)
		g.subI(left, left, g.perVec())
	}
	g.loadPart(fmt.Sprintf("%sLast", id), id+"Done", v[last], left, at)
	for i, z := range v[:last] {
		g.jump(id + "Done")
		g.label(fmt.Sprintf("%sPart%d", id, i))
		g.loadPart(fmt.Sprintf("%sPart%d", id, i), id+"Done", z, left, at)
	}
	g.label(id + "Done")
}

// loadPart loads left elements at p, fewer than a register has, to the first lanes of z,
// and jumps to done or goes on.
func (g *gen) loadPart(id, done string, z V, left, p R) {
	if g.bytes == 8 {
		g.ifZero(left, done)
		g.loadD(z, p, 0)
		return
	}
	g.ifBit(false, 1, left, id+"One")
	g.post(false, "d", z, p, 8)
	g.ifBit(false, 0, left, done)
	g.loadLaneS(z, 2, p)
	g.jump(done)
	g.label(id + "One")
	g.ifBit(false, 0, left, done)
	g.loadS(z, p, 0)
}

// halves adds the lanes of a sum until one register is left, which it returns: of lanes 0
// and 1 for float64, of 0 to 3 for float32.
func (g *gen) halves(acc []V) V {
	add := "fadd." + g.shape
	g.do(add, acc[0], acc[0], acc[2])
	g.do(add, acc[1], acc[1], acc[3])
	g.do(add, acc[0], acc[0], acc[1])
	return acc[0]
}

// tree adds the lanes of each sum, by halves, and leaves the results side by side in
// the registers that it returns: two of them for four sums of float64, one for float32.
// It overwrites the sums.
func (g *gen) tree(acc [][]V) []V {
	s := make([]V, len(acc))
	for j := range acc {
		s[j] = g.halves(acc[j])
	}
	var out []V
	for j := 0; j < len(s); j += 2 {
		if g.bytes == 8 {
			g.do("faddp.2d", s[j], s[j], s[j+1])
		} else {
			t := acc[j][1] // lanes 2 apart
			g.do("zip2.2d", t, s[j], s[j+1])
			g.do("zip1.2d", s[j], s[j], s[j+1])
			g.do("fadd.4s", s[j], s[j], t)
		}
		out = append(out, s[j])
	}
	if g.bytes == 4 {
		g.do("faddp.4s", out[0], out[0], out[1])
		out = out[:1]
	}
	return out
}

// dotTile writes the product of one row of A with dotCols rows of B, where they lie in
// memory.
func (g *gen) dotTile() {
	g.begin("dots"+g.suffix, fmt.Sprintf("dst, x *%s, rows **%[1]s, groups, rest int", g.goType), "",
		fmt.Sprintf("sets %d dot products of x with rows:", dotCols),
		"",
		fmt.Sprintf("\tfor j := range %d {", dotCols),
		"\t\tdst[j] = Dot(x, rows[j])",
		"\t}",
		"",
		fmt.Sprintf("over groups of %d elements and the rest of one. It prefetches the beginnings of the", g.lanes),
		fmt.Sprintf("%d rows that follow.", dotCols))
	dst, x, rows, n, rest := g.arg("dst"), g.arg("x"), g.arg("rows"), g.arg("groups"), g.arg("rest")
	left, at := g.newR(), g.newR()
	var row [dotCols]R
	for j := range row {
		row[j] = g.newR()
		g.read(row[j], rows, 8*(dotCols+j))
		g.prefetch(row[j], 0)
		g.prefetch(row[j], 64)
		g.read(row[j], rows, 8*j)
	}
	acc := g.zeros(dotCols)
	a, b := g.newVs(groupVectors), g.newVs(groupVectors)
	multiply := func(j int) {
		for v := range b {
			g.do("fmla."+g.shape, acc[j][v], a[v], b[v])
		}
	}
	g.loop("group", n, true, func() {
		g.loads(a, x, 0)
		g.addI(x, x, 64)
		for j, r := range row {
			g.loads(b, r, 0)
			g.addI(r, r, 64)
			multiply(j)
		}
	})
	g.ifZero(rest, "reduce")
	g.loadRest("x", a, x, rest, left, at)
	for j, r := range row {
		g.loadRest(fmt.Sprintf("row%d", j), b, r, rest, left, at)
		multiply(j)
	}
	g.label("reduce")
	g.stores(g.tree(acc), dst, 0)
	g.end()
}

// dot writes the product of one pair of rows, bound by the latency of its chains.
func (g *gen) dot() {
	g.begin("dot"+g.suffix, fmt.Sprintf("x, y *%s, groups, rest int", g.goType), "sum "+g.goType,
		fmt.Sprintf("returns the dot product over groups of %d elements and the rest of one.", g.lanes))
	x, y, n, rest := g.arg("x"), g.arg("y"), g.arg("groups"), g.arg("rest")
	left, at := g.newR(), g.newR()
	acc := g.zeros(1)[0]
	a, b := g.newVs(groupVectors), g.newVs(groupVectors)
	multiply := func() {
		for v := range b {
			g.do("fmla."+g.shape, acc[v], a[v], b[v])
		}
	}
	g.loop("group", n, true, func() {
		g.loads(a, x, 0)
		g.loads(b, y, 0)
		g.addI(x, x, 64)
		g.addI(y, y, 64)
		multiply()
	})
	g.ifZero(rest, "reduce")
	g.loadRest("x", a, x, rest, left, at)
	g.loadRest("y", b, y, rest, left, at)
	multiply()
	g.label("reduce")
	s := g.halves(acc)
	g.do("faddp.2d", s, s, s)
	g.plain("FMOVD F%d, %s", s, g.place("sum"))
	g.end()
}

// squares writes the product of dotCols rows with themselves.
func (g *gen) squares() {
	g.begin("squares"+g.suffix, fmt.Sprintf("dst, x *%s, ldx, groups, rest int", g.goType), "",
		fmt.Sprintf("sets %d dot products of rows of x (ldx bytes apart) with themselves:", dotCols),
		"",
		fmt.Sprintf("\tfor i := range %d {", dotCols),
		"\t\tdst[i] = Dot(x[i], x[i])",
		"\t}",
		"",
		fmt.Sprintf("over groups of %d elements and the rest of one.", g.lanes))
	dst, x, ldx, n, rest := g.arg("dst"), g.arg("x"), g.arg("ldx"), g.arg("groups"), g.arg("rest")
	left, at := g.newR(), g.newR()
	row := [dotCols]R{x}
	for i := 1; i < dotCols; i++ {
		row[i] = g.newR()
		g.add(row[i], row[i-1], ldx)
	}
	acc, b := g.zeros(dotCols), g.newVs(groupVectors)
	multiply := func(j int) {
		for v := range b {
			g.do("fmla."+g.shape, acc[j][v], b[v], b[v])
		}
	}
	g.loop("group", n, true, func() {
		for j, r := range row {
			g.loads(b, r, 0)
			g.addI(r, r, 64)
			multiply(j)
		}
	})
	g.ifZero(rest, "reduce")
	for j, r := range row {
		g.loadRest(fmt.Sprintf("row%d", j), b, r, rest, left, at)
		multiply(j)
	}
	g.label("reduce")
	g.stores(g.tree(acc), dst, 0)
	g.end()
}
