package ksparse_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// resumable is a training that the tests interrupt.
type resumable struct {
	name   string
	net    func(t testing.TB) *ksparse.Network // nil stands for smallNetwork
	x, y   *mat.Dense                          // y nil stands for x
	source bool                                // train from a Source
	ahead  bool                                // that is read ahead
	before func(lo, hi int) error              // called before each of its reads
	cfg    ksparse.TrainConfig
	byStep bool // the rate or the k goes by the number of steps
}

// outlying is uniform with some rows far longer than the others.
func outlying(seed uint64, rows, cols int) *mat.Dense {
	m := uniform(seed, rows, cols)
	for i := 1; i < rows; i += 7 {
		for j := range cols {
			m.Set(i, j, 100+m.At(i, j))
		}
	}
	return m
}

// resumables have 4 steps an epoch or more, the last batch short.
func resumables() []resumable {
	x := uniform(1, 30, 6)
	momentum := train.SGD{Momentum: 0.9}
	overfits := ksparse.TrainConfig{Epochs: 60, LearningRate: 0.05, Validation: ksparse.Validation{Patience: 2, X: uniform(4, 20, 6), Y: uniform(5, 20, 6)}}
	averaged := overfits
	averaged.EMA = 0.8
	all := []resumable{
		{name: "adam", x: x},
		{name: "momentum, clipped, warm-up", x: x, cfg: ksparse.TrainConfig{Optimizer: momentum, ClipNorm: 0.1, Schedule: train.Warmup{Steps: 5, Then: &train.CosineDecay{}}}},
		{name: "another target", x: x, y: uniform(2, 30, 6), cfg: ksparse.TrainConfig{Optimizer: train.AdamW{}, L1: 1e-3}},
		{name: "held out", x: x, cfg: ksparse.TrainConfig{Validation: ksparse.Validation{Fraction: 0.2}, Optimizer: train.RMSProp{}}},
		{name: "early stopping", x: x, y: uniform(2, 30, 6), cfg: overfits},
		{name: "early stopping on averages", x: x, y: uniform(2, 30, 6), cfg: averaged},
		{name: "averages", x: x, cfg: ksparse.TrainConfig{EMA: 0.9, Optimizer: train.AdaGrad{}}},
		{name: "outliers left out", x: outlying(3, 35, 6), cfg: ksparse.TrainConfig{MaxNorm: 3}},
		{name: "recipe", x: x, cfg: ksparse.TrainConfig{Recipe: ksparse.Recipe{UnitNorm: true, AuxK: 2, DeadAfter: 20, MultiTopK: 0.125, KStart: 5}, EMA: 0.5}},
		{name: "pre-bias, tied, of the whole batch", x: x, net: modelOf(ksparse.Config{Classic: true, PreBias: true, Tied: true, Selection: ksparse.SelectBatchTopK}),
			cfg: ksparse.TrainConfig{Recipe: ksparse.Recipe{AuxK: 3, DeadAfter: 16}, EMA: 0.8, Validation: ksparse.Validation{Patience: 2, Fraction: 0.2}, Optimizer: momentum, LearningRate: 0.01}},
		{name: "mirrored, normalised, prefixes", x: x, net: modelOf(ksparse.Config{Classic: true, PreBias: true, Mirrored: true, Normalization: ksparse.LayerNorm}),
			cfg: ksparse.TrainConfig{Recipe: ksparse.Recipe{UnitNorm: true, Matryoshka: []int{3, 6}, KStart: 6, KAnneal: 0.7, AuxK: 2, DeadAfter: 16}, ClipNorm: 0.5}},
		{name: "source, pre-bias, of the whole batch", x: uniform(1, 37, 6), source: true, net: modelOf(ksparse.Config{Classic: true, PreBias: true, Selection: ksparse.SelectBatchTopK}),
			cfg: ksparse.TrainConfig{Buffer: 11, Recipe: ksparse.Recipe{UnitNorm: true}, EMA: 0.8}},
		{name: "several layers", net: mixedNetwork, x: uniform(1, 31, 10), cfg: ksparse.TrainConfig{ClipNorm: 0.5, EMA: 0.7}},
		{name: "source that fits", x: x, source: true, cfg: ksparse.TrainConfig{Validation: ksparse.Validation{Fraction: 0.2}}},
		{name: "source", x: uniform(1, 37, 6), source: true, cfg: ksparse.TrainConfig{Buffer: 11, Optimizer: momentum, ClipNorm: 1}},
		{name: "source in chunks of 2", x: uniform(1, 301, 6), source: true, cfg: ksparse.TrainConfig{Buffer: 130, BatchSize: 50, EMA: 0.9}},
		{name: "source, outliers, averages, early stopping", x: outlying(3, 37, 6), source: true, cfg: ksparse.TrainConfig{
			Buffer:       11,
			MaxNorm:      3,
			EMA:          0.9,
			Validation:   ksparse.Validation{Patience: 1, X: uniform(4, 20, 6), Y: uniform(5, 20, 6)},
			LearningRate: 0.02,
		}},
		{name: "modern", x: x, net: modernOf(ksparse.Config{}), byStep: true},
		{name: "modern, constant rate", x: x, net: modernOf(ksparse.Config{Tied: true}), cfg: ksparse.TrainConfig{LearningRate: 0.02, Schedule: train.ConstantRate{}}},
		{name: "modern, source", x: uniform(1, 37, 6), source: true, net: modernOf(ksparse.Config{Normalization: ksparse.LayerNorm}), cfg: ksparse.TrainConfig{Buffer: 11}, byStep: true},
		{name: "modern, source, outliers, of the whole batch", x: outlying(3, 37, 6), source: true, byStep: true,
			net: modernOf(ksparse.Config{Selection: ksparse.SelectBatchTopK}), cfg: ksparse.TrainConfig{Buffer: 11, MaxNorm: 3, EMA: 0.8}},
		{name: "modern, of the whole batch", x: x, net: modernOf(ksparse.Config{Selection: ksparse.SelectBatchTopK}), byStep: true,
			cfg: ksparse.TrainConfig{Validation: ksparse.Validation{Fraction: 0.2}}},
		{name: "modern, averages, early stopping", x: x, net: modernOf(ksparse.Config{}), byStep: true,
			cfg: ksparse.TrainConfig{EMA: 0.8, Epochs: 60, LearningRate: 0.1, Validation: ksparse.Validation{Patience: 2, X: uniform(4, 20, 6), Y: uniform(4, 20, 6)}}},
		{name: "modern, its recipe", x: outlying(3, 30, 6), net: modernOf(ksparse.Config{}), byStep: true,
			cfg: ksparse.TrainConfig{ClipNorm: 1, Recipe: ksparse.Recipe{AuxK: 3, DeadAfter: 16, KStart: 5, BiasScale: 0.5, EncoderDecay: 1}}},
		{name: "modern, prefixes", x: x, net: modernOf(ksparse.Config{}), byStep: true, cfg: ksparse.TrainConfig{Recipe: ksparse.Recipe{Matryoshka: []int{3, 6}}}},
		{name: "classic, scaled", x: x, cfg: ksparse.TrainConfig{ClipNorm: 1, Recipe: ksparse.Recipe{ScaleGradients: true, BiasScale: 0.5, EncoderDecay: 1}}},
		{name: "source, read ahead", x: uniform(1, 37, 6), source: true, ahead: true, cfg: ksparse.TrainConfig{Buffer: 11, Optimizer: momentum, EMA: 0.9}},
	}
	for i := range all {
		c := &all[i]
		if c.net == nil {
			c.net = smallNetwork
		}
		if c.y == nil {
			c.y = c.x
		}
		if c.cfg.Epochs == 0 {
			c.cfg.Epochs = 3
		}
		if c.cfg.BatchSize == 0 {
			c.cfg.BatchSize = 8
		}
		c.cfg.Seed = uint64(i)
	}
	return all
}

