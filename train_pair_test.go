package ksparse_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/train"
)

// pairOf returns inputs and targets side by side.
func pairOf(t testing.TB, x, y data.Source) data.Source {
	t.Helper()
	src, err := data.Pair(x, y)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// TestTrainPairs: a source of pairs that fits in the buffer gives the bits of Train, for
// whatever network, and so does validation on pairs, in memory or not.
func TestTrainPairs(t *testing.T) {
	x, validX := outlying(1, 100, 6), uniform(2, 1500, 6)
	transcoder := func(cfg ksparse.Config) func(testing.TB) *ksparse.Network {
		cfg.Inputs, cfg.Outputs, cfg.Latents, cfg.K = 6, 4, 12, 3
		return func(t testing.TB) *ksparse.Network { return mustNew(t, cfg) }
	}
	for _, c := range []struct {
		name string
		net  func(testing.TB) *ksparse.Network
		out  int
		cfg  ksparse.TrainConfig
	}{
		{"transcoder", transcoder(ksparse.Config{Classic: true, Activation: ksparse.ReLU}), 4, ksparse.TrainConfig{}},
		{"modern transcoder", transcoder(ksparse.Config{}), 4, ksparse.TrainConfig{}},
		{"of the whole batch", transcoder(ksparse.Config{Classic: true, Selection: ksparse.SelectBatchTopK, Activation: ksparse.ReLU}), 4, ksparse.TrainConfig{EMA: 0.9, MaxNorm: 3}},
		{"autoencoder", smallNetwork, 6, ksparse.TrainConfig{MaxNorm: 2, ClipNorm: 1}},
	} {
		y, validY := uniform(3, 100, c.out), uniform(4, 1500, c.out)
		cfg := c.cfg
		cfg.Epochs, cfg.BatchSize = 3, 16
		cfg.Validation = ksparse.Validation{X: validX, Y: validY, Patience: 2}
		want := &outcome{progress: map[int]string{}}
		cfg.Callback = func(p train.Progress) error { want.note(p); return nil }
		net := c.net(t)
		want.end(net, trainOn(t, net, x, y, cfg))
		for _, valid := range []data.Source{pairOf(t, alone{validX}, alone{validY}), pairOf(t, sourceOf(t, validX), data.Prefetch(alone{validY}))} {
			for _, buffer := range []int{0, 100} { // validation is in memory, or not
				got, net := &outcome{progress: map[int]string{}}, c.net(t)
				cfg.Buffer, cfg.Validation = buffer, ksparse.Validation{Source: valid, Patience: 2}
				cfg.Callback = func(p train.Progress) error { got.note(p); return nil }
				got.end(net, trainSource(t, net, pairOf(t, alone{x}, alone{y}), cfg))
				t.Run(c.name, func(t *testing.T) { got.compare(t, want) })
			}
		}
	}
	cfg := ksparse.TrainConfig{Epochs: 2, BatchSize: 16, Validation: ksparse.Validation{Fraction: 0.2}}
	y, one, other := uniform(3, 100, 6), smallNetwork(t), smallNetwork(t)
	trainOn(t, one, x, y, cfg)
	trainSource(t, other, pairOf(t, alone{x}, alone{y}), cfg)
	if !sameNumbers(parameters(one), parameters(other)) {
		t.Error("with samples held out: other bits")
	}
}

// TestTrainPairsStream: pairs of equal inputs and targets through a buffer are the training of
// an autoencoder on them, read ahead or not; a split of pairs keeps targets with their inputs.
func TestTrainPairsStream(t *testing.T) {
	x := outlying(1, 301, 6)
	for _, cfg := range []ksparse.TrainConfig{
		{Epochs: 2, BatchSize: 48, Buffer: 70, MaxNorm: 4, EMA: 0.9},
		{Epochs: 2, BatchSize: 20, Buffer: 13, Validation: ksparse.Validation{Source: alone{uniform(2, 40, 6)}}},
	} {
		want := smallNetwork(t)
		trainSource(t, want, alone{x}, cfg)
		for _, src := range []data.Source{pairOf(t, alone{x}, alone{x}), pairOf(t, data.Prefetch(alone{x}), sourceOf(t, x))} {
			got := smallNetwork(t)
			trainSource(t, got, src, cfg)
			if !sameNumbers(parameters(got), parameters(want)) {
				t.Errorf("%+v: other bits than the autoencoder", cfg)
			}
		}
	}
	rest, _, err := data.Split(pairOf(t, alone{x}, alone{x}), 0.3, 1)
	if err != nil {
		t.Fatal(err)
	}
	plain, _, err := data.Split(alone{x}, 0.3, 1)
	if err != nil {
		t.Fatal(err)
	}
	want, got := smallNetwork(t), smallNetwork(t)
	cfg := ksparse.TrainConfig{Epochs: 2, BatchSize: 20, Buffer: 50}
	trainSource(t, want, plain, cfg)
	trainSource(t, got, rest, cfg)
	if !sameNumbers(parameters(got), parameters(want)) {
		t.Error("of a split: other bits than the autoencoder")
	}
}

// TestPairsElsewhere: StartFrom and Calibrate go by the inputs of pairs.
func TestPairsElsewhere(t *testing.T) {
	x, y := uniform(1, 3000, 6), outlying(2, 3000, 6)
	pairs := pairOf(t, alone{x}, alone{y})
	start := func(src data.Source) *ksparse.Network {
		net := modelOf(ksparse.Config{Classic: true, PreBias: true, Normalization: ksparse.DatasetScale})(t)
		if err := net.StartFrom(src, ksparse.Start{PreBias: data.GeometricMedian, Atoms: true, Seed: 4}); err != nil {
			t.Fatal(err)
		}
		return net
	}
	if got, want := start(pairs), start(alone{x}); !sameNumbers(parameters(got), parameters(want)) || got.Wiring() != want.Wiring() {
		t.Error("StartFrom: other parameters than for the inputs alone")
	}
	for _, c := range []struct {
		latents int
		l0      float64
	}{{60, 4.5}, {3000, 1400}} { // in memory, and in pieces
		if testing.Short() && c.latents > 60 {
			continue
		}
		got, err := batchTopK(t, 6, c.latents, 4, nil).Calibrate(pairs, c.l0)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := batchTopK(t, 6, c.latents, 4, nil).Calibrate(alone{x}, c.l0); err != nil || got != want {
			t.Errorf("Calibrate: %v, for the inputs alone %v, error %v", got, want, err)
		}
	}
}

// lying is a source that says that so many of its columns are inputs.
type lying struct {
	alone
	inputs int
}

func (s lying) Inputs() int { return s.inputs }

func TestPairErrors(t *testing.T) {
	x, y := uniform(1, 60, 6), uniform(2, 60, 4)
	wide := func() *ksparse.Network {
		return networkOf(t, ksparse.NewSparseLayer("a", 6, 8, 2, ksparse.ReLU), ksparse.NewLinearLayer("b", 8, 4, ksparse.Identity))
	}
	classes := networkOf(t, ksparse.NewSparseLayer("a", 6, 8, 2, ksparse.ReLU), ksparse.NewLinearLayer("b", 8, 4, ksparse.Sigmoid))
	valid := func(src data.Source) ksparse.TrainConfig {
		return ksparse.TrainConfig{Validation: ksparse.Validation{Source: src}}
	}
	pairs := pairOf(t, alone{x}, alone{y})
	for _, c := range []struct {
		net  *ksparse.Network
		src  data.Source
		cfg  ksparse.TrainConfig
		want error
		says string
	}{
		{smallNetwork(t), pairs, ksparse.TrainConfig{}, ksparse.ErrShape, "has 6 inputs and 4 targets, want 6 and 6"},
		{wide(), pairOf(t, alone{y}, alone{x}), ksparse.TrainConfig{}, ksparse.ErrShape, "has 4 inputs and 6 targets, want 6 and 4"},
		{wide(), alone{x}, ksparse.TrainConfig{}, ksparse.ErrShape, "or a source that data.Pair made: the network takes 6 values and gives 4"},
		{wide(), lying{alone{x}, 0}, ksparse.TrainConfig{}, ksparse.ErrShape, "has 6 columns, and says that 0 of them are inputs"},
		{wide(), lying{alone{x}, 7}, ksparse.TrainConfig{}, ksparse.ErrShape, "says that 7 of them"},
		{wide(), pairs, valid(pairOf(t, alone{y}, alone{x})), ksparse.ErrShape, "Validation.Source: the source has 4 inputs and 6 targets, want 6 and 4"},
		{wide(), pairs, valid(alone{x}), ksparse.ErrShape, "Validation.Source: it has no targets (see data.Pair)"},
		{classes, pairOf(t, alone{x}, alone{y}), ksparse.TrainConfig{Loss: ksparse.BinaryCrossEntropy}, ksparse.ErrRange, "a target of the source is"},
		{wide(), pairOf(t, &readSource{x: x, spoil: func([]float64, int, int) error { return errDisk }}, alone{y}), ksparse.TrainConfig{}, errDisk, "rows 0 to 60 of the source of inputs: disk gone"},
	} {
		h, err := c.net.TrainSource(context.Background(), c.src, c.cfg)
		if h != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("history %v, error %v, want %v that says %q", h, err, c.want, c.says)
		}
	}
}
