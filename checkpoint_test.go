package ksparse

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/feed"
	"github.com/ksparse/ksparse/internal/format"
	"github.com/ksparse/ksparse/internal/sparse"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

func smallAutoencoder(t testing.TB, change func(*Config)) *Network {
	t.Helper()
	cfg := Config{Classic: true, Inputs: 3, Latents: 4, K: 2, Activation: ReLU}
	if change != nil {
		change(&cfg)
	}
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// checkpointOf trains until the callback stops it and returns its configuration,
// ready to resume, and the checkpoint.
func checkpointOf(t testing.TB, n *Network, x *mat.Dense, cfg TrainConfig, steps int) (TrainConfig, []byte) {
	t.Helper()
	cfg.Checkpoint.File = filepath.Join(t.TempDir(), "checkpoint")
	cfg.Callback = func(p train.Progress) error {
		if p.Step == steps {
			return ErrStop
		}
		return nil
	}
	if _, err := n.Train(context.Background(), x, x, cfg); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(cfg.Checkpoint.File)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Checkpoint.Resume, cfg.Callback = true, nil
	return cfg, data
}

// resumeFrom resumes from data, which must fail as want and leave n untouched.
func resumeFrom(t testing.TB, n *Network, x *mat.Dense, cfg TrainConfig, data []byte, want error, says string) {
	t.Helper()
	if err := os.WriteFile(cfg.Checkpoint.File, data, 0o666); err != nil {
		t.Fatal(err)
	}
	before := likeEach(trained(n.layers))
	copyEach(before, trained(n.layers))
	h, err := n.Train(context.Background(), x, x, cfg)
	if h != nil || !errors.Is(err, want) || !strings.Contains(err.Error(), says) {
		t.Errorf("history %v, error %v, want %v that says %q", h, err, want, says)
	}
	if !slices.EqualFunc(before, trained(n.layers), slices.Equal) {
		t.Error("the network has changed")
	}
}

// TestResumeAnotherTraining: what differs is named, and nothing is touched.
func TestResumeAnotherTraining(t *testing.T) {
	x := uniform(20, 3)
	for _, c := range []struct {
		name   string
		config func(*TrainConfig)
		net    func(*Config)
		x      *mat.Dense
		says   string
	}{
		{name: "seed", config: func(c *TrainConfig) { c.Seed = 9 }, says: "TrainConfig.Seed is 0 there and 9 here"},
		{name: "batch", config: func(c *TrainConfig) { c.BatchSize = 7 }, says: "TrainConfig.BatchSize is 6 there and 7 here"},
		{name: "fewer epochs", config: func(c *TrainConfig) { c.Epochs = 1 }, says: "has 6 steps done, TrainConfig asks for 4 in all"},
		{name: "fewer steps", config: func(c *TrainConfig) { c.Steps = 5 }, says: "has 6 steps done, TrainConfig asks for 5 in all"},
		{name: "loss", config: func(c *TrainConfig) { c.Loss = SoftmaxCrossEntropy }, x: thirds(20), says: "TrainConfig.Loss is squared_error there"},
		{name: "optimizer", config: func(c *TrainConfig) { c.Optimizer = train.AdamW{} }, says: "TrainConfig.Optimizer is train.Adam{"},
		{name: "its setting", config: func(c *TrainConfig) { c.Optimizer = train.Adam{Beta1: 0.5} }, says: `Beta1:0.5`},
		{name: "rate", config: func(c *TrainConfig) { c.LearningRate = 0.5 }, says: "TrainConfig.LearningRate is 0.0128 there and 0.5 here"},
		{name: "schedule", config: func(c *TrainConfig) { c.Schedule = train.Warmup{Steps: 3} }, says: "TrainConfig.Schedule is train.ConstantRate"},
		{name: "L1", config: func(c *TrainConfig) { c.L1 = 1 }, says: "TrainConfig.L1 is 0"},
		{name: "L2", config: func(c *TrainConfig) { c.L2 = 1 }, says: "TrainConfig.L2 is 0"},
		{name: "clipping", config: func(c *TrainConfig) { c.ClipNorm = 1 }, says: "TrainConfig.ClipNorm is 0"},
		{name: "held out", config: func(c *TrainConfig) { c.Validation.Fraction = 0.1 }, says: "TrainConfig.Validation.Fraction is 0 there and 0.1 here"},
		{name: "validation", config: func(c *TrainConfig) { c.Validation.X, c.Validation.Y = uniform(4, 3), uniform(4, 3) }, says: "validation samples is 0 there and 4 here"},
		{name: "patience", config: func(c *TrainConfig) { c.Validation.Patience = 2 }, says: "TrainConfig.Validation.Patience is 0"},
		{name: "min delta", config: func(c *TrainConfig) { c.Validation.Patience, c.Validation.MinDelta = 2, 2 }, says: "TrainConfig.Validation.Patience is 0"},
		{name: "unit norm", config: func(c *TrainConfig) { c.Recipe.UnitNorm = true }, says: "TrainConfig.Recipe.UnitNorm is false"},
		{name: "aux k", config: func(c *TrainConfig) { c.Recipe.AuxK = 2 }, says: "TrainConfig.Recipe.AuxK is 0"},
		{name: "multi top k", config: func(c *TrainConfig) { c.Recipe.MultiTopK = 0.125 }, says: "TrainConfig.Recipe.MultiTopK is 0"},
		{name: "prefixes", config: func(c *TrainConfig) { c.Recipe.Matryoshka = []int{1, 2} }, says: "TrainConfig.Recipe.Matryoshka is [] there and [1 2] here"},
		{name: "k at the start", config: func(c *TrainConfig) { c.Recipe.KStart = 3 }, says: "TrainConfig.Recipe.KStart is 0"},
		{name: "annealing", config: func(c *TrainConfig) { c.Recipe.KStart, c.Recipe.KAnneal = 3, 0.25 }, says: "TrainConfig.Recipe.KStart is 0"},
		{name: "max norm", config: func(c *TrainConfig) { c.MaxNorm = 100 }, says: "TrainConfig.MaxNorm is 0"},
		{name: "ema", config: func(c *TrainConfig) { c.EMA = 0.5 }, says: "TrainConfig.EMA is 0"},
		{name: "rows", x: uniform(21, 3), says: "the number of samples is 20 there and 21 here"},
		{name: "other rows", x: scaled(uniform(20, 3)), says: "the variance of the samples is "},
		{name: "latents", net: func(c *Config) { c.Latents = 5 }, says: "layer 0 is sparse from 3 to 4 with k = 2"},
		{name: "k", net: func(c *Config) { c.K = 3 }, says: "with k = 3"},
		{name: "activation", net: func(c *Config) { c.OutputActivation = Tanh }, says: "layer 1 is linear from 4 to 3, identity there and linear from 4 to 3, tanh here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, data := checkpointOf(t, smallAutoencoder(t, nil), x, TrainConfig{Epochs: 5, BatchSize: 6}, 6)
			if c.config != nil {
				c.config(&cfg)
			}
			with := x
			if c.x != nil {
				with = c.x
			}
			resumeFrom(t, smallAutoencoder(t, c.net), with, cfg, data, ErrCheckpoint, c.says)
		})
	}
}

