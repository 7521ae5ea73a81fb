package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// These tests hold the screening kernels in plain Go, which define the others, against
// what they are for.

// TestQuantiseDefinition reads the bytes back by the layouts of screen_layout.go.
func TestQuantiseDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(50, 1))
	for d := 1; d < 70; d++ {
		groups := (d + 3) / 4
		x := make([]float64, d)
		for p := range x {
			x[p] = 2*r.Float64() - 1
		}
		x[r.IntN(d)] = 1
		if r.IntN(2) == 0 {
			for p := range x {
				x[p] = math.Round(x[p]*254) / 254 // halves, which go to the even side
			}
		}
		for _, layout := range []struct {
			stride, at int
			offset     uint8
		}{{4 * ScreenRows, 4 * 5, 0}, {4 * ScreenLatents, 4 * 31, 128}, {4 * ScreenLatents, 4 * 31, 64}, {4, 0, 0}} {
			dst := make([]uint8, groups*layout.stride)
			for i := range dst {
				dst[i] = 99
			}
			z := Quantise(dst[layout.at:], layout.stride, x, 127, layout.offset)
			var want Quantised
			for g := range groups {
				for i := range layout.stride {
					got := dst[g*layout.stride+i]
					if i < layout.at || i >= layout.at+4 {
						if got != 99 {
							t.Fatalf("d=%d: byte %d of group %d was written", d, i, g)
						}
						continue
					}
					q, v := 0.0, 0.0
					if p := 4*g + i - layout.at; p < d {
						v = x[p] * 127
						q = math.RoundToEven(v)
					}
					if int8(got-layout.offset) != int8(q) {
						t.Fatalf("d=%d, input %d: %v became %d", d, 4*g+i-layout.at, v, int8(got-layout.offset))
					}
					want.Residual += (v - q) * (v - q)
					want.Square += v * v
					want.Integers += q * q
					want.Sum += int64(q)
				}
			}
			if z.Sum != want.Sum || z.Integers != want.Integers || math.Abs(z.Square-want.Square) > 1e-9*want.Square ||
				math.Abs(z.Residual-want.Residual) > 1e-9*want.Residual {
				t.Fatalf("d=%d: %+v, want %+v", d, z, want)
			}
		}
	}
}

func TestScreenKthDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(52, 1))
	for range 300 {
		codes := make([]int16, 32*(1+r.IntN(6)))
		for i := range codes {
			codes[i] = int16(r.Uint32() >> r.IntN(16))
		}
		sorted := slices.Clone(codes)
		slices.Sort(sorted)
		k := 1 + r.IntN(len(codes))
		if got, want := ScreenKth(codes, k), sorted[len(codes)-k]; got != want {
			t.Fatalf("the %d-th of %d is %d, want %d", k, len(codes), got, want)
		}
	}
}

func TestMaxAbsDefinition(t *testing.T) {
	x := make([]float64, 37)
	for i := range x {
		x[i] = -float64(i)
	}
	if got := MaxAbs(x); got != 36 {
		t.Errorf("MaxAbs = %v, want 36", got)
	}
	for _, v := range []float64{math.NaN(), -math.NaN(), math.Inf(1), math.Inf(-1)} {
		x[20] = v
		if got := MaxAbs(x); got <= math.MaxFloat64 {
			t.Errorf("MaxAbs = %v with a %v in it", got, v)
		}
	}
	if got := MaxAbs(nil); got != 0 {
		t.Errorf("MaxAbs of nothing = %v", got)
	}
	x[20] = 1 // of whole numbers, the sum is exact in any order
	if m, square := Extent(x); m != 36 || square != 36*37*73/6-400+1 {
		t.Errorf("Extent = %v, %v", m, square)
	}
}

// randomCodes returns n codes: the ends of the range, small ones or any.
func randomCodes(r *rand.Rand, n int) []int16 {
	c := make([]int16, n)
	kind := r.IntN(4)
	for i := range c {
		switch kind {
		case 0:
			c[i] = []int16{math.MinInt16, math.MinInt16 + 1, -1, 0, 1, math.MaxInt16 - 1, math.MaxInt16}[r.IntN(7)]
		case 1:
			c[i] = int16(r.IntN(5)) - 2
		default:
			c[i] = int16(r.Uint32())
		}
	}
	return c
}
