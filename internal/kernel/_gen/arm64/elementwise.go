package main

import (
	"slices"
	"strings"
)

// array is a pointer argument: what a kernel does with its elements.
type array struct {
	name        string
	load, store bool
	guard       bool // keep an element whose new value would not be finite
}

// inOut are the arrays of a function of one variable.
var inOut = []array{{name: "dst", store: true}, {name: "x", load: true}}

// elementwise writes a kernel that reads and writes arrays of n elements once. body gets
// one register for each loaded array and for each scalar, which it does not overwrite, and
// sets those of the stored arrays to registers with the new elements. statements are what
// the kernel stands for, for its documentation. Where an array is guarded, the kernel
// returns whether all its new values were finite.
func (g *gen) elementwise(name, statements string, arrays []array, scalars []string, prepare func(), body func(v map[string]V)) {
	k := sweep{gen: g, arrays: arrays, body: body, base: map[string]R{}, scalars: map[string]V{}}
	k.guarded = slices.ContainsFunc(arrays, func(a array) bool { return a.guard })
	k.declare(name+"NEON", statements, scalars)
	for _, a := range arrays {
		k.base[a.name] = g.arg(a.name)
	}
	n, fours := g.arg("n"), g.newR()
	for _, s := range scalars {
		k.scalars[s] = g.argV(s)
	}
	if prepare != nil {
		prepare()
	}
	if k.guarded {
		k.bad = g.newV()
		g.zero(k.bad)
	}
	free := g.v
	step := func(width string, off int) {
		g.v = free
		k.step(width, off)
	}
	g.shiftR(fours, n, 2)
	g.loop("four", fours, true, func() {
		step("q", 0)
		step("q", 16)
		k.next(32)
	})
	g.ifBit(false, 1, n, "one")
	step("q", 0)
	k.next(16)
	g.label("one")
	g.ifBit(false, 0, n, "done")
	step("d", 0)
	g.label("done")
	if k.guarded {
		g.returnIsZero(k.bad, "finite")
	}
	g.end()
}

// sweep has the registers of an element-wise kernel.
type sweep struct {
	*gen
	arrays  []array
	body    func(v map[string]V)
	base    map[string]R // of each array
	scalars map[string]V
	guarded bool
	bad     V // not 0 where a new value was not finite
}

// declare begins the function, with its documentation.
func (k *sweep) declare(name, statements string, scalars []string) {
	params := ""
	for _, a := range k.arrays {
		params += a.name + ", "
	}
	params = strings.TrimSuffix(params, ", ") + " *float64, n int"
	if len(scalars) > 0 {
		params += ", " + strings.Join(scalars, ", ") + " float64"
	}
	doc := []string{"is, for i from 0 to n-1,", ""}
	for _, statement := range strings.Split(statements, "; ") {
		doc = append(doc, "\t"+statement)
	}
	results := ""
	if k.guarded {
		results = "finite bool"
		doc = append(doc, "", "but for elements of "+k.arrays[0].name+" that would not stay finite: those it leaves as", "they are, and returns false.")
	}
	k.begin(name, params, results, doc...)
}

// next moves the pointers on. (As a part of the stores, the next loads would wait for what
// is stored.)
func (k *sweep) next(bytes int) {
	for _, a := range k.arrays {
		k.addI(k.base[a.name], k.base[a.name], bytes)
	}
}

// step computes the new elements of one register, of two elements (q) or of one (d), off
// bytes from the pointers.
func (k *sweep) step(width string, off int) {
	v, old := map[string]V{}, map[string]V{}
	for name, s := range k.scalars {
		v[name] = s
	}
	for _, a := range k.arrays {
		if a.load {
			v[a.name] = k.newV()
			k.access(false, width, v[a.name], k.base[a.name], off)
			old[a.name] = v[a.name]
		}
	}
	k.body(v)
	for _, a := range k.arrays {
		if a.guard {
			v[a.name] = k.keepFinite(width, old[a.name], v[a.name])
		}
		if a.store {
			k.access(true, width, v[a.name], k.base[a.name], off)
		}
	}
}

// keepFinite returns value where that is finite and old elsewhere.
func (k *sweep) keepFinite(width string, old, value V) V {
	difference := k.newV() // of a value to itself: 0, or NaN
	k.do("fsub.2d", difference, value, value)
	if width == "d" {
		k.lowHalf(difference, difference)
	}
	k.do("orr", k.bad, k.bad, difference)
	k.do("fcmeq.2d", difference, difference, difference)
	k.do("bsl", difference, value, old)
	return difference
}

