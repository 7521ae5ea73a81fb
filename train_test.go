package ksparse_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ksparse/ksparse"
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
	cases := readTrainingGolden(t).Trainings
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
				Epochs: c.Steps, Loss: loss, Optimizer: optimizerNamed(t, c.Optimizer, c.Settings), LearningRate: c.Rate,
				Schedule: scheduleNamed(t, c.Schedule, c.ScheduleSettings), L1: c.L1, L2: c.L2, ClipNorm: c.ClipNorm,
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

func train(t testing.TB, n *ksparse.Network, x, y mat.Matrix, cfg ksparse.TrainConfig) *ksparse.History {
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

// batchesOf returns which samples each step used.
func batchesOf(t *testing.T, samples, epochs int, cfg ksparse.TrainConfig) [][]uint64 {
	net, x, y := telling(t, samples)
	batches := make([][]uint64, epochs)
	size := func(p ksparse.Progress) int {
		done := (p.Step - 1) % (p.Steps / p.Epochs) * cfg.BatchSize
		return min(cfg.BatchSize, samples-done)
	}
	cfg.Epochs, cfg.Optimizer = epochs, scripted{}
	cfg.Callback = func(p ksparse.Progress) error {
		batches[p.Epoch-1] = append(batches[p.Epoch-1], told(t, p.Loss, size(p)))
		return nil
	}
	train(t, net, x, y, cfg)
	return batches
}

// TestTrainUsesEverySampleOnce: in each epoch, the last batch with what is left,
// in an order that depends on the epoch and the seed.
func TestTrainUsesEverySampleOnce(t *testing.T) {
	const samples, size, epochs = 23, 5, 6
	first := batchesOf(t, samples, epochs, ksparse.TrainConfig{BatchSize: size, Seed: 1})
	orders := map[string]bool{}
	for epoch, batches := range first {
		if len(batches) != 5 {
			t.Fatalf("epoch %d has %d batches, want 4 of 5 samples and one of 3", epoch+1, len(batches))
		}
		all := uint64(0)
		for _, b := range batches {
			if all&b != 0 {
				t.Errorf("epoch %d uses the samples %b twice", epoch+1, all&b)
			}
			all |= b
		}
		if all != 1<<samples-1 {
			t.Errorf("epoch %d uses the samples %b, want all %d", epoch+1, all, samples)
		}
		orders[fmt.Sprint(batches)] = true
	}
	if len(orders) != epochs {
		t.Errorf("%d different orders in %d epochs", len(orders), epochs)
	}
	if again := batchesOf(t, samples, epochs, ksparse.TrainConfig{BatchSize: size, Seed: 1}); !reflect.DeepEqual(again, first) {
		t.Error("the same seed gives another order")
	}
	if other := batchesOf(t, samples, epochs, ksparse.TrainConfig{BatchSize: size, Seed: 2}); reflect.DeepEqual(other[0], first[0]) {
		t.Error("another seed gives the same order")
	}
}

// TestTrainShuffleIsFair: from one epoch to the next, each of the 6 ways to reorder
// three samples is as likely as any other.
func TestTrainShuffleIsFair(t *testing.T) {
	const epochs = 3001
	counts := map[[3]int]int{}
	var before [3]int // the place of each sample in the epoch before
	for epoch, batches := range batchesOf(t, 3, epochs, ksparse.TrainConfig{BatchSize: 1}) {
		var moved, place [3]int
		for i, b := range batches {
			sample := bits.TrailingZeros64(b)
			moved[i], place[sample] = before[sample], i
		}
		if before = place; epoch > 0 {
			counts[moved]++
		}
	}
	if len(counts) != 6 {
		t.Errorf("%d different moves, want 6", len(counts))
	}
	for move, n := range counts {
		// Binomial with p = 1/6: five standard deviations are 5·sqrt(3000·5/36) = 102.
		if n < 500-102 || n > 500+102 {
			t.Errorf("move %v in %d of %d epochs, want about a sixth", move, n, epochs-1)
		}
	}
}

func TestTrainValidationFractionHoldsOut(t *testing.T) {
	const samples = 20
	heldOut := map[uint64]bool{}
	for seed := range uint64(4) {
		for _, c := range []struct {
			fraction float64
			held     int
		}{{0.25, 5}, {0.0001, 1}, {0.99, 19}} {
			net, x, y := telling(t, samples)
			h := train(t, net, x, y, ksparse.TrainConfig{Epochs: 5, Optimizer: scripted{}, ValidationFraction: c.fraction, Seed: seed})
			for _, e := range h.Epochs {
				trained, held := told(t, e.TrainLoss, samples-c.held), told(t, e.ValidationLoss, c.held)
				if trained&held != 0 || trained|held != 1<<samples-1 {
					t.Errorf("fraction %v: trained on %b, validated on %b", c.fraction, trained, held)
				}
				if first := told(t, h.Epochs[0].ValidationLoss, c.held); held != first {
					t.Errorf("fraction %v: other rows are held out in epoch %d", c.fraction, e.Epoch)
				}
				if c.held == 5 {
					heldOut[held] = true
				}
			}
		}
	}
	if len(heldOut) < 3 {
		t.Errorf("four seeds hold out %d different sets of rows", len(heldOut))
	}
}

// TestTrainHistory: losses are weighted by batch size, the validation loss is that
// of Predict, and each epoch has its rate and time.
func TestTrainHistory(t *testing.T) {
	const samples, size, epochs, gamma, rate = 11, 4, 3, 0.9, 0.02
	net, x := smallNetwork(t), uniform(1, samples, 6)
	validX, validY := uniform(2, 1500, 6), uniform(3, 1500, 6) // more than one chunk of Predict
	var (
		progress []ksparse.Progress
		valid    []float64 // by hand, after each epoch
	)
	before := time.Now()
	h := train(t, net, x, x, ksparse.TrainConfig{
		Epochs: epochs, BatchSize: size, LearningRate: rate, Schedule: ksparse.ExponentialDecay{Gamma: gamma},
		ValidationX: validX, ValidationY: validY, L1: 0.01, L2: 0.01,
		Callback: func(p ksparse.Progress) error {
			progress = append(progress, p)
			if p.EpochEnd {
				valid = append(valid, squaredErrorByHand(t, net, validX, validY))
			}
			return nil
		},
	})
	elapsed := time.Since(before)
	if h.Steps != 9 || len(h.Epochs) != epochs || h.Stop != ksparse.StopEpochs {
		t.Fatalf("%d steps, %d epochs, %v; want 9, %d, %v", h.Steps, len(h.Epochs), h.Stop, epochs, ksparse.StopEpochs)
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
			Schedule: ksparse.Warmup{Steps: 4, Then: ksparse.LinearDecay{}},
		}
		if validate {
			cfg.ValidationX, cfg.ValidationY = x, x
		}
		var all []ksparse.Progress
		rows, sum, valid := 0, 0.0, math.NaN()
		cfg.Callback = func(p ksparse.Progress) error {
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
		train(t, net, x, x, cfg)
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
	train(t, net, x, x, ksparse.TrainConfig{Epochs: 4, LearningRate: 0.01, Callback: func(p ksparse.Progress) error {
		if !(math.Abs(p.Loss-want) <= 1e-13*want) {
			t.Errorf("step %d: loss %v, want %v", p.Step, p.Loss, want)
		}
		want = squaredErrorByHand(t, net, x, x)
		return nil
	}})
}

// TestTrainEarlyStopping scripts the parameters, one step an epoch, and with them
// the losses: the network gives its bias b, the target is 0, the loss b².
func TestTrainEarlyStopping(t *testing.T) {
	fails := errors.New("fails")
	for _, c := range []struct {
		name           string
		values         scripted // of the parameters after each epoch
		patience       int
		minDelta       float64
		onTrainingLoss bool
		stopAt         int // the callback stops after this step
		stopBy         error
		wantEpochs     int
		wantBest       int
		wantStop       ksparse.StopReason
	}{
		{name: "stops after two in a row", values: scripted{9, 5, 6, 4, 5, 6, 1}, patience: 2, wantEpochs: 6, wantBest: 4, wantStop: ksparse.StopPatience},
		{name: "one bad epoch is forgiven", values: scripted{9, 5, 6, 4, 5, 3, 4, 1}, patience: 2, wantEpochs: 8, wantBest: 8},
		{name: "patience one", values: scripted{9, 5, 6, 4}, patience: 1, wantEpochs: 3, wantBest: 2, wantStop: ksparse.StopPatience},
		{name: "equal is not better", values: scripted{9, 5, -5, 5, 1}, patience: 2, wantEpochs: 4, wantBest: 2, wantStop: ksparse.StopPatience},
		{name: "the first is the best", values: scripted{3, 4, 5, 6}, patience: 3, wantEpochs: 4, wantBest: 1, wantStop: ksparse.StopPatience},
		{name: "better by MinDelta is not enough", values: scripted{5, 4, 3, 1}, patience: 2, minDelta: 16, wantEpochs: 3, wantBest: 1, wantStop: ksparse.StopPatience},
		{name: "better by more than MinDelta", values: scripted{5, 4, 2, 2.5}, patience: 2, minDelta: 15.5, wantEpochs: 4, wantBest: 3},
		{name: "MinDelta counts from the best", values: scripted{9, 8, 7.5, 7}, patience: 3, minDelta: 30, wantEpochs: 4, wantBest: 4},
		// The training loss of an epoch is that before it: of 1, then of the values.
		{name: "on the training loss", values: scripted{0.5, 2, 3, 0.1}, patience: 2, onTrainingLoss: true, wantEpochs: 4, wantBest: 2, wantStop: ksparse.StopPatience},
		{name: "all epochs done", values: scripted{9, 5, 6, 7}, patience: 3, wantEpochs: 4, wantBest: 2},
		{name: "the callback stops it", values: scripted{9, 5, 6, 7}, patience: 9, stopAt: 3, stopBy: ksparse.ErrStop, wantEpochs: 3, wantBest: 2, wantStop: ksparse.StopCallback},
		{name: "the callback fails", values: scripted{9, 5, 6, 7}, patience: 9, stopAt: 3, stopBy: fails, wantEpochs: 3, wantBest: 2, wantStop: ksparse.StopCallback},
		{name: "cancelled", values: scripted{9, 5, 6, 7}, patience: 9, stopAt: 3, stopBy: context.Canceled, wantEpochs: 3, wantBest: 2, wantStop: ksparse.StopContext},
		{name: "diverged", values: scripted{9, 5, 6, math.NaN()}, patience: 9, stopBy: ksparse.ErrDiverged, wantEpochs: 3, wantBest: 2, wantStop: ksparse.StopDiverged},
		{name: "without patience the last stays", values: scripted{9, 5, 6, 7}, wantEpochs: 4, wantBest: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			net := networkOf(t, ksparse.NewLinearLayer("line", 1, 1, ksparse.Identity))
			net.Layers()[0].Biases().SetVec(0, 1)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			zero := mat.NewDense(1, 1, nil)
			cfg := ksparse.TrainConfig{
				Epochs: len(c.values), Optimizer: c.values, Patience: c.patience, MinDelta: c.minDelta,
				Callback: func(p ksparse.Progress) error {
					if p.Step != c.stopAt {
						return nil
					}
					if c.stopBy == context.Canceled {
						cancel()
						return nil
					}
					return c.stopBy
				},
			}
			if !c.onTrainingLoss {
				cfg.ValidationX, cfg.ValidationY = zero, zero
			}
			h, err := net.Train(ctx, zero, zero, cfg)
			wantErr := c.stopBy
			if wantErr == ksparse.ErrStop {
				wantErr = nil
			}
			if !errors.Is(err, wantErr) {
				t.Fatalf("error %v, want %v", err, wantErr)
			}
			if len(h.Epochs) != c.wantEpochs || h.BestEpoch != c.wantBest || h.Stop != c.wantStop {
				t.Errorf("%d epochs, best %d, %v; want %d, %d, %v", len(h.Epochs), h.BestEpoch, h.Stop, c.wantEpochs, c.wantBest, c.wantStop)
			}
			stays := c.wantBest
			if c.patience == 0 {
				stays = c.wantEpochs
			}
			l, want := net.Layers()[0], c.values[stays-1]
			if w, b := l.Weights().At(0, 0), l.Biases().AtVec(0); w != want || b != want {
				t.Errorf("weight %v and bias %v are left, want those of epoch %d, %v", w, b, stays, want)
			}
		})
	}
}

// TestTrainRestoresTheBestEpoch: after early stopping every parameter has the bits
// of a training that ended with the best epoch.
func TestTrainRestoresTheBestEpoch(t *testing.T) {
	x, y := uniform(1, 30, 6), uniform(2, 30, 6)
	cfg := ksparse.TrainConfig{Epochs: 200, BatchSize: 8, LearningRate: 0.02, Patience: 4, Seed: 3,
		ValidationX: uniform(4, 20, 6), ValidationY: uniform(5, 20, 6)} // noise, that it will overfit
	stopped := smallNetwork(t)
	h := train(t, stopped, x, y, cfg)
	if h.Stop != ksparse.StopPatience || h.BestEpoch < 2 || len(h.Epochs) != h.BestEpoch+4 {
		t.Fatalf("%v after %d epochs, the best is %d: this test needs a training that overfits", h.Stop, len(h.Epochs), h.BestEpoch)
	}
	run := func(epochs int) [][]float64 {
		net, short := smallNetwork(t), cfg
		short.Epochs, short.Patience = epochs, 0
		train(t, net, x, y, short)
		return parameters(net)
	}
	best, last := run(h.BestEpoch), run(len(h.Epochs))
	for i, got := range parameters(stopped) {
		if !sameBits(got, best[i]) {
			t.Errorf("layer %d, %s: not those of the best epoch", i/2, [...]string{"weights", "biases"}[i%2])
		}
		if sameBits(got, last[i]) {
			t.Errorf("layer %d, %s: those of the last epoch", i/2, [...]string{"weights", "biases"}[i%2])
		}
	}
}

func TestTrainCallbackStops(t *testing.T) {
	fails := errors.New("disk full")
	for _, c := range []struct{ returns, want error }{
		{ksparse.ErrStop, nil},
		{fmt.Errorf("seen enough: %w", ksparse.ErrStop), nil},
		{fails, fails},
		{fmt.Errorf("writing: %w", fails), fails},
	} {
		net, x := smallNetwork(t), uniform(1, 10, 6)
		calls := 0
		h, err := net.Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: 5, BatchSize: 4, Callback: func(p ksparse.Progress) error {
			calls++
			if p.Step == 7 {
				return c.returns
			}
			return nil
		}})
		if !errors.Is(err, c.want) || (c.want != nil && err.Error() != c.returns.Error()) {
			t.Errorf("callback returns %v: got %v, want %v", c.returns, err, c.want)
		}
		if h == nil || h.Steps != 7 || len(h.Epochs) != 2 || h.Stop != ksparse.StopCallback || calls != 7 {
			t.Errorf("callback returns %v: %d calls, history %+v", c.returns, calls, h)
		}
		// The seventh step counts: it is a training of 7 steps.
		other := smallNetwork(t)
		other.Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: 5, BatchSize: 4, Callback: stopAfter(7)})
		if !sameNumbers(parameters(net), parameters(other)) {
			t.Error("the parameters are not those after seven steps")
		}
	}
}

