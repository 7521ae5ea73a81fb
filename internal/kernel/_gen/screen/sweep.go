package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// constants writes the constants once, at the first use of one of them.
func (g *gen) constants() operand.Mem {
	if !g.haveConstants {
		g.haveConstants = true
		g.table = g.StaticGlobal("screenConstants")
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for i, q := range []uint64{0, 2, 4, 6, 1, 3, 5, 7} {
			g.AddDatum(8*i, operand.U64(q))
		}
		g.AddDatum(64, operand.U64(math.Float64bits(integerBit)))
		g.AddDatum(72, operand.U64(1<<63-1))
		g.AddDatum(80, operand.U32(math.Float32bits(1.2578125)))
	}
	return g.table
}

// integerBit, added to a small float64, rounds it to an integer and leaves that
// integer, in two's complement, in the low bits of the sum.
const integerBit = 3 << 51

func (g *gen) packOrder() operand.Mem     { return g.constants() }
func (g *gen) roundConstant() operand.Mem { return g.constants().Offset(80) }

// firstLanes gives a mask of the first n lanes of 8, n in a register below 8.
func (g *gen) firstLanes(n reg.GPVirtual) reg.OpmaskVirtual {
	bits, k := g.GP64(), g.K()
	g.MOVQ(n, reg.RCX)
	g.MOVQ(operand.U32(1), bits)
	g.SHLQ(reg.CL, bits)
	g.DECQ(bits)
	g.KMOVB(bits.As32(), k)
	return k
}

// extent takes four vectors at a time, each with a maximum and a sum of its own, and
// what is left over with the first.
func (g *gen) extent() {
	g.begin("extentAVX512", "x *float64, n int) (largest, square float64",
		"is Extent.")
	x, n := g.arg("x"), g.arg("n")
	sign, most, sum := g.ZMM(), g.vecs(4), g.vecs(4)
	g.VPBROADCASTQ(g.constants().Offset(72), sign)
	for i := range most {
		g.zero(most[i])
		g.zero(sum[i])
	}
	take := func(i int, z reg.VecVirtual) {
		g.VFMADD231PD(z, z, sum[i])
		g.VPANDQ(z, sign, z)
		g.VPMAXUQ(z, most[i], most[i])
	}
	part := func(i int) {
		z := g.ZMM()
		g.VMOVUPD(mem(x, 64*i), z)
		take(i, z)
	}
	fours, ones := g.GP64(), g.GP64()
	g.MOVQ(n, fours)
	g.SHRQ(operand.U8(5), fours)
	g.loop("fours", fours, func() {
		for i := range most {
			part(i)
		}
		g.ADDQ(operand.U32(256), x)
	})
	g.MOVQ(n, ones)
	g.SHRQ(operand.U8(3), ones)
	g.ANDQ(operand.U8(3), ones)
	g.loop("ones", ones, func() {
		part(0)
		g.ADDQ(operand.U8(64), x)
	})
	g.ANDQ(operand.U8(7), n)
	g.JZ(operand.LabelRef("reduce"))
	k, z := g.firstLanes(n), g.ZMM()
	g.VMOVUPD_Z(mem(x, 0), k, z)
	take(0, z)
	g.Label("reduce")
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
	g.end()
}

// rowAhead is how far ahead quantise asks for x, beyond the length of the row:
// rows usually follow one another, and the processor's own prefetch starts anew
// with each. MaxAbs and Quantise of rows from memory, of 768 inputs, on one core
// of a Zen 5: latents 15 GB/s without, 24.5 with 0, 26 with 512; rows 24, 29, 29.
const rowAhead = 512

