package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tile writes ScreenTiles for integers of 1 or 2 bytes. It keeps 24 sums of 16 latents
// each in registers over all the inputs. Measured on Zen 5 against the rate on registers alone: 12x2 vectors 97-100 %,
// 14x2 94-100, 8x3 and 6x4 98 in the first-level cache but less from the second,
// and 85-92 where x is broadcast by the multiplication itself. Unrolling by 2 or
// 4 gains nothing.
func (g *gen) tile(bytes int) {
	g.beginTiles(bytes)
	q, tiles := g.Arg("q"), g.Arg("tiles")
	e := g.epilogue()
	codes, lanes, stride := g.Arg("codes"), g.Arg("lanes"), g.Arg("laneStride")
	g.Label("tile")
	panel, n := g.Arg("panel"), g.Arg("groups")
	acc := make([][2]reg.VecVirtual, tileRows)
	for i := range acc {
		acc[i] = [2]reg.VecVirtual{g.ZMM(), g.ZMM()}
		g.VPBROADCASTD(mem(e.rows, rowStart+i*rowBytes), acc[i][0])
		g.VMOVDQA64(acc[i][0], acc[i][1])
	}
	g.Loop("step", n, func() { g.step(bytes, acc, q, panel, stepX, 0) })
	e.codes(acc, codes, lanes, stride)
	g.ADDQ(operand.U32(tileRows*rowBytes), e.rows)
	g.ADDQ(operand.U32(tileRows*64), codes)
	g.DECQ(tiles)
	g.JNZ(operand.LabelRef("tile"))
	g.End()
}

// beginTiles begins ScreenTiles for integers of 1 or 2 bytes.
func (g *gen) beginTiles(bytes int) {
	name, product := "screenTiles", "int8(q[48*p+4*i+b]) * panel[128*p+4*l+b]"
	if bytes == 2 {
		name, product = "screenTiles16", "int16(q[24*p+2*i+b]) * int16(panel[64*p+2*l+b])"
	}
	g.Begin(name+g.set, "codes, lanes *int16, laneStride int, q, panel *uint8, groups int, rows *int32, tiles int, w, columns *float32, outliers int",
		"is ScreenTiles: tile by tile, for i from 0 to 11 and l from 0 to 31,",
		"",
		"\tacc[i][l] = rows[i].Start",
		"\tfor p := range groups {",
		fmt.Sprintf("\t\tfor b := range %d {", 4/bytes),
		"\t\t\tacc[i][l] += "+product,
		"\t\t}", "\t}",
		"",
		"then the epilogue. rows and w point at the first fields of the first ScreenRow",
		"and of the ScreenPanel; laneStride is in bytes; tiles is not 0.")
}

// beginOne begins ScreenOne for integers of 1 or 2 bytes.
func (g *gen) beginOne(bytes int) {
	name, tiles := "screenOne", "screenTiles"
	if bytes == 2 {
		name, tiles = "screenOne16", "screenTiles16"
	}
	g.Begin(name+g.set, "codes, lanes *int16, q, panel *uint8, groups int, rows *int32, w, columns *float32, outliers int",
		"is ScreenOne: "+tiles+g.set+" for one row, whose q is [groups][4] bytes.")
}

// step multiplies a group of inputs of each row with those of the panel, and moves both
// pointers to the next group.
func (g *gen) step(bytes int, acc [][2]reg.VecVirtual, q, panel reg.Register, bytesX int, ahead int) {
	g.group(bytes, acc, q, panel, 0, 0, ahead)
	g.ADDQ(operand.U32(bytesX), q)
	g.ADDQ(operand.U32(stepW), panel)
}

// group multiplies the group of inputs at atX and atW, four bytes of each row: four
// integers, of which those of the panel have no sign, or two. ahead is how many bytes
// beyond the panel's group it prefetches, 0 for none.
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

// oneAhead is how far ahead of its loads screenOne prefetches the panel. On Zen 5,
// from the third-level cache and on one core: 59 GB/s without, 78 at 1 KB, 96 at
// 2 KB, 86-90 at 4 and 8 KB; from memory 15, 17, 40, 42 and 42.
const oneAhead = 4096

// one writes ScreenOne for integers of 1 or 2 bytes. It is bound by memory: four groups
// of inputs at a time, each with sums of its own, are enough to hide the latency of the
// additions.
func (g *gen) one(bytes int) {
	g.beginOne(bytes)
	e := g.epilogue()
	q, panel, n := g.Arg("q"), g.Arg("panel"), g.Arg("groups")
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
	g.Loop("fours", fours, func() {
		for u := range acc {
			g.group(bytes, acc[u:u+1], q, panel, 4*u, stepW*u, oneAhead)
		}
		g.ADDQ(operand.U32(16), q)
		g.ADDQ(operand.U32(4*stepW), panel)
	})
	g.Loop("ones", n, func() { g.step(bytes, acc[:1], q, panel, 4, 0) })
	for v := range 2 {
		g.VPADDD(acc[1][v], acc[0][v], acc[0][v])
		g.VPADDD(acc[3][v], acc[2][v], acc[2][v])
		g.VPADDD(acc[2][v], acc[0][v], acc[0][v])
	}
	e.codes(acc[:1], g.Arg("codes"), g.Arg("lanes"), nil)
	g.End()
}

// peak runs multiply-adds on registers alone: no kernel exceeds its rate.
func (g *gen) peak() {
	g.Begin("screenPeakAVX512", "n int",
		"does n times 24 independent multiply-adds of whole vectors of int8, on registers only.")
	n := g.Arg("n")
	acc, x := g.vecs(2*tileRows), g.ZMM()
	g.zero(x)
	for _, z := range acc {
		g.zero(z)
	}
	g.Loop("peak", n, func() {
		for _, z := range acc {
			g.VPDPBUSD(x, x, z)
		}
	})
	g.End()
}
