package ksparse_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/train"
)

// TestLoadCheckpoint: a checkpoint has the network that the training leaves, with all its
// parts, wherever it ends.
func TestLoadCheckpoint(t *testing.T) {
	for _, c := range resumables() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // most of the time goes into waiting for the disk
			for _, stop := range []int{0, 1, 3, 4, 6, -1} {
				if stop == 0 && c.source {
					continue // the source is read before training begins
				}
				net, cfg := c.net(t), c.cfg
				cfg.Checkpoint.File = filepath.Join(t.TempDir(), "checkpoint")
				ctx, cancel := context.WithCancel(context.Background())
				if stop == 0 {
					cancel()
				}
				cfg.Callback = func(p train.Progress) error {
					if p.Step == stop {
						return ksparse.ErrStop
					}
					return nil
				}
				_, err := c.run(ctx, net, cfg)
				cancel()
				if (err != nil) != (stop == 0) {
					t.Fatal(err)
				}
				got, err := ksparse.LoadCheckpoint(cfg.Checkpoint.File)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(saved(t, got), saved(t, net)) {
					t.Errorf("stopped after step %d: the network of the checkpoint is %v, want %v and its parameters", stop, got, net)
				}
			}
		})
	}
}

// TestLoadCheckpointParts: names, wiring, scale and thresholds that nobody trains.
func TestLoadCheckpointParts(t *testing.T) {
	x := uniform(1, 40, 6)
	encoder := ksparse.NewSparseLayer("<é> & \"one\"", 6, 8, 3, ksparse.GELU)
	jump := ksparse.NewSparseLayer("two", 8, 10, 0, ksparse.Tanh)
	net := networkOf(t, encoder, jump, ksparse.NewLinearLayer("three", 10, 8, ksparse.Sigmoid), ksparse.NewLinearLayer("four", 8, 6, ksparse.LeakyReLU))
	err := errors.Join(jump.SetSelection(ksparse.SelectThreshold), jump.SetThresholds(1, 2, 3, 4, 5, 6, 7, 8, 9, -10),
		encoder.SetSelection(ksparse.SelectThreshold), encoder.SetThresholds(0.25), encoder.SetSelection(ksparse.SelectTopK),
		net.Wire(ksparse.Wiring{PreBias: true, Tied: true, Normalization: ksparse.DatasetScale, Scale: 1.0 / 3, Undo: true}))
	if err != nil {
		t.Fatal(err)
	}
	cfg := ksparse.TrainConfig{Epochs: 2, EMA: 0.5, Checkpoint: ksparse.Checkpoint{File: filepath.Join(t.TempDir(), "checkpoint")}}
	trainOn(t, net, x, x, cfg)
	got, err := ksparse.LoadCheckpoint(cfg.Checkpoint.File)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(saved(t, got), saved(t, net)) {
		t.Errorf("the network of the checkpoint is %v, want %v and its parameters", got, net)
	}
	// Resuming takes thresholds, which are settings, from the checkpoint as well.
	other := reloaded(t, net)
	if err := other.Layers()[1].(*ksparse.SparseLayer).SetThresholds(100); err != nil {
		t.Fatal(err)
	}
	cfg.Checkpoint.Resume = true
	trainOn(t, other, x, x, cfg)
	if !bytes.Equal(saved(t, other), saved(t, net)) {
		t.Error("the resumed network differs")
	}
}

