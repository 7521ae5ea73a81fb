package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dotPairs writes the kernel for rows of w with elements of 8 or of 4 bytes, four pairs at
// a time.
func (g narrow) dotPairs(bytes int) {
	name, typ := "dotPairs", "float64"
	if bytes == 4 {
		name, typ = "dotPairs32", "float32"
	}
	g.Begin(name+g.set, fmt.Sprintf("dst *float64, x **float64, w **%s, groups int, rest int", typ),
		"sets dst[t] = Dot(x[t], w[t]) for t from 0 to 3, over groups of eight elements and",
		"rest more, 0 to 7. It prefetches the beginnings of the rows in x[4:8] and w[4:8].")
	px, pw, n := g.Arg("x"), g.Arg("w"), g.Arg("groups")
	var x, w [4]reg.GPVirtual
	var acc [4][2]reg.VecVirtual
	for t := range acc {
		x[t], w[t] = g.GP64(), g.GP64()
		for v := range acc[t] {
			acc[t][v] = g.YMM()
			g.zero(acc[t][v])
		}
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
			for v := range acc[t] {
				z := g.YMM()
				if from := idx(w[t], at, scale, 4*bytes*v); bytes == 4 {
					g.VCVTPS2PD(from, z)
				} else {
					g.VMOVUPD(from, z)
				}
				g.VFMADD231PD(idx(x[t], at, 8, 32*v), z, acc[t][v])
			}
		}
		g.ADDQ(operand.U8(8), at)
	})
	rest := g.Arg("rest")
	g.TESTQ(rest, rest)
	g.JZ(operand.LabelRef("reduce"))
	masks, narrowMasks := g.firstLanes(rest, 8), [2]reg.VecVirtual{}
	if bytes == 4 {
		narrowMasks = g.firstLanes(rest, 4)
	}
	for t := range acc {
		for v := range acc[t] {
			a, b := g.YMM(), g.YMM()
			g.VMASKMOVPD(idx(x[t], at, 8, 32*v), masks[v], a)
			if from := idx(w[t], at, scale, 4*bytes*v); bytes == 4 {
				g.VMASKMOVPS(from, narrowMasks[v], b.AsX())
				g.VCVTPS2PD(b.AsX(), b)
			} else {
				g.VMASKMOVPD(from, masks[v], b)
			}
			g.VFMADD231PD(a, b, acc[t][v])
		}
	}
	g.Label("reduce")
	dst := g.Arg("dst")
	for t := range acc {
		g.VMOVSD(g.tree(acc[t]), mem(dst, 8*t))
	}
	g.End()
}

// dotPairs16 writes DotPairs16 for a list of pairs.
func (g narrow) dotPairs16() {
	g.integerDots().write(g.multiplyPairs)
}

// multiplyPairs multiplies the next count pairs of rows, 4 or 1, and returns a vector with
// their sums in its first lanes.
func (g narrow) multiplyPairs(d integerDots, count int) reg.VecVirtual {
	label := fmt.Sprintf("vector%d", count)
	a, b := d.next(count)
	acc := make([][2]reg.VecVirtual, count)
	for t := range acc {
		for v := range acc[t] {
			acc[t][v] = g.YMM()
			g.zero(acc[t][v])
		}
	}
	left := g.GP64()
	g.MOVQ(d.vectors, left)
	g.Align()
	g.Label(label)
	for t := range acc {
		for v := range acc[t] {
			x, w := g.YMM(), g.YMM()
			g.VMOVDQU(mem(a[t], 32*v), x)
			g.VMOVDQU(mem(b[t], 32*v), w)
			g.multiplyAdd(2, x, w, acc[t][v])
		}
		g.ADDQ(operand.U8(64), a[t])
		g.ADDQ(operand.U8(64), b[t])
	}
	g.DECQ(left)
	g.JNZ(operand.LabelRef(label))
	var quarters [4]reg.VecVirtual
	for t := range quarters {
		if t >= count {
			quarters[t] = quarters[0]
			continue
		}
		quarters[t] = g.XMM()
		g.VPADDD(acc[t][1], acc[t][0], acc[t][0])
		g.VEXTRACTI128(operand.U8(1), acc[t][0], quarters[t])
		g.VPADDD(acc[t][0].AsX(), quarters[t], quarters[t])
	}
	return g.addQuarters(quarters)
}
