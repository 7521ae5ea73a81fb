// Package asm has what the generators of the matrix and of the screen kernels share:
// functions, arguments, loops and files of assembly.
package asm

import (
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/buildtags"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

// Builder builds the functions of one file.
type Builder struct{ *build.Context }

// New returns a Builder without functions.
func New() Builder { return Builder{build.NewContext()} }

// Begin starts the function name. doc is its comment, without the name in front.
func (b Builder) Begin(name, params string, doc ...string) {
	b.Function(name)
	b.Attributes(attr.NOSPLIT)
	b.SignatureExpr("func(" + params + ")")
	doc[0] = name + " " + doc[0]
	b.Doc(doc...)
	b.Pragma("noescape")
}

// End returns from the function.
func (b Builder) End() {
	b.VZEROUPPER()
	b.RET()
}

// Arg loads an argument into a register.
func (b Builder) Arg(name string) reg.GPVirtual {
	r := b.GP64()
	b.Load(b.Param(name), r)
	return r
}

// ArgAt is the argument as an operand in memory.
func (b Builder) ArgAt(name string) operand.Mem {
	a, err := b.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return a.Addr
}

// Align puts the next instruction at a multiple of 64 bytes.
func (b Builder) Align() {
	b.Instruction(&ir.Instruction{Opcode: "PCALIGN", Operands: []operand.Op{operand.Imm(64)}})
}

// Loop runs body n times, n in a register that it counts down; n may be zero.
func (b Builder) Loop(name string, n reg.GPVirtual, body func()) {
	b.TESTQ(n, n)
	b.JZ(operand.LabelRef(name + "_done"))
	b.Align()
	b.Label(name)
	body()
	b.DECQ(n)
	b.JNZ(operand.LabelRef(name))
	b.Label(name + "_done")
}

// Write compiles the functions and writes them to folder as name.s, and their stubs, with
// the Go text in tail after them, as name.go. generator is named in the first line. The
// passes change what was compiled before it is written.
func (b Builder) Write(folder, name, generator string, tail []byte, passes ...func(*ir.File)) {
	tag, err := buildtags.ParseConstraint("amd64,!purego")
	if err != nil {
		log.Fatal(err)
	}
	b.Constraint(tag)
	f, err := b.Result()
	if err != nil {
		build.LogError(log.Default(), err, 0)
		os.Exit(1)
	}
	if err := pass.Compile.Execute(f); err != nil {
		log.Fatal(err)
	}
	for _, change := range passes {
		change(f)
	}
	cfg := printer.Config{Name: generator, Pkg: "kernel"}
	assembly, err := printer.NewGoAsm(cfg).Print(f)
	if err != nil {
		log.Fatal(err)
	}
	stubs, err := printer.NewStubs(cfg).Print(f)
	if err != nil {
		log.Fatal(err)
	}
	for extension, text := range map[string][]byte{".s": assembly, ".go": append(stubs, tail...)} {
		if err := os.WriteFile(filepath.Join(folder, name+extension), text, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// Mem is the place disp bytes from base.
func Mem(base reg.Register, disp int) operand.Mem { return operand.Mem{Base: base, Disp: disp} }

// Index is the place disp bytes from base + scale*index.
func Index(base, index reg.Register, scale uint8, disp int) operand.Mem {
	return operand.Mem{Base: base, Index: index, Scale: scale, Disp: disp}
}
