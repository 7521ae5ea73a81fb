package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// exactFMA32 is x*y + z, rounded once, by arithmetic that loses nothing.
func exactFMA32(x, y, z float32) float32 {
	b := func(v float32) *big.Float { return new(big.Float).SetPrec(2000).SetFloat64(float64(v)) }
	s := b(x)
	s.Mul(s, b(y))
	s.Add(s, b(z))
	f, _ := s.Float32()
	return f
}

// TestFMA32 compares with arithmetic that loses nothing, on numbers where
// rounding twice goes wrong: sums that end just beside the middle between two
// float32, and results below the smallest normal one.
func TestFMA32(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for range 200000 {
		x, y, z := awkward32(r), awkward32(r), awkward32(r)
		got, want := fma32(x, y, z), exactFMA32(x, y, z)
		if got != want {
			t.Fatalf("fma32(%x, %x, %x) = %x, want %x", x, y, z, got, want)
		}
	}
	// A double rounding: 1 + 2^-24 + 2^-80 lies above the middle.
	if got, want := fma32(0x1p-40, 0x1p-40, 1+0x1p-23), float32(1+0x1p-23); got != want {
		t.Errorf("got %x, want %x", got, want)
	}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	if got := fma32(inf, 1, 1); got != inf {
		t.Errorf("Inf*1 + 1 = %v", got)
	}
	for _, c := range [][3]float32{{inf, 0, 1}, {inf, 1, -inf}, {nan, 1, 1}, {1, 1, nan}} {
		if got := fma32(c[0], c[1], c[2]); got == got {
			t.Errorf("fma32(%v) = %v, want NaN", c, got)
		}
	}
	if got := fma32(math.MaxFloat32, 2, -math.MaxFloat32); got != math.MaxFloat32 {
		t.Errorf("2M - M = %v", got)
	}
}