func scaled(m *mat.Dense) *mat.Dense {
	m.Set(0, 0, m.At(0, 0)+1e-9)
	return m
}

func thirds(rows int) *mat.Dense {
	return mat.NewDense(rows, 3, slices.Repeat([]float64{1. / 3}, 3*rows))
}

// TestDescribe: equal settings read alike, behind a pointer too.
func TestDescribe(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{train.Adam{Beta1: 0.5}, `train.Adam{Beta1:0.5 Beta2:0 Epsilon:0}`},
		{&train.Adam{Beta1: 0.5}, `train.Adam{Beta1:0.5 Beta2:0 Epsilon:0}`},
		{train.Warmup{Steps: 3, Then: &train.CosineDecay{End: 0.1}}, `train.Warmup{Steps:3 Then:train.CosineDecay{End:0.1}}`},
		{struct{ F func() }{}, "struct { F func() }{F:func()}"}, {func() {}, "func()"}, // not an address, which would differ in the next process
		{uint64(7), "7"}, {[]int(nil), "[]"}, {0.1, "0.1"},
	} {
		if got := describe(reflect.ValueOf(c.v)); got != c.want {
			t.Errorf("%#v is described as %q, want %q", c.v, got, c.want)
		}
	}
}

// smallCheckpoint has every section that there can be.
func smallCheckpoint(t testing.TB) (*Network, *mat.Dense, TrainConfig, []byte) {
	n, x := smallAutoencoder(t, nil), uniform(20, 3)
	cfg, data := checkpointOf(t, n, x, TrainConfig{Epochs: 3, BatchSize: 6, EMA: 0.9, Validation: Validation{Patience: 5, X: x, Y: x}}, 6)
	return n, x, cfg, data
}