func stopAfter(steps int) func(ksparse.Progress) error {
	return func(p ksparse.Progress) error {
		if p.Step == steps {
			return ksparse.ErrStop
		}
		return nil
	}
}

func TestTrainContext(t *testing.T) {
	x := uniform(1, 10, 6)
	for _, steps := range []int{0, 1, 3, 5} { // of 3 an epoch
		ctx, cancel := context.WithCancel(context.Background())
		net, calls := smallNetwork(t), 0
		start := parameters(net)
		if steps == 0 {
			cancel()
		}
		h, err := net.Train(ctx, x, x, ksparse.TrainConfig{BatchSize: 4, Callback: func(p ksparse.Progress) error {
			if calls++; p.Step == steps {
				cancel()
			}
			return nil
		}})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled after %d steps: error %v", steps, err)
		}
		if h == nil || h.Steps != steps || len(h.Epochs) != steps/3 || h.Stop != ksparse.StopContext || calls != steps {
			t.Errorf("cancelled after %d steps: %d calls, history %+v", steps, calls, h)
		}
		if untouched := sameNumbers(parameters(net), start); untouched != (steps == 0) {
			t.Errorf("cancelled after %d steps: network untouched: %v", steps, untouched)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), -time.Second)
	defer cancel()
	if _, err := smallNetwork(t).Train(ctx, x, x, ksparse.TrainConfig{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the deadline: error %v", err)
	}
}

