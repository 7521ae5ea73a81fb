package ksparse

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/sparse"
	"github.com/ksparse/ksparse/train"
)

// withDenseRatio runs f with products of codes always dense (a large ratio) or
// never (zero).
func withDenseRatio(ratio int, f func()) {
	defer func(old int) { sparse.DenseRatio = old }(sparse.DenseRatio)
	sparse.DenseRatio = ratio
	f()
}

// TestDenseAndSparseAgree: a training step with either form of the products has the
// loss and the gradients of Backprop, to the bit, not just close ones. So the rule
// that chooses between them cannot be seen.
func TestDenseAndSparseAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	for round := range 30 {
		in, hidden, latents, rows := 1+rng.IntN(40), 1+rng.IntN(40), 1+rng.IntN(90), 1+rng.IntN(70)
		k, k2 := 1+rng.IntN(hidden), 1+rng.IntN(latents)
		net, err := NewNetwork(
			NewSparseLayer("a", in, hidden, k, Activation(rng.IntN(int(activations)))),
			NewSparseLayer("b", hidden, latents, k2, Activation(rng.IntN(int(activations)))),
			NewLinearLayer("c", latents, in, Activation(rng.IntN(int(activations)))),
			NewSparseLayer("d", in, in, 1+rng.IntN(in), Identity),
		)
		if err != nil {
			t.Fatal(err)
		}
		x := gauss(rng, rows, in)
		for name, ratio := range map[string]int{"dense": math.MaxInt32, "sparse": 0} {
			withDenseRatio(ratio, func() {
				stepIsBackprop(t, fmt.Sprintf("round %d, %s", round, name), net, dense.View(x), dense.View(x), SquaredError)
			})
			if t.Failed() {
				return
			}
		}
	}
}

// TestDenseAndSparseTrainAlike takes both forms through steps of training.
func TestDenseAndSparseTrainAlike(t *testing.T) {
	x := dense.View(uniform(60, 11))
	var results [2][]float64
	for i, ratio := range []int{0, math.MaxInt32} {
		withDenseRatio(ratio, func() {
			net, err := New(Config{Classic: true, Inputs: 11, Latents: 150, K: 6, Activation: Tanh})
			if err != nil {
				t.Fatal(err)
			}
			trainer := trainerOf(t, net, TrainConfig{Steps: 5, ClipNorm: 0.5, L1: 1e-4, BatchSize: 60, LearningRate: 0.01}, math.NaN())
			for range 5 {
				if _, err := trainer.stepDense(x, x); err != nil {
					t.Fatal(err)
				}
			}
			results[i] = allParameters(net)
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
						benchmarkStep(b, Config{Classic: true, Inputs: 784, Latents: latents, K: latents / part, Activation: ReLU}, train.SGD{}, 256)
					})
				})
			}
		}
	}
}
