// Command vector generates the assembly of the element-wise kernels: activations
// over a slice and optimizer sweeps over a row. It runs once for each
// instruction set; see the go:generate lines in ../../vector_amd64.go.
package main

import (
	"flag"
	"log"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
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
	guard       bool // keep an element whose new value would not be finite
}

// rowAhead is how far ahead of its loads a kernel asks for an array, in bytes. What
// follows is the next row of a sweep, which waits in memory while the gradient of
// that row is added up; the processor's own prefetch starts anew with each row. It is
// asked for to be written (PREFETCHW): lines that another core has read must be taken from
// it first, which takes 0.2 us where that core has another third-level cache. Training
// on two cores of a Zen 5, the two sweeps of a step at 784 -> 1000 with the cores on one
// such cache and on two, and those at 768 -> 8192, whose parameters come from memory:
//
//	to be read, 4096       1.34 ms  2.43 ms  12.3 ms
//	to be written, 2048    1.36     1.82     12.8
//	to be written, 3072    1.32     1.79     12.6
//	to be written, 4096    1.30     1.92     12.4
const rowAhead = 3072

// prefetchToWrite asks for a cache line that will be written: PREFETCHW, which neither
// avo nor Go's assembler knows. Processors without it take it for a NOP.
func prefetchToWrite(m Mem) {
	LEAQ(m, reg.RAX)
	for _, code := range []uint64{0x0f, 0x0d, 0x08} { // of the line at RAX
		Instruction(&ir.Instruction{Opcode: "BYTE", Operands: []Op{Imm(code)}, Inputs: []Op{reg.RAX}})
	}
}

// elementwise writes a kernel that walks arrays of n elements once. body sees
// one vector per loaded array and per scalar, and leaves in those that are
// stored their new elements. loop holds the statements that the kernel stands
// for, for its documentation. Where an array is guarded, the kernel returns whether
// all its new values were finite.
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
	guarded := slices.ContainsFunc(arrays, func(a array) bool { return a.guard })
	signature := "func(" + params + ")"
	if guarded {
		signature += " bool"
	}
	TEXT(name, attr.NOSPLIT, signature)
	Pragma("noescape")
	doc := []string{name + " is, for i from 0 to n-1,", ""}
	for _, statement := range strings.Split(loop, "; ") {
		doc = append(doc, "\t"+statement)
	}
	if guarded {
		doc = append(doc, "", "but for elements of "+arrays[0].name+" that would not stay finite: those it leaves as", "they are, and returns false.")
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

	var bad reg.VecVirtual // not 0 where a new value was not finite
	if guarded {
		bad = target.vec()
		VXORPD(bad, bad, bad)
	}
	step := func(load, store func(a array), within func(v reg.VecVirtual)) {
		old := map[string]reg.VecVirtual{}
		for _, a := range arrays {
			vecs[a.name] = target.vec()
			if a.load {
				load(a)
			}
			if a.guard {
				old[a.name] = target.vec()
				VMOVAPD(vecs[a.name], old[a.name])
			}
		}
		body(vecs)
		for _, a := range arrays {
			if a.guard {
				difference := target.vec() // of a value to itself: 0, or NaN
				VSUBPD(vecs[a.name], vecs[a.name], difference)
				within(difference)
				VORPD(difference, bad, bad)
				replaceOrdered(old[a.name], vecs[a.name], difference)
				vecs[a.name] = old[a.name]
			}
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
			prefetchToWrite(at(a).Offset(rowAhead))
		}
	}
	step(func(a array) { VMOVUPD(at(a), vecs[a.name]) },
		func(a array) { VMOVUPD(vecs[a.name], at(a)) }, func(reg.VecVirtual) {})
	ADDQ(Imm(uint64(target.lanes)), i)
	SUBQ(Imm(uint64(target.lanes)), n)
	CMPQ(n, Imm(uint64(target.lanes)))
	JGE(LabelRef("loop"))

	Label("tail")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	tail := tailAccess(n)
	step(func(a array) { tail.load(at(a), vecs[a.name]) },
		func(a array) { tail.store(vecs[a.name], at(a)) }, tail.clear)
	Label("done")
	if guarded {
		returnIsZero(bad)
	}
	VZEROUPPER()
	RET()
}

// replaceOrdered sets v to value where by is not NaN.
func replaceOrdered(v, value, by reg.VecVirtual) {
	const ordered = 7
	if target.wide {
		k := K()
		VCMPPD(Imm(ordered), by, by, k)
		VMOVAPD(value, k, v)
		return
	}
	mask := YMM()
	VCMPPD(Imm(ordered), by, by, mask)
	VBLENDVPD(mask, value, v, v)
}

// returnIsZero makes the result of a kernel that has one whether all bits of v are 0.
func returnIsZero(v reg.VecVirtual) {
	result := GP8()
	if target.wide {
		high := YMM()
		VEXTRACTF64X4(Imm(1), v, high)
		VORPD(high, v.AsY(), high)
		VPTEST(high, high)
	} else {
		VPTEST(v, v)
	}
	SETEQ(result)
	Store(result, ReturnIndex(0))
}

// tailLanes is what can be done with the first lanes of a vector.
type tailLanes struct {
	load  func(m Mem, v reg.VecVirtual)         // +0 in the other lanes
	fill  func(m Mem, others, v reg.VecVirtual) // the other lanes from a vector
	store func(v reg.VecVirtual, m Mem)
	clear func(v reg.VecVirtual) // the other lanes
}

// tailAccess sets up a mask for the first n lanes, 0 < n < lanes.
func tailAccess(n Op) tailLanes {
	if target.wide {
		bits, k := GP64(), K()
		MOVQ(n, reg.RCX)
		MOVQ(U32(1), bits)
		SHLQ(reg.CL, bits)
		DECQ(bits)
		KMOVB(bits.As32(), k)
		return tailLanes{
			load: func(m Mem, v reg.VecVirtual) { VMOVUPD_Z(m, k, v) },
			fill: func(m Mem, others, v reg.VecVirtual) {
				VMOVAPD(others, v)
				VMOVUPD(m, k, v)
			},
			store: func(v reg.VecVirtual, m Mem) { VMOVUPD(v, k, m) },
			clear: func(v reg.VecVirtual) { VMOVAPD_Z(v, k, v) },
		}
	}
	// Four ones, then four zeros: read from n ones before the zeros.
	table, mask := GP64(), YMM()
	LEAQ(NewDataAddr(Symbol{Name: "tailMask", Static: true}, 4*8), table)
	NEGQ(n)
	VMOVUPD(Mem{Base: table, Index: n.(reg.Register), Scale: 8}, mask)
	return tailLanes{
		load: func(m Mem, v reg.VecVirtual) { VMASKMOVPD(m, mask, v) },
		fill: func(m Mem, others, v reg.VecVirtual) {
			VMASKMOVPD(m, mask, v)
			VBLENDVPD(mask, v, others, v)
		},
		store: func(v reg.VecVirtual, m Mem) { VMASKMOVPD(v, mask, m) },
		clear: func(v reg.VecVirtual) { VANDPD(mask, v, v) },
	}
}