func allFinite(params [][]float64) bool {
	for _, p := range params {
		for _, v := range p {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return false
			}
		}
	}
	return true
}

func TestTrainDiverges(t *testing.T) {
	x := uniform(1, 10, 6)
	for _, c := range []struct {
		name string
		cfg  ksparse.TrainConfig
	}{
		{"sgd", ksparse.TrainConfig{Optimizer: ksparse.SGD{}, LearningRate: 1e3}},
		{"far too fast", ksparse.TrainConfig{Optimizer: ksparse.SGD{}, LearningRate: 1e300}},
		{"momentum", ksparse.TrainConfig{Optimizer: ksparse.SGD{Momentum: 0.9}, LearningRate: 1e5, BatchSize: 4}},
		{"adam", ksparse.TrainConfig{LearningRate: math.MaxFloat64}},
		{"clipped", ksparse.TrainConfig{Optimizer: ksparse.SGD{}, LearningRate: 1e200, ClipNorm: 1}},
		{"decayed away", ksparse.TrainConfig{Optimizer: ksparse.SGD{}, LearningRate: 1e6, L2: 1e6}},
		{"a NaN from the schedule", ksparse.TrainConfig{Schedule: rates{1, 1, math.NaN()}}},
		{"an infinity from the schedule", ksparse.TrainConfig{Optimizer: ksparse.SGD{}, Schedule: rates{0.1, math.Inf(1)}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			net := smallNetwork(t)
			c.cfg.Epochs = 1000
			steps := 0
			c.cfg.Callback = func(p ksparse.Progress) error {
				if steps = p.Step; !allFinite(parameters(net)) || math.IsNaN(p.Loss) || math.IsInf(p.Loss, 0) {
					return fmt.Errorf("step %d: loss %v, or a parameter, is not finite", p.Step, p.Loss)
				}
				return nil
			}
			h, err := net.Train(context.Background(), x, x, c.cfg)
			if !errors.Is(err, ksparse.ErrDiverged) {
				t.Fatalf("error %v, want ErrDiverged", err)
			}
			if want := fmt.Sprintf("at step %d:", h.Steps+1); !strings.Contains(err.Error(), want) || h.Steps != steps {
				t.Errorf("after %d steps, %d in the history: the error %q does not say %q", steps, h.Steps, err, want)
			}
			if h.Stop != ksparse.StopDiverged {
				t.Errorf("stopped because of %v", h.Stop)
			}
			if !allFinite(parameters(net)) {
				t.Error("a parameter is not finite")
			}
		})
	}
}

