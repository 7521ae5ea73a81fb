package ksparse

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// BenchmarkStep takes training steps on warm buffers. What it allocates must not
// grow with the batch, the latents or the inputs.
func BenchmarkStep(b *testing.B) {
	for _, c := range []struct {
		inputs, latents, k, batch int
		activation, output        Activation
		optimizer                 Optimizer
	}{
		{784, 100, 25, 256, Sigmoid, Sigmoid, SGD{}},
		{784, 1000, 25, 256, ReLU, Identity, Adam{}},
		{768, 8192, 32, 1024, ReLU, Identity, Adam{}},
	} {
		b.Run(fmt.Sprintf("%d-%d-k%d-batch%d-%T", c.inputs, c.latents, c.k, c.batch, c.optimizer), func(b *testing.B) {
			benchmarkStep(b, Config{
				Inputs: c.inputs, Latents: c.latents, K: c.k, Activation: c.activation, OutputActivation: c.output,
			}, c.optimizer, c.batch)
		})
	}
}

func benchmarkStep(b *testing.B, cfg Config, optimizer Optimizer, batchSize int) {
	net, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	x := denseRows(uniform(4*batchSize, cfg.Inputs))
	s := newStepper(net, TrainConfig{Optimizer: optimizer, BatchSize: batchSize}.withDefaults(), math.NaN(), b.N)
	number := 0
	step := func() {
		from := number * batchSize % x.Rows
		batch := x.Slice(from, from+batchSize)
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
	b.ReportMetric(float64(b.N*batchSize)/b.Elapsed().Seconds(), "samples/s")
}

// BenchmarkEncodeInto encodes into warm codes.
func BenchmarkEncodeInto(b *testing.B) {
	for _, c := range []struct{ inputs, latents, k, batch int }{
		{768, 16384, 32, 1}, {784, 1000, 25, 256}, {768, 8192, 32, 1024}, {768, 16384, 32, 2048},
	} {
		b.Run(fmt.Sprintf("%d-%d-k%d-batch%d", c.inputs, c.latents, c.k, c.batch), func(b *testing.B) {
			net, err := New(Config{Inputs: c.inputs, Latents: c.latents, K: c.k, Activation: ReLU})
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

func uniform(rows, cols int) *mat.Dense {
	rng := rand.New(rand.NewPCG(1, 1))
	m := mat.NewDense(rows, cols, nil)
	for i := range m.RawMatrix().Data {
		m.RawMatrix().Data[i] = rng.Float64()
	}
	return m
}
