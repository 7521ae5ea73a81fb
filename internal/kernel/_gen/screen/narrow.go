package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// narrow builds the functions for vectors of 32 bytes, 16 of them, without masks: those
// for AVX2 and those that AVX-VNNI makes faster. A tile is taken in parts of some rows by
// 16 latents, as many as there are registers for.
type narrow struct {
	*gen
	vnni bool
}

// product is one way to add up the integer products of the rows of a part.
type product struct {
	bytes    int // of an integer
	rows     int // of a part
	perGroup int // bytes that a tile takes for each group, 48 and those that blocks start from
	multiply func(acc [][2]reg.VecVirtual, x, panel, groups reg.GPVirtual)
}

// tile writes ScreenTiles: the parts of a tile for the first 16 latents of the panel, then those for the others.
func (g narrow) tile(p product) {
	g.beginTiles(p.bytes)
	q, tiles := g.Arg("q"), g.Arg("tiles")
	e := g.epilogue()
	codes, lanes, stride := g.Arg("codes"), g.Arg("lanes"), g.Arg("laneStride")
	part := g.GP64()
	e.half = g.GP64()
	g.Label("tile")
	g.XORQ(e.half, e.half)
	g.Label("half")
	g.MOVQ(operand.U32(tileRows/p.rows), part)
	g.Label("part")
	x, panel, n := g.GP64(), g.Arg("panel"), g.Arg("groups")
	g.MOVQ(q, x)
	g.ADDQ(e.half, panel)
	acc := make([][2]reg.VecVirtual, p.rows)
	for i := range acc {
		acc[i] = [2]reg.VecVirtual{g.YMM(), g.YMM()}
		g.VPBROADCASTD(mem(e.rows, rowStart+i*rowBytes), acc[i][0])
		g.VMOVDQA(acc[i][0], acc[i][1])
	}
	p.multiply(acc, x, panel, n)
	e.codes(acc, codes, lanes, stride)
	g.ADDQ(operand.U32(4*p.rows), q)
	g.ADDQ(operand.U32(p.rows*rowBytes), e.rows)
	g.ADDQ(operand.U32(p.rows*64), codes)
	g.DECQ(part)
	g.JNZ(operand.LabelRef("part"))
	g.Comment("Back to the first row, for the other latents.")
	g.SUBQ(operand.U32(stepX), q)
	g.SUBQ(operand.U32(tileRows*rowBytes), e.rows)
	g.SUBQ(operand.U32(tileRows*64-32), codes)
	back := g.GP64()
	g.IMUL3Q(operand.U8(tileRows), stride, back)
	g.SUBQ(back, lanes)
	g.ADDQ(operand.U8(32), lanes)
	g.ADDQ(operand.U8(64), e.w)
	g.ADDQ(operand.U8(64), e.half)
	g.CMPQ(e.half, operand.U32(stepW))
	g.JNE(operand.LabelRef("half"))
	g.Comment("The next tile.")
	bytes := g.Arg("groups")
	g.IMUL3Q(operand.U8(p.perGroup), bytes, bytes)
	g.ADDQ(bytes, q)
	g.ADDQ(operand.U32(tileRows*rowBytes), e.rows)
	g.ADDQ(operand.U32(tileRows*64-64), codes)
	forth := g.GP64()
	g.IMUL3Q(operand.U8(tileRows), stride, forth)
	g.LEAQ(idx(lanes, forth, 1, -64), lanes)
	g.SUBQ(operand.U32(stepW), e.w)
	g.DECQ(tiles)
	g.JNZ(operand.LabelRef("tile"))
	g.End()
}

// latents loads the group of inputs at panel+disp of the 16 latents.
func (g narrow) latents(panel reg.Register, disp int) (w [2]reg.VecVirtual) {
	for v := range w {
		w[v] = g.YMM()
		g.VMOVDQU(mem(panel, disp+32*v), w[v])
	}
	return w
}

// multiplyAdd adds the products of a group of inputs to sums: of one row, in all places of x, and of
// eight latents.
func (g narrow) multiplyAdd(bytes int, x, w, sums reg.VecVirtual) {
	switch {
	case g.vnni && bytes == 1:
		g.VPDPBUSD(x, w, sums)
	case g.vnni:
		g.VPDPWSSD(x, w, sums)
	default:
		t := g.YMM()
		if bytes == 1 {
			g.VPMADDUBSW(x, w, t)
			g.VPMADDWD(g.onesConstant(), t, t)
		} else {
			g.VPMADDWD(x, w, t)
		}
		g.VPADDD(t, sums, sums)
	}
}

