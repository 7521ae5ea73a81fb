package ksparse_test

import (
	"context"
	"encoding/binary"
	"hash/crc64"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// oneAnswer is the checksum of a trained network's parameters and codes. It is a
// golden value of our own: it was 0x94c1830e51c22df2 on AVX-512, AVX2 and plain
// Go, on amd64 (also with GOAMD64=v3, where the compiler fuses), arm64 and 386. It
// changes only with a new definition of a sum or function, which the changelog
// then names: stored codes and repeated trainings depend on it.
const oneAnswer = 0x94c1830e51c22df2

// TestOneAnswerEverywhere trains a network that has every activation, with
// clipping and penalties, and compares all bits.
func TestOneAnswerEverywhere(t *testing.T) {
	rng := rand.New(rand.NewPCG(20, 26))
	x := mat.NewDense(90, 13, nil)
	for i := range x.RawMatrix().Data {
		x.RawMatrix().Data[i] = rng.Float64() // no arithmetic that could be fused
	}
	var layers []ksparse.Layer
	in := 13
	for i, act := range allActivations {
		out := 19 + i
		if i%2 == 0 {
			layers = append(layers, ksparse.NewSparseLayer(act.String(), in, out, 3+2*i, act))
		} else {
			layers = append(layers, ksparse.NewLinearLayer(act.String(), in, out, act))
		}
		in = out
	}
	net := mustNetwork(t, append(layers, ksparse.NewSparseLayer("last", in, 13, 9, ksparse.Sigmoid))...)
	for _, cfg := range []ksparse.TrainConfig{
		{Epochs: 3, BatchSize: 32, LearningRate: 0.001, ClipNorm: 0.5, L1: 1e-5, L2: 1e-4, Schedule: train.Warmup{Steps: 3, Then: train.CosineDecay{}}},
		{Epochs: 1, BatchSize: 50, Loss: ksparse.BinaryCrossEntropy, Optimizer: train.RMSProp{}},
		{Epochs: 1, BatchSize: 50, Optimizer: train.SGD{Momentum: 0.9, Nesterov: true}, Schedule: train.ExponentialDecay{}},
		{Epochs: 1, BatchSize: 50, Optimizer: train.AdaGrad{}, Validation: ksparse.Validation{Fraction: 0.2, Patience: 1}},
		{Epochs: 1, BatchSize: 50, Optimizer: train.AdamW{}, LearningRate: 0.001, Schedule: train.LinearDecay{}},
	} {
		if _, err := net.Train(context.Background(), x, x, cfg); err != nil {
			t.Fatal(err)
		}
	}
	sum := crc64.New(crc64.MakeTable(crc64.ECMA))
	add := func(values []float64) {
		for _, v := range values {
			sum.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
		}
	}
	for _, l := range net.Layers() {
		add(l.Weights().RawMatrix().Data)
		add(l.Biases().RawVector().Data)
	}
	codes, err := net.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	add(codes.Dense().RawMatrix().Data)
	if got := sum.Sum64(); got != oneAnswer {
		t.Errorf("the checksum is %#x, want %#x: the answer depends on the machine, or its definition has changed", got, uint64(oneAnswer))
	}
}