// TestLoadCheckpointErrors: what is no checkpoint is refused with what it is.
func TestLoadCheckpointErrors(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "checkpoint")
	x, net := uniform(1, 10, 6), smallNetwork(t)
	trainOn(t, net, x, x, ksparse.TrainConfig{Epochs: 1, Checkpoint: ksparse.Checkpoint{File: file}})
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(path string, want error, says string) {
		t.Helper()
		if n, err := ksparse.LoadCheckpoint(path); n != nil || !errors.Is(err, want) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), filepath.Base(path)) {
			t.Errorf("error %v, want %v that says %q", err, want, says)
		}
	}
	refused(folder, ksparse.ErrFormat, "folder")
	refused(filepath.Join(folder, "none"), fs.ErrNotExist, "none")
	damaged := filepath.Join(folder, "damaged")
	for i := 0; i < len(data); i += 1 + i/50 { // each byte at first, then fewer
		for _, d := range [][]byte{data[:i], append(append(bytes.Clone(data[:i]), data[i]^4), data[i+1:]...)} {
			if err := os.WriteFile(damaged, d, 0o666); err != nil {
				t.Fatal(err)
			}
			refused(damaged, ksparse.ErrFormat, "")
		}
	}
	network := filepath.Join(folder, "network")
	if err := net.SaveFile(network); err != nil {
		t.Fatal(err)
	}
	refused(network, ksparse.ErrFormat, "ksparse.LoadFile or pretrained.Open opens it")
	if _, err := ksparse.LoadFile(file); !errors.Is(err, ksparse.ErrFormat) || !strings.Contains(err.Error(), "ksparse.LoadCheckpoint or pretrained.Open opens it") {
		t.Errorf("LoadFile: error %v", err)
	}
	_, err = smallNetwork(t).Train(context.Background(), x, x, ksparse.TrainConfig{Checkpoint: ksparse.Checkpoint{File: network, Resume: true}})
	if !errors.Is(err, ksparse.ErrFormat) || !strings.Contains(err.Error(), "ksparse.LoadFile or pretrained.Open opens it") {
		t.Errorf("Resume: error %v", err)
	}
}

// TestContinue: a training that has ended, at the end of an epoch or in the midst of one,
// goes on for more epochs as if it had been asked for them at first.
func TestContinue(t *testing.T) {
	for _, c := range resumables() {
		if _, constant := c.cfg.Schedule.(train.ConstantRate); c.byStep || c.cfg.Schedule != nil && !constant || c.cfg.Recipe.KStart > 0 {
			continue // these go by the number of steps
		}
		patience := c.cfg.Validation.Patience > 0
		if patience {
			c.cfg.Epochs, c.cfg.Validation.Patience = 6, 6
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // most of the time goes into waiting for the disk
			want, steps := c.uninterrupted(t)
			want.progress = nil
			for _, first := range []ksparse.TrainConfig{{Epochs: 1}, {Epochs: 2}, {Steps: 2}, {Steps: 7}, {Epochs: 3, Steps: 7}, {Steps: steps - 1}} {
				got, cfg := &outcome{}, c.cfg
				cfg.Checkpoint.File, cfg.Checkpoint.Resume = filepath.Join(t.TempDir(), "checkpoint"), true
				longer := cfg
				cfg.Epochs, cfg.Steps = first.Epochs, first.Steps
				part, err := c.run(context.Background(), c.net(t), cfg)
				if err != nil || part.Steps >= steps || cfg.Steps > 0 && part.Steps != cfg.Steps {
					t.Fatalf("%+v: history %+v, error %v", first, part, err)
				}
				net := c.net(t)
				net.Init(99)
				h, err := c.run(context.Background(), net, longer)
				if err != nil {
					t.Fatal(err)
				}
				if patience && first.Steps > 0 {
					continue // what the network was at the cut may be the best
				}
				got.end(net, h)
				t.Run(fmt.Sprintf("%d epochs, %d steps", first.Epochs, first.Steps), func(t *testing.T) { got.compare(t, want) })
			}
		})
	}
}

