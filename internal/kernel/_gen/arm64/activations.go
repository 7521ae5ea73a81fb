package main

import (
	"math"
	"slices"
)

// constants are those of ../../exp.go, by the names that they have there. A difference
// would fail the parity test. In memory each takes a whole register: as the start of a
// sum a constant is read there, which needs no copy from another register.
var constants = []struct {
	name  string
	value float64
}{
	{"one", 1}, {"two", 2}, {"sign", math.Copysign(0, -1)},
	{"log2E", 1.4426950408889634}, {"expShift", 0x1.8p52 + 2046},
	{"ln2Hi", 0.6931471805599453}, {"ln2Lo", 2.3190468138462996e-17},
	{"expHigh", 710}, {"expLow", -746},
	{"exp2", 0x1.0000000000001p-01}, {"exp3", 0x1.5555555555556p-03},
	{"exp4", 0x1.5555555553d63p-05}, {"exp5", 0x1.11111111109b3p-07},
	{"exp6", 0x1.6c16c1788bd9p-10}, {"exp7", 0x1.a01a01a7c41d5p-13},
	{"exp8", 0x1.a019b90d2ae7ap-16}, {"exp9", 0x1.71de0dae63bb3p-19},
	{"exp10", 0x1.289185613a3d6p-22}, {"exp11", 0x1.af38a9b0ec855p-26},
	{"sigmoidTail", -40}, {"tanhSplit", 0.625}, {"tanhHigh", 20},
	{"tanh3", -0x1.5555555555553p-02}, {"tanh5", 0x1.11111111107acp-03},
	{"tanh7", -0x1.ba1ba1b92a52cp-05}, {"tanh9", 0x1.664f4836ffb5ep-06},
	{"tanh11", -0x1.226e29216080bp-07}, {"tanh13", 0x1.d6d17faac7499p-09},
	{"tanh15", -0x1.7d80275a99754p-10}, {"tanh17", 0x1.33fc7f7473d21p-11},
	{"tanh19", -0x1.e3f90249802dbp-13}, {"tanh21", 0x1.4ddd5fb800f82p-14},
	{"tanh23", -0x1.21522c06d082ap-16},
}

// pool has the constants of a function: those in registers, and where all of them are.
type pool struct {
	*gen
	table R
	held  map[string]V
}

// newPool loads the named constants into registers.
func (g *gen) newPool(names ...string) *pool {
	p := &pool{g, g.newR(), map[string]V{}}
	g.plain("MOVD $constants<>(SB), R%d", p.table)
	for _, name := range names {
		p.held[name] = p.read(name)
	}
	return p
}

// writeConstants writes the table.
func (g *gen) writeConstants() {
	var bits []uint64
	for _, c := range constants {
		bits = append(bits, math.Float64bits(c.value), math.Float64bits(c.value))
	}
	g.table("constants", bits)
}

// read loads a constant into a new register.
func (p *pool) read(name string) V {
	v := p.newV()
	p.readTo(v, name)
	return v
}

// readTo loads a constant into v.
func (p *pool) readTo(v V, name string) {
	i := slices.IndexFunc(constants, func(c struct {
		name  string
		value float64
	}) bool {
		return c.name == name
	})
	p.load(v, p.table, 16*i)
}

// held constants of exponential.
var expHeld = []string{"one", "log2E", "expShift", "ln2Hi", "ln2Lo", "exp11"}

var (
	expCoefficients  = []string{"exp10", "exp9", "exp8", "exp7", "exp6", "exp5", "exp4", "exp3", "exp2"}
	tanhCoefficients = []string{"tanh21", "tanh19", "tanh17", "tanh15", "tanh13", "tanh11", "tanh9", "tanh7", "tanh5", "tanh3"}
)

