package ksparse_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// TestTrainEarlyStopping scripts the parameters, one step an epoch, and with them
// the losses: the network gives its bias b, the target is 0, the loss b².
func TestTrainEarlyStopping(t *testing.T) {
	fails := errors.New("fails")
	for _, c := range []struct {
		name           string
		values         scripted // of the parameters after each epoch
		patience       int
		minDelta       float64
		onTrainingLoss bool
		stopAt         int // the callback stops after this step
		stopBy         error
		wantEpochs     int
		wantBest       int
		wantStop       train.StopReason
	}{
		{name: "stops after two in a row", values: scripted{9, 5, 6, 4, 5, 6, 1}, patience: 2, wantEpochs: 6, wantBest: 4, wantStop: train.StopPatience},
		{name: "one bad epoch is forgiven", values: scripted{9, 5, 6, 4, 5, 3, 4, 1}, patience: 2, wantEpochs: 8, wantBest: 8},
		{name: "patience one", values: scripted{9, 5, 6, 4}, patience: 1, wantEpochs: 3, wantBest: 2, wantStop: train.StopPatience},
		{name: "equal is not better", values: scripted{9, 5, -5, 5, 1}, patience: 2, wantEpochs: 4, wantBest: 2, wantStop: train.StopPatience},
		{name: "the first is the best", values: scripted{3, 4, 5, 6}, patience: 3, wantEpochs: 4, wantBest: 1, wantStop: train.StopPatience},
		{name: "better by MinDelta is not enough", values: scripted{5, 4, 3, 1}, patience: 2, minDelta: 16, wantEpochs: 3, wantBest: 1, wantStop: train.StopPatience},
		{name: "better by more than MinDelta", values: scripted{5, 4, 2, 2.5}, patience: 2, minDelta: 15.5, wantEpochs: 4, wantBest: 3},
		{name: "MinDelta counts from the best", values: scripted{9, 8, 7.5, 7}, patience: 3, minDelta: 30, wantEpochs: 4, wantBest: 4},
		// The training loss of an epoch is that before it: of 1, then of the values.
		{name: "on the training loss", values: scripted{0.5, 2, 3, 0.1}, patience: 2, onTrainingLoss: true, wantEpochs: 4, wantBest: 2, wantStop: train.StopPatience},
		{name: "all done", values: scripted{9, 5, 6, 7}, patience: 3, wantEpochs: 4, wantBest: 2},
		{name: "the callback stops it", values: scripted{9, 5, 6, 7}, patience: 9, stopAt: 3, stopBy: ksparse.ErrStop, wantEpochs: 3, wantBest: 2, wantStop: train.StopCallback},
		{name: "the callback fails", values: scripted{9, 5, 6, 7}, patience: 9, stopAt: 3, stopBy: fails, wantEpochs: 3, wantBest: 2, wantStop: train.StopCallback},
		{name: "cancelled", values: scripted{9, 5, 6, 7}, patience: 9, stopAt: 3, stopBy: context.Canceled, wantEpochs: 3, wantBest: 2, wantStop: train.StopContext},
		{name: "diverged", values: scripted{9, 5, 6, math.NaN()}, patience: 9, stopBy: ksparse.ErrDiverged, wantEpochs: 3, wantBest: 2, wantStop: train.StopDiverged},
		{name: "without patience the last stays", values: scripted{9, 5, 6, 7}, wantEpochs: 4, wantBest: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			net := networkOf(t, ksparse.NewLinearLayer("line", 1, 1, ksparse.Identity))
			net.Layers()[0].Biases().SetVec(0, 1)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			zero := mat.NewDense(1, 1, nil)
			cfg := ksparse.TrainConfig{
				Epochs:     len(c.values),
				Optimizer:  c.values,
				Validation: ksparse.Validation{Patience: c.patience, MinDelta: c.minDelta},
				Callback: func(p train.Progress) error {
					if p.Step != c.stopAt {
						return nil
					}
					if c.stopBy == context.Canceled {
						cancel()
						return nil
					}
					return c.stopBy
				},
			}
			if !c.onTrainingLoss {
				cfg.Validation.X, cfg.Validation.Y = zero, zero
			}
			h, err := net.Train(ctx, zero, zero, cfg)
			wantErr := c.stopBy
			if wantErr == ksparse.ErrStop {
				wantErr = nil
			}
			if !errors.Is(err, wantErr) {
				t.Fatalf("error %v, want %v", err, wantErr)
			}
			if len(h.Epochs) != c.wantEpochs || h.BestEpoch != c.wantBest || h.Stop != c.wantStop {
				t.Errorf("%d epochs, best %d, %v; want %d, %d, %v", len(h.Epochs), h.BestEpoch, h.Stop, c.wantEpochs, c.wantBest, c.wantStop)
			}
			stays := c.wantBest
			if c.patience == 0 {
				stays = c.wantEpochs
			}
			l, want := net.Layers()[0], c.values[stays-1]
			if w, b := l.Weights().At(0, 0), l.Biases().AtVec(0); w != want || b != want {
				t.Errorf("weight %v and bias %v are left, want those of epoch %d, %v", w, b, stays, want)
			}
		})
	}
}

