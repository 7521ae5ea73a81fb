package ksparse

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// smallConfig is a good model of 3 inputs and 4 latents.
func smallConfig() Config {
	rng := rand.New(rand.NewPCG(1, 2))
	return Config{
		Classic: true,
		Encoder: randomWeights(rng, 4, 3), EncoderBias: normals(rng, 4, 1),
		Decoder: randomWeights(rng, 4, 3), DecoderBias: normals(rng, 3, 1),
		K: 2, Activation: ReLU,
	}
}

// TestNewRefuses: whatever is wrong with a Config is an error of the right kind
// that names the field.
func TestNewRefuses(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	gated := func(c *Config) {
		c.Selection, c.GateBias, c.GateLogGain = SelectThreshold, make([]float64, 4), make([]float64, 4)
	}
	for _, c := range []struct {
		change func(cfg *Config)
		cause  error
		text   string
	}{
		{func(cfg *Config) { *cfg = Config{} }, ErrShape, "Config.Inputs is 0"},
		{func(cfg *Config) { cfg.Encoder = Weights{} }, ErrShape, "EncoderBias is there without an Encoder"},
		{func(cfg *Config) { *cfg = Config{Classic: true, Inputs: 3, Latents: 4, Decoder: cfg.Decoder} }, ErrShape, "Decoder is there without an Encoder"},
		{func(cfg *Config) { *cfg = Config{Classic: true, Inputs: 3, Latents: 4, GateBias: make([]float64, 4)} }, ErrShape, "GateBias is there without an Encoder"},
		{func(cfg *Config) { *cfg = Config{Classic: true, Inputs: 3, Latents: 4, Skip: cfg.Encoder} }, ErrShape, "Skip is there without an Encoder"},
		{func(cfg *Config) { cfg.Inputs = 4 }, ErrShape, "4 inputs"},
		{func(cfg *Config) { cfg.Latents = 3 }, ErrShape, "3 latents"},
		{func(cfg *Config) { cfg.Outputs = 4 }, ErrShape, "4 outputs, its decoder gives 3"},
		{func(cfg *Config) {
			cfg.Inputs, cfg.Outputs, cfg.Decoder.Cols, cfg.Decoder.Float32, cfg.DecoderBias = 3, 3, 2, cfg.Decoder.Float32[:8], nil
		}, ErrShape, "3 outputs, its decoder gives 2"},
		{func(cfg *Config) { cfg.OutputActivation = activations }, ErrRange, "activation"},
		{func(cfg *Config) { cfg.Encoder.Rows = -4 }, ErrShape, "Encoder"},
		{func(cfg *Config) { cfg.Encoder.Cols = 2 }, ErrShape, "4 x 2 and has 12"},
		{func(cfg *Config) { cfg.Encoder.Rows, cfg.Encoder.Cols = math.MaxInt, math.MaxInt }, ErrShape, "Encoder"},
		{func(cfg *Config) { cfg.Encoder.Float32 = nil }, ErrShape, "both or neither"},
		{func(cfg *Config) { cfg.Encoder.Float64 = make([]float64, 12) }, ErrShape, "both or neither"},
		{func(cfg *Config) { cfg.Encoder.Float32[5] = float32(nan) }, ErrNotFinite, "Encoder holds NaN or an infinity at row 1, column 2"},
		{func(cfg *Config) { cfg.Encoder.Float32, cfg.Encoder.Float64 = nil, append(make([]float64, 11), inf) }, ErrNotFinite, "row 3, column 2"},
		{func(cfg *Config) { cfg.EncoderBias = cfg.EncoderBias[:3] }, ErrShape, "EncoderBias has 3"},
		{func(cfg *Config) { cfg.EncoderBias[2] = inf }, ErrNotFinite, "EncoderBias holds +Inf at 2"},
		{func(cfg *Config) { cfg.DecoderBias = make([]float64, 4) }, ErrShape, "DecoderBias has 4"},
		{func(cfg *Config) { cfg.DecoderBias[0] = nan }, ErrNotFinite, "DecoderBias"},
		{func(cfg *Config) { cfg.Decoder = randomWeights(rand.New(rand.NewPCG(1, 1)), 3, 3) }, ErrShape, "Decoder is 3 x 3, want 4 rows"},
		{func(cfg *Config) { cfg.Decoder.Float32[11] = float32(inf) }, ErrNotFinite, "Decoder holds"},
		{func(cfg *Config) { cfg.Tied = true }, ErrShape, "Tied"},
		{func(cfg *Config) { cfg.Decoder, cfg.DecoderBias, cfg.OutputActivation = Weights{}, nil, Sigmoid }, ErrShape, "OutputActivation"},
		{func(cfg *Config) { *cfg = Config{Classic: true, Inputs: 3, Outputs: 4, Latents: 5, Mirrored: true} }, ErrShape, "Mirrored"},
		{func(cfg *Config) {
			cfg.Decoder.Cols, cfg.Decoder.Float32, cfg.DecoderBias, cfg.PreBias = 2, cfg.Decoder.Float32[:8], nil, true
		}, ErrShape, "pre-bias"},
		{func(cfg *Config) { cfg.Decoder = Weights{} }, ErrShape, "DecoderBias is there without"},
		{func(cfg *Config) { cfg.Decoder, cfg.PreBias, cfg.DecoderBias = Weights{}, true, make([]float64, 4) }, ErrShape, "DecoderBias has 4"},
		{func(cfg *Config) { cfg.Decoder, cfg.DecoderBias, cfg.Skip = Weights{}, nil, cfg.Encoder }, ErrShape, "Skip is there without a decoder"},
		{func(cfg *Config) { cfg.Decoder, cfg.DecoderBias, cfg.Normalization = Weights{}, nil, LayerNorm }, ErrRange, "not undone"},
		{func(cfg *Config) { cfg.K = -2 }, ErrRange, "k = -2"},
		{func(cfg *Config) { cfg.K = 0 }, ErrRange, "Config.K is 0"},
		{func(cfg *Config) { cfg.Mirrored = true }, ErrRange, "Mirrored"},
		{func(cfg *Config) { cfg.Seed = 3 }, ErrRange, "Seed"},
		{func(cfg *Config) { cfg.Activation = activations }, ErrRange, "activation"},
		{func(cfg *Config) { cfg.Selection = selections }, ErrRange, "selection"},
		{func(cfg *Config) { cfg.Selection = SelectAbsTopK }, ErrRange, "magnitude"},
		{func(cfg *Config) { cfg.Selection, cfg.K = SelectGroupMax, 3 }, ErrRange, "k = 3 groups"},
		{func(cfg *Config) { cfg.Selection, cfg.K = SelectGroupMax, 0 }, ErrRange, "k = 0 groups"},
		{func(cfg *Config) { cfg.Selection, cfg.Activation = SelectGroupMax, Tanh }, ErrRange, "group_max"},
		{func(cfg *Config) { cfg.Thresholds = make([]float64, 3) }, ErrShape, "Thresholds has 3"},
		{func(cfg *Config) { cfg.Thresholds = []float64{0, nan, 0, 0} }, ErrNotFinite, "Thresholds holds NaN at 1"},
		{func(cfg *Config) { gated(cfg); cfg.Selection = SelectTopK }, ErrRange, "gate"},
		{func(cfg *Config) { gated(cfg); cfg.Activation = Identity }, ErrRange, "Gate"},
		{func(cfg *Config) { gated(cfg); cfg.Thresholds = make([]float64, 4) }, ErrRange, "Gate"},
		{func(cfg *Config) { gated(cfg); cfg.GateBias = nil }, ErrShape, "GateBias"},
		{func(cfg *Config) { gated(cfg); cfg.GateLogGain[3] = nan }, ErrNotFinite, "GateLogGain"},
		{func(cfg *Config) { gated(cfg); cfg.GateLogGain[3] = 710 }, ErrRange, "overflows"},
		{func(cfg *Config) { cfg.Skip = randomWeights(rand.New(rand.NewPCG(1, 1)), 3, 4) }, ErrShape, "Skip is 3 x 4, want 3 x 3"},
		{func(cfg *Config) {
			cfg.Skip = randomWeights(rand.New(rand.NewPCG(1, 1)), 3, 3)
			cfg.Normalization = LayerNorm
		}, ErrRange, "skip"},
		{func(cfg *Config) { cfg.Normalization = normalizations }, ErrRange, "normalization"},
		{func(cfg *Config) { cfg.Scale = 2 }, ErrRange, "scale"},
		{func(cfg *Config) { cfg.Normalization, cfg.Scale = DatasetScale, -1 }, ErrRange, "scale"},
	} {
		cfg := smallConfig()
		c.change(&cfg)
		if _, err := New(cfg); !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("error %v, want %v with %q", err, c.cause, c.text)
		}
	}
	if _, err := New(smallConfig()); err != nil {
		t.Error("a good Config:", err)
	}
}

