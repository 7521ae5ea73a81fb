package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A set is an instruction set with the register tile that suits it.
type set struct {
	name    string
	width   int // bytes in a vector
	mr      int // rows of a product tile, and rows that pack takes at a time
	wide    int // vectors in a row of a product tile; the narrow one has 1
	dotRows int // most rows of A in a dot tile
	dotCols int // rows of B in a dot tile
	gather  int // most vectors in a row of a tile that gathers from a near cache
	far     int // vectors in a row of one that gathers from afar
}

// 8x3 vectors leave 24 accumulators, 3 vectors of B and 2 broadcasts of A in 32
// registers; 4x3 fill the 16 of AVX2 exactly.
var (
	avx512 = &set{name: "avx512", width: 64, mr: 8, wide: 3, dotRows: 3, dotCols: 8, gather: 8, far: 16}
	avx2   = &set{name: "avx2", width: 32, mr: 4, wide: 3, dotRows: 1, dotCols: 4, gather: 12, far: 12}
)

type elem struct {
	name   string
	goType string
	bytes  int
	lanes  int // of a sum in dot order
}

var (
	f64 = elem{"f64", "float64", 8, 8}
	f32 = elem{"f32", "float32", 4, 16}
)

// gen builds the functions of one set and element type.
type gen struct {
	*build.Context
	*set
	elem
	nv       int    // vectors in a row of the product tile at hand
	wrappers []byte // Go text to follow the stubs
}

func newGen(s *set, e elem) *gen {
	return &gen{Context: build.NewContext(), set: s, elem: e, nv: s.wide}
}

// begin starts a function name + set + element, say laneAVX512F64.
func (g *gen) begin(name, params string, doc ...string) {
	g.Function(g.fn(name))
	g.Attributes(attr.NOSPLIT)
	g.SignatureExpr("func(" + params + ")")
	full := g.fn(name)
	doc[0] = full + " " + doc[0]
	g.Doc(doc...)
	g.Pragma("noescape")
	g.wrap(full, params)
}

// wrap writes the Go function through which package kernel calls name. Its
// prologue is where a goroutine that loops over tiles can be stopped for the
// garbage collector: neither assembly nor a loop of calls to it ever is.
func (g *gen) wrap(name, params string) {
	var args []string
	in, out, _ := strings.Cut(params, ") (")
	for _, p := range strings.Split(in, ", ") {
		args = append(args, strings.Fields(p)[0])
	}
	ret, result := "", ""
	if out != "" {
		ret, result = "return ", " "+strings.Fields(out)[1]
	}
	g.wrappers = fmt.Appendf(g.wrappers, "\n//go:noinline\nfunc call%s(%s)%s {\n\t%s%s(%s)\n}\n",
		strings.ToUpper(name[:1])+name[1:], in, result, ret, name, strings.Join(args, ", "))
}

func (g *gen) fn(name string) string {
	up := map[string]string{"avx512": "AVX512", "avx2": "AVX2", "f64": "F64", "f32": "F32"}
	return name + up[g.set.name] + up[g.elem.name]
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

func (g *gen) perVec() int { return g.width / g.bytes }

func (g *gen) vec() reg.VecVirtual {
	if g.width == 64 {
		return g.ZMM()
	}
	return g.YMM()
}

func (g *gen) vecs(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = g.vec()
	}
	return v
}

func (g *gen) zero(v reg.VecVirtual) {
	if g.width == 64 {
		g.VPXORQ(v, v, v)
	} else {
		g.VXORPS(v, v, v)
	}
}

// pick calls the double or the single form of an instruction.
func (g *gen) pick(pd, ps func(...operand.Op), ops ...operand.Op) {
	if g.bytes == 8 {
		pd(ops...)
	} else {
		ps(ops...)
	}
}

func (g *gen) mov(ops ...operand.Op)       { g.pick(g.VMOVUPD, g.VMOVUPS, ops...) }
func (g *gen) fma(x, y, acc operand.Op)    { g.pick(g.VFMADD231PD, g.VFMADD231PS, x, y, acc) }
func (g *gen) add(x, y, dst operand.Op)    { g.pick(g.VADDPD, g.VADDPS, x, y, dst) }
func (g *gen) broadcast(m, dst operand.Op) { g.pick(g.VBROADCASTSD, g.VBROADCASTSS, m, dst) }
func (g *gen) shuf128(i int, x, y, d operand.Op) { // 128-bit quarters: two of y, then two of x
	g.pick(g.VSHUFF64X2, g.VSHUFF32X4, operand.U8(i), x, y, d)
}

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
