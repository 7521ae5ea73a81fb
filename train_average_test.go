package ksparse_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// averagesByHand trains without averages and returns, for each step, the average
// of the parameters over the steps so far, and what the validation would see.
func averagesByHand(t *testing.T, x *mat.Dense, cfg ksparse.TrainConfig, decay float64) (averages [][][]float64) {
	net := smallNetwork(t)
	cfg.EMA, cfg.Validation.Patience, cfg.Validation.X, cfg.Validation.Y = 0, 0, nil, nil
	var a [][]float64
	cfg.Callback = func(train.Progress) error {
		now := parameters(net)
		if a == nil {
			a = now
		}
		next := make([][]float64, len(a))
		for i := range a {
			next[i] = make([]float64, len(a[i]))
			for j := range a[i] {
				next[i][j] = decay*a[i][j] + (1-decay)*now[i][j]
			}
		}
		a = next
		averages = append(averages, a)
		return nil
	}
	trainOn(t, net, x, x, cfg)
	return averages
}

// withParameters returns a small network with the given parameters.
func withParameters(t *testing.T, params [][]float64) *ksparse.Network {
	net := smallNetwork(t)
	for i, l := range net.Layers() {
		copy(l.Weights().RawMatrix().Data, params[2*i])
		copy(l.Biases().RawVector().Data, params[2*i+1])
	}
	return net
}

func closeNumbers(a, b [][]float64, tolerance float64) bool {
	for i := range a {
		for j := range a[i] {
			if !(math.Abs(a[i][j]-b[i][j]) <= tolerance) {
				return false
			}
		}
	}
	return true
}

// TestTrainAverage: the network is left with the averages, validation measures
// them, and the training itself goes on as without.
func TestTrainAverage(t *testing.T) {
	const decay = 0.75
	// Parameters are below 4; 16 averages of three roundings each, halving every few steps.
	const tolerance = 4 * 16 * 3 * 1.1e-16
	x, valid := uniform(1, 30, 6), uniform(2, 20, 6)
	cfg := ksparse.TrainConfig{Epochs: 4, BatchSize: 8, LearningRate: 0.05, Validation: ksparse.Validation{X: valid, Y: valid}}
	averages := averagesByHand(t, x, cfg, decay)
	plain := smallNetwork(t)
	without := trainOn(t, plain, x, x, cfg)

	net := smallNetwork(t)
	cfg.EMA = decay
	var last [][]float64
	cfg.Callback = func(train.Progress) error { last = parameters(net); return nil }
	h := trainOn(t, net, x, x, cfg)
	if got, want := parameters(net), averages[len(averages)-1]; !closeNumbers(got, want, tolerance) {
		t.Error("the network is not left with the averages")
	}
	if !sameNumbers(last, parameters(plain)) {
		t.Error("the callback does not see the parameters themselves")
	}
	for i, e := range h.Epochs {
		if e.TrainLoss != without.Epochs[i].TrainLoss {
			t.Errorf("epoch %d: training loss %v, without averages %v", e.Epoch, e.TrainLoss, without.Epochs[i].TrainLoss)
		}
		want := squaredErrorByHand(t, withParameters(t, averages[4*i+3]), valid, valid)
		if !(math.Abs(e.ValidationLoss-want) <= 1e-12*want) {
			t.Errorf("epoch %d: validation loss %v, want %v, that of the averages", e.Epoch, e.ValidationLoss, want)
		}
	}
}

// TestTrainAverageIsLeft however the training ends, from the first step on.
func TestTrainAverageIsLeft(t *testing.T) {
	const decay = 0.75
	x := uniform(1, 30, 6)
	fails := errors.New("fails")
	base := ksparse.TrainConfig{Epochs: 4, BatchSize: 8, LearningRate: 0.05}
	averages := averagesByHand(t, x, base, decay)
	for _, step := range []int{1, 2, 4, 7} {
		for _, by := range []error{ksparse.ErrStop, fails, context.Canceled, ksparse.ErrDiverged} {
			net, cfg := smallNetwork(t), base
			ctx, cancel := context.WithCancel(context.Background())
			cfg.EMA = decay
			cfg.Callback = func(p train.Progress) error {
				switch {
				case p.Step != step || by == ksparse.ErrDiverged:
					return nil
				case by == context.Canceled:
					cancel()
					return nil
				}
				return by
			}
			if by == ksparse.ErrDiverged {
				factors := rates{}
				for range step {
					factors = append(factors, 1)
				}
				cfg.Schedule = append(factors, math.NaN())
			}
			h, err := net.Train(ctx, x, x, cfg)
			cancel()
			if h == nil || h.Steps != step || (by != ksparse.ErrStop) != (err != nil) {
				t.Fatalf("step %d, %v: error %v, history %+v", step, by, err, h)
			}
			if got := parameters(net); !allFinite(got) || !closeNumbers(got, averages[step-1], 1e-14) { // see TestTrainAverage
				t.Errorf("step %d, %v: the network is not left with the averages", step, by)
			}
		}
	}
	// Before the first step there is nothing to average.
	net := smallNetwork(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	net.Train(ctx, x, x, ksparse.TrainConfig{EMA: decay})
	if !sameNumbers(parameters(net), parameters(smallNetwork(t))) {
		t.Error("cancelled before the first step: the network has changed")
	}
}

// TestTrainAverageBestEpoch: with Patience the network is left with the averages of
// the epoch that was best by them.
func TestTrainAverageBestEpoch(t *testing.T) {
	x, y := uniform(1, 30, 6), uniform(2, 30, 6)
	cfg := ksparse.TrainConfig{
		Epochs:       200,
		BatchSize:    8,
		LearningRate: 0.02,
		Validation:   ksparse.Validation{Patience: 4, X: uniform(4, 20, 6), Y: uniform(5, 20, 6)},
		EMA:          0.9,
		Seed:         3,
	}
	stopped := smallNetwork(t)
	h := trainOn(t, stopped, x, y, cfg)
	if h.Stop != train.StopPatience || h.BestEpoch < 2 {
		t.Fatalf("%v, the best epoch is %d: this test needs a training that overfits", h.Stop, h.BestEpoch)
	}
	for i, e := range h.Epochs {
		if e.ValidationLoss < h.Epochs[h.BestEpoch-1].ValidationLoss {
			t.Errorf("epoch %d is better than the best", i+1)
		}
	}
	short := smallNetwork(t)
	cfg.Epochs, cfg.Validation.Patience = h.BestEpoch, 0
	trainOn(t, short, x, y, cfg)
	if !sameNumbers(parameters(stopped), parameters(short)) {
		t.Error("not the averages of the best epoch")
	}
}
