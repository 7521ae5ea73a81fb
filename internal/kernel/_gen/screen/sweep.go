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
		g.AddDatum(80, operand.U32(math.Float32bits(1.0078125)))
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

func (g *gen) maxAbs() {
	g.begin("maxAbsAVX512", "x *float64, n int) (most float64",
		"is MaxAbs: the largest of the bits without sign, as integers.")
	x, n := g.arg("x"), g.arg("n")
	sign, acc := g.ZMM(), g.vecs(4)
	g.VPBROADCASTQ(g.constants().Offset(72), sign)
	for _, a := range acc {
		g.zero(a)
	}
	part := func(disp int, a reg.VecVirtual) {
		z := g.ZMM()
		g.VPANDQ(mem(x, disp), sign, z)
		g.VPMAXUQ(z, a, a)
	}
	fours, ones := g.GP64(), g.GP64()
	g.MOVQ(n, fours)
	g.SHRQ(operand.U8(5), fours)
	g.loop("fours", fours, func() {
		for i, a := range acc {
			part(64*i, a)
		}
		g.ADDQ(operand.U32(256), x)
	})
	g.MOVQ(n, ones)
	g.SHRQ(operand.U8(3), ones)
	g.ANDQ(operand.U8(3), ones)
	g.loop("ones", ones, func() {
		part(0, acc[0])
		g.ADDQ(operand.U8(64), x)
	})
	g.ANDQ(operand.U8(7), n)
	g.JZ(operand.LabelRef("reduce"))
	k, z := g.firstLanes(n), g.ZMM()
	g.VMOVDQU64_Z(mem(x, 0), k, z)
	g.VPANDQ(z, sign, z)
	g.VPMAXUQ(z, acc[1], acc[1])
	g.Label("reduce")
	g.VPMAXUQ(acc[1], acc[0], acc[0])
	g.VPMAXUQ(acc[3], acc[2], acc[2])
	g.VPMAXUQ(acc[2], acc[0], acc[0])
	half := g.YMM()
	g.VEXTRACTI64X4(operand.U8(1), acc[0], half)
	g.VPMAXUQ(half, acc[0].AsY(), half)
	quarter, other := half.AsX(), g.XMM()
	g.VEXTRACTI128(operand.U8(1), half, other)
	g.VPMAXUQ(other, quarter, quarter)
	g.VPSHUFD(operand.U8(0xee), quarter, other)
	g.VPMAXUQ(other, quarter, quarter)
	g.Store(quarter, g.Return("most"))
	g.end()
}

// quantise is bound by the chains of the two sums in dot order, four cycles for
// 64 bytes of x, which is more than memory delivers.
func (g *gen) quantise() {
	g.begin("quantiseAVX512", "dst *uint8, stride int, x *float64, n int, inv float64, flip uint64, sums *float64",
		"is Quantise: for p from 0 to n-1,",
		"",
		"\tt := x[p] * inv",
		"\tq := round(t)",
		"\tdst[p/4*stride+p%4] = uint8(q) ^ flip",
		"\tsums[0] += (t-q)*(t-q), in dot order",
		"\tsums[1] += t*t, in dot order",
		"\tsums[2] += q*q",
		"\tsums[3] += q",
		"",
		"flip has its byte in all eight places.")
	dst, stride, x, n := g.arg("dst"), g.arg("stride"), g.arg("x"), g.arg("n")
	inv, whole := g.ZMM(), g.ZMM()
	g.VBROADCASTSD(g.argAt("inv"), inv)
	g.VBROADCASTSD(g.constants().Offset(64), whole)
	flip := g.arg("flip")
	sums := g.vecs(4)
	for _, s := range sums {
		g.zero(s)
	}
	// eight takes the elements in t and returns their bytes.
	eight := func(t reg.VecVirtual) reg.GPVirtual {
		q, bytes, bits := g.ZMM(), g.XMM(), g.GP64()
		g.VMULPD(inv, t, t)
		g.VADDPD(whole, t, q)
		g.VPMOVQB(q, bytes)
		g.VSUBPD(whole, q, q)
		g.VFMADD231PD(t, t, sums[1])
		g.VSUBPD(q, t, t)
		g.VFMADD231PD(t, t, sums[0])
		g.VFMADD231PD(q, q, sums[2])
		g.VADDPD(q, sums[3], sums[3])
		g.VMOVQ(bytes, bits)
		g.XORQ(flip, bits)
		return bits
	}
	count := g.GP64()
	g.MOVQ(n, count)
	g.SHRQ(operand.U8(3), count)
	g.loop("eight", count, func() {
		t := g.ZMM()
		g.PREFETCHT0(idx(x, n, 8, 0))
		g.VMOVUPD(mem(x, 0), t)
		bits := eight(t)
		g.MOVL(bits.As32(), mem(dst, 0))
		g.SHRQ(operand.U8(32), bits)
		g.MOVL(bits.As32(), idx(dst, stride, 1, 0))
		g.ADDQ(operand.U8(64), x)
		g.LEAQ(idx(dst, stride, 2, 0), dst)
	})
	g.ANDQ(operand.U8(7), n)
	g.JZ(operand.LabelRef("reduce"))
	k, t := g.firstLanes(n), g.ZMM()
	g.VMOVUPD_Z(mem(x, 0), k, t)
	bits := eight(t)
	g.MOVL(bits.As32(), mem(dst, 0))
	g.CMPQ(n, operand.U8(4))
	g.JLE(operand.LabelRef("reduce"))
	g.SHRQ(operand.U8(32), bits)
	g.MOVL(bits.As32(), idx(dst, stride, 1, 0))
	g.Label("reduce")
	out := g.arg("sums")
	for i := 0; i < 4; i += 2 {
		g.VMOVUPD(g.pairOfTrees(sums[i], sums[i+1]), mem(out, 8*i))
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

func (g *gen) scan() {
	g.begin("screenScanAVX512", "masks *uint32, codes, low, high *int16, rows int",
		"is ScreenScan: for i from 0 to rows-1 and l from 0 to 31, bit l of",
		"",
		"\tmasks[i] = low[i] <= codes[32*i+l] && codes[32*i+l] <= high[i]")
	masks, codes, low, high, n := g.arg("masks"), g.arg("codes"), g.arg("low"), g.arg("high"), g.arg("rows")
	g.loop("row", n, func() {
		c, bound, k := g.ZMM(), g.vecs(2), g.K()
		g.VMOVDQU64(mem(codes, 0), c)
		g.VPBROADCASTW(mem(low, 0), bound[0])
		g.VPBROADCASTW(mem(high, 0), bound[1])
		g.VPCMPW(operand.U8(lessOrEqual), c, bound[0], k)
		g.VPCMPW(operand.U8(greaterOrEqual), c, bound[1], k, k)
		g.KMOVD(k, mem(masks, 0))
		g.ADDQ(operand.U8(64), codes)
		g.ADDQ(operand.U8(2), low)
		g.ADDQ(operand.U8(2), high)
		g.ADDQ(operand.U8(4), masks)
	})
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
