package ksparse_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// BenchmarkTrainOnCodes trains a classifier on codes like those of MNIST: as they are, and dense.
func BenchmarkTrainOnCodes(b *testing.B) {
	const rows, latents, k, classes = 60000, 1000, 25, 10
	rng := rand.New(rand.NewPCG(1, 1))
	indices, values, y := make([][]int32, rows), make([][]float64, rows), mat.NewDense(rows, classes, nil)
	for i := range rows {
		class := rng.IntN(classes)
		y.Set(i, class, 1)
		for len(indices[i]) < k {
			j := int32(latents * rng.Float64() * rng.Float64()) // some latents are active far more often
			if rng.IntN(2) == 0 {
				j = int32((int(j)/classes*classes + class) % latents)
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
	for name, x := range map[string]func() mat.Matrix{
		"codes": func() mat.Matrix { return codes },
		"dense": func() mat.Matrix { return codes.Dense() },
	} {
		b.Run(name, func(b *testing.B) {
			x := x()
			b.ReportAllocs()
			for b.Loop() {
				net := networkOf(b, ksparse.NewLinearLayer("classes", latents, classes, ksparse.Identity))
				_, err := net.Train(context.Background(), x, y, ksparse.TrainConfig{Epochs: 20, BatchSize: 256, Loss: ksparse.SoftmaxCrossEntropy, LearningRate: 0.001})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
