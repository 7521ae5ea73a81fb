package kernel

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// perElement reports the unit that matters here: a sweep's cost per element.
func perElement(b *testing.B, n int, f func()) {
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/element")
}

// BenchmarkVector runs every kernel on every path, on rows of 1024 that stay in
// the caches, and math's functions beside ours.
func BenchmarkVector(b *testing.B) {
	const n = 1024
	rng := rand.New(rand.NewPCG(30, 0))
	x, dst := normal(rng, n, 2), make([]float64, n)
	fresh := [4][]float64{}
	for i := range fresh {
		fresh[i] = normal(rng, n, 1)
	}
	for i, v := range fresh[3] { // Adam's second moment
		fresh[3][i] = v * v
	}
	for _, c := range []struct {
		name string
		f    func(float64) float64
	}{
		{"sigmoid", func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }},
		{"tanh", math.Tanh},
	} {
		b.Run(c.name+"/math", func(b *testing.B) {
			perElement(b, n, func() {
				for i, v := range x {
					dst[i] = c.f(v)
				}
			})
		})
	}
	for _, k := range vectorKernels {
		if strings.HasSuffix(k.name, "in place") {
			continue
		}
		for i := range paths {
			p := &paths[i]
			if !p.available {
				continue
			}
			b.Run(k.name+"/"+p.name, func(b *testing.B) {
				// Repeated for ever, a kernel would leave the usual range (scale
				// ends in subnormals), so the data are renewed now and then.
				data := make([][]float64, k.arrays)
				for i := range data {
					data[i] = make([]float64, n)
				}
				round := 0
				perElement(b, n, func() {
					if round%500 == 0 {
						for i := range data {
							copy(data[i], fresh[i])
						}
					}
					round++
					k.run(p, data)
				})
			})
		}
	}
}

func BenchmarkScalar(b *testing.B) {
	const n = 1024
	x := normal(rand.New(rand.NewPCG(31, 0)), n, 2)
	for i := range x {
		x[i] = math.Abs(x[i]) + 0.01
	}
	var sink float64
	for _, c := range []struct {
		name string
		f    func(float64) float64
	}{
		{"Exp", Exp}, {"math.Exp", math.Exp}, {"Expm1", Expm1}, {"math.Expm1", math.Expm1},
		{"Log", Log}, {"math.Log", math.Log}, {"Tanh", Tanh}, {"math.Tanh", math.Tanh}, {"Sigmoid", Sigmoid},
	} {
		b.Run(c.name, func(b *testing.B) {
			perElement(b, n, func() {
				for _, v := range x {
					sink += c.f(v)
				}
			})
		})
	}
	_ = sink
}
