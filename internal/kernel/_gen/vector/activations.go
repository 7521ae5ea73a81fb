package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The order of operations is that of Exp, Sigmoid and Tanh in ../../exp.go.

var expCoefficients = []string{"exp10", "exp9", "exp8", "exp7", "exp6", "exp5", "exp4", "exp3", "exp2"}

// holdExp loads the constants of exponential into registers. AVX2 has enough for those
// only that cannot be memory operands.
func holdExp(p pool) {
	if target.wide {
		p.hold("one", "log2E", "expShift", "ln2Hi", "ln2Lo", "exp11")
		p.hold(expCoefficients...)
	} else {
		p.hold("one", "expShift")
	}
}

// clamp brings x into the range that exponential takes. VMINPD and VMAXPD
// return their second source when either is NaN, and in Go's order that is the
// first operand: x.
func clamp(p pool, x reg.VecVirtual) {
	VMINPD(x, p["expHigh"], x)
	VMAXPD(x, p["expLow"], x)
}

// exponential replaces x, already clamped, by exp(x).
func exponential(p pool, x reg.VecVirtual) {
	shifted, n := target.vec(), target.vec()
	p.copy("expShift", shifted)
	VFMADD231PD(p.op("log2E"), x, shifted)
	VSUBPD(p["expShift"], shifted, n)
	r := x
	VFNMADD231PD(p.op("ln2Hi"), n, r)
	VFNMADD231PD(p.op("ln2Lo"), n, r)
	q := target.vec()
	p.copy("exp11", q)
	for _, c := range expCoefficients {
		p.addend(c, r, q)
	}
	h, l := target.vec(), target.vec()
	VADDPD(r, p["one"], h)
	VSUBPD(h, p["one"], l)
	VADDPD(r, l, l)
	VMULPD(r, r, r)
	VFMADD231PD(q, r, l)
	VADDPD(l, h, h)
	if target.wide {
		VSCALEFPD(n, h, x)
		return
	}
	// ldexp2
	half := target.vec()
	VPSRLQ(Imm(1), shifted, half)
	VPSUBQ(half, shifted, shifted)
	VPSLLQ(Imm(52), half, half)
	VPSLLQ(Imm(52), shifted, shifted)
	VMULPD(half, h, h)
	VMULPD(shifted, h, x)
}

// less returns x < bound, false for NaN, in the form that choose takes.
func less(bound Op, x reg.VecVirtual) reg.Register {
	const lessQuiet = 0x11
	if target.wide {
		k := K()
		VCMPPD(Imm(lessQuiet), bound, x, k)
		return k
	}
	m := YMM()
	VCMPPD(Imm(lessQuiet), bound, x, m)
	return m
}

// choose sets dst to yes where the condition holds and to no elsewhere.
func choose(condition reg.Register, yes, no, dst reg.VecVirtual) {
	if target.wide {
		VBLENDMPD(yes, no, condition, dst)
	} else {
		VBLENDVPD(condition, yes, no, dst)
	}
}

// inOut are the arrays of a function of one variable.
var inOut = []array{{name: "dst", store: true}, {name: "x", load: true}}

// tanhCoefficients are those of the polynomial after tanh23.
var tanhCoefficients = []string{"tanh21", "tanh19", "tanh17", "tanh15", "tanh13", "tanh11", "tanh9", "tanh7", "tanh5", "tanh3"}

// sigmoid writes the kernel of Sigmoid.
func sigmoid() {
	p := pool{}
	elementwise("sigmoid", "dst[i] = Sigmoid(x[i])", inOut, nil, func() {
		holdExp(p)
		p.hold("expHigh", "expLow")
		if target.wide {
			p.hold("sign", "sigmoidTail")
		}
	}, func(v map[string]reg.VecVirtual) {
		x := v["x"]
		e := target.vec()
		VXORPD(p.op("sign"), x, e)
		inTail := less(p.op("sigmoidTail"), x)
		choose(inTail, x, e, e)
		clamp(p, e)
		exponential(p, e)
		y := target.vec()
		VADDPD(e, p["one"], y)
		VDIVPD(y, p["one"], y)
		choose(inTail, e, y, y)
		v["dst"] = y
	})
}

// tanh writes the kernel of Tanh.
func tanh() {
	p := pool{}
	elementwise("tanh", "dst[i] = Tanh(x[i])", inOut, nil, func() {
		holdExp(p)
		p.hold("tanhHigh")
		if target.wide {
			p.hold("two", "sign", "tanhSplit")
		}
	}, func(v map[string]reg.VecVirtual) {
		x := v["x"]
		a, sign := target.vec(), target.vec()
		VANDPD(p.op("sign"), x, sign)
		VXORPD(sign, x, a)

		w, t := target.vec(), target.vec()
		VMULPD(a, a, w)
		p.copy("tanh23", t)
		for _, c := range tanhCoefficients {
			p.addend(c, w, t)
		}
		VMULPD(w, a, w)
		VFMADD213PD(a, w, t) // a + a³ t

		e := target.vec()
		VMINPD(a, p["tanhHigh"], e)
		VADDPD(e, e, e)
		exponential(p, e)
		VADDPD(p["one"], e, e)
		y := target.vec()
		p.copy("two", y)
		VDIVPD(e, y, y)
		VSUBPD(y, p["one"], y)
		choose(less(p.op("tanhSplit"), a), t, y, y)
		VORPD(sign, y, y)
		v["dst"] = y
	})
}
