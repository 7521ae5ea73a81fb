package main

import (
	"fmt"
	"math"
)

// The layouts of ../../screen_layout.go.
const (
	screenRows    = 12
	screenLatents = 32
	stepX         = 4 * screenRows    // bytes of a group of inputs in a tile of x
	stepW         = 4 * screenLatents // and in a panel of w
	rowBytes      = 88                // of a ScreenRow
	blockLatents  = 8                 // of which sums stay in registers over all inputs
)

// Offsets in a ScreenRow and in a ScreenPanel. The four factors of a row lie side by side.
const (
	rowStart, rowFactors, rowMask, rowOutlier       = 0, 4, 20, 24
	panelScale, panelBias, panelNorm, panelResidual = 0, 128, 256, 384
)

// screenGen writes the tiles of one grid: integers of one byte, or of two.
type screenGen struct {
	*gen
	fine            bool
	x               []V   // inputs of the rows
	w               []V   // of the latents
	acc             [][]V // sums of each row
	round, lowest   V     // constants of the epilogue
	factor, a, b, m V     // its other registers

	panel, rows, factors, columns, outliers R
	codes, lanes                            R
	count, column, outlier                  R // temporary
}

// product is the multiplication for a comment, of integers at these places.
func product(fine bool, q string) string {
	if fine {
		return "int16(q[" + q + "+2*b]) * int16(panel[128*p+4*l+2*b])"
	}
	return "int8(q[" + q + "+b]) * int8(panel[128*p+4*l+b])"
}

// screenTiles writes ScreenTiles for GridSigned or GridFine. It keeps 24 sums of 4 latents
// each in registers over all the inputs, for 12 rows, and so takes the panel in four
// blocks.
func (g *gen) screenTiles(fine bool) {
	name, each := "screenTilesNEON", 4
	if fine {
		name, each = "screenTiles16NEON", 2
	}
	g.begin(name, "codes, lanes *int16, laneStride int, q, panel *uint8, groups int, rows *int32, tiles int, w, columns *float32, outliers int", "",
		"is ScreenTiles: tile by tile, for i from 0 to 11 and l from 0 to 31,",
		"",
		"\tacc[i][l] = rows[i].Start",
		"\tfor p := range groups {",
		fmt.Sprintf("\t\tfor b := range %d {", each),
		"\t\t\tacc[i][l] += "+product(fine, "48*p+4*i"),
		"\t\t}", "\t}",
		"",
		"then the epilogue. rows and w point at the first fields of the first ScreenRow",
		"and of the ScreenPanel; laneStride is in bytes; tiles is not 0.")
	s := &screenGen{gen: g, fine: fine}
	stride, q, groups, tiles := g.arg("laneStride"), g.arg("q"), g.arg("groups"), g.arg("tiles")
	s.screenArgs()
	n, at, block, panel, row := g.newR(), g.newR(), g.newR(), g.newR(), g.newR()
	s.x = g.newVs(3) // among the first 16 registers
	s.tileRegisters(screenRows)
	g.label("tile")
	g.set(block, screenLatents/blockLatents)
	g.label("block")
	g.copyR(row, s.rows)
	for i := range s.acc {
		g.everyAt("4s", s.acc[i][0], row)
		g.mov(s.acc[i][1], s.acc[i][0])
		g.addI(row, row, rowBytes)
	}
	g.copyR(at, q)
	g.copyR(panel, s.panel)
	g.copyR(n, groups)
	g.loop("group", n, true, func() {
		g.loads(s.x, at, 0)
		g.loads(s.w[:2], panel, 0)
		g.addI(at, at, stepX)
		g.addI(panel, panel, stepW)
		s.multiply(s.acc, s.w)
	})
	g.copyR(row, s.rows)
	g.copyR(n, s.codes)
	g.copyR(panel, s.lanes)
	s.constants(s.count)
	for i := range s.acc {
		s.epilogue(numbered("outlier", i), row, s.acc[i], 0)
		s.storeCodes(s.acc[i], n, panel, 0)
		g.addI(row, row, rowBytes)
		g.addI(n, n, 2*screenLatents)
		g.add(panel, panel, stride)
	}
	s.nextBlock()
	g.subI(block, block, 1)
	g.ifNot(block, "block")
	s.nextTile(q, at, stride)
	g.subI(tiles, tiles, 1)
	g.ifNot(tiles, "tile")
	g.end()
}

