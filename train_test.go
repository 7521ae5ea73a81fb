package ksparse_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/traintest"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// goldenTraining is a whole training of full batches, and where PyTorch's led.
type goldenTraining struct {
	Name   string
	Layers []struct {
		Kind       string
		In, Out, K int
		Activation string
	}
	Loss             string
	Optimizer        string
	Rate             float64
	Settings         json.RawMessage
	Schedule         string
	ScheduleSettings json.RawMessage
	L1, L2, ClipNorm float64
	Steps            int
	X, Y             [][]float64
	StartWeights     [][][]float64 // [in][out], layer by layer
	StartBiases      [][]float64
	WantLosses       []float64 // before each step, penalties left out
	WantWeights      [][][]float64
	WantBiases       [][]float64
}

// TestTrainPyTorch compares all parameters after 20 steps, and the loss before each.
func TestTrainPyTorch(t *testing.T) {
	// Relative to the largest number of a layer's. Both sides compute in float64 and
	// differ in the order of sums and the last bits of exp and tanh, some 1e-16 a
	// step. The generator has made sure that no selection hangs on 1e-6, and that
	// the order of the samples moves no parameter by 1e-12; it moved them by 4.1e-16.
	const tolerance = 1e-12
	cases := traintest.Read[struct{ Trainings []goldenTraining }](t, "testdata/pytorch_training.json").Trainings
	if len(cases) < 7 {
		t.Fatalf("%d cases, want 7 or more", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			var layers []ksparse.Layer
			for _, l := range c.Layers {
				act, ok := goldenActivations[l.Activation]
				if !ok {
					t.Fatalf("unknown activation %q", l.Activation)
				}
				if l.Kind == "sparse" {
					layers = append(layers, ksparse.NewSparseLayer("sparse", l.In, l.Out, l.K, act))
				} else {
					layers = append(layers, ksparse.NewLinearLayer("linear", l.In, l.Out, act))
				}
			}
			net := networkOf(t, layers...)
			inOut := func(i int) mat.Matrix { // the weights as [in][out]
				if c.Layers[i].Kind == "sparse" {
					return layers[i].Weights().T()
				}
				return layers[i].Weights()
			}
			for i, l := range layers {
				for r, row := range c.StartWeights[i] {
					for j, v := range row {
						if c.Layers[i].Kind == "sparse" {
							l.Weights().Set(j, r, v)
						} else {
							l.Weights().Set(r, j, v)
						}
					}
				}
				l.Biases().CopyVec(mat.NewVecDense(l.Out(), c.StartBiases[i]))
			}
			loss, ok := goldenLosses[c.Loss]
			if !ok {
				t.Fatalf("unknown loss %q", c.Loss)
			}
			history, err := net.Train(context.Background(), matrix(c.X), matrix(c.Y), ksparse.TrainConfig{
				Epochs: c.Steps, Loss: loss, Optimizer: traintest.Optimizer(t, c.Optimizer, c.Settings), LearningRate: c.Rate,
				Schedule: traintest.Schedule(t, c.Schedule, c.ScheduleSettings), L1: c.L1, L2: c.L2, ClipNorm: c.ClipNorm,
			})
			if err != nil {
				t.Fatal(err)
			}
			if history.Steps != c.Steps || len(history.Epochs) != c.Steps {
				t.Fatalf("%d steps in %d epochs, want %d", history.Steps, len(history.Epochs), c.Steps)
			}
			for i, want := range c.WantLosses {
				if got := history.Epochs[i].TrainLoss; !(math.Abs(got-want) <= tolerance*want) {
					t.Errorf("loss before step %d is %.17g, want %.17g", i+1, got, want)
				}
			}
			for i, l := range layers {
				within(t, fmt.Sprintf("weights %d", i), inOut(i), matrix(c.WantWeights[i]), tolerance)
				within(t, fmt.Sprintf("biases %d", i), l.Biases(), mat.NewVecDense(l.Out(), c.WantBiases[i]), tolerance)
			}
		})
	}
}

// within compares relative to the largest number that is wanted.
func within(t *testing.T, what string, got, want mat.Matrix, tolerance float64) {
	t.Helper()
	scale := max(mat.Max(want), -mat.Min(want))
	rows, cols := want.Dims()
	if r, c := got.Dims(); r != rows || c != cols {
		t.Fatalf("%s: %d x %d, want %d x %d", what, r, c, rows, cols)
	}
	for i := range rows {
		for j := range cols {
			if g, w := got.At(i, j), want.At(i, j); !(math.Abs(g-w) <= tolerance*scale) {
				t.Errorf("%s: %.17g at (%d, %d), want %.17g", what, g, i, j, w)
				return
			}
		}
	}
}

