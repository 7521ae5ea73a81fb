package screen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksparse/ksparse/internal/topk"
)

// BenchmarkEncode compares screened and plain encodes; samples/s is the figure to
// read, candidates/row what explains it.
func BenchmarkEncode(b *testing.B) {
	for _, s := range []struct{ rows, d, n, k int }{
		{1024, 768, 8192, 32}, {1024, 768, 16384, 32}, {1024, 100, 4096, 16}, {256, 784, 1000, 25},
		{1, 768, 16384, 32}, {8, 768, 16384, 32},
	} {
		r := rand.New(rand.NewPCG(1, 1))
		w, bias := gaussian(r, s.n, s.d), make([]float64, s.n)
		scale(w.Data, 1/math.Sqrt(float64(s.d)))
		x := gaussian(r, s.rows, s.d)
		out := selected(s.rows, s.k)
		f := funcs[1].f
		name := fmt.Sprintf("%dx%d/%d/k%d", s.rows, s.d, s.n, s.k)
		perSecond := func(b *testing.B) {
			b.ReportMetric(float64(s.rows)*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
		}
		b.Run(name+"/screen", func(b *testing.B) {
			packed := Pack(Wide(w), bias)
			var stats Stats
			Encode(out, x, packed, Wide(w), bias, s.k, f, &stats)
			b.ReportAllocs()
			for b.Loop() {
				Encode(out, x, packed, Wide(w), bias, s.k, f, nil)
			}
			perSecond(b)
			b.ReportMetric(float64(stats.Candidates.Load())/float64(s.rows), "candidates/row")
		})
		b.Run(name+"/narrow", func(b *testing.B) {
			each(w, func(v float64) float64 { return float64(float32(v)) })
			narrow, _ := Narrowed(w)
			packed := Pack(narrow, bias)
			for b.Loop() {
				Encode(out, x, packed, narrow, bias, s.k, f, nil)
			}
			perSecond(b)
		})
		b.Run(name+"/plain", func(b *testing.B) {
			for b.Loop() {
				topk.Encode(out, x, w, bias, s.k, f)
			}
			perSecond(b)
		})
		b.Run(name+"/pack", func(b *testing.B) {
			packed := Pack(Wide(w), bias)
			for b.Loop() {
				packed.Repack(Wide(w), bias)
			}
		})
	}
}