// screenArgs loads the arguments that all kernels of the grid have.
func (s *screenGen) screenArgs() {
	s.codes, s.lanes, s.panel, s.rows = s.arg("codes"), s.arg("lanes"), s.arg("panel"), s.arg("rows")
	s.factors, s.columns, s.outliers = s.arg("w"), s.arg("columns"), s.arg("outliers")
	s.count, s.column, s.outlier = s.newR(), s.newR(), s.newR()
}

// tileRegisters takes the registers of a tile of some rows; those for the inputs also serve
// the epilogue.
func (s *screenGen) tileRegisters(rows int) {
	s.w = s.newVs(4)
	s.acc = make([][]V, rows)
	for i := range s.acc {
		s.acc[i] = s.newVs(2)
	}
	s.factor, s.a, s.b = s.x[0], s.x[1], s.x[2]
	s.round, s.lowest, s.m = s.w[0], s.w[1], s.w[2]
}

// nextBlock moves the pointers on by the latents of a block.
func (s *screenGen) nextBlock() {
	for _, p := range []R{s.panel, s.factors, s.columns} {
		s.addI(p, p, 4*blockLatents)
	}
	for _, p := range []R{s.codes, s.lanes} {
		s.addI(p, p, 2*blockLatents)
	}
}

// nextTile moves the pointers from the end of the last block to the next tile: q goes to at.
func (s *screenGen) nextTile(q, at, stride R) {
	for _, p := range []R{s.panel, s.factors, s.columns} {
		s.subI(p, p, 4*screenLatents)
	}
	for _, p := range []R{s.codes, s.lanes} {
		s.subI(p, p, 2*screenLatents)
	}
	s.addI(s.codes, s.codes, screenRows*2*screenLatents)
	s.addI(s.rows, s.rows, screenRows*rowBytes)
	s.addShifted(s.lanes, s.lanes, stride, 3) // 12 rows
	s.addShifted(s.lanes, s.lanes, stride, 2)
	s.copyR(q, at)
}

// multiply adds the products of a group of inputs of each row with that of 8 latents. It
// overwrites w.
func (s *screenGen) multiply(acc [][]V, w []V) {
	if s.fine { // the first inputs of all latents, then the second ones
		s.do("uzp1.8h", w[2], w[0], w[1])
		s.do("uzp2.8h", w[3], w[0], w[1])
	}
	for i := range acc {
		for v, z := range acc[i] {
			if !s.fine {
				s.byElement("sdot", z, w[v], s.x[i/4], i%4)
				continue
			}
			s.byHalf(v == 1, z, w[2], s.x[i/4], i%4*2)
			s.byHalf(v == 1, z, w[3], s.x[i/4], i%4*2+1)
		}
	}
}

// constants loads those of the epilogue, by way of r: what is added before a bound is
// truncated, and the least bound.
func (s *screenGen) constants(r R) {
	s.set(r, int64(math.Float32bits(1.2578125)))
	s.dupR("4s", s.round, r)
	s.set(r, int64(math.Float32bits(-32768)))
	s.dupR("4s", s.lowest, r)
}