// TestConfigAndBack: New takes the memory that it is given and Config gives it back,
// so neither doubles what a model needs; biases are live, narrow weights not.
func TestConfigAndBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for name, cfg := range configCases(rng, 6, 12, 4, 3) {
		n, err := New(cfg)
		if err != nil {
			t.Fatal(name, err)
		}
		q, err := n.Config()
		if err != nil {
			t.Fatal(name, err)
		}
		if !sameMemory(q.Encoder.Float32, cfg.Encoder.Float32) || !cfg.Decoder.Empty() && !sameMemory(q.Decoder.Float32, cfg.Decoder.Float32) ||
			!cfg.Skip.Empty() && !sameMemory(q.Skip.Float32, cfg.Skip.Float32) || !sameMemory(q.EncoderBias, cfg.EncoderBias) ||
			!sameMemory(q.DecoderBias, cfg.DecoderBias) || cfg.Thresholds != nil && !sameMemory(q.Thresholds, cfg.Thresholds) {
			t.Errorf("%s: memory was copied", name)
		}
		if q.K != cfg.K || q.Activation != cfg.Activation || q.Selection != cfg.Selection || q.PreBias != cfg.PreBias || q.Tied != cfg.Tied ||
			q.Normalization != cfg.Normalization || q.Scale != cfg.Scale || q.NoUndo != cfg.NoUndo || q.OutputActivation != cfg.OutputActivation || q.Decoder.Empty() != cfg.Decoder.Empty() || q.gated() != cfg.gated() {
			t.Errorf("%s: the Config came back as %+v", name, q)
		}
		if !slices.Equal(q.GateBias, cfg.GateBias) || !slices.Equal(q.GateLogGain, cfg.GateLogGain) || (q.GateBias == nil) != (cfg.GateBias == nil) {
			t.Errorf("%s: the gate came back as %v, %v", name, q.GateBias, q.GateLogGain)
		}
		if q.Inputs != cfg.Encoder.Cols || q.Latents != cfg.Encoder.Rows || q.Outputs != cfg.Decoder.Cols {
			t.Errorf("%s: the sizes came back as %d, %d, %d", name, q.Inputs, q.Latents, q.Outputs)
		}
		if _, err := New(q); err != nil {
			t.Errorf("%s: the Config that came back: %v", name, err)
		}
		n.Layers()[0].Biases().SetVec(0, 0.125)
		if n.Layers()[0].Weights() != nil || cfg.EncoderBias[0] != 0.125 {
			t.Errorf("%s: Weights of float32 should be nil, Biases live", name)
		}
		n.Widen()
		if n.Layers()[0].Weights().At(1, 2) != float64(cfg.Encoder.Float32[6+2]) {
			t.Errorf("%s: Weights are others", name)
		}
		n.Layers()[0].Weights().Set(1, 2, 77)
		if n.Layers()[0].Weights().At(1, 2) != 77 {
			t.Errorf("%s: Weights should be live after Widen", name)
		}
	}
	for _, layers := range [][]Layer{
		{NewLinearLayer("a", 2, 2, Identity)},
		{NewSparseLayer("a", 2, 2, 1, ReLU), NewSparseLayer("b", 2, 2, 1, ReLU)},
		{NewSparseLayer("a", 2, 2, 1, ReLU), NewLinearLayer("b", 2, 2, Identity), NewLinearLayer("c", 2, 2, Identity)},
	} {
		n, err := NewNetwork(layers...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Config(); !errors.Is(err, ErrShape) {
			t.Errorf("Config of another stack: error %v", err)
		}
	}
}

