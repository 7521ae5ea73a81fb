package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// extent writes Extent. It takes four vectors at a time, each with a maximum and a sum of
// its own, and the rest with the first of those.
func (g *gen) extent() {
	g.Begin("extentAVX512", "x *float64, n int) (largest, square float64",
		"is Extent.")
	x, n := g.Arg("x"), g.Arg("n")
	sign, most, sum := g.ZMM(), g.vecs(4), g.vecs(4)
	g.VPBROADCASTQ(g.signConstant(), sign)
	for i := range most {
		g.zero(most[i])
		g.zero(sum[i])
	}
	take := func(i int, z reg.VecVirtual) {
		g.VFMADD231PD(z, z, sum[i])
		g.VPANDQ(z, sign, z)
		g.VPMAXUQ(z, most[i], most[i])
	}
	vector := func(i int) {
		z := g.ZMM()
		g.VMOVUPD(mem(x, 64*i), z)
		take(i, z)
	}
	fours, ones := g.GP64(), g.GP64()
	g.MOVQ(n, fours)
	g.SHRQ(operand.U8(5), fours)
	g.Loop("fours", fours, func() {
		for i := range most {
			vector(i)
		}
		g.ADDQ(operand.U32(256), x)
	})
	g.MOVQ(n, ones)
	g.SHRQ(operand.U8(3), ones)
	g.ANDQ(operand.U8(3), ones)
	g.Loop("ones", ones, func() {
		vector(0)
		g.ADDQ(operand.U8(64), x)
	})
	g.ANDQ(operand.U8(7), n)
	g.JZ(operand.LabelRef("reduce"))
	k, z := g.firstLanes(n), g.ZMM()
	g.VMOVUPD_Z(mem(x, 0), k, z)
	take(0, z)
	g.Label("reduce")
	g.extentResults(most, sum)
	g.End()
}

// extentResults combines four maxima and four sums and returns them.
func (g *gen) extentResults(most, sum []reg.VecVirtual) {
	for i := 2; i > 0; i /= 2 {
		for j := range i {
			g.VPMAXUQ(most[i+j], most[j], most[j])
			g.VADDPD(sum[i+j], sum[j], sum[j])
		}
	}
	half := g.YMM()
	g.VEXTRACTI64X4(operand.U8(1), most[0], half)
	g.VPMAXUQ(half, most[0].AsY(), half)
	quarter, other := half.AsX(), g.XMM()
	g.VEXTRACTI128(operand.U8(1), half, other)
	g.VPMAXUQ(other, quarter, quarter)
	g.VPSHUFD(operand.U8(0xee), quarter, other)
	g.VPMAXUQ(other, quarter, quarter)
	g.Store(quarter, g.Return("largest"))
	g.Store(g.pairOfTrees(sum[0], sum[0]).AsX(), g.Return("square"))
}

// rowAhead is how far beyond the length of the row quantise prefetches x: rows usually
// follow one another, and the processor's own prefetch begins again with each. MaxAbs
// and Quantise of rows from memory, of 768 inputs, on one core of a Zen 5: latents
// 15 GB/s without, 24.5 with 0, 26 with 512; rows 24, 29, 29.
const rowAhead = 512

// quantiser writes a kernel that rounds x to integers of 1 or 2 bytes.
type quantiser struct {
	*gen
	bytes             int
	dst, stride, x, n reg.GPVirtual
	offset            reg.VecVirtual // for integers of 1 byte
	inv, whole        reg.VecVirtual
	sums              [2][]reg.VecVirtual // of every second vector
}

// quantise writes the kernel for integers of 1 or 2 bytes. It takes two vectors at a
// time, each with sums of its own: with one set of sums, each addition would wait four
// cycles for the one before it, longer than all else takes for 64 bytes of x.
func (g *gen) quantise(bytes int) {
	q := g.newQuantiser(bytes)
	count := g.GP64()
	g.MOVQ(q.n, count)
	g.SHRQ(operand.U8(4), count)
	g.Loop("sixteen", count, func() {
		q.vector(0)
		q.vector(1)
		g.ADDQ(operand.U32(128), q.x)
	})
	g.TESTQ(operand.U32(8), q.n)
	g.JZ(operand.LabelRef("tail"))
	q.vector(0)
	g.ADDQ(operand.U8(64), q.x)
	g.Label("tail")
	q.tail()
	g.Label("reduce")
	out := g.Arg("sums")
	for i, s := range q.sums[0] {
		g.VADDPD(q.sums[1][i], s, s)
	}
	for i := 0; i < 4; i += 2 {
		g.VMOVUPD(g.pairOfTrees(q.sums[0][i], q.sums[0][i+1]), mem(out, 8*i))
	}
	g.End()
}

