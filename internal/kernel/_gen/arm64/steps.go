package main

// The steps of the optimizers; the order of operations is that of
// ../../optimize_generic.go.

// The parameters and their gradient.
var (
	parameters = array{name: "w", load: true, store: true, guard: true}
	gradient   = array{name: "grad", load: true} // "g" is a register in Go assembly
)

// state is an array that an optimizer keeps for each parameter.
func state(name string) array { return array{name: name, load: true, store: true} }

// fused returns FMA(x, y, z) in a new register.
func (g *gen) fused(x, y, z V) V {
	d := g.newV()
	g.mov(d, z)
	g.do("fmla.2d", d, x, y)
	return d
}

// less returns FMA(-x, y, z) in a new register.
func (g *gen) less(x, y, z V) V {
	d := g.newV()
	g.mov(d, z)
	g.do("fmls.2d", d, x, y)
	return d
}

// gradientSteps writes the steps that have no division.
func (g *gen) gradientSteps() {
	g.elementwise("sgd", "w[i] = FMA(-rate, grad[i], w[i])",
		[]array{parameters, gradient}, []string{"rate"}, nil,
		func(v map[string]V) { v["w"] = g.less(v["rate"], v["grad"], v["w"]) })
	g.elementwise("momentum", "v[i] = FMA(mu, v[i], grad[i]); w[i] = FMA(-rate, v[i], w[i])",
		[]array{parameters, gradient, state("v")}, []string{"rate", "mu"}, nil,
		func(v map[string]V) {
			v["v"] = g.fused(v["mu"], v["v"], v["grad"])
			v["w"] = g.less(v["rate"], v["v"], v["w"])
		})
	g.elementwise("nesterov", "v[i] = FMA(mu, v[i], grad[i]); w[i] = FMA(-rate, FMA(mu, v[i], grad[i]), w[i])",
		[]array{parameters, gradient, state("v")}, []string{"rate", "mu"}, nil,
		func(v map[string]V) {
			v["v"] = g.fused(v["mu"], v["v"], v["grad"])
			v["w"] = g.less(v["rate"], g.fused(v["mu"], v["v"], v["grad"]), v["w"])
		})
}

// adaptiveSteps writes the steps that divide by a root of squared gradients.
func (g *gen) adaptiveSteps() {
	g.elementwise("adam", "m[i] = FMA(beta1, m[i], rest1*grad[i]); v[i] = FMA(beta2, v[i], rest2*(grad[i]*grad[i])); "+
		"w[i] = shrink*w[i] - (step*m[i])/(sqrt(v[i])+floor)",
		[]array{parameters, gradient, state("m"), state("v")},
		[]string{"shrink", "step", "floor", "beta1", "rest1", "beta2", "rest2"}, nil,
		func(v map[string]V) {
			m, w := g.newV(), g.newV()
			g.do("fmul.2d", m, v["rest1"], v["grad"])
			g.do("fmla.2d", m, v["beta1"], v["m"])
			v["m"] = m
			v["v"] = g.running(v["rest2"], v["grad"], v["beta2"], v["v"])
			g.do("fmul.2d", w, v["shrink"], v["w"])
			g.do("fsub.2d", w, w, g.overRoot(v["step"], m, v["v"], v["floor"]))
			v["w"] = w
		})
	g.elementwise("rmsProp", "s[i] = FMA(alpha, s[i], rest*(grad[i]*grad[i])); w[i] -= (rate*grad[i])/(sqrt(s[i])+eps)",
		[]array{parameters, gradient, state("s")}, []string{"rate", "alpha", "rest", "eps"}, nil,
		func(v map[string]V) {
			v["s"] = g.running(v["rest"], v["grad"], v["alpha"], v["s"])
			w := g.newV()
			g.do("fsub.2d", w, v["w"], g.overRoot(v["rate"], v["grad"], v["s"], v["eps"]))
			v["w"] = w
		})
	g.elementwise("adaGrad", "s[i] = FMA(grad[i], grad[i], s[i]); w[i] -= (rate*grad[i])/(sqrt(s[i])+eps)",
		[]array{parameters, gradient, state("s")}, []string{"rate", "eps"}, nil,
		func(v map[string]V) {
			v["s"] = g.fused(v["grad"], v["grad"], v["s"])
			w := g.newV()
			g.do("fsub.2d", w, v["w"], g.overRoot(v["rate"], v["grad"], v["s"], v["eps"]))
			v["w"] = w
		})
}

// running returns FMA(keep, s, rest*(grad*grad)).
func (g *gen) running(rest, grad, keep, s V) V {
	d := g.newV()
	g.do("fmul.2d", d, grad, grad)
	g.do("fmul.2d", d, rest, d)
	g.do("fmla.2d", d, keep, s)
	return d
}

// overRoot returns (f*x) / (sqrt(s) + floor).
func (g *gen) overRoot(f, x, s, floor V) V {
	t, d := g.newV(), g.newV()
	g.do("fmul.2d", t, f, x)
	g.do("fsqrt.2d", d, s)
	g.do("fadd.2d", d, d, floor)
	g.do("fdiv.2d", t, t, d)
	return t
}
