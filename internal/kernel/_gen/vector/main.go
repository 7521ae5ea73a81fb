// Command vector generates the assembly of the element-wise kernels: activations
// over a slice and optimizer sweeps over a row. It runs once for each
// instruction set; see the go:generate lines in ../../vector_amd64.go.
package main

import (
	"flag"
	"log"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is an instruction set: its vectors and what differs between the two.
// Arithmetic has the same mnemonics in both.
type isa struct {
	suffix string
	lanes  int
	wide   bool // AVX-512; else AVX2 and FMA
}

var target isa

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
	activations()
	sweeps()
	prefetch()
	reductions()
	split()
	Generate()
}

// array is a pointer argument: what a kernel does with its elements.
type array struct {
	name        string
	load, store bool
	ahead       bool // ask for elements before their turn
}

// rowAhead is how far ahead of its loads a kernel asks for an array, in bytes. What
// follows is the next row of a sweep, which waits in memory while the gradient of
// that row is added up; the processor's own prefetch starts anew with each row. Zen
// 5, rows of 768 from memory with both cores at work, time per row of AdamStep alone
// and with the gradient: 0.57 and 1.24 us without, 0.55 and 1.19 with 256, 0.59 and
// 1.15 with 512, 0.55 and 1.06 with 1024, 0.52 and 0.97 with 2048, 0.55 and 0.98
// with 4096. Training 784 -> 1000, whose parameters and state nearly fit in the
// cache, 4096 makes the sweeps 4 % faster than 2048.
const rowAhead = 4096

// elementwise writes a kernel that walks arrays of n elements once. body sees
// one vector per loaded array and per scalar, and leaves in those that are
// stored their new elements. loop holds the statements that the kernel stands
// for, for its documentation.
func elementwise(name, loop string, arrays []array, scalars []string, prepare func(), body func(v map[string]reg.VecVirtual)) {
	params := ""
	for i, a := range arrays {
		if i > 0 {
			params += ", "
		}
		params += a.name
	}
	params += " *float64, n int"
	for i, s := range scalars {
		params += ", " + s
		if i == len(scalars)-1 {
			params += " float64"
		}
	}
	name += target.suffix
	TEXT(name, attr.NOSPLIT, "func("+params+")")
	Pragma("noescape")
	doc := []string{name + " is, for i from 0 to n-1,", ""}
	for _, statement := range strings.Split(loop, "; ") {
		doc = append(doc, "\t"+statement)
	}
	Doc(doc...)

	base := map[string]reg.Register{}
	for _, a := range arrays {
		base[a.name] = Load(Param(a.name), GP64())
	}
	n := Load(Param("n"), GP64())
	vecs := map[string]reg.VecVirtual{}
	for _, s := range scalars {
		b, err := Param(s).Resolve()
		if err != nil {
			log.Fatal(err)
		}
		vecs[s] = target.vec()
		VBROADCASTSD(b.Addr, vecs[s])
	}
	if prepare != nil {
		prepare()
	}
	i := GP64()
	XORQ(i, i)
	at := func(a array) Mem { return Mem{Base: base[a.name], Index: i, Scale: 8} }

	step := func(load, store func(a array)) {
		for _, a := range arrays {
			vecs[a.name] = target.vec()
			if a.load {
				load(a)
			}
		}
		body(vecs)
		for _, a := range arrays {
			if a.store {
				store(a)
			}
		}
	}

	CMPQ(n, Imm(uint64(target.lanes)))
	JLT(LabelRef("tail"))
	Label("loop")
	for _, a := range arrays {
		if a.ahead {
			PREFETCHT0(at(a).Offset(rowAhead))
		}
	}
	step(func(a array) { VMOVUPD(at(a), vecs[a.name]) },
		func(a array) { VMOVUPD(vecs[a.name], at(a)) })
	ADDQ(Imm(uint64(target.lanes)), i)
	SUBQ(Imm(uint64(target.lanes)), n)
	CMPQ(n, Imm(uint64(target.lanes)))
	JGE(LabelRef("loop"))

	Label("tail")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	load, store, _ := tailAccess(n)
	step(func(a array) { load(at(a), vecs[a.name]) },
		func(a array) { store(vecs[a.name], at(a)) })
	Label("done")
	VZEROUPPER()
	RET()
}

// tailAccess sets up a mask for the first n lanes, 0 < n < lanes, and returns
// the masked load, which gives +0 in the other lanes, the masked store, and a load
// that takes the other lanes from a vector.
func tailAccess(n Op) (load func(m Mem, v reg.VecVirtual), store func(v reg.VecVirtual, m Mem), fill func(m Mem, others, v reg.VecVirtual)) {
	if target.wide {
		bits, k := GP64(), K()
		MOVQ(n, reg.RCX)
		MOVQ(U32(1), bits)
		SHLQ(reg.CL, bits)
		DECQ(bits)
		KMOVB(bits.As32(), k)
		return func(m Mem, v reg.VecVirtual) { VMOVUPD_Z(m, k, v) },
			func(v reg.VecVirtual, m Mem) { VMOVUPD(v, k, m) },
			func(m Mem, others, v reg.VecVirtual) {
				VMOVAPD(others, v)
				VMOVUPD(m, k, v)
			}
	}
	// Four ones, then four zeros: read from n ones before the zeros.
	table, mask := GP64(), YMM()
	LEAQ(NewDataAddr(Symbol{Name: "tailMask", Static: true}, 4*8), table)
	NEGQ(n)
	VMOVUPD(Mem{Base: table, Index: n.(reg.Register), Scale: 8}, mask)
	return func(m Mem, v reg.VecVirtual) { VMASKMOVPD(m, mask, v) },
		func(v reg.VecVirtual, m Mem) { VMASKMOVPD(v, mask, m) },
		func(m Mem, others, v reg.VecVirtual) {
			VMASKMOVPD(m, mask, v)
			VBLENDVPD(mask, v, others, v)
		}
}
