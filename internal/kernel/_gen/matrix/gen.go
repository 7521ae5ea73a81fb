package main

import (
	"fmt"
	"strings"

	"github.com/ksparse/ksparse/internal/kernel/_gen/asm"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// set is an instruction set with the register tile that suits it.
type set struct {
	name        string
	width       int // bytes in a vector
	mr          int // rows of a product tile, and rows that pack takes at a time
	wide        int // vectors in a row of a product tile; the narrow one has 1
	dotRows     int // most rows of A in a dot tile
	dotCols     int // rows of B in a dot tile
	nearVectors int // most vectors in a row of a tile that gathers from a near cache
	farVectors  int // vectors in a row of one that gathers from memory
	stripGroups int // most groups of 8 columns of a strip in registers
}

// The instruction sets. 8x3 vectors leave 24 accumulators, 3 vectors of B and 2 broadcasts of A in 32
// registers; 4x3 fill the 16 of AVX2 exactly.
var (
	avx512 = &set{name: "avx512", width: 64, mr: 8, wide: 3, dotRows: 3, dotCols: 8, nearVectors: 8, farVectors: 16, stripGroups: 8}
	avx2   = &set{name: "avx2", width: 32, mr: 4, wide: 3, dotRows: 1, dotCols: 4, nearVectors: 12, farVectors: 12, stripGroups: 4}
)

// elem is a type of elements.
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
	asm.Builder
	*set
	elem
	nv       int    // vectors in a row of the product tile at hand
	wrappers []byte // Go text to follow the stubs
}

func newGen(s *set, e elem) *gen {
	return &gen{Builder: asm.New(), set: s, elem: e, nv: s.wide}
}

// begin starts a function name + set + element, say laneAVX512F64.
func (g *gen) begin(name, params string, doc ...string) {
	g.Begin(g.fn(name), params, doc...)
	g.wrap(g.fn(name), params)
}

// wrap writes the Go function by which package kernel calls name. Its prologue is
// where a goroutine that loops over tiles can be stopped for the garbage collector:
// neither assembly nor a loop of calls to it ever is.
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

// fn returns the full name of a function.
func (g *gen) fn(name string) string {
	up := map[string]string{"avx512": "AVX512", "avx2": "AVX2", "f64": "F64", "f32": "F32"}
	return name + up[g.set.name] + up[g.elem.name]
}

// perVec returns the elements of a vector.
func (g *gen) perVec() int { return g.width / g.bytes }

// vec returns a vector register.
func (g *gen) vec() reg.VecVirtual {
	if g.width == 64 {
		return g.ZMM()
	}
	return g.YMM()
}

// vecs returns n vector registers.
func (g *gen) vecs(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = g.vec()
	}
	return v
}

// groupVectors returns how many vectors a group of elements takes, one for each lane of a
// sum in dot order.
func (g *gen) groupVectors() int { return g.lanes * g.bytes / g.width }

// zeros returns rows of vectors, set to zero.
func (g *gen) zeros(rows, vectors int) [][]reg.VecVirtual {
	acc := make([][]reg.VecVirtual, rows)
	for i := range acc {
		acc[i] = g.vecs(vectors)
		for _, z := range acc[i] {
			g.zero(z)
		}
	}
	return acc
}

// zero sets v to zero.
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

func mem(base reg.Register, disp int) operand.Mem { return asm.Mem(base, disp) }

func idx(base, index reg.Register, scale uint8, disp int) operand.Mem {
	return asm.Index(base, index, scale, disp)
}
