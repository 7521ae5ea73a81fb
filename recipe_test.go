package ksparse

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// TestLearnedThreshold: after a long training codes at inference have about k entries.
func TestLearnedThreshold(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(5, 5)), 400, 12)
	net, err := New(Config{Classic: true, Inputs: 12, Latents: 60, K: 5, Activation: ReLU, Selection: SelectBatchTopK, Mirrored: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := net.Train(context.Background(), x, x, TrainConfig{Epochs: 60, BatchSize: 50, LearningRate: 0.002, Schedule: train.LinearDecay{}}); err != nil {
		t.Fatal(err)
	}
	codes, err := net.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	if l0 := codes.L0(); l0 < 4.8 || l0 > 5.2 {
		t.Errorf("L0 at inference is %v, want about 5", l0)
	}
}

// TestUnitNorm: atoms have norm 1 after every step, and steps move them across, not
// along, whatever the optimizer; tied or not.
func TestUnitNorm(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(2, 9)), 64, 9)
	for _, tied := range []bool{false, true} {
		net, err := New(Config{Classic: true, Inputs: 9, Latents: 30, K: 4, Activation: ReLU, Tied: tied})
		if err != nil {
			t.Fatal(err)
		}
		cfg := TrainConfig{
			Epochs:    3,
			BatchSize: 16,
			Recipe:    Recipe{UnitNorm: true},
			ClipNorm:  0.5,
			Callback: func(train.Progress) error {
				w := weightsOf(net, 1)
				for j := range w.Rows {
					if norm := math.Sqrt(dot8(w.Row(j), w.Row(j))); math.Abs(norm-1) > 1e-15 {
						t.Fatalf("tied %v: atom %d has norm %v", tied, j, norm)
					}
				}
				return nil
			},
		}
		if _, err := net.Train(context.Background(), x, x, cfg); err != nil {
			t.Fatal(err)
		}
		// What the optimizer is given has no part along the atom.
		catcher := new(gradientCatcher)
		cfg.Optimizer = catcher
		trainer := trainerOf(t, net, cfg, 1)
		before := slices.Clone(weightsOf(net, 1).Data)
		if _, err := trainer.stepDense(dense.View(x), dense.View(x)); err != nil {
			t.Fatal(err)
		}
		g := catcher.of(t, weightsOf(net, 1).Data)
		longest := 0.0
		for j := range 30 {
			row := g[j*9 : (j+1)*9]
			longest = max(longest, dot8(row, row))
			if along := dot8(row, before[j*9:(j+1)*9]); math.Abs(along) > 1e-15 {
				t.Errorf("tied %v: the gradient of atom %d has %v along it", tied, j, along)
			}
		}
		if longest == 0 {
			t.Error("a gradient of zeros shows nothing")
		}
	}
}

// TestAnnealing: the number of active latents falls in a line from KStart to K over
// the first KAnneal of the steps, and stays.
func TestAnnealing(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(2, 2)), 100, 6)
	net, err := New(Config{Classic: true, Inputs: 6, Latents: 50, K: 5})
	if err != nil {
		t.Fatal(err)
	}
	var got []float64
	cfg := TrainConfig{
		Epochs:    2,
		BatchSize: 10,
		Recipe:    Recipe{KStart: 45, KAnneal: 0.4},
		Callback: func(p train.Progress) error {
			got = append(got, p.L0)
			return nil
		},
	}
	if _, err := net.Train(context.Background(), x, x, cfg); err != nil {
		t.Fatal(err)
	}
	want := []float64{45, 40, 35, 30, 25, 20, 15, 10, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5}
	if !slices.Equal(got, want) {
		t.Errorf("active latents by step: %v, want %v", got, want)
	}
}