// TestTrainOutputOverflows: Inf - Inf inside the network is ErrDiverged for a loss,
// too, that would otherwise call the NaN an output out of range.
func TestTrainOutputOverflows(t *testing.T) {
	net := networkOf(t, ksparse.NewLinearLayer("huge", 1, 2, ksparse.Identity), ksparse.NewLinearLayer("sum", 2, 1, ksparse.Sigmoid))
	net.Layers()[0].Weights().Copy(mat.NewDense(1, 2, []float64{1e308, -1e308}))
	net.Layers()[1].Weights().Copy(mat.NewDense(2, 1, []float64{1, 1}))
	start := parameters(net)
	x, y := mat.NewDense(1, 1, []float64{1e3}), mat.NewDense(1, 1, []float64{0.5})
	h, err := net.Train(context.Background(), x, y, ksparse.TrainConfig{Loss: ksparse.BinaryCrossEntropy})
	if !errors.Is(err, ksparse.ErrDiverged) || !strings.Contains(err.Error(), "step 1") || h.Stop != ksparse.StopDiverged {
		t.Errorf("error %v, stopped because of %v", err, h.Stop)
	}
	if !sameNumbers(parameters(net), start) {
		t.Error("the network has changed")
	}
}

// rates is a schedule of given factors, the last one for ever.
type rates []float64

func (rates) Validate() error                  { return nil }
func (r rates) Factor(step, steps int) float64 { return r[min(step, len(r)-1)] }

// spoiler is SGD that writes a bad number into the last parameter of pieces of
// the given length, in its third step.
type spoiler struct {
	ksparse.SGD
	length int
	value  float64
}

func (o spoiler) Update(w, g []float64, state [][]float64, rate float64, step int) {
	o.SGD.Update(w, g, state, rate, step)
	if step == 3 && len(w) == o.length {
		w[len(w)-1] = o.value
	}
}

// TestTrainBadOptimizer: what an optimizer spoils is taken back, and the error
// names the step and the layer.
func TestTrainBadOptimizer(t *testing.T) {
	x := uniform(1, 10, 6)
	for _, c := range []struct {
		length, slot int
		layer        string
		value, clip  float64
	}{
		{9 * 6, 0, "", math.NaN(), 0}, // both weight matrices
		{9, 1, "encoder", math.NaN(), 0},
		{6, 3, "decoder", math.Inf(-1), 0},
		{9, 1, "encoder", math.Inf(1), 0.1},
		{6, 3, "decoder", math.NaN(), 0.1},
	} {
		net, two := smallNetwork(t), smallNetwork(t)
		cfg := ksparse.TrainConfig{Epochs: 9, ClipNorm: c.clip, Optimizer: ksparse.SGD{}, Callback: stopAfter(2)}
		train(t, two, x, x, cfg)
		cfg.Optimizer, cfg.Callback = spoiler{length: c.length, value: c.value}, nil
		h, err := net.Train(context.Background(), x, x, cfg)
		if !errors.Is(err, ksparse.ErrDiverged) || !strings.Contains(err.Error(), "step 3") || !strings.Contains(err.Error(), c.layer) {
			t.Errorf("%+v: error %v", c, err)
		}
		if h == nil || h.Steps != 2 || h.Stop != ksparse.StopDiverged {
			t.Errorf("%+v: history %+v", c, h)
		}
		got := parameters(net)
		if !allFinite(got) || !sameBits(got[c.slot], parameters(two)[c.slot]) {
			t.Errorf("%+v: the spoiled parameters are not those before the step", c)
		}
	}
}

