package ksparse_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/train"
)

// TestSteps: a training ends after its steps or its epochs, whichever comes first, and
// tells how many of both there will be. 25 samples in batches of 10 are 3 steps an epoch.
func TestSteps(t *testing.T) {
	x := uniform(1, 25, 6)
	for _, c := range []struct{ epochs, steps, wantSteps, wantEpochs int }{
		{0, 0, 30, 10}, {2, 0, 6, 2}, {0, 1, 1, 1}, {0, 3, 3, 1}, {0, 4, 4, 2}, {0, 7, 7, 3},
		{2, 5, 5, 2}, {2, 6, 6, 2}, {2, 7, 6, 2}, {100, 4, 4, 2}, {math.MaxInt, 4, 4, 2}, {1, math.MaxInt, 3, 1},
	} {
		var last train.Progress
		h, err := smallNetwork(t).Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: c.epochs, Steps: c.steps, BatchSize: 10,
			Callback: func(p train.Progress) error { last = p; return nil }})
		if err != nil {
			t.Fatal(err)
		}
		if h.Steps != c.wantSteps || len(h.Epochs) != c.wantEpochs || h.Stop != train.StopDone || last.Step != h.Steps || last.Steps != h.Steps ||
			last.Epoch != c.wantEpochs || last.Epochs != c.wantEpochs || !last.EpochEnd {
			t.Errorf("%+v: %d steps in %d epochs, %v, and in the end %+v", c, h.Steps, len(h.Epochs), h.Stop, last)
		}
	}
}

// TestEndless: numbers of epochs and steps that overflow stand for a training until the
// callback stops it.
func TestEndless(t *testing.T) {
	x := uniform(1, 25, 6)
	for _, cfg := range []ksparse.TrainConfig{{Epochs: math.MaxInt}, {Steps: math.MaxInt}, {Epochs: math.MaxInt / 2}, {Epochs: math.MaxInt, Steps: math.MaxInt}} {
		cfg.BatchSize, cfg.Callback = 10, stopAfter(8)
		h, err := smallNetwork(t).Train(context.Background(), x, x, cfg)
		if err != nil || h.Steps != 8 || h.Stop != train.StopCallback {
			t.Errorf("%d epochs, %d steps: history %+v, error %v", cfg.Epochs, cfg.Steps, h, err)
		}
	}
}

// TestStepsOfAStream: MaxNorm leaves samples out, so epochs have fewer steps than were
// counted; there are as many as the steps take, and the schedule comes to its end.
func TestStepsOfAStream(t *testing.T) {
	src, err := data.FromMatrix(uniform(3, 100, 6))
	if err != nil {
		t.Fatal(err)
	}
	for _, steps := range []int{1, 20, 41} {
		net := smallNetwork(t)
		var last train.Progress
		cfg := ksparse.TrainConfig{Steps: steps, BatchSize: 10, Buffer: 30, MaxNorm: 1, Schedule: train.LinearDecay{}, LearningRate: 1,
			Optimizer: train.SGD{}, ClipNorm: 1e-6, Callback: func(p train.Progress) error { last = p; return nil }}
		h, err := net.TrainSource(context.Background(), src, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if want := 1 - float64(steps-1)/float64(steps); h.Steps != steps || h.LeftOut == 0 || math.Abs(last.LearningRate-want) > 1e-12 {
			t.Errorf("%d steps of %d, the last at the rate %v, want %v", h.Steps, steps, last.LearningRate, want)
		}
	}
}

// TestNilSettings: nil pointers in interfaces are errors.
func TestNilSettings(t *testing.T) {
	x := uniform(1, 25, 6)
	for _, cfg := range []ksparse.TrainConfig{{Optimizer: (*train.Adam)(nil)}, {Schedule: (*train.CosineDecay)(nil)}} {
		if _, err := smallNetwork(t).Train(context.Background(), x, x, cfg); !errors.Is(err, ksparse.ErrEmpty) {
			t.Errorf("error %v", err)
		}
	}
	if _, err := smallNetwork(t).TrainSource(context.Background(), (*data.Npy)(nil), ksparse.TrainConfig{}); !errors.Is(err, ksparse.ErrEmpty) {
		t.Errorf("a nil source: error %v", err)
	}
}
