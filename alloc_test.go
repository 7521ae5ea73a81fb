//go:build !race

package ksparse

import (
	"math/rand/v2"
	"testing"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// TestEncodeIntoMakesNoGarbage: an encoder on warm buffers allocates nothing, for
// one row and for a batch.
func TestEncodeIntoMakesNoGarbage(t *testing.T) {
	net, err := New(Config{Classic: true, Inputs: 96, Latents: 1024, K: 16, Activation: ReLU})
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
		"plain":   {Config{Classic: true, Activation: ReLU}, TrainConfig{}},
		"sigmoid": {Config{Classic: true, Activation: Sigmoid, OutputActivation: Sigmoid}, TrainConfig{Optimizer: train.SGD{}, Loss: BinaryCrossEntropy}},
		"clipped": {Config{Classic: true, Activation: ReLU, Tied: true}, TrainConfig{ClipNorm: 1}},
		"recipe":  {Config{Classic: true, Activation: ReLU, PreBias: true, Normalization: LayerNorm}, TrainConfig{Recipe: Recipe{UnitNorm: true, AuxK: 8, Matryoshka: []int{100}}}},
		"modern":  {Config{}, TrainConfig{ClipNorm: 1}},
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
			if _, err := trainer.stepDense(x, x); err != nil {
				t.Fatal(err)
			}
		}
		step()
		if got := testing.AllocsPerRun(10, step); got > most {
			t.Errorf("%s: %v allocations a step, want at most %d", name, got, most)
		}
	}
}

// TestRowsMakeNoGarbage: calls of one row on warm memory allocate nothing.
func TestRowsMakeNoGarbage(t *testing.T) {
	for name, cfg := range map[string]Config{
		"plain":      {Activation: ReLU},
		"thresholds": {Selection: SelectThreshold, Activation: ReLU},
		"normalised": {Normalization: LayerNorm, PreBias: true, OutputActivation: Sigmoid},
		"narrow":     {Activation: Tanh, Normalization: UnitRMS},
	} {
		cfg.Classic = true
		cfg.Inputs, cfg.Latents, cfg.K = 96, 1024, 16
		net, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if cfg.Selection == SelectThreshold {
			if err := net.layers[0].sparse().SetThresholds(0.5); err != nil {
				t.Fatal(err)
			}
		}
		if name == "narrow" { // which Freeze keeps in float32
			for _, l := range net.layers {
				w := l.parameters().w.Float64
				for i, v := range w {
					w[i] = float64(float32(v))
				}
			}
		}
		f, err := net.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		row, narrow := normals(rand.New(rand.NewPCG(1, 2)), 96, 1), make([]float32, 96)
		for j, v := range row {
			narrow[j] = float32(v)
		}
		codes, out, narrowOut := new(Codes), make([]float64, 96), make([]float32, 96)
		for call, do := range map[string]func() error{
			"EncodeRow":    func() error { return f.EncodeRow(codes, row) },
			"EncodeRow32":  func() error { return f.EncodeRow32(codes, narrow) },
			"PredictRow":   func() error { return f.PredictRow(out, row) },
			"PredictRow32": func() error { return f.PredictRow32(narrowOut, narrow) },
		} {
			got := testing.AllocsPerRun(50, func() {
				if err := do(); err != nil {
					t.Fatal(err)
				}
			})
			if got != 0 {
				t.Errorf("%s of %s: %v allocations a call", call, name, got)
			}
		}
	}
}

// TestCodesAsInputMakeNoGarbage: what a step on codes, and a prediction of them, allocates does not grow
// with the rows or the entries.
func TestCodesAsInputMakeNoGarbage(t *testing.T) {
	const most = 40 // objects a call; one for each row would be 300 and more
	rng := rand.New(rand.NewPCG(1, 2))
	var c Codes
	c.entries.Clear(200)
	for range 3000 {
		for j := rng.IntN(20); j < 200; j += 1 + rng.IntN(20) {
			c.entries.Indices, c.entries.Values = append(c.entries.Indices, int32(j)), append(c.entries.Values, rng.Float64())
		}
		c.entries.EndRow()
	}
	net, err := NewNetwork(NewLinearLayer("a", 200, 9, ReLU), NewLinearLayer("b", 9, 3, Identity))
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := NewTrainer(net, TrainConfig{})
	if err != nil {
		t.Fatal(err)
	}
	y := uniform(3000, 3)
	out := mat.NewDense(3000, 3, nil)
	for name, call := range map[string]func() error{
		"Step":        func() error { _, err := trainer.Step(&c, y); return err },
		"PredictInto": func() error { return net.PredictInto(out, &c) },
	} {
		if err := call(); err != nil {
			t.Fatal(err)
		}
		if got := testing.AllocsPerRun(10, func() { call() }); got > most {
			t.Errorf("%s: %v allocations, want at most %d", name, got, most)
		}
	}
}
