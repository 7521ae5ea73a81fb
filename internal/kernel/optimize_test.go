package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The steps against their textbook formulas, written here without regard to
// rounding. Each is a dozen roundings at most, so 1e-14 of the size of the terms
// leaves room for those and for no mistake.
const sweepTolerance = 1e-14

func near(got, want, size float64) bool {
	return math.Abs(got-want) <= sweepTolerance*math.Max(size, math.Abs(want))
}

// longSweep is more than one call's worth, with a tail.
const longSweep = 2*maxSweep + 13

// normal returns n normal numbers times scale.
func normal(rng *rand.Rand, n int, scale float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = scale * rng.NormFloat64()
	}
	return x
}

func TestAdamStepFollowsTheFormula(t *testing.T) {
	const rate, decay, beta1, beta2, eps = 1e-3, 0.01, 0.9, 0.999, 1e-8
	rng := rand.New(rand.NewPCG(20, 0))
	w := normal(rng, longSweep, 1)
	m, v := make([]float64, longSweep), make([]float64, longSweep)
	want, wantM, wantV := slices.Clone(w), slices.Clone(m), slices.Clone(v)
	for step := 1; step <= 5; step++ {
		g := normal(rng, longSweep, 0.1)
		g[0] = 0
		c1, c2 := 1-math.Pow(beta1, float64(step)), 1-math.Pow(beta2, float64(step))
		AdamStep(w, g, m, v, 1-rate*decay, rate, beta1, beta2, c1, c2, eps)
		for i, gi := range g {
			wantM[i] = beta1*wantM[i] + (1-beta1)*gi
			wantV[i] = beta2*wantV[i] + (1-beta2)*gi*gi
			want[i] *= 1 - rate*decay
			want[i] -= rate / c1 * wantM[i] / (math.Sqrt(wantV[i])/math.Sqrt(c2) + eps)
			if !near(w[i], want[i], 1) || !near(m[i], wantM[i], 1) || !near(v[i], wantV[i], 1) {
				t.Fatalf("step %d element %d: w m v = %v %v %v, want %v %v %v", step, i, w[i], m[i], v[i], want[i], wantM[i], wantV[i])
			}
		}
	}
}

// TestAdamStepLeavesTheUntouchedAlone: a latent that never fired has no gradient
// and no moments, and keeps its weights to the bit.
func TestAdamStepLeavesTheUntouchedAlone(t *testing.T) {
	w := normal(rand.New(rand.NewPCG(21, 0)), 100, 1)
	want := slices.Clone(w)
	zeros := func() []float64 { return make([]float64, len(w)) }
	AdamStep(w, zeros(), zeros(), zeros(), 1, 1e-3, 0.9, 0.999, 0.1, 0.001, 1e-8)
	if !slices.Equal(w, want) {
		t.Error("weights moved without a gradient")
	}
}

func TestStepsFollowTheirFormulas(t *testing.T) {
	const rate, mu, alpha, eps = 0.01, 0.9, 0.99, 1e-8
	for _, c := range []struct {
		name    string
		step    func(w, g, s []float64)
		formula func(w, g, s float64) (newW, newS float64)
	}{
		{"SGDStep", func(w, g, s []float64) { SGDStep(w, g, rate) },
			func(w, g, s float64) (float64, float64) { return w - rate*g, s }},
		{"MomentumStep", func(w, g, s []float64) { MomentumStep(w, g, s, rate, mu, false) },
			func(w, g, s float64) (float64, float64) { s = mu*s + g; return w - rate*s, s }},
		{"MomentumStep, Nesterov", func(w, g, s []float64) { MomentumStep(w, g, s, rate, mu, true) },
			func(w, g, s float64) (float64, float64) { s = mu*s + g; return w - rate*(g+mu*s), s }},
		{"RMSPropStep", func(w, g, s []float64) { RMSPropStep(w, g, s, rate, alpha, eps) },
			func(w, g, s float64) (float64, float64) {
				s = alpha*s + (1-alpha)*g*g
				return w - rate*g/(math.Sqrt(s)+eps), s
			}},
		{"AdaGradStep", func(w, g, s []float64) { AdaGradStep(w, g, s, rate, eps) },
			func(w, g, s float64) (float64, float64) {
				s += g * g
				return w - rate*g/(math.Sqrt(s)+eps), s
			}},
	} {
		rng := rand.New(rand.NewPCG(22, 0))
		w, s := normal(rng, longSweep, 1), make([]float64, longSweep)
		want, wantS := slices.Clone(w), slices.Clone(s)
		for range 3 {
			g := normal(rng, longSweep, 1)
			c.step(w, g, s)
			for i := range g {
				want[i], wantS[i] = c.formula(want[i], g[i], wantS[i])
				if !near(w[i], want[i], 1) || !near(s[i], wantS[i], 1) {
					t.Fatalf("%s element %d: w = %v, state = %v, want %v, %v", c.name, i, w[i], s[i], want[i], wantS[i])
				}
			}
		}
	}
}

