package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// epilogue writes what comes after the integer sums of rows of a tile: float32 operations
// that turn them into codes. Two vectors of latents are at hand.
type epilogue struct {
	*gen
	rows, w reg.Register  // the first ScreenRow, the ScreenPanel from the latents on
	half    reg.GPVirtual // bytes from the first latent to those at hand, or nil
	label   string        // for the loop over outliers
}

// epilogue loads the arguments of an epilogue.
func (g *gen) epilogue() epilogue {
	return epilogue{gen: g, rows: g.Arg("rows"), w: g.Arg("w"), label: "outlier"}
}

// term multiplies the sums of every row by one factor of the panel and one of the row, or
// adds their product: do has both and a vector of sums. column is where vector v of the
// panel's factor is, row+disp where the first row's is. The panel's factor is held in two
// registers, used by all rows.
func (e epilogue) term(acc [][2]reg.VecVirtual, column func(v int) operand.Mem, row reg.Register, disp int, do func(c, f, y reg.VecVirtual)) {
	var c [2]reg.VecVirtual
	for v := range c {
		c[v] = e.vec()
		e.VMOVUPS(column(v), c[v])
	}
	for i := range acc {
		f := e.vec()
		e.VBROADCASTSS(mem(row, disp+i*rowBytes), f)
		for v, y := range acc[i] {
			do(c[v], f, y)
		}
	}
}

// codes turns the integer sums acc into codes, in the registers that they are in,
// and stores them.
func (e epilogue) codes(acc [][2]reg.VecVirtual, codes, lanes, stride reg.Register) {
	multiplyAdd := func(c, f, y reg.VecVirtual) { e.VFMADD231PS(c, f, y) }
	of := func(factor int) func(v int) operand.Mem {
		return func(v int) operand.Mem { return mem(e.w, factor+e.width*v) }
	}
	e.term(acc, of(panelScale), e.rows, rowScale, func(c, f, y reg.VecVirtual) {
		e.VCVTDQ2PS(y, y)
		e.VMULPS(f, y, y)
		e.VMULPS(c, y, y)
	})
	e.term(acc, of(panelBias), e.rows, rowBias, multiplyAdd)
	n, column, row := e.Arg("outliers"), e.Arg("columns"), e.GP64()
	if e.half != nil {
		e.ADDQ(e.half, column)
	}
	e.MOVQ(e.rows, row)
	e.Loop(e.label, n, func() {
		e.term(acc, func(v int) operand.Mem { return mem(column, e.width*v) }, row, rowOutlier, multiplyAdd)
		e.ADDQ(operand.U32(columnRow), column)
		e.ADDQ(operand.U8(4), row)
	})
	for i := range acc {
		f := e.vec()
		e.VBROADCASTSS(mem(e.rows, rowMask+i*rowBytes), f)
		for _, y := range acc[i] {
			e.VANDPS(f, y, y)
		}
	}
	e.term(acc, of(panelNorm), e.rows, rowNorm, multiplyAdd)
	e.term(acc, of(panelResidual), e.rows, rowResidual, multiplyAdd)
	e.storeCodes(acc, codes, lanes, stride)
}

// storeCodes rounds the bounds in acc to codes, stores them, and raises the lanes to
// them. stride is nil where there is one row.
func (e epilogue) storeCodes(acc [][2]reg.VecVirtual, codes, lanes, stride reg.Register) {
	round := e.vec()
	e.VBROADCASTSS(e.roundConstant(), round)
	inOrder := e.packing()
	for i := range acc {
		for _, y := range acc[i] {
			e.VADDPS(round, y, y)
			e.VCVTTPS2DQ(y, y)
		}
		e.Comment("Packing works within quarters: put the parts in order.")
		c := acc[i][0]
		e.VPACKSSDW(acc[i][1], c, c)
		inOrder(c)
		e.store(c, mem(codes, 64*i))
		e.VPMAXSW(mem(lanes, 0), c, c)
		e.store(c, mem(lanes, 0))
		if stride != nil {
			e.ADDQ(stride, lanes)
		}
	}
}

// packing returns what puts the packed parts of two vectors in order.
func (e epilogue) packing() func(c reg.VecVirtual) {
	if e.width == 32 {
		return func(c reg.VecVirtual) { e.VPERMQ(operand.U8(0xd8), c, c) }
	}
	order := e.vec()
	e.VMOVDQU64(e.packOrder(), order)
	return func(c reg.VecVirtual) { e.VPERMQ(c, order, c) }
}
