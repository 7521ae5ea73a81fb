package ksparse

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// The root's Forward and Backprop say what a network means, in whole matrices. These
// tests hold the engine to that, bit for bit: everything it encodes, decodes and
// predicts, and the parameters after a training step. (Bits but for the sign of a zero,
// which a sum that leaves out zeros may have and one that adds them may not.)

// referenceStep is a training step by Forward, Backprop and plain loops. It returns the
// loss and the norm of the whole gradient.
func referenceStep(t *testing.T, n *Network, cfg TrainConfig, x, y *mat.Dense) (loss, norm float64) {
	t.Helper()
	p, err := n.Forward(x)
	if err != nil {
		t.Fatal(err)
	}
	g, err := n.Backprop(p, y, cfg.Loss)
	if err != nil {
		t.Fatal(err)
	}
	var weights, biases [][]float64
	for i := range n.layers {
		weights = append(weights, dense.View(g.Weights(i)).Data)
		biases = append(biases, g.Biases(i).RawVector().Data)
	}
	return g.Loss(), referenceMove(n, cfg, weights, biases)
}

// referenceMove moves all parameters against their gradients, with penalties, unit norm
// and clipping, and returns the norm of the gradient before clipping.
func referenceMove(n *Network, cfg TrainConfig, weights, biases [][]float64) (norm float64) {
	last := len(n.layers) - 1
	atoms := -1
	if cfg.Recipe.UnitNorm {
		sparse, _ := n.lastSparse()
		if atoms = sparse + 1; n.sharesWeights(atoms) {
			atoms = sparse
		}
	}
	square, usual := 0.0, 0.0
	for i := last; i >= 0; i-- {
		w := matrix.WideRows(n.layers[i].parameters().w)
		part := kernel.Dot(biases[i], biases[i])
		rows, squares := 0.0, 0.0
		for j := range w.Rows {
			if n.sharesWeights(i) {
				break // one matrix, moved with the layer below
			}
			row, grad := w.Row(j), weights[i][j*w.Cols:(j+1)*w.Cols]
			referenceRow(cfg, grad, row, i == atoms)
			squares += kernel.Dot(grad, grad)
			if cfg.ClipNorm > 0 {
				part += kernel.Dot(grad, grad)
			} else {
				rows += kernel.Dot(grad, grad)
			}
		}
		square += rows + part
		usual += squares
	}
	scale := 1.0
	if norm = math.Sqrt(square); cfg.ClipNorm > 0 && norm > cfg.ClipNorm {
		scale = cfg.ClipNorm / norm
	}
	if cfg.Recipe.ScaleGradients && usual > 0 {
		count := 0
		for i := range n.layers {
			if !n.sharesWeights(i) {
				count += len(weights[i])
			}
		}
		scale *= math.Sqrt(float64(count) / usual)
	}
	move := func(w, grad []float64, unit float64) {
		kernel.Scale(grad, scale*unit)
		train.SGD{}.Update(w, grad, nil, cfg.LearningRate*unit, 1)
	}
	sparse, _ := n.lastSparse()
	for i := last; i >= 0; i-- {
		a := n.layers[i].parameters()
		if !n.sharesWeights(i) {
			for j := 0; i == sparse && i != atoms && j < a.w.Rows; j++ {
				grad := weights[i][j*a.w.Cols : (j+1)*a.w.Cols]
				if kernel.Dot(grad, grad) > 0 {
					kernel.Scale(matrix.WideRows(a.w).Row(j), 1-float64(cfg.LearningRate*cfg.Recipe.EncoderDecay))
				}
			}
			move(a.w.Float64, weights[i], 1)
		}
		move(a.b, biases[i], cmp.Or(cfg.Recipe.BiasScale, 1))
		for j := 0; i == atoms && j < a.w.Rows; j++ {
			row := matrix.WideRows(a.w).Row(j)
			kernel.Scale(row, 1/math.Sqrt(kernel.Dot(row, row)))
		}
	}
	return norm
}

// referenceRow adds the penalties to the gradient of a row of weights and, of an atom that
// is kept at norm 1, takes away the part along the row.
func referenceRow(cfg TrainConfig, grad, row []float64, atom bool) {
	for e, v := range row {
		if cfg.L1 == 0 && cfg.L2 == 0 {
			break
		}
		grad[e] += float64(cfg.L2 * v)
		switch {
		case v > 0:
			grad[e] += cfg.L1
		case v < 0:
			grad[e] -= cfg.L1
		}
	}
	if !atom {
		return
	}
	along := -kernel.Dot(grad, row)
	for e, v := range row {
		grad[e] = math.FMA(along, v, grad[e])
	}
}

