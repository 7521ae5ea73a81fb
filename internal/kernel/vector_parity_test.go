package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// vectorKernel is one kernel in the form that the tests call: it works on
// arrays of one length, in place, and may return a number.
type vectorKernel struct {
	name   string
	arrays int
	run    func(p *path, a [][]float64) float64
}

var vectorKernels = []vectorKernel{
	{"sigmoid", 2, func(p *path, a [][]float64) float64 { p.sigmoid(a[0], a[1]); return 0 }},
	{"tanh", 2, func(p *path, a [][]float64) float64 { p.tanh(a[0], a[1]); return 0 }},
	{"sigmoid in place", 1, func(p *path, a [][]float64) float64 { p.sigmoid(a[0], a[0]); return 0 }},
	{"tanh in place", 1, func(p *path, a [][]float64) float64 { p.tanh(a[0], a[0]); return 0 }},
	{"scale", 1, func(p *path, a [][]float64) float64 { p.scale(a[0], 0.7); return 0 }},
	{"add", 3, func(p *path, a [][]float64) float64 { p.add(a[0], a[1], a[2]); return 0 }},
	{"add in place", 2, func(p *path, a [][]float64) float64 { p.add(a[0], a[0], a[1]); return 0 }},
	{"subtract", 3, func(p *path, a [][]float64) float64 { p.subtract(a[0], a[1], a[2]); return 0 }},
	{"subtract in place", 2, func(p *path, a [][]float64) float64 { p.subtract(a[0], a[1], a[0]); return 0 }},
	{"sigmoidSlope", 2, func(p *path, a [][]float64) float64 { p.sigmoidSlope(a[0], a[1]); return 0 }},
	{"tanhSlope", 2, func(p *path, a [][]float64) float64 { p.tanhSlope(a[0], a[1]); return 0 }},
	{"sum", 1, func(p *path, a [][]float64) float64 {
		lanes := [8]float64{1, 2, 3, 4, 5, 6, 7, 8}
		p.sum(&lanes, a[0])
		h := uint64(0)
		for _, l := range lanes {
			if math.IsNaN(l) {
				l = 1
			}
			h = h*31 + math.Float64bits(l)
		}
		return float64(h >> 12)
	}},
	{"allFinite", 1, func(p *path, a [][]float64) float64 {
		return truth(p.allFinite(a[0]))
	}},
	{"adam", 4, func(p *path, a [][]float64) float64 {
		return truth(p.adam(a[0], a[1], a[2], a[3], 0.999, 0.003, 1e-9, 0.9, 0.999))
	}},
	{"sgd", 2, func(p *path, a [][]float64) float64 { return truth(p.sgd(a[0], a[1], 0.01)) }},
	{"momentum", 3, func(p *path, a [][]float64) float64 {
		return truth(p.momentum(a[0], a[1], a[2], 0.01, 0.9))
	}},
	{"nesterov", 3, func(p *path, a [][]float64) float64 {
		return truth(p.nesterov(a[0], a[1], a[2], 0.01, 0.9))
	}},
	{"rmsProp", 3, func(p *path, a [][]float64) float64 {
		return truth(p.rmsProp(a[0], a[1], a[2], 0.01, 0.99, 1e-8))
	}},
	{"adaGrad", 3, func(p *path, a [][]float64) float64 {
		return truth(p.adaGrad(a[0], a[1], a[2], 0.01, 1e-10))
	}},
}

// truth returns 1 for true and 0 for false.
func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// special are the values at which a vector path is most likely to differ.
var special = []float64{
	0, math.Copysign(0, -1), 1, -1, math.Inf(1), math.Inf(-1), math.NaN(), math.Copysign(math.NaN(), -1),
	math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, 0x1p-1022, -0x1p-1022, 0x0.fffffffffffffp-1022,
	math.MaxFloat64, -math.MaxFloat64, expHigh, expLow, sigmoidTail, tanhSplit, -tanhSplit, tanhHigh, -tanhHigh,
	709.782712893384, 709.7827128933841, 709.79, 709, -708.4, -709, -745.13, -745.14, -746, 0.34657359027997264,
	1e-300, -1e-300, 1e300, -1e300, 40, -40, -40.00000000000001, 19.1,
}

