package main

import "fmt"

// dotPairs writes the kernel for rows of w with elements of 8 or of 4 bytes. It
// multiplies four pairs of rows side by side.
func (g *gen) dotPairs(bytes int) {
	name, of := "dotPairsNEON", "float64"
	if bytes == 4 {
		name, of = "dotPairs32NEON", "float32"
	}
	g.begin(name, fmt.Sprintf("dst *float64, x **float64, w **%s, groups, rest int", of), "",
		"sets dst[t] = Dot(x[t], w[t]) for t from 0 to 3, over groups of eight elements and",
		"the rest of one. It prefetches the beginnings of the rows in x[4:8] and w[4:8].")
	dst, px, pw, n, rest := g.arg("dst"), g.arg("x"), g.arg("w"), g.arg("groups"), g.arg("rest")
	left, at := g.newR(), g.newR()
	var x, w [dotCols]R
	for t := range x {
		x[t], w[t] = g.newR(), g.newR()
		for _, rows := range []R{px, pw} {
			g.read(at, rows, 8*(dotCols+t))
			g.prefetch(at, 0)
			g.prefetch(at, 64)
		}
		g.read(x[t], px, 8*t)
		g.read(w[t], pw, 8*t)
	}
	acc, a, b := g.zeros(dotCols), g.newVs(groupVectors), g.newVs(groupVectors)
	multiply := func(t int) {
		if bytes == 4 {
			g.widen(b)
		}
		for v := range a {
			g.do("fmla.2d", acc[t][v], a[v], b[v])
		}
	}
	g.loop("group", n, true, func() {
		for t := range acc {
			g.loads(a, x[t], 0)
			g.loads(b[:bytes/2], w[t], 0)
			g.addI(x[t], x[t], 64)
			g.addI(w[t], w[t], 8*bytes)
			multiply(t)
		}
	})
	g.ifZero(rest, "reduce")
	for t := range acc {
		g.loadRest(numbered("x", t), a, x[t], rest, left, at)
		if bytes == 4 {
			g.elem = f32
		}
		g.loadRest(numbered("w", t), b[:bytes/2], w[t], rest, left, at)
		g.elem = f64
		multiply(t)
	}
	g.label("reduce")
	g.stores(g.tree(acc), dst, 0)
	g.end()
}

// widen converts eight elements of float32 in the first two registers to float64 in four.
func (g *gen) widen(b []V) {
	g.do("fcvtl", b[2], b[1])
	g.do("fcvtl2", b[3], b[1])
	g.do("fcvtl2", b[1], b[0])
	g.do("fcvtl", b[0], b[0])
}

// dotPairs16 takes a list of pairs a call.
func (g *gen) dotPairs16() {
	g.begin("dotPairs16NEON", "dst *int32, x *uint8, ldx int, w *uint8, ldw, vectors int, pairs *int32, n int", "",
		"is DotPairs16: for t from 0 to n-1 and p from 0 to 32*vectors-1,",
		"",
		"\tdst[t] += int16(x[ldx*pairs[2*t]+2*p:]) * int16(w[ldw*pairs[2*t+1]+2*p:])",
		"",
		"from 0.")
	dst, x, ldx, w, ldw := g.arg("dst"), g.arg("x"), g.arg("ldx"), g.arg("w"), g.arg("ldw")
	vectors, pairs, n := g.arg("vectors"), g.arg("pairs"), g.arg("n")
	from, with, left := g.newR(), g.newR(), g.newR()
	acc, a, b := g.newVs(8), g.newVs(4), g.newVs(4)
	g.loop("row", n, false, func() {
		g.readInt32(from, pairs)
		g.readInt32(with, pairs)
		g.multiplyAdd(from, x, from, ldx)
		g.multiplyAdd(with, w, with, ldw)
		for _, z := range acc {
			g.zero(z)
		}
		g.copyR(left, vectors)
		g.loop("vector", left, true, func() {
			g.loads(a, from, 0)
			g.loads(b, with, 0)
			g.addI(from, from, 64)
			g.addI(with, with, 64)
			for v := range a {
				g.do("smlal", acc[2*v], a[v], b[v])
				g.do("smlal2", acc[2*v+1], a[v], b[v])
			}
		})
		for step := 1; step < len(acc); step *= 2 {
			for v := 0; v < len(acc); v += 2 * step {
				g.do("add.4s", acc[v], acc[v], acc[v+step])
			}
		}
		g.total("addv", acc[0], acc[0])
		g.storeS(acc[0], dst, 0)
		g.addI(dst, dst, 4)
	})
	g.end()
}

