package ksparse_test

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// TestResumeNamesWhatDiffers: the error names the setting that was changed, not one that
// follows from it.
func TestResumeNamesWhatDiffers(t *testing.T) {
	x := normal(rand.New(rand.NewPCG(1, 2)), 64, 6)
	x.Set(3, 0, 50) // MaxNorm leaves it out
	epochs := func(c *ksparse.TrainConfig) { c.Epochs = 3 }
	steps := func(c *ksparse.TrainConfig) { c.Steps = 20 }
	both := func(c *ksparse.TrainConfig) { c.Steps, c.Epochs = 20, 100 }
	for name, change := range map[string]func(c *ksparse.TrainConfig){
		"TrainConfig.Seed":                func(c *ksparse.TrainConfig) { c.Seed = 7 },
		"TrainConfig.BatchSize":           func(c *ksparse.TrainConfig) { c.BatchSize = 9 },
		"TrainConfig.MaxNorm":             func(c *ksparse.TrainConfig) { c.MaxNorm = 5 },
		"TrainConfig.Loss":                func(c *ksparse.TrainConfig) { c.Loss = ksparse.SoftmaxCrossEntropy },
		"TrainConfig.Optimizer":           func(c *ksparse.TrainConfig) { c.Optimizer = train.SGD{} },
		"TrainConfig.LearningRate":        func(c *ksparse.TrainConfig) { c.LearningRate = 1 },
		"TrainConfig.Schedule":            func(c *ksparse.TrainConfig) { c.Schedule = train.CosineDecay{} },
		"TrainConfig.EMA":                 func(c *ksparse.TrainConfig) { c.EMA = 0.5 },
		"TrainConfig.Recipe.UnitNorm":     func(c *ksparse.TrainConfig) { c.Recipe.UnitNorm = true },
		"TrainConfig.Recipe.AuxK":         func(c *ksparse.TrainConfig) { c.Recipe.AuxK = 2 },
		"TrainConfig.Validation.Fraction": func(c *ksparse.TrainConfig) { c.Validation.Fraction = 0.5 },
		"TrainConfig.Validation.Patience": func(c *ksparse.TrainConfig) { c.Validation.Patience = 50 },
	} {
		for _, length := range []func(c *ksparse.TrainConfig){epochs, steps, both} {
			resumeNames(t, name, length, func(c *ksparse.TrainConfig) { length(c); change(c) }, x)
		}
	}
}

// resumeNames trains with one configuration, resumes with another, and wants the error to
// name that setting.
func resumeNames(t *testing.T, name string, first, second func(c *ksparse.TrainConfig), x *mat.Dense) {
	t.Helper()
	y := mat.NewDense(64, 6, nil) // probabilities, which every loss takes
	for i := range 64 {
		y.Set(i, i%6, 1)
	}
	file := filepath.Join(t.TempDir(), "checkpoint")
	run := func(set func(c *ksparse.TrainConfig)) error {
		net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 6, Latents: 12, K: 3, Activation: ksparse.ReLU})
		if err != nil {
			t.Fatal(err)
		}
		cfg := ksparse.TrainConfig{BatchSize: 10, Checkpoint: ksparse.Checkpoint{File: file, Resume: true}}
		set(&cfg)
		_, err = net.Train(t.Context(), x, y, cfg)
		return err
	}
	if err := run(first); err != nil {
		t.Fatal(err)
	}
	err := run(second)
	if !errors.Is(err, ksparse.ErrCheckpoint) || !strings.Contains(err.Error(), ": "+name+" is ") {
		t.Errorf("another %s: error %v", name, err)
	}
}
