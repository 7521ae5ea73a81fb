package ksparse_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// finiteCase is a network in which a number will be spoilt, and how many rows are encoded.
type finiteCase struct {
	what       string
	selection  ksparse.Selection
	activation ksparse.Activation
	latents, k int
	rows       int
}

// finiteCases go through every way in which active latents are found.
func finiteCases() (all []finiteCase) {
	for _, s := range []ksparse.Selection{ksparse.SelectTopK, ksparse.SelectAbsTopK, ksparse.SelectBatchTopK, ksparse.SelectThreshold, ksparse.SelectGroupMax} {
		for _, a := range []ksparse.Activation{ksparse.Identity, ksparse.ReLU, ksparse.Sigmoid, ksparse.Tanh, ksparse.GELU} {
			if s == ksparse.SelectAbsTopK && a != ksparse.Identity || (s == ksparse.SelectBatchTopK || s == ksparse.SelectGroupMax) && a > ksparse.ReLU && a != ksparse.Identity || s >= ksparse.SelectBatchTopK && a == ksparse.Sigmoid {
				continue
			}
			for _, size := range [][3]int{{20, 4, 1}, {20, 4, 40}, {20, 20, 3}, {512, 8, 1}, {512, 8, 200}} {
				all = append(all, finiteCase{fmt.Sprintf("%v %v %v", s, a, size), s, a, size[0], size[1], size[2]})
			}
		}
	}
	return all
}

// network returns the network of c, with thresholds that most latents are below.
func (c finiteCase) network(t *testing.T) *ksparse.Network {
	t.Helper()
	net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 20, Latents: c.latents, K: c.k, Selection: c.selection, Activation: c.activation})
	if err != nil {
		t.Fatal(err)
	}
	if c.selection == ksparse.SelectThreshold || c.selection == ksparse.SelectBatchTopK {
		if err := net.Layers()[0].(*ksparse.SparseLayer).SetThresholds(1); err != nil {
			t.Fatal(err)
		}
	}
	return net
}

// TestSpoiltParameters: a NaN or an infinity among the parameters of the encoder is an
// error of every call that uses it, which names it, although the latent is never selected.
func TestSpoiltParameters(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	for _, c := range finiteCases() {
		x := normal(rng, c.rows, 20)
		x.Set(0, 3, 0)
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			for _, bias := range []bool{false, true} {
				net := c.network(t)
				encoder := net.Layers()[0]
				says := fmt.Sprintf(`layer "encoder" holds %v as weight at row %d, column 3`, v, c.latents-3)
				if bias {
					says = fmt.Sprintf(`layer "encoder" holds %v as bias %d`, v, c.latents-3)
					encoder.Biases().SetVec(c.latents-3, v)
				} else {
					encoder.Weights().Set(c.latents-3, 3, v)
				}
				for call, err := range everyCall(t, net, x) {
					if !errors.Is(err, ksparse.ErrNotFinite) || !strings.Contains(err.Error(), says) {
						t.Errorf("%s: %s: error %v, want %s", c.what, call, err, says)
					}
				}
			}
		}
	}
}

// everyCall returns the errors of all calls that use the encoder.
func everyCall(t *testing.T, net *ksparse.Network, x *mat.Dense) map[string]error {
	t.Helper()
	errs := map[string]error{"StartFrom": net.StartFrom(sourceOf(t, x), ksparse.Start{})}
	_, errs["Encode"] = net.Encode(x)
	_, errs["Predict"] = net.Predict(x)
	_, _, errs["Reconstruct"] = net.Reconstruct(x)
	_, errs["Forward"] = net.Forward(x)
	_, errs["Freeze"] = net.Freeze()
	_, errs["Train"] = net.Train(t.Context(), x, x, ksparse.TrainConfig{Steps: 1})
	_, errs["Pretrain"] = net.Pretrain(t.Context(), x, ksparse.PretrainConfig{})
	errs["Save"] = net.Save(new(strings.Builder))
	if errs["Save"] != nil && errors.Is(errs["Save"], ksparse.ErrNotFinite) {
		delete(errs, "Save") // it has words of its own
	}
	if a := net.Layers()[0].Activation(); a == ksparse.Identity || a == ksparse.ReLU {
		_, errs["Calibrate"] = net.Calibrate(sourceOf(t, x), 1)
	}
	return errs
}

