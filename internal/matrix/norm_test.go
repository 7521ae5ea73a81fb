package matrix

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/ksparse/ksparse/internal/kernel"
)

// bigNorm returns the norm of row over root, rounded once, and whether float64 holds it.
func bigNorm(row []float64, divisor float64) (float64, bool) {
	sum := new(big.Float).SetPrec(300)
	for _, v := range row {
		square := new(big.Float).SetPrec(300).SetFloat64(v)
		sum.Add(sum, square.Mul(square, square))
	}
	sum.Quo(sum, new(big.Float).SetPrec(300).SetFloat64(divisor))
	v, _ := sum.Sqrt(sum).Float64()
	return v, !math.IsInf(v, 0)
}

// TestNormOfAnyMagnitude compares with sums of 300 bits over the whole range of float64.
func TestNormOfAnyMagnitude(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for exponent := -1074; exponent <= 1023; exponent++ {
		row := make([]float64, 1+rng.IntN(20))
		for j := range row {
			row[j] = math.Ldexp(rng.Float64()*2-1, exponent)
			if rng.IntN(8) == 0 {
				row[j] *= 0x1p-40
			}
		}
		n := float64(len(row))
		if want, ok := bigNorm(row, 1); ok {
			if got := Norm(row); math.Abs(got-want) > 1e-15*want+5e-324 {
				t.Fatalf("2^%d: the norm of %v is %v, want %v", exponent, row, got, want)
			}
		} else if got := Norm(row); !math.IsInf(got, 1) && got < math.MaxFloat64*(1-1e-15) {
			t.Fatalf("2^%d: the norm of %v is %v, want an infinity", exponent, row, got)
		}
		want, _ := bigNorm(row, n)
		if got := RootMeanSquare(row); math.Abs(got-want) > 1e-15*want+5e-324 {
			t.Fatalf("2^%d: the root mean square of %v is %v, want %v", exponent, row, got, want)
		}
	}
	if got := Norm(make([]float64, 9)); got != 0 {
		t.Errorf("the norm of zeros is %v", got)
	}
	all := []float64{math.MaxFloat64, -math.MaxFloat64, math.MaxFloat64}
	if got := RootMeanSquare(all); got != math.MaxFloat64 {
		t.Errorf("the root mean square of the largest numbers is %v", got)
	}
}

// TestNormKeepsTheBits of the plain formula where that is right.
func TestNormKeepsTheBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 1000 {
		row := make([]float64, 1+rng.IntN(100))
		for j := range row {
			row[j] = rng.NormFloat64()
		}
		scale := math.Ldexp(1, rng.IntN(800)-400)
		for j := range row {
			row[j] *= scale
		}
		if got, want := Norm(row), math.Sqrt(kernel.Dot(row, row)); got != want {
			t.Fatalf("norm %v, want the bits of %v", got, want)
		}
	}
}

// TestMeanDeviation: numbers that are equal deviate by zero, and those of a hundred
// magnitudes as they do near 1.
func TestMeanDeviation(t *testing.T) {
	for _, c := range []struct {
		what            string
		row             []float64
		mean, deviation float64
	}{
		{"one", []float64{3.7}, 3.7, 0},
		{"by hand", []float64{1, 2, 3, 6}, 3, math.Sqrt(14. / 3)},
		{"equal, whose sum is rounded", []float64{0.1, 0.1, 0.1}, 0.1, 0},
		{"equal and large", []float64{1.1e10, 1.1e10, 1.1e10, 1.1e10, 1.1e10, 1.1e10, 1.1e10}, 1.1e10, 0},
		{"zeros", []float64{0, 0}, 0, 0},
		{"squares overflow", []float64{1e200, 2e200, 3e200}, 2e200, 1e200},
		{"the sum overflows", []float64{1.5e308, 1.5e308, 1.2e308, 1.2e308}, 1.35e308, 3e307 / math.Sqrt(3)},
		{"the difference overflows", []float64{1.2e308, -1.2e308, 1.2e308, -1.2e308, 0}, 0, 1.2e308},
		{"the deviation overflows", []float64{math.MaxFloat64, -math.MaxFloat64}, 0, math.MaxFloat64},
	} {
		mean, deviation := MeanDeviation(c.row)
		if math.Abs(mean-c.mean) > 1e-15*math.Abs(c.mean) || math.Abs(deviation-c.deviation) > 1e-15*c.deviation {
			t.Errorf("%s: mean %v and deviation %v, want %v and %v", c.what, mean, deviation, c.mean, c.deviation)
		}
	}
}