// holdStep takes a step by the engine and one by the reference, and compares the loss,
// the norm and all parameters.
func holdStep(t *testing.T, what string, n *Network, cfg TrainConfig, x, y *mat.Dense) bool {
	t.Helper()
	cfg.Optimizer, cfg.Steps = train.SGD{}, 1
	if cfg.LearningRate == 0 {
		cfg.LearningRate = 0.125
	}
	want := copyOf(t, n)
	for j := range want.layers {
		if sparse, _ := want.lastSparse(); cfg.Recipe.UnitNorm && (j == sparse+1 || want.sharesWeights(sparse+1) && j == sparse) {
			w := matrix.WideRows(want.layers[j].parameters().w)
			for i := range w.Rows {
				kernel.Scale(w.Row(i), 1/math.Sqrt(kernel.Dot(w.Row(i), w.Row(i))))
			}
			break
		}
	}
	loss, norm := referenceStep(t, want, cfg, x, y)
	trainer, err := NewTrainer(n, cfg)
	if err != nil {
		t.Fatal(what, err)
	}
	progress, err := trainer.Step(x, y)
	if err != nil {
		t.Fatal(what, err)
	}
	if progress.Loss != loss {
		t.Errorf("%s: the loss is %v, the reference has %v", what, progress.Loss, loss)
	}
	if math.Abs(progress.GradientNorm-norm) > 1e-12*norm { // the order of layers' squares may differ
		t.Errorf("%s: the gradient's norm is %v, the reference has %v", what, progress.GradientNorm, norm)
	}
	if _, err := trainer.Finish(); err != nil {
		t.Fatal(what, err)
	}
	thresholds := plainThresholds(n, dense.View(x))
	for _, l := range n.layers {
		if s := l.sparse(); s != nil && s.selection == SelectBatchTopK {
			sameNumbers(t, what+": thresholds of "+s.name, s.thresholds, thresholds[0])
			thresholds = thresholds[1:]
		}
	}
	return sameParameters(t, what, n, want) && !t.Failed()
}

// holdUse compares what Encode, Predict, Reconstruct, Decode and a Frozen give with
// Forward.
func holdUse(t *testing.T, what string, n *Network, x *mat.Dense) {
	t.Helper()
	p, err := n.Forward(x)
	if err != nil {
		t.Fatal(what, err)
	}
	for _, l := range n.layers { // outside training it selects with thresholds
		if s := l.sparse(); s != nil && s.selection == SelectBatchTopK {
			return
		}
	}
	if sparse, l := n.lastSparse(); l != nil {
		f, err := n.Freeze()
		if err != nil {
			t.Fatal(what, err)
		}
		for _, m := range []*model{&n.model, &f.model} {
			codes, out, err := m.Reconstruct(x)
			if err != nil {
				t.Fatal(what, err)
			}
			alone, err := m.Encode(x)
			if err != nil {
				t.Fatal(what, err)
			}
			decoded, err := m.Decode(codes)
			if err != nil {
				t.Fatal(what, err)
			}
			mask := p.Mask(sparse)
			if !slices.Equal(codes.entries.Indices, mask.indices) || !slices.Equal(codes.entries.Offsets, mask.offsets) {
				t.Errorf("%s: the codes select other latents than the reference", what)
			}
			sameNumbers(t, what+": codes", dense.View(codes.Dense()).Data, p.layers[sparse].out.Data)
			sameNumbers(t, what+": Encode's values", alone.entries.Values, codes.entries.Values)
			sameNumbers(t, what+": output", dense.View(out).Data, p.output.Data)
			sameNumbers(t, what+": decoded", dense.View(decoded).Data, p.output.Data)
		}
	}
	out, err := n.Predict(x)
	if err != nil {
		t.Fatal(what, err)
	}
	sameNumbers(t, what+": Predict", dense.View(out).Data, p.output.Data)
}

var referenceActivations = []Activation{Identity, Sigmoid, ReLU, Tanh, LeakyReLU, ELU, Swish, GELU}

