package ksparse_test

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// advised says what a training should be told.
type advised struct {
	name string
	net  ksparse.Config // with the sizes of the data where it has none
	x    *mat.Dense
	cfg  ksparse.TrainConfig
	says []string // a part of each sentence, in order; none for no advice
}

// network makes the case's network.
func (c advised) network(t *testing.T) *ksparse.Network {
	t.Helper()
	_, cols := c.x.Dims()
	c.net.Inputs = cols
	if c.net.Latents == 0 {
		c.net.Latents = 2 * cols
	}
	if c.net.K == 0 {
		c.net.K = 2
	}
	n := mustNew(t, c.net)
	if c.net.Selection == ksparse.SelectThreshold {
		if err := n.Layers()[0].(*ksparse.SparseLayer).SetThresholds(0.01); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// advices are trainings with what they should be told.
func advices() []advised {
	x, _ := sparseSums(1, 400, 8, 16, 2, 3)
	near, _ := sparseSums(1, 400, 8, 16, 2, 0)
	classic := ksparse.Config{Classic: true, Activation: ksparse.ReLU}
	worse := ksparse.Validation{X: uniform(8, 20, 8), Y: uniform(9, 20, 8)} // what nobody can learn
	dead := func(cfg ksparse.Config) ksparse.Config { cfg.Latents, cfg.K = 400, 1; return cfg }
	all := []advised{
		{name: "default", x: x},
		{name: "one epoch", x: x, cfg: ksparse.TrainConfig{Epochs: 1, BatchSize: 8}, says: []string{"the training had 50 steps, which are few"}},
		{name: "equal rows", x: mat.NewDense(400, 8, nil), says: []string{"all samples are equal, so there is nothing to learn"}},
		{name: "averages", x: x, cfg: ksparse.TrainConfig{Epochs: 20, EMA: 0.99}},
		{name: "held out", x: x, cfg: ksparse.TrainConfig{Epochs: 20, Validation: ksparse.Validation{Fraction: 0.1, Patience: 3}}},
		{name: "k falls", x: x, net: ksparse.Config{K: 1}, cfg: ksparse.TrainConfig{Epochs: 20, Recipe: ksparse.Recipe{KStart: 12}}},
		{name: "of the whole batch", x: x, net: ksparse.Config{Selection: ksparse.SelectBatchTopK}, cfg: ksparse.TrainConfig{Epochs: 20}},
		{name: "dead before DeadAfter", x: near, net: dead(classic), cfg: ksparse.TrainConfig{Epochs: 30, LearningRate: 0.01, Recipe: ksparse.Recipe{DeadAfter: 400 * 31}}},
		{name: "dead", x: near, net: dead(classic), cfg: ksparse.TrainConfig{Epochs: 30, LearningRate: 0.01}, says: []string{"latents are dead (not active in the last 400 samples): set Recipe.AuxK"}},
		{name: "dead for another reason", x: near, net: dead(classic), cfg: ksparse.TrainConfig{Epochs: 30, LearningRate: 0.01, Recipe: ksparse.Recipe{AuxK: 1}}, says: []string{"lower LearningRate, which is 0.01"}},
		{name: "dead, AuxK is not for it", x: near, net: dead(ksparse.Config{Classic: true, Activation: ksparse.Sigmoid}), cfg: ksparse.TrainConfig{Epochs: 30, Schedule: train.LinearDecay{}}, says: []string{"take fewer Latents"}},
		{name: "dead at a low rate", x: near, net: ksparse.Config{Latents: 1000, K: 1}, cfg: ksparse.TrainConfig{LearningRate: 1e-6, Recipe: ksparse.Recipe{DeadAfter: 400}}, says: []string{"take fewer Latents", "is low"}},
		{name: "high", x: x, cfg: ksparse.TrainConfig{Epochs: 5, LearningRate: 0.5}, says: []string{"LearningRate is 0.5, which is high"}},
		{name: "low", x: x, cfg: ksparse.TrainConfig{Epochs: 5, LearningRate: 1e-6}, says: []string{"LearningRate is 1e-06, which is low"}},
		{name: "another optimizer", x: near, cfg: ksparse.TrainConfig{Epochs: 30, Optimizer: train.SGD{}, LearningRate: 0.3, Schedule: train.LinearDecay{}}},
		{name: "nothing learned", x: near, net: classic, cfg: ksparse.TrainConfig{LearningRate: 1e-9}, says: []string{"next to nothing was learned: train for more steps, or change LearningRate, which is 1e-09"}},
		{name: "still falls", x: near, net: classic, cfg: ksparse.TrainConfig{Epochs: 4, LearningRate: 0.005, BatchSize: 16}, says: []string{"the FVU still falls"}},
		{name: "falls to nothing", x: near, net: ksparse.Config{Classic: true, K: 16}, cfg: ksparse.TrainConfig{Epochs: 40, LearningRate: 0.01}},
		{name: "falls, the validation loss does not", x: near, net: classic, cfg: ksparse.TrainConfig{Epochs: 4, LearningRate: 0.005, BatchSize: 16, Validation: worse}},
		{name: "thresholds", x: near, net: ksparse.Config{Selection: ksparse.SelectThreshold}, cfg: ksparse.TrainConfig{Epochs: 20}, says: []string{"so call Calibrate, or train with SelectBatchTopK"}},
		{name: "far rows left out", x: farRows(near), cfg: ksparse.TrainConfig{Epochs: 20, MaxNorm: 10}, says: []string{"3 samples were left out, each more than 10 times"}},
		{name: "far rows normalised", x: farRows(near), net: ksparse.Config{Normalization: ksparse.LayerNorm}, cfg: ksparse.TrainConfig{Epochs: 20}},
		{name: "probabilities", x: probable(near), net: ksparse.Config{OutputActivation: ksparse.Sigmoid}, cfg: ksparse.TrainConfig{Epochs: 20, Loss: ksparse.BinaryCrossEntropy}},
	}
	for i := range all {
		if c := &all[i]; c.name != "default" && !strings.HasPrefix(c.name, "dead") {
			c.cfg.Recipe.DeadAfter = 1e6 // of so few latents a single dead one is many
		}
	}
	return all
}

// ratesOf is a schedule of the rates, one for each step.
type ratesOf []float64

// Factor returns the rate of that step.
func (r ratesOf) Factor(step, _ int) float64 { return r[step] }

// Validate finds nothing wrong.
func (ratesOf) Validate() error { return nil }

// farRows is x with 3 rows a thousand times as long.
func farRows(x *mat.Dense) *mat.Dense {
	far := mat.DenseCopyOf(x)
	for _, i := range []int{3, 77, 311} {
		for j, v := range far.RawRowView(i) {
			far.Set(i, j, 1000*v)
		}
	}
	return far
}

// probable is x with its numbers in (0, 1).
func probable(x *mat.Dense) *mat.Dense {
	p := new(mat.Dense)
	p.Apply(func(_, _ int, v float64) float64 { return 1 / (1 + math.Exp(-v)) }, x)
	return p
}

// saysAll reports whether advice has one sentence for each of says, with that in it.
func saysAll(advice, says []string) bool {
	return slices.EqualFunc(advice, says, strings.Contains)
}

// TestAdvice: each sentence where it should be said, and none where all is well; the callback
// has it at the ends of epochs alone, and a training that was resumed has the same.
func TestAdvice(t *testing.T) {
	for _, c := range advices() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := c.cfg
			var told []string
			cfg.Callback = func(p train.Progress) error {
				if told = p.Advice; p.Advice != nil && !p.EpochEnd {
					t.Errorf("step %d of %d says %q", p.Step, p.Steps, p.Advice)
				}
				return nil
			}
			h := trainOn(t, c.network(t), c.x, c.x, cfg)
			if !saysAll(h.Advice, c.says) {
				t.Errorf("advice %q, want %q", h.Advice, c.says)
			}
			if !slices.Equal(told, h.Advice) || len(h.Advice) == 0 && h.Advice != nil {
				t.Errorf("the callback was told %q, the history has %#v", told, h.Advice)
			}
			for _, s := range h.Advice {
				if strings.Contains(s, "NaN") || strings.Contains(s, "Inf") || len(s) > 240 {
					t.Errorf("it says %q", s)
				}
			}
			cfg.Checkpoint = ksparse.Checkpoint{File: filepath.Join(t.TempDir(), "checkpoint"), Every: math.MaxInt, Resume: true}
			cfg.Callback = stopAfter(h.Steps/2 + 1)
			trainOn(t, c.network(t), c.x, c.x, cfg)
			cfg.Callback = nil
			for _, what := range []string{"resumed", "resumed at its end"} {
				if again := trainOn(t, c.network(t), c.x, c.x, cfg); !slices.Equal(again.Advice, h.Advice) {
					t.Errorf("%s: advice %q, want %q", what, again.Advice, h.Advice)
				}
			}
		})
	}
}

