package ksparse_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"testing"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// TestModernFirstStepFails: a training that fails before or in its first step leaves the
// network as it was drawn, and the next one begins from samples.
func TestModernFirstStepFails(t *testing.T) {
	x, _ := sparseSums(1, 300, 8, 16, 2, 3)
	want := modern(t, 8, 16, 2)
	trainOn(t, want, x, x, ksparse.TrainConfig{Epochs: 2})
	bad, fails := mat.DenseCopyOf(x), errors.New("disk gone")
	bad.Set(7, 3, math.NaN())
	reads := func(fail int) func(int, int) error {
		return func(int, int) error {
			if fail--; fail == 0 {
				return fails
			}
			return nil
		}
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for name, do := range map[string]func(n *ksparse.Network) error{
		"NaN": func(n *ksparse.Network) error {
			_, err := n.Train(context.Background(), bad, bad, ksparse.TrainConfig{})
			return err
		},
		"NaN in a source": func(n *ksparse.Network) error {
			_, err := n.TrainSource(context.Background(), &rowSource{Dense: bad}, ksparse.TrainConfig{Buffer: 50})
			return err
		},
		"first read": func(n *ksparse.Network) error {
			_, err := n.TrainSource(context.Background(), &rowSource{Dense: x, before: reads(1)}, ksparse.TrainConfig{})
			return err
		},
		"a rate that is NaN": func(n *ksparse.Network) error {
			_, err := n.Train(context.Background(), x, x, ksparse.TrainConfig{Schedule: rates{math.NaN()}})
			return err
		},
		"second read": func(n *ksparse.Network) error {
			_, err := n.TrainSource(context.Background(), &rowSource{Dense: x, before: reads(2)}, ksparse.TrainConfig{Buffer: 50})
			return err
		},
		"cancelled": func(n *ksparse.Network) error {
			_, err := n.Train(gone, x, x, ksparse.TrainConfig{})
			return err
		},
	} {
		n := modern(t, 8, 16, 2)
		drawn := parameters(n)
		if err := do(n); err == nil {
			t.Errorf("%s: no error", name)
		}
		if !sameNumbers(parameters(n), drawn) {
			t.Errorf("%s: the network is not as it was drawn", name)
		}
		trainOn(t, n, x, x, ksparse.TrainConfig{Epochs: 2})
		if !sameNumbers(parameters(n), parameters(want)) {
			t.Errorf("%s: the next training is not that of a new network", name)
		}
	}
}

// TestModernGoesOn: a training that has ended goes on with more epochs or steps, with the same
// batches, and the rate by the new number of steps.
func TestModernGoesOn(t *testing.T) {
	x, _ := sparseSums(1, 300, 8, 16, 2, 3)
	cfg := ksparse.TrainConfig{Steps: 25, Checkpoint: ksparse.Checkpoint{File: filepath.Join(t.TempDir(), "checkpoint"), Resume: true}}
	first := trainOn(t, modern(t, 8, 16, 2), x, x, cfg)
	for _, more := range []ksparse.TrainConfig{{Steps: 60}, {Epochs: 9}, {Epochs: 12}, {Epochs: 20, Steps: 150}} {
		cfg.Steps, cfg.Epochs = more.Steps, more.Epochs
		h := trainOn(t, modern(t, 8, 16, 2), x, x, cfg)
		if h.Steps <= first.Steps || more.Steps > 0 && h.Steps != more.Steps || more.Epochs > 0 && more.Steps == 0 && h.Steps != 10*more.Epochs {
			t.Errorf("%+v: %d steps after %d", more, h.Steps, first.Steps)
		}
		first = h
	}
	classic := mustNew(t, ksparse.Config{Classic: true, Activation: ksparse.ReLU, PreBias: true, Mirrored: true, Inputs: 8, Latents: 16, K: 2})
	if _, err := classic.Train(context.Background(), x, x, cfg); !errors.Is(err, ksparse.ErrCheckpoint) {
		t.Errorf("a classic network goes on with a modern training: error %v", err)
	}
}

// TestReopenedEpochIsStopped: a training that goes on in the epoch that Steps had cut short, and is
// stopped before its next step, does not lose the epoch before.
func TestReopenedEpochIsStopped(t *testing.T) {
	x := uniform(1, 30, 6)
	cfg := ksparse.TrainConfig{Steps: 10, BatchSize: 8, Checkpoint: ksparse.Checkpoint{File: filepath.Join(t.TempDir(), "checkpoint"), Resume: true}}
	trainOn(t, smallNetwork(t), x, x, cfg)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	cfg.Steps = 12
	for range 3 {
		if _, err := smallNetwork(t).Train(gone, x, x, cfg); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	got := trainOn(t, smallNetwork(t), x, x, cfg)
	cfg.Checkpoint = ksparse.Checkpoint{}
	if want := trainOn(t, smallNetwork(t), x, x, cfg); len(got.Epochs) != len(want.Epochs) {
		t.Errorf("%d epochs, want %d", len(got.Epochs), len(want.Epochs))
	}
}

// TestDecayWithoutEffect: EncoderDecay that would change nothing is an error, and AuxWeight is
// for the AuxK that the modern form chooses.
func TestDecayWithoutEffect(t *testing.T) {
	x := uniform(1, 30, 6)
	decay, aux := ksparse.Recipe{EncoderDecay: 0.1}, ksparse.Recipe{AuxWeight: 0.1}
	unit := ksparse.Recipe{EncoderDecay: 0.1, UnitNorm: true}
	for _, c := range []struct {
		name   string
		net    *ksparse.Network
		recipe ksparse.Recipe
		fails  bool
	}{
		{"no sparse layer", networkOf(t, ksparse.NewLinearLayer("a", 6, 6, ksparse.Identity)), decay, true},
		{"tied, unit norm", mustNew(t, ksparse.Config{Classic: true, Tied: true, Inputs: 6, Latents: 9, K: 2}), unit, true},
		{"tied, modern", modernOf(ksparse.Config{Tied: true})(t), decay, true},
		{"tied", mustNew(t, ksparse.Config{Classic: true, Tied: true, Inputs: 6, Latents: 9, K: 2}), decay, false},
		{"unit norm", smallNetwork(t), unit, false},
		{"modern", modernOf(ksparse.Config{})(t), decay, false},
		{"AuxWeight, modern", modernOf(ksparse.Config{})(t), aux, false},
		{"AuxWeight, modern, without AuxK", modernOf(ksparse.Config{Activation: ksparse.Sigmoid})(t), aux, true},
		{"AuxWeight", smallNetwork(t), aux, true},
	} {
		_, err := c.net.Train(context.Background(), x, x, ksparse.TrainConfig{Recipe: c.recipe})
		if c.fails != errors.Is(err, ksparse.ErrRange) || !c.fails && err != nil {
			t.Errorf("%s: error %v", c.name, err)
		}
	}
}

// TestManyFarRows: rows that are far longer than the median one are no outliers where they are many, as in
// data that is silent most of the time. They are what there is to learn.
func TestManyFarRows(t *testing.T) {
	x, _ := sparseSums(3, 600, 16, 24, 2, 0)
	for i := range 600 {
		if i%10 < 6 {
			row := x.RawRowView(i)
			for j := range row {
				row[j] *= 1e-3
			}
		}
	}
	net := modern(t, 16, 32, 2)
	h := trainOn(t, net, x, x, ksparse.TrainConfig{Epochs: 30})
	last := h.Epochs[len(h.Epochs)-1]
	if h.LeftOut != 0 || !(last.FVU < 0.3) {
		t.Errorf("%d samples left out, FVU %v", h.LeftOut, last.FVU)
	}
}