// TestSpoiltElsewhere: the same for other parameters, which errors name, too.
func TestSpoiltElsewhere(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	x := normal(rng, 3, 6)
	deep := func() *ksparse.Network {
		return mustNetwork(t, ksparse.NewLinearLayer("first", 6, 9, ksparse.ReLU), ksparse.NewSparseLayer("codes", 9, 8, 3, ksparse.ReLU),
			ksparse.NewLinearLayer("out", 8, 6, ksparse.ReLU))
	}
	for _, c := range []struct {
		says  string
		spoil func(n *ksparse.Network)
		calls string // those that do not see it
	}{
		{`layer "first" holds NaN as weight at row 2, column 7`, func(n *ksparse.Network) { n.Layers()[0].Weights().Set(2, 7, math.NaN()) }, ""},
		{`layer "first" holds -Inf as bias 7`, func(n *ksparse.Network) { n.Layers()[0].Biases().SetVec(7, math.Inf(-1)) }, ""},
		{`layer "codes" holds NaN as weight at row 2, column 7`, func(n *ksparse.Network) { n.Layers()[1].Weights().Set(2, 7, math.NaN()) }, ""},
		{`layer "out" holds -Inf as bias 4`, func(n *ksparse.Network) { n.Layers()[2].Biases().SetVec(4, math.Inf(-1)) }, "Encode Calibrate"},
		{`layer "out" holds NaN as bias 4`, func(n *ksparse.Network) { n.Layers()[2].Biases().SetVec(4, math.NaN()) }, "Encode Calibrate"},
	} {
		net := deep()
		c.spoil(net)
		errs := everyCall(t, net, x)
		if c.calls != "" {
			codes, err := deep().Encode(x)
			if err != nil {
				t.Fatal(err)
			}
			_, errs["Decode"] = net.Decode(codes)
		}
		for call, err := range errs {
			if strings.Contains(c.calls, call) {
				if err != nil {
					t.Errorf("%s: %s: %v", c.says, call, err)
				}
				continue
			}
			if !errors.Is(err, ksparse.ErrNotFinite) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: error %v, want %s", call, err, c.says)
			}
		}
	}

	thresholds := []float64{0, 0, 0}
	net, err := ksparse.New(ksparse.Config{
		Classic: true,
		Encoder: ksparse.Weights{Rows: 3, Cols: 2, Float32: []float32{1, 2, 3, 4, 5, 6}}, Decoder: ksparse.Weights{Rows: 3, Cols: 2, Float64: make([]float64, 6)},
		Selection: ksparse.SelectThreshold, Thresholds: thresholds,
	})
	if err != nil {
		t.Fatal(err)
	}
	thresholds[1] = math.NaN()
	if _, err := net.Encode(mat.NewDense(1, 2, nil)); !errors.Is(err, ksparse.ErrNotFinite) || !strings.Contains(err.Error(), `layer "encoder" holds NaN as threshold 1`) {
		t.Errorf("a threshold of NaN: error %v", err)
	}
	thresholds[1] = 0
	cfg, err := net.Config()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Encoder.Float32[3] = float32(math.NaN())
	if _, err := net.Encode(mat.NewDense(1, 2, nil)); !errors.Is(err, ksparse.ErrNotFinite) || !strings.Contains(err.Error(), "weight at row 1, column 1") {
		t.Errorf("a float32 weight of NaN: error %v", err)
	}
}