// modelOf is smallNetwork with what cfg adds.
func modelOf(cfg ksparse.Config) func(testing.TB) *ksparse.Network {
	cfg.Inputs, cfg.Latents, cfg.K, cfg.Activation = 6, 9, 2, ksparse.ReLU
	return func(t testing.TB) *ksparse.Network { return mustNew(t, cfg) }
}

// modernOf is a network of the modern form, of smallNetwork's sizes, with what cfg adds.
func modernOf(cfg ksparse.Config) func(testing.TB) *ksparse.Network {
	cfg.Inputs, cfg.Latents, cfg.K = 6, 9, 2
	return func(t testing.TB) *ksparse.Network { return mustNew(t, cfg) }
}

func (c resumable) run(ctx context.Context, net *ksparse.Network, cfg ksparse.TrainConfig) (*train.History, error) {
	if c.ahead {
		return net.TrainSource(ctx, data.Prefetch(alone{c.x}), cfg)
	}
	if c.source {
		return net.TrainSource(ctx, &rowSource{Dense: c.x, before: c.before}, cfg)
	}
	return net.Train(ctx, c.x, c.y, cfg)
}

// outcome is what a training tells its callback and leaves, times aside.
type outcome struct {
	progress   map[int]string // step by step
	history    string
	parameters [][]float64
}

