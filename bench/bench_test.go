package main

import (
	"fmt"
	"testing"

	"github.com/ksparse/ksparse"
)

// The benchmarks are of ours only, in the shapes of the table and some more. Bytes per
// step should not depend on inputs, latents or batch.

// report reports the samples per second.
func report(b *testing.B, s shape) {
	b.ReportMetric(float64(s.batch)*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
}

func BenchmarkTrainStep(b *testing.B) {
	for _, c := range []struct {
		name string
		s    shape
		new  func(shape) (*training, error)
	}{
		{"Adam", shape{768, 8192, 32, 1024}, newTraining},
		{"Adam", shape{784, 1000, 25, 256}, newTraining},
		{"original", shape{784, 100, 25, 256}, newOriginal},
		{"Adam", shape{784, 1000, 25, 1}, newTraining},
		{"Adam", shape{784, 1000, 25, 1024}, newTraining},
		{"Adam", shape{784, 4000, 25, 256}, newTraining},
		{"Adam", shape{196, 1000, 25, 256}, newTraining},
	} {
		b.Run(c.name+"/"+c.s.path(), func(b *testing.B) {
			t, err := c.new(c.s)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			// The first call of Loop starts the clock. Before it there is an epoch, in which
			// all buffers get their size.
			step := 0
			err = t.each(b.Context(), func() bool {
				step++
				return step < batches || b.Loop()
			})
			if err != nil {
				b.Fatal(err)
			}
			report(b, c.s)
		})
	}
}

func BenchmarkEncodeInto(b *testing.B) {
	for _, s := range []shape{
		{768, 16384, 32, 2048},
		{784, 1000, 25, 256},
		{784, 1000, 25, 1},
		{784, 1000, 25, 1024},
		{784, 1000, 25, 4096},
		{784, 4000, 25, 256},
		{196, 1000, 25, 256},
	} {
		b.Run(s.path(), func(b *testing.B) { encodeInto(b, s) })
	}
}

func BenchmarkEncodeOne(b *testing.B) { encodeInto(b, shape{768, 16384, 32, 1}) }

// encodeInto measures EncodeInto at that shape.
func encodeInto(b *testing.B, s shape) {
	net, err := newNetwork(s)
	if err != nil {
		b.Fatal(err)
	}
	x, codes := samples(s.batch, s.inputs), new(ksparse.Codes)
	if err := net.EncodeInto(codes, x); err != nil { // allocates the memory of the codes
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := net.EncodeInto(codes, x); err != nil {
			b.Fatal(err)
		}
	}
	report(b, s)
}

// path returns s as the name of a benchmark.
func (s shape) path() string {
	return fmt.Sprintf("%dx%d/k=%d/batch=%d", s.inputs, s.latents, s.k, s.batch)
}
