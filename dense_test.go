package ksparse

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// withDenseRatio runs f with products of codes always dense (a large ratio) or
// never (zero).
func withDenseRatio(ratio int, f func()) {
	defer func(old int) { denseRatio = old }(denseRatio)
	denseRatio = ratio
	f()
}

// TestDenseAndSparseAgree: the two forms of the products give the same numbers,
// not just close ones, so the rule that chooses between them cannot be seen.
func TestDenseAndSparseAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	for round := range 30 {
		in, hidden, latents, rows := 1+rng.IntN(40), 1+rng.IntN(40), 1+rng.IntN(90), 1+rng.IntN(70)
		k, k2 := rng.IntN(hidden+1), rng.IntN(latents+1)
		net, err := NewNetwork(
			NewSparseLayer("a", in, hidden, k, Activation(rng.IntN(int(activations)))),
			NewSparseLayer("b", hidden, latents, k2, Activation(rng.IntN(int(activations)))),
			NewLinearLayer("c", latents, in, Activation(rng.IntN(int(activations)))),
			NewSparseLayer("d", in, in, 1+rng.IntN(in), Identity),
		)
		if err != nil {
			t.Fatal(err)
		}
		x := mat.NewDense(rows, in, nil)
		for i := range x.RawMatrix().Data {
			x.RawMatrix().Data[i] = rng.NormFloat64()
		}
		run := func(ratio int) (g *Gradients, trained *Network) {
			withDenseRatio(ratio, func() {
				pass, err := net.Forward(x)
				if err != nil {
					t.Fatal(err)
				}
				if g, err = net.Backprop(pass, x, SquaredError); err != nil {
					t.Fatal(err)
				}
			})
			return g, net
		}
		dense, _ := run(math.MaxInt32)
		sparse, _ := run(0)
		if dense.Loss() != sparse.Loss() {
			t.Errorf("round %d: the losses are %v and %v", round, dense.Loss(), sparse.Loss())
		}
		for i := range net.layers {
			if !mat.Equal(dense.Weights(i), sparse.Weights(i)) || !mat.Equal(dense.Biases(i), sparse.Biases(i)) || !mat.Equal(dense.Delta(i), sparse.Delta(i)) {
				t.Errorf("round %d, layer %d: the gradients differ", round, i)
			}
		}
	}
}

// TestDenseAndSparseTrainAlike takes both forms through steps of training.
func TestDenseAndSparseTrainAlike(t *testing.T) {
	x := denseRows(uniform(60, 11))
	var results [2][]float64
	for i, ratio := range []int{0, math.MaxInt32} {
		withDenseRatio(ratio, func() {
			net, err := New(Config{Inputs: 11, Latents: 150, K: 6, Activation: Tanh})
			if err != nil {
				t.Fatal(err)
			}
			s := newStepper(net, TrainConfig{ClipNorm: 0.5, L1: 1e-4, BatchSize: 60}.withDefaults(), math.NaN(), 5)
			for step := range 5 {
				if _, err := s.step(x, x, 0.01, step+1); err != nil {
					t.Fatal(err)
				}
			}
			for _, l := range net.layers {
				results[i] = append(append(results[i], l.base().w.Data...), l.base().b...)
			}
		})
	}
	if !slices.Equal(results[0], results[1]) {
		t.Error("five steps with dense and with sparse products end in different weights")
	}
}

// BenchmarkDenseOrSparse shows both sides of the rule around its crossing.
func BenchmarkDenseOrSparse(b *testing.B) {
	for _, latents := range []int{100, 1000} {
		for _, part := range []int{16, 8, 6, 5, 4, 3, 2} {
			for ratio, name := range map[int]string{0: "sparse", math.MaxInt32: "dense"} {
				b.Run(fmt.Sprintf("latents%d/k-1of%d/%s", latents, part, name), func(b *testing.B) {
					withDenseRatio(ratio, func() {
						benchmarkStep(b, Config{Inputs: 784, Latents: latents, K: latents / part, Activation: ReLU}, SGD{}, 256)
					})
				})
			}
		}
	}
}