func (o *outcome) note(p train.Progress) {
	p.SamplesPerSecond, p.Elapsed, p.Left = 0, 0, 0
	o.progress[p.Step] = fmt.Sprintf("%+v", p) // floats print with all their bits, NaN equal to NaN
}

func (o *outcome) end(net *ksparse.Network, h *train.History) {
	timeless := *h
	timeless.Time, timeless.Epochs = 0, append([]train.EpochStats(nil), h.Epochs...)
	for i := range timeless.Epochs {
		timeless.Epochs[i].Time = 0
	}
	o.history, o.parameters = fmt.Sprintf("%+v", timeless), parameters(net)
}

func (o *outcome) compare(t *testing.T, want *outcome) {
	t.Helper()
	if !sameNumbers(o.parameters, want.parameters) {
		t.Error("other parameters")
	}
	if o.history != want.history {
		t.Errorf("history\n%s, want\n%s", o.history, want.history)
	}
	if !reflect.DeepEqual(o.progress, want.progress) {
		for step, p := range want.progress {
			if o.progress[step] != p {
				t.Errorf("step %d tells\n%s, want\n%s", step, o.progress[step], p)
			}
		}
	}
}

// uninterrupted is what c comes to when nothing stops it, and its steps.
func (c resumable) uninterrupted(t *testing.T) (*outcome, int) {
	t.Helper()
	want := &outcome{progress: map[int]string{}}
	cfg, net := c.cfg, c.net(t)
	cfg.Callback = func(p train.Progress) error { want.note(p); return nil }
	h, err := c.run(context.Background(), net, cfg)
	if err != nil {
		t.Fatal(err)
	}
	want.end(net, h)
	return want, h.Steps
}

// How a training is interrupted after a step.
const (
	byCallback = iota
	byContext
	byKill // of the process: only what was on the disk before the step's end is left
	ways
)

// TestResumeSameBits: a training that is interrupted, in any way, after any step,
// and resumed ends in the same bits and tells the same as one that was not.
func TestResumeSameBits(t *testing.T) {
	killed := errors.New("killed")
	for _, c := range resumables() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // most of the time goes into waiting for the disk
			want, steps := c.uninterrupted(t)
			if steps < 6 {
				t.Fatalf("%d steps are too few to interrupt", steps)
			}
			for way := range ways {
				kills := []int{1, 2, 4, 5, steps - 1, steps} // the first, in mid-epoch, at an epoch's end and beginning, the last
				switch {
				case way == byCallback:
					kills = []int{2, steps} // TestResumeStepByStep has the others
				case way == byContext && !c.source: // a source is read before training begins
					kills = append(kills, 0)
				}
				for _, kill := range kills {
					name := fmt.Sprintf("%s after step %d", [...]string{"callback", "context", "kill"}[way], kill)
					got := &outcome{progress: map[int]string{}}
					file := filepath.Join(t.TempDir(), "checkpoint")
					cfg, net := c.cfg, c.net(t)
					cfg.Checkpoint.File, cfg.Checkpoint.Resume = file, true
					if way == byKill {
						cfg.Checkpoint.Every = 1 + kill%3
					}
					ctx, cancel := context.WithCancel(context.Background())
					if kill == 0 {
						cancel()
					}
					var onDisk []byte
					cfg.Callback = func(p train.Progress) error {
						got.note(p)
						if p.Step != kill {
							return nil
						}
						switch way {
						case byKill:
							onDisk, _ = os.ReadFile(file)
							return killed
						case byCallback:
							return killed
						}
						cancel()
						return nil
					}
					h, err := c.run(ctx, net, cfg)
					cancel()
					finished := way == byContext && kill == steps
					if finished != (err == nil) || h == nil || h.Steps != kill {
						t.Fatalf("%s: error %v, history %+v", name, err, h)
					}
					if way == byKill {
						if onDisk == nil {
							os.Remove(file)
						} else if err := os.WriteFile(file, onDisk, 0o666); err != nil {
							t.Fatal(err)
						}
					}
					net = c.net(t)
					net.Init(99) // parameters come from the file, or this was no interruption
					if onDisk == nil && way == byKill {
						net = c.net(t)
					}
					cfg.Callback = func(p train.Progress) error { got.note(p); return nil }
					if h, err = c.run(context.Background(), net, cfg); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					got.end(net, h)
					t.Run(name, func(t *testing.T) { got.compare(t, want) })
				}
			}
		})
	}
}