// quantise writes the kernel for integers of 1 or 2 bytes. Two vectors at a time, each
// with sums of its own: the chain of one addition after the other, four cycles for 64
// bytes of x, would be the longest part of it.
func (g *gen) quantise(bytes int) {
	name, flipParam := "quantiseAVX512", ", flip uint64"
	store, note := "dst[p/4*stride+p%4] = uint8(q) ^ flip", "flip has its byte in all eight places."
	if bytes == 2 {
		name, flipParam = "quantise16AVX512", ""
		store, note = "int16(dst[p/2*stride+p%2*2:]) = q", ""
	}
	g.begin(name, "dst *uint8, stride int, x *float64, n int, inv float64"+flipParam+", sums *float64",
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
	dst, stride, x, n := g.arg("dst"), g.arg("stride"), g.arg("x"), g.arg("n")
	inv, whole := g.ZMM(), g.ZMM()
	g.VBROADCASTSD(g.argAt("inv"), inv)
	g.VBROADCASTSD(g.constants().Offset(64), whole)
	var flip reg.GPVirtual
	if bytes == 1 {
		flip = g.arg("flip")
	}
	var sums [2][]reg.VecVirtual
	for i := range sums {
		sums[i] = g.vecs(4)
		for _, s := range sums[i] {
			g.zero(s)
		}
	}
	// eight takes the elements in t and returns them as integers: bytes registers of
	// two groups each.
	eight := func(t reg.VecVirtual, sums []reg.VecVirtual) []reg.GPVirtual {
		q, packed := g.ZMM(), g.XMM()
		g.VMULPD(inv, t, t)
		g.VADDPD(whole, t, q)
		if bytes == 1 {
			g.VPMOVQB(q, packed)
		} else {
			g.VPMOVQW(q, packed)
		}
		g.VSUBPD(whole, q, q)
		g.VFMADD231PD(t, t, sums[1])
		g.VSUBPD(q, t, t)
		g.VFMADD231PD(t, t, sums[0])
		g.VFMADD231PD(q, q, sums[2])
		g.VADDPD(q, sums[3], sums[3])
		bits := make([]reg.GPVirtual, bytes)
		for i := range bits {
			bits[i] = g.GP64()
		}
		g.VMOVQ(packed, bits[0])
		if bytes == 1 {
			g.XORQ(flip, bits[0])
		} else {
			g.VPEXTRQ(operand.U8(1), packed, bits[1])
		}
		return bits
	}
	whole8 := func(i int) {
		t := g.ZMM()
		g.PREFETCHT0(idx(x, n, 8, rowAhead+64*i))
		g.VMOVUPD(mem(x, 64*i), t)
		for _, b := range eight(t, sums[i]) {
			g.MOVL(b.As32(), mem(dst, 0))
			g.SHRQ(operand.U8(32), b)
			g.MOVL(b.As32(), idx(dst, stride, 1, 0))
			g.LEAQ(idx(dst, stride, 2, 0), dst)
		}
	}
	count := g.GP64()
	g.MOVQ(n, count)
	g.SHRQ(operand.U8(4), count)
	g.loop("sixteen", count, func() {
		whole8(0)
		whole8(1)
		g.ADDQ(operand.U32(128), x)
	})
	g.TESTQ(operand.U32(8), n)
	g.JZ(operand.LabelRef("tail"))
	whole8(0)
	g.ADDQ(operand.U8(64), x)
	g.Label("tail")
	g.ANDQ(operand.U8(7), n)
	g.JZ(operand.LabelRef("reduce"))
	k, t := g.firstLanes(n), g.ZMM()
	g.VMOVUPD_Z(mem(x, 0), k, t)
	bits := eight(t, sums[1])
	for group := range 2 * bytes {
		b := bits[group/2]
		if group > 0 {
			g.CMPQ(n, operand.U8(group*4/bytes))
			g.JLE(operand.LabelRef("reduce"))
			g.ADDQ(stride, dst)
		}
		if group%2 == 1 {
			g.SHRQ(operand.U8(32), b)
		}
		g.MOVL(b.As32(), mem(dst, 0))
	}
	g.Label("reduce")
	out := g.arg("sums")
	for i, s := range sums[0] {
		g.VADDPD(sums[1][i], s, s)
	}
	for i := 0; i < 4; i += 2 {
		g.VMOVUPD(g.pairOfTrees(sums[0][i], sums[0][i+1]), mem(out, 8*i))
	}
	g.end()
}

// pairOfTrees adds the lanes of x and of y in the order of a dot product and
// returns the two results side by side.
func (g *gen) pairOfTrees(x, y reg.VecVirtual) reg.VecVirtual {
	var s [2]reg.VecVirtual
	for i, v := range []reg.VecVirtual{x, y} {
		half, quarter := g.YMM(), g.XMM()
		g.VEXTRACTF64X4(operand.U8(1), v, half)
		g.VADDPD(half, v.AsY(), half)
		g.VEXTRACTF128(operand.U8(1), half, quarter)
		g.VADDPD(quarter, half.AsX(), quarter)
		s[i] = quarter
	}
	even, odd := g.XMM(), g.XMM()
	g.VUNPCKLPD(s[1], s[0], even)
	g.VUNPCKHPD(s[1], s[0], odd)
	g.VADDPD(odd, even, even)
	return even
}

const (
	lessOrEqual    = 2
	greaterOrEqual = 5
)

// between compares a row of codes with its bounds and goes on to the next row.
func (g *gen) between(codes, low, high reg.GPVirtual) reg.OpmaskVirtual {
	c, bound, k := g.ZMM(), g.vecs(2), g.K()
	g.VMOVDQU64(mem(codes, 0), c)
	g.VPBROADCASTW(mem(low, 0), bound[0])
	g.VPBROADCASTW(mem(high, 0), bound[1])
	g.VPCMPW(operand.U8(lessOrEqual), c, bound[0], k)
	g.VPCMPW(operand.U8(greaterOrEqual), c, bound[1], k, k)
	g.ADDQ(operand.U8(64), codes)
	g.ADDQ(operand.U8(2), low)
	g.ADDQ(operand.U8(2), high)
	return k
}

// pairs goes through 64 rows at a time: first all masks, and one bit for each row
// that says whether its mask is zero; then only the rows with hits. The two loops
// have no branch that depends on chance but for their ends. (Moving masks together
// with VPCOMPRESSD was four times slower: a load that takes in several stores has
// to wait for all of them.)
func (g *gen) pairs() {
	const rowsAtOnce = 64
	g.begin("screenPairsAVX512", "pairs *int32, codes, low, high *int16, rows int, first, live uint64) (n int",
		"is ScreenPairs: for i from 0 to rows-1 and l from 0 to 31,",
		"",
		"\tif live>>l&1 != 0 && low[i] <= codes[32*i+l] && codes[32*i+l] <= high[i] {",
		"\t\tpairs[2*n], pairs[2*n+1] = int32(first)+i, int32(first>>32)+l",
		"\t\tn++",
		"\t}",
		"",
		"rows is not 0.")
	masks := g.AllocLocal(4 * rowsAtOnce)
	pairs, codes, low, high := g.arg("pairs"), g.arg("codes"), g.arg("low"), g.arg("high")
	rows, first, live := g.arg("rows"), g.arg("first"), g.arg("live")
	start := g.GP64()
	g.MOVQ(pairs, start)

	g.Label("rows")
	count, at, empty := g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(operand.U32(rowsAtOnce), count)
	g.CMPQ(rows, count)
	g.CMOVQLT(rows, count)
	g.SUBQ(count, rows)
	g.XORQ(at, at)
	g.XORQ(empty, empty)
	g.align()
	g.Label("row")
	m := g.GP64()
	g.KMOVD(g.between(codes, low, high), m.As32())
	g.ANDQ(live, m)
	g.MOVL(m.As32(), masks.Idx(at, 4))
	g.INCQ(at)
	g.CMPQ(m, operand.Imm(1)) // carry where m is 0
	g.RCRQ(operand.Imm(1), empty)
	g.CMPQ(at, count)
	g.JLT(operand.LabelRef("row"))

	g.Comment("The last count bits are those of the rows.")
	g.MOVQ(operand.U32(rowsAtOnce), reg.RCX)
	g.SUBQ(count, reg.RCX)
	g.NOTQ(empty)         // from here on, the rows with hits
	g.SHRQ(reg.CL, empty) // by 0 it leaves the flags as they were
	g.TESTQ(empty, empty)
	g.JZ(operand.LabelRef("next"))
	g.Label("hit")
	i, bit, rest := g.GP64(), g.GP64(), g.GP64()
	g.BSFQ(empty, i)
	g.MOVL(masks.Idx(i, 4), m.As32())
	g.ADDQ(first, i)
	g.Label("bit")
	g.BSFQ(m, bit)
	g.SHLQ(operand.U8(32), bit)
	g.ADDQ(i, bit)
	g.MOVQ(bit, mem(pairs, 0))
	g.ADDQ(operand.U8(8), pairs)
	g.LEAQ(mem(m, -1), rest)
	g.ANDQ(rest, m)
	g.JNZ(operand.LabelRef("bit"))
	g.LEAQ(mem(empty, -1), rest)
	g.ANDQ(rest, empty)
	g.JNZ(operand.LabelRef("hit"))

	g.Label("next")
	g.ADDQ(operand.U8(rowsAtOnce), first)
	g.TESTQ(rows, rows)
	g.JNZ(operand.LabelRef("rows"))
	g.SUBQ(start, pairs)
	g.SHRQ(operand.U8(3), pairs)
	g.Store(pairs, g.Return("n"))
	g.end()
}

// kth finds the result bit by bit: 16 counts over codes, which are few.
func (g *gen) kth() {
	g.begin("screenKthAVX512", "codes *int16, vectors, k int) (code int16",
		"is ScreenKth: the largest code that at least k of codes[:32*vectors] reach.")
	codes, vectors, k := g.arg("codes"), g.arg("vectors"), g.arg("k")
	found, bit := g.GP64(), g.GP64()
	g.MOVQ(operand.I32(-1<<15), found)
	g.MOVQ(operand.U32(1<<15), bit)
	g.align()
	g.Label("bit")
	try, bound := g.GP64(), g.ZMM()
	g.LEAQ(idx(found, bit, 1, 0), try)
	g.VPBROADCASTW(try.As32(), bound)
	at, left, total := g.GP64(), g.GP64(), g.GP64()
	g.MOVQ(codes, at)
	g.MOVQ(vectors, left)
	g.XORQ(total, total)
	g.Label("vector")
	mask, bits := g.K(), g.GP64()
	g.VPCMPW(operand.U8(lessOrEqual), mem(at, 0), bound, mask)
	g.KMOVD(mask, bits.As32())
	g.POPCNTQ(bits, bits)
	g.ADDQ(bits, total)
	g.ADDQ(operand.U8(64), at)
	g.DECQ(left)
	g.JNZ(operand.LabelRef("vector"))
	g.CMPQ(total, k)
	g.CMOVQGE(try, found)
	g.SHRQ(operand.U8(1), bit)
	g.JNZ(operand.LabelRef("bit"))
	g.Store(found.As16(), g.Return("code"))
	g.end()
}

// pairsAhead is how many lines of each row of the next pairs a call asks for.
const pairsAhead = 4

// dotPairs multiplies four pairs of rows at a time: with two loads for each
// multiply-add, four chains are as fast as any number.
func (g *gen) dotPairs(bytes int) {
	name, typ := "dotPairsAVX512", "float64"
	if bytes == 4 {
		name, typ = "dotPairs32AVX512", "float32"
	}
	g.begin(name, fmt.Sprintf("dst *float64, x **float64, w **%s, groups int, rest int", typ),
		"sets dst[t] = Dot(x[t], w[t]) for t from 0 to 3, over groups of eight elements",
		"and, where rest is not 0, one more of which only the elements whose bit is set are",
		"read. It asks for the beginnings of the rows in x[4:8] and w[4:8].")
	px, pw, n := g.arg("x"), g.arg("w"), g.arg("groups")
	var x, w [4]reg.GPVirtual
	var acc [4]reg.VecVirtual
	for t := range acc {
		x[t], w[t], acc[t] = g.GP64(), g.GP64(), g.ZMM()
		g.zero(acc[t])
	}
	for t := range acc {
		for _, p := range []reg.GPVirtual{px, pw} {
			g.MOVQ(mem(p, 8*(4+t)), x[0])
			for line := range pairsAhead {
				g.PREFETCHT0(mem(x[0], 64*line))
			}
		}
	}
	for t := range acc {
		g.MOVQ(mem(px, 8*t), x[t])
		g.MOVQ(mem(pw, 8*t), w[t])
	}
	at := g.GP64() // in elements
	g.XORQ(at, at)
	scale := uint8(bytes)
	g.loop("group", n, func() {
		for t := range acc {
			z := g.ZMM()
			if bytes == 4 {
				g.VCVTPS2PD(idx(w[t], at, scale, 0), z)
			} else {
				g.VMOVUPD(idx(w[t], at, scale, 0), z)
			}
			g.VFMADD231PD(idx(x[t], at, 8, 0), z, acc[t])
		}
		g.ADDQ(operand.U8(8), at)
	})
	rest, k := g.arg("rest"), g.K()
	g.TESTQ(rest, rest)
	g.JZ(operand.LabelRef("reduce"))
	g.KMOVB(rest.As32(), k)
	for t := range acc {
		a, b := g.ZMM(), g.ZMM()
		g.VMOVUPD_Z(idx(x[t], at, 8, 0), k, a)
		if bytes == 4 {
			g.VCVTPS2PD_Z(idx(w[t], at, scale, 0), k, b)
		} else {
			g.VMOVUPD_Z(idx(w[t], at, scale, 0), k, b)
		}
		g.VFMADD231PD(a, b, acc[t])
	}
	g.Label("reduce")
	dst := g.arg("dst")
	for t := 0; t < 4; t += 2 {
		g.VMOVUPD(g.pairOfTrees(acc[t], acc[t+1]), mem(dst, 8*t))
	}
	g.end()
}

// dotPairs16 goes through a list by itself: a pair takes 30 cycles at 768 inputs,
// no more than a call.
func (g *gen) dotPairs16() {
	g.begin("dotPairs16AVX512", "dst *int32, x *uint8, ldx int, w *uint8, ldw int, vectors int, pairs *int32, n int",
		"is DotPairs16: for t from 0 to n-1 and p from 0 to 32*vectors-1,",
		"",
		"\tdst[t] += int16(x[ldx*pairs[2*t]+2*p:]) * int16(w[ldw*pairs[2*t+1]+2*p:])",
		"",
		"from 0. vectors is not 0.")
	dst, x, w, n := g.arg("dst"), g.arg("x"), g.arg("w"), g.arg("n")
	pairs, ldx, ldw, vectors := g.arg("pairs"), g.argAt("ldx"), g.argAt("ldw"), g.argAt("vectors")
	// rows multiplies count pairs and leaves their sums in the first lanes.
	rows := func(count int) reg.VecVirtual {
		label := fmt.Sprintf("vector%d", count)
		var a, b [4]reg.GPVirtual
		var acc [4]reg.VecVirtual
		for t := range count {
			a[t], b[t], acc[t] = g.GP64(), g.GP64(), g.ZMM()
			g.MOVLQSX(mem(pairs, 8*t), a[t])
			g.MOVLQSX(mem(pairs, 8*t+4), b[t])
			g.IMULQ(ldx, a[t])
			g.IMULQ(ldw, b[t])
			g.ADDQ(x, a[t])
			g.ADDQ(w, b[t])
			g.zero(acc[t])
		}
		// From the end of the rows to their beginning would defeat the processor's
		// prefetch, so the pointers move.
		left := g.GP64()
		g.MOVQ(vectors, left)
		g.align()
		g.Label(label)
		for t := range count {
			z := g.ZMM()
			g.VMOVDQU64(mem(a[t], 0), z)
			g.VPDPWSSD(mem(b[t], 0), z, acc[t])
			g.ADDQ(operand.U8(64), a[t])
			g.ADDQ(operand.U8(64), b[t])
		}
		g.DECQ(left)
		g.JNZ(operand.LabelRef(label))
		for t := range count {
			half, quarter := g.YMM(), g.XMM()
			g.VEXTRACTI64X4(operand.U8(1), acc[t], half)
			g.VPADDD(half, acc[t].AsY(), half)
			g.VEXTRACTI128(operand.U8(1), half, quarter)
			g.VPADDD(quarter, half.AsX(), quarter)
			acc[t] = quarter
		}
		for t := count; t < 4; t++ {
			acc[t] = acc[0]
		}
		s, r := g.XMM(), g.XMM()
		g.VPHADDD(acc[1], acc[0], s)
		g.VPHADDD(acc[3], acc[2], r)
		g.VPHADDD(r, s, s)
		return s
	}
	fours, ones := g.GP64(), g.GP64()
	g.MOVQ(n, fours)
	g.SHRQ(operand.U8(2), fours)
	g.loop("four", fours, func() {
		g.VMOVDQU(rows(4), mem(dst, 0))
		g.ADDQ(operand.U8(16), dst)
		g.ADDQ(operand.U8(32), pairs)
	})
	g.MOVQ(n, ones)
	g.ANDQ(operand.U8(3), ones)
	g.loop("one", ones, func() {
		g.VMOVD(rows(1), mem(dst, 0))
		g.ADDQ(operand.U8(4), dst)
		g.ADDQ(operand.U8(8), pairs)
	})
	g.end()
}
