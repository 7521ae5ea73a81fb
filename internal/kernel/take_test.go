package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// randomSums returns sums of which about one in rare is above 1000, and some are t and its neighbours.
func randomSums(r *rand.Rand, n, rare int, t int32) []int32 {
	sums := make([]int32, n)
	for j := range sums {
		switch sums[j] = int32(r.IntN(2001) - 1000); r.IntN(8) {
		case 0:
			sums[j] = t
		case 1:
			sums[j] = int32(max(math.MinInt32, int64(t)-1))
		}
		if r.IntN(rare) == 0 {
			sums[j] = []int32{1001, math.MaxInt32, int32(min(math.MaxInt32, int64(t)+1))}[r.IntN(3)]
		}
	}
	return sums
}

// TestTakeAbove compares every path with the definition, and looks for sums that were not cleared.
func TestTakeAbove(t *testing.T) {
	fast(t, func(t *testing.T, p path) {
		r := rand.New(rand.NewPCG(51, 0))
		for _, n := range append(lengths(), 63, 64, 65, 96, 1000, 1024, 1<<14-1, 1<<14, 1<<14+33, 1<<15+7) {
			for _, least := range []int32{-2000, -1, 0, 1, 999, 1000, math.MaxInt32, math.MinInt32} {
				for _, rare := range []int{1, 7, 500} {
					sums := randomSums(r, n, rare, least)
					first := uint32(r.Int64N(1<<31 - int64(n)))
					var want []int64
					for j, s := range sums {
						if s > least {
							want = append(want, int64(s)*(1<<32)+int64(first)+int64(j))
						}
					}
					got := make([]int64, n)
					got = got[:p.takeAbove(got, sums, least, first)]
					if len(got) != len(want) {
						t.Fatalf("n=%d, t=%d: %d hits, want %d", n, least, len(got), len(want))
					}
					for i := range got {
						if got[i] != want[i] {
							t.Fatalf("n=%d, t=%d: hit %d is %#x, want %#x", n, least, i, got[i], want[i])
						}
					}
					for j, s := range sums {
						if s != 0 {
							t.Fatalf("n=%d, t=%d: sum %d is %d afterwards", n, least, j, s)
						}
					}
				}
			}
		}
	})
}

// BenchmarkTakeAbove takes from a block of sums of which next to none is a hit.
func BenchmarkTakeAbove(b *testing.B) {
	const n = 1 << 14
	sums, hits := make([]int32, n), make([]int64, n)
	eachPath(b, false, func(b *testing.B, p path) {
		for b.Loop() {
			sums[n/3] = 5
			p.takeAbove(hits, sums, 4, 0)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/sum")
	})
}