// TestTrainRestoresTheBestEpoch: after early stopping every parameter has the bits
// of a training that ended with the best epoch.
func TestTrainRestoresTheBestEpoch(t *testing.T) {
	x, y := uniform(1, 30, 6), uniform(2, 30, 6)
	cfg := ksparse.TrainConfig{
		Epochs:       200,
		BatchSize:    8,
		LearningRate: 0.02,
		Validation:   ksparse.Validation{Patience: 4, X: uniform(4, 20, 6), Y: uniform(5, 20, 6)},
		Seed:         3,
	} // noise, that it will overfit
	stopped := smallNetwork(t)
	h := trainOn(t, stopped, x, y, cfg)
	if h.Stop != train.StopPatience || h.BestEpoch < 2 || len(h.Epochs) != h.BestEpoch+4 {
		t.Fatalf("%v after %d epochs, the best is %d: this test needs a training that overfits", h.Stop, len(h.Epochs), h.BestEpoch)
	}
	run := func(epochs int) [][]float64 {
		net, short := smallNetwork(t), cfg
		short.Epochs, short.Validation.Patience = epochs, 0
		trainOn(t, net, x, y, short)
		return parameters(net)
	}
	best, last := run(h.BestEpoch), run(len(h.Epochs))
	for i, got := range parameters(stopped) {
		if !sameBits(got, best[i]) {
			t.Errorf("layer %d, %s: not those of the best epoch", i/2, [...]string{"weights", "biases"}[i%2])
		}
		if sameBits(got, last[i]) {
			t.Errorf("layer %d, %s: those of the last epoch", i/2, [...]string{"weights", "biases"}[i%2])
		}
	}
}

func TestTrainCallbackStops(t *testing.T) {
	fails := errors.New("disk full")
	for _, c := range []struct{ returns, want error }{
		{ksparse.ErrStop, nil},
		{fmt.Errorf("seen enough: %w", ksparse.ErrStop), nil},
		{fails, fails},
		{fmt.Errorf("writing: %w", fails), fails},
	} {
		net, x := smallNetwork(t), uniform(1, 10, 6)
		calls := 0
		h, err := net.Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: 5, BatchSize: 4, Callback: func(p train.Progress) error {
			calls++
			if p.Step == 7 {
				return c.returns
			}
			return nil
		}})
		if !errors.Is(err, c.want) || (c.want != nil && err.Error() != c.returns.Error()) {
			t.Errorf("callback returns %v: got %v, want %v", c.returns, err, c.want)
		}
		if h == nil || h.Steps != 7 || len(h.Epochs) != 2 || h.Stop != train.StopCallback || calls != 7 {
			t.Errorf("callback returns %v: %d calls, history %+v", c.returns, calls, h)
		}
		// The seventh step counts: it is a training of 7 steps.
		other := smallNetwork(t)
		other.Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: 5, BatchSize: 4, Callback: stopAfter(7)})
		if !sameNumbers(parameters(net), parameters(other)) {
			t.Error("the parameters are not those after seven steps")
		}
	}
}

func stopAfter(steps int) func(train.Progress) error {
	return func(p train.Progress) error {
		if p.Step == steps {
			return ksparse.ErrStop
		}
		return nil
	}
}

func TestTrainContext(t *testing.T) {
	x := uniform(1, 10, 6)
	for _, steps := range []int{0, 1, 3, 5} { // of 3 an epoch
		ctx, cancel := context.WithCancel(context.Background())
		net, calls := smallNetwork(t), 0
		start := parameters(net)
		if steps == 0 {
			cancel()
		}
		h, err := net.Train(ctx, x, x, ksparse.TrainConfig{BatchSize: 4, Callback: func(p train.Progress) error {
			if calls++; p.Step == steps {
				cancel()
			}
			return nil
		}})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled after %d steps: error %v", steps, err)
		}
		if h == nil || h.Steps != steps || len(h.Epochs) != steps/3 || h.Stop != train.StopContext || calls != steps {
			t.Errorf("cancelled after %d steps: %d calls, history %+v", steps, calls, h)
		}
		if untouched := sameNumbers(parameters(net), start); untouched != (steps == 0) {
			t.Errorf("cancelled after %d steps: network untouched: %v", steps, untouched)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), -time.Second)
	defer cancel()
	if _, err := smallNetwork(t).Train(ctx, x, x, ksparse.TrainConfig{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the deadline: error %v", err)
	}
}

func allFinite(params [][]float64) bool {
	for _, p := range params {
		for _, v := range p {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return false
			}
		}
	}
	return true
}