// samplesFor returns n numbers of every kind.
func samplesFor(rng *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		switch rng.IntN(8) {
		case 0:
			x[i] = special[rng.IntN(len(special))]
		case 1:
			x[i] = math.Float64frombits(rng.Uint64())
		case 2:
			x[i] = 1500*rng.Float64() - 750
		case 3:
			x[i] = math.Ldexp(rng.NormFloat64(), -rng.IntN(60))
		default:
			x[i] = 3 * rng.NormFloat64()
		}
	}
	return x
}

// sameBits reports whether x and y are one number. NaN may differ in payload:
// which operand's payload survives depends on the form of the instruction.
func sameBits(x, y float64) bool {
	return math.Float64bits(x) == math.Float64bits(y) || (math.IsNaN(x) && math.IsNaN(y))
}

// guard is what stands before and after every operand: a NaN of a payload that
// no arithmetic makes.
const guard = 0x7ff8dead0000beef

// guarded copies x to a place that is offset elements from an aligned one, with
// guards on both sides. The returned function says whether they still stand.
func guarded(x []float64, offset int) (y []float64, intact func() bool) {
	const margin = 16
	all := make([]float64, margin+offset+len(x)+margin)
	for i := range all {
		all[i] = math.Float64frombits(guard)
	}
	y = all[margin+offset:][:len(x):len(x)]
	copy(y, x)
	return y, func() bool {
		for i, v := range all {
			inside := i >= margin+offset && i < margin+offset+len(x)
			if !inside && math.Float64bits(v) != guard {
				return false
			}
		}
		return true
	}
}

// compareVector runs a kernel in plain Go and on p, on the same data, and
// fails where they differ.
func compareVector(t *testing.T, p *path, k vectorKernel, data [][]float64, offset int) {
	t.Helper()
	want := make([][]float64, len(data))
	got := make([][]float64, len(data))
	for i, x := range data {
		want[i] = slices.Clone(x)
		var intact func() bool
		// Each operand has its own distance from an aligned address.
		got[i], intact = guarded(x, (offset+3*i)%8)
		defer func() {
			if !intact() {
				t.Errorf("%s %s, n=%d, offset %d: writes outside array %d", p.name, k.name, len(x), offset, i)
			}
		}()
	}
	wantValue := k.run(&generic, want)
	gotValue := k.run(p, got)
	if !sameBits(gotValue, wantValue) {
		t.Fatalf("%s %s, n=%d, offset %d: returns %v, plain Go %v", p.name, k.name, len(data[0]), offset, gotValue, wantValue)
	}
	for i := range want {
		for j := range want[i] {
			if !sameBits(got[i][j], want[i][j]) {
				at := make([]float64, len(data))
				for a := range data {
					at[a] = data[a][j]
				}
				t.Fatalf("%s %s, n=%d, offset %d: array %d element %d is %v (%#x), plain Go gives %v (%#x), for %v",
					p.name, k.name, len(data[0]), offset, i, j, got[i][j], math.Float64bits(got[i][j]),
					want[i][j], math.Float64bits(want[i][j]), at)
			}
		}
	}
}

// eachVectorPath runs f for every assembly path that this processor has.
func eachVectorPath(t *testing.T, f func(t *testing.T, p *path)) {
	for i := range paths {
		p := &paths[i]
		if !p.available || p.name == "go" {
			continue
		}
		t.Run(p.name, func(t *testing.T) { f(t, p) })
	}
}

func TestVectorPathsGiveThePlainBits(t *testing.T) {
	eachVectorPath(t, func(t *testing.T, p *path) {
		for _, k := range vectorKernels {
			rng := rand.New(rand.NewPCG(10, uint64(len(k.name))))
			draw := func(n int) [][]float64 {
				data := make([][]float64, k.arrays)
				for i := range data {
					data[i] = samplesFor(rng, n)
				}
				return data
			}
			// Every length round the vector and the tail, at every offset.
			for n := 0; n <= 40; n++ {
				for offset := range 8 {
					compareVector(t, p, k, draw(n), offset)
				}
			}
			for _, n := range []int{63, 64, 65, 100, 255, 1000, 4095, 4096} {
				compareVector(t, p, k, draw(n), rng.IntN(8))
			}
		}
	})
}

