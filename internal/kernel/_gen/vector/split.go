package main

import (
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// chains is how many minima and maxima split keeps: one chain of them would be slower
// than the comparisons.
const chains = 4

// splitter has the registers of split.
type splitter struct {
	v, n       reg.Register
	p          reg.VecVirtual
	above      reg.GPVirtual
	next, last [chains]reg.VecVirtual
	high, low  reg.VecVirtual // +Inf and -Inf
}

// split writes the kernel of a sweep of kthLargestBy.
func split() {
	name := "split" + target.suffix
	TEXT(name, attr.NOSPLIT, "func(v *float64, n int, p float64) (above int, next, last float64)")
	Pragma("noescape")
	Doc(name+" counts the elements above p, and returns the smallest of those and the",
		"largest of the others: for i from 0 to n-1,", "",
		"\tif v[i] > p { above++; next = min(next, v[i]) } else { last = max(last, v[i]) }", "",
		"from +Inf and -Inf on. No element is NaN.")
	s := newSplitter()
	s.loop("loop", "vectors", chains)
	Label("vectors")
	s.loop("vector", "tail", 1)
	Label("tail")
	TESTQ(s.n, s.n)
	JZ(LabelRef("done"))
	x := target.vec()
	fill := tailAccess(s.n).fill
	fill(Mem{Base: s.v}, s.low, x)
	s.step(0, x)
	Label("done")
	Store(s.above, ReturnIndex(0))
	Store(across(VMINPD, s.next[:]), ReturnIndex(1))
	Store(across(VMAXPD, s.last[:]), ReturnIndex(2))
	VZEROUPPER()
	RET()
}

// newSplitter loads the arguments and sets the registers.
func newSplitter() *splitter {
	s := new(splitter)
	s.v = Load(Param("v"), GP64())
	s.n = Load(Param("n"), GP64())
	at, _ := Param("p").Resolve()
	s.p = target.vec()
	VBROADCASTSD(at.Addr, s.p)
	bits := GP64()
	infinity := func(sign int) reg.VecVirtual {
		x := target.vec()
		MOVQ(U64(math.Float64bits(math.Inf(sign))), bits)
		VMOVQ(bits, x.AsX())
		VBROADCASTSD(x.AsX(), x)
		return x
	}
	s.high, s.low = infinity(1), infinity(-1)
	for c := range chains {
		s.next[c], s.last[c] = target.vec(), target.vec()
		VMOVAPD(s.high, s.next[c])
		VMOVAPD(s.low, s.last[c])
	}
	s.above = GP64()
	XORQ(s.above, s.above)
	return s
}

// loop takes the given number of vectors at a time while n has enough elements. Where it
// has too few for one turn, it jumps to the label after.
func (s *splitter) loop(label, after string, vectors int) {
	size, width := uint64(vectors*target.lanes), 8*target.lanes
	CMPQ(s.n, Imm(size))
	JLT(LabelRef(after))
	Label(label)
	for c := range vectors {
		x := target.vec()
		VMOVUPD(Mem{Base: s.v, Disp: c * width}, x)
		s.step(c, x)
	}
	ADDQ(U32(uint32(vectors*width)), s.v)
	SUBQ(Imm(size), s.n)
	CMPQ(s.n, Imm(size))
	JGE(LabelRef(label))
}

// step adds the vector x to chain c.
func (s *splitter) step(c int, x reg.VecVirtual) {
	const greater = 0x11 // p < x
	count := GP64()
	if target.wide {
		up, down := K(), K()
		VCMPPD(Imm(greater), x, s.p, up)
		KNOTB(up, down)
		VMINPD(x, s.next[c], up, s.next[c])
		VMAXPD(x, s.last[c], down, s.last[c])
		KMOVB(up, count.As32())
	} else {
		up, y := YMM(), YMM()
		VCMPPD(Imm(greater), x, s.p, up)
		VBLENDVPD(up, x, s.high, y)
		VMINPD(y, s.next[c], s.next[c])
		VBLENDVPD(up, s.low, x, y)
		VMAXPD(y, s.last[c], s.last[c])
		VMOVMSKPD(up, count.As32())
	}
	POPCNTL(count.As32(), count.As32())
	ADDQ(count, s.above)
}

// across combines the vectors of x by f, and then the lanes of the last one.
func across(f func(ops ...Op), x []reg.VecVirtual) reg.Register {
	f(x[1], x[0], x[0])
	f(x[3], x[2], x[2])
	f(x[2], x[0], x[0])
	other := target.vec()
	if target.wide {
		VEXTRACTF64X4(Imm(1), x[0], other.AsY())
		f(other.AsY(), x[0].AsY(), x[0].AsY())
	}
	VEXTRACTF128(Imm(1), x[0].AsY(), other.AsX())
	f(other.AsX(), x[0].AsX(), x[0].AsX())
	VUNPCKHPD(x[0].AsX(), x[0].AsX(), other.AsX())
	f(other.AsX(), x[0].AsX(), x[0].AsX())
	return x[0].AsX()
}