// TestTrainBadInput: an error of the right kind that says what was wanted and what
// came, no history, and not a bit of the network changed.
func TestTrainBadInput(t *testing.T) {
	x := uniform(1, 10, 6)
	with := func(i, j int, v float64) *mat.Dense {
		m := mat.DenseCopyOf(x)
		m.Set(i, j, v)
		return m
	}
	third := mat.NewDense(10, 6, nil)
	third.Apply(func(_, _ int, _ float64) float64 { return 1.0 / 6 }, third)
	thirdWith := mat.DenseCopyOf(third)
	thirdWith.Set(3, 2, 0.5)
	nan, inf := math.NaN(), math.Inf(1)
	type config = ksparse.TrainConfig
	for _, c := range []struct {
		name string
		x, y mat.Matrix
		cfg  config
		want error
		says []string
	}{
		{"nil x", nil, x, config{}, ksparse.ErrEmpty, []string{"x is nil"}},
		{"nil y", x, nil, config{}, ksparse.ErrEmpty, []string{"y is nil"}},
		{"x of nil type", (*mat.Dense)(nil), x, config{}, ksparse.ErrEmpty, []string{"x is nil"}},
		{"y of nil type", x, (*ksparse.Codes)(nil), config{}, ksparse.ErrEmpty, []string{"y is nil"}},
		{"empty x", &mat.Dense{}, x, config{}, ksparse.ErrEmpty, []string{"x has no rows", "0 x 0"}},
		{"empty y", x, &mat.Dense{}, config{}, ksparse.ErrEmpty, []string{"y has no rows"}},
		{"x too wide", uniform(1, 10, 7), x, config{}, ksparse.ErrShape, []string{"x has 7 columns", "want 6"}},
		{"y too narrow", x, uniform(1, 10, 5), config{}, ksparse.ErrShape, []string{"y has 5 columns", "want 6"}},
		{"y too short", x, uniform(1, 9, 6), config{}, ksparse.ErrShape, []string{"x has 10 rows", "y has 9"}},
		{"x transposed", x.T(), x, config{}, ksparse.ErrShape, []string{"x has 10 columns", "want 6"}},
		{"NaN in x", with(4, 5, nan), x, config{}, ksparse.ErrNotFinite, []string{"x holds NaN", "row 4", "column 5"}},
		{"Inf in x", with(9, 0, inf), x, config{}, ksparse.ErrNotFinite, []string{"x holds +Inf", "row 9", "column 0"}},
		{"NaN in y", x, with(0, 1, nan), config{}, ksparse.ErrNotFinite, []string{"y holds NaN", "row 0", "column 1"}},
		{"Inf in y", x, with(2, 3, -inf), config{}, ksparse.ErrNotFinite, []string{"y holds -Inf", "row 2", "column 3"}},
		{"NaN in x, transposed view", mat.DenseCopyOf(with(4, 5, nan).T()).T(), x, config{}, ksparse.ErrNotFinite, []string{"row 4", "column 5"}},

		{"y below 0", third, with(1, 2, -0.5), config{Loss: ksparse.BinaryCrossEntropy}, ksparse.ErrRange, []string{"y is -", "0 to 1"}},
		{"y above 1", third, mat.NewDense(10, 6, slices.Repeat([]float64{1.5}, 60)), config{Loss: ksparse.BinaryCrossEntropy}, ksparse.ErrRange, []string{"y is 1.5", "row 0", "column 0", "0 to 1"}},
		{"y sums to more", third, thirdWith, config{Loss: ksparse.SoftmaxCrossEntropy}, ksparse.ErrRange, []string{"y: row 3 sums to 1.3333", "sum to 1"}},
		{"y negative for softmax", third, with(0, 0, -1), config{Loss: ksparse.SoftmaxCrossEntropy}, ksparse.ErrRange, []string{"y is -1", "0 to 1"}},

		{"epochs", x, x, config{Epochs: -1}, ksparse.ErrRange, []string{"Epochs is -1", "or more"}},
		{"batch size", x, x, config{BatchSize: -2}, ksparse.ErrRange, []string{"BatchSize is -2", "or more"}},
		{"loss", x, x, config{Loss: 99}, ksparse.ErrRange, []string{"Loss(99)"}},
		{"patience", x, x, config{Patience: -3}, ksparse.ErrRange, []string{"Patience is -3", "or more"}},
		{"learning rate", x, x, config{LearningRate: -0.1}, ksparse.ErrRange, []string{"LearningRate is -0.1", "0 or more"}},
		{"learning rate NaN", x, x, config{LearningRate: nan}, ksparse.ErrRange, []string{"LearningRate is NaN"}},
		{"L1", x, x, config{L1: -1}, ksparse.ErrRange, []string{"L1 is -1"}},
		{"L2", x, x, config{L2: inf}, ksparse.ErrRange, []string{"L2 is +Inf"}},
		{"clipping", x, x, config{ClipNorm: -1}, ksparse.ErrRange, []string{"ClipNorm is -1"}},
		{"min delta", x, x, config{MinDelta: -1}, ksparse.ErrRange, []string{"MinDelta is -1"}},
		{"optimizer", x, x, config{Optimizer: ksparse.Adam{Beta1: 2}}, ksparse.ErrRange, []string{"Adam.Beta1 is 2", "< 1"}},
		{"schedule", x, x, config{Schedule: ksparse.StepDecay{}}, ksparse.ErrRange, []string{"StepDecay.Every is 0", "at least 1"}},
		{"fraction below 0", x, x, config{ValidationFraction: -0.1}, ksparse.ErrRange, []string{"ValidationFraction is -0.1", "< 1"}},
		{"fraction 1", x, x, config{ValidationFraction: 1}, ksparse.ErrRange, []string{"ValidationFraction is 1"}},
		{"nothing left", uniform(1, 1, 6), uniform(1, 1, 6), config{ValidationFraction: 0.1}, ksparse.ErrEmpty, []string{"ValidationFraction 0.1 of 1"}},

		{"only validation x", x, x, config{ValidationX: x}, ksparse.ErrEmpty, []string{"ValidationX", "ValidationY", "nil"}},
		{"only validation y", x, x, config{ValidationY: x}, ksparse.ErrEmpty, []string{"ValidationX", "ValidationY", "nil"}},
		{"two validations", x, x, config{ValidationX: x, ValidationY: x, ValidationFraction: 0.5}, ksparse.ErrRange, []string{"ValidationX", "ValidationFraction"}},
		{"validation shape", x, x, config{ValidationX: uniform(1, 3, 5), ValidationY: x}, ksparse.ErrShape, []string{"ValidationX has 5 columns", "want 6"}},
		{"validation rows", x, x, config{ValidationX: uniform(1, 3, 6), ValidationY: x}, ksparse.ErrShape, []string{"ValidationX has 3 rows", "ValidationY has 10"}},
		{"validation NaN", x, x, config{ValidationX: x, ValidationY: with(1, 1, nan)}, ksparse.ErrNotFinite, []string{"ValidationY holds NaN", "row 1"}},
		{"validation probabilities", third, third, config{Loss: ksparse.SoftmaxCrossEntropy, ValidationX: third, ValidationY: thirdWith}, ksparse.ErrRange, []string{"ValidationY: row 3 sums to"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			net := smallNetwork(t)
			start := parameters(net)
			h, err := net.Train(context.Background(), c.x, c.y, c.cfg)
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if h != nil {
				t.Errorf("a history, though training never began: %+v", h)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("error %q does not say %q", err, s)
				}
			}
			if !sameNumbers(parameters(net), start) {
				t.Error("the network has changed")
			}
		})
	}
}