// TestRecipeRefusals: parts that do not fit the network or each other.
func TestRecipeRefusals(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(4, 4)), 10, 6)
	deep := func() []Layer {
		return []Layer{NewLinearLayer("a", 6, 5, Tanh), NewSparseLayer("b", 5, 9, 2, ReLU), NewLinearLayer("c", 9, 6, Identity)}
	}
	for _, c := range []struct {
		name   string
		layers []Layer
		cfg    TrainConfig
		want   error
	}{
		{"aux in a deep network", deep(), TrainConfig{Recipe: Recipe{AuxK: 2}}, ErrRange},
		{"prefixes in a deep network", deep(), TrainConfig{Recipe: Recipe{Matryoshka: []int{2}}}, ErrRange},
		{"multi without sparse layer", []Layer{NewLinearLayer("a", 6, 6, Identity)}, TrainConfig{Recipe: Recipe{MultiTopK: 1}}, ErrRange},
		{"unit norm without sparse layer", []Layer{NewLinearLayer("a", 6, 6, Identity)}, TrainConfig{Recipe: Recipe{UnitNorm: true}}, ErrNoSparseLayer},
		{"unit norm without decoder", []Layer{NewSparseLayer("a", 6, 6, 2, Identity)}, TrainConfig{Recipe: Recipe{UnitNorm: true}}, ErrNoSparseLayer},
		{"sigmoid decoder", []Layer{NewSparseLayer("a", 6, 9, 2, ReLU), NewLinearLayer("b", 9, 6, Sigmoid)}, TrainConfig{Recipe: Recipe{MultiTopK: 1}}, ErrRange},
		{"aux with tanh", []Layer{NewSparseLayer("a", 6, 9, 2, Tanh), NewLinearLayer("b", 9, 6, Identity)}, TrainConfig{Recipe: Recipe{AuxK: 1}}, ErrRange},
		{"both", []Layer{NewSparseLayer("a", 6, 9, 2, ReLU), NewLinearLayer("b", 9, 6, Identity)}, TrainConfig{Recipe: Recipe{MultiTopK: 1, Matryoshka: []int{3}}}, ErrRange},
		{"prefix too long", []Layer{NewSparseLayer("a", 6, 9, 2, ReLU), NewLinearLayer("b", 9, 6, Identity)}, TrainConfig{Recipe: Recipe{Matryoshka: []int{3, 10}}}, ErrRange},
		{"k start of groups", func() []Layer {
			l := NewSparseLayer("a", 6, 9, 3, ReLU)
			l.selection = SelectGroupMax
			return []Layer{l, NewLinearLayer("b", 9, 6, Identity)}
		}(), TrainConfig{Recipe: Recipe{KStart: 9}}, ErrRange},
		{"k start below k", []Layer{NewSparseLayer("a", 6, 9, 4, ReLU), NewLinearLayer("b", 9, 6, Identity)}, TrainConfig{Recipe: Recipe{KStart: 3}}, ErrRange},
	} {
		net, err := NewNetwork(c.layers...)
		if err != nil {
			t.Fatal(err)
		}
		c.cfg.Epochs = 1
		if _, err := net.Train(context.Background(), x, x, c.cfg); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
	}
	for name, cfg := range map[string]Config{
		"batch with sigmoid":     {Selection: SelectBatchTopK, Activation: Sigmoid},
		"magnitude of relu":      {Selection: SelectAbsTopK, Activation: ReLU},
		"unknown selection":      {Selection: selections},
		"unknown normalization":  {Normalization: normalizations},
		"negative k, by batch":   {Selection: SelectBatchTopK, K: -2},
		"nothing to tie or bias": {Latents: -4, Tied: true, PreBias: true},
	} {
		cfg.Classic = true
		cfg.Inputs, cfg.Latents = 4, 4+cfg.Latents
		if _, err := New(cfg); !errors.Is(err, ErrRange) && !errors.Is(err, ErrShape) {
			t.Errorf("%s: error %v, want ErrRange or ErrShape", name, err)
		}
	}
	tall, err := NewNetwork(NewSparseLayer("a", 6, 9, 4, ReLU), NewLinearLayer("b", 9, 5, Identity))
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"tie":        tall.Wire(Wiring{Tied: true}),
		"pre-bias":   tall.Wire(Wiring{PreBias: true}),
		"undo":       tall.Wire(Wiring{Normalization: LayerNorm, Undo: true}),
		"thresholds": byThreshold(t, tall).SetThresholds(1, 2),
	} {
		if !errors.Is(err, ErrShape) {
			t.Errorf("%s: error %v, want ErrShape", name, err)
		}
	}
}

// TestRecipeIsReproducible: everything on at once gives the same bits for every
// number of processors, with screening and without.
func TestRecipeIsReproducible(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(8, 8)), 300, 16)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, selection := range []Selection{SelectTopK, SelectBatchTopK} {
		var want []byte
		for _, mode := range []string{"on", "off"} {
			for _, processors := range []int{1, 2, 5} {
				runtime.GOMAXPROCS(processors)
				withScreening(mode, func() {
					net, err := New(Config{Classic: true, Inputs: 16, Latents: 96, K: 4, Activation: ReLU, Selection: selection, PreBias: true, Tied: true, Normalization: LayerNorm, Mirrored: true})
					if err == nil {
						err = net.StartFrom(sourceOf(t, x), Start{PreBias: data.GeometricMedian, Atoms: true})
					}
					if err != nil {
						t.Fatal(err)
					}
					cfg := TrainConfig{Epochs: 4, BatchSize: 32, Recipe: Recipe{UnitNorm: true, AuxK: 8, DeadAfter: 64, Matryoshka: []int{8, 32}, KStart: 12}, ClipNorm: 1}
					if _, err := net.Train(context.Background(), x, x, cfg); err != nil {
						t.Fatal(err)
					}
					modern, err := New(Config{Inputs: 16, Latents: 96, K: 4, Selection: selection})
					if err == nil {
						_, err = modern.Train(context.Background(), x, x, TrainConfig{Epochs: 4, ClipNorm: 1, EMA: 0.9})
					}
					if err != nil {
						t.Fatal(err)
					}
					var got bytes.Buffer
					if err := modern.Save(&got); err != nil {
						t.Fatal(err)
					}
					if err := net.Save(&got); err != nil {
						t.Fatal(err)
					}
					if want == nil {
						want = got.Bytes()
					}
					if !bytes.Equal(want, got.Bytes()) {
						t.Errorf("%v, screening %s, %d processors: another network", selection, mode, processors)
					}
				})
			}
		}
	}
}

