package main

import "math"

// integerBit, added to a small float64, rounds it to an integer and leaves that
// integer, in two's complement, in the low bits of the sum.
const integerBit = 3 << 51

// quantiser has the registers of quantise.
type quantiser struct {
	*gen
	bytes          int // of an integer
	dst, stride, x R
	inv, whole     V
	offset         V   // added to integers of 1 byte
	residual       []V // sums of 16 lanes
	square         []V
	integers       []V // of any order: these sums are exact
	sum            V
	t, q, packed   []V
}

// quantise writes the kernel that rounds x to integers of 1 or 2 bytes. It takes eight
// elements at a time; every second eight have sums of their own.
func (g *gen) quantise(bytes int) {
	q := g.newQuantiser(bytes)
	n, count, left, at := g.arg("n"), g.newR(), g.newR(), g.newR()
	g.shiftR(count, n, 4)
	g.loop("sixteen", count, true, func() {
		q.eight(0)
		q.eight(1)
	})
	g.ifBit(false, 3, n, "tail")
	q.eight(0)
	g.label("tail")
	g.andI(n, n, 7)
	g.ifZero(n, "reduce")
	g.loadRest("rest", q.t, q.x, n, left, at)
	q.round(1)
	for i := range 2 * bytes { // groups of four bytes
		if i > 0 {
			g.ifCompareI(n, "LE", i*4/bytes, "reduce")
		}
		q.storeGroup(i)
	}
	g.label("reduce")
	out := g.arg("sums")
	for v := range 4 {
		g.do("fadd.2d", q.residual[v], q.residual[v], q.residual[v+4])
		g.do("fadd.2d", q.square[v], q.square[v], q.square[v+4])
	}
	g.store(g.tree([][]V{q.residual[:4], q.square[:4]})[0], out, 0)
	g.do("fadd.2d", q.integers[0], q.integers[0], q.integers[1])
	g.do("faddp.2d", q.sum, q.integers[0], q.sum)
	g.store(q.sum, out, 16)
	g.end()
}

// newQuantiser begins the kernel: it loads the arguments and clears the sums.
func (g *gen) newQuantiser(bytes int) *quantiser {
	name, param := "quantiseNEON", ", offset int"
	store, note := "dst[p/4*stride+p%4] = uint8(q) + uint8(offset)", "in the order of Quantise."
	if bytes == 2 {
		name, param, store = "quantise16NEON", "", "int16(dst[p/2*stride+p%2*2:]) = q"
	}
	g.begin(name, "dst *uint8, stride int, x *float64, n int, inv float64"+param+", sums *float64", "",
		"is, for p from 0 to n-1,",
		"",
		"\tt := x[p] * inv",
		"\tq := round(t)",
		"\t"+store,
		"\tsums[0] += (t-q)*(t-q)",
		"\tsums[1] += t*t",
		"\tsums[2] += q*q",
		"\tsums[3] += q",
		"",
		note)
	q := &quantiser{gen: g, bytes: bytes}
	q.dst, q.stride, q.x = g.arg("dst"), g.arg("stride"), g.arg("x")
	q.inv, q.whole = g.argV("inv"), g.newV()
	bits := g.newR()
	g.plain("MOVD $%#x, R%d", math.Float64bits(integerBit), bits)
	g.dupR("2d", q.whole, bits)
	if bytes == 1 {
		q.offset = g.newV()
		g.argTo(bits, "offset")
		g.dupR("16b", q.offset, bits)
	}
	sums := g.newVs(19)
	for _, z := range sums {
		g.zero(z)
	}
	q.residual, q.square, q.integers, q.sum = sums[:8], sums[8:16], sums[16:18], sums[18]
	q.t, q.q, q.packed = g.newVs(4), g.newVs(4), g.newVs(2)
	return q
}

// eight rounds the next eight elements, adds to the sums of that half, and stores the
// integers.
func (q *quantiser) eight(half int) {
	q.loads(q.t, q.x, 0)
	q.addI(q.x, q.x, 64)
	q.round(half)
	for i := range 2 * q.bytes {
		q.storeGroup(i)
	}
}

