package main

import (
	"fmt"
	"strings"
)

// Encodings of the vector instructions for which Go's assembler has no name, or not in
// each form. They are those of the Arm Architecture Reference Manual (DDI 0487), part
// C7.2; encode_test.go compares them with another assembler.

// V is a vector register, R a general one.
type (
	V int
	R int
)

// op is an instruction on whole vector registers: its word without registers, and the
// arrangement of each operand. The destination comes first, and is in bits 0 to 4; the
// others are in bits 5 to 9 and 16 to 20.
type op struct {
	word   uint32
	shapes string
}

// ops has the instructions by name and arrangement.
var ops = makeOps()

// makeOps returns the table of instructions.
func makeOps() map[string]op {
	t := map[string]op{}
	for name, word := range map[string]uint32{
		"fmla": 0x4e20cc00, "fmls": 0x4ea0cc00, "fadd": 0x4e20d400, "fsub": 0x4ea0d400, "fmul": 0x6e20dc00, "fdiv": 0x6e20fc00,
		"fmaxnm": 0x4e20c400, "fmax": 0x4e20f400, "fmin": 0x4ea0f400, "faddp": 0x6e20d400, "fcmgt": 0x6ea0e400, "fcmeq": 0x4e20e400,
	} {
		t[name+".4s"], t[name+".2d"] = op{word, "4s 4s 4s"}, op{word | 1<<22, "2d 2d 2d"}
	}
	for name, word := range map[string]uint32{"fsqrt": 0x6ea1f800, "fneg": 0x6ea0f800, "fabs": 0x4ea0f800, "scvtf": 0x4e21d800, "fcvtzs": 0x4ea1b800} {
		t[name+".4s"], t[name+".2d"] = op{word, "4s 4s"}, op{word | 1<<22, "2d 2d"}
	}
	for name, word := range map[string]uint32{ // of any size of element
		"add": 0x4e208400, "sub": 0x6e208400, "cmgt": 0x4e203400, "cmge": 0x4e203c00, "smax": 0x4e206400, "addp": 0x4e20bc00,
		"zip1": 0x4e003800, "zip2": 0x4e007800, "uzp1": 0x4e001800, "uzp2": 0x4e005800, "trn1": 0x4e002800, "trn2": 0x4e006800,
	} {
		for size, shape := range []string{"16b", "8h", "4s", "2d"} {
			t[name+"."+shape] = op{word | uint32(size)<<22, strings.Join([]string{shape, shape, shape}, " ")}
		}
	}
	for name, word := range map[string]uint32{"and": 0x4e201c00, "orr": 0x4ea01c00, "bsl": 0x6e601c00, "bit": 0x6ea01c00, "eor": 0x6e201c00} {
		t[name] = op{word, "16b 16b 16b"}
	}
	for name, o := range map[string]op{
		"sdot": {0x4e809400, "4s 16b 16b"}, "smmla": {0x4e80a400, "4s 16b 16b"},
		"fcvtl": {0x0e617800, "2d 2s"}, "fcvtl2": {0x4e617800, "2d 4s"},
		"sqxtn": {0x0e614800, "4h 4s"}, "sqxtn2": {0x4e614800, "8h 4s"},
		"xtn.b": {0x0e212800, "8b 8h"},
		"smlal": {0x0e608000, "4s 4h 4h"}, "smlal2": {0x4e608000, "4s 8h 8h"},
		"smull": {0x0e20c000, "8h 8b 8b"}, "smull2": {0x4e20c000, "8h 16b 16b"}, "sadalp": {0x4e606800, "4s 8h"},
	} {
		t[name] = o
	}
	return t
}

// do writes an instruction on whole registers, the destination first.
func (g *gen) do(name string, regs ...V) {
	o, ok := ops[name]
	shapes := strings.Fields(o.shapes)
	if !ok || len(shapes) != len(regs) {
		panic(fmt.Sprintf("%s: no such instruction with %d operands", name, len(regs)))
	}
	word, text := o.word|uint32(regs[0])|uint32(regs[1])<<5, make([]string, len(regs))
	if len(regs) == 3 {
		word |= uint32(regs[2]) << 16
	}
	for i, r := range regs {
		text[i] = fmt.Sprintf("v%d.%s", r, shapes[i])
	}
	mnemonic, _, _ := strings.Cut(name, ".")
	g.word(word, mnemonic+" "+strings.Join(text, ", "))
}

// byElement writes d += n * m[index], or without the sum, for all elements of n and one of
// m. Of sdot, an element of m is four bytes.
func (g *gen) byElement(name string, d, n, m V, index int) {
	f, ok := map[string]struct {
		word         uint32
		shape, index string
	}{
		"fmla.2d": {0x4fc01000, "2d 2d", "d"}, "fmla.4s": {0x4f801000, "4s 4s", "s"}, "fmul.4s": {0x4f809000, "4s 4s", "s"},
		"sdot": {0x4f80e000, "4s 16b", "4b"},
	}[name]
	if !ok {
		panic(name + ": no such instruction by element")
	}
	word := f.word | uint32(d) | uint32(n)<<5 | uint32(m)<<16
	if f.index == "d" {
		word |= uint32(index) << 11
	} else {
		word |= uint32(index>>1)<<11 | uint32(index&1)<<21
	}
	mnemonic, _, _ := strings.Cut(name, ".")
	shapes := strings.Fields(f.shape)
	g.word(word, fmt.Sprintf("%s v%d.%s, v%d.%s, v%d.%s[%d]", mnemonic, d, shapes[0], n, shapes[1], m, f.index, index))
}

