package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// The steps of the optimizers; the order of operations is that of
// ../../optimize_generic.go.

// The parameters and their gradient.
var (
	parameters = array{name: "w", load: true, store: true, ahead: true, guard: true}
	gradient   = array{name: "grad", load: true} // "g" is a register in Go assembly
)

// state is an array that an optimizer keeps for each parameter.
func state(name string) array { return array{name: name, load: true, store: true, ahead: true} }

// gradientSteps writes the steps that have no division.
func gradientSteps() {
	elementwise("sgd", "w[i] = FMA(-rate, grad[i], w[i])",
		[]array{parameters, gradient}, []string{"rate"}, nil,
		func(v map[string]reg.VecVirtual) { VFNMADD231PD(v["grad"], v["rate"], v["w"]) })

	elementwise("momentum", "v[i] = FMA(mu, v[i], grad[i]); w[i] = FMA(-rate, v[i], w[i])",
		[]array{parameters, gradient, state("v")}, []string{"rate", "mu"}, nil,
		func(v map[string]reg.VecVirtual) {
			VFMADD213PD(v["grad"], v["mu"], v["v"])
			VFNMADD231PD(v["v"], v["rate"], v["w"])
		})

	elementwise("nesterov", "v[i] = FMA(mu, v[i], grad[i]); w[i] = FMA(-rate, FMA(mu, v[i], grad[i]), w[i])",
		[]array{parameters, gradient, state("v")}, []string{"rate", "mu"}, nil,
		func(v map[string]reg.VecVirtual) {
			VFMADD213PD(v["grad"], v["mu"], v["v"])
			VFMADD231PD(v["v"], v["mu"], v["grad"])
			VFNMADD231PD(v["grad"], v["rate"], v["w"])
		})
}

// adaptiveSteps writes the steps that divide by a root of squared gradients.
func adaptiveSteps() {
	elementwise("adam", "m[i] = FMA(beta1, m[i], rest1*grad[i]); v[i] = FMA(beta2, v[i], rest2*(grad[i]*grad[i])); "+
		"w[i] = shrink*w[i] - (step*m[i])/(sqrt(v[i])+floor)",
		[]array{parameters, gradient, state("m"), state("v")},
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
		[]array{parameters, gradient, state("s")}, []string{"rate", "alpha", "rest", "eps"}, nil,
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
		[]array{parameters, gradient, state("s")}, []string{"rate", "eps"}, nil,
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