// TestStepsKeepWhatWouldNotStayFinite: on every path a step leaves such parameters as
// they were, wherever in a vector they stand, moves the others, and says so.
func TestStepsKeepWhatWouldNotStayFinite(t *testing.T) {
	const n = 21
	steps := map[string]func(w, g, s, r []float64) bool{
		"AdamStep":     func(w, g, s, r []float64) bool { return AdamStep(w, g, s, r, 1, 0.1, 0.9, 0.999, 0.1, 0.001, 0) },
		"SGDStep":      func(w, g, s, r []float64) bool { return SGDStep(w, g, 0.1) },
		"MomentumStep": func(w, g, s, r []float64) bool { return MomentumStep(w, g, s, 0.1, 0.9, false) },
		"Nesterov":     func(w, g, s, r []float64) bool { return MomentumStep(w, g, s, 0.1, 0.9, true) },
		"RMSPropStep":  func(w, g, s, r []float64) bool { return RMSPropStep(w, g, s, 0.1, 0.99, 0) },
		"AdaGradStep":  func(w, g, s, r []float64) bool { return AdaGradStep(w, g, s, 0.1, 0) },
	}
	ones := func(v float64) []float64 { return slices.Repeat([]float64{v}, n) }
	for _, p := range Available() {
		func() {
			defer Use(p)()
			for name, step := range steps {
				good, g := ones(2), ones(1)
				if !step(good, g, ones(0), ones(0)) || slices.Contains(good, 2) {
					t.Errorf("%s, %s: not moved by a finite gradient: %v", p, name, good)
				}
				for at := range n {
					w := ones(2)
					g[at] = math.NaN()
					finite := step(w, g, ones(0), ones(0))
					g[at] = 1
					if want := slices.Replace(slices.Clone(good), at, at+1, 2); finite || !slices.Equal(w, want) {
						t.Errorf("%s, %s: a NaN at %d: %v, %v", p, name, at, finite, w)
					}
				}
			}
		}()
	}
}

// TestStepsRefuseShortSlices: assembly does not check lengths, so the Go side
// has to.
func TestStepsRefuseShortSlices(t *testing.T) {
	long, short := make([]float64, 8), make([]float64, 7)
	for name, f := range map[string]func(){
		"AdamStep":     func() { AdamStep(long, long, short, long, 1, 1, 0, 0, 1, 1, 1) },
		"SGDStep":      func() { SGDStep(short, long, 1) },
		"MomentumStep": func() { MomentumStep(long, long, short, 1, 1, false) },
		"RMSPropStep":  func() { RMSPropStep(short, long, long, 1, 1, 1) },
		"AdaGradStep":  func() { AdaGradStep(long, long, short, 1, 1) },
		"VecTanh":      func() { VecTanh(short, long) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s accepts a slice that is too short", name)
				}
			}()
			f()
		}()
	}
}

// TestLongSlices checks that a slice of several sweeps has the results of one.
func TestLongSlices(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 0))
	x := normal(rng, longSweep, 2)
	ones := make([]float64, len(x))
	for i := range ones {
		ones[i] = 1
	}
	if got, want := Sum(x), Dot(x, ones); got != want {
		t.Errorf("Sum = %v, Dot with ones %v", got, want)
	}
	if got, want := SumSquares(x), Dot(x, x); got != want {
		t.Errorf("SumSquares = %v, Dot with itself %v", got, want)
	}
	if Sum(nil) != 0 || math.Signbit(Sum([]float64{math.Copysign(0, -1)})) {
		t.Error("an empty sum is not +0")
	}
	dst := make([]float64, len(x)+1)
	dst[len(x)] = 17
	for name, f := range map[string]struct {
		slice  func(dst, x []float64)
		scalar func(float64) float64
	}{"VecSigmoid": {VecSigmoid, Sigmoid}, "VecTanh": {VecTanh, Tanh}} {
		f.slice(dst, x)
		for i, v := range x {
			if dst[i] != f.scalar(v) {
				t.Fatalf("%s: element %d is %v, want %v", name, i, dst[i], f.scalar(v))
			}
		}
		if dst[len(x)] != 17 {
			t.Errorf("%s writes past len(x)", name)
		}
	}
	if !AllFinite(x) || !AllFinite(nil) {
		t.Error("finite numbers are not finite")
	}
	want := slices.Clone(x)
	Scale(x, -0.3)
	for i := range x {
		if x[i] != -0.3*want[i] {
			t.Fatalf("Scale: element %d is %v, want %v", i, x[i], -0.3*want[i])
		}
	}
	x[len(x)-1] = math.NaN()
	if AllFinite(x) {
		t.Error("NaN in the last sweep is finite")
	}
}
