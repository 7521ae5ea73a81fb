package main

import (
	"log"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// array is a pointer argument: what a kernel does with its elements.
type array struct {
	name        string
	load, store bool
	ahead       bool // prefetch elements before their turn
	guard       bool // keep an element whose new value would not be finite
}

// elementwise writes a kernel that reads and writes arrays of n elements once. body gets
// one vector for each loaded array and for each scalar, and leaves the new elements in
// those that are stored. loop holds the statements that the kernel stands for, for its
// documentation. Where an array is guarded, the kernel returns whether all its new values
// were finite.
func elementwise(name, loop string, arrays []array, scalars []string, prepare func(), body func(v map[string]reg.VecVirtual)) {
	guarded := slices.ContainsFunc(arrays, func(a array) bool { return a.guard })
	declare(name+target.suffix, loop, arrays, scalars, guarded)
	k := kernel{arrays: arrays, body: body, base: map[string]reg.Register{}, vecs: map[string]reg.VecVirtual{}}
	n := k.load(scalars)
	if prepare != nil {
		prepare()
	}
	k.i = GP64()
	XORQ(k.i, k.i)
	if guarded {
		k.bad = target.vec()
		VXORPD(k.bad, k.bad, k.bad)
	}

	CMPQ(n, Imm(uint64(target.lanes)))
	JLT(LabelRef("tail"))
	Label("loop")
	for _, a := range arrays {
		if a.ahead {
			prefetchToWrite(k.at(a).Offset(rowAhead))
		}
	}
	k.step(func(a array) { VMOVUPD(k.at(a), k.vecs[a.name]) },
		func(a array) { VMOVUPD(k.vecs[a.name], k.at(a)) }, func(reg.VecVirtual) {})
	ADDQ(Imm(uint64(target.lanes)), k.i)
	SUBQ(Imm(uint64(target.lanes)), n)
	CMPQ(n, Imm(uint64(target.lanes)))
	JGE(LabelRef("loop"))

	Label("tail")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	tail := tailAccess(n)
	k.step(func(a array) { tail.load(k.at(a), k.vecs[a.name]) },
		func(a array) { tail.store(k.vecs[a.name], k.at(a)) }, tail.clear)
	Label("done")
	if guarded {
		returnIsZero(k.bad)
	}
	VZEROUPPER()
	RET()
}

// declare begins the function, with its signature and its documentation.
func declare(name, loop string, arrays []array, scalars []string, guarded bool) {
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
}

// kernel has the registers of an element-wise kernel.
type kernel struct {
	arrays []array
	body   func(v map[string]reg.VecVirtual)
	base   map[string]reg.Register   // of each array
	vecs   map[string]reg.VecVirtual // of each array and scalar
	i      reg.GPVirtual             // the next element
	bad    reg.VecVirtual            // not 0 where a new value was not finite
}

// load loads the arguments, and returns the number of elements.
func (k *kernel) load(scalars []string) reg.Register {
	for _, a := range k.arrays {
		k.base[a.name] = Load(Param(a.name), GP64())
	}
	n := Load(Param("n"), GP64())
	for _, s := range scalars {
		b, err := Param(s).Resolve()
		if err != nil {
			log.Fatal(err)
		}
		k.vecs[s] = target.vec()
		VBROADCASTSD(b.Addr, k.vecs[s])
	}
	return n
}

// at is the place of the next elements of a.
func (k *kernel) at(a array) Mem { return Mem{Base: k.base[a.name], Index: k.i, Scale: 8} }

// step computes one vector of new elements. keep clears the lanes of a vector that are
// beyond the arrays.
func (k *kernel) step(load, store func(a array), keep func(v reg.VecVirtual)) {
	old := map[string]reg.VecVirtual{}
	for _, a := range k.arrays {
		k.vecs[a.name] = target.vec()
		if a.load {
			load(a)
		}
		if a.guard {
			old[a.name] = target.vec()
			VMOVAPD(k.vecs[a.name], old[a.name])
		}
	}
	k.body(k.vecs)
	for _, a := range k.arrays {
		if a.guard {
			difference := target.vec() // of a value to itself: 0, or NaN
			VSUBPD(k.vecs[a.name], k.vecs[a.name], difference)
			keep(difference)
			VORPD(difference, k.bad, k.bad)
			replaceOrdered(old[a.name], k.vecs[a.name], difference)
			k.vecs[a.name] = old[a.name]
		}
		if a.store {
			store(a)
		}
	}
}

// replaceOrdered sets v to value where test is not NaN.
func replaceOrdered(v, value, test reg.VecVirtual) {
	const ordered = 7
	if target.wide {
		k := K()
		VCMPPD(Imm(ordered), test, test, k)
		VMOVAPD(value, k, v)
		return
	}
	mask := YMM()
	VCMPPD(Imm(ordered), test, test, mask)
	VBLENDVPD(mask, value, v, v)
}
