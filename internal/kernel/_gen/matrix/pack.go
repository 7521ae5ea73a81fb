package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pack transposes mr rows, a group of lanes at a time.
func (g *gen) pack() {
	g.begin("pack", g.lines("dst, src *%s, ld, groups int, offsets *int, step int", g.goType),
		g.lines("transposes %d rows of src (ld bytes apart) in groups of %d elements:", g.mr, g.lanes),
		"",
		"\tfor q := range groups {",
		g.lines("\t\tfor l := range %d {", g.lanes),
		g.lines("\t\t\tfor i := range %d {", g.mr),
		g.lines("\t\t\t\tdst[offsets[l]+step*q+i] = src[i][%d*q+l]", g.lanes),
		"\t\t\t}", "\t\t}", "\t}",
		"",
		"offsets and step are in bytes.")
	dst, src, ld, n := g.arg("dst"), g.arg("src"), g.arg("ld"), g.arg("groups")
	off, step := g.arg("offsets"), g.arg("step")
	ld3, src4 := g.GP64(), g.GP64()
	g.LEAQ(idx(ld, ld, 2, 0), ld3)
	if g.mr == 8 {
		g.LEAQ(idx(src, ld, 4, 0), src4)
	}
	row := func(i, disp int) operand.Mem {
		base := src
		if i >= 4 {
			base = src4
		}
		switch i % 4 {
		case 1:
			return idx(base, ld, 1, disp)
		case 2:
			return idx(base, ld, 2, disp)
		case 3:
			return idx(base, ld3, 1, disp)
		}
		return mem(base, disp)
	}
	o := g.GP64()
	at := func(l int) operand.Mem {
		g.MOVQ(mem(off, 8*l), o)
		return idx(dst, o, 1, 0)
	}
	var order reg.VecVirtual
	if g.width == 64 && g.bytes == 4 {
		order = g.pairOrder()
	}
	g.loop("group", n, func() {
		for part := 0; part < g.lanes*g.bytes; part += g.width {
			x := g.vecs(g.mr)
			for i := range x {
				g.mov(row(i, part), x[i])
			}
			l := part / g.bytes
			switch {
			case g.width == 64 && g.bytes == 8:
				g.transpose8x8(x, at)
			case g.width == 64:
				g.transpose8x16(x, order, at)
			case g.bytes == 8:
				g.transpose4x4(x, l, at)
			default:
				g.transpose4x8(x, l, at)
			}
		}
		g.ADDQ(operand.U32(g.lanes*g.bytes), src)
		if g.mr == 8 {
			g.ADDQ(operand.U32(g.lanes*g.bytes), src4)
		}
		g.ADDQ(step, dst)
	})
	g.end()
}

func (g *gen) transpose8x8(x []reg.VecVirtual, at func(int) operand.Mem) {
	// Pairs of rows, then 128-bit quarters twice.
	u := g.vecs(8) // u[2i], u[2i+1]: even and odd columns of rows 2i, 2i+1
	for i := range 4 {
		g.VUNPCKLPD(x[2*i+1], x[2*i], u[2*i])
		g.VUNPCKHPD(x[2*i+1], x[2*i], u[2*i+1])
	}
	for odd := range 2 {
		lo01, hi01, lo23, hi23 := g.vec(), g.vec(), g.vec(), g.vec()
		g.shuf128(0x88, u[2+odd], u[odd], lo01)   // columns 0, 4 (+odd) of rows 0-1, then of rows 2-3
		g.shuf128(0xdd, u[2+odd], u[odd], hi01)   // columns 2, 6
		g.shuf128(0x88, u[6+odd], u[4+odd], lo23) // rows 4-5, 6-7
		g.shuf128(0xdd, u[6+odd], u[4+odd], hi23)
		for h, pair := range [][2]reg.VecVirtual{{lo01, lo23}, {hi01, hi23}} {
			a, b := g.vec(), g.vec()
			g.shuf128(0x88, pair[1], pair[0], a)
			g.shuf128(0xdd, pair[1], pair[0], b)
			g.mov(a, at(2*h+odd))
			g.mov(b, at(2*h+odd+4))
		}
	}
}