func networkOf(t testing.TB, layers ...ksparse.Layer) *ksparse.Network {
	t.Helper()
	net, err := ksparse.NewNetwork(layers...)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// smallNetwork is an autoencoder of 6 values; two of its 9 latents are active.
func smallNetwork(t testing.TB) *ksparse.Network {
	return networkOf(t, ksparse.NewSparseLayer("encoder", 6, 9, 2, ksparse.ReLU), ksparse.NewLinearLayer("decoder", 9, 6, ksparse.Identity))
}

// parameters returns a copy of all weights and biases, layer by layer.
func parameters(n *ksparse.Network) [][]float64 {
	var all [][]float64
	for _, l := range n.Layers() {
		all = append(all, slices.Clone(l.Weights().RawMatrix().Data), slices.Clone(l.Biases().RawVector().Data))
		if l, ok := l.(*ksparse.SparseLayer); ok && l.Thresholds() != nil {
			all = append(all, l.Thresholds())
		}
	}
	return all
}

func sameNumbers(a, b [][]float64) bool { return slices.EqualFunc(a, b, sameBits) }

func uniform(seed uint64, rows, cols int) *mat.Dense {
	rng := rand.New(rand.NewPCG(seed, 7))
	m := mat.NewDense(rows, cols, nil)
	m.Apply(func(_, _ int, _ float64) float64 { return 2*rng.Float64() - 1 }, m)
	return m
}

func trainOn(t testing.TB, n *ksparse.Network, x, y mat.Matrix, cfg ksparse.TrainConfig) *train.History {
	t.Helper()
	h, err := n.Train(context.Background(), x, y, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// scripted sets all parameters to its values, step after step, the last one for
// ever; without values it leaves them as they are.
type scripted []float64

func (scripted) Validate() error      { return nil }
func (scripted) DefaultRate() float64 { return 1 }
func (scripted) Slots() int           { return 0 }
func (o scripted) Update(w, _ []float64, _ [][]float64, _ float64, step int) {
	for i := range w {
		if len(o) > 0 {
			w[i] = o[min(step, len(o))-1]
		}
	}
}

// telling returns a network that gives 0 for everything, and samples whose squared
// errors are then powers of 4. So a sum of up to 26 of them says, digit by digit
// and exactly, which samples are in it and how often.
func telling(t *testing.T, samples int) (*ksparse.Network, *mat.Dense, *mat.Dense) {
	net := networkOf(t, ksparse.NewLinearLayer("zero", 1, 1, ksparse.Identity))
	net.Layers()[0].Weights().Zero()
	x, y := mat.NewDense(samples, 1, nil), mat.NewDense(samples, 1, nil)
	for i := range samples {
		y.Set(i, 0, math.Exp2(float64(i)))
	}
	return net, x, y
}

// told returns the samples, a bit each, whose mean squared error over so many is
// given. It fails if one of them is in it more than once.
func told(t *testing.T, mean float64, samples int) uint64 {
	t.Helper()
	sum, set := uint64(math.Round(mean*float64(samples))), uint64(0)
	for i := 0; sum > 0; i++ {
		if digit := sum & 3; digit > 1 {
			t.Fatalf("sample %d is used %d times in a batch", i, digit)
		} else {
			set |= digit << i
		}
		sum >>= 2
	}
	if bits.OnesCount64(set) != samples {
		t.Fatalf("%d samples in a batch of %d", bits.OnesCount64(set), samples)
	}
	return set
}

// TestTrainHistory: losses are weighted by batch size, the validation loss is that
// of Predict, and each epoch has its rate and time.
func TestTrainHistory(t *testing.T) {
	const samples, size, epochs, gamma, rate = 11, 4, 3, 0.9, 0.02
	net, x := smallNetwork(t), uniform(1, samples, 6)
	validX, validY := uniform(2, 1500, 6), uniform(3, 1500, 6) // more than one chunk of Predict
	var (
		progress []train.Progress
		valid    []float64 // by hand, after each epoch
	)
	before := time.Now()
	h := trainOn(t, net, x, x, ksparse.TrainConfig{
		Epochs:       epochs,
		BatchSize:    size,
		LearningRate: rate,
		Schedule:     train.ExponentialDecay{Gamma: gamma},
		Validation:   ksparse.Validation{X: validX, Y: validY},
		L1:           0.01,
		L2:           0.01,
		Callback: func(p train.Progress) error {
			progress = append(progress, p)
			if p.EpochEnd {
				valid = append(valid, squaredErrorByHand(t, net, validX, validY))
			}
			return nil
		},
	})
	elapsed := time.Since(before)
	if h.Steps != 9 || len(h.Epochs) != epochs || h.Stop != train.StopDone {
		t.Fatalf("%d steps, %d epochs, %v; want 9, %d, %v", h.Steps, len(h.Epochs), h.Stop, epochs, train.StopDone)
	}
	best, total := 0, time.Duration(0)
	for i, e := range h.Epochs {
		p := progress[3*i : 3*i+3]
		if e.Epoch != i+1 {
			t.Errorf("epoch %d is called %d", i+1, e.Epoch)
		}
		want := (4*p[0].Loss + 4*p[1].Loss + 3*p[2].Loss) / samples
		if !(math.Abs(e.TrainLoss-want) <= 1e-14*want) {
			t.Errorf("epoch %d: training loss %v, want %v", i+1, e.TrainLoss, want)
		}
		// 1500 rows of 6 squares, all positive: the orders of summation differ by less
		// than the number of terms times half an ulp.
		if !(math.Abs(e.ValidationLoss-valid[i]) <= 9000*1.1e-16*valid[i]) {
			t.Errorf("epoch %d: validation loss %v, want %v", i+1, e.ValidationLoss, valid[i])
		}
		if want := rate * math.Pow(gamma, float64(3*i+2)); !(math.Abs(e.LearningRate-want) <= 1e-14*want) {
			t.Errorf("epoch %d: learning rate %v, want %v", i+1, e.LearningRate, want)
		}
		if e.Time <= 0 {
			t.Errorf("epoch %d took %v", i+1, e.Time)
		}
		total += e.Time
		if e.ValidationLoss < h.Epochs[best].ValidationLoss {
			best = i
		}
	}
	if h.BestEpoch != best+1 {
		t.Errorf("best epoch is %d, want %d", h.BestEpoch, best+1)
	}
	if h.Time < total || h.Time > elapsed {
		t.Errorf("training took %v, its epochs %v, all of it %v", h.Time, total, elapsed)
	}
}

func squaredErrorByHand(t *testing.T, net *ksparse.Network, x, y mat.Matrix) float64 {
	t.Helper()
	out, err := net.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	rows, cols := out.Dims()
	sum := 0.0
	for i := range rows {
		for j := range cols {
			sum += (out.At(i, j) - y.At(i, j)) * (out.At(i, j) - y.At(i, j))
		}
	}
	return sum / float64(rows)
}

// TestTrainCallback checks each field of each Progress.
func TestTrainCallback(t *testing.T) {
	const samples, size, epochs = 10, 4, 3
	for _, validate := range []bool{false, true} {
		net, x := smallNetwork(t), uniform(1, samples, 6)
		cfg := ksparse.TrainConfig{
			Epochs: epochs, BatchSize: size, LearningRate: 0.1,
			Schedule: train.Warmup{Steps: 4, Then: train.LinearDecay{}},
		}
		if validate {
			cfg.Validation.X, cfg.Validation.Y = x, x
		}
		var all []train.Progress
		rows, sum, valid := 0, 0.0, math.NaN()
		cfg.Callback = func(p train.Progress) error {
			all = append(all, p)
			n := len(all)
			if p.Step != n || p.Steps != 9 || p.Epoch != (n+2)/3 || p.Epochs != epochs || p.EpochEnd != (n%3 == 0) {
				t.Errorf("call %d: step %d of %d, epoch %d of %d, its end: %v", n, p.Step, p.Steps, p.Epoch, p.Epochs, p.EpochEnd)
			}
			batch := size
			if p.EpochEnd {
				batch = samples - 2*size
			}
			rows, sum = rows+batch, sum+p.Loss*float64(batch)
			if want := sum / float64(rows); !(p.Loss > 0) || !(math.Abs(p.EpochLoss-want) <= 1e-14*want) {
				t.Errorf("call %d: loss %v, epoch loss %v, want %v", n, p.Loss, p.EpochLoss, want)
			}
			if p.EpochEnd {
				rows, sum = 0, 0
				if validate {
					valid = squaredErrorByHand(t, net, x, x)
				}
			}
			if !(math.Abs(p.ValidationLoss-valid) <= 1e-13*valid) && !(math.IsNaN(p.ValidationLoss) && math.IsNaN(valid)) {
				t.Errorf("call %d: validation loss %v, want %v", n, p.ValidationLoss, valid)
			}
			if want := 0.1 * cfg.Schedule.Factor(n-1, 9); p.LearningRate != want {
				t.Errorf("call %d: learning rate %v, want %v", n, p.LearningRate, want)
			}
			// Steps take a part of the time, so the speed is above that over all of it.
			used := float64((n-1)/3*samples + min(size*((n-1)%3+1), samples))
			if least := used / p.Elapsed.Seconds(); !(p.SamplesPerSecond >= least) || math.IsInf(p.SamplesPerSecond, 0) {
				t.Errorf("call %d: %v samples per second, want %v or more", n, p.SamplesPerSecond, least)
			}
			if n > 1 && p.Elapsed <= all[n-2].Elapsed {
				t.Errorf("call %d: %v elapsed after %v", n, p.Elapsed, all[n-2].Elapsed)
			}
			return nil
		}
		trainOn(t, net, x, x, cfg)
		if len(all) != 9 {
			t.Errorf("%d calls, want 9", len(all))
		}
	}
}

// TestTrainLossIsBeforeTheStep: with the full batch, the loss that a step reports
// is the network's as the step before left it.
func TestTrainLossIsBeforeTheStep(t *testing.T) {
	net, x := smallNetwork(t), uniform(1, 9, 6)
	want := squaredErrorByHand(t, net, x, x)
	trainOn(t, net, x, x, ksparse.TrainConfig{Epochs: 4, LearningRate: 0.01, Callback: func(p train.Progress) error {
		if !(math.Abs(p.Loss-want) <= 1e-13*want) {
			t.Errorf("step %d: loss %v, want %v", p.Step, p.Loss, want)
		}
		want = squaredErrorByHand(t, net, x, x)
		return nil
	}})
}
