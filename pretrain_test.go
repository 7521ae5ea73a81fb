package ksparse_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// stack is a classifier with a linear layer below and one between its sparse layers.
func stack(t testing.TB) *ksparse.Network {
	t.Helper()
	return mustNetwork(t,
		ksparse.NewSparseLayer("first", 12, 30, 5, ksparse.Identity),
		ksparse.NewLinearLayer("between", 30, 10, ksparse.Tanh),
		ksparse.NewSparseLayer("second", 10, 25, 4, ksparse.ReLU),
		ksparse.NewSparseLayer("third", 25, 20, 20, ksparse.Sigmoid),
		ksparse.NewLinearLayer("classes", 20, 3, ksparse.Identity))
}

// TestPretrainIsASeriesOfAutoencoders does by hand what Pretrain does.
func TestPretrainIsASeriesOfAutoencoders(t *testing.T) {
	const rows = 1100 // two chunks
	x := normal(rand.New(rand.NewPCG(1, 3)), rows, 12)
	config := func(i int) ksparse.TrainConfig {
		return ksparse.TrainConfig{Epochs: 1 + i, BatchSize: 100, Seed: uint64(i)}
	}
	net := stack(t)
	untouched := stack(t)
	var started []int
	histories, err := net.Pretrain(context.Background(), x, ksparse.PretrainConfig{
		Layer: config,
		Seed:  9,
		Start: func(i int, autoencoder *ksparse.Network, x mat.Matrix) error {
			started = append(started, i)
			if r, c := x.Dims(); r != rows || c != autoencoder.In() {
				t.Errorf("Start for layer %d: data of %d x %d for %d inputs", i, r, c, autoencoder.In())
			}
			autoencoder.Layers()[1].Biases().SetVec(0, 0.5)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(histories) != 3 || len(started) != 3 {
		t.Fatalf("%d histories, layers %v started, want 3 of each", len(histories), started)
	}

	var in mat.Matrix = x
	for i, l := range net.Layers() {
		if sparse, ok := l.(*ksparse.SparseLayer); ok {
			single, err := ksparse.New(ksparse.Config{
				Classic: true,
				Inputs:  l.In(), Latents: l.Out(), K: sparse.K(), Activation: l.Activation(), Seed: uint64(9 + i),
			})
			if err != nil {
				t.Fatal(err)
			}
			single.Layers()[1].Biases().SetVec(0, 0.5)
			h := trainOn(t, single, in, in, config(i))
			first := single.Layers()[0]
			if !sameNumbers(paramsOf(l), paramsOf(first)) {
				t.Errorf("layer %d has not what its autoencoder learned", i)
			}
			got := histories[0]
			histories = histories[1:]
			if len(got.Epochs) != 1+i || got.Epochs[i].TrainLoss != h.Epochs[i].TrainLoss {
				t.Errorf("layer %d: history of %d epochs, want %d that end with a loss of %v", i, len(got.Epochs), 1+i, h.Epochs[i].TrainLoss)
			}
			codes, err := single.Encode(in)
			if err != nil {
				t.Fatal(err)
			}
			in = codes.Dense()
			continue
		}
		if !sameNumbers(paramsOf(l), paramsOf(untouched.Layers()[i])) {
			t.Errorf("linear layer %d was changed", i)
		}
		linear := mustNetwork(t, ksparse.NewLinearLayer("copy", l.In(), l.Out(), l.Activation()))
		linear.Layers()[0].Weights().Copy(l.Weights())
		if in, err = linear.Predict(in); err != nil {
			t.Fatal(err)
		}
	}
}

func paramsOf(l ksparse.Layer) [][]float64 {
	return [][]float64{l.Weights().RawMatrix().Data, l.Biases().RawVector().Data}
}

// TestPretrainSeesWhatTheLayerSees: rows come normalised and less the pre-bias, and
// the layer's selection is that of its autoencoder, learned thresholds with it.
func TestPretrainSeesWhatTheLayerSees(t *testing.T) {
	const rows, cols = 1100, 16
	rng := rand.New(rand.NewPCG(6, 6))
	x, seen := mat.NewDense(rows, cols, nil), mat.NewDense(rows, cols, nil)
	for i := range rows {
		norm := math.Ldexp(1, rng.IntN(7)) // over sqrt(16); all that follows is exact
		for j := range cols {
			sign := float64(2*rng.IntN(2) - 1)
			x.Set(i, j, sign*norm)
			seen.Set(i, j, sign-0.25*float64(j))
		}
	}
	cfg := ksparse.Config{Classic: true, Inputs: cols, Latents: 30, K: 4, Activation: ksparse.ReLU, Selection: ksparse.SelectBatchTopK}
	single, err := ksparse.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.PreBias, cfg.Normalization = true, ksparse.UnitRMS
	net, err := ksparse.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for j := range cols {
		net.Layers()[1].Biases().SetVec(j, 0.25*float64(j))
	}
	few := ksparse.TrainConfig{Epochs: 2, BatchSize: 100}
	if _, err := net.Pretrain(context.Background(), x, ksparse.PretrainConfig{Train: few}); err != nil {
		t.Fatal(err)
	}
	trainOn(t, single, seen, seen, few)
	got, want := net.Layers()[0].(*ksparse.SparseLayer), single.Layers()[0].(*ksparse.SparseLayer)
	if !sameNumbers(paramsOf(got), paramsOf(want)) {
		t.Error("the layer has not learned from the rows that it sees")
	}
	if want.Thresholds() == nil || !sameBits(got.Thresholds(), want.Thresholds()) {
		t.Errorf("thresholds are %v, want %v", got.Thresholds(), want.Thresholds())
	}
}

// TestPretrainByThresholds: thresholds that no training learns are kept, and wanted.
func TestPretrainByThresholds(t *testing.T) {
	x := normal(rand.New(rand.NewPCG(1, 3)), 100, 6)
	net := autoencoder(t, 6, 12, 3, ksparse.ReLU)
	l := net.Layers()[0].(*ksparse.SparseLayer)
	if err := l.SetSelection(ksparse.SelectThreshold); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Pretrain(context.Background(), x, ksparse.PretrainConfig{}); !errors.Is(err, ksparse.ErrUnset) {
		t.Errorf("without thresholds: error is %v, want ErrUnset", err)
	}
	if err := l.SetThresholds(0.125); err != nil {
		t.Fatal(err)
	}
	before := parameters(net)
	if _, err := net.Pretrain(context.Background(), x, ksparse.PretrainConfig{Tied: true}); err != nil {
		t.Fatal(err)
	}
	if sameNumbers(parameters(net)[:1], before[:1]) || l.Thresholds()[11] != 0.125 {
		t.Errorf("the weights are as they were, or the thresholds are not: %v", l.Thresholds())
	}
}

// TestPretrainTied: the layer gets what an autoencoder with tied weights learned.
func TestPretrainTied(t *testing.T) {
	x := normal(rand.New(rand.NewPCG(1, 3)), 100, 6)
	net := autoencoder(t, 6, 12, 3, ksparse.Identity)
	tied, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 6, Latents: 12, K: 3, Tied: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := net.Pretrain(context.Background(), x, ksparse.PretrainConfig{Tied: true}); err != nil {
		t.Fatal(err)
	}
	trainOn(t, tied, x, x, ksparse.TrainConfig{})
	if !sameNumbers(paramsOf(net.Layers()[0]), paramsOf(tied.Layers()[0])) {
		t.Error("the layer has not what the tied autoencoder learned")
	}
}

// TestPretrainDefaults: the zero configuration is ten epochs with the seeds 1, 2, ...
func TestPretrainDefaults(t *testing.T) {
	x := normal(rand.New(rand.NewPCG(1, 3)), 50, 4)
	net := autoencoder(t, 4, 8, 2, ksparse.ReLU)
	want := autoencoder(t, 4, 8, 2, ksparse.ReLU) // seed 1
	histories, err := net.Pretrain(context.Background(), x, ksparse.PretrainConfig{})
	if err != nil {
		t.Fatal(err)
	}
	trainOn(t, want, x, x, ksparse.TrainConfig{})
	if len(histories) != 1 || len(histories[0].Epochs) != 10 || !sameNumbers(paramsOf(net.Layers()[0]), paramsOf(want.Layers()[0])) {
		t.Errorf("the zero configuration is not that of New and Train")
	}
}

// TestPretrainHelps: with 300 labels, a stack that has seen 2500 samples without
// labels classifies the others better. (The loss on the labelled samples falls no
// faster: they are few enough to be learned either way.)
func TestPretrainHelps(t *testing.T) {
	const dim, atoms, classes, rows, labelled = 20, 60, 4, 2500, 300
	few := ksparse.TrainConfig{BatchSize: 20, Loss: ksparse.SoftmaxCrossEntropy, LearningRate: 0.003}
	with, without := 0.0, 0.0
	for seed := range uint64(2) {
		x, labels := classifiedAtoms(seed, rows, dim, atoms, classes)
		few.Validation.X, few.Validation.Y = x.Slice(labelled, rows, 0, dim), labels.Slice(labelled, rows, 0, classes)
		for _, pretrain := range []bool{true, false} {
			net := mustNetwork(t,
				ksparse.NewSparseLayer("first", dim, 120, 3, ksparse.ReLU),
				ksparse.NewSparseLayer("second", 120, 60, 3, ksparse.ReLU),
				ksparse.NewLinearLayer("classes", 60, classes, ksparse.Identity))
			loss := &without
			if pretrain {
				loss = &with
				alone := ksparse.TrainConfig{Epochs: 20, BatchSize: 50, LearningRate: 0.003}
				if _, err := net.Pretrain(context.Background(), x, ksparse.PretrainConfig{Train: alone}); err != nil {
					t.Fatal(err)
				}
			}
			h := trainOn(t, net, x.Slice(0, labelled, 0, dim), labels.Slice(0, labelled, 0, classes), few)
			*loss += h.Epochs[9].ValidationLoss / 2
		}
	}
	t.Logf("validation loss %.3f with pre-training, %.3f without", with, without)
	if !(with < 0.85*without) {
		t.Errorf("validation loss is %v with pre-training, %v without: want 15 %% less", with, without)
	}
}

// classifiedAtoms returns sums of a strong and a weak one of many atoms, which share
// the classes; the strong one's class is the sample's.
func classifiedAtoms(seed uint64, rows, dim, atoms, classes int) (x, labels *mat.Dense) {
	rng := rand.New(rand.NewPCG(seed, 12))
	dictionary := normal(rng, atoms, dim)
	x, labels = mat.NewDense(rows, dim, nil), mat.NewDense(rows, classes, nil)
	for i := range rows {
		order := rng.Perm(atoms)
		for rank, strength := range []float64{1.5, 0.5} {
			for j := range dim {
				x.Set(i, j, x.At(i, j)+strength*dictionary.At(order[rank], j)+0.02*rng.NormFloat64())
			}
		}
		labels.Set(i, order[0]%classes, 1)
	}
	return x, labels
}

// TestPretrainCancelled stops in the second layer's training: the first is
// pre-trained, the second and third are as they were.
func TestPretrainCancelled(t *testing.T) {
	x := normal(rand.New(rand.NewPCG(1, 3)), 200, 12)
	ctx, cancel := context.WithCancel(context.Background())
	layer := -1
	cfg := ksparse.PretrainConfig{
		Train: ksparse.TrainConfig{Epochs: 2, BatchSize: 50, Callback: func(p train.Progress) error {
			if layer == 2 && p.Step == 3 {
				cancel()
			}
			return nil
		}},
		Start: func(i int, _ *ksparse.Network, _ mat.Matrix) error { layer = i; return nil },
	}
	net, before := stack(t), stack(t)
	histories, err := net.Pretrain(ctx, x, cfg)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), `"second"`) {
		t.Errorf("error is %v, want context.Canceled for layer second", err)
	}
	if len(histories) != 2 || histories[0].Steps != 8 || histories[1].Steps != 3 || histories[1].Stop != train.StopContext {
		t.Errorf("histories are %v, want two, of 8 and 3 steps", histories)
	}
	for i, l := range net.Layers() {
		if changed := !sameNumbers(paramsOf(l), paramsOf(before.Layers()[i])); changed != (i == 0) {
			t.Errorf("layer %d: changed is %v", i, changed)
		}
	}
}

// TestPretrainResumes: with a checkpoint file for each layer, a pre-training that was
// stopped in the second layer ends in the bits of one that was not.
func TestPretrainResumes(t *testing.T) {
	x := normal(rand.New(rand.NewPCG(1, 3)), 200, 12)
	folder := t.TempDir()
	stopped := errors.New("power cut")
	config := func(resume, stop bool) ksparse.PretrainConfig {
		return ksparse.PretrainConfig{Layer: func(i int) ksparse.TrainConfig {
			c := ksparse.TrainConfig{Epochs: 3, BatchSize: 50}
			if resume || stop {
				c.Checkpoint.File = filepath.Join(folder, strconv.Itoa(i))
				c.Checkpoint.Resume = resume
			}
			if stop {
				c.Callback = func(p train.Progress) error {
					if i == 2 && p.Step == 7 {
						return stopped
					}
					return nil
				}
			}
			return c
		}}
	}
	want, net := stack(t), stack(t)
	if _, err := want.Pretrain(context.Background(), x, config(false, false)); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Pretrain(context.Background(), x, config(false, true)); !errors.Is(err, stopped) {
		t.Fatalf("error is %v, want that of the callback", err)
	}
	net = stack(t) // the files are all that is left
	if _, err := net.Pretrain(context.Background(), x, config(true, false)); err != nil {
		t.Fatal(err)
	}
	if !sameNumbers(parameters(net), parameters(want)) {
		t.Error("the resumed pre-training ends in other bits")
	}
}

func TestPretrainErrors(t *testing.T) {
	ctx := context.Background()
	x := normal(rand.New(rand.NewPCG(1, 3)), 20, 12)
	y := mat.NewDense(20, 12, nil)
	nan := mat.DenseCopyOf(x)
	nan.Set(3, 4, math.NaN())
	own := errors.New("no start")
	linear := mustNetwork(t, ksparse.NewLinearLayer("l", 12, 3, ksparse.Identity))
	for _, c := range []struct {
		what string
		net  *ksparse.Network
		x    mat.Matrix
		cfg  ksparse.PretrainConfig
		want error
		text string
	}{
		{"nil x", stack(t), nil, ksparse.PretrainConfig{}, ksparse.ErrEmpty, "x is nil"},
		{"columns", stack(t), mat.NewDense(2, 5, nil), ksparse.PretrainConfig{}, ksparse.ErrShape, "5 columns, want 12"},
		{"NaN", stack(t), nan, ksparse.PretrainConfig{}, ksparse.ErrNotFinite, "row 3, column 4"},
		{"no sparse layer", linear, x, ksparse.PretrainConfig{}, ksparse.ErrNoSparseLayer, "sparse layer"},
		{"bad configuration", stack(t), x, ksparse.PretrainConfig{Train: ksparse.TrainConfig{Epochs: -1}}, ksparse.ErrRange, `"first": TrainConfig.Epochs`},
		{"bad configuration of a later layer", stack(t), x, ksparse.PretrainConfig{Layer: func(i int) ksparse.TrainConfig {
			return ksparse.TrainConfig{BatchSize: 1 - i}
		}}, ksparse.ErrRange, `"second": TrainConfig.BatchSize`},
		{"validation data", stack(t), x, ksparse.PretrainConfig{Train: ksparse.TrainConfig{Validation: ksparse.Validation{X: y, Y: y}}}, ksparse.ErrRange, "Validation.Fraction"},
		{"one checkpoint for all", stack(t), x, ksparse.PretrainConfig{Train: ksparse.TrainConfig{Checkpoint: ksparse.Checkpoint{File: filepath.Join(t.TempDir(), "c")}}}, ksparse.ErrRange, `"first" and "second"`},
		{"a target that the loss is not defined for", stack(t), x, ksparse.PretrainConfig{Train: ksparse.TrainConfig{Loss: ksparse.SoftmaxCrossEntropy}}, ksparse.ErrRange, `layer "first"`},
		{"Start fails", stack(t), x, ksparse.PretrainConfig{Start: func(int, *ksparse.Network, mat.Matrix) error { return own }}, own, `layer "first": no start`},
	} {
		before := parameters(c.net)
		histories, err := c.net.Pretrain(ctx, c.x, c.cfg)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: error is %v, want %v and %q", c.what, err, c.want, c.text)
		}
		if len(histories) != 0 || !sameNumbers(parameters(c.net), before) {
			t.Errorf("%s: %d histories, or the network has changed", c.what, len(histories))
		}
	}
}