// TestTrainLossUndefined: a cross entropy of outputs outside [0, 1] is an error
// once they come, in a step or in the validation.
func TestTrainLossUndefined(t *testing.T) {
	x := uniform(1, 10, 6)
	y := mat.NewDense(10, 6, slices.Repeat([]float64{0.5}, 60))
	net := smallNetwork(t)
	start := parameters(net)
	h, err := net.Train(context.Background(), x, y, ksparse.TrainConfig{Loss: ksparse.BinaryCrossEntropy})
	if !errors.Is(err, ksparse.ErrRange) {
		t.Fatalf("error %v, want ErrRange", err)
	}
	for _, s := range []string{"step 1", "output is ", "0 to 1", "Sigmoid"} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q does not say %q", err, s)
		}
	}
	if n := strings.Count(err.Error(), "ksparse:"); n != 1 {
		t.Errorf("error %q names the package %d times", err, n)
	}
	if h == nil || h.Steps != 0 || h.Stop != ksparse.StopLoss || !sameNumbers(parameters(net), start) {
		t.Errorf("history %+v", h)
	}

	// An output that is its input: 0.5 in training, 2 in the validation.
	line := networkOf(t, ksparse.NewLinearLayer("line", 1, 1, ksparse.Identity))
	line.Layers()[0].Weights().Set(0, 0, 1)
	half := mat.NewDense(1, 1, []float64{0.5})
	h, err = line.Train(context.Background(), half, half, ksparse.TrainConfig{
		Loss: ksparse.BinaryCrossEntropy, Optimizer: scripted{}, ValidationX: mat.NewDense(1, 1, []float64{2}), ValidationY: half})
	if !errors.Is(err, ksparse.ErrRange) || h == nil || h.Steps != 1 || h.Stop != ksparse.StopLoss {
		t.Errorf("validation: error %v, history %+v", err, h)
	}
}

// TestTrainValidationOverflows: a validation loss that is NaN or infinite is never
// silent, and an epoch with one is never the best.
func TestTrainValidationOverflows(t *testing.T) {
	x := uniform(1, 10, 6)
	huge := mat.NewDense(2, 6, slices.Repeat([]float64{1e200}, 12)) // its square is infinite
	net := smallNetwork(t)
	h, err := net.Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: 2, ValidationX: huge, ValidationY: huge})
	if !errors.Is(err, ksparse.ErrDiverged) && !errors.Is(err, ksparse.ErrNotFinite) {
		t.Errorf("error %v, want ErrDiverged or ErrNotFinite; the history says %+v", err, h.Epochs)
	}
	if !allFinite(parameters(net)) {
		t.Error("a parameter is not finite")
	}
}

// mixedNetwork has dense and sparse layers, two sparse ones in a row, and enough
// of everything that work is shared out: by samples, by latents for a short
// batch, and by pieces of parameters.
func mixedNetwork(t testing.TB) *ksparse.Network {
	return networkOf(t,
		ksparse.NewLinearLayer("in", 10, 64, ksparse.Tanh),
		ksparse.NewSparseLayer("wide", 64, 1100, 30, ksparse.ReLU),
		ksparse.NewSparseLayer("narrow", 1100, 70, 9, ksparse.GELU),
		ksparse.NewLinearLayer("middle", 70, 20, ksparse.Swish),
		ksparse.NewLinearLayer("out", 20, 10, ksparse.Identity))
}

func mixedConfig() ksparse.TrainConfig {
	return ksparse.TrainConfig{Epochs: 2, BatchSize: 48, Optimizer: ksparse.AdamW{}, LearningRate: 0.003,
		Schedule: ksparse.Warmup{Steps: 3, Then: ksparse.CosineDecay{}}, L1: 1e-4, L2: 1e-3, ClipNorm: 0.5, Seed: 5}
}

// TestTrainSameBits: the same seed, data and configuration give the same bits, for
// every GOMAXPROCS, with a callback and validation or without.
func TestTrainSameBits(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	x, valid := uniform(1, 101, 10), uniform(2, 33, 10) // batches of 48, 48, 5
	run := func(procs int, change func(*ksparse.TrainConfig)) [][]float64 {
		runtime.GOMAXPROCS(procs)
		net, cfg := mixedNetwork(t), mixedConfig()
		if change != nil {
			change(&cfg)
		}
		train(t, net, x, x, cfg)
		return parameters(net)
	}
	want := run(2, nil)
	if sameNumbers(want, parameters(mixedNetwork(t))) {
		t.Fatal("nothing was learnt")
	}
	calls := 0
	for _, c := range []struct {
		name   string
		procs  int
		change func(*ksparse.TrainConfig)
		differ bool
	}{
		{"again", 2, nil, false},
		{"one processor", 1, nil, false},
		{"five processors", 5, nil, false},
		{"with validation", 2, func(c *ksparse.TrainConfig) { c.ValidationX, c.ValidationY = valid, valid }, false},
		{"with patience", 3, func(c *ksparse.TrainConfig) { c.Patience, c.ValidationX, c.ValidationY = 9, x, x }, false},
		{"with a callback", 5, func(c *ksparse.TrainConfig) {
			c.Callback = func(ksparse.Progress) error { calls++; return nil }
		}, false},
		{"another seed", 2, func(c *ksparse.TrainConfig) { c.Seed = 6 }, true},
		{"no clipping", 2, func(c *ksparse.TrainConfig) { c.ClipNorm = 0 }, true},
		{"no L1", 2, func(c *ksparse.TrainConfig) { c.L1 = 0 }, true},
		{"no L2", 2, func(c *ksparse.TrainConfig) { c.L2 = 0 }, true},
	} {
		if same := sameNumbers(run(c.procs, c.change), want); same == c.differ {
			t.Errorf("%s: same bits %v, want %v", c.name, same, !c.differ)
		}
	}
	if calls != 6 {
		t.Errorf("%d calls of the callback, want 6", calls)
	}
	// Without clipping the optimizer runs layer by layer on the way back.
	plain := func(c *ksparse.TrainConfig) { c.ClipNorm, c.BatchSize = 0, 7 }
	one := run(1, plain)
	for _, procs := range []int{2, 5} {
		if !sameNumbers(run(procs, plain), one) {
			t.Errorf("without clipping, batches of 7: other bits on %d processors", procs)
		}
	}
}