// TestResumeDamaged flips each byte, and cuts the file at each length; in short runs some.
func TestResumeDamaged(t *testing.T) {
	n, x, cfg, data := smallCheckpoint(t)
	step := 1
	if testing.Short() {
		step = 13
	}
	for i := 0; i < len(data); i += step {
		data[i] ^= 0x20
		resumeFrom(t, n, x, cfg, data, ErrFormat, "checkpoint")
		data[i] ^= 0x20
		resumeFrom(t, n, x, cfg, data[:i], ErrFormat, "checkpoint")
		if t.Failed() {
			t.Fatalf("byte %d of %d", i, len(data))
		}
	}
	resumeFrom(t, n, x, cfg, append(data, 0), ErrFormat, "checksum")
	// Any other file, and what is no file.
	resumeFrom(t, n, x, cfg, []byte(strings.Repeat("not a checkpoint", 9)), ErrFormat, "not a checkpoint")
	cfg.Checkpoint.File = t.TempDir()
	if _, err := n.Train(context.Background(), x, x, cfg); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "regular file") {
		t.Errorf("a folder: error %v", err)
	}
}

// checkpointHeader is the header of a checkpoint file, and checkpointStart how many
// bytes come before it: a magic number of 8, the version and the header's length.
type checkpointHeader struct {
	Settings []format.Setting       `json:"settings"`
	Network  json.RawMessage        `json:"network"`
	Left     string                 `json:"left"`
	Sections []format.SectionHeader `json:"sections"`
}

const checkpointStart = 16

// resealed is a checkpoint with another header and sections, and checksums that
// fit.
func resealed(t testing.TB, data []byte, change func(h *checkpointHeader, numbers []byte) []byte) []byte {
	t.Helper()
	size := binary.LittleEndian.Uint32(data[checkpointStart-4:])
	var h checkpointHeader
	if err := json.Unmarshal(data[checkpointStart:checkpointStart+int(size)], &h); err != nil {
		t.Fatal(err)
	}
	numbers := change(&h, slices.Clone(data[checkpointStart+int(size):len(data)-4]))
	header, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	out := slices.Clone(data[:checkpointStart-4])
	out = binary.LittleEndian.AppendUint32(out, uint32(len(header)))
	out = append(append(out, header...), numbers...)
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

// TestResumeHostile: files whose checksums fit, made to do harm.
func TestResumeHostile(t *testing.T) {
	n, x, cfg, data := smallCheckpoint(t)
	var h checkpointHeader
	resealed(t, data, func(real *checkpointHeader, numbers []byte) []byte { h = *real; return numbers })
	at := func(name string) int { // of a section's first number
		place := 0
		for _, s := range h.Sections {
			if s.Name == name {
				return place
			}
			place += 8 * (s.Floats + s.Counts)
		}
		t.Fatalf("no section %q", name)
		return 0
	}
	number := func(name string, i int, bits uint64) func(*checkpointHeader, []byte) []byte {
		return func(_ *checkpointHeader, numbers []byte) []byte {
			binary.LittleEndian.PutUint64(numbers[at(name)+8*i:], bits)
			return numbers
		}
	}
	for _, c := range []struct {
		name   string
		change func(h *checkpointHeader, numbers []byte) []byte
		says   string
	}{
		{"no settings", func(h *checkpointHeader, n []byte) []byte { h.Settings = nil; return n }, "does not say"},
		{"no sections", func(h *checkpointHeader, n []byte) []byte { h.Sections = nil; return n }, "sections"},
		{"a section less", func(h *checkpointHeader, n []byte) []byte { h.Sections = h.Sections[:9]; return n }, "sections"},
		{"a huge section", func(h *checkpointHeader, n []byte) []byte { h.Sections[8].Floats = math.MaxInt; return n }, "has the section"},
		{"a negative section", func(h *checkpointHeader, n []byte) []byte { h.Sections[8].Floats = -1; return n }, "has the section"},
		{"many epochs", func(h *checkpointHeader, n []byte) []byte { h.Sections[5].Counts = math.MaxInt; return n }, "sections"},
		{"negative epochs", func(h *checkpointHeader, n []byte) []byte { h.Sections[5].Counts = -4; return n }, "sections"},
		{"epochs of no length", func(h *checkpointHeader, n []byte) []byte { h.Sections[4].Floats++; return n }, "has the section"},
		{"numbers missing", func(_ *checkpointHeader, n []byte) []byte { return n[:len(n)-8] }, "bytes of numbers"},
		{"numbers too many", func(_ *checkpointHeader, n []byte) []byte { return append(n, n[:8]...) }, "bytes of numbers"},
		{"a negative step", number("counters", 0, 1<<63), "counter 0"},
		{"a best epoch to come", number("counters", 1, 3), "epoch 3 of 1"},
		{"a place beyond the data", number("counters", 6, 21), "place"},
		{"a sample twice", number("order", 3, 7), "each sample once"},
		{"a sample that is not there", number("order", 3, 20), "each sample once"},
		{"NaN as a weight", number("parameters 0", 2, math.Float64bits(math.NaN())), "parameters 0"},
		{"an infinite best bias", number("best parameters 3", 1, math.Float64bits(math.Inf(1))), "best parameters 3"},
		{"NaN in an average", number("average 1", 0, math.Float64bits(math.NaN())), "average 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resumeFrom(t, n, x, cfg, resealed(t, data, c.change), ErrFormat, c.says)
		})
	}
	large := slices.Clone(data)
	binary.LittleEndian.PutUint32(large[checkpointStart-4:], math.MaxUint32)
	resumeFrom(t, n, x, cfg, large, ErrFormat, "header")
	newer := slices.Clone(data)
	newer[checkpointStart-8] = 4
	resumeFrom(t, n, x, cfg, newer, ErrFormat, "version 4")
}