// screenPairs writes ScreenPairs: of each row a mask of 32 bits, and the pairs of those.
func (g *gen) screenPairs() {
	g.begin("screenPairsNEON", "pairs *int32, codes, low, high *int16, rows int, first, live uint64", "n int",
		"is ScreenPairs: for i from 0 to rows-1 and l from 0 to 31,",
		"",
		"\tif live>>l&1 != 0 && low[i] <= codes[32*i+l] && codes[32*i+l] <= high[i] {",
		"\t\tpairs[2*n], pairs[2*n+1] = int32(first)+i, int32(first>>32)+l",
		"\t\tn++",
		"\t}")
	pairs, codes, low, high := g.arg("pairs"), g.arg("codes"), g.arg("low"), g.arg("high")
	rows, first, live := g.arg("rows"), g.arg("first"), g.arg("live")
	start, mask, bit, less := g.newR(), g.newR(), g.newR(), g.newR()
	c, lo, hi, weights, t := g.newVs(4), g.newV(), g.newV(), g.newV(), g.newV()
	g.plain("MOVD $%#x, R%d", uint64(0x8040201008040201), bit) // bit i of byte i
	g.dupR("2d", weights, bit)
	g.copyR(start, pairs)
	g.loop("row", rows, true, func() {
		g.loads(c, codes, 0)
		g.addI(codes, codes, 64)
		g.every("8h", lo, low)
		g.every("8h", hi, high)
		for _, v := range c {
			g.do("cmge.8h", t, v, lo)
			g.do("cmge.8h", v, hi, v)
			g.do("and", v, v, t)
		}
		for i := range 2 {
			g.do("uzp1.16b", c[i], c[2*i], c[2*i+1])
			g.do("and", c[i], c[i], weights)
		}
		g.do("addp.16b", c[0], c[0], c[1])
		g.do("addp.16b", c[0], c[0], c[0])
		g.do("addp.16b", c[0], c[0], c[0])
		g.toR32(mask, c[0])
		g.and(mask, mask, live)
		g.ifZero(mask, "none")
		g.label("hit")
		g.trailing(bit, mask)
		g.addShifted(bit, first, bit, 32)
		g.write(bit, pairs)
		g.subI(less, mask, 1)
		g.and(mask, mask, less)
		g.ifNot(mask, "hit")
		g.label("none")
		g.addI(first, first, 1)
	})
	g.sub(pairs, pairs, start)
	g.shiftR(pairs, pairs, 3)
	g.result(pairs, "n", "MOVD")
	g.end()
}

// screenKth writes ScreenKth. It finds the result bit by bit: 16 counts of the codes,
// which are few.
func (g *gen) screenKth() {
	g.begin("screenKthNEON", "codes *int16, vectors, k int", "code int16",
		"is ScreenKth: the largest code that at least k of codes[:32*vectors] reach.")
	codes, vectors, k := g.arg("codes"), g.arg("vectors"), g.arg("k")
	found, bit, try, at, left := g.newR(), g.newR(), g.newR(), g.newR(), g.newR()
	c, count, bound := g.newVs(4), g.newVs(4), g.newV()
	g.set(found, -1<<15)
	g.set(bit, 1<<15)
	g.label("bit")
	g.add(try, found, bit)
	g.dupR("8h", bound, try)
	for _, z := range count {
		g.zero(z)
	}
	g.copyR(at, codes)
	g.copyR(left, vectors)
	g.loop("vector", left, true, func() {
		g.loads(c, at, 0)
		g.addI(at, at, 64)
		for v := range c {
			g.do("cmge.8h", c[v], c[v], bound)
			g.do("sub.8h", count[v], count[v], c[v])
		}
	})
	for _, v := range []int{1, 2, 3} {
		g.do("add.8h", count[0], count[0], count[v])
	}
	g.total("uaddlv", count[0], count[0])
	g.toR32(at, count[0])
	g.ifCompare(at, "LT", k, "fewer")
	g.copyR(found, try)
	g.label("fewer")
	g.shiftR(bit, bit, 1)
	g.ifNot(bit, "bit")
	g.result(found, "code", "MOVH")
	g.end()
}
