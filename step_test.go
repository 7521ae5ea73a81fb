package ksparse

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// stepIsBackprop compares the loss and all gradients of a training step with those of
// Backprop: all numbers are equal.
func stepIsBackprop(t *testing.T, name string, net *Network, x, y matrix.Rows, loss Loss) {
	t.Helper()
	catcher := new(gradientCatcher)
	trainer := trainerOf(t, net, TrainConfig{Optimizer: catcher, Loss: loss}, math.NaN())
	pass, err := net.Forward(dense.Of(x))
	if err != nil {
		t.Fatal(name, err)
	}
	want, err := net.Backprop(pass, dense.Of(y), loss)
	if err != nil {
		t.Fatal(name, err)
	}
	report, err := trainer.stepDense(x, y)
	if err != nil {
		t.Fatal(name, err)
	}
	if report.Loss != want.Loss() {
		t.Errorf("%s: the step has the loss %v, Backprop %v", name, report.Loss, want.Loss())
	}
	for i := range net.layers {
		if got := catcher.of(t, weightsOf(net, i).Data); !slices.Equal(got, dense.View(want.Weights(i)).Data) {
			t.Errorf("%s: the gradients of the weights of layer %d are %v, want %v", name, i, got, dense.View(want.Weights(i)).Data)
		}
		if got := catcher.of(t, biasesOf(net, i)); !slices.Equal(got, want.Biases(i).RawVector().Data) {
			t.Errorf("%s: the gradients of the biases of layer %d are %v, want %v", name, i, got, want.Biases(i).RawVector().Data)
		}
	}
}

// TestStepIsBackprop: whatever way a step takes through the last layer and the loss, it
// has the gradients of Backprop, for every activation and on every kernel path.
func TestStepIsBackprop(t *testing.T) {
	shapes := []struct{ rows, in, latents, k int }{
		{1, 1, 1, 1}, {1, 3, 2, 1}, {2, 9, 5, 5}, {3, 64, 10, 1}, {17, 65, 40, 7}, {40, 100, 90, 12},
		{33, 256, 20, 3}, {5, 257, 30, 30}, {70, 531, 200, 25}, {300, 70, 64, 40},
	}
	for _, path := range kernel.Available() {
		t.Run(path, func(t *testing.T) {
			defer kernel.Use(path)()
			rng := rand.New(rand.NewPCG(71, 72))
			for _, shape := range shapes {
				for act := range activations {
					n, err := NewNetwork(NewSparseLayer("encoder", shape.in, shape.latents, shape.k, ReLU),
						NewLinearLayer("decoder", shape.latents, shape.in, act))
					if err != nil {
						t.Fatal(err)
					}
					copy(biasesOf(n, 1), normals(rng, shape.in, 1))
					x, y := gauss(rng, shape.rows, shape.in), gauss(rng, shape.rows, shape.in)
					stepIsBackprop(t, fmt.Sprintf("%+v, %v", shape, act), n, dense.View(x), dense.View(y), SquaredError)
					if t.Failed() {
						return
					}
				}
			}
		})
	}
}

// TestStepOfModelsIsBackprop: the same for every part of a model and every loss.
func TestStepOfModelsIsBackprop(t *testing.T) {
	for name, cfg := range map[string]Config{
		"plain":                 {},
		"pre-bias":              {PreBias: true},
		"tied":                  {Tied: true},
		"tied, pre-bias":        {Tied: true, PreBias: true, Activation: ReLU},
		"layer norm":            {Normalization: LayerNorm},
		"unit rms, pre-bias":    {Normalization: UnitRMS, PreBias: true},
		"scaled, not undone":    {Normalization: DatasetScale, Scale: 0.3, NoUndo: true},
		"signed":                {Selection: SelectAbsTopK},
		"batch":                 {Selection: SelectBatchTopK, Activation: ReLU},
		"batch, linear":         {Selection: SelectBatchTopK},
		"threshold":             {Selection: SelectThreshold, Activation: Tanh},
		"groups":                {Selection: SelectGroupMax, Activation: ReLU},
		"sigmoid output":        {OutputActivation: Sigmoid},
		"sigmoid output, tied":  {OutputActivation: Sigmoid, Tied: true, PreBias: true},
		"dense, sigmoid output": {OutputActivation: Sigmoid, K: 48},
	} {
		cfg.Classic = true
		cfg.Inputs, cfg.Latents, cfg.K = 19, 48, max(cfg.K, 4)
		for loss := range losses {
			if loss == BinaryCrossEntropy && cfg.OutputActivation != Sigmoid {
				continue // its outputs would not be in [0, 1]
			}
			for _, mode := range []string{"on", "off"} {
				withScreening(mode, func() {
					stepOfModel(t, fmt.Sprint(name, ", ", loss, ", screening ", mode), cfg, loss)
				})
			}
		}
	}
}

// stepOfModel compares a step of the network of cfg, for an autoencoder's target and
// for another.
func stepOfModel(t *testing.T, name string, cfg Config, loss Loss) {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 6))
	n, err := New(cfg)
	if err != nil {
		t.Fatal(name, err)
	}
	for i := range n.layers {
		copy(biasesOf(n, i), normals(rng, len(biasesOf(n, i)), 0.2))
	}
	if cfg.Selection == SelectThreshold {
		if err := n.layers[0].(*SparseLayer).SetThresholds(0.3); err != nil {
			t.Fatal(name, err)
		}
	}
	x, y := uniform(37, cfg.Inputs), gauss(rng, 37, cfg.Inputs)
	for i := range 37 {
		row, sum := x.RawRowView(i), 0.0
		for _, v := range row {
			sum += v
		}
		for j := range row {
			row[j] /= sum // probabilities, as every loss takes them
		}
	}
	stepIsBackprop(t, name, n, dense.View(x), dense.View(x), loss)
	if loss == SquaredError {
		stepIsBackprop(t, name+", other targets", n, dense.View(x), dense.View(y), loss)
	}
}
