package ksparse

import (
	"fmt"
	"testing"
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
		{"pre-bias", Config{PreBias: true}, TrainConfig{}},
		{"unit-norm", Config{}, TrainConfig{UnitNorm: true}},
		{"auxk-32", Config{}, TrainConfig{AuxK: AuxK{K: 32}}},
		{"auxk-64", Config{}, TrainConfig{AuxK: AuxK{K: 64}}},
		{"auxk-64, none dead", Config{}, TrainConfig{AuxK: AuxK{K: 64, DeadAfter: 1 << 30}}},
		{"pre-bias+unit-norm+auxk-32", Config{PreBias: true}, TrainConfig{UnitNorm: true, AuxK: AuxK{K: 32}}},
		{"pre-bias+unit-norm+auxk-64", Config{PreBias: true}, TrainConfig{UnitNorm: true, AuxK: AuxK{K: 64}}},
		{"tied", Config{Tied: true}, TrainConfig{}},
		{"layer-norm", Config{Normalization: LayerNorm}, TrainConfig{}},
		{"clip", Config{}, TrainConfig{ClipNorm: 1}},
		{"multi", Config{}, TrainConfig{MultiTopK: 0.125}},
		{"matryoshka-5", Config{}, TrainConfig{Matryoshka: []int{50, 100, 200, 500}}},
		{"batch-topk", Config{Selection: SelectBatchTopK}, TrainConfig{}},
	}
	for _, shape := range []struct{ inputs, latents, k, batch int }{{784, 1000, 25, 256}, {768, 8192, 32, 1024}} {
		x := denseRows(uniform(4*shape.batch, shape.inputs))
		for _, part := range parts {
			b.Run(fmt.Sprintf("%d-%d-k%d-batch%d/%s", shape.inputs, shape.latents, shape.k, shape.batch, part.name), func(b *testing.B) {
				cfg := part.model
				cfg.Inputs, cfg.Latents, cfg.K, cfg.Activation = shape.inputs, shape.latents, shape.k, ReLU
				net, err := New(cfg)
				if err != nil {
					b.Fatal(err)
				}
				train := part.train.withDefaults()
				if train.AuxK.DeadAfter == 0 {
					train.AuxK.DeadAfter = 1 << 29
				}
				s := newStepper(net, train, 100, 1)
				number := 0
				step := func() {
					for j := range s.idle {
						s.idle[j] = 0
						if j%dead == 0 {
							s.idle[j] = 1<<30 - 4096
						}
					}
					batch := x.Slice(number%4*shape.batch, (number%4+1)*shape.batch)
					number++
					if _, err := s.step(batch, batch, 1e-4, number); err != nil {
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
