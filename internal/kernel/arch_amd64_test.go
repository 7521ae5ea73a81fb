//go:build amd64 && !purego

package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// peak is a kernel that works on registers only.
type peak struct {
	name  string
	flops int // of one turn
	run   func(n int)
}

// peaks lists the register-only kernels of the paths that are available.
func peaks() []peak {
	all := map[string][]peak{
		"avx512": {{"avx512/f64", 2 * 24 * 8, callPeakAVX512F64}, {"avx512/f32", 2 * 24 * 16, callPeakAVX512F32}},
		"avx2":   {{"avx2/f64", 2 * 12 * 4, callPeakAVX2F64}, {"avx2/f32", 2 * 12 * 8, callPeakAVX2F32}},
	}
	var list []peak
	for _, p := range paths {
		if p.available {
			list = append(list, all[p.name]...)
		}
	}
	return list
}

// variants are paths whose products always pack, and always by single lanes, or
// never pack, and such as take any matrix to be gathered from for a large one.
func variants() []path {
	var list []path
	for _, p := range archPaths() {
		f64, f32 := avx512F64, avx512F32
		if p.name != "avx512" {
			f64, f32 = avx2F64, avx2F32
		}
		for _, v := range []struct {
			name       string
			cache, few int
		}{{name: "packed", cache: f64.cache}, {name: "lane by lane", cache: 1}, {name: "straight", cache: 1, few: 1 << 30}} {
			a, b := f64, f32
			a.cache, a.few, a.near = v.cache, v.few, 0
			b.cache, b.few, b.near = v.cache, v.few, 0
			variant := p
			variant.name = p.name + " " + v.name
			variant.mulT, variant.mulT32 = a.mulT, b.mulT
			list = append(list, variant)
		}
		g, narrow := avx512Gather, avx512GatherNarrow
		if p.name != "avx512" {
			g, narrow = avx2Gather, avx2GatherNarrow
		}
		g.farBytes, narrow.farBytes = 0, 0
		p.name += " from afar"
		p.addRows, p.addRowsBatch, p.addRowsBatch32 = g.addRows, g.addRowsBatch, narrow.addRowsBatch
		list = append(list, p)
	}
	return list
}

// TestKthLargestSweeps: no numbers take more than 64 sweeps, wherever they lie.
func TestKthLargestSweeps(t *testing.T) {
	sweeps := 0
	kth := kthLargestBy(func(v []float64, p float64) (above int, next, last float64) {
		sweeps++
		next, last = math.Inf(1), math.Inf(-1)
		for _, x := range v {
			if x > p {
				above, next = above+1, min(next, x)
			} else {
				last = max(last, x)
			}
		}
		return above, next, last
	})
	r := rand.New(rand.NewPCG(23, 24))
	for _, toward := range []float64{0, math.SmallestNonzeroFloat64, 1, -1, math.Inf(1), math.Inf(-1)} {
		at := int64(ordered(int64(math.Float64bits(toward))))
		end := ordered(int64(math.Float64bits(math.Inf(1))))
		v := make([]float64, 0, 300)
		for range 150 { // ever closer to one number, on both sides
			for _, side := range []int64{-1, 1} {
				near := at + side*int64(r.Uint64()>>1>>r.IntN(63))
				if near = max(-end, min(end, near)); (near-at)*side >= 0 {
					v = append(v, math.Float64frombits(uint64(ordered(near))))
				}
			}
		}
		for k := 1; k <= len(v); k++ {
			sweeps = 0
			if got, want := kth(v, k), kthLargestGeneric(v, k); got != want || sweeps > 64 {
				t.Fatalf("element %d of %d round %v: %v after %d sweeps, want %v", k, len(v), toward, got, sweeps, want)
			}
		}
	}
}
