package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pairsAhead is how many lines of each row of the next pairs a call prefetches.
const pairsAhead = 4

// dotPairs writes the kernel for rows of w with elements of 8 or of 4 bytes. It
// multiplies four pairs of rows at a time: with two loads for each multiply-add, four
// chains are as fast as any number.
func (g *gen) dotPairs(bytes int) {
	name, typ := "dotPairsAVX512", "float64"
	if bytes == 4 {
		name, typ = "dotPairs32AVX512", "float32"
	}
	g.Begin(name, fmt.Sprintf("dst *float64, x **float64, w **%s, groups int, rest int", typ),
		"sets dst[t] = Dot(x[t], w[t]) for t from 0 to 3, over groups of eight elements",
		"and, where rest is not 0, one more of which only the elements whose bit is set are",
		"read. It prefetches the beginnings of the rows in x[4:8] and w[4:8].")
	px, pw, n := g.Arg("x"), g.Arg("w"), g.Arg("groups")
	var x, w [4]reg.GPVirtual
	var acc [4]reg.VecVirtual
	for t := range acc {
		x[t], w[t], acc[t] = g.GP64(), g.GP64(), g.ZMM()
		g.zero(acc[t])
	}
	g.prefetchPairs(px, pw, x[0])
	for t := range acc {
		g.MOVQ(mem(px, 8*t), x[t])
		g.MOVQ(mem(pw, 8*t), w[t])
	}
	at := g.GP64() // in elements
	g.XORQ(at, at)
	scale := uint8(bytes)
	g.Loop("group", n, func() {
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
	rest, k := g.Arg("rest"), g.K()
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
	dst := g.Arg("dst")
	for t := 0; t < 4; t += 2 {
		g.VMOVUPD(g.pairOfTrees(acc[t], acc[t+1]), mem(dst, 8*t))
	}
	g.End()
}

// prefetchPairs prefetches the beginnings of the rows x[4:8] and w[4:8], whose pointers
// it loads into p.
func (g *gen) prefetchPairs(x, w, p reg.GPVirtual) {
	for t := range 4 {
		for _, rows := range []reg.GPVirtual{x, w} {
			g.MOVQ(mem(rows, 8*(4+t)), p)
			for line := range pairsAhead {
				g.PREFETCHT0(mem(p, 64*line))
			}
		}
	}
}

// dotPairs16 writes DotPairs16. It takes a list of pairs a call: a pair takes 30 cycles at 768 inputs, no more
// than a call does.
func (g *gen) dotPairs16() {
	g.integerDots().write(g.multiplyPairs)
}

// integerDots has the arguments of dotPairs16.
type integerDots struct {
	*gen
	x, w, pairs       reg.GPVirtual
	ldx, ldw, vectors operand.Mem
}

// integerDots begins dotPairs16 and loads its arguments.
func (g *gen) integerDots() integerDots {
	g.Begin("dotPairs16"+g.set, "dst *int32, x *uint8, ldx int, w *uint8, ldw int, vectors int, pairs *int32, n int",
		"is DotPairs16: for t from 0 to n-1 and p from 0 to 32*vectors-1,",
		"",
		"\tdst[t] += int16(x[ldx*pairs[2*t]+2*p:]) * int16(w[ldw*pairs[2*t+1]+2*p:])",
		"",
		"from 0. vectors is not 0.")
	d := integerDots{gen: g}
	d.x, d.w = g.Arg("x"), g.Arg("w")
	d.pairs, d.ldx, d.ldw, d.vectors = g.Arg("pairs"), g.ArgAt("ldx"), g.ArgAt("ldw"), g.ArgAt("vectors")
	return d
}

// write writes the function: it takes four pairs at a time, then one. multiply returns a
// vector with the sums of 4 or 1 pairs in its first lanes.
func (g integerDots) write(multiply func(d integerDots, count int) reg.VecVirtual) {
	dst, n := g.Arg("dst"), g.Arg("n")
	fours, ones := g.GP64(), g.GP64()
	g.MOVQ(n, fours)
	g.SHRQ(operand.U8(2), fours)
	g.Loop("four", fours, func() {
		g.VMOVDQU(multiply(g, 4), mem(dst, 0))
		g.ADDQ(operand.U8(16), dst)
		g.ADDQ(operand.U8(32), g.pairs)
	})
	g.MOVQ(n, ones)
	g.ANDQ(operand.U8(3), ones)
	g.Loop("one", ones, func() {
		g.VMOVD(multiply(g, 1), mem(dst, 0))
		g.ADDQ(operand.U8(4), dst)
		g.ADDQ(operand.U8(8), g.pairs)
	})
	g.End()
}

// next returns pointers to the rows of the next count pairs.
func (g integerDots) next(count int) (a, b []reg.GPVirtual) {
	for t := range count {
		a, b = append(a, g.GP64()), append(b, g.GP64())
		g.MOVLQSX(mem(g.pairs, 8*t), a[t])
		g.MOVLQSX(mem(g.pairs, 8*t+4), b[t])
		g.IMULQ(g.ldx, a[t])
		g.IMULQ(g.ldw, b[t])
		g.ADDQ(g.x, a[t])
		g.ADDQ(g.w, b[t])
	}
	return a, b
}

// multiplyPairs multiplies the next count pairs of rows, 4 or 1, and returns a vector with
// their sums in its first lanes.
func (g *gen) multiplyPairs(d integerDots, count int) reg.VecVirtual {
	label := fmt.Sprintf("vector%d", count)
	a, b := d.next(count)
	var acc [4]reg.VecVirtual
	for t := range count {
		acc[t] = g.ZMM()
		g.zero(acc[t])
	}
	// From the end of the rows to their beginning would defeat the processor's
	// prefetch, so the pointers move.
	left := g.GP64()
	g.MOVQ(d.vectors, left)
	g.Align()
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
	return g.addQuarters(acc)
}

// addQuarters adds up the four lanes of each of four registers.
func (g *gen) addQuarters(acc [4]reg.VecVirtual) reg.VecVirtual {
	s, r := g.XMM(), g.XMM()
	g.VPHADDD(acc[1], acc[0], s)
	g.VPHADDD(acc[3], acc[2], r)
	g.VPHADDD(r, s, s)
	return s
}
