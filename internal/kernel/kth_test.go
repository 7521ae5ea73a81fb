package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// checkKthLargest compares every path with sorting.
func checkKthLargest(t *testing.T, what string, v []float64, ks ...int) {
	t.Helper()
	before, sorted := slices.Clone(v), slices.Clone(v)
	slices.Sort(sorted)
	for _, name := range Available() {
		restore := Use(name)
		for _, k := range ks {
			got, want := KthLargest(v, k), sorted[len(v)-k]+0
			if math.Float64bits(got) != math.Float64bits(want) {
				t.Errorf("%s: %s: element %d of %d is %v, want %v", name, what, k, len(v), got, want)
			}
		}
		restore()
	}
	for i := range v {
		if !same(v[i], before[i]) {
			t.Fatalf("%s: element %d was changed", what, i)
		}
	}
}

// upTo returns 1, 2, ... n.
func upTo(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i + 1
	}
	return s
}

func TestKthLargest(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	extremes := []float64{
		math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), math.MaxFloat64, -math.MaxFloat64, 1, -1,
		math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, 2 * math.SmallestNonzeroFloat64, 0x1p-1022, -0x1p-1022,
	}
	draws := map[string]func() float64{
		"normal":       r.NormFloat64,
		"few numbers":  func() float64 { return float64(r.IntN(5) - 2) },
		"equal":        func() float64 { return -0.5 },
		"huge":         func() float64 { return (2*r.Float64() - 1) * math.MaxFloat64 },
		"denormal":     func() float64 { return float64(r.IntN(9)-4) * math.SmallestNonzeroFloat64 },
		"extremes":     func() float64 { return extremes[r.IntN(len(extremes))] },
		"infinities":   func() float64 { return math.Inf(r.IntN(2) - 1) },
		"zeros":        func() float64 { return math.Copysign(0, r.Float64()-0.5) },
		"all sizes":    func() float64 { return math.Ldexp(r.NormFloat64(), r.IntN(2000)-1000) },
		"rectified":    func() float64 { return max(0, r.NormFloat64()-1) },
		"close to one": func() float64 { return 1 + float64(r.IntN(50))*0x1p-52 },
	}
	sizes := upTo(70)
	if !testing.Short() && !raceEnabled {
		for range 30 {
			sizes = append(sizes, 1+r.IntN(1000))
		}
	}
	for name, draw := range draws {
		for _, n := range sizes {
			v := make([]float64, n)
			for i := range v {
				v[i] = draw()
			}
			checkKthLargest(t, name, v, upTo(n)...)
			slices.Sort(v)
			checkKthLargest(t, name+", ascending", v, 1, (n+1)/2, n)
			slices.Reverse(v)
			checkKthLargest(t, name+", descending", v, 1, (n+1)/2, n)
		}
		for _, n := range []int{maxSweep - 1, maxSweep, maxSweep + 1, 3*maxSweep + 5} {
			v := make([]float64, n)
			for i := range v {
				v[i] = draw()
			}
			checkKthLargest(t, fmt.Sprint(name, ", long"), v, 1, 2, 1+r.IntN(n), n)
		}
	}
}

// FuzzKthLargest takes any numbers, but for NaN.
func FuzzKthLargest(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\xf0\x7f\x01\x00\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\xf0\xff"), uint8(3))
	f.Add(make([]byte, 400), uint8(90))
	f.Fuzz(func(t *testing.T, data []byte, repeat uint8) {
		var v []float64
		for ; len(data) >= 8; data = data[8:] {
			if x := math.Float64frombits(binary.LittleEndian.Uint64(data)); x == x {
				v = append(v, x)
			}
		}
		if len(v) == 0 {
			return
		}
		for i := range int(repeat) {
			v = append(v, v[i])
		}
		checkKthLargest(t, "fuzz", v, upTo(len(v))...)
	})
}
