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

// Offsets in a ScreenRow, which begins with Start, and in a ScreenPanel. The four factors of
// a row lie side by side.
const (
	rowStart, rowFactors, rowMask, rowOutlier       = 0, 4, 20, 24
	panelScale, panelBias, panelNorm, panelResidual = 0, 128, 256, 384
)

// screenGen writes the tiles of one grid: integers of one byte, or of two.
type screenGen struct {
	*gen
	kind            kind
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
func product(k kind, q string) string {
	if k == smlal {
		return "int16(q[" + q + "+2*b]) * int16(panel[128*p+4*l+2*b])"
	}
	return "int8(q[" + q + "+b]) * int8(panel[128*p+4*l+b])"
}

// kind is how a kernel multiplies: sdot and smmla for GridSigned, smlal for GridFine.
type kind int

const (
	sdot kind = iota
	smlal
	smmla
)

// names are the middle of the kernels' names.
var names = [...]string{sdot: "", smlal: "16", smmla: "Pairs"}

// screenTiles writes ScreenTiles for GridSigned or GridFine, for a block of 8 latents: 24
// sums of 4 latents each, for 12 rows, stay in registers over all the inputs.
func (g *gen) screenTiles(k kind) {
	each := 4
	if k == smlal {
		each = 2
	}
	g.begin("screenTiles"+names[k]+"NEON", "codes, lanes *int16, laneStride int, q, panel *uint8, groups int, rows *int32, tiles int, w, columns *float32, outliers int", "",
		fmt.Sprintf("is ScreenTiles for %d latents: tile by tile, for i from 0 to 11 and l from 0 to %d,", blockLatents, blockLatents-1),
		"",
		"\tacc[i][l] = rows[i].Start",
		"\tfor p := range groups {",
		fmt.Sprintf("\t\tfor b := range %d {", each),
		"\t\t\tacc[i][l] += "+product(k, "48*p+4*i"),
		"\t\t}", "\t}",
		"",
		"then the epilogue. rows points at the first field of the first ScreenRow, codes, lanes,",
		"panel, w and columns at what they have for these latents; laneStride is in bytes; tiles",
		"is not 0.")
	s := &screenGen{gen: g, kind: k}
	stride, q, groups, tiles := g.arg("laneStride"), g.arg("q"), g.arg("groups"), g.arg("tiles")
	s.screenArgs()
	n, at, panel, row := g.newR(), g.newR(), g.newR(), g.newR()
	s.x = g.newVs(3) // among the first 16 registers
	s.tileRegisters(screenRows)
	g.label("tile")
	for i := range s.acc {
		g.zero(s.acc[i][0])
		g.zero(s.acc[i][1])
	}
	g.copyR(at, q)
	g.copyR(panel, s.panel)
	g.copyR(n, groups)
	if k == smmla {
		s.pairs(n, at, panel)
	} else {
		g.loop("group", n, true, func() {
			g.loads(s.x, at, 0)
			g.loads(s.w[:2], panel, 0)
			g.addI(at, at, stepX)
			g.addI(panel, panel, stepW)
			s.multiply(s.acc, s.w)
		})
	}
	s.finish(row, n, panel, stride)
	g.copyR(q, at)
	g.addI(s.rows, s.rows, screenRows*rowBytes)
	g.addI(s.codes, s.codes, screenRows*2*screenLatents)
	g.addShifted(s.lanes, s.lanes, stride, 3) // 12 rows
	g.addShifted(s.lanes, s.lanes, stride, 2)
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

// finish turns the sums of all rows into codes. row, codes and lanes are free registers.
func (s *screenGen) finish(row, codes, lanes, stride R) {
	s.copyR(row, s.rows)
	s.copyR(codes, s.codes)
	s.copyR(lanes, s.lanes)
	s.constants(s.count)
	s.region("epilogue", func() {
		for i := range s.acc {
			s.epilogue(numbered("outlier", i), row, s.acc[i], 0)
			s.storeCodes(s.acc[i], codes, lanes, 0)
			s.addI(row, row, rowBytes)
			s.addI(codes, codes, 2*screenLatents)
			s.add(lanes, lanes, stride)
		}
	})
}

// multiply adds the products of a group of inputs of each row with that of 8 latents. It
// overwrites w.
func (s *screenGen) multiply(acc [][]V, w []V) {
	if s.kind == smlal { // the first inputs of all latents, then the second ones
		s.do("uzp1.8h", w[2], w[0], w[1])
		s.do("uzp2.8h", w[3], w[0], w[1])
	}
	for i := range acc {
		for v, z := range acc[i] {
			if s.kind == sdot {
				s.byElement("sdot", z, w[v], s.x[i/4], i%4)
				continue
			}
			s.byHalf(v == 1, z, w[2], s.x[i/4], i%4*2)
			s.byHalf(v == 1, z, w[3], s.x[i/4], i%4*2+1)
		}
	}
}

// pairs multiplies all groups by smmla, two groups at a time: of two rows and two latents, 8
// inputs each, a register takes the four products. After that it puts the sums in the order
// of the other kernels.
func (s *screenGen) pairs(n, at, panel R) {
	twos := s.count
	s.shiftR(twos, n, 1)
	s.loop("two", twos, true, func() {
		s.loads(s.w[:2], panel, 0)
		s.loads(s.w[2:], panel, stepW)
		s.two(func(quad int) {
			s.load(s.x[0], at, 16*quad)
			s.load(s.x[1], at, stepX+16*quad)
		})
		s.addI(at, at, 2*stepX)
		s.addI(panel, panel, 2*stepW)
	})
	s.ifBit(false, 0, n, "even")
	s.loads(s.w[:2], panel, 0)
	s.zero(s.w[2])
	s.zero(s.w[3])
	s.two(func(quad int) {
		s.load(s.x[0], at, 16*quad)
		s.zero(s.x[1])
	})
	s.addI(at, at, stepX)
	s.label("even")
	for i := 0; i < len(s.acc); i += 2 {
		// A row pair's sums: latents 0 and 1, 2 and 3, 4 and 5, 6 and 7.
		y := [4]V{s.acc[i][0], s.acc[i][1], s.acc[i+1][0], s.acc[i+1][1]}
		s.do("zip1.2d", s.x[0], y[0], y[1]) // the first row
		s.do("zip1.2d", s.x[1], y[2], y[3])
		s.do("zip2.2d", y[2], y[2], y[3])
		s.mov(y[3], y[2])
		s.do("zip2.2d", y[2], y[0], y[1])
		s.mov(y[0], s.x[0])
		s.mov(y[1], s.x[1])
	}
}

// two multiplies two groups. s.w has the first four and the last four latents of the first
// group, and those of the second one; load loads four rows of both to the first two
// registers of x.
func (s *screenGen) two(load func(quad int)) {
	w, x := s.w, s.x
	t := s.x[2]
	s.do("zip1.4s", t, w[0], w[2]) // latents 0 and 1
	s.do("zip2.4s", w[2], w[0], w[2])
	s.do("zip1.4s", w[0], w[1], w[3]) // latents 4 and 5
	s.do("zip2.4s", w[3], w[1], w[3])
	latents, free := [4]V{t, w[2], w[0], w[3]}, w[1]
	for quad := range screenRows / 4 {
		load(quad)
		s.do("zip1.4s", free, x[0], x[1]) // rows 0 and 1
		s.do("zip2.4s", x[1], x[0], x[1])
		for pair, rows := range []V{free, x[1]} {
			acc := s.acc[4*quad+2*pair:]
			for l, z := range []V{acc[0][0], acc[0][1], acc[1][0], acc[1][1]} {
				s.do("smmla", z, rows, latents[l])
			}
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
	s.everyAt("4s", s.m, row) // Start
	for v, c := range []V{s.a, s.b} {
		s.do("add.4s", y[v], y[v], s.m)
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
func (g *gen) screenOne(k kind) {
	g.begin("screenOne"+names[k]+"NEON", "codes, lanes *int16, q, panel *uint8, groups int, rows *int32, w, columns *float32, outliers int", "",
		"is screenTiles"+names[k]+"NEON for one row, whose q is [groups][4] bytes.")
	s := &screenGen{gen: g, kind: k}
	q, n := g.arg("q"), g.arg("groups")
	s.screenArgs()
	s.x = g.newVs(3)
	s.tileRegisters(screenLatents / blockLatents) // one row, by block
	for _, z := range s.acc {
		g.zero(z[0])
		g.zero(z[1])
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