// TestTrainMatrixTypes: what kind of matrix the samples come in makes no
// difference to a single bit, nor whether y is x or a copy.
func TestTrainMatrixTypes(t *testing.T) {
	x := uniform(1, 21, 6)
	indices, values := make([][]int32, 21), make([][]float64, 21)
	for i := range 21 { // a few entries only, so that they are codes
		for j := range 6 {
			if (i+j)%3 == 0 {
				x.Set(i, j, 0)
				continue
			}
			indices[i], values[i] = append(indices[i], int32(j)), append(values[i], x.At(i, j))
		}
	}
	codes, err := ksparse.NewCodes(6, indices, values)
	if err != nil {
		t.Fatal(err)
	}
	wide := uniform(9, 25, 11)
	strided := wide.Slice(3, 24, 2, 8).(*mat.Dense)
	strided.Copy(x)
	transposed := mat.DenseCopyOf(x.T()).T()
	cfg := ksparse.TrainConfig{Epochs: 3, BatchSize: 4, ValidationFraction: 0.2, ClipNorm: 1}
	run := func(x, y mat.Matrix) [][]float64 {
		net := smallNetwork(t)
		train(t, net, x, y, cfg)
		return parameters(net)
	}
	want := run(x, x)
	for _, c := range []struct {
		name string
		x, y mat.Matrix
	}{
		{"a copy as y", x, mat.DenseCopyOf(x)},
		{"transposed", transposed, transposed},
		{"codes", codes, codes},
		{"strided", strided, strided},
		{"strided and dense", strided, x},
		{"dense and codes", x, codes},
	} {
		before := mat.DenseCopyOf(c.x)
		if !sameNumbers(run(c.x, c.y), want) {
			t.Errorf("%s: other bits", c.name)
		}
		if !mat.Equal(before, c.x) {
			t.Errorf("%s: Train changed x", c.name)
		}
	}
	// y as x shifted within one array is not x.
	long := uniform(3, 22, 6)
	head, tail := long.Slice(0, 21, 0, 6), long.Slice(1, 22, 0, 6)
	if !sameNumbers(run(head, tail), run(mat.DenseCopyOf(head), mat.DenseCopyOf(tail))) {
		t.Error("overlapping x and y: other bits")
	}
}

// TestTrainDefaults: the zero configuration is the one that is documented.
func TestTrainDefaults(t *testing.T) {
	x := uniform(1, 300, 6)
	run := func(cfg ksparse.TrainConfig) (*ksparse.History, [][]float64) {
		net := smallNetwork(t)
		return train(t, net, x, x, cfg), parameters(net)
	}
	h, zero := run(ksparse.TrainConfig{})
	if h.Steps != 20 || len(h.Epochs) != 10 {
		t.Errorf("%d steps, %d epochs, want 20 and 10", h.Steps, len(h.Epochs))
	}
	for _, e := range h.Epochs {
		if e.LearningRate != 0.001 || !math.IsNaN(e.ValidationLoss) {
			t.Errorf("epoch %d: learning rate %v, validation loss %v; want 0.001, NaN", e.Epoch, e.LearningRate, e.ValidationLoss)
		}
	}
	if first, last := h.Epochs[0].TrainLoss, h.Epochs[9].TrainLoss; !(last < first) {
		t.Errorf("the loss goes from %v to %v", first, last)
	}
	_, explicit := run(ksparse.TrainConfig{Epochs: 10, BatchSize: 256, Loss: ksparse.SquaredError, Optimizer: ksparse.Adam{},
		LearningRate: 0.001, Schedule: ksparse.ConstantRate{}})
	if !sameNumbers(zero, explicit) {
		t.Error("the zero configuration is not the documented default")
	}
}

func TestTrainBatchLargerThanTheData(t *testing.T) {
	x := uniform(1, 13, 6)
	run := func(size int) (*ksparse.History, [][]float64) {
		net := smallNetwork(t)
		return train(t, net, x, x, ksparse.TrainConfig{Epochs: 4, BatchSize: size, Callback: func(p ksparse.Progress) error {
			if p.Steps != 4 || !p.EpochEnd {
				t.Errorf("batches of %d: %d steps announced, the epoch's end: %v", size, p.Steps, p.EpochEnd)
			}
			return nil
		}}), parameters(net)
	}
	h, large := run(math.MaxInt)
	_, exact := run(13)
	if h.Steps != 4 || !sameNumbers(large, exact) {
		t.Errorf("%d steps, want 4; the bits of batches of 13: %v", h.Steps, sameNumbers(large, exact))
	}
}

