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
			flip       uint8
		}{{4 * ScreenRows, 4 * 5, 0}, {4 * ScreenLatents, 4 * 31, 0x80}, {4, 0, 0}} {
			dst := make([]uint8, groups*layout.stride)
			for i := range dst {
				dst[i] = 99
			}
			z := Quantise(dst[layout.at:], layout.stride, x, 127, layout.flip)
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
					if int8(got^layout.flip) != int8(q) {
						t.Fatalf("d=%d, input %d: %v became %d", d, 4*g+i-layout.at, v, int8(got^layout.flip))
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

// TestScreenDefinition: from numbers to codes, by way of the packed layouts, a code
// is the bound that the comment of ScreenTiles describes, within its rounding.
func TestScreenDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(51, 1))
	for turn := range 60 {
		d, outliers, fine, most := 1+r.IntN(60), r.IntN(ScreenOutliers+1), turn%2 == 1, 127
		groups := (d + 3) / 4
		if fine {
			groups, most = (d+1)/2, 4000
		}
		integer := func() float64 { return float64(r.IntN(2*most+1) - most) }
		quantise := func(dst []uint8, stride int, x []float64, flip uint8) (start int32) {
			if fine {
				Quantise16(dst, stride, x, 1)
				return 0
			}
			return int32(-128 * Quantise(dst, stride, x, 1, flip).Sum)
		}
		var x [ScreenRows][]float64
		var w [ScreenLatents][]float64
		q, panel := make([]uint8, 4*ScreenRows*groups), make([]uint8, 4*ScreenLatents*groups)
		rows, numbers := make([]ScreenRow, ScreenRows), new(ScreenPanel)
		columns := make([]float32, outliers*ScreenLatents)
		for i := range x {
			x[i] = make([]float64, d)
			for p := range x[i] {
				x[i][p] = integer()
			}
			start := quantise(q[4*i:], 4*ScreenRows, x[i], 0)
			rows[i] = ScreenRow{Start: start, Scale: 160 * r.Float32() / float32(most*most), Bias: r.Float32(), Norm: r.Float32(), Residual: r.Float32(),
				Mask: []uint32{ScreenSigned, ScreenMagnitude}[i%2]}
			for o := range rows[i].Outlier {
				rows[i].Outlier[o] = 100 * r.Float32()
			}
		}
		for l := range w {
			w[l] = make([]float64, d)
			for p := range w[l] {
				w[l][p] = integer()
			}
			quantise(panel[4*l:], 4*ScreenLatents, w[l], 0x80)
			numbers.Scale[l], numbers.Bias[l], numbers.Norm[l], numbers.Residual[l] = r.Float32(), 9*r.Float32(), r.Float32(), r.Float32()
		}
		for i := range columns {
			columns[i] = 2*r.Float32() - 1
		}
		numbers.Bias[3], numbers.Norm[3] = float32(math.Inf(-1)), float32(math.Inf(-1))
		codes, lanes := make([]int16, ScreenRows*ScreenLatents), make([]int16, ScreenRows*ScreenLatents)
		for i := range lanes {
			lanes[i] = int16(r.IntN(2000) - 1000)
		}
		before := slices.Clone(lanes)
		ScreenTiles(codes, lanes, ScreenLatents, q, rows, panel, fine, numbers, columns)
		for i := range x {
			for l := range w {
				bound := float64(rows[i].Scale)*float64(numbers.Scale[l])*Dot(x[i], w[l]) + float64(rows[i].Bias)*float64(numbers.Bias[l])
				for o := range outliers {
					bound += float64(rows[i].Outlier[o]) * float64(columns[o*ScreenLatents+l])
				}
				if i%2 == 1 {
					bound = math.Abs(bound)
				}
				bound += float64(rows[i].Norm)*float64(numbers.Norm[l]) + float64(rows[i].Residual)*float64(numbers.Residual[l])
				if l == 3 { // it only pads
					bound = math.Inf(-1)
				}
				bound = min(max(bound, math.MinInt16), math.MaxInt16)
				at := i*ScreenLatents + l
				if c := float64(codes[at]); c < bound || c > bound+2.26 {
					t.Fatalf("d=%d, row %d, latent %d: code %v of the bound %v", d, i, l, c, bound)
				}
				if lanes[at] != max(before[at], codes[at]) {
					t.Fatalf("row %d, latent %d: lane maximum %d after %d and %d", i, l, lanes[at], before[at], codes[at])
				}
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
