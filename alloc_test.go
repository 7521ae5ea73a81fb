//go:build !race

package ksparse

import (
	"math/rand/v2"
	"testing"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/train"
)

// TestEncodeIntoMakesNoGarbage: an encoder on warm buffers allocates nothing, for
// one row and for a batch.
func TestEncodeIntoMakesNoGarbage(t *testing.T) {
	net, err := New(Config{Inputs: 96, Latents: 1024, K: 16, Activation: ReLU})
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"on", "off"} {
		withScreening(mode, func() {
			e, err := net.Freeze()
			if err != nil {
				t.Fatal(err)
			}
			for _, rows := range []int{1, 100} {
				x, codes := gauss(rand.New(rand.NewPCG(1, 2)), rows, 96), new(Codes)
				got := testing.AllocsPerRun(20, func() {
					if err := e.EncodeInto(codes, x); err != nil {
						t.Fatal(err)
					}
				})
				if got != 0 {
					t.Errorf("screening %s, %d rows: %v allocations a call", mode, rows, got)
				}
			}
		})
	}
}

// TestStepMakesNoGarbage: what a training step on warm buffers allocates (the loops'
// closures) does not grow with the batch, the latents or the inputs.
func TestStepMakesNoGarbage(t *testing.T) {
	const most = 40 // objects a step; one for each row would be 300 and more
	for name, c := range map[string]struct {
		model Config
		train TrainConfig
	}{
		"plain":   {Config{Activation: ReLU}, TrainConfig{}},
		"sigmoid": {Config{Activation: Sigmoid, OutputActivation: Sigmoid}, TrainConfig{Optimizer: train.SGD{}, Loss: BinaryCrossEntropy}},
		"clipped": {Config{Activation: ReLU, Tied: true}, TrainConfig{ClipNorm: 1}},
		"recipe":  {Config{Activation: ReLU, PreBias: true, Normalization: LayerNorm}, TrainConfig{Recipe: Recipe{UnitNorm: true, AuxK: 8, Matryoshka: []int{100}}}},
	} {
		c.model.Inputs, c.model.Latents, c.model.K = 300, 400, 10
		net, err := New(c.model)
		if err != nil {
			t.Fatal(err)
		}
		c.train.LearningRate = 1e-3
		trainer := trainerOf(t, net, c.train, 1)
		x := dense.View(uniform(350, 300))
		step := func() {
			idle := trainer.stepper.Idle()
			for j := range idle { // some dead latents
				idle[j] = int64(j%10) - 8
			}
			if _, err := trainer.step(x, x); err != nil {
				t.Fatal(err)
			}
		}
		step()
		if got := testing.AllocsPerRun(10, step); got > most {
			t.Errorf("%s: %v allocations a step, want at most %d", name, got, most)
		}
	}
}