// TestResumeAfterTheSourceFailed, or the context was done while it was read, at
// each of its reads.
func TestResumeAfterTheSourceFailed(t *testing.T) {
	fails := errors.New("disk gone")
	for _, c := range resumables() {
		if !c.source || c.cfg.Buffer == 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want, _ := c.uninterrupted(t)
			began := false
			for fail := 1; ; fail += 3 {
				got := &outcome{progress: map[int]string{}}
				cfg := c.cfg
				cfg.Checkpoint.File, cfg.Checkpoint.Every, cfg.Checkpoint.Resume = filepath.Join(t.TempDir(), "checkpoint"), math.MaxInt, true
				cfg.Callback = func(p train.Progress) error { got.note(p); return nil }
				ctx, cancel := context.WithCancel(context.Background())
				reads := 0
				c.before = func(int, int) error {
					if reads++; reads == fail {
						if fail%2 == 0 {
							return fails
						}
						cancel()
					}
					return nil
				}
				h, err := c.run(ctx, c.net(t), cfg)
				cancel()
				if err == nil {
					break // all reads have failed once
				}
				if h != nil {
					began = true
				}
				c.before = nil
				net := c.net(t)
				if h, err = c.run(context.Background(), net, cfg); err != nil {
					t.Fatalf("read %d: %v", fail, err)
				}
				got.end(net, h)
				t.Run(fmt.Sprintf("read %d", fail), func(t *testing.T) { got.compare(t, want) })
			}
			if !began {
				t.Error("no read failed in the midst of training")
			}
		})
	}
}

// TestResumeStepByStep interrupts after each step, so that each is taken by a
// training of its own.
func TestResumeStepByStep(t *testing.T) {
	for _, c := range resumables() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // most of the time goes into waiting for the disk
			want, steps := c.uninterrupted(t)
			got := &outcome{progress: map[int]string{}}
			cfg := c.cfg
			cfg.Checkpoint.File, cfg.Checkpoint.Resume = filepath.Join(t.TempDir(), "checkpoint"), true
			cfg.Callback = func(p train.Progress) error {
				if _, again := got.progress[p.Step]; again {
					t.Errorf("step %d is taken again", p.Step)
				}
				got.note(p)
				return ksparse.ErrStop
			}
			for range steps + 1 { // the last one finds the training at its end
				net := c.net(t)
				h, err := c.run(context.Background(), net, cfg)
				if err != nil {
					t.Fatal(err)
				}
				got.end(net, h)
			}
			got.compare(t, want)
		})
	}
}

// TestResumeFinished: the checkpoint of a training that has ended gives its
// network and history, without a step.
func TestResumeFinished(t *testing.T) {
	for _, c := range resumables() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // most of the time goes into waiting for the disk
			want, _ := c.uninterrupted(t)
			want.progress = nil
			cfg := c.cfg
			cfg.Checkpoint.File, cfg.Checkpoint.Every = filepath.Join(t.TempDir(), "checkpoint"), math.MaxInt
			if _, err := c.run(context.Background(), c.net(t), cfg); err != nil {
				t.Fatal(err)
			}
			cfg.Checkpoint.Resume = true
			cfg.Callback = func(p train.Progress) error { t.Errorf("step %d is taken again", p.Step); return nil }
			net, got := c.net(t), &outcome{}
			net.Init(99)
			h, err := c.run(context.Background(), net, cfg)
			if err != nil {
				t.Fatal(err)
			}
			got.end(net, h)
			got.compare(t, want)
		})
	}
}
