package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// epilogue turns the integer sums of rows of a tile into codes.
type epilogue struct {
	*gen
	rows, w reg.Register // the first ScreenRow, the ScreenPanel
}

func (g *gen) epilogue() epilogue { return epilogue{g, g.arg("rows"), g.arg("w")} }

// codes turns the integer sums acc into codes, in the registers that they are in,
// and stores them. One factor of the panel at a time is held in two registers and
// meets every row.
func (e epilogue) codes(acc [][2]reg.VecVirtual, codes, lanes, stride reg.Register) {
	term := func(column func(v int) operand.Mem, row reg.Register, disp int, do func(c, f, y reg.VecVirtual)) {
		var c [2]reg.VecVirtual
		for v := range c {
			c[v] = e.ZMM()
			e.VMOVUPS(column(v), c[v])
		}
		for i := range acc {
			f := e.ZMM()
			e.VBROADCASTSS(mem(row, disp+i*rowBytes), f)
			for v, y := range acc[i] {
				do(c[v], f, y)
			}
		}
	}
	multiplyAdd := func(c, f, y reg.VecVirtual) { e.VFMADD231PS(c, f, y) }
	of := func(factor int) func(v int) operand.Mem {
		return func(v int) operand.Mem { return mem(e.w, factor+64*v) }
	}
	term(of(panelScale), e.rows, rowScale, func(c, f, y reg.VecVirtual) {
		e.VCVTDQ2PS(y, y)
		e.VMULPS(f, y, y)
		e.VMULPS(c, y, y)
	})
	term(of(panelBias), e.rows, rowBias, multiplyAdd)
	n, column, row := e.arg("outliers"), e.arg("columns"), e.GP64()
	e.MOVQ(e.rows, row)
	e.loop("outlier", n, func() {
		term(func(v int) operand.Mem { return mem(column, 64*v) }, row, rowOutlier, multiplyAdd)
		e.ADDQ(operand.U32(columnRow), column)
		e.ADDQ(operand.U8(4), row)
	})
	for i := range acc {
		f := e.ZMM()
		e.VBROADCASTSS(mem(e.rows, rowMask+i*rowBytes), f)
		for _, y := range acc[i] {
			e.VANDPS(f, y, y)
		}
	}
	term(of(panelNorm), e.rows, rowNorm, multiplyAdd)
	term(of(panelResidual), e.rows, rowResidual, multiplyAdd)
	round, order := e.ZMM(), e.ZMM()
	e.VBROADCASTSS(e.roundConstant(), round)
	e.VMOVDQU64(e.packOrder(), order)
	for i := range acc {
		for _, y := range acc[i] {
			e.VADDPS(round, y, y)
			e.VCVTTPS2DQ(y, y)
		}
		e.Comment("Packing works within quarters: put the parts in order.")
		c := acc[i][0]
		e.VPACKSSDW(acc[i][1], c, c)
		e.VPERMQ(c, order, c)
		e.VMOVDQU64(c, mem(codes, 64*i))
		e.VPMAXSW(mem(lanes, 0), c, c)
		e.VMOVDQU64(c, mem(lanes, 0))
		if stride != nil {
			e.ADDQ(stride, lanes)
		}
	}
}

// tile keeps 24 sums of 16 latents each in registers over all the inputs.
// Measured on Zen 5 against the rate on registers alone: 12x2 vectors 97-100 %,
// 14x2 94-100, 8x3 and 6x4 98 in the first-level cache but less from the second,
// and 85-92 where x is broadcast by the multiplication itself. Unrolling by 2 or
// 4 gains nothing.
func (g *gen) tile(bytes int) {
	name, product := "screenTilesAVX512", "int8(q[48*p+4*i+b]) * panel[128*p+4*l+b]"
	if bytes == 2 {
		name, product = "screenTiles16AVX512", "int16(q[24*p+2*i+b]) * int16(panel[64*p+2*l+b])"
	}
	g.begin(name, "codes, lanes *int16, laneStride int, q, panel *uint8, groups int, rows *int32, tiles int, w, columns *float32, outliers int",
		"is ScreenTiles: tile by tile, for i from 0 to 11 and l from 0 to 31,",
		"",
		"\tacc[i][l] = rows[i].Start",
		"\tfor p := range groups {",
		fmt.Sprintf("\t\tfor b := range %d {", 4/bytes),
		"\t\t\tacc[i][l] += "+product,
		"\t\t}", "\t}",
		"",
		"then the float32 part. rows and w point at the first fields of the first ScreenRow",
		"and of the ScreenPanel; laneStride is in bytes; tiles is not 0.")
	q, tiles := g.arg("q"), g.arg("tiles")
	e := g.epilogue()
	codes, lanes, stride := g.arg("codes"), g.arg("lanes"), g.arg("laneStride")
	g.Label("tile")
	panel, n := g.arg("panel"), g.arg("groups")
	acc := make([][2]reg.VecVirtual, tileRows)
	for i := range acc {
		acc[i] = [2]reg.VecVirtual{g.ZMM(), g.ZMM()}
		g.VPBROADCASTD(mem(e.rows, rowStart+i*rowBytes), acc[i][0])
		g.VMOVDQA64(acc[i][0], acc[i][1])
	}
	g.loop("step", n, func() { g.step(bytes, acc, q, panel, stepX, 0) })
	e.codes(acc, codes, lanes, stride)
	g.ADDQ(operand.U32(tileRows*rowBytes), e.rows)
	g.ADDQ(operand.U32(tileRows*64), codes)
	g.DECQ(tiles)
	g.JNZ(operand.LabelRef("tile"))
	g.end()
}