// TestAdviceOnRisingFVU: a rate that grows until the FVU rises is too high, but not for an epoch that
// Steps cut short, and not while k falls.
func TestAdviceOnRisingFVU(t *testing.T) {
	x, _ := sparseSums(1, 400, 8, 16, 2, 0)
	for _, c := range []struct {
		name  string
		cfg   ksparse.TrainConfig
		rises bool
	}{
		{"rises", ksparse.TrainConfig{Epochs: 6}, true},
		{"cut short", ksparse.TrainConfig{Steps: 5*8 + 1}, false},
		{"cut short after it rose", ksparse.TrainConfig{Steps: 6*8 + 1}, true},
		{"k falls", ksparse.TrainConfig{Epochs: 6, Recipe: ksparse.Recipe{KStart: 3, KAnneal: 0.9}}, false},
	} {
		cfg := c.cfg
		cfg.BatchSize, cfg.LearningRate, cfg.Optimizer = 50, 1, train.Adam{}
		cfg.Recipe.DeadAfter = 1 << 30
		cfg.Schedule = ratesOf(slices.Concat(slices.Repeat([]float64{0.01}, 39), []float64{2}, slices.Repeat([]float64{0}, 16)))
		h := trainOn(t, mustNew(t, ksparse.Config{Classic: true, Activation: ksparse.ReLU, Inputs: 8, Latents: 16, K: 2}), x, x, cfg)
		if said := len(h.Advice) > 0 && strings.Contains(h.Advice[0], "the FVU has risen"); said != c.rises {
			t.Errorf("%s: %q of %v", c.name, h.Advice, h.Epochs)
		}
	}
}

