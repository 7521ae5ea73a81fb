package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// function is one elementary function with what the tests know about it.
type function struct {
	name      string
	f         func(float64) float64
	reference func(*big.Float) *big.Float
	ulp       float64 // the error stays below this
	lo, hi    float64 // where the result is neither 0, saturated nor infinite
	turns     []float64
}

// turns are the points at which a formula changes; Exp and Expm1 add those at
// which the integer of the reduction does.
var functions = []function{
	{name: "Exp", f: Exp, reference: bigExp, ulp: 1, lo: -745.1, hi: 709.782712893384,
		turns: append(expTurns(1), expLow, expHigh)},
	{name: "Expm1", f: Expm1, reference: bigExpm1, ulp: 2, lo: -40, hi: 709.782712893384,
		turns: append(expTurns(1), expLow, expHigh, -37, 37, -0x1p-54, 0x1p-54)},
	{name: "Sigmoid", f: Sigmoid, reference: bigSigmoid, ulp: 3, lo: -745.1, hi: 40,
		turns: append(expTurns(-1), sigmoidTail, 0)},
	{name: "Tanh", f: Tanh, reference: bigTanh, ulp: 2, lo: -20, hi: 20,
		turns: append(expTurns(0.5), tanhSplit, -tanhSplit, tanhHigh, -tanhHigh, 0)},
	{name: "Log", f: Log, reference: bigLog, ulp: 1, lo: 0, hi: math.MaxFloat64,
		turns: []float64{0x1p-1022, 0.5, 1, 2, math.Sqrt2, math.Sqrt2 / 2, 2 * math.Sqrt2, 1.0 / (1 << 53)}},
}

// expTurns returns the arguments at which the reduction moves on to its next
// integer, times scale.
func expTurns(scale float64) []float64 {
	var turns []float64
	for n := -1076.0; n < 1024; n++ {
		// The last x that still belongs to n, by bisection.
		lo, hi := n*math.Ln2, (n+1)*math.Ln2
		for math.Nextafter(lo, hi) != hi {
			mid := lo + (hi-lo)/2
			if shifted, _, _ := expReduced(mid); shifted-expShift > n {
				hi = mid
			} else {
				lo = mid
			}
		}
		turns = append(turns, lo*scale)
	}
	return turns
}

// samples returns count arguments in [lo, hi]: evenly spread ones, ones of every
// magnitude, and the surroundings of turns.
func (f *function) samples(rng *rand.Rand, count int) []float64 {
	var xs []float64
	for range count {
		xs = append(xs, f.lo+rng.Float64()*(f.hi-f.lo))
		x := math.Float64frombits(rng.Uint64N(0x7ff << 52))
		if rng.IntN(2) == 0 {
			x = math.Ldexp(1+rng.Float64(), rng.IntN(40)-30)
		}
		if rng.IntN(2) == 0 {
			x = -x
		}
		if x >= f.lo && x <= f.hi {
			xs = append(xs, x)
		}
		t := f.turns[rng.IntN(len(f.turns))]
		t += t * 0x1p-50 * float64(rng.IntN(33)-16)
		if t >= f.lo && t <= f.hi {
			xs = append(xs, t)
		}
		// Most formulas are at their worst between -2 and 2.
		if x := 4*rng.Float64() - 2; x >= f.lo && x <= f.hi {
			xs = append(xs, x)
		}
	}
	return xs
}

// ulps returns the distance of got from want in units of the last place of want.
func ulps(got float64, want *big.Float) float64 {
	w, _ := want.Float64()
	if got == w {
		return 0.5
	}
	if math.IsNaN(got) || math.IsInf(got, 0) {
		return math.Inf(1)
	}
	_, e := math.Frexp(w)
	unit := math.Ldexp(1, max(e-53, -1074))
	d := newBig(got)
	d.Sub(d, want)
	d.Quo(d, newBig(unit))
	u, _ := d.Float64()
	return math.Abs(u)
}