// TestReferenceAutoencoder: every activation with every selection that it may have, in
// autoencoders of all sizes, k from 0 to more than there are latents.
func TestReferenceAutoencoder(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 1))
	for _, act := range referenceActivations {
		for selection := range selections {
			for trial := range 12 {
				in, out, rows := 1+rng.IntN(20), 1+rng.IntN(40), 1+rng.IntN(40)
				k := []int{0, 1, out, out + 3, rng.IntN(out + 1), 1 + rng.IntN(max(1, out/8))}[trial%6]
				switch selection {
				case SelectGroupMax:
					k = 1 + rng.IntN(4)
					out = k * (1 + rng.IntN(8))
				}
				n, err := New(Config{Classic: true, Inputs: in, Latents: out, K: k, Activation: act, Selection: selection, OutputActivation: referenceActivations[trial%8],
					Seed: rng.Uint64(), Tied: trial%3 == 0, PreBias: trial%4 == 1, Normalization: Normalization(trial % 3)})
				if err != nil {
					continue // not every activation goes with every selection
				}
				perturb(rng, n)
				if selection == SelectThreshold {
					n.layers[0].sparse().SetThresholds(0.1)
				}
				what := fmt.Sprintf("%v, %v, %d -> %d, k=%d, %d rows", act, selection, in, out, k, rows)
				x := randomData(rng, rows, in)
				holdUse(t, what, n, x)
				cfg := TrainConfig{}
				if trial%5 == 2 {
					cfg.L1, cfg.L2 = 0.01, 0.02
				}
				if trial%5 == 3 {
					cfg.ClipNorm = 0.5
				}
				if trial%5 == 4 {
					cfg.Recipe.UnitNorm = true
				}
				if trial%2 == 1 {
					cfg.Recipe.ScaleGradients, cfg.Recipe.EncoderDecay, cfg.Recipe.BiasScale = true, 0.3, 0.25
				}
				if cfg.Recipe.UnitNorm && n.tied() {
					cfg.Recipe.EncoderDecay = 0 // which would do nothing
				}
				for range 2 {
					if !holdStep(t, what, n, cfg, x, x) {
						return
					}
				}
			}
		}
	}
}

// TestReferenceStacks: sparse layers anywhere, several of them, linear layers beside
// them, every loss.
func TestReferenceStacks(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 2))
	for trial := range 150 {
		size := func() int { return 1 + rng.IntN(24) }
		in, rows := size(), 1+rng.IntN(30)
		from, depth := in, 1+rng.IntN(4)
		var layers []Layer
		for i := range depth {
			out, act := size(), referenceActivations[rng.IntN(8)]
			if rng.IntN(2) == 0 {
				s := NewSparseLayer(fmt.Sprint("sparse ", i), from, out, 1+rng.IntN(out+1), act)
				if rng.IntN(4) == 0 && (act == Identity || act == ReLU) {
					s.selection = SelectBatchTopK
				}
				layers = append(layers, s)
			} else {
				layers = append(layers, NewLinearLayer(fmt.Sprint("linear ", i), from, out, act))
			}
			from = out
		}
		cfg := TrainConfig{Loss: Loss(rng.IntN(int(losses)))}
		if cfg.Loss == BinaryCrossEntropy && layers[depth-1].Activation() != Sigmoid || rng.IntN(5) == 0 {
			layers = append(layers, NewLinearLayer("last", from, size(), Sigmoid))
		}
		n, err := NewNetwork(layers...)
		if err != nil {
			t.Fatal(err)
		}
		perturb(rng, n)
		x, y := randomData(rng, rows, in), randomData(rng, rows, n.Out())
		if cfg.Loss != SquaredError {
			probabilities(y)
		}
		what := fmt.Sprintf("trial %d, %v, %v", trial, n, cfg.Loss)
		holdUse(t, what, n, x)
		for range 2 {
			if !holdStep(t, what, n, cfg, x, y) {
				return
			}
		}
	}
}

// probabilities makes each row of y positive numbers that sum to 1.
func probabilities(y *mat.Dense) {
	rows, _ := y.Dims()
	for i := range rows {
		row := y.RawRowView(i)
		sum := 0.0
		for j, v := range row {
			row[j] = v * v
			sum += row[j]
		}
		for j := range row {
			if sum == 0 {
				row[j] = 1 / float64(len(row))
			} else {
				row[j] /= sum
			}
		}
	}
}

// TestReferenceWide: sizes at which the engine screens, takes strips of columns, or
// decodes a few rows at a time.
func TestReferenceWide(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 3))
	for _, s := range []struct{ in, out, k, rows int }{{100, 700, 8, 150}, {30, 3200, 10, 40}, {200, 300, 30, 70}} {
		for _, cfg := range []Config{{Activation: ReLU}, {Selection: SelectAbsTopK}, {Activation: ReLU, Selection: SelectBatchTopK, PreBias: true}, {Activation: Sigmoid, Tied: true}} {
			cfg.Classic = true
			cfg.Inputs, cfg.Latents, cfg.K = s.in, s.out, s.k
			n, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			perturb(rng, n)
			what := fmt.Sprint(n)
			x := randomData(rng, s.rows, s.in)
			holdUse(t, what, n, x)
			if !holdStep(t, what, n, TrainConfig{Recipe: Recipe{UnitNorm: true}}, x, x) {
				return
			}
		}
	}
}