// TestOverflowOfUnselected: a pre-activation that overflows is an error although the latent
// would not be selected, and although its value, as computed, is finite.
func TestOverflowOfUnselected(t *testing.T) {
	for _, c := range finiteCases() {
		net := c.network(t)
		net.Layers()[0].Weights().Set(c.latents-1, 0, -1e200)
		x := mat.NewDense(c.rows, 20, nil)
		x.Apply(func(i, j int, _ float64) float64 { return math.Sin(float64(i*20 + j)) }, x)
		last := c.rows - 1
		x.Set(last, 0, 1e200)
		says := fmt.Sprintf("row %d overflows", last)
		_, encode := net.Encode(x)
		_, forward := net.Forward(x)
		_, predict := net.Predict(x)
		for call, err := range map[string]error{"Encode": encode, "Forward": forward, "Predict": predict} {
			if !errors.Is(err, ksparse.ErrNotFinite) || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %s: error %v, want %s", c.what, call, err, says)
			}
		}
		frozen, err := net.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := frozen.Encode(x); !errors.Is(err, ksparse.ErrNotFinite) {
			t.Errorf("%s: frozen: error %v", c.what, err)
		}
	}
}

// TestNoStepNoChange: a training that takes no step leaves every parameter as it was.
func TestNoStepNoChange(t *testing.T) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	rng := rand.New(rand.NewPCG(3, 4))
	x := normal(rng, 30, 5)
	numbers := func(n *ksparse.Network) (all []float64) {
		for _, l := range n.Layers() {
			all = append(append(all, l.Weights().RawMatrix().Data...), l.Biases().RawVector().Data...)
		}
		return slices.Clone(all)
	}
	for _, tied := range []bool{false, true} {
		for what, train := range map[string]func(n *ksparse.Network, cfg ksparse.TrainConfig) error{
			"a context that is done": func(n *ksparse.Network, cfg ksparse.TrainConfig) error {
				h, err := n.Train(done, x, x, cfg)
				if h == nil || h.Steps != 0 {
					t.Errorf("%+v", h)
				}
				return err
			},
			"a first step that fails": func(n *ksparse.Network, cfg ksparse.TrainConfig) error {
				cfg.Loss = ksparse.BinaryCrossEntropy
				y := mat.NewDense(30, 5, nil)
				h, err := n.Train(t.Context(), x, y, cfg)
				if h == nil || h.Steps != 0 {
					t.Errorf("%+v", h)
				}
				return err
			},
			"a Trainer": func(n *ksparse.Network, cfg ksparse.TrainConfig) error {
				cfg.EMA = 0
				tr, err := ksparse.NewTrainer(n, cfg)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := tr.Step(x, mat.NewDense(30, 4, nil)); err == nil {
					t.Error("a step on targets that are too narrow")
				}
				_, err = tr.Finish()
				if err == nil {
					err = ksparse.ErrShape
				}
				return err
			},
		} {
			net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 5, Latents: 9, K: 2, Tied: tied})
			if err != nil {
				t.Fatal(err)
			}
			before := numbers(net)
			if err := train(net, ksparse.TrainConfig{Steps: 5, EMA: 0.9, Recipe: ksparse.Recipe{UnitNorm: true}}); err == nil {
				t.Errorf("%s: no error", what)
			}
			if !slices.Equal(before, numbers(net)) {
				t.Errorf("%s, tied %v: the parameters have changed without a step", what, tied)
			}
		}
	}
}

// TestResumeAtStepZero: a training with unit norms that was stopped before its first step
// goes on to the same bits.
func TestResumeAtStepZero(t *testing.T) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	x := normal(rand.New(rand.NewPCG(3, 4)), 30, 5)
	result := func(stop bool) []float64 {
		net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 5, Latents: 9, K: 2})
		if err != nil {
			t.Fatal(err)
		}
		cfg := ksparse.TrainConfig{Steps: 5, BatchSize: 7, Recipe: ksparse.Recipe{UnitNorm: true}}
		if stop {
			cfg.Checkpoint = ksparse.Checkpoint{File: t.TempDir() + "/c", Resume: true}
			if _, err := net.Train(done, x, x, cfg); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		if _, err := net.Train(t.Context(), x, x, cfg); err != nil {
			t.Fatal(err)
		}
		return net.Layers()[1].Weights().RawMatrix().Data
	}
	if !slices.Equal(result(false), result(true)) {
		t.Error("the resumed training ends elsewhere")
	}
}