func TestElementaryFunctionsAreAccurate(t *testing.T) {
	count := 10000
	if testing.Short() || raceEnabled {
		count = 500
	}
	for i := range functions {
		f := &functions[i]
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			worst, at := 0.0, 0.0
			for _, x := range f.samples(rng, count) {
				if x == 0 {
					continue
				}
				if u := ulps(f.f(x), f.reference(newBig(x))); u > worst {
					worst, at = u, x
				}
			}
			t.Logf("largest error %.3f ulp at %v", worst, at)
			if worst >= f.ulp {
				t.Errorf("%s(%v) = %v is %.3f ulp off, want less than %g", f.name, at, f.f(at), worst, f.ulp)
			}
		})
	}
}

// step returns the float64 that is k places after x, in order of value.
func step(x float64, k int64) float64 {
	key := func(u uint64) int64 {
		if int64(u) < 0 {
			return -int64(u &^ (1 << 63))
		}
		return int64(u)
	}
	n := key(math.Float64bits(x)) + k
	if n < 0 {
		return -math.Float64frombits(uint64(-n))
	}
	return math.Float64frombits(uint64(n))
}

// neverDecreases walks count neighbouring float64 round centre.
func neverDecreases(t *testing.T, f *function, centre float64, count int64) bool {
	x := step(centre, -count/2)
	last := f.f(x)
	for range count {
		next := step(x, 1)
		y := f.f(next)
		if y < last || math.IsNaN(y) {
			t.Errorf("%s(%v) = %v but %s(%v) = %v, one float64 later", f.name, x, last, f.name, next, y)
			return false
		}
		x, last = next, y
	}
	return true
}

func TestElementaryFunctionsNeverDecrease(t *testing.T) {
	random, near, far := 20000, int64(20000), int64(200)
	if testing.Short() || raceEnabled {
		random, near, far = 500, 500, 20
	}
	for i := range functions {
		f := &functions[i]
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			// Round the points where a formula changes. A step of x changes
			// exp(x) by more than its error where |x| is a few units or more, so
			// only the first of these points are dangerous.
			for _, turn := range f.turns {
				count := far
				if math.Abs(turn) < 8 {
					count = near
				}
				if f.name == "Log" && turn > 0 {
					turn = max(turn, step(0, count))
				}
				if !neverDecreases(t, f, turn, count) {
					return
				}
			}
			rng := rand.New(rand.NewPCG(2, uint64(i)))
			for _, x := range f.samples(rng, random/4) {
				if f.name == "Log" {
					x = max(x, step(0, 100))
				}
				if !neverDecreases(t, f, x, 100) {
					return
				}
			}
			// And over long distances.
			for range random {
				x, y := f.lo+rng.Float64()*(f.hi-f.lo), f.lo+rng.Float64()*(f.hi-f.lo)
				if x > y {
					x, y = y, x
				}
				if f.f(x) > f.f(y) {
					t.Fatalf("%s(%v) > %s(%v)", f.name, x, f.name, y)
				}
			}
		})
	}
}

