package screen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
)

// BenchmarkEncode compares screened encodes with the float64 path; samples/s is the figure to
// read, candidates/row what explains it.
func BenchmarkEncode(b *testing.B) {
	for _, s := range []struct{ rows, d, n, k int }{
		{1024, 768, 8192, 32}, {1024, 768, 16384, 32}, {1024, 100, 4096, 16}, {256, 784, 1000, 25},
		{512, 2048, 16384, 32}, {512, 4096, 16384, 64}, {1, 768, 16384, 32}, {8, 768, 16384, 32},
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
			packed := Pack(matrix.Wide(w), bias)
			var stats Stats
			Encode(out, x, packed, matrix.Wide(w), bias, s.k, f, &stats)
			b.ReportAllocs()
			for b.Loop() {
				Encode(out, x, packed, matrix.Wide(w), bias, s.k, f, nil)
			}
			perSecond(b)
			b.ReportMetric(float64(stats.Candidates.Load())/float64(s.rows), "candidates/row")
		})
		b.Run(name+"/float32", func(b *testing.B) {
			each(w, func(v float64) float64 { return float64(float32(v)) })
			narrow, _ := matrix.Narrowed(matrix.Wide(w))
			packed := Pack(narrow, bias)
			for b.Loop() {
				Encode(out, x, packed, narrow, bias, s.k, f, nil)
			}
			perSecond(b)
		})
		b.Run(name+"/float64", func(b *testing.B) {
			for b.Loop() {
				topk.Encode(out, x, matrix.Wide(w), bias, s.k, f)
			}
			perSecond(b)
		})
		b.Run(name+"/pack", func(b *testing.B) {
			packed := Pack(matrix.Wide(w), bias)
			for b.Loop() {
				packed.Repack(matrix.Wide(w), bias)
			}
		})
	}
}

// BenchmarkCrossing measures around the rule of Worth: the two ways in turn, and
// how many times as fast the screen is.
func BenchmarkCrossing(b *testing.B) {
	for _, rows := range []int{1, 4, 16, 256} {
		for _, d := range []int{16, 32, 64, 128, 256} {
			for _, n := range []int{128, 256, 1024, 4096} {
				for _, part := range []int{4, 8, 16, 32, 128} {
					k := n / part
					r := rand.New(rand.NewPCG(1, 1))
					w, bias, x := gaussian(r, n, d), make([]float64, n), gaussian(r, rows, d)
					packed := Pack(matrix.Wide(w), bias)
					packed.Always = true
					out, f := selected(rows, k), funcs[1].f
					b.Run(fmt.Sprintf("rows=%d/inputs=%d/latents=%d/k=%d", rows, d, n, k), func(b *testing.B) {
						compare(b,
							func() { Encode(out, x, packed, matrix.Wide(w), bias, k, f, nil) },
							func() { topk.Encode(out, x, matrix.Wide(w), bias, k, f) })
					})
				}
			}
		}
	}
}

