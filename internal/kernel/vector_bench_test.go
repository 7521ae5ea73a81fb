package kernel

import (
	"math"
	"math/rand/v2"
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
	for name, f := range map[string]func(float64) float64{
		"exp": math.Exp, "tanh": math.Tanh, "sigmoid": func(x float64) float64 { return 1 / (1 + math.Exp(-x)) },
	} {
		b.Run(name+"/math", func(b *testing.B) {
			perElement(b, n, func() {
				for i, v := range x {
					dst[i] = f(v)
				}
			})
		})
	}
	for _, k := range vectorKernels {
		data := make([][]float64, k.arrays)
		for i := range data {
			data[i] = normal(rng, n, 1)
		}
		for i := range allVectorPaths {
			p := &allVectorPaths[i]
			if !p.available {
				continue
			}
			b.Run(k.name+"/"+p.name, func(b *testing.B) {
				for j := range data { // steps repeated for ever would leave the usual range
					for i := range data[j] {
						data[j][i] = math.Abs(math.Mod(data[j][i], 1))
					}
				}
				perElement(b, n, func() {
					if k.arrays > 2 {
						clear(data[0])
					}
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
