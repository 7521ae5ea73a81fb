//go:build linux || darwin

package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

func TestScreenExtent(t *testing.T) {
	screenPaths(t, func(t *testing.T, p *path) {
		f := fence(t)
		r := rand.New(rand.NewPCG(43, 0))
		for i := range 3 { // more than one call takes
			x := kinds[0].slice(r, 2*ScreenInputs+5)
			x[i*ScreenInputs+2] = -7e77
			restore := Use(p.name)
			if got := MaxAbs(x); got != 7e77 {
				t.Errorf("of many: %v", got)
			}
			restore()
		}
		for _, d := range screenSizes() {
			for _, front := range []bool{false, true} {
				x := fencedSlice(f, kinds[r.IntN(len(kinds))].slice(r, d), front)
				check := func() {
					t.Helper()
					var got, square float64
					faults(t, fmt.Sprintf("d=%d, front %v", d, front), func() { got, square = p.extent(x) })
					want, wantSquare := extentGeneric(x)
					if math.Float64bits(got) != math.Float64bits(want) {
						t.Fatalf("d=%d, front %v: %v, want %v", d, front, got, want)
					}
					if square != wantSquare && (square == square || wantSquare == wantSquare) {
						t.Fatalf("d=%d, front %v: squares add up to %v, want %v", d, front, square, wantSquare)
					}
				}
				check()
				for i := range x { // the largest, and what is not a number, at every place
					old := x[i]
					for _, v := range []float64{-math.MaxFloat64, math.Inf(-1), math.NaN(), math.Float64frombits(0xfff0000000000001)} {
						x[i] = v
						check()
					}
					x[i] = old
				}
			}
		}
	})
}

func TestScreenLargestBlock(t *testing.T) {
	screenPaths(t, func(t *testing.T, p *path) {
		f := fence(t)
		r := rand.New(rand.NewPCG(48, 0))
		for _, d := range append(screenSizes(), ScreenInputs) {
			for _, front := range []bool{false, true} {
				x := make([]float64, d)
				for i := range x {
					x[i] = math.Ldexp(r.NormFloat64(), r.IntN(20))
				}
				switch r.IntN(4) {
				case 0:
					clear(x)
				case 1: // squares that overflow, and squares that are denormal
					for i := range x {
						x[i] = math.Copysign(math.Ldexp(1+r.Float64(), []int{1023, -530, -1074}[r.IntN(3)]), x[i])
					}
				}
				x = fencedSlice(f, x, front)
				var got float64
				faults(t, fmt.Sprintf("d=%d, front %v", d, front), func() { got = p.largestBlock(x) })
				if want := largestBlockGeneric(x); got != want {
					t.Fatalf("d=%d, front %v: %v, want %v", d, front, got, want)
				}
			}
		}
	})
}

// TestLargestBlockDefinition: each input counts in the half of the block that it is in.
func TestLargestBlockDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(49, 0))
	for d := 1; d < 70; d++ {
		x, sums, want := make([]float64, d), map[[2]int]float64{}, 0.0
		for p := range x {
			x[p] = float64(r.IntN(201) - 100) // whole numbers: exact in any order
			half := [2]int{p / ScreenBlock, p / 2 % 2}
			sums[half] += x[p] * x[p]
			want = max(want, sums[half])
		}
		if got := LargestBlock(x); got != want {
			t.Fatalf("d=%d: %v, want %v", d, got, want)
		}
	}
}

func TestScreenPairsAndKth(t *testing.T) {
	screenPaths(t, func(t *testing.T, p *path) {
		f := fence(t)
		r := rand.New(rand.NewPCG(44, 0))
		for n := 0; n <= 140; n++ {
			for _, front := range []bool{false, true} {
				codes := fencedSlice(f, randomCodes(r, n*ScreenLatents), front)
				low, high := fencedSlice(f, randomCodes(r, n), front), fencedSlice(f, randomCodes(r, n), front)
				for i := range low {
					if r.IntN(2) == 0 {
						high[i] = math.MaxInt16
					}
				}
				what := fmt.Sprintf("%d rows, front %v", n, front)
				found, room := fencedSlice(f, make([]Pair, n*ScreenLatents), front), make([]Pair, n*ScreenLatents)
				row, latent, live := int32(r.IntN(1<<20)), int32(r.IntN(1<<20)), ^uint32(0)>>r.IntN(32)
				var count int
				faults(t, what, func() { count = p.screenPairs(found, codes, low, high, row, latent, live) })
				if all := screenPairsGeneric(room, codes, low, high, row, latent, live); !slices.Equal(found[:count], room[:all]) {
					t.Fatalf("pairs of %s: %v, want %v", what, found[:count], room[:all])
				}
				sorted := slices.Sorted(slices.Values(codes))
				slices.Reverse(sorted)
				for k := 1; k <= len(codes); k += 1 + r.IntN(1+k) {
					var got int16
					faults(t, what, func() { got = p.screenKth(codes, k) })
					if got != sorted[k-1] || screenKthGeneric(codes, k) != got {
						t.Fatalf("%d-th largest of %s: %d, want %d", k, what, got, sorted[k-1])
					}
				}
			}
		}
		long := randomCodes(r, 1<<18) // more than one call takes
		low, high := randomCodes(r, len(long)/ScreenLatents), randomCodes(r, len(long)/ScreenLatents)
		found, all := make([]Pair, len(long)), make([]Pair, len(long))
		n := p.screenPairs(found, long, low, high, 5, 7, ^uint32(0))
		if m := screenPairsGeneric(all, long, low, high, 5, 7, ^uint32(0)); !slices.Equal(found[:n], all[:m]) || m == 0 {
			t.Errorf("long list of pairs differs, %d and %d", n, m)
		}
		if got, want := p.screenKth(long, 1000), screenKthGeneric(long, 1000); got != want {
			t.Errorf("of many codes: %d, want %d", got, want)
		}
	})
}

// TestScreenLayout: the assembly reads these structures by offset.
func TestScreenLayout(t *testing.T) {
	var r ScreenRow
	var p ScreenPanel
	for i, got := range []uintptr{
		unsafe.Offsetof(r.Start), unsafe.Offsetof(r.Scale), unsafe.Offsetof(r.Bias), unsafe.Offsetof(r.Norm), unsafe.Offsetof(r.Residual),
		unsafe.Offsetof(r.Mask), unsafe.Offsetof(r.Outlier), unsafe.Sizeof(r),
		unsafe.Offsetof(p.Scale), unsafe.Offsetof(p.Bias), unsafe.Offsetof(p.Norm), unsafe.Offsetof(p.Residual),
	} {
		if want := []uintptr{0, 4, 8, 12, 16, 20, 24, 88, 0, 128, 256, 384}[i]; got != want {
			t.Errorf("offset %d is %d, the generator's is %d", i, got, want)
		}
	}
}
