// Command vector generates the assembly of the element-wise kernels: activations
// over a slice and optimizers' steps over a row. It runs once for each
// instruction set; see the go:generate lines in ../../doc.go.
package main

import (
	"flag"
	"log"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// isa is an instruction set: its vectors and what differs between the two.
// Arithmetic has the same mnemonics in both.
type isa struct {
	suffix string
	lanes  int
	wide   bool // AVX-512; else AVX2 and FMA
}

// target is the instruction set of this run.
var target isa

// vec returns a vector register.
func (t isa) vec() reg.VecVirtual {
	if t.wide {
		return ZMM()
	}
	return YMM()
}

func main() {
	name := flag.String("isa", "avx512", "avx512 or avx2")
	// avo defines -out, -stubs and -pkg, and parses in Generate.
	flag.Parse()
	switch *name {
	case "avx512":
		target = isa{suffix: "AVX512", lanes: 8, wide: true}
	case "avx2":
		target = isa{suffix: "AVX2", lanes: 4}
	default:
		log.Fatalf("unknown instruction set %q", *name)
	}
	ConstraintExpr("amd64,!purego")
	constants()
	sigmoid()
	tanh()
	arithmetic()
	gradientSteps()
	adaptiveSteps()
	prefetch()
	sum()
	allFinite()
	split()
	Generate()
}
