package ksparse_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// awkwardCodes returns codes with rows without entries, selected zeros of both signs, and values of
// every size that a training can square; share of the latents are active.
func awkwardCodes(t testing.TB, rng *rand.Rand, rows, latents int, share float64) *ksparse.Codes {
	t.Helper()
	indices, values := make([][]int32, rows), make([][]float64, rows)
	for i := range rows {
		if rng.IntN(5) == 0 {
			continue
		}
		for j := range latents {
			if rng.Float64() >= share {
				continue
			}
			v := rng.NormFloat64()
			switch rng.IntN(12) {
			case 0:
				v = 0
			case 1:
				v = math.Copysign(0, -1)
			case 2:
				v *= 0x1p-1060 // denormal
			case 3:
				v *= 1e-200
			}
			indices[i], values[i] = append(indices[i], int32(j)), append(values[i], v)
		}
	}
	c, err := ksparse.NewCodes(latents, indices, values)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// oneHot returns rows with a one in a column drawn at random.
func oneHot(rng *rand.Rand, rows, cols int) *mat.Dense {
	y := mat.NewDense(rows, cols, nil)
	for i := range rows {
		y.Set(i, rng.IntN(cols), 1)
	}
	return y
}

// inputsTest is a training whose inputs may be codes.
type inputsTest struct {
	name  string
	cols  int // of the targets
	net   func(t testing.TB, latents, cols int) *ksparse.Network
	cfg   ksparse.TrainConfig
	valid bool // validation on other codes
}

// linearFirst makes networks whose first layer is linear.
func linearFirst(act ksparse.Activation, hidden int, last ksparse.Activation) func(testing.TB, int, int) *ksparse.Network {
	return func(t testing.TB, latents, cols int) *ksparse.Network {
		if hidden == 0 {
			return networkOf(t, ksparse.NewLinearLayer("a", latents, cols, last))
		}
		return networkOf(t, ksparse.NewLinearLayer("a", latents, hidden, act), ksparse.NewLinearLayer("b", hidden, cols, last))
	}
}

// withSparse has a sparse layer that learns thresholds, above the linear one.
func withSparse(t testing.TB, latents, cols int) *ksparse.Network {
	s := ksparse.NewSparseLayer("b", 7, 12, 3, ksparse.ReLU)
	if err := s.SetSelection(ksparse.SelectBatchTopK); err != nil {
		t.Fatal(err)
	}
	return networkOf(t, ksparse.NewLinearLayer("a", latents, 7, ksparse.Tanh), s, ksparse.NewLinearLayer("c", 12, cols, ksparse.Identity))
}

var inputsTests = []inputsTest{
	{"classifier", 4, linearFirst(0, 0, ksparse.Identity), ksparse.TrainConfig{Loss: ksparse.SoftmaxCrossEntropy, LearningRate: 0.05}, true},
	{"one column", 1, linearFirst(0, 0, ksparse.Sigmoid), ksparse.TrainConfig{Loss: ksparse.BinaryCrossEntropy, Optimizer: train.SGD{Momentum: 0.9}, LearningRate: 0.1}, false},
	{"regression", 5, linearFirst(0, 0, ksparse.Tanh), ksparse.TrainConfig{MaxNorm: 1.5, ClipNorm: 0.5, L1: 1e-4, L2: 1e-3}, false},
	{"two layers", 3, linearFirst(ksparse.GELU, 9, ksparse.Identity), ksparse.TrainConfig{EMA: 0.9, Validation: ksparse.Validation{Fraction: 0.3, Patience: 2}}, false},
	{"wide", 70, linearFirst(ksparse.ReLU, 40, ksparse.Identity), ksparse.TrainConfig{Recipe: ksparse.Recipe{ScaleGradients: true}}, true},
	{"a sparse layer above", 3, withSparse, ksparse.TrainConfig{Recipe: ksparse.Recipe{UnitNorm: true}}, true},
}

// run trains on x and y, and returns what came of it.
func (c inputsTest) run(t *testing.T, net *ksparse.Network, cfg ksparse.TrainConfig, x, y mat.Matrix) *outcome {
	t.Helper()
	o := &outcome{progress: map[int]string{}}
	cfg.Callback = func(p train.Progress) error { o.note(p); return nil }
	h, err := net.Train(context.Background(), x, y, cfg)
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	o.end(net, h)
	return o
}

// TestTrainOnCodes: a training on codes, and what is predicted of them, has the bits of one on the
// same rows, dense: parameters, progress and history.
func TestTrainOnCodes(t *testing.T) {
	rng := rand.New(rand.NewPCG(18, 1))
	for _, shape := range []struct {
		rows, latents, batch int
		share                float64
	}{{1, 1, 1, 1}, {2, 9, 5, 0.5}, {61, 40, 16, 0.1}, {61, 40, 7, 0.62}, {50, 300, 32, 0.02}, {40, 5, 40, 1}, {30, 20, 8, 0}} {
		for _, c := range inputsTests {
			x, valid := awkwardCodes(t, rng, shape.rows, shape.latents, shape.share), awkwardCodes(t, rng, 9, shape.latents, 0.3)
			y, validY := oneHot(rng, shape.rows, c.cols), oneHot(rng, 9, c.cols)
			if shape.rows == 1 && c.cfg.Validation.Fraction > 0 {
				continue
			}
			cfg := c.cfg
			cfg.Epochs, cfg.BatchSize, cfg.Seed = 4, shape.batch, 3
			name := fmt.Sprintf("%s, %d x %d", c.name, shape.rows, shape.latents)
			t.Run(name, func(t *testing.T) {
				of, on := c.net(t, shape.latents, c.cols), c.net(t, shape.latents, c.cols)
				if c.valid {
					cfg.Validation = ksparse.Validation{X: valid.Dense(), Y: validY}
				}
				want := c.run(t, of, cfg, x.Dense(), y)
				if c.valid {
					cfg.Validation.X = valid
				}
				c.run(t, on, cfg, x, y).compare(t, want)
				samePredictions(t, on, x)
				samePredictions(t, on, valid)
			})
		}
	}
}

// samePredictions: what the network makes of codes is what it makes of their dense rows. In the end the codes
// may be others.
func samePredictions(t *testing.T, net *ksparse.Network, c *ksparse.Codes) {
	t.Helper()
	want, err := net.Predict(c.Dense())
	if err != nil {
		t.Fatal(err)
	}
	got, err := net.Predict(c)
	if err != nil || !mat.Equal(got, want) {
		t.Errorf("Predict gives %v, error %v, want %v", got, err, want)
	}
	if _, err := net.Encode(c); errors.Is(err, ksparse.ErrNoSparseLayer) {
		return
	}
	wantCodes, err := net.Encode(c.Dense())
	if err != nil {
		t.Fatal(err)
	}
	codes, out, err := net.Reconstruct(c)
	if err != nil || !mat.Equal(codes, wantCodes) || !mat.Equal(out, want) {
		t.Errorf("Reconstruct gives other codes or outputs, error %v", err)
	}
	if err := net.EncodeInto(c, c); err != nil || !mat.Equal(c, wantCodes) {
		t.Errorf("codes encoded into themselves are others, error %v", err)
	}
}

// TestStepOnCodes: so has a Trainer's step, and a training that is resumed.
func TestStepOnCodes(t *testing.T) {
	rng := rand.New(rand.NewPCG(18, 2))
	for _, c := range inputsTests {
		x, y := awkwardCodes(t, rng, 30, 50, 0.1), oneHot(rng, 30, c.cols)
		var nets [2]*ksparse.Network
		for i, rows := range []mat.Matrix{x.Dense(), x} {
			nets[i] = c.net(t, 50, c.cols)
			tr, err := ksparse.NewTrainer(nets[i], ksparse.TrainConfig{Loss: c.cfg.Loss, Optimizer: c.cfg.Optimizer, Recipe: c.cfg.Recipe})
			if err != nil {
				t.Fatal(err)
			}
			for range 5 {
				if _, err := tr.Step(rows, y); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := tr.Finish(); err != nil {
				t.Fatal(err)
			}
		}
		if !sameNumbers(parameters(nets[1]), parameters(nets[0])) {
			t.Errorf("%s: other parameters", c.name)
		}
		cfg := ksparse.TrainConfig{Epochs: 2, BatchSize: 8, Loss: c.cfg.Loss, Checkpoint: ksparse.Checkpoint{File: filepath.Join(t.TempDir(), "c"), Resume: true}}
		resumed, whole := c.net(t, 50, c.cols), c.net(t, 50, c.cols)
		c.run(t, resumed, cfg, x.Dense(), y)
		cfg.Epochs = 5
		c.run(t, resumed, cfg, x, y)
		cfg.Checkpoint = ksparse.Checkpoint{}
		c.run(t, whole, cfg, x, y)
		if !sameNumbers(parameters(resumed), parameters(whole)) {
			t.Errorf("%s: other parameters where it was resumed", c.name)
		}
	}
}

// TestCodesAsAnyMatrix: a network that cannot take codes as they are makes them dense.
func TestCodesAsAnyMatrix(t *testing.T) {
	rng := rand.New(rand.NewPCG(18, 3))
	x := awkwardCodes(t, rng, 40, 6, 0.5)
	biased := networkOf(t, ksparse.NewLinearLayer("a", 6, 6, ksparse.Identity))
	if err := biased.Wire(ksparse.Wiring{PreBias: true}); err != nil {
		t.Fatal(err)
	}
	normalised := networkOf(t, ksparse.NewLinearLayer("a", 6, 6, ksparse.Identity))
	if err := normalised.Wire(ksparse.Wiring{Normalization: ksparse.LayerNorm}); err != nil {
		t.Fatal(err)
	}
	for name, net := range map[string]*ksparse.Network{
		"sparse first": smallNetwork(t), "pre-bias": biased, "normalised": normalised,
		"linear, its own target": networkOf(t, ksparse.NewLinearLayer("a", 6, 6, ksparse.Identity)),
	} {
		var all [2][][]float64
		start := parameters(net)
		for i, rows := range []mat.Matrix{x.Dense(), x} {
			for l, layer := range net.Layers() {
				copy(layer.Weights().RawMatrix().Data, start[2*l])
				copy(layer.Biases().RawVector().Data, start[2*l+1])
			}
			trainOn(t, net, rows, rows, ksparse.TrainConfig{Epochs: 2, BatchSize: 16})
			out, err := net.Predict(rows)
			if err != nil {
				t.Fatal(err)
			}
			all[i] = append(parameters(net), out.RawMatrix().Data)
		}
		if !sameNumbers(all[0], all[1]) {
			t.Errorf("%s: other numbers than for dense rows", name)
		}
	}
}

func TestBadCodesAsInput(t *testing.T) {
	net := networkOf(t, ksparse.NewLinearLayer("a", 5, 2, ksparse.Identity))
	codesOf := func(latents int, indices [][]int32, values [][]float64) *ksparse.Codes {
		c, err := ksparse.NewCodes(latents, indices, values)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	good := codesOf(5, [][]int32{{0, 3}, {1}}, [][]float64{{1, 2}, {3}})
	y := mat.NewDense(2, 2, []float64{1, 0, 0, 1})
	spoilt := codesOf(5, [][]int32{{0}, {1, 4}}, [][]float64{{1}, {2, 3}})
	_, values := spoilt.Row(1)
	values[1] = math.NaN()
	for _, c := range []struct {
		what string
		x    *ksparse.Codes
		want error
		text string
	}{
		{"nil", nil, ksparse.ErrEmpty, "x is nil"},
		{"none", new(ksparse.Codes), ksparse.ErrEmpty, "x has no rows (it is 0 x 0)"},
		{"no rows", codesOf(5, nil, nil), ksparse.ErrEmpty, "x has no rows (it is 0 x 5)"},
		{"wide", codesOf(6, [][]int32{{0}, {1}}, [][]float64{{1}, {2}}), ksparse.ErrShape, "x has 6 columns, want 5"},
		{"NaN", spoilt, ksparse.ErrNotFinite, "x holds NaN at row 1, column 4"},
	} {
		_, errPredict := net.Predict(c.x)
		_, errTrain := net.Train(t.Context(), c.x, y, ksparse.TrainConfig{})
		for _, err := range []error{errPredict, errTrain} {
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: error %v, want %v that says %q", c.what, err, c.want, c.text)
			}
		}
	}
	if _, err := net.Train(t.Context(), good, mat.NewDense(3, 2, nil), ksparse.TrainConfig{}); !errors.Is(err, ksparse.ErrShape) || !strings.Contains(err.Error(), "x has 2 rows, y has 3") {
		t.Errorf("too many targets: error %v", err)
	}
	large := codesOf(5, [][]int32{{0}, {1}}, [][]float64{{1e80}, {2}})
	if _, err := net.Train(t.Context(), large, y, ksparse.TrainConfig{}); !errors.Is(err, ksparse.ErrNotFinite) || !strings.Contains(err.Error(), "up to 1e+80") {
		t.Errorf("values too large: error %v", err)
	}
}
