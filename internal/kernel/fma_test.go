package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestEmulatedFMA compares with math.FMA, an instruction on most processors, on numbers
// with few and many bits, whose sums cancel in part, and which are close to where a
// product of parts is not exact.
func TestEmulatedFMA(t *testing.T) {
	r := rand.New(rand.NewPCG(45, 46))
	mantissa := func() float64 {
		m := []uint64{0, 1, 1<<52 - 1, 1 << 51, 1<<51 - 1, 1<<26 - 1, 1 << 26, 1<<25 + 1, r.Uint64() >> 12, r.Uint64() >> 12}[r.IntN(10)]
		v := math.Float64frombits(1023<<52 | m)
		if r.IntN(2) == 0 {
			v = -v
		}
		return v
	}
	kinds := map[string]func() float64{
		"few bits": func() float64 { return math.Ldexp(float64(r.IntN(64)-32), r.IntN(110)-55) },
		"near 1":   func() float64 { return math.Ldexp(mantissa(), r.IntN(5)-2) },
		"wide":     func() float64 { return math.Ldexp(mantissa(), r.IntN(240)-120) },
		"at bounds": func() float64 {
			return math.Ldexp(mantissa(), []int{-1070, -901, -900, -899, -450, 0, 450, 899, 900, 901}[r.IntN(10)])
		},
		"any": func() float64 { return math.Float64frombits(r.Uint64()) },
	}
	for name, draw := range kinds {
		for range 200000 {
			x, y, z := draw(), draw(), draw()
			switch r.IntN(4) {
			case 0:
				z = -float64(x * y)
			case 1:
				z = math.Ldexp(-float64(x*y), r.IntN(110)-55)
			}
			if got, want := emulatedFMA(x, y, z), math.FMA(x, y, z); !same(got, want) {
				t.Fatalf("%s: emulatedFMA(%x, %x, %x) = %x, want %x", name, x, y, z, got, want)
			}
		}
	}
	zero, inf := math.Copysign(0, -1), math.Inf(1)
	for _, c := range [][4]float64{ // x, y, z, result
		{zero, 1, zero, zero}, {0, 1, zero, 0}, {zero, 1, 0, 0}, {1, 1, -1, 0}, {inf, 1, 1, inf}, {inf, 0, 1, math.NaN()}, {2, 3, 4, 10},
		{1 + 0x1p-52, 1 - 0x1p-52, -1, -0x1p-104}, // the product alone rounds to 1
	} {
		if got := emulatedFMA(c[0], c[1], c[2]); !same(got, c[3]) {
			t.Errorf("emulatedFMA(%x, %x, %x) = %x, want %x", c[0], c[1], c[2], got, c[3])
		}
	}
}