// TestContinueTwice: longer and longer, a step at a time, through epochs' ends.
func TestContinueTwice(t *testing.T) {
	x := uniform(1, 30, 6)
	cfg := ksparse.TrainConfig{BatchSize: 8, EMA: 0.8, Validation: ksparse.Validation{Fraction: 0.1}}
	want, got := smallNetwork(t), smallNetwork(t)
	cfg.Steps = 10
	wantHistory := trainOn(t, want, x, x, cfg)
	cfg.Checkpoint = ksparse.Checkpoint{File: filepath.Join(t.TempDir(), "checkpoint"), Resume: true}
	var h *train.History
	for cfg.Steps = 1; cfg.Steps <= 10; cfg.Steps++ {
		h = trainOn(t, got, x, x, cfg)
	}
	if !sameNumbers(parameters(got), parameters(want)) || len(h.Epochs) != len(wantHistory.Epochs) || h.Steps != 10 {
		t.Errorf("history %+v, want %+v", h, wantHistory)
	}
	// In the midst of an epoch that may be the best, too.
	cfg.Validation.Patience, cfg.Checkpoint.File = 3, filepath.Join(t.TempDir(), "checkpoint")
	for cfg.Steps = 1; cfg.Steps <= 10; cfg.Steps++ {
		h = trainOn(t, got, x, x, cfg)
		if h.Stop != train.StopPatience && h.Steps != cfg.Steps || h.BestEpoch < 1 || h.BestEpoch > len(h.Epochs) {
			t.Errorf("%d steps: history %+v", cfg.Steps, h)
		}
	}
}

// TestMorePatience: a training that was stopped early goes on with more patience.
func TestMorePatience(t *testing.T) {
	x, y := uniform(1, 30, 6), uniform(2, 30, 6)
	cfg := ksparse.TrainConfig{Epochs: 60, BatchSize: 8, LearningRate: 0.05, Validation: ksparse.Validation{Patience: 1, X: uniform(4, 20, 6), Y: uniform(5, 20, 6)}}
	cfg.Checkpoint = ksparse.Checkpoint{File: filepath.Join(t.TempDir(), "checkpoint"), Resume: true}
	first := trainOn(t, smallNetwork(t), x, y, cfg)
	cfg.Validation.Patience = 4
	got := smallNetwork(t)
	h := trainOn(t, got, x, y, cfg)
	cfg.Checkpoint = ksparse.Checkpoint{}
	want := smallNetwork(t)
	wantHistory := trainOn(t, want, x, y, cfg)
	if first.Stop != train.StopPatience || len(h.Epochs) != len(wantHistory.Epochs) || h.BestEpoch != wantHistory.BestEpoch || len(h.Epochs) <= len(first.Epochs) {
		t.Errorf("first %+v\nthen %+v\nwant %+v", first, h, wantHistory)
	}
	if !sameNumbers(parameters(got), parameters(want)) {
		t.Error("the parameters differ")
	}
}

// TestContinueByNewSchedule: the rate goes by the new number of steps.
func TestContinueByNewSchedule(t *testing.T) {
	x := uniform(1, 32, 6)
	cfg := ksparse.TrainConfig{Epochs: 2, BatchSize: 8, LearningRate: 0.5, Schedule: train.LinearDecay{}}
	cfg.Checkpoint = ksparse.Checkpoint{File: filepath.Join(t.TempDir(), "checkpoint"), Resume: true}
	trainOn(t, smallNetwork(t), x, x, cfg)
	cfg.Epochs = 4
	cfg.Callback = func(p train.Progress) error {
		if want := 0.5 * (train.LinearDecay{}).Factor(p.Step-1, 16); p.Step <= 8 || p.Steps != 16 || p.LearningRate != want {
			t.Errorf("step %d of %d has the rate %v, want %v", p.Step, p.Steps, p.LearningRate, want)
		}
		return nil
	}
	if h := trainOn(t, smallNetwork(t), x, x, cfg); len(h.Epochs) != 4 || h.Steps != 16 {
		t.Errorf("history %+v", h)
	}
	cfg.Epochs = 3
	if _, err := smallNetwork(t).Train(context.Background(), x, x, cfg); !errors.Is(err, ksparse.ErrCheckpoint) || !strings.Contains(err.Error(), "4 epochs done, TrainConfig asks for 3 in all") {
		t.Errorf("fewer epochs: error %v", err)
	}
}
