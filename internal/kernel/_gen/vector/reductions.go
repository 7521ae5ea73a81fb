package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// sum writes the kernel that adds up an array. It has eight lanes with both instruction
// sets: one vector or two.
func sum() {
	name := "sum" + target.suffix
	TEXT(name, attr.NOSPLIT, "func(lanes, x *float64, n int)")
	Pragma("noescape")
	Doc(name+" is, for i from 0 to n-1,", "", "\tlanes[i%8] += x[i]")
	lanes := Load(Param("lanes"), GP64())
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	vectors := 8 / target.lanes
	at := func(base Op, j int) Mem { return Mem{Base: base.(reg.Register), Disp: j * 8 * target.lanes} }
	acc := make([]reg.VecVirtual, vectors)
	for j := range acc {
		acc[j] = target.vec()
		VMOVUPD(at(lanes, j), acc[j])
	}
	Label("groups")
	CMPQ(n, Imm(8))
	JLT(LabelRef("store"))
	for j := range acc {
		VADDPD(at(x, j), acc[j], acc[j])
	}
	ADDQ(Imm(64), x)
	SUBQ(Imm(8), n)
	JMP(LabelRef("groups"))
	Label("store")
	for j := range acc {
		VMOVUPD(acc[j], at(lanes, j))
	}
	VZEROUPPER()
	// The last elements are added to the first lanes, one after the other.
	one := XMM()
	Label("rest")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	MOVSD(Mem{Base: lanes}, one)
	ADDSD(Mem{Base: x}, one)
	MOVSD(one, Mem{Base: lanes})
	ADDQ(Imm(8), lanes)
	ADDQ(Imm(8), x)
	DECQ(n)
	JMP(LabelRef("rest"))
	Label("done")
	RET()
}

// allFinite writes the kernel that collects x-x, which is +0 for finite x and NaN for the
// others.
func allFinite() {
	name := "allFinite" + target.suffix
	TEXT(name, attr.NOSPLIT, "func(x *float64, n int) bool")
	Pragma("noescape")
	Doc(name+" is: for i from 0 to n-1,", "", "\tif x[i]-x[i] != 0 { return false }", "", "and true at the end.")
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	bad, v := target.vec(), target.vec()
	VXORPD(bad, bad, bad)
	check := func() {
		VSUBPD(v, v, v)
		VORPD(v, bad, bad)
	}
	CMPQ(n, Imm(uint64(target.lanes)))
	JLT(LabelRef("tail"))
	Label("loop")
	VMOVUPD(Mem{Base: x}, v)
	check()
	ADDQ(Imm(uint64(8*target.lanes)), x)
	SUBQ(Imm(uint64(target.lanes)), n)
	CMPQ(n, Imm(uint64(target.lanes)))
	JGE(LabelRef("loop"))
	Label("tail")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	tailAccess(n).load(Mem{Base: x}, v)
	check()
	Label("done")
	returnIsZero(bad)
	VZEROUPPER()
	RET()
}