// TestVectorActivationsEverywhere is the parity test with more arguments, and
// with those round every point where the scalar takes another way.
func TestVectorActivationsEverywhere(t *testing.T) {
	rounds := 300
	if testing.Short() || raceEnabled {
		rounds = 10
	}
	eachVectorPath(t, func(t *testing.T, p *path) {
		for _, k := range vectorKernels[:3] {
			rng := rand.New(rand.NewPCG(11, uint64(len(k.name))))
			for range rounds {
				compareVector(t, p, k, [][]float64{make([]float64, 2000), samplesFor(rng, 2000)}, 0)
			}
			for i := range functions {
				var x []float64
				for _, turn := range functions[i].turns {
					for d := int64(-4); d <= 4; d++ {
						x = append(x, step(turn, d))
					}
				}
				compareVector(t, p, k, [][]float64{make([]float64, len(x)), x}, 0)
			}
		}
	})
}

// TestVectorFinite puts one bad value at every place.
func TestVectorFinite(t *testing.T) {
	for i := range paths {
		p := &paths[i]
		if !p.available {
			continue
		}
		for n := 1; n <= 40; n++ {
			x := make([]float64, n)
			for j := range x {
				x[j] = math.MaxFloat64
			}
			if !p.allFinite(x) {
				t.Fatalf("%s: not finite: %v", p.name, x)
			}
			for j := range x {
				for _, bad := range []float64{math.Inf(1), math.Inf(-1), math.NaN()} {
					x[j] = bad
					if p.allFinite(x) {
						t.Fatalf("%s: finite: %v", p.name, x)
					}
				}
				x[j] = 0
			}
		}
	}
}

// TestVectorPathsRequired fails where a path that must be there is missing, so
// that a skipped path is not mistaken for a tested one. KSPARSE_REQUIRE lists
// the names, separated by commas.
func TestVectorPathsRequired(t *testing.T) {
	for _, name := range strings.Split(os.Getenv("KSPARSE_REQUIRE"), ",") {
		if name != "" && !slices.ContainsFunc(paths, func(p path) bool { return p.available && p.name == name }) {
			t.Errorf("path %q is required and not available", name)
		}
	}
}

// TestVectorAssemblyNeedsNoMoreThanItsGate reads what the generator says each
// function requires.
func TestVectorAssemblyNeedsNoMoreThanItsGate(t *testing.T) {
	for file, gate := range map[string]string{
		// MMX+ is what the generator says of PREFETCHT0, which came with SSE.
		"vector_avx2_amd64.s":   "MMX+ SSE2 AVX AVX2 FMA3 POPCNT",
		"vector_avx512_amd64.s": "MMX+ SSE2 AVX AVX2 FMA3 POPCNT AVX512F AVX512CD AVX512DQ AVX512BW AVX512VL",
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, line := range strings.Split(string(text), "\n") {
			list, ok := strings.CutPrefix(line, "// Requires: ")
			found = found || ok
			for _, need := range strings.Split(list, ", ") {
				if ok && !slices.Contains(strings.Fields(gate), need) {
					t.Errorf("%s: needs %s, which its gate does not check", file, need)
				}
			}
		}
		if !found {
			t.Errorf("%s: no list of requirements", file)
		}
	}
}

// FuzzVectorActivations compares the paths at any four arguments.
func FuzzVectorActivations(f *testing.F) {
	f.Add(0.0, 1.0, -745.0, 709.7, uint8(7))
	f.Fuzz(func(t *testing.T, a, b, c, d float64, length uint8) {
		x := make([]float64, length%32)
		for i := range x {
			x[i] = []float64{a, b, c, d}[i%4]
		}
		eachVectorPath(t, func(t *testing.T, p *path) {
			for _, k := range vectorKernels[:3] {
				compareVector(t, p, k, [][]float64{make([]float64, len(x)), x}, 0)
			}
		})
	})
}

func ExampleVecSigmoid() {
	x := []float64{-1000, 0, 1000}
	VecSigmoid(x, x)
	fmt.Println(x)
	// Output: [0 0.5 1]
}