func TestElementaryFunctionsAtSpecialValues(t *testing.T) {
	inf, nan, zero, negZero := math.Inf(1), math.NaN(), 0.0, math.Copysign(0, -1)
	tiny := math.SmallestNonzeroFloat64
	for _, c := range []struct {
		name    string
		f       func(float64) float64
		x, want float64
	}{
		{"Exp", Exp, zero, 1}, {"Exp", Exp, negZero, 1}, {"Exp", Exp, tiny, 1}, {"Exp", Exp, -tiny, 1},
		{"Exp", Exp, inf, inf}, {"Exp", Exp, -inf, 0}, {"Exp", Exp, nan, nan},
		{"Exp", Exp, 709.7827128933842, inf},
		{"Exp", Exp, -745.1332191019411, tiny}, {"Exp", Exp, -745.1332191019412, 0},
		{"Exp", Exp, math.MaxFloat64, inf}, {"Exp", Exp, -math.MaxFloat64, 0}, {"Exp", Exp, 1, math.E},
		{"Expm1", Expm1, zero, zero}, {"Expm1", Expm1, negZero, negZero}, {"Expm1", Expm1, tiny, tiny},
		{"Expm1", Expm1, -tiny, -tiny}, {"Expm1", Expm1, inf, inf}, {"Expm1", Expm1, -inf, -1},
		{"Expm1", Expm1, nan, nan}, {"Expm1", Expm1, -1e300, -1}, {"Expm1", Expm1, 1e300, inf},
		{"Sigmoid", Sigmoid, zero, 0.5}, {"Sigmoid", Sigmoid, negZero, 0.5}, {"Sigmoid", Sigmoid, tiny, 0.5},
		{"Sigmoid", Sigmoid, inf, 1}, {"Sigmoid", Sigmoid, -inf, 0}, {"Sigmoid", Sigmoid, nan, nan},
		{"Sigmoid", Sigmoid, 40, 1}, {"Sigmoid", Sigmoid, -745.1332191019411, tiny},
		{"Tanh", Tanh, zero, zero}, {"Tanh", Tanh, negZero, negZero}, {"Tanh", Tanh, tiny, tiny},
		{"Tanh", Tanh, -tiny, -tiny}, {"Tanh", Tanh, inf, 1}, {"Tanh", Tanh, -inf, -1}, {"Tanh", Tanh, nan, nan},
		{"Tanh", Tanh, 20, 1}, {"Tanh", Tanh, -math.MaxFloat64, -1},
		{"Log", Log, zero, -inf}, {"Log", Log, negZero, -inf}, {"Log", Log, 1, 0}, {"Log", Log, inf, inf},
		{"Log", Log, -inf, nan}, {"Log", Log, -tiny, nan}, {"Log", Log, nan, nan}, {"Log", Log, math.E, 1},
		{"Log", Log, tiny, -744.4400719213812}, {"Log", Log, math.MaxFloat64, 709.782712893384},
	} {
		got := c.f(c.x)
		if math.IsNaN(c.want) {
			if !math.IsNaN(got) {
				t.Errorf("%s(%v) = %v, want NaN", c.name, c.x, got)
			}
		} else if math.Float64bits(got) != math.Float64bits(c.want) {
			t.Errorf("%s(%v) = %v, want %v", c.name, c.x, got, c.want)
		}
	}
}

func TestTanhIsOdd(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 0))
	for range 100000 {
		x := math.Ldexp(rng.Float64(), rng.IntN(60)-50)
		if Tanh(-x) != -Tanh(x) {
			t.Fatalf("Tanh(%v) = %v, Tanh(%v) = %v", x, Tanh(x), -x, Tanh(-x))
		}
	}
}

// keptBits are hashes of 10000 results each. They may change only together with
// a note in the changelog.
var keptBits = map[string]uint64{
	"Exp":     0xbce7869e11ae36c6,
	"Expm1":   0x6f90033941dc9cc3,
	"Sigmoid": 0xcb882d12040aeeb0,
	"Tanh":    0x94189fbe92022fb0,
	"Log":     0x4c00628cc0d33c15,
}

// TestElementaryFunctionsKeepTheirBits holds results that no change may alter
// unnoticed: stored codes and golden values depend on them.
func TestElementaryFunctionsKeepTheirBits(t *testing.T) {
	for i := range functions {
		f := &functions[i]
		rng := rand.New(rand.NewPCG(4, uint64(i)))
		var hash uint64
		for range 10000 {
			x := 40*rng.Float64() - 20
			if f.name == "Log" {
				x = math.Abs(x)
			}
			hash = hash*0x9e3779b97f4a7c15 + math.Float64bits(f.f(x))
		}
		if want := keptBits[f.name]; hash != want {
			t.Errorf("%s: hash of 10000 results is %#x, want %#x", f.name, hash, want)
		}
	}
}

// FuzzElementaryFunctions compares with the reference at any argument.
func FuzzElementaryFunctions(f *testing.F) {
	for _, x := range []float64{0, 1, -1, 0.625, 1e-300, -745, 709.7, 0x1p-1074, 37, -40} {
		f.Add(x)
	}
	f.Fuzz(func(t *testing.T, x float64) {
		if x == 0 || math.IsNaN(x) {
			return
		}
		for i := range functions {
			f := &functions[i]
			if x < f.lo || x > f.hi {
				continue
			}
			if u := ulps(f.f(x), f.reference(newBig(x))); u >= f.ulp {
				t.Errorf("%s(%v) = %v is %.3f ulp off", f.name, x, f.f(x), u)
			}
			if y := f.f(step(x, 1)); y < f.f(x) && x < f.hi {
				t.Errorf("%s decreases after %v", f.name, x)
			}
		}
	})
}
