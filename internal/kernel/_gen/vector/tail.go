package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tailLanes loads, stores and clears the first lanes of a vector, those of the last
// elements of an array.
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

// returnIsZero makes a kernel return whether all bits of v are 0.
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