// TestTrainOneOfEach: one row, one column, one latent.
func TestTrainOneOfEach(t *testing.T) {
	x := mat.NewDense(1, 1, []float64{0.75})
	net := networkOf(t, ksparse.NewSparseLayer("encoder", 1, 1, 1, ksparse.Identity), ksparse.NewLinearLayer("decoder", 1, 1, ksparse.Identity))
	h := train(t, net, x, x, ksparse.TrainConfig{Epochs: 300, LearningRate: 0.05, Optimizer: ksparse.SGD{}})
	if h.Steps != 300 || !(h.Epochs[299].TrainLoss < 1e-12) {
		t.Errorf("%d steps, loss %v after them", h.Steps, h.Epochs[299].TrainLoss)
	}
	// One row of many columns, a column of many rows.
	row := uniform(1, 1, 6)
	if h := train(t, smallNetwork(t), row, row, ksparse.TrainConfig{Epochs: 3}); h.Steps != 3 {
		t.Errorf("one row: %d steps, want 3", h.Steps)
	}
	column := mat.NewVecDense(9, []float64{-4, -3, -2, -1, 0, 1, 2, 3, 4})
	line := networkOf(t, ksparse.NewLinearLayer("line", 1, 1, ksparse.Identity))
	y := mat.NewVecDense(9, nil)
	y.ScaleVec(-2, column)
	train(t, line, column, y, ksparse.TrainConfig{Epochs: 200, BatchSize: 2, Optimizer: ksparse.SGD{}, LearningRate: 0.02})
	if w, b := line.Layers()[0].Weights().At(0, 0), line.Layers()[0].Biases().AtVec(0); !(math.Abs(w+2) < 1e-6 && math.Abs(b) < 1e-6) {
		t.Errorf("y = %v x + %v, want y = -2 x", w, b)
	}
}

// TestTrainNoneActive: with k = 0 the network gives its output biases, and only
// they learn. With SGD on the squared error, b -= rate·2(b - mean y): a rate of
// 1/2 reaches the mean in one step.
func TestTrainNoneActive(t *testing.T) {
	net := networkOf(t, ksparse.NewSparseLayer("encoder", 6, 9, 0, ksparse.ReLU), ksparse.NewLinearLayer("decoder", 9, 6, ksparse.Identity))
	start, x := parameters(net), uniform(1, 10, 6)
	train(t, net, x, x, ksparse.TrainConfig{Epochs: 1, Optimizer: ksparse.SGD{}, LearningRate: 0.5})
	got := parameters(net)
	for i := range 3 {
		if !sameBits(got[i], start[i]) {
			t.Errorf("layer %d: parameters that nothing depends on have changed", i/2)
		}
	}
	for j, b := range got[3] {
		mean := mat.Sum(x.ColView(j)) / 10
		if !(math.Abs(b-mean) <= 10*1.1e-16) { // ten terms of at most 1, then their tenth
			t.Errorf("output bias %d is %v, want the mean %v", j, b, mean)
		}
	}
}

// TestTrainAllActive: k = Out and any larger k are one network, the dense one.
func TestTrainAllActive(t *testing.T) {
	x, cfg := uniform(1, 20, 6), ksparse.TrainConfig{Epochs: 5, BatchSize: 6, Optimizer: ksparse.SGD{Momentum: 0.9}, LearningRate: 0.01}
	run := func(k int) [][]float64 {
		net := networkOf(t, ksparse.NewSparseLayer("encoder", 6, 9, k, ksparse.Tanh), ksparse.NewLinearLayer("decoder", 9, 6, ksparse.Identity))
		train(t, net, x, x, cfg)
		return parameters(net)
	}
	all := run(9)
	if !sameNumbers(run(16), all) {
		t.Error("k = 16 of 9 latents gives other bits than k = 9")
	}
	first := networkOf(t, ksparse.NewSparseLayer("encoder", 6, 9, 9, ksparse.Tanh), ksparse.NewLinearLayer("decoder", 9, 6, ksparse.Identity))
	dense := networkOf(t, ksparse.NewLinearLayer("encoder", 6, 9, ksparse.Tanh), ksparse.NewLinearLayer("decoder", 9, 6, ksparse.Identity))
	dense.Layers()[0].Weights().Copy(first.Layers()[0].Weights().T())
	dense.Layers()[1].Weights().Copy(first.Layers()[1].Weights())
	train(t, dense, x, x, cfg)
	// 20 steps of sums in another order.
	within(t, "encoder", dense.Layers()[0].Weights().T(), mat.NewDense(9, 6, all[0]), 1e-13)
	within(t, "encoder biases", dense.Layers()[0].Biases(), mat.NewVecDense(9, all[1]), 1e-13)
	within(t, "decoder", dense.Layers()[1].Weights(), mat.NewDense(9, 6, all[2]), 1e-13)
	within(t, "decoder biases", dense.Layers()[1].Biases(), mat.NewVecDense(6, all[3]), 1e-13)
}

// TestTrainBesideOthers: networks train, with one optimizer for all, while others
// predict. Each gets the bits that it gets alone.
func TestTrainBesideOthers(t *testing.T) {
	x, other := uniform(1, 60, 6), smallNetwork(t)
	cfg := ksparse.TrainConfig{Epochs: 10, BatchSize: 7, Optimizer: &ksparse.Adam{}, ValidationFraction: 0.1, ClipNorm: 1}
	alone := smallNetwork(t)
	train(t, alone, x, x, cfg)
	want := parameters(alone)
	predicted, err := other.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 3 {
		net := smallNetwork(t)
		group.Add(2)
		go func() {
			defer group.Done()
			if _, err := net.Train(context.Background(), x, x, cfg); err != nil || !sameNumbers(parameters(net), want) {
				t.Errorf("beside others, training gives other bits, error %v", err)
			}
		}()
		go func() {
			defer group.Done()
			for range 20 {
				if got, err := other.Predict(x); err != nil || !mat.Equal(got, predicted) {
					t.Errorf("beside trainings, Predict gives other numbers, error %v", err)
				}
			}
		}()
	}
	group.Wait()
}

func TestStopReasonString(t *testing.T) {
	seen := map[string]bool{}
	for r := ksparse.StopEpochs; r <= ksparse.StopLoss; r++ {
		seen[r.String()] = true
	}
	if len(seen) != 6 || seen["unknown"] || (ksparse.StopLoss+1).String() != "unknown" {
		t.Errorf("reasons %v, then %v", seen, ksparse.StopLoss+1)
	}
}