// returnIsZero makes a kernel return whether all bits of v are 0.
func (g *gen) returnIsZero(v V, result string) {
	a, b := g.newR(), g.newR()
	g.toR(a, v, 0)
	g.toR(b, v, 1)
	g.plain("ORR R%d, R%d, R%d", b, a, a)
	g.plain("CMP $0, R%d", a)
	g.plain("CSET EQ, R%d", a)
	g.result(a, result, "MOVB")
}

// arithmetic writes the kernels of sums, products and slopes.
func (g *gen) arithmetic() {
	two := []array{{name: "dst", store: true}, {name: "x", load: true}, {name: "y", load: true}}
	simple := func(name, statement, op string) {
		g.elementwise(name, statement, two, nil, nil, func(v map[string]V) {
			v["dst"] = g.newV()
			g.do(op, v["dst"], v["x"], v["y"])
		})
	}
	g.elementwise("scale", "x[i] *= f", []array{{name: "x", load: true, store: true}}, []string{"f"}, nil, func(v map[string]V) {
		g.do("fmul.2d", v["x"], v["x"], v["f"])
	})
	simple("add", "dst[i] = x[i] + y[i]", "fadd.2d")
	simple("subtract", "dst[i] = x[i] - y[i]", "fsub.2d")
	slope := []array{{name: "delta", load: true, store: true}, {name: "value", load: true}}
	g.elementwise("sigmoidSlope", "delta[i] *= value[i] * (one-value[i])", slope, []string{"one"}, nil, func(v map[string]V) {
		t := g.newV()
		g.do("fsub.2d", t, v["one"], v["value"])
		g.do("fmul.2d", t, v["value"], t)
		g.do("fmul.2d", v["delta"], v["delta"], t)
	})
	g.elementwise("tanhSlope", "delta[i] *= FMA(-value[i], value[i], one)", slope, []string{"one"}, nil, func(v map[string]V) {
		t := g.newV()
		g.mov(t, v["one"])
		g.do("fmls.2d", t, v["value"], v["value"])
		g.do("fmul.2d", v["delta"], v["delta"], t)
	})
}

// sum writes the kernel that adds up an array, in eight lanes.
func (g *gen) sum() {
	g.begin("sumNEON", "lanes, x *float64, n int", "", "is, for i from 0 to n-1,", "", "\tlanes[i%8] += x[i]")
	lanes, x, n, groups := g.arg("lanes"), g.arg("x"), g.arg("n"), g.newR()
	acc, b := g.newVs(4), g.newVs(4)
	g.loads(acc, lanes, 0)
	g.shiftR(groups, n, 3)
	g.loop("group", groups, true, func() {
		g.loads(b, x, 0)
		g.addI(x, x, 64)
		for v := range b {
			g.do("fadd.2d", acc[v], acc[v], b[v])
		}
	})
	g.stores(acc, lanes, 0)
	g.andI(n, n, 7) // the last elements are added to the first lanes, one after the other
	g.loop("rest", n, false, func() {
		g.post(false, "d", b[0], x, 8)
		g.loadD(acc[0], lanes, 0)
		g.do("fadd.2d", acc[0], acc[0], b[0])
		g.post(true, "d", acc[0], lanes, 8)
	})
	g.end()
}

// allFinite writes the kernel that collects x-x, which is +0 for finite x and NaN for the
// others.
func (g *gen) allFinite() {
	g.begin("allFiniteNEON", "x *float64, n int", "finite bool",
		"is: for i from 0 to n-1,", "", "\tif x[i]-x[i] != 0 { return false }", "", "and true at the end.")
	x, n, groups := g.arg("x"), g.arg("n"), g.newR()
	bad, b := g.newVs(2), g.newVs(4)
	g.zero(bad[0])
	g.zero(bad[1])
	check := func(v, bad V) {
		g.do("fsub.2d", v, v, v)
		g.do("orr", bad, bad, v)
	}
	g.shiftR(groups, n, 3)
	g.loop("group", groups, true, func() {
		g.loads(b, x, 0)
		g.addI(x, x, 64)
		for v := range b {
			check(b[v], bad[v%2])
		}
	})
	g.andI(n, n, 7)
	g.loop("rest", n, false, func() {
		g.post(false, "d", b[0], x, 8)
		check(b[0], bad[0])
	})
	g.do("orr", bad[0], bad[0], bad[1])
	g.returnIsZero(bad[0], "finite")
	g.end()
}

// ahead writes the kernel that prefetches an array to write it.
func (g *gen) ahead() {
	g.begin("prefetchNEON", "x *float64, n int", "", "prefetches the cache lines of x[0], x[8], ... below n, to write them.")
	x, n := g.arg("x"), g.arg("n")
	g.addI(n, n, 7)
	g.shiftR(n, n, 3)
	g.loop("line", n, false, func() {
		g.prefetchWrite(x, 0)
		g.addI(x, x, 64)
	})
	g.end()
}