// TestAdviceOnFarRows: the modern form leaves them out, in memory and of a source that
// streams, and says so; of others those in memory are counted.
func TestAdviceOnFarRows(t *testing.T) {
	x, _ := sparseSums(1, 400, 8, 16, 2, 0)
	for _, c := range []struct {
		classic bool
		buffer  int // 0 for rows in memory
		says    string
	}{
		{false, 0, "3 samples were left out"}, {false, 60, "3 samples were left out"},
		{true, 0, "3 of 400 samples are more than 10 times as long as the median one"}, {true, 60, ""},
	} {
		src, err := data.FromMatrix(farRows(x))
		if err != nil {
			t.Fatal(err)
		}
		if c.buffer > 0 {
			src = &rowSource{Dense: farRows(x)} // which is not in memory
		}
		n := mustNew(t, ksparse.Config{Classic: c.classic, Inputs: 8, Latents: 16, K: 2})
		h, err := n.TrainSource(context.Background(), src, ksparse.TrainConfig{Epochs: 2, Buffer: c.buffer})
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		for _, line := range h.Advice {
			if strings.Contains(line, " samples ") && !strings.Contains(line, "dead") {
				said = line
			}
		}
		if !strings.HasPrefix(said, c.says) || c.says == "" && said != "" {
			t.Errorf("classic %v, buffer %d: advice %q", c.classic, c.buffer, h.Advice)
		}
	}
}

// TestAdviceOfTrainer: batches of one's own are one epoch, and the advice is that at its end.
func TestAdviceOfTrainer(t *testing.T) {
	x, _ := sparseSums(1, 400, 8, 16, 2, 3)
	for rate, says := range map[float64][]string{0: nil, 1e-6: {"low"}, 0.5: {"high"}} {
		trainer := newTrainer(t, modern(t, 8, 16, 2), ksparse.TrainConfig{Steps: 200, LearningRate: rate, Recipe: ksparse.Recipe{DeadAfter: 1e6}})
		for i := range 200 {
			lo := 50 * (i % 8)
			if p := step(t, trainer, x.Slice(lo, lo+50, 0, 8), x.Slice(lo, lo+50, 0, 8)); p.Advice != nil {
				t.Errorf("step %d says %q", i, p.Advice)
			}
		}
		h, err := trainer.Finish()
		if err != nil || !saysAll(h.Advice, says) {
			t.Errorf("rate %v: advice %q, error %v", rate, h.Advice, err)
		}
	}
}

// TestAdviceInTheMidst: what more steps would do is said at the end, not before.
func TestAdviceInTheMidst(t *testing.T) {
	x, _ := sparseSums(1, 400, 8, 16, 2, 3)
	ends := ""
	trainOn(t, mustNew(t, ksparse.Config{Classic: true, Inputs: 8, Latents: 16, K: 2}), x, x, ksparse.TrainConfig{
		Epochs: 4, LearningRate: 1e-9, BatchSize: 100,
		Callback: func(p train.Progress) error {
			if p.EpochEnd {
				ends += fmt.Sprint(slices.ContainsFunc(p.Advice, func(s string) bool { return strings.Contains(s, "more steps") }), " ")
			}
			return nil
		},
	})
	if ends != "false false false true " {
		t.Errorf("epoch by epoch: %s", ends)
	}
}
