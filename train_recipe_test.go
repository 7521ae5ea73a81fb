package ksparse_test

import (
	"math"
	"slices"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// TestTrainMaxNorm: the training is the one without the rows that are too long, to
// the bit.
func TestTrainMaxNorm(t *testing.T) {
	row := func(norm float64) []float64 { return []float64{0, 0.6 * norm, 0, -0.8 * norm, 0, 0} }
	for _, c := range []struct {
		name    string
		norms   []float64
		maxNorm float64
		keeps   []float64
	}{
		{"off", []float64{1, 2, 1000}, 0, []float64{1, 2, 1000}},
		{"one too long", []float64{1, 2, 1000, 3, 4}, 10, []float64{1, 2, 3, 4}},
		{"median of an odd number", []float64{1, 4, 8.1, 2, 8}, 2, []float64{1, 4, 2, 8}},
		{"median of an even number", []float64{1, 2, 4, 6.1, 5.9, 1}, 2, []float64{1, 2, 4, 5.9, 1}}, // of 3
		{"the longest first", []float64{50, 60, 1, 1, 1, 1}, 10, []float64{1, 1, 1, 1}},
		{"the median stays", []float64{3, 1, 2, 5, 4}, 1, []float64{3, 1, 2}},
		{"equal norms", []float64{2, 2, 2}, 1, []float64{2, 2, 2}},
		{"rows of zeros do not count", []float64{0, 0, 0, 0, 1, 1, 30}, 3, []float64{0, 0, 0, 0, 1, 1}},
		{"zeros only", []float64{0, 0, 0}, 1, []float64{0, 0, 0}},
		{"one row", []float64{7}, 1, []float64{7}},
		{"squares that overflow", []float64{1, 1, 1e200}, 5, []float64{1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			matrixOf := func(norms []float64) *mat.Dense {
				m := mat.NewDense(len(norms), 6, nil)
				for i, v := range norms {
					m.SetRow(i, row(v))
				}
				return m
			}
			all, kept := matrixOf(c.norms), matrixOf(c.keeps)
			// Targets of their own tell the rows apart, and have norms that do not matter.
			y := mat.NewDense(len(c.norms), 6, nil)
			keptY := mat.NewDense(len(c.keeps), 6, nil)
			next := 0
			for i, v := range c.norms {
				y.SetRow(i, []float64{float64(i), 0, 1, 0, 1, 0})
				if next < len(c.keeps) && v == c.keeps[next] {
					keptY.SetRow(next, y.RawRowView(i))
					next++
				}
			}
			one, other := smallNetwork(t), smallNetwork(t)
			cfg := ksparse.TrainConfig{Epochs: 3, BatchSize: 2, MaxNorm: c.maxNorm, LearningRate: 1e-4}
			got := trainOn(t, one, all, y, cfg)
			cfg.MaxNorm = 0
			want := trainOn(t, other, kept, keptY, cfg)
			if !sameNumbers(parameters(one), parameters(other)) || got.Steps != want.Steps {
				t.Error("other bits than without the rows that are too long")
			}
			if left := len(c.norms) - len(c.keeps); got.LeftOut != left || want.LeftOut != 0 {
				t.Errorf("%d left out, %d of what was kept, want %d and 0", got.LeftOut, want.LeftOut, left)
			}
		})
	}
}

// TestTrainSourceMaxNorm: from a source that does not fit, each epoch uses each
// row within the limit once, and the epoch's end is known where only rows that
// are left out follow.
func TestTrainSourceMaxNorm(t *testing.T) {
	const samples = 20
	for seed := range uint64(40) {
		net, src := tellingSource(t, samples)
		long := []int{}
		for i := 15; i < samples; i++ { // in chunks of one row each
			src.SetRow(i, []float64{1e9})
			long = append(long, i)
		}
		used, seen, ends := uint64(0), 0, 0
		h := trainSource(t, net, src, ksparse.TrainConfig{Epochs: 2, BatchSize: 4, Buffer: 12, MaxNorm: 1 << 14, Optimizer: scripted{}, Seed: seed,
			Callback: func(p train.Progress) error {
				rows := min(4, samples-len(long)-seen)
				used, seen = used|told(t, p.Loss, rows), seen+rows
				if p.EpochEnd {
					if ends++; used != 1<<15-1 || seen != 15 {
						t.Errorf("seed %d: the epoch ends after samples %b, want all 15", seed, used)
					}
					used, seen = 0, 0
				}
				return nil
			}})
		if ends != 2 || h.Steps != 8 || h.LeftOut != len(long) {
			t.Errorf("seed %d: %d epochs, %d steps, %d left out; want 2, 8, %d", seed, ends, h.Steps, h.LeftOut, len(long))
		}
	}
}

// TestTrainFigures: FVU, L0, dead latents and the gradient's norm of an epoch
// belong to those of its steps.
func TestTrainFigures(t *testing.T) {
	x, y := uniform(1, 30, 6), uniform(2, 30, 6)
	mean := make([]float64, 6)
	for j := range mean {
		mean[j] = mat.Sum(y.ColView(j)) / 30
	}
	variance := 0.0
	for i := range 30 {
		for j := range mean {
			variance += (y.At(i, j) - mean[j]) * (y.At(i, j) - mean[j]) / 30
		}
	}
	var steps []train.Progress
	h := trainOn(t, smallNetwork(t), x, y, ksparse.TrainConfig{Epochs: 2, BatchSize: 8, LearningRate: 0.01, ClipNorm: 1,
		Callback: func(p train.Progress) error { steps = append(steps, p); return nil }})
	near := func(what string, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) <= 1e-13*math.Abs(want)) { // sums of at most 180 terms
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	for i, e := range h.Epochs {
		p := steps[4*i : 4*i+4]
		for _, s := range p {
			near("a step's FVU", s.FVU, s.Loss/variance)
			if !(s.L0 > 0 && s.L0 <= 2) || !(s.GradientNorm > 0) { // k is 2
				t.Errorf("step %d: L0 %v, gradient norm %v", s.Step, s.L0, s.GradientNorm)
			}
		}
		near("the epoch's FVU", e.FVU, e.TrainLoss/variance)
		near("the epoch's L0", e.L0, (8*p[0].L0+8*p[1].L0+8*p[2].L0+6*p[3].L0)/30)
		near("the epoch's gradient norm", e.GradientNorm, (p[0].GradientNorm+p[1].GradientNorm+p[2].GradientNorm+p[3].GradientNorm)/4)
		if e.Dead != p[3].Dead {
			t.Errorf("%d dead latents in the epoch, %d after its last step", e.Dead, p[3].Dead)
		}
	}
}

// TestTrainFVUUndefined where the loss is another or all targets are equal.
func TestTrainFVUUndefined(t *testing.T) {
	x := uniform(1, 10, 6)
	half := mat.NewDense(10, 6, slices.Repeat([]float64{0.5}, 60))
	sigmoid := networkOf(t, ksparse.NewLinearLayer("line", 6, 6, ksparse.Sigmoid))
	for _, h := range []*train.History{
		trainOn(t, smallNetwork(t), x, half, ksparse.TrainConfig{Epochs: 1}),
		trainOn(t, sigmoid, x, half, ksparse.TrainConfig{Epochs: 1, Loss: ksparse.BinaryCrossEntropy}),
	} {
		if e := h.Epochs[0]; !math.IsNaN(e.FVU) {
			t.Errorf("FVU is %v, want NaN", e.FVU)
		}
	}
}

// TestTrainSourceFVU: the variance is that of the first buffer, without what
// MaxNorm leaves out.
func TestTrainSourceFVU(t *testing.T) {
	x := mat.NewDense(40, 1, nil)
	for i := range 40 {
		x.Set(i, 0, float64(1+i))
	}
	x.Set(7, 0, 1e6)
	net := networkOf(t, ksparse.NewLinearLayer("zero", 1, 1, ksparse.Identity))
	net.Layers()[0].Weights().Zero()
	src := &rowSource{Dense: x}
	var fvu, loss float64
	var first []float64
	trainSource(t, net, src, ksparse.TrainConfig{Epochs: 1, BatchSize: 2, Buffer: 20, MaxNorm: 100, Optimizer: scripted{}, Callback: func(p train.Progress) error {
		if p.Step == 1 {
			fvu, loss = p.FVU, p.Loss
			for _, r := range src.reads {
				if v := x.At(r[0], 0); v < 1e6 {
					first = append(first, v)
				}
			}
		}
		return nil
	}})
	mean, variance := 0.0, 0.0
	for _, v := range first {
		mean += v / float64(len(first))
	}
	for _, v := range first {
		variance += (v - mean) * (v - mean) / float64(len(first))
	}
	if len(first) < 19 || !(math.Abs(fvu-loss/variance) <= 1e-13*fvu) {
		t.Errorf("FVU is %v, want the loss %v over the variance %v of the first %d rows", fvu, loss, variance, len(first))
	}
}