// round rounds the eight elements in t, adds to the sums of that half, and packs the
// integers side by side.
func (q *quantiser) round(half int) {
	for v, t := range q.t {
		q.do("fmul.2d", t, t, q.inv)
		q.do("fadd.2d", q.q[v], t, q.whole)
	}
	q.do("uzp1.4s", q.packed[0], q.q[0], q.q[1])
	q.do("uzp1.4s", q.packed[1], q.q[2], q.q[3])
	q.do("uzp1.8h", q.packed[0], q.packed[0], q.packed[1])
	if q.bytes == 1 {
		q.do("xtn.b", q.packed[0], q.packed[0])
		q.do("add.16b", q.packed[0], q.packed[0], q.offset)
	}
	for v, t := range q.t {
		z := q.q[v]
		q.do("fsub.2d", z, z, q.whole)
		q.do("fmla.2d", q.square[4*half+v], t, t)
		q.do("fsub.2d", t, t, z)
		q.do("fmla.2d", q.residual[4*half+v], t, t)
		q.do("fmla.2d", q.integers[v%2], z, z)
		q.do("fadd.2d", q.sum, q.sum, z)
	}
}

// storeGroup stores group i of the packed integers, and moves on to the next one.
func (q *quantiser) storeGroup(i int) {
	q.storeLaneS(q.packed[0], i, q.dst)
	q.add(q.dst, q.dst, q.stride)
}

// extent writes Extent. It takes 32 elements at a time, and the rest in groups of eight.
func (g *gen) extent() {
	g.begin("extentNEON", "x *float64, n int", "largest, square float64", "is Extent.")
	x, n, count, left, at := g.arg("x"), g.arg("n"), g.newR(), g.newR(), g.newR()
	sum, most, b, sign, larger := g.newVs(16), g.newVs(4), g.newVs(4), g.newV(), g.newV()
	for _, z := range append(append([]V{}, sum...), most...) {
		g.zero(z)
	}
	g.set(at, -1)
	g.shiftR(at, at, 1)
	g.dupR("2d", sign, at)
	take := func(first int) {
		for v, z := range b {
			g.do("fmla.2d", sum[first+v], z, z)
			g.do("and", z, z, sign)
			g.do("cmgt.2d", larger, z, most[v])
			g.do("bit", most[v], z, larger)
		}
	}
	eight := func(first int) {
		g.loads(b, x, 0)
		g.addI(x, x, 64)
		take(first)
	}
	g.shiftR(count, n, 5)
	g.loop("thirtytwo", count, true, func() {
		for first := 0; first < len(sum); first += 4 {
			eight(first)
		}
	})
	g.shiftR(count, n, 3)
	g.andI(count, count, 3)
	g.loop("eight", count, false, func() { eight(0) })
	g.andI(n, n, 7)
	g.ifZero(n, "reduce")
	g.loadRest("rest", b, x, n, left, at)
	take(0)
	g.label("reduce")
	for v := range 4 {
		g.do("fadd.2d", sum[v], sum[v], sum[v+8])
		g.do("fadd.2d", sum[v+4], sum[v+4], sum[v+12])
		g.do("fadd.2d", sum[v], sum[v], sum[v+4])
	}
	s := g.halves(sum[:4])
	g.do("faddp.2d", s, s, s)
	g.plain("FMOVD F%d, %s", s, g.place("square"))
	for _, v := range []int{1, 2, 3} {
		g.do("cmgt.2d", larger, most[v], most[0])
		g.do("bit", most[0], most[v], larger)
	}
	g.dup("2d", most[1], most[0], 1)
	g.do("cmgt.2d", larger, most[1], most[0])
	g.do("bit", most[0], most[1], larger)
	g.plain("FMOVD F%d, %s", most[0], g.place("largest"))
	g.end()
}