// polynomial returns c0 + x (c1 + x (c2 + ...)), the highest coefficient in a register
// and the names of the others, highest first.
func (p *pool) polynomial(x, highest V, names []string) V {
	q := [2]V{p.newV(), p.newV()}
	last := highest
	for i, name := range names {
		p.readTo(q[i%2], name)
		p.do("fmla.2d", q[i%2], x, last)
		last = q[i%2]
	}
	return last
}

// exponential returns exp(x) of an x in the range that Exp clamps to, which it
// overwrites. The order of operations is that of Exp.
func (p *pool) exponential(x V) V {
	shifted, n, h, l := p.newV(), p.newV(), p.newV(), p.newV()
	p.mov(shifted, p.held["expShift"])
	p.do("fmla.2d", shifted, x, p.held["log2E"])
	p.do("fsub.2d", n, shifted, p.held["expShift"])
	r := x
	p.do("fmls.2d", r, n, p.held["ln2Hi"])
	p.do("fmls.2d", r, n, p.held["ln2Lo"])
	q := p.polynomial(r, p.held["exp11"], expCoefficients)
	p.do("fadd.2d", h, p.held["one"], r)
	p.do("fsub.2d", l, p.held["one"], h)
	p.do("fadd.2d", l, l, r)
	p.do("fmul.2d", r, r, r)
	p.do("fmla.2d", l, r, q)
	p.do("fadd.2d", h, h, l)
	// ldexp2
	p.shiftRight(n, shifted, 1)
	p.do("sub.2d", shifted, shifted, n)
	p.shiftLeft(n, n, 52)
	p.shiftLeft(shifted, shifted, 52)
	p.do("fmul.2d", h, h, n)
	p.do("fmul.2d", h, h, shifted)
	return h
}

// sigmoid writes the kernel of Sigmoid.
func (g *gen) sigmoid() {
	var p *pool
	g.elementwise("sigmoid", "dst[i] = Sigmoid(x[i])", inOut, nil, func() {
		p = g.newPool(append(expHeld, "expHigh", "expLow", "sigmoidTail")...)
	}, func(v map[string]V) {
		tail, arg, y := g.newV(), g.newV(), g.newV()
		g.do("fcmgt.2d", tail, p.held["sigmoidTail"], v["x"])
		g.do("fneg.2d", arg, v["x"])
		g.do("bit", arg, v["x"], tail)
		g.do("fmin.2d", arg, arg, p.held["expHigh"]) // NaN stays NaN
		g.do("fmax.2d", arg, arg, p.held["expLow"])
		e := p.exponential(arg)
		g.do("fadd.2d", y, p.held["one"], e)
		g.do("fdiv.2d", y, p.held["one"], y)
		g.do("bit", y, e, tail)
		v["dst"] = y
	})
}

// tanh writes the kernel of Tanh.
func (g *gen) tanh() {
	var p *pool
	g.elementwise("tanh", "dst[i] = Tanh(x[i])", inOut, nil, func() {
		p = g.newPool(append(expHeld, "two", "sign", "tanhSplit", "tanhHigh", "tanh23")...)
	}, func(v map[string]V) {
		a, w, arg, y := g.newV(), g.newV(), g.newV(), g.newV()
		g.do("fabs.2d", a, v["x"])
		g.do("fmul.2d", w, a, a)
		t := p.polynomial(w, p.held["tanh23"], tanhCoefficients)
		g.do("fmul.2d", w, a, w)
		g.do("fmin.2d", arg, a, p.held["tanhHigh"])
		small := g.newV() // a + a³ t
		g.mov(small, a)
		g.do("fmla.2d", small, w, t)
		g.do("fadd.2d", arg, arg, arg)
		e := p.exponential(arg)
		g.do("fadd.2d", e, e, p.held["one"])
		g.do("fdiv.2d", y, p.held["two"], e)
		g.do("fsub.2d", y, p.held["one"], y)
		g.do("fcmgt.2d", a, p.held["tanhSplit"], a)
		g.do("bit", y, small, a)
		g.do("bit", y, v["x"], p.held["sign"])
		v["dst"] = y
	})
}