// pairOrder takes 128-bit quarters 0 of two vectors, then 1 of both.
func (g *gen) pairOrder() reg.VecVirtual {
	c := g.StaticGlobal(g.fn("pairOrder"))
	g.DataAttributes(8 | 16) // RODATA, NOPTR
	for i, q := range []uint64{0, 1, 8, 9, 2, 3, 10, 11} {
		g.AddDatum(8*i, operand.U64(q))
	}
	v := g.ZMM()
	g.VMOVDQU64(c, v)
	return v
}

func (g *gen) transpose8x16(x []reg.VecVirtual, order reg.VecVirtual, at func(int) operand.Mem) {
	// w[h][j]: column 4L+j of rows 4h to 4h+3, in 128-bit quarter L.
	var w [2][4]reg.VecVirtual
	for h := range 2 {
		w[h] = g.quads(x[4*h : 4*h+4])
	}
	for j := range 4 {
		for half := range 2 { // quarters 2 half and 2 half + 1
			a := g.vec()
			if half == 0 {
				g.VMOVDQA64(order, a)
				g.VPERMI2PD(w[1][j], w[0][j], a)
			} else {
				p, q := g.vec(), g.vec()
				g.VSHUFF64X2(operand.U8(0xee), w[1][j], w[0][j], p) // w0.2 w0.3 w1.2 w1.3
				g.VSHUFF64X2(operand.U8(0xd8), p, p, q)
				a = q
			}
			g.VMOVUPS(a.AsY(), at(8*half+j))
			g.VEXTRACTF64X4(operand.U8(1), a, at(8*half+4+j))
		}
	}
}

// quads transposes 4x4 blocks of float32 within each 128-bit quarter.
func (g *gen) quads(x []reg.VecVirtual) [4]reg.VecVirtual {
	a, b, c, d := g.vec(), g.vec(), g.vec(), g.vec()
	g.VUNPCKLPS(x[1], x[0], a) // x00 x10 x01 x11
	g.VUNPCKHPS(x[1], x[0], b)
	g.VUNPCKLPS(x[3], x[2], c)
	g.VUNPCKHPS(x[3], x[2], d)
	w := [4]reg.VecVirtual{g.vec(), g.vec(), g.vec(), g.vec()}
	g.VUNPCKLPD(c, a, w[0])
	g.VUNPCKHPD(c, a, w[1])
	g.VUNPCKLPD(d, b, w[2])
	g.VUNPCKHPD(d, b, w[3])
	return w
}

func (g *gen) transpose4x4(x []reg.VecVirtual, l int, at func(int) operand.Mem) {
	a, b, c, d := g.vec(), g.vec(), g.vec(), g.vec()
	g.VUNPCKLPD(x[1], x[0], a) // x00 x10 x02 x12
	g.VUNPCKHPD(x[1], x[0], b)
	g.VUNPCKLPD(x[3], x[2], c)
	g.VUNPCKHPD(x[3], x[2], d)
	for i, p := range []struct {
		x, y reg.VecVirtual
		imm  uint64
	}{{a, c, 0x20}, {b, d, 0x20}, {a, c, 0x31}, {b, d, 0x31}} {
		r := g.vec()
		g.VPERM2F128(operand.U8(p.imm), p.y, p.x, r)
		g.mov(r, at(l+i))
	}
}

func (g *gen) transpose4x8(x []reg.VecVirtual, l int, at func(int) operand.Mem) {
	for j, w := range g.quads(x) {
		g.VMOVUPS(w.AsX(), at(l+j))
		g.VEXTRACTF128(operand.U8(1), w, at(l+j+4))
	}
}
