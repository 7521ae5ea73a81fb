package ksparse

import (
	"fmt"
	"math"
	"testing"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/train"
)

// BenchmarkStep takes training steps on warm buffers. What it allocates must not
// grow with the batch, the latents or the inputs.
func BenchmarkStep(b *testing.B) {
	for _, c := range []struct {
		inputs, latents, k, batch int
		activation, output        Activation
		optimizer                 train.Optimizer
	}{
		{784, 100, 25, 256, Sigmoid, Sigmoid, train.SGD{}},
		{784, 1000, 25, 256, ReLU, Identity, train.Adam{}},
		{768, 8192, 32, 1024, ReLU, Identity, train.Adam{}},
	} {
		b.Run(fmt.Sprintf("%d-%d-k%d-batch%d-%T", c.inputs, c.latents, c.k, c.batch, c.optimizer), func(b *testing.B) {
			benchmarkStep(b, Config{
				Classic: true,
				Inputs:  c.inputs, Latents: c.latents, K: c.k, Activation: c.activation, OutputActivation: c.output,
			}, c.optimizer, c.batch)
		})
	}
}

func benchmarkStep(b *testing.B, cfg Config, optimizer train.Optimizer, batchSize int) {
	net, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	x := dense.View(uniform(4*batchSize, cfg.Inputs))
	trainer := trainerOf(b, net, TrainConfig{Optimizer: optimizer, LearningRate: 1e-4}, math.NaN())
	number := 0
	step := func() {
		batch := x.Slice(number%4*batchSize, (number%4+1)*batchSize)
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
	b.ReportMetric(float64(b.N*batchSize)/b.Elapsed().Seconds(), "samples/s")
}

// BenchmarkEncodeInto encodes into warm codes.
func BenchmarkEncodeInto(b *testing.B) {
	for _, c := range []struct{ inputs, latents, k, batch int }{
		{768, 16384, 32, 1}, {784, 1000, 25, 256}, {768, 8192, 32, 1024}, {768, 16384, 32, 2048},
	} {
		b.Run(fmt.Sprintf("%d-%d-k%d-batch%d", c.inputs, c.latents, c.k, c.batch), func(b *testing.B) {
			net, err := New(Config{Classic: true, Inputs: c.inputs, Latents: c.latents, K: c.k, Activation: ReLU})
			if err != nil {
				b.Fatal(err)
			}
			x, codes := uniform(c.batch, c.inputs), new(Codes)
			encode := func() {
				if err := net.EncodeInto(codes, x); err != nil {
					b.Fatal(err)
				}
			}
			encode()
			b.ReportAllocs()
			for b.Loop() {
				encode()
			}
			b.ReportMetric(float64(b.N*c.batch)/b.Elapsed().Seconds(), "samples/s")
			b.ReportMetric(2e-9*float64(c.inputs*c.latents)*float64(b.N*c.batch)/b.Elapsed().Seconds(), "GFLOPS")
		})
	}
}