// TestConfigOfDrawn: a network that was drawn is described too, what becomes of its
// output among it, and the description makes the same network.
func TestConfigOfDrawn(t *testing.T) {
	for _, cfg := range []Config{
		{Inputs: 4, Latents: 9, K: 2, Activation: ReLU, OutputActivation: Sigmoid, PreBias: true, Tied: true, Normalization: UnitRMS},
		{Inputs: 4, Outputs: 3, Latents: 9, K: 2, Normalization: DatasetScale, Scale: 2, NoUndo: true},
	} {
		cfg.Classic = true
		n, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		got, err := n.Config()
		if err != nil {
			t.Fatal(err)
		}
		if got.Outputs != n.Out() || got.OutputActivation != cfg.OutputActivation || got.PreBias != cfg.PreBias || got.Tied != cfg.Tied ||
			got.Normalization != cfg.Normalization || got.Scale != cfg.Scale || got.NoUndo != cfg.NoUndo || got.K != 2 {
			t.Errorf("the Config is %+v", got)
		}
		again, err := New(got)
		if err != nil {
			t.Fatal(err)
		}
		x := uniform(5, 4)
		want, err := n.Predict(x)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := again.Predict(x); err != nil || !sameBits(out, want) || again.Wiring() != n.Wiring() {
			t.Errorf("New of Config predicts something else (%v)", err)
		}
	}
}

