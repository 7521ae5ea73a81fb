package kernel

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
)

// parallel splits rows over the processors, a multiple of 8 each, as the callers
// of this package do.
func parallel(rows int, f func(from, to int)) {
	workers := runtime.GOMAXPROCS(0)
	step := ((rows+workers-1)/workers + 7) / 8 * 8
	var wg sync.WaitGroup
	for from := 0; from < rows; from += step {
		wg.Add(1)
		go func() {
			defer wg.Done()
			f(from, min(from+step, rows))
		}()
	}
	wg.Wait()
}

func gflops(b *testing.B, ops int) {
	b.ReportMetric(float64(ops)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOPS")
}

func random64(n int) []float64 {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	return kinds[0].slice(r, n)
}

func random32(n int) []float32 {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	return kinds[0].slice32(r, n)
}

// eachPath runs f for every available path, plain Go last and only on request.
func eachPath(b *testing.B, plain bool, f func(b *testing.B, p path)) {
	for _, p := range paths {
		if p.available && (plain || p.name != generic.name) {
			b.Run(p.name, func(b *testing.B) { f(b, p) })
		}
	}
}

// BenchmarkPeak is the rate of multiply-adds on registers alone, all cores: the
// denominator of every share of peak.
func BenchmarkPeak(b *testing.B) {
	const n = 200000
	for _, k := range peaks() {
		b.Run(k.name, func(b *testing.B) {
			workers := runtime.GOMAXPROCS(0)
			for b.Loop() {
				parallel(8*workers, func(_, _ int) {
					for range 20 {
						k.run(n / 20)
					}
				})
			}
			gflops(b, n*k.flops*workers)
		})
	}
}

// product is the shape of A Bᵀ, for A (m x k) and B (n x k).
type product struct{ m, k, n int }

var products = []product{{1024, 768, 8192}, {1024, 1024, 8192}, {1024, 4096, 4096}, {64, 768, 8192}, {256, 100, 25}}

func (p product) String() string { return fmt.Sprintf("%dx%dx%d", p.m, p.k, p.n) }

func BenchmarkMulT(b *testing.B) {
	for _, s := range products {
		b.Run(s.String(), func(b *testing.B) {
			x, w, z := random64(s.m*s.k), random64(s.n*s.k), make([]float64, s.m*s.n)
			eachPath(b, false, func(b *testing.B, p path) {
				for b.Loop() {
					parallel(s.m, func(i, j int) { p.mulT(z[i*s.n:], s.n, x[i*s.k:], s.k, j-i, w, s.k, s.n, s.k) })
				}
				gflops(b, 2*s.m*s.k*s.n)
			})
		})
	}
}

func BenchmarkMulT32(b *testing.B) {
	for _, s := range products {
		b.Run(s.String(), func(b *testing.B) {
			x, w, z := random32(s.m*s.k), random32(s.n*s.k), make([]float32, s.m*s.n)
			eachPath(b, false, func(b *testing.B, p path) {
				for b.Loop() {
					parallel(s.m, func(i, j int) { p.mulT32(z[i*s.n:], s.n, x[i*s.k:], s.k, j-i, w, s.k, s.n, s.k) })
				}
				gflops(b, 2*s.m*s.k*s.n)
			})
		})
	}
}

func BenchmarkMulAdd(b *testing.B) {
	for _, s := range products {
		for _, transposed := range []bool{false, true} {
			name := s.String()
			ai, ap := s.k, 1
			if transposed {
				name, ai, ap = name+"/transposed", 1, s.m
			}
			b.Run(name, func(b *testing.B) {
				x, w, z := random64(s.m*s.k), random64(s.n*s.k), make([]float64, s.m*s.n)
				eachPath(b, false, func(b *testing.B, p path) {
					for b.Loop() {
						parallel(s.m, func(i, j int) { p.mulAdd(z[i*s.n:], s.n, j-i, s.n, s.k, x[i*ai:], ai, ap, w, s.n) })
					}
					gflops(b, 2*s.m*s.k*s.n)
				})
			})
		}
	}
}

func BenchmarkMulAdd32(b *testing.B) {
	s := products[0]
	x, w, z := random32(s.m*s.k), random32(s.n*s.k), make([]float32, s.m*s.n)
	eachPath(b, false, func(b *testing.B, p path) {
		for b.Loop() {
			parallel(s.m, func(i, j int) { p.mulAdd32(z[i*s.n:], s.n, j-i, s.n, s.k, x[i*s.k:], s.k, 1, w, s.n) })
		}
		gflops(b, 2*s.m*s.k*s.n)
	})
}

// BenchmarkMulTRow is one sample against all latents: it is bound by memory.
func BenchmarkMulTRow(b *testing.B) {
	const k, n = 768, 16384
	x, w, z := random64(k), random64(n*k), make([]float64, n)
	eachPath(b, false, func(b *testing.B, p path) {
		for b.Loop() {
			parallel(n, func(i, j int) { p.mulT(z[i:], n, x, k, 1, w[i*k:], k, j-i, k) })
		}
		b.ReportMetric(float64(8*k*n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
	})
}

// BenchmarkDotRows and BenchmarkAddRows gather 32 rows of a dictionary, on one
// core: from a small one, which caches hold, and from a large one.
func BenchmarkDotRows(b *testing.B) {
	gather(b, func(p path, x, alpha, w []float64, k int, idx []int32) { p.dotRows(alpha, x, w, k, idx) })
}

func BenchmarkAddRows(b *testing.B) {
	gather(b, func(p path, x, alpha, w []float64, k int, idx []int32) { p.addRows(x, alpha, w, k, idx) })
}

// gather runs f for 32 rows at random of a w that fits a near cache, and of one that
// does not.
func gather(b *testing.B, f func(p path, x, alpha, w []float64, k int, idx []int32)) {
	const k, count = 768, 32
	for _, rows := range []int{64, 16384} {
		w, x, alpha := random64(rows*k), random64(k), make([]float64, count)
		r := rand.New(rand.NewPCG(5, 5))
		idx := make([]int32, 1<<16)
		for i := range idx {
			idx[i] = int32(r.IntN(rows))
		}
		b.Run(fmt.Sprintf("%d of %d", count, rows), func(b *testing.B) {
			eachPath(b, true, func(b *testing.B, p path) {
				i := 0
				for b.Loop() {
					f(p, x, alpha, w, k, idx[i:i+count])
					i = (i + count) % len(idx)
				}
				b.ReportMetric(float64(8*k*count)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
			})
		})
	}
}

func BenchmarkDot(b *testing.B) {
	x, y := random64(768), random64(768)
	eachPath(b, true, func(b *testing.B, p path) {
		var sum float64
		for b.Loop() {
			sum += p.dot(x, y)
		}
		gflops(b, 2*len(x))
	})
}

func BenchmarkAbove(b *testing.B) {
	z, hits := random64(8192), make([]int32, 8192)
	for _, t := range []float64{0, 2, 5} {
		b.Run(fmt.Sprint(t), func(b *testing.B) {
			eachPath(b, true, func(b *testing.B, p path) {
				for b.Loop() {
					p.above(hits, z, t)
				}
			})
		})
	}
}

// BenchmarkKthLargest takes several rows in turn, or the processor learns where a
// partition moves what.
func BenchmarkKthLargest(b *testing.B) {
	const rows = 256
	for _, s := range []struct{ n, k int }{{30, 25}, {60, 25}, {100, 26}, {120, 25}, {384, 33}} {
		v := random64(rows * s.n)
		b.Run(fmt.Sprintf("%d of %d", s.k, s.n), func(b *testing.B) {
			eachPath(b, true, func(b *testing.B, p path) {
				i := 0
				for b.Loop() {
					p.kthLargest(v[i*s.n:(i+1)*s.n], s.k)
					i = (i + 1) % rows
				}
			})
		})
	}
}