// groups is a product that adds up in int32, group by group. With twelve sums, the loads are as
// many as the processor can do beside the multiplications.
func (g narrow) groups(bytes int) product {
	return product{bytes, 6, stepX, func(acc [][2]reg.VecVirtual, x, panel, groups reg.GPVirtual) {
		g.Loop("group", groups, func() {
			w := g.latents(panel, 0)
			for i := range acc {
				v := g.YMM()
				g.VPBROADCASTD(mem(x, 4*i), v)
				g.multiplyAdd(bytes, v, w[0], acc[i][0])
				g.multiplyAdd(bytes, v, w[1], acc[i][1])
			}
			g.ADDQ(operand.U32(stepX), x)
			g.ADDQ(operand.U32(stepW), panel)
		})
	}}
}

// blockGroups is how many groups of inputs a block of GridBlocks has.
const blockGroups = 4

// blocks is the product on GridBlocks: VPMADDUBSW adds up two products in int16, and the four of those
// in a block are added up before they are widened. Six of these sums, and six in int32, are what 16 registers
// hold.
func (g narrow) blocks() product {
	return product{1, 3, stepX + stepX/blockGroups, func(acc [][2]reg.VecVirtual, x, panel, groups reg.GPVirtual) {
		starts := g.GP64()
		g.IMUL3Q(operand.U8(stepX), groups, starts)
		g.ADDQ(x, starts)
		g.SHRQ(operand.U8(2), groups)
		g.Loop("block", groups, func() {
			sums := make([][2]reg.VecVirtual, len(acc))
			for group := range blockGroups {
				w := g.latents(panel, group*stepW)
				for i := range acc {
					g.addPairs(&sums[i], w, mem(x, group*stepX+4*i), mem(starts, 4*i), group == 0)
				}
			}
			for i := range acc {
				for v, s := range sums[i] {
					g.VPMADDWD(g.onesConstant(), s, s)
					g.VPADDD(s, acc[i][v], acc[i][v])
				}
			}
			g.ADDQ(operand.U32(blockGroups*stepX), x)
			g.ADDQ(operand.U32(blockGroups*stepW), panel)
			g.ADDQ(operand.U32(stepX), starts)
		})
	}}
}

// addPairs adds the products of the group at x to the sums of a row in int16, or lets them begin
// with these and what is at start.
func (g narrow) addPairs(sums *[2]reg.VecVirtual, w [2]reg.VecVirtual, x, start operand.Mem, first bool) {
	xs, from := g.YMM(), g.YMM()
	g.VPBROADCASTD(x, xs)
	if first {
		g.VPBROADCASTD(start, from)
	}
	for v := range sums {
		t := g.YMM()
		g.VPMADDUBSW(xs, w[v], t)
		if first {
			sums[v] = t
			g.VPADDW(from, t, t)
		} else {
			g.VPADDW(t, sums[v], sums[v])
		}
	}
}

// one writes ScreenOne for integers of 1 or 2 bytes, for two groups of inputs at a time, each with
// sums of its own: VPDPBUSD takes four or five cycles.
func (g narrow) one(bytes int) {
	g.beginOne(bytes)
	e := g.epilogue()
	q, panel, n := g.Arg("q"), g.Arg("panel"), g.Arg("groups")
	var acc [2][4]reg.VecVirtual
	for u := range acc {
		for v := range acc[u] {
			acc[u][v] = g.YMM()
			if u == 0 {
				g.VPBROADCASTD(mem(e.rows, rowStart), acc[u][v])
			} else {
				g.zero(acc[u][v])
			}
		}
	}
	group := func(u, ahead int) {
		x := g.YMM()
		g.VPBROADCASTD(mem(q, 4*u), x)
		for v := range acc[u] {
			at := stepW*u + 32*v
			if ahead > 0 && v%2 == 0 {
				g.PREFETCHT0(mem(panel, at+ahead))
			}
			w := g.YMM()
			g.VMOVDQU(mem(panel, at), w)
			g.multiplyAdd(bytes, x, w, acc[u][v])
		}
	}
	twos := g.GP64()
	g.MOVQ(n, twos)
	g.SHRQ(operand.U8(1), twos)
	g.Loop("twos", twos, func() {
		group(0, oneAhead)
		group(1, oneAhead)
		g.ADDQ(operand.U8(8), q)
		g.ADDQ(operand.U32(2*stepW), panel)
	})
	g.TESTQ(operand.U32(1), n)
	g.JZ(operand.LabelRef("codes"))
	group(0, 0)
	g.Label("codes")
	for v := range acc[0] {
		g.VPADDD(acc[1][v], acc[0][v], acc[0][v])
	}
	codes, lanes := g.Arg("codes"), g.Arg("lanes")
	e.codes([][2]reg.VecVirtual{{acc[0][0], acc[0][1]}}, codes, lanes, nil)
	for _, p := range []reg.Register{codes, lanes} {
		g.ADDQ(operand.U8(32), p)
	}
	g.ADDQ(operand.U8(64), e.w)
	e.half, e.label = g.GP64(), "outlier_of_others"
	g.MOVQ(operand.U32(64), e.half)
	e.codes([][2]reg.VecVirtual{{acc[0][2], acc[0][3]}}, codes, lanes, nil)
	g.End()
}
