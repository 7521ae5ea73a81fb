package main

import (
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The order of operations is that of ../../optimize_generic.go.
func sweeps() {
	w := array{name: "w", load: true, store: true, ahead: true, guard: true}
	g := array{name: "grad", load: true} // "g" is a register in Go assembly
	state := func(name string) array { return array{name: name, load: true, store: true, ahead: true} }

	elementwise("scale", "x[i] *= f", []array{{name: "x", load: true, store: true}}, []string{"f"}, nil,
		func(v map[string]reg.VecVirtual) { VMULPD(v["f"], v["x"], v["x"]) })

	x, y, dst := array{name: "x", load: true}, array{name: "y", load: true}, array{name: "dst", store: true}
	elementwise("add", "dst[i] = x[i] + y[i]", []array{dst, x, y}, nil, nil,
		func(v map[string]reg.VecVirtual) { VADDPD(v["y"], v["x"], v["dst"]) })

	elementwise("subtract", "dst[i] = x[i] - y[i]", []array{dst, x, y}, nil, nil,
		func(v map[string]reg.VecVirtual) { VSUBPD(v["y"], v["x"], v["dst"]) })

	delta, value := array{name: "delta", load: true, store: true}, array{name: "value", load: true}
	elementwise("sigmoidSlope", "delta[i] *= value[i] * (one-value[i])", []array{delta, value}, []string{"one"}, nil,
		func(v map[string]reg.VecVirtual) {
			t := target.vec()
			VSUBPD(v["value"], v["one"], t)
			VMULPD(t, v["value"], t)
			VMULPD(t, v["delta"], v["delta"])
		})

	elementwise("tanhSlope", "delta[i] *= FMA(-value[i], value[i], one)", []array{delta, value}, []string{"one"}, nil,
		func(v map[string]reg.VecVirtual) {
			t := target.vec()
			VMOVAPD(v["one"], t)
			VFNMADD231PD(v["value"], v["value"], t)
			VMULPD(t, v["delta"], v["delta"])
		})

	elementwise("sgd", "w[i] = FMA(-rate, grad[i], w[i])",
		[]array{w, g}, []string{"rate"}, nil,
		func(v map[string]reg.VecVirtual) { VFNMADD231PD(v["grad"], v["rate"], v["w"]) })

	elementwise("momentum", "v[i] = FMA(mu, v[i], grad[i]); w[i] = FMA(-rate, v[i], w[i])",
		[]array{w, g, state("v")}, []string{"rate", "mu"}, nil,
		func(v map[string]reg.VecVirtual) {
			VFMADD213PD(v["grad"], v["mu"], v["v"])
			VFNMADD231PD(v["v"], v["rate"], v["w"])
		})

	elementwise("nesterov", "v[i] = FMA(mu, v[i], grad[i]); w[i] = FMA(-rate, FMA(mu, v[i], grad[i]), w[i])",
		[]array{w, g, state("v")}, []string{"rate", "mu"}, nil,
		func(v map[string]reg.VecVirtual) {
			VFMADD213PD(v["grad"], v["mu"], v["v"])
			VFMADD231PD(v["v"], v["mu"], v["grad"])
			VFNMADD231PD(v["grad"], v["rate"], v["w"])
		})

	elementwise("adam", "m[i] = FMA(beta1, m[i], rest1*grad[i]); v[i] = FMA(beta2, v[i], rest2*(grad[i]*grad[i])); "+
		"w[i] = shrink*w[i] - (step*m[i])/(sqrt(v[i])+floor)",
		[]array{w, g, state("m"), state("v")},
		[]string{"shrink", "step", "floor", "beta1", "rest1", "beta2", "rest2"}, nil,
		func(v map[string]reg.VecVirtual) {
			t := target.vec()
			VMULPD(v["grad"], v["rest1"], t)
			VFMADD213PD(t, v["beta1"], v["m"])
			VMULPD(v["grad"], v["grad"], t)
			VMULPD(t, v["rest2"], t)
			VFMADD213PD(t, v["beta2"], v["v"])
			VMULPD(v["m"], v["step"], t)
			divideByRoot(t, v["v"], v["floor"])
			VMULPD(v["shrink"], v["w"], v["w"])
			VSUBPD(t, v["w"], v["w"])
		})

	elementwise("rmsProp", "s[i] = FMA(alpha, s[i], rest*(grad[i]*grad[i])); w[i] -= (rate*grad[i])/(sqrt(s[i])+eps)",
		[]array{w, g, state("s")}, []string{"rate", "alpha", "rest", "eps"}, nil,
		func(v map[string]reg.VecVirtual) {
			t := target.vec()
			VMULPD(v["grad"], v["grad"], t)
			VMULPD(t, v["rest"], t)
			VFMADD213PD(t, v["alpha"], v["s"])
			VMULPD(v["grad"], v["rate"], t)
			divideByRoot(t, v["s"], v["eps"])
			VSUBPD(t, v["w"], v["w"])
		})

	elementwise("adaGrad", "s[i] = FMA(grad[i], grad[i], s[i]); w[i] -= (rate*grad[i])/(sqrt(s[i])+eps)",
		[]array{w, g, state("s")}, []string{"rate", "eps"}, nil,
		func(v map[string]reg.VecVirtual) {
			t := target.vec()
			VFMADD231PD(v["grad"], v["grad"], v["s"])
			VMULPD(v["grad"], v["rate"], t)
			divideByRoot(t, v["s"], v["eps"])
			VSUBPD(t, v["w"], v["w"])
		})
}

// divideByRoot sets t to t / (sqrt(s) + floor).
func divideByRoot(t, s, floor reg.VecVirtual) {
	d := target.vec()
	VSQRTPD(s, d)
	VADDPD(floor, d, d)
	VDIVPD(d, t, t)
}

// prefetch writes the kernel that only asks for memory.
func prefetch() {
	name := "prefetch" + target.suffix
	TEXT(name, attr.NOSPLIT, "func(x *float64, n int)")
	Pragma("noescape")
	Doc(name + " asks for the cache lines of x[0], x[8], ... below n, to write them.")
	x := Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	Label("loop")
	prefetchToWrite(Mem{Base: x})
	ADDQ(Imm(64), x)
	SUBQ(Imm(8), n)
	JG(LabelRef("loop"))
	RET()
}

// reductions writes the kernels whose result is not an array.
func reductions() {
	// sum keeps eight lanes on both paths: one vector or two.
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
	// What is left goes to the first lanes one by one.
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

	// allFinite collects x-x, which is +0 for finite x and NaN for the others.
	name = "allFinite" + target.suffix
	TEXT(name, attr.NOSPLIT, "func(x *float64, n int) bool")
	Pragma("noescape")
	Doc(name+" is: for i from 0 to n-1,", "", "\tif x[i]-x[i] != 0 { return false }", "", "and true at the end.")
	x = Load(Param("x"), GP64())
	n = Load(Param("n"), GP64())
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

// split writes the sweep of kthLargestBy. It keeps several minima and maxima, as
// one chain of them would be slower than the comparisons.
func split() {
	const chains = 4
	name := "split" + target.suffix
	TEXT(name, attr.NOSPLIT, "func(v *float64, n int, p float64) (above int, next, last float64)")
	Pragma("noescape")
	Doc(name+" counts the elements above p, and returns the smallest of those and the",
		"largest of the others: for i from 0 to n-1,", "",
		"\tif v[i] > p { above++; next = min(next, v[i]) } else { last = max(last, v[i]) }", "",
		"from +Inf and -Inf on. No element is NaN.")
	v := Load(Param("v"), GP64())
	n := Load(Param("n"), GP64())
	at, _ := Param("p").Resolve()
	p := target.vec()
	VBROADCASTSD(at.Addr, p)
	bits := GP64()
	infinity := func(value uint64) reg.VecVirtual {
		x := target.vec()
		MOVQ(U64(value), bits)
		VMOVQ(bits, x.AsX())
		VBROADCASTSD(x.AsX(), x)
		return x
	}
	high, low := infinity(math.Float64bits(math.Inf(1))), infinity(math.Float64bits(math.Inf(-1)))
	var next, last [chains]reg.VecVirtual
	for c := range chains {
		next[c], last[c] = target.vec(), target.vec()
		VMOVAPD(high, next[c])
		VMOVAPD(low, last[c])
	}
	above := GP64()
	XORQ(above, above)
	const greater = 0x11 // p < x
	width := 8 * target.lanes
	lanes := uint64(target.lanes)
	step := func(c int, x reg.VecVirtual) {
		count := GP64()
		if target.wide {
			up, down := K(), K()
			VCMPPD(Imm(greater), x, p, up)
			KNOTB(up, down)
			VMINPD(x, next[c], up, next[c])
			VMAXPD(x, last[c], down, last[c])
			KMOVB(up, count.As32())
		} else {
			up, y := YMM(), YMM()
			VCMPPD(Imm(greater), x, p, up)
			VBLENDVPD(up, x, high, y)
			VMINPD(y, next[c], next[c])
			VBLENDVPD(up, low, x, y)
			VMAXPD(y, last[c], last[c])
			VMOVMSKPD(up, count.As32())
		}
		POPCNTL(count.As32(), count.As32())
		ADDQ(count, above)
	}
	loop := func(label, after string, vectors int) {
		size := uint64(vectors) * lanes
		CMPQ(n, Imm(size))
		JLT(LabelRef(after))
		Label(label)
		for c := range vectors {
			x := target.vec()
			VMOVUPD(Mem{Base: v, Disp: c * width}, x)
			step(c, x)
		}
		ADDQ(U32(uint32(vectors*width)), v)
		SUBQ(Imm(size), n)
		CMPQ(n, Imm(size))
		JGE(LabelRef(label))
	}
	loop("loop", "vectors", chains)
	Label("vectors")
	loop("vector", "tail", 1)
	Label("tail")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	x := target.vec()
	fill := tailAccess(n).fill
	fill(Mem{Base: v}, low, x)
	step(0, x)
	Label("done")
	// across combines the vectors of x, and then the lanes of the last one.
	across := func(f func(ops ...Op), x []reg.VecVirtual) reg.Register {
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
	Store(above, ReturnIndex(0))
	Store(across(VMINPD, next[:]), ReturnIndex(1))
	Store(across(VMAXPD, last[:]), ReturnIndex(2))
	VZEROUPPER()
	RET()
}
