package main

import "math"

// above writes the search for values above a threshold. It compares 16 values at a time
// and packs the comparisons to four bits each in a general register.
func (g *gen) above() {
	g.begin("aboveNEON", "hits *int32, z *float64, groups int, t float64, start int", "n int",
		"finds what exceeds t, in groups of 16:",
		"",
		"\tfor j := range 16 * groups {",
		"\t\tif z[j] > t {",
		"\t\t\thits[n] = int32(start + j)",
		"\t\t\tn++",
		"\t\t}", "\t}")
	hits, z, groups, start, t := g.arg("hits"), g.arg("z"), g.arg("groups"), g.arg("start"), g.argV("t")
	first, bits, at, less := g.newR(), g.newR(), g.newR(), g.newR()
	b := g.newVs(8)
	g.copyR(first, hits)
	g.loop("group", groups, true, func() {
		g.loads(b, z, 0)
		g.addI(z, z, 128)
		for _, v := range b {
			g.do("fcmgt.2d", v, v, t)
		}
		for i := range 4 {
			g.do("uzp1.4s", b[i], b[2*i], b[2*i+1])
		}
		g.do("uzp1.8h", b[0], b[0], b[1])
		g.do("uzp1.8h", b[1], b[2], b[3])
		g.do("uzp1.16b", b[0], b[0], b[1])
		g.narrowNibbles(b[0], b[0])
		g.toR(bits, b[0], 0)
		g.ifZero(bits, "none")
		g.andI(bits, bits, 0x1111111111111111)
		g.label("hit")
		g.trailing(at, bits)
		g.addQuarter(at, start, at)
		g.writeInt32(at, hits)
		g.subI(less, bits, 1)
		g.and(bits, bits, less)
		g.ifNot(bits, "hit")
		g.label("none")
		g.addI(start, start, 16)
	})
	g.sub(hits, hits, first)
	g.shiftR(hits, hits, 2)
	g.result(hits, "n", "MOVD")
	g.end()
}

// takeAbove writes TakeAbove for groups of 32 sums, whose comparisons are found like those of above.
func (g *gen) takeAbove() {
	g.begin("takeAboveNEON", "hits *int64, sums *int32, groups, t, first int", "n int",
		"takes what exceeds t, in groups of 32:",
		"",
		"\tfor j := range 32 * groups {",
		"\t\tif int(sums[j]) > t {",
		"\t\t\thits[n] = int64(sums[j])<<32 | int64(first+j)",
		"\t\t\tn++",
		"\t\t}",
		"\t\tsums[j] = 0",
		"\t}")
	hits, sums, groups, t, first := g.arg("hits"), g.arg("sums"), g.arg("groups"), g.arg("t"), g.arg("first")
	start, bits, at, x, less := g.newR(), g.newR(), g.newR(), g.newR(), g.newR()
	least, v, zero := g.newV(), g.newVs(8), g.newVs(2)
	g.dupR("4s", least, t)
	g.zero(zero[0])
	g.zero(zero[1])
	g.copyR(start, hits)
	g.loop("group", groups, true, func() {
		g.loads(v, sums, 0)
		for i := range v {
			g.do("cmgt.4s", v[i], v[i], least)
		}
		for half := range 2 {
			name, b := [2]string{"low", "high"}[half], v[4*half:]
			g.do("uzp1.8h", b[0], b[0], b[1])
			g.do("uzp1.8h", b[1], b[2], b[3])
			g.do("uzp1.16b", b[0], b[0], b[1])
			g.narrowNibbles(b[0], b[0])
			g.toR(bits, b[0], 0)
			g.ifZero(bits, name+"None")
			g.andI(bits, bits, 0x1111111111111111)
			g.label(name + "Hit")
			g.trailing(at, bits) // four for each sum, which is what it takes in bytes
			g.add(less, sums, at)
			g.readInt32(x, less)
			g.addQuarter(at, first, at)
			g.addShifted(at, at, x, 32)
			g.write(at, hits)
			g.subI(less, bits, 1)
			g.and(bits, bits, less)
			g.ifNot(bits, name+"Hit")
			g.label(name + "None")
			for i := range 2 {
				g.stores(zero, sums, 32*i)
			}
			g.addI(sums, sums, 64)
			g.addI(first, first, 16)
		}
	})
	g.sub(hits, hits, start)
	g.shiftR(hits, hits, 3)
	g.result(hits, "n", "MOVD")
	g.end()
}

// splitChains is how many minima and maxima split keeps: one chain of them would be
// slower than the comparisons.
const splitChains = 4

// split writes the kernel of a sweep of kthLargest.
func (g *gen) split() {
	g.begin("splitNEON", "v *float64, n int, p float64", "above int, next, last float64",
		"counts the elements above p, and returns the smallest of those and the",
		"largest of the others: for i from 0 to n-1,", "",
		"\tif v[i] > p { above++; next = min(next, v[i]) } else { last = max(last, v[i]) }", "",
		"from +Inf and -Inf on. No element is NaN.")
	v, n, p, groups, bits := g.arg("v"), g.arg("n"), g.argV("p"), g.newR(), g.newR()
	high, low, count := g.newV(), g.newV(), g.newV()
	for i, x := range []V{high, low} {
		g.plain("MOVD $%#x, R%d", math.Float64bits(math.Inf(1-2*i)), bits)
		g.dupR("2d", x, bits)
	}
	next, last, x, y := g.newVs(splitChains), g.newVs(splitChains), g.newVs(splitChains), g.newVs(2)
	for c := range next {
		g.mov(next[c], high)
		g.mov(last[c], low)
	}
	g.zero(count)
	step := func(c int) {
		up := y[0]
		g.do("fcmgt.2d", up, x[c], p)
		g.do("sub.2d", count, count, up)
		g.mov(y[1], up)
		g.do("bsl", up, x[c], high)
		g.do("bsl", y[1], low, x[c])
		g.do("fmin.2d", next[c], next[c], up)
		g.do("fmax.2d", last[c], last[c], y[1])
	}
	g.shiftR(groups, n, 3)
	g.loop("group", groups, true, func() {
		g.loads(x, v, 0)
		g.addI(v, v, 64)
		for c := range x {
			step(c)
		}
	})
	g.andI(n, n, 7)
	g.loop("rest", n, false, func() { // lane 1 is a copy
		g.every("2d", x[0], v)
		g.mov(x[1], count)
		step(0)
		g.do("sub.2d", x[1], count, x[1]) // counted in both lanes: take one back
		g.lowHalf(x[1], x[1])
		g.do("sub.2d", count, count, x[1])
	})
	g.splitResults(count, next, last)
	g.end()
}

// splitResults combines the chains and lanes of split, and returns them.
func (g *gen) splitResults(count V, next, last []V) {
	sum := g.newR()
	g.do("addp.2d", count, count, count)
	g.toR(sum, count, 0)
	g.result(sum, "above", "MOVD")
	for _, f := range []struct {
		op, result string
		x          []V
	}{{"fmin.2d", "next", next}, {"fmax.2d", "last", last}} {
		g.do(f.op, f.x[0], f.x[0], f.x[1])
		g.do(f.op, f.x[2], f.x[2], f.x[3])
		g.do(f.op, f.x[0], f.x[0], f.x[2])
		g.dup("2d", f.x[1], f.x[0], 1)
		g.do(f.op, f.x[0], f.x[0], f.x[1])
		g.plain("FMOVD F%d, %s", f.x[0], g.place(f.result))
	}
}