// FuzzResume: whatever the file holds, its checksum mended, resuming gives an error
// or trains to the end.
func FuzzResume(f *testing.F) {
	_, x, cfg, data := smallCheckpoint(f)
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4 {
			data = binary.LittleEndian.AppendUint32(slices.Clone(data[:len(data)-4]), crc32.Checksum(data[:len(data)-4], castagnoli))
		}
		cfg := cfg
		cfg.Checkpoint.File = filepath.Join(t.TempDir(), "checkpoint")
		if err := os.WriteFile(cfg.Checkpoint.File, data, 0o666); err != nil {
			t.Fatal(err)
		}
		rows := dense.View(x)
		l, err := newLoop(context.Background(), smallAutoencoder(t, nil), feed.FromMemory(feed.Settings{Seed: cfg.Seed}, sparse.Rows{Dense: rows}, rows), cfg)
		if err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrCheckpoint) {
				t.Errorf("error %v", err)
			}
			return
		}
		l.cfg.Checkpoint.File = "" // what comes is known, and a disk is slow
		l.run(context.Background())
	})
}

// TestTrainedOnce: layers that share memory are averaged, kept and saved once.
func TestTrainedOnce(t *testing.T) {
	n := smallAutoencoder(t, nil)
	if got := len(trained(n.layers)); got != 4 {
		t.Fatalf("%d slices of parameters, want 4", got)
	}
	n.layers[1].parameters().share(n.layers[0].parameters())
	if got := len(trained(n.layers)); got != 3 {
		t.Fatalf("%d slices of parameters of tied layers, want 3", got)
	}
	kept := keptParameters{live: trained(n.layers), decay: 0.5, average: likeEach(trained(n.layers))}
	kept.addToAverage(1)
	w := weightsOf(n, 0).Data
	before := slices.Clone(w)
	for i := range w {
		w[i] += 2
	}
	kept.addToAverage(2)
	kept.swap(kept.average)
	for i := range w {
		if want := before[i] + 1; math.Abs(w[i]-want) > 1e-15 {
			t.Fatalf("the average of %v and %v is %v", before[i], before[i]+2, w[i])
		}
	}
}

// TestResumeScreened: the int8 copies that a resumed training keeps are those of the
// weights from the file, and averages, which are far from the weights here, are
// not validated with them.
func TestResumeScreened(t *testing.T) {
	x := uniform(200, 40)
	run := func(n *Network, cfg TrainConfig) (losses []float64) {
		cfg.Epochs, cfg.BatchSize, cfg.LearningRate, cfg.EMA, cfg.Validation.Patience, cfg.Seed = 3, 32, 0.1, 0.98, 3, 1
		cfg.Validation.X, cfg.Validation.Y = x, x
		h, err := n.Train(context.Background(), x, x, cfg)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range h.Epochs {
			losses = append(losses, e.ValidationLoss)
		}
		return losses
	}
	net := func(seed uint64) *Network {
		return smallAutoencoder(t, func(c *Config) { c.Inputs, c.Latents, c.K, c.Seed = 40, 300, 5, seed })
	}
	want, got := net(1), net(1)
	var wantLosses, gotLosses []float64
	withScreening("off", func() { wantLosses = run(want, TrainConfig{}) })
	cfg := TrainConfig{Checkpoint: Checkpoint{File: filepath.Join(t.TempDir(), "checkpoint"), Resume: true}}
	withScreening("on", func() {
		cfg.Callback = func(p train.Progress) error {
			if p.Step == 5 {
				return ErrStop
			}
			return nil
		}
		run(got, cfg)
		cfg.Callback, got = nil, net(99)
		gotLosses = run(got, cfg)
	})
	if !slices.EqualFunc(trained(want.layers), trained(got.layers), slices.Equal) || !slices.Equal(gotLosses, wantLosses) {
		t.Errorf("screening changes the bits of a resumed training; validation losses are %v, want %v", gotLosses, wantLosses)
	}
}
