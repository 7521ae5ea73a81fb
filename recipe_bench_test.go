package ksparse

import (
	"cmp"
	"fmt"
	"testing"

	"github.com/ksparse/ksparse/internal/dense"
)

// BenchmarkRecipe takes training steps with parts of the recipe, a twentieth of the
// latents dead where AuxK is on. Compare with the plain step of the same shape.
func BenchmarkRecipe(b *testing.B) {
	const dead = 20 // every 20th latent
	parts := []struct {
		name  string
		model Config
		train TrainConfig
	}{
		{"plain", Config{}, TrainConfig{}},
		{"pre-bias", Config{Classic: true, PreBias: true}, TrainConfig{}},
		{"unit-norm", Config{}, TrainConfig{Recipe: Recipe{UnitNorm: true}}},
		{"auxk-32", Config{}, TrainConfig{Recipe: Recipe{AuxK: 32}}},
		{"auxk-64", Config{}, TrainConfig{Recipe: Recipe{AuxK: 64}}},
		{"auxk-64, none dead", Config{}, TrainConfig{Recipe: Recipe{AuxK: 64, DeadAfter: 1 << 30}}},
		{"pre-bias+unit-norm+auxk-32", Config{Classic: true, PreBias: true}, TrainConfig{Recipe: Recipe{UnitNorm: true, AuxK: 32}}},
		{"pre-bias+unit-norm+auxk-64", Config{Classic: true, PreBias: true}, TrainConfig{Recipe: Recipe{UnitNorm: true, AuxK: 64}}},
		{"tied", Config{Classic: true, Tied: true}, TrainConfig{}},
		{"layer-norm", Config{Classic: true, Normalization: LayerNorm}, TrainConfig{}},
		{"clip", Config{}, TrainConfig{ClipNorm: 1}},
		{"multi", Config{}, TrainConfig{Recipe: Recipe{MultiTopK: 0.125}}},
		{"matryoshka-5", Config{}, TrainConfig{Recipe: Recipe{Matryoshka: []int{50, 100, 200, 500}}}},
		{"batch-topk", Config{Classic: true, Selection: SelectBatchTopK}, TrainConfig{}},
	}
	for _, shape := range []struct{ inputs, latents, k, batch int }{{784, 1000, 25, 256}, {768, 8192, 32, 1024}} {
		x := dense.View(uniform(4*shape.batch, shape.inputs))
		for _, part := range parts {
			b.Run(fmt.Sprintf("%d-%d-k%d-batch%d/%s", shape.inputs, shape.latents, shape.k, shape.batch, part.name), func(b *testing.B) {
				cfg := part.model
				cfg.Inputs, cfg.Latents, cfg.K, cfg.Activation = shape.inputs, shape.latents, shape.k, ReLU
				net, err := New(cfg)
				if err != nil {
					b.Fatal(err)
				}
				how := part.train
				how.LearningRate = 1e-4
				how.Recipe.DeadAfter = cmp.Or(how.Recipe.DeadAfter, 1<<29)
				trainer := trainerOf(b, net, how, 100)
				number := 0
				step := func() {
					idle := trainer.stepper.Idle()
					for j := range idle {
						idle[j] = 0
						if j%dead == 0 {
							idle[j] = 1<<30 - 4096
						}
					}
					batch := x.Slice(number%4*shape.batch, (number%4+1)*shape.batch)
					number++
					if _, err := trainer.stepDense(batch, batch); err != nil {
						b.Fatal(err)
					}
				}
				for range 3 {
					step()
				}
				b.ReportAllocs()
				for b.Loop() {
					step()
				}
				b.ReportMetric(float64(b.N*shape.batch)/b.Elapsed().Seconds(), "samples/s")
			})
		}
	}
}