// epilogue turns the integer sums of 8 latents of a row into bounds, in the registers that
// they are in. off is where the latents are, in bytes of the panel's factors.
func (s *screenGen) epilogue(outlier string, row R, y []V, off int) {
	term := func(factor, element int) {
		s.loads([]V{s.a, s.b}, s.factors, factor+off)
		s.byElement("fmla.4s", y[0], s.a, s.factor, element)
		s.byElement("fmla.4s", y[1], s.b, s.factor, element)
	}
	s.load(s.factor, row, rowFactors)
	s.loads([]V{s.a, s.b}, s.factors, panelScale+off)
	for v, c := range []V{s.a, s.b} {
		s.do("scvtf.4s", y[v], y[v])
		s.byElement("fmul.4s", y[v], y[v], s.factor, 0)
		s.do("fmul.4s", y[v], y[v], c)
	}
	term(panelBias, 1)
	s.copyR(s.count, s.outliers)
	s.addI(s.column, s.columns, off)
	s.addI(s.outlier, row, rowOutlier)
	s.loop(outlier, s.count, false, func() {
		s.loads([]V{s.a, s.b}, s.column, 0)
		s.addI(s.column, s.column, 4*screenLatents)
		s.every("4s", s.m, s.outlier)
		s.do("fmla.4s", y[0], s.a, s.m)
		s.do("fmla.4s", y[1], s.b, s.m)
	})
	s.addI(s.outlier, row, rowMask)
	s.everyAt("4s", s.m, s.outlier)
	s.do("and", y[0], y[0], s.m)
	s.do("and", y[1], y[1], s.m)
	term(panelNorm, 2)
	term(panelResidual, 3)
}

// storeCodes rounds the bounds of 8 latents to codes, stores them, and raises the lanes to
// them. A bound that is NaN is the least code.
func (s *screenGen) storeCodes(y []V, codes, lanes R, off int) {
	for _, v := range y {
		s.do("fadd.4s", v, v, s.round)
		s.do("fmaxnm.4s", v, v, s.lowest)
		s.do("fcvtzs.4s", v, v)
	}
	s.do("sqxtn", s.a, y[0])
	s.do("sqxtn2", s.a, y[1])
	s.store(s.a, codes, off)
	s.load(s.b, lanes, off)
	s.do("smax.8h", s.a, s.a, s.b)
	s.store(s.a, lanes, off)
}

// screenOne writes ScreenOne. It is bound by memory.
func (g *gen) screenOne(fine bool) {
	name, tiles := "screenOneNEON", "screenTilesNEON"
	if fine {
		name, tiles = "screenOne16NEON", "screenTiles16NEON"
	}
	g.begin(name, "codes, lanes *int16, q, panel *uint8, groups int, rows *int32, w, columns *float32, outliers int", "",
		"is "+tiles+" for one row, whose q is [groups][4] bytes.")
	s := &screenGen{gen: g, fine: fine}
	q, n := g.arg("q"), g.arg("groups")
	s.screenArgs()
	s.x = g.newVs(3)
	s.tileRegisters(screenLatents / blockLatents) // one row, by block
	for _, z := range s.acc {
		g.everyAt("4s", z[0], s.rows)
		g.mov(z[1], z[0])
	}
	g.loop("group", n, true, func() {
		g.loadS(s.x[0], q, 0)
		g.addI(q, q, 4)
		for b := range s.acc {
			g.loads(s.w[:2], s.panel, 4*blockLatents*b)
			s.multiply(s.acc[b:b+1], s.w)
		}
		g.addI(s.panel, s.panel, stepW)
	})
	s.constants(s.count)
	for b, y := range s.acc {
		s.epilogue(numbered("outlier", b), s.rows, y, 4*blockLatents*b)
		s.storeCodes(y, s.codes, s.lanes, 2*blockLatents*b)
	}
	g.end()
}

// screenPeak runs multiply-adds on registers alone: no kernel exceeds its rate.
func (g *gen) screenPeak() {
	g.begin("screenPeakNEON", "n int", "", "does n times 24 independent multiply-adds of whole registers of int8, on registers only.")
	n, acc, x := g.arg("n"), g.newVs(24), g.newV()
	for _, z := range append(acc, x) {
		g.zero(z)
	}
	g.loop("peak", n, true, func() {
		for _, z := range acc {
			g.do("sdot", z, x, x)
		}
	})
	g.end()
}

// numbered is a label with a number.
func numbered(name string, i int) string { return fmt.Sprintf("%s%d", name, i) }
