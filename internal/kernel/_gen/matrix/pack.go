package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pack writes the transposition of mr rows, a group of elements at a time.
func (g *gen) pack() {
	g.begin("pack", fmt.Sprintf("dst, src *%s, ld, groups int, offsets *int, step int", g.goType),
		fmt.Sprintf("transposes %d rows of src (ld bytes apart) in groups of %d elements:", g.mr, g.lanes),
		"",
		"\tfor q := range groups {",
		fmt.Sprintf("\t\tfor l := range %d {", g.lanes),
		fmt.Sprintf("\t\t\tfor i := range %d {", g.mr),
		fmt.Sprintf("\t\t\t\tdst[offsets[l]+step*q+i] = src[i][%d*q+l]", g.lanes),
		"\t\t\t}", "\t\t}", "\t}",
		"",
		"offsets and step are in bytes.")
	p := packer{gen: g}
	p.dst, p.src, p.ld = g.Arg("dst"), g.Arg("src"), g.Arg("ld")
	n := g.Arg("groups")
	p.offsets = g.Arg("offsets")
	step := g.Arg("step")
	p.ld3, p.src4 = g.GP64(), g.GP64()
	g.LEAQ(idx(p.ld, p.ld, 2, 0), p.ld3)
	if g.mr == 8 {
		g.LEAQ(idx(p.src, p.ld, 4, 0), p.src4)
	}
	p.offset = g.GP64()
	if g.width == 64 && g.bytes == 4 {
		p.order = g.pairOrder()
	}
	g.Loop("group", n, func() {
		for v := range g.groupVectors() {
			p.transpose(v)
		}
		g.ADDQ(operand.U32(g.lanes*g.bytes), p.src)
		if g.mr == 8 {
			g.ADDQ(operand.U32(g.lanes*g.bytes), p.src4)
		}
		g.ADDQ(step, p.dst)
	})
	g.End()
}

// packer has the registers of pack.
type packer struct {
	*gen
	dst, src, ld    reg.GPVirtual
	src4, ld3       reg.GPVirtual // the fifth row, three times ld
	offsets, offset reg.GPVirtual
	order           reg.VecVirtual // of transpose8x16
}

// row is the place disp bytes into row i of src.
func (g packer) row(i, disp int) operand.Mem {
	base := g.src
	if i >= 4 {
		base = g.src4
	}
	switch i % 4 {
	case 1:
		return idx(base, g.ld, 1, disp)
	case 2:
		return idx(base, g.ld, 2, disp)
	case 3:
		return idx(base, g.ld3, 1, disp)
	}
	return mem(base, disp)
}

// lane is the place of lane l in dst, whose offset it loads.
func (g packer) lane(l int) operand.Mem {
	g.MOVQ(mem(g.offsets, 8*l), g.offset)
	return idx(g.dst, g.offset, 1, 0)
}

// transpose transposes vector v of a group of each row.
func (g packer) transpose(v int) {
	x := g.vecs(g.mr)
	for i := range x {
		g.mov(g.row(i, v*g.width), x[i])
	}
	l := v * g.perVec()
	switch {
	case g.width == 64 && g.bytes == 8:
		g.transpose8x8(x, g.lane)
	case g.width == 64:
		g.transpose8x16(x, g.order, g.lane)
	case g.bytes == 8:
		g.transpose4x4(x, l, g.lane)
	default:
		g.transpose4x8(x, l, g.lane)
	}
}

// copyRows copies that many bytes of each row: of a panel of B, or of a transposed A.
func (g *gen) copyRows(name string, bytes int) {
	g.begin(name, fmt.Sprintf("dst, src *%s, ld, rows int", g.goType),
		fmt.Sprintf("copies %d elements from each row of src (ld bytes apart):", bytes/g.bytes),
		"",
		"\tfor p := range rows {",
		fmt.Sprintf("\t\tcopy(dst[%[1]d*p:%[1]d*(p+1)], src[p])", bytes/g.bytes),
		"\t}")
	dst, src, ld, n := g.Arg("dst"), g.Arg("src"), g.Arg("ld"), g.Arg("rows")
	g.Loop("row", n, func() {
		for at := 0; at < bytes; {
			var v reg.VecVirtual
			switch left := bytes - at; {
			case left >= 64 && g.width == 64:
				v = g.ZMM()
			case left >= 32:
				v = g.YMM()
			default:
				v = g.XMM()
			}
			g.VMOVUPS(mem(src, at), v)
			g.VMOVUPS(v, mem(dst, at))
			at += int(v.Size())
		}
		g.ADDQ(ld, src)
		g.ADDQ(operand.U32(bytes), dst)
	})
	g.End()
}

// transpose8x8 stores the columns of eight rows of float64, column l to at(l): first it
// takes pairs of rows, then 128-bit quarters twice.
func (g *gen) transpose8x8(x []reg.VecVirtual, at func(int) operand.Mem) {
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

// pairOrder returns the order of VPERMI2PD that takes 128-bit quarters 0 of two vectors,
// then 1 of both.
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

// transpose8x16 stores the columns of eight rows of float32.
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

// transpose4x4 stores the columns of four rows of float64, the first of them to at(l).
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

// transpose4x8 stores the columns of four rows of float32, the first of them to at(l).
func (g *gen) transpose4x8(x []reg.VecVirtual, l int, at func(int) operand.Mem) {
	for j, w := range g.quads(x) {
		g.VMOVUPS(w.AsX(), at(l+j))
		g.VEXTRACTF128(operand.U8(1), w, at(l+j+4))
	}
}