// Mistakes that public implementations have made, one test each.

// TestAuxiliaryLossCountsTheBiasOnce (sparsify#132: the decoder's bias was added to
// ê as well): the auxiliary loss is the same whatever the bias, given the residual.
func TestAuxiliaryLossCountsTheBiasOnce(t *testing.T) {
	c := recipeCase{cfg: Config{Classic: true, Inputs: 6, Latents: 24, K: 4, Activation: ReLU}, train: TrainConfig{Recipe: Recipe{AuxK: 3, AuxWeight: 1}}, dead: []int{2, 9, 13}}
	auxiliary := func(bias float64) float64 {
		trainer, net, x, _ := c.setUp(t)
		for i := range biasesOf(net, 1) {
			biasesOf(net, 1)[i] += bias
		}
		y := mat.DenseCopyOf(x)
		for i := range y.RawMatrix().Data {
			y.RawMatrix().Data[i] += bias // x̂ and y both move, e does not
		}
		report, err := trainer.stepDense(dense.View(x), dense.View(y))
		if err != nil {
			t.Fatal(err)
		}
		return report.Loss - report.FVU*dataVariance
	}
	if a, b := auxiliary(0), auxiliary(3); a == 0 || math.Abs(a-b) > 1e-12 {
		t.Errorf("auxiliary loss %v, with another bias %v", a, b)
	}
}

// TestAuxiliaryLossMovesOnlyDeadLatents (BatchTopK#4: the residual was not detached):
// the auxiliary loss adds nothing to the gradient of a live latent.
func TestAuxiliaryLossMovesOnlyDeadLatents(t *testing.T) {
	dead := []int{2, 9, 13}
	gradients := func(k int) [][]float64 {
		c := recipeCase{cfg: Config{Classic: true, Inputs: 6, Latents: 24, K: 4, Activation: ReLU}, train: TrainConfig{Recipe: Recipe{AuxK: k, AuxWeight: float64(min(k, 1))}}, dead: dead}
		trainer, net, x, _ := c.setUp(t)
		if _, err := trainer.stepDense(dense.View(x), dense.View(x)); err != nil {
			t.Fatal(err)
		}
		catcher := trainer.cfg.Optimizer.(*gradientCatcher)
		return [][]float64{catcher.of(t, weightsOf(net, 0).Data), catcher.of(t, weightsOf(net, 1).Data), catcher.of(t, biasesOf(net, 1))}
	}
	with, without := gradients(3), gradients(0)
	moved := 0
	for p := range with[:2] {
		for i := range with[p] {
			switch latent := i / 6; {
			case with[p][i] == without[p][i]:
			case !slices.Contains(dead, latent):
				if math.Abs(with[p][i]-without[p][i]) > 1e-14 {
					t.Fatalf("layer %d: the gradient of live latent %d is %v, without the auxiliary loss %v", p, latent, with[p][i], without[p][i])
				}
			default:
				moved++
			}
		}
	}
	if moved == 0 {
		t.Error("no dead latent has a gradient")
	}
	for i := range with[2] {
		if math.Abs(with[2][i]-without[2][i]) > 1e-14 {
			t.Errorf("the auxiliary loss moves the decoder's bias %d", i)
		}
	}
}

// TestDeadCountsSamplesAndValues (counters in steps; a selected zero counted as
// fired): a latent that is selected with the value zero is not active.
func TestDeadCountsSamplesAndValues(t *testing.T) {
	net, err := New(Config{Classic: true, Inputs: 2, Latents: 3, K: 3, Activation: ReLU})
	if err != nil {
		t.Fatal(err)
	}
	copy(weightsOf(net, 0).Data, []float64{1, 0, 0, 1, -1, -1}) // the third is 0 for positive x
	trainer := trainerOf(t, net, TrainConfig{Steps: 3, Recipe: Recipe{DeadAfter: 8}, Optimizer: new(gradientCatcher)}, 1)
	x := matrix.Rows{Data: []float64{1, 2, 3, 4, 5, 6, 7, 8}, Rows: 4, Cols: 2, Stride: 2}
	for step, want := range []int{0, 1, 1} {
		report, err := trainer.stepDense(x, x)
		if err != nil {
			t.Fatal(err)
		}
		if report.Dead != want || report.L0 != 2 {
			t.Errorf("step %d: %d dead and L0 %v, want %d and 2", step+1, report.Dead, report.L0, want)
		}
	}
	if idle := trainer.stepper.Idle(); !slices.Equal(idle, []int64{0, 0, 12}) {
		t.Errorf("samples without activity: %v", idle)
	}
}

// byThreshold returns the first layer of n, which selects by thresholds from now on.
func byThreshold(t *testing.T, n *Network) *SparseLayer {
	t.Helper()
	l := n.layers[0].sparse()
	if err := l.SetSelection(SelectThreshold); err != nil {
		t.Fatal(err)
	}
	return l
}