// compare runs two ways in turn and reports how many times as fast the first is, by
// the medians.
func compare(b *testing.B, screened, other func()) {
	var times [2][]float64
	for b.Loop() {
		for i, f := range []func(){screened, other} {
			start := time.Now()
			f()
			times[i] = append(times[i], time.Since(start).Seconds())
		}
	}
	slices.Sort(times[0])
	slices.Sort(times[1])
	b.ReportMetric(times[1][len(times[1])/2]/times[0][len(times[0])/2], "times")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkCrossingAbove is BenchmarkCrossing for WorthAbove: of normal numbers, the
// share of which is above the threshold is known.
func BenchmarkCrossingAbove(b *testing.B) {
	for _, rows := range []int{1, 4, 16, 256} {
		for _, d := range []int{16, 32, 64, 256, 768} {
			for _, n := range []int{128, 256, 1024, 8192} {
				for _, part := range []int{4, 8, 16, 32, 128, 1024} {
					r := rand.New(rand.NewPCG(1, 1))
					w, bias, x := gaussian(r, n, d), make([]float64, n), gaussian(r, rows, d)
					threshold := make([]float64, n)
					for j := range threshold {
						threshold[j] = math.Sqrt(float64(2*d)) * math.Erfinv(1-2/float64(part))
					}
					packed := Pack(matrix.Wide(w), bias)
					packed.Always = true
					var list topk.List
					b.Run(fmt.Sprintf("rows=%d/inputs=%d/latents=%d/part=%d", rows, d, n, part), func(b *testing.B) {
						compare(b,
							func() { EncodeAbove(&list, x, packed, matrix.Wide(w), bias, threshold, nil) },
							func() { topk.EncodeAbove(&list, x, matrix.Wide(w), bias, threshold) })
					})
				}
			}
		}
	}
}

// BenchmarkSelections compares what is selected, at the same number of entries per
// row: times is how many times as fast as the float64 path each is.
func BenchmarkSelections(b *testing.B) {
	for _, s := range []struct{ rows, d, n, k int }{{1024, 768, 8192, 32}, {1024, 100, 4096, 16}, {1, 768, 16384, 32}} {
		r := rand.New(rand.NewPCG(1, 1))
		w, bias, x := gaussian(r, s.n, s.d), make([]float64, s.n), gaussian(r, s.rows, s.d)
		packed := Pack(matrix.Wide(w), bias)
		out, threshold := selected(s.rows, s.k), make([]float64, s.n)
		for j := range threshold {
			threshold[j] = math.Sqrt(float64(2*s.d)) * math.Erfinv(1-2*float64(s.k)/float64(s.n))
		}
		var list topk.List
		name := fmt.Sprintf("%dx%d/%d/%d", s.rows, s.d, s.n, s.k)
		for _, f := range []topk.Func{topk.ByPreActivation, funcs[magnitude].f} {
			b.Run(fmt.Sprintf("%s/magnitude=%v", name, f.Magnitude), func(b *testing.B) {
				compare(b,
					func() { Encode(out, x, packed, matrix.Wide(w), bias, s.k, f, nil) },
					func() { topk.Encode(out, x, matrix.Wide(w), bias, s.k, f) })
			})
		}
		b.Run(name+"/above", func(b *testing.B) {
			compare(b,
				func() { EncodeAbove(&list, x, packed, matrix.Wide(w), bias, threshold, nil) },
				func() { topk.EncodeAbove(&list, x, matrix.Wide(w), bias, threshold) })
		})
	}
}

// BenchmarkMiddle says how many times as fast an encode is with the middle stage as
// without, for normal numbers and for sums of 64 latents, which is what a trained
// dictionary sees; and what it adds to repacking.
func BenchmarkMiddle(b *testing.B) {
	for _, s := range []struct{ rows, d, n, k int }{
		{1024, 100, 4096, 16}, {1024, 256, 8192, 32}, {1024, 512, 4096, 32}, {256, 768, 2048, 16}, {1024, 768, 8192, 32}, {1024, 768, 16384, 32},
		{512, 2048, 16384, 32}, {512, 4096, 16384, 64}, {1, 768, 16384, 32}, {12, 768, 16384, 32}, {48, 768, 16384, 32}, {1, 4096, 16384, 64},
	} {
		r := rand.New(rand.NewPCG(1, 1))
		w, bias, x := gaussian(r, s.n, s.d), make([]float64, s.n), gaussian(r, s.rows, s.d)
		out := selected(s.rows, s.k)
		for _, data := range []string{"gauss", "sums"} {
			if data == "sums" {
				for i := range x.Rows {
					row := x.Row(i)
					clear(row)
					for range 64 {
						c := r.ExpFloat64()
						for p, v := range w.Row(r.IntN(s.n)) {
							row[p] += c * v
						}
					}
				}
			}
			for _, kind := range []string{"float64", "float32"} {
				weights := matrix.Wide(w)
				if kind == "float32" {
					each(w, func(v float64) float64 { return float64(float32(v)) })
					weights, _ = matrix.Narrowed(matrix.Wide(w))
				}
				with, without := Pack(weights, bias), Pack(weights, bias)
				with.addMiddle(weights, bias)
				without.middle.Store(nil)
				without.sinceChange.Store(math.MinInt64) // ever too young to get one
				name := fmt.Sprintf("%dx%d/%d/k%d/%s/%s", s.rows, s.d, s.n, s.k, data, kind)
				b.Run(name, func(b *testing.B) {
					compare(b,
						func() { Encode(out, x, with, weights, bias, s.k, topk.ByPreActivation, nil) },
						func() { Encode(out, x, without, weights, bias, s.k, topk.ByPreActivation, nil) })
				})
				if data == "gauss" {
					b.Run(name+"/repack", func(b *testing.B) {
						compare(b, func() { with.Repack(weights, bias) }, func() { without.Repack(weights, bias) })
					})
				}
			}
		}
	}
}

// BenchmarkFine says how many times as fast an encode is on the fine grid as in int8:
// of weights that stay, and with the repacking of a training step.
func BenchmarkFine(b *testing.B) {
	for _, d := range []int{64, 256, 784, 2048} {
		for _, n := range []int{256, 1024, 2048, 4096, 8192} {
			for _, k := range []int{16, 64} {
				for _, rows := range []int{1, 12, 256} {
					r := rand.New(rand.NewPCG(1, 1))
					w, bias, x := matrix.Wide(gaussian(r, n, d)), make([]float64, n), gaussian(r, rows, d)
					out, f := selected(rows, k), funcs[1].f
					fine, coarse := pack(w, bias, kernel.GridFine), pack(w, bias, kernel.Coarse())
					encode := func(p *Packed) func() {
						return func() { Encode(out, x, p, w, bias, k, f, nil) }
					}
					name := fmt.Sprintf("rows=%d/inputs=%d/latents=%d/k=%d", rows, d, n, k)
					b.Run(name, func(b *testing.B) { compare(b, encode(fine), encode(coarse)) })
					if rows < 256 {
						continue
					}
					train := func(p *Packed) func() {
						return func() {
							parallel.For(p.panels, 4, func(_, lo, hi int) {
								p.RepackRows(w, lo*PanelLatents, min(hi*PanelLatents, n))
							})
							Encode(out, x, p, w, bias, k, f, nil)
						}
					}
					b.Run(name+"/repack", func(b *testing.B) { compare(b, train(fine), train(coarse)) })
				}
			}
		}
	}
}
