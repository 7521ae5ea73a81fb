package main

import (
	"bytes"
	"fmt"
	"go/format"
	"strings"
)

// elem is a type of elements.
type elem struct {
	suffix string // of function names
	goType string
	shape  string // of a vector register
	bytes  int
	lanes  int // of a sum in dot order
}

var (
	f64 = elem{"NEONF64", "float64", "2d", 8, 8}
	f32 = elem{"NEONF32", "float32", "4s", 4, 16}
)

// perVec returns the elements of a vector register.
func (e elem) perVec() int { return 16 / e.bytes }

// gen writes the functions of one file. Each instruction goes to the assembly in Go's
// notation, or as a word with the text of it as a comment; those of inner loops also go
// to a listing that llvm-mca reads.
type gen struct {
	elem
	data, assembly, stubs, calls bytes.Buffer
	listing                      bytes.Buffer
	hot                          bool // the listing takes what follows
	function                     string
	args                         map[string]int // offsets of arguments and results
	registers
}

// registers hands out those that are free.
type registers struct {
	v V
	r int
}

// general are the registers that a function may use: not R16 to R18, the assembler's
// R27, Go's R28 and those of the call.
var general = []R{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 19, 20, 21, 22, 23, 24, 25, 26}

// newV returns a free vector register.
func (r *registers) newV() V {
	if r.v++; r.v > 32 {
		panic("no vector register is free")
	}
	return r.v - 1
}

// newVs returns n vector registers, one after the other.
func (r *registers) newVs(n int) []V {
	v := make([]V, n)
	for i := range v {
		v[i] = r.newV()
	}
	return v
}

// newR returns a free general register.
func (r *registers) newR() R {
	if r.r++; r.r > len(general) {
		panic("no general register is free")
	}
	return general[r.r-1]
}

// emit writes an instruction in both notations.
func (g *gen) emit(goText, text string) {
	fmt.Fprintf(&g.assembly, "\t%s\n", goText)
	if g.hot {
		fmt.Fprintf(&g.listing, "\t%s\n", text)
	}
}

// word writes an instruction as a word.
func (g *gen) word(word uint32, text string) {
	g.emit(fmt.Sprintf("WORD $%#08x // %s", word, text), text)
}

// parameter is an argument or a result.
type parameter struct{ name, typ string }

// parse splits a list of parameters, in which several may share a type.
func parse(list string) (params []parameter) {
	if list == "" {
		return nil
	}
	for _, p := range strings.Split(list, ", ") {
		name, typ, _ := strings.Cut(p, " ")
		params = append(params, parameter{name, typ})
	}
	for i := len(params) - 2; i >= 0; i-- {
		if params[i].typ == "" {
			params[i].typ = params[i+1].typ
		}
	}
	return params
}

// begin starts a function. doc is its comment, without the name in front. Beside the stub
// it writes the Go function by which package kernel calls it, whose prologue is where a
// goroutine that loops over calls can be stopped for the garbage collector.
func (g *gen) begin(name, params, results string, doc ...string) {
	g.registers = registers{}
	g.function, g.args = name, map[string]int{}
	size := 0
	var names []string
	for _, p := range parse(params) {
		g.args[p.name] = size
		size += 8
		names = append(names, p.name)
	}
	for _, p := range parse(results) {
		width := map[string]int{"bool": 1, "int16": 2, "float32": 4}[p.typ]
		if width == 0 {
			width = 8
		}
		g.args[p.name] = size
		size += width
	}
	out, ret := "", ""
	if results != "" {
		out, ret = " ("+results+")", "return "
	}
	fmt.Fprintf(&g.stubs, "\n")
	for i, line := range doc {
		if i == 0 {
			line = name + " " + line
		}
		fmt.Fprintf(&g.stubs, "%s\n", strings.TrimRight("// "+line, " "))
	}
	fmt.Fprintf(&g.stubs, "//\n//go:noescape\nfunc %s(%s)%s\n", name, params, out)
	fmt.Fprintf(&g.calls, "\n//go:noinline\nfunc call%s(%s)%s {\n\t%s%s(%s)\n}\n", strings.ToUpper(name[:1])+name[1:], params, out, ret, name, strings.Join(names, ", "))
	fmt.Fprintf(&g.assembly, "\n// func %s(%s)%s\nTEXT ·%s(SB), NOSPLIT, $0-%d\n", name, params, out, name, size)
}

// end returns from the function.
func (g *gen) end() { g.assembly.WriteString("\tRET\n") }

// place is an argument or a result as an operand.
func (g *gen) place(name string) string {
	off, ok := g.args[name]
	if !ok {
		panic(g.function + " has no argument " + name)
	}
	return fmt.Sprintf("%s+%d(FP)", name, off)
}

// arg loads an argument.
func (g *gen) arg(name string) R {
	r := g.newR()
	g.argTo(r, name)
	return r
}

// argTo loads an argument into r.
func (g *gen) argTo(r R, name string) { g.plain("MOVD %s, R%d", g.place(name), r) }

// argV sets all elements of a new vector register to a float64 argument.
func (g *gen) argV(name string) V {
	v := g.newV()
	g.plain("FMOVD %s, F%d", g.place(name), v)
	g.dup("2d", v, v, 0)
	return v
}

// result stores r as a result, of 8 bytes or as instruction says.
func (g *gen) result(r R, name, instruction string) {
	g.plain("%s R%d, %s", instruction, r, g.place(name))
}

// plain writes an instruction that no inner loop has.
func (g *gen) plain(format string, args ...any) {
	if g.hot {
		panic("an instruction of an inner loop needs both notations: " + format)
	}
	fmt.Fprintf(&g.assembly, "\t"+format+"\n", args...)
}

// table writes a table of float64 for reading, by its bits, and returns its name.
func (g *gen) table(name string, bits []uint64) {
	for i, b := range bits {
		fmt.Fprintf(&g.data, "DATA %s<>+%d(SB)/8, $%#016x\n", name, 8*i, b)
	}
	fmt.Fprintf(&g.data, "GLOBL %s<>(SB), RODATA|NOPTR, $%d\n", name, 8*len(bits))
}

// file returns the assembly and its stubs.
func (g *gen) file(notice string) (assembly, stubs []byte) {
	head := "// Code generated by " + notice + ". DO NOT EDIT.\n\n//go:build !purego\n\n"
	assembly = append([]byte(head+"#include \"textflag.h\"\n\n"), g.data.Bytes()...)
	assembly = append(assembly, g.assembly.Bytes()...)
	stubs = append([]byte(head+"package kernel\n"), g.stubs.Bytes()...)
	stubs, err := format.Source(append(stubs, g.calls.Bytes()...))
	if err != nil {
		panic(err)
	}
	return assembly, stubs
}
