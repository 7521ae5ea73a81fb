package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The layouts of ../../screen.go.
const (
	tileRows  = 12
	stepX     = 4 * tileRows // bytes of four inputs in a tile of x
	stepW     = 128          // and in a panel of w: two vectors
	rowBytes  = 88           // of a ScreenRow
	columnRow = 128          // bytes of the latents' values of one outlier
)

// Offsets in a ScreenRow and in a ScreenPanel.
const (
	rowStart, rowScale, rowBias, rowNorm, rowResidual, rowMask, rowOutlier = 0, 4, 8, 12, 16, 20, 24
	panelScale, panelBias, panelNorm, panelResidual                        = 0, 128, 256, 384
)

// gen builds the functions.
type gen struct {
	*build.Context
	table         operand.Mem // of constants
	haveConstants bool
}

// begin starts the function name, whose Go side is in ../../screen_amd64.go.
func (g *gen) begin(name, params string, doc ...string) {
	g.Function(name)
	g.Attributes(attr.NOSPLIT)
	g.SignatureExpr("func(" + params + ")")
	doc[0] = name + " " + doc[0]
	g.Doc(doc...)
	g.Pragma("noescape")
}

func (g *gen) end() {
	g.VZEROUPPER()
	g.RET()
}

func (g *gen) arg(name string) reg.GPVirtual {
	r := g.GP64()
	g.Load(g.Param(name), r)
	return r
}

// argAt is the argument as an operand in memory.
func (g *gen) argAt(name string) operand.Mem {
	b, err := g.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

func (g *gen) vecs(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = g.ZMM()
	}
	return v
}

func (g *gen) zero(v reg.VecVirtual) { g.VPXORQ(v, v, v) }

// align puts the next instruction at a multiple of 64 bytes.
func (g *gen) align() {
	g.Instruction(&ir.Instruction{Opcode: "PCALIGN", Operands: []operand.Op{operand.Imm(64)}})
}

func mem(base reg.Register, disp int) operand.Mem { return operand.Mem{Base: base, Disp: disp} }

func idx(base, index reg.Register, scale uint8, disp int) operand.Mem {
	return operand.Mem{Base: base, Index: index, Scale: scale, Disp: disp}
}

// loop runs body n times, n in a register that it uses up; n may be zero.
func (g *gen) loop(name string, n reg.GPVirtual, body func()) {
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(name + "_done"))
	g.align()
	g.Label(name)
	body()
	g.DECQ(n)
	g.JNZ(operand.LabelRef(name))
	g.Label(name + "_done")
}
