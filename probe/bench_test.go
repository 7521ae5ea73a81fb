package probe_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/probe"
)

// BenchmarkFit fits a probe to codes of the size of those of MNIST.
func BenchmarkFit(b *testing.B) {
	const rows, latents, k = 60000, 1000, 25
	for _, classes := range []int{2, 10} {
		rng := rand.New(rand.NewPCG(1, 1))
		indices, values, labels := make([][]int32, rows), make([][]float64, rows), make([]int, rows)
		for i := range rows {
			labels[i] = rng.IntN(classes)
			for len(indices[i]) < k {
				j := int32(latents * rng.Float64() * rng.Float64()) // some latents are active far more often
				if rng.IntN(8) == 0 {
					j = int32((int(j)/classes*classes + labels[i]) % latents)
				}
				if !slices.Contains(indices[i], j) {
					indices[i], values[i] = append(indices[i], j), append(values[i], rng.Float64())
				}
			}
			slices.Sort(indices[i])
		}
		codes, err := ksparse.NewCodes(latents, indices, values)
		if err != nil {
			b.Fatal(err)
		}
		for _, tolerance := range []float64{1e-4, 1e-6} {
			b.Run(fmt.Sprintf("%d classes, tolerance %v", classes, tolerance), func(b *testing.B) {
				b.ReportAllocs()
				iterations := 0
				for b.Loop() {
					m, err := probe.Fit(b.Context(), codes, labels, probe.Options{Tolerance: tolerance})
					if err != nil {
						b.Fatal(err)
					}
					iterations = m.Iterations()
				}
				b.ReportMetric(float64(iterations), "iterations")
			})
		}
	}
}