// TestTiedConfig: a tied model has one matrix in every form, also where it is given
// as the decoder too.
func TestTiedConfig(t *testing.T) {
	for _, explicit := range []bool{false, true} {
		for _, wide := range []bool{false, true} {
			cfg := smallConfig()
			if wide {
				cfg = cfg.wide()
			}
			cfg.Tied, cfg.Decoder = !explicit, Weights{}
			if explicit {
				cfg.Decoder = cfg.Encoder
			}
			n, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			var file bytes.Buffer
			if err := n.Save(&file); err != nil {
				t.Fatal(err)
			}
			loaded, err := Load(&file)
			if err != nil {
				t.Fatal(err)
			}
			var frozen *Frozen
			withScreening("off", func() { frozen, err = n.Freeze() }) // without an int8 copy
			if err != nil {
				t.Fatal(err)
			}
			for what, m := range map[string]*model{"made": &n.model, "loaded": &loaded.model, "frozen": &frozen.model} {
				if !m.tied() {
					t.Errorf("the %s network is not tied", what)
				}
			}
			if want := 4*12 + 8*7; frozen.Bytes() != want {
				t.Errorf("a frozen tied network takes %d bytes, want %d", frozen.Bytes(), want)
			}
			n.Widen()
			if !n.tied() {
				t.Error("Widen tore tied weights apart")
			}
			x := gauss(rand.New(rand.NewPCG(3, 3)), 10, 3)
			if _, err := n.Train(context.Background(), x, x, TrainConfig{Epochs: 1}); err != nil || !n.tied() {
				t.Error("training after Widen:", err)
			}
		}
	}
}

