package ksparse

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// serving is a model of the size that people publish, in float32.
func serving(inputs, latents int) Config {
	rng := rand.New(rand.NewPCG(1, 1))
	m := func() Weights {
		m := Weights{Rows: latents, Cols: inputs, Float32: make([]float32, inputs*latents)}
		for i := range m.Float32 {
			m.Float32[i] = rng.Float32() - 0.5
		}
		return m
	}
	return Config{Classic: true, Encoder: m(), Decoder: m(), PreBias: true, K: 32, Activation: ReLU}
}

// BenchmarkNarrow compares float32 and float64 weights of one model: encoding and
// decoding, as network and frozen.
func BenchmarkNarrow(b *testing.B) {
	cfg := serving(768, 8192)
	for _, form := range []string{"float32", "float64"} {
		c := cfg.copied()
		if form == "float64" {
			c = cfg.wide()
		}
		n, err := New(c)
		if err != nil {
			b.Fatal(err)
		}
		for _, rows := range []int{1, 1024} {
			x := gauss(rand.New(rand.NewPCG(2, 2)), rows, 768)
			codes, err := n.Encode(x)
			if err != nil {
				b.Fatal(err)
			}
			run := func(what string, f func() error) {
				b.Run(fmt.Sprintf("%s/%s/%d", what, form, rows), func(b *testing.B) {
					for b.Loop() {
						if err := f(); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*rows), "us/row")
				})
			}
			run("decode", func() error { _, err := n.Decode(codes); return err })
			run("encode", func() error { return n.EncodeInto(codes, x) })
			n.Screening().SetOff(true)
			run("encode plain", func() error { return n.EncodeInto(codes, x) })
			n.Screening().SetOff(false)
			if form == "float32" {
				f, err := n.Freeze()
				if err != nil {
					b.Fatal(err)
				}
				run("encode frozen", func() error { return f.EncodeInto(codes, x) })
				run("predict frozen", func() error { _, err := f.Predict(x); return err })
			}
		}
	}
}