// newQuantiser begins the kernel: it loads the arguments and clears the sums.
func (g *gen) newQuantiser(bytes int) quantiser {
	name, offsetParam := "quantiseAVX512", ", offset uint64"
	store, note := "dst[p/4*stride+p%4] = uint8(q) + offset", "offset has its byte in all eight places."
	if bytes == 2 {
		name, offsetParam = "quantise16AVX512", ""
		store, note = "int16(dst[p/2*stride+p%2*2:]) = q", ""
	}
	g.Begin(name, "dst *uint8, stride int, x *float64, n int, inv float64"+offsetParam+", sums *float64",
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
		"in the order of Quantise. "+note)
	q := quantiser{gen: g, bytes: bytes}
	q.dst, q.stride, q.x, q.n = g.Arg("dst"), g.Arg("stride"), g.Arg("x"), g.Arg("n")
	q.inv, q.whole = g.ZMM(), g.ZMM()
	g.VBROADCASTSD(g.ArgAt("inv"), q.inv)
	g.VBROADCASTSD(g.wholeConstant(), q.whole)
	if bytes == 1 {
		q.offset = g.XMM()
		g.VMOVQ(g.ArgAt("offset"), q.offset)
	}
	for i := range q.sums {
		q.sums[i] = g.vecs(4)
		for _, s := range q.sums[i] {
			g.zero(s)
		}
	}
	return q
}

// round rounds the eight elements of t, adds to sums, and returns the integers: as many
// registers as an integer has bytes, of two groups each.
func (g quantiser) round(t reg.VecVirtual, sums []reg.VecVirtual) []reg.GPVirtual {
	q, packed := g.ZMM(), g.XMM()
	g.VMULPD(g.inv, t, t)
	g.VADDPD(g.whole, t, q)
	if g.bytes == 1 {
		g.VPMOVQB(q, packed)
		g.VPADDB(g.offset, packed, packed)
	} else {
		g.VPMOVQW(q, packed)
	}
	g.VSUBPD(g.whole, q, q)
	g.VFMADD231PD(t, t, sums[1])
	g.VSUBPD(q, t, t)
	g.VFMADD231PD(t, t, sums[0])
	g.VFMADD231PD(q, q, sums[2])
	g.VADDPD(q, sums[3], sums[3])
	bits := make([]reg.GPVirtual, g.bytes)
	for i := range bits {
		bits[i] = g.GP64()
	}
	g.VMOVQ(packed, bits[0])
	if g.bytes == 2 {
		g.VPEXTRQ(operand.U8(1), packed, bits[1])
	}
	return bits
}

// vector stores the integers of vector i of x, and leaves dst behind them.
func (g quantiser) vector(i int) {
	t := g.ZMM()
	g.PREFETCHT0(idx(g.x, g.n, 8, rowAhead+64*i))
	g.VMOVUPD(mem(g.x, 64*i), t)
	for _, b := range g.round(t, g.sums[i]) {
		g.MOVL(b.As32(), mem(g.dst, 0))
		g.SHRQ(operand.U8(32), b)
		g.MOVL(b.As32(), idx(g.dst, g.stride, 1, 0))
		g.LEAQ(idx(g.dst, g.stride, 2, 0), g.dst)
	}
}

// tail stores the integers of the last n%8 elements, and zeros to the end of their
// group. It jumps to the label reduce after the last of them.
func (g quantiser) tail() {
	g.ANDQ(operand.U8(7), g.n)
	g.JZ(operand.LabelRef("reduce"))
	k, t := g.firstLanes(g.n), g.ZMM()
	g.VMOVUPD_Z(mem(g.x, 0), k, t)
	bits := g.round(t, g.sums[1])
	for group := range 2 * g.bytes {
		b := bits[group/2]
		if group > 0 {
			g.CMPQ(g.n, operand.U8(group*4/g.bytes))
			g.JLE(operand.LabelRef("reduce"))
			g.ADDQ(g.stride, g.dst)
		}
		if group%2 == 1 {
			g.SHRQ(operand.U8(32), b)
		}
		g.MOVL(b.As32(), mem(g.dst, 0))
	}
}