// TestNotTrained: what cannot be trained says so, and what to do about it, and is
// as it was afterwards.
func TestNotTrained(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	x := gauss(rng, 20, 6)
	y := map[int]*mat.Dense{6: x, 4: gauss(rng, 20, 4), 12: gauss(rng, 20, 12)}
	for name, cfg := range configCases(rng, 6, 12, 4, 3) {
		n, err := New(cfg)
		if err != nil {
			t.Fatal(name, err)
		}
		refuses := func(want string) {
			t.Helper()
			_, forward := n.Forward(x)
			_, train := n.Train(context.Background(), x, y[n.Out()], TrainConfig{Epochs: 1})
			_, pretrain := n.Pretrain(context.Background(), x, PretrainConfig{})
			for what, err := range map[string]error{"Forward": forward, "Train": train, "Pretrain": pretrain} {
				if !errors.Is(err, ErrFrozen) || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %s returned %v, want ErrFrozen with %q", name, what, err, want)
				}
			}
		}
		untrainable := cfg.gated() || !cfg.Skip.Empty() || cfg.Decoder.Empty()
		switch {
		case !cfg.Skip.Empty():
			refuses("skip connection")
		case cfg.Decoder.Empty():
			refuses("without a decoder")
		default:
			refuses("call Widen first")
			if !cfg.Tied && !cfg.PreBias {
				if err := n.StartFrom(sourceOf(t, x), Start{Atoms: true}); cfg.Decoder.Cols == 6 && !errors.Is(err, ErrFrozen) {
					t.Errorf("%s: StartFrom returned %v", name, err)
				}
			}
		}
		n.Widen()
		switch {
		case cfg.gated():
			refuses("gate")
			if _, err := n.Calibrate(sourceOf(t, x), 2); !errors.Is(err, ErrRange) {
				t.Errorf("%s: Calibrate returned %v", name, err)
			}
		case untrainable:
			refuses("")
		default:
			if _, err := n.Train(context.Background(), x, x, TrainConfig{Epochs: 1}); err != nil {
				t.Errorf("%s: training after Widen: %v", name, err)
			}
		}
	}
}

// TestGroups: one latent of each group in every row, also where nothing is positive,
// and the settings that make no groups are refused.
func TestGroups(t *testing.T) {
	n, err := New(Config{Classic: true, Inputs: 5, Latents: 12, K: 3, Activation: ReLU, Selection: SelectGroupMax})
	if err != nil {
		t.Fatal(err)
	}
	l := n.Layers()[0].(*SparseLayer)
	codes, err := n.Encode(mat.NewDense(1, 5, nil))
	if err != nil {
		t.Fatal(err)
	}
	if idx, val := codes.Row(0); !slices.Equal(idx, []int32{0, 4, 8}) || !slices.Equal(val, []float64{0, 0, 0}) {
		t.Errorf("the code of zeros is %v %v, want the first of each group", idx, val)
	}
	for k, ok := range map[int]bool{0: false, 1: true, 5: false, 12: true, 13: false, 24: false} {
		if err := l.SetK(k); (err == nil) != ok {
			t.Errorf("SetK(%d) of 12 latents in groups returned %v", k, err)
		}
	}
	if err := l.SetSelection(SelectTopK); err != nil {
		t.Error(err)
	}
}

// TestWireKeepsThePreBias: an encoder alone has its pre-bias nowhere else.
func TestWireKeepsThePreBias(t *testing.T) {
	cfg := smallConfig()
	cfg.Decoder, cfg.PreBias, cfg.DecoderBias = Weights{}, true, []float64{1, 2, 3}
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Wire(Wiring{}); !errors.Is(err, ErrRange) || !n.Wiring().PreBias {
		t.Errorf("error %v, wiring %+v", err, n.Wiring())
	}
	if err := n.Wire(n.Wiring()); err != nil {
		t.Error(err)
	}
}

// TestFirstStepFails: thresholds that no step has learned stay unknown.
func TestFirstStepFails(t *testing.T) {
	n, err := New(Config{Classic: true, Inputs: 3, Latents: 8, K: 2, Activation: ReLU, Selection: SelectBatchTopK})
	if err != nil {
		t.Fatal(err)
	}
	trainer, err := NewTrainer(n, TrainConfig{Optimizer: train.SGD{}, LearningRate: 1e308})
	if err != nil {
		t.Fatal(err)
	}
	x := mat.NewDense(2, 3, []float64{1, 2, 3, 40, 50, -60})
	if _, err := trainer.Step(x, x); !errors.Is(err, ErrDiverged) {
		t.Errorf("Step: error %v", err)
	}
	if _, err := n.Encode(x); !errors.Is(err, ErrUnset) {
		t.Errorf("Encode: error %v", err)
	}
}