// byHalf writes d += n * m[index] for four elements of two bytes, the upper ones of n
// where upper. m is one of the first 16 registers.
func (g *gen) byHalf(upper bool, d, n, m V, index int) {
	if m > 15 {
		panic("smlal by element: the register must be below 16")
	}
	word := uint32(0x0f402000) | uint32(d) | uint32(n)<<5 | uint32(m)<<16 | uint32(index>>2)<<11 | uint32(index>>1&1)<<21 | uint32(index&1)<<20
	name, shape := "smlal", "4h"
	if upper {
		word, name, shape = word|1<<30, "smlal2", "8h"
	}
	g.word(word, fmt.Sprintf("%s v%d.4s, v%d.%s, v%d.h[%d]", name, d, n, shape, m, index))
}

// mov copies a vector register.
func (g *gen) mov(d, n V) {
	g.word(0x4ea01c00|uint32(d)|uint32(n)<<5|uint32(n)<<16, fmt.Sprintf("mov v%d.16b, v%d.16b", d, n))
}

// zero sets a vector register to zero.
func (g *gen) zero(d V) {
	g.word(0x6f00e400|uint32(d), fmt.Sprintf("movi v%d.2d, #0000000000000000", d))
}

// lowHalf copies the lower 8 bytes of n to d and clears the upper ones.
func (g *gen) lowHalf(d, n V) {
	g.word(0x1e604000|uint32(d)|uint32(n)<<5, fmt.Sprintf("fmov d%d, d%d", d, n))
}

// sizes are the widths of elements in dup and ld1r.
var sizes = map[string]uint32{"16b": 0, "8h": 1, "4s": 2, "2d": 3}

// dup sets all elements of d to an element of n.
func (g *gen) dup(shape string, d, n V, index int) {
	size := sizes[shape]
	imm := uint32(index)<<(size+1) | 1<<size
	g.word(0x4e000400|imm<<16|uint32(d)|uint32(n)<<5, fmt.Sprintf("dup v%d.%s, v%d.%s[%d]", d, shape, n, shape[len(shape)-1:], index))
}

// dupR sets all elements of d to a general register.
func (g *gen) dupR(shape string, d V, n R) {
	name := "w"
	if shape == "2d" {
		name = "x"
	}
	g.word(0x4e000c00|1<<(16+sizes[shape])|uint32(d)|uint32(n)<<5, fmt.Sprintf("dup v%d.%s, %s%d", d, shape, name, n))
}

// toR sets d to the 8 bytes of element index of n.
func (g *gen) toR(d R, n V, index int) {
	g.word(0x4e083c00|uint32(index)<<20|uint32(d)|uint32(n)<<5, fmt.Sprintf("mov x%d, v%d.d[%d]", d, n, index))
}

// shiftLeft shifts elements of 8 bytes.
func (g *gen) shiftLeft(d, n V, by int) {
	g.word(0x4f005400|uint32(64+by)<<16|uint32(d)|uint32(n)<<5, fmt.Sprintf("shl v%d.2d, v%d.2d, #%d", d, n, by))
}

// shiftRight shifts elements of 8 bytes and fills them up with zeros.
func (g *gen) shiftRight(d, n V, by int) {
	g.word(0x6f000400|uint32(128-by)<<16|uint32(d)|uint32(n)<<5, fmt.Sprintf("ushr v%d.2d, v%d.2d, #%d", d, n, by))
}

// narrowNibbles keeps, of each two bytes, bits 4 to 11: four bits of each of two bytes that
// are 0 or 0xff.
func (g *gen) narrowNibbles(d, n V) {
	g.word(0x0f0c8400|uint32(d)|uint32(n)<<5, fmt.Sprintf("shrn v%d.8b, v%d.8h, #4", d, n))
}

// total sets the first 4 bytes of d to the sum of n's elements: of 2 bytes without sign
// (uaddlv), or of 4 bytes (addv).
func (g *gen) total(name string, d, n V) {
	if name == "uaddlv" {
		g.word(0x6e703800|uint32(d)|uint32(n)<<5, fmt.Sprintf("uaddlv s%d, v%d.8h", d, n))
		return
	}
	g.word(0x4eb1b800|uint32(d)|uint32(n)<<5, fmt.Sprintf("addv s%d, v%d.4s", d, n))
}

// toR32 sets d to the first 4 bytes of n.
func (g *gen) toR32(d R, n V) {
	g.word(0x1e260000|uint32(d)|uint32(n)<<5, fmt.Sprintf("fmov w%d, s%d", d, n))
}
