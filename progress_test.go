package ksparse_test

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/train"
)

// watch trains with cfg and returns what the callback was told. Each call of the callback
// takes pause, and the one after step stop ends the training.
func watch(t *testing.T, cfg ksparse.TrainConfig, pause time.Duration, stop int) (all []train.Progress, h *train.History) {
	t.Helper()
	net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 5, Latents: 12, K: 3})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Callback = func(p train.Progress) error {
		all = append(all, p)
		time.Sleep(pause)
		if p.Step == stop {
			return ksparse.ErrStop
		}
		return nil
	}
	x := uniform(3, 50, 5)
	if h, err = net.Train(t.Context(), x, x, cfg); err != nil {
		t.Fatal(err)
	}
	return all, h
}

// TestProgressLeft: the time left is that of the steps of this call, for a training that was
// resumed, too, and 0 at the end.
func TestProgressLeft(t *testing.T) {
	const steps, pause = 90, 2 * time.Millisecond
	cfg := ksparse.TrainConfig{Steps: steps, BatchSize: 20, Checkpoint: ksparse.Checkpoint{File: filepath.Join(t.TempDir(), "c"), Resume: true}}
	watch(t, cfg, 0, 50) // fast steps, of which the estimate must not know
	start := time.Now()
	all, _ := watch(t, cfg, pause, 0)
	took := time.Since(start)
	for _, p := range all {
		done, left := p.Step-50, steps-p.Step
		least := time.Duration(done-1) * pause * time.Duration(left) / time.Duration(done) // the callback has slept as often
		most := took * time.Duration(left) / time.Duration(done)
		if p.Left < least || p.Left > most {
			t.Errorf("after step %d of %d: %v left, want %v to %v", p.Step, steps, p.Left, least, most)
		}
	}
	if last := all[len(all)-1]; last.Step != steps || last.Left != 0 {
		t.Errorf("after the last step: %+v", last)
	}

	for _, epochs := range []int{math.MaxInt, math.MaxInt / 50} { // no overflow
		all, _ := watch(t, ksparse.TrainConfig{Epochs: epochs}, 0, 3)
		if p := all[2]; p.Left <= 0 {
			t.Errorf("%d epochs: %v left", epochs, p.Left)
		}
	}
	all, _ = watch(t, ksparse.TrainConfig{Epochs: 50, BatchSize: 25, LearningRate: 1e-9, Validation: ksparse.Validation{Patience: 2, MinDelta: 1e9}}, 0, 0)
	if len(all) != 6 || all[1].Left == 0 {
		t.Errorf("with Patience: %d steps, %v left", len(all), all[1].Left)
	}

	net, x := autoencoder(t, 5, 12, 3, ksparse.Identity), uniform(3, 50, 5)
	for _, steps := range []int{0, 4} {
		trainer, err := ksparse.NewTrainer(net, ksparse.TrainConfig{Steps: steps})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			p, err := trainer.Step(x, x)
			if err != nil || (p.Left > 0) != (steps > 0) {
				t.Errorf("step %d of %d by hand: %v left, error %v", n+1, steps, p.Left, err)
			}
		}
	}
}

// TestProgressEpochFVU: it is the mean over the epoch's samples up to now, and at its end that
// of the history; in an epoch that was resumed in its middle, too.
func TestProgressEpochFVU(t *testing.T) {
	cfg := ksparse.TrainConfig{Epochs: 4, BatchSize: 20, Checkpoint: ksparse.Checkpoint{File: filepath.Join(t.TempDir(), "c"), Resume: true}}
	first, _ := watch(t, cfg, 0, 5) // in the middle of the second epoch
	rest, h := watch(t, cfg, 0, 0)
	sum, samples, epoch := 0.0, 0.0, 0
	for _, p := range append(first, rest...) {
		if p.Epoch != epoch {
			sum, samples, epoch = 0, 0, p.Epoch
		}
		rows := 20.0
		if p.EpochEnd {
			rows = 10
		}
		sum, samples = sum+p.FVU*rows, samples+rows
		if !(math.Abs(p.EpochFVU-sum/samples) <= 1e-14) {
			t.Errorf("step %d: EpochFVU %v, want %v", p.Step, p.EpochFVU, sum/samples)
		}
		if p.EpochEnd && p.EpochFVU != h.Epochs[p.Epoch-1].FVU {
			t.Errorf("epoch %d: EpochFVU %v, in the history %v", p.Epoch, p.EpochFVU, h.Epochs[p.Epoch-1].FVU)
		}
	}
}