// step multiplies a group of inputs of each row with those of the panel, and leaves
// both pointers behind what was read.
func (g *gen) step(bytes int, acc [][2]reg.VecVirtual, q, panel reg.Register, bytesX int, ahead int) {
	g.group(bytes, acc, q, panel, 0, 0, ahead)
	g.ADDQ(operand.U32(bytesX), q)
	g.ADDQ(operand.U32(stepW), panel)
}

// group is the same for the group at atX and atW, four bytes of each row: four
// integers, of which those of the panel have no sign, or two.
func (g *gen) group(bytes int, acc [][2]reg.VecVirtual, q, panel reg.Register, atX, atW, ahead int) {
	multiplyAdd := g.VPDPBUSD
	if bytes == 2 {
		multiplyAdd = g.VPDPWSSD
	}
	var w [2]reg.VecVirtual
	for v := range w {
		if ahead > 0 {
			g.PREFETCHT0(mem(panel, atW+64*v+ahead))
		}
		w[v] = g.ZMM()
		g.VMOVDQU32(mem(panel, atW+64*v), w[v])
	}
	for i := range acc {
		x := g.ZMM()
		g.VPBROADCASTD(mem(q, atX+4*i), x)
		for v := range w {
			multiplyAdd(x, w[v], acc[i][v])
		}
	}
}

// oneAhead is how far ahead of its loads screenOne asks for the panel. On Zen 5,
// from the third-level cache and on one core: 59 GB/s without, 78 at 1 KB, 96 at
// 2 KB, 86-90 at 4 and 8 KB; from memory 15, 17, 40, 42 and 42.
const oneAhead = 4096

// one is bound by memory: four groups of inputs at a time, each with sums of its
// own, are enough to hide the latency of the additions.
func (g *gen) one(bytes int) {
	name, tiles := "screenOneAVX512", "screenTilesAVX512"
	if bytes == 2 {
		name, tiles = "screenOne16AVX512", "screenTiles16AVX512"
	}
	g.begin(name, "codes, lanes *int16, q, panel *uint8, groups int, rows *int32, w, columns *float32, outliers int",
		"is ScreenOne: "+tiles+" for one row, whose q is [groups][4] bytes.")
	e := g.epilogue()
	q, panel, n := g.arg("q"), g.arg("panel"), g.arg("groups")
	acc := make([][2]reg.VecVirtual, 4)
	for u := range acc {
		for v := range acc[u] {
			acc[u][v] = g.ZMM()
			if u == 0 {
				g.VPBROADCASTD(mem(e.rows, rowStart), acc[u][v])
			} else {
				g.zero(acc[u][v])
			}
		}
	}
	fours := g.GP64()
	g.MOVQ(n, fours)
	g.SHRQ(operand.U8(2), fours)
	g.ANDQ(operand.U8(3), n)
	g.loop("fours", fours, func() {
		for u := range acc {
			g.group(bytes, acc[u:u+1], q, panel, 4*u, stepW*u, oneAhead)
		}
		g.ADDQ(operand.U32(16), q)
		g.ADDQ(operand.U32(4*stepW), panel)
	})
	g.loop("ones", n, func() { g.step(bytes, acc[:1], q, panel, 4, 0) })
	for v := range 2 {
		g.VPADDD(acc[1][v], acc[0][v], acc[0][v])
		g.VPADDD(acc[3][v], acc[2][v], acc[2][v])
		g.VPADDD(acc[2][v], acc[0][v], acc[0][v])
	}
	e.codes(acc[:1], g.arg("codes"), g.arg("lanes"), nil)
	g.end()
}

// peak runs multiply-adds on registers alone: the rate nothing can exceed.
func (g *gen) peak() {
	g.begin("screenPeakAVX512", "n int",
		"does n times 24 independent multiply-adds of whole vectors of int8, on registers only.")
	n := g.arg("n")
	acc, x := g.vecs(2*tileRows), g.ZMM()
	g.zero(x)
	for _, z := range acc {
		g.zero(z)
	}
	g.loop("peak", n, func() {
		for _, z := range acc {
			g.VPDPBUSD(x, x, z)
		}
	})
	g.end()
}
