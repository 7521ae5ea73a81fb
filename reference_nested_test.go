package ksparse

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/stat"
	"github.com/ksparse/ksparse/train"
)

// referenceNested is a training step with Matryoshka, MultiTopK or AuxK of an autoencoder
// without pre-bias or normalisation, in whole matrices. Level g has the entries of
// masks[0] to masks[g]; dead lists the dead latents. It returns the loss.
func referenceNested(n *Network, cfg TrainConfig, x matrix.Rows, masks []*Mask, levelWeights []float64, dead []int32, variance float64) float64 {
	encoder, decoder := n.layers[0].sparse(), n.layers[1].parameters()
	z := matrix.New(x.Rows, encoder.out)
	matrix.MulT(z.Data, x, encoder.w)
	values := encoder.activate(z)

	// x̂ - x of each level, and the losses.
	levels, loss := len(masks), 0.0
	errors, codes := make([]matrix.Rows, levels), make([]matrix.Rows, levels)
	decoded := matrix.New(x.Rows, x.Cols)
	for g := range levels {
		codes[g] = matrix.New(x.Rows, encoder.out)
		masks[g].apply(codes[g], values)
		matrix.AddProduct(decoded.Data, x.Cols, codes[g], decoder.w)
		errors[g] = matrix.New(x.Rows, x.Cols)
		sum := 0.0
		for i := range x.Rows {
			row := errors[g].Row(i)
			kernel.Add(row, decoded.Row(i), decoder.b)
			kernel.Subtract(row, row, x.Row(i))
			sum += kernel.Dot(row, row)
		}
		loss += float64(levelWeights[g] * (sum / float64(x.Rows)))
	}
	encoderGrad, decoderGrad := matrix.New(encoder.out, encoder.in), matrix.New(encoder.out, x.Cols)
	encoderBias := make([]float64, encoder.out)
	auxLoss, aux := referenceAuxiliary(n, cfg, x, errors[levels-1], dead, variance)
	if levels == 2 && cfg.Recipe.MultiTopK > 0 {
		auxLoss, aux = referenceAuxiliary(n, cfg, x, errors[0], dead, variance)
	}
	loss += auxLoss

	// What reaches the entries of level g: the errors of the levels from g on.
	for g := levels - 1; g >= 0; g-- {
		for i := range x.Rows {
			row := errors[g].Row(i)
			kernel.Scale(row, 2*levelWeights[g]/float64(x.Rows))
			if g+1 < levels {
				matrix.AddTo(row, errors[g+1].Row(i))
			}
		}
	}
	add := func(code, delta, reaching matrix.Rows) {
		kernel.MulAdd(decoderGrad.Data, x.Cols, encoder.out, x.Cols, x.Rows, code.Data, 1, code.Stride, reaching.Data, reaching.Stride)
		kernel.MulAdd(encoderGrad.Data, encoder.in, encoder.out, encoder.in, x.Rows, delta.Data, 1, delta.Stride, x.Data, x.Stride)
		for i := range x.Rows {
			matrix.AddTo(encoderBias, delta.Row(i))
		}
	}
	for g := range levels {
		delta := matrix.New(x.Rows, encoder.out)
		matrix.MulT(delta.Data, errors[g], decoder.w)
		encoder.activation.slopes(delta.Data, z.Data, values.Data)
		masks[g].apply(delta, delta)
		add(codes[g], delta, errors[g])
	}
	if aux.mask != nil {
		delta := matrix.New(x.Rows, encoder.out)
		matrix.MulT(delta.Data, aux.out, decoder.w)
		aux.mask.apply(delta, delta)
		add(aux.in, delta, aux.out)
	}
	referenceMove(n, cfg, [][]float64{encoderGrad.Data, decoderGrad.Data}, [][]float64{encoderBias, biasGradient(errors[0])})
	return loss
}

// referenceAuxiliary is AuxK: with r = x̂ - x, the dead latents with the largest positive
// pre-activations reconstruct -r. It returns their codes (in), the scaled errors (out) and
// the mask; no mask where nothing is dead.
func referenceAuxiliary(n *Network, cfg TrainConfig, x, r matrix.Rows, dead []int32, variance float64) (loss float64, aux layerPass) {
	encoder, decoder := n.layers[0].sparse(), n.layers[1].parameters()
	if len(dead) == 0 || cfg.Recipe.AuxK == 0 {
		return 0, aux
	}
	z := matrix.New(x.Rows, encoder.out)
	matrix.MulT(z.Data, x, encoder.w)
	some := matrix.New(x.Rows, len(dead))
	for i := range x.Rows {
		for t, j := range dead {
			some.Row(i)[t] = max(0, z.Row(i)[j]+encoder.b[j])
		}
	}
	best := topKMask(some, cfg.Recipe.AuxK)
	aux.in, aux.out = matrix.New(x.Rows, encoder.out), matrix.New(x.Rows, x.Cols)
	aux.mask = &Mask{rows: x.Rows, cols: encoder.out, offsets: []int{0}}
	for i := range x.Rows {
		for _, t := range best.Row(i) {
			if v := some.Row(i)[t]; v > 0 {
				aux.in.Row(i)[dead[t]] = v
				aux.mask.indices = append(aux.mask.indices, dead[t])
			}
		}
		aux.mask.offsets = append(aux.mask.offsets, len(aux.mask.indices))
	}
	if len(aux.mask.indices) == 0 {
		return 0, layerPass{}
	}
	matrix.AddProduct(aux.out.Data, x.Cols, aux.in, decoder.w)
	mean := biasGradient(r)
	kernel.Scale(mean, 1/float64(x.Rows))
	total, left := 0.0, 0.0
	for i := range x.Rows {
		total += stat.SquaredDistance(nil, r.Row(i), mean)
		matrix.AddTo(aux.out.Row(i), r.Row(i))
		left += kernel.Dot(aux.out.Row(i), aux.out.Row(i))
	}
	weight := 0.0
	if total != 0 {
		weight = cfg.Recipe.AuxWeight * variance / max(total, float64(x.Rows)*variance*1e-4)
	}
	kernel.Scale(aux.out.Data, 2*weight)
	return weight * left, aux
}

// TestReferenceNested holds the engine's steps with nested and auxiliary losses to whole
// matrices, bit for bit.
func TestReferenceNested(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 4))
	for trial := range 200 {
		in, out, rows := 1+rng.IntN(20), 4+rng.IntN(40), 1+rng.IntN(30)
		cfg := TrainConfig{LearningRate: 0.125, Optimizer: train.SGD{}, Steps: 3, Recipe: Recipe{DeadAfter: 100, UnitNorm: trial%3 == 1, EncoderDecay: float64(trial % 2), BiasScale: 0.5}}
		model := Config{Classic: true, Inputs: in, Latents: out, K: 1 + rng.IntN(out/2), Activation: []Activation{Identity, ReLU}[rng.IntN(2)], Seed: rng.Uint64()}
		switch trial % 4 {
		case 0:
			cfg.Recipe.MultiTopK = 0.125
		case 1, 2:
			cfg.Recipe.Matryoshka = []int{1 + rng.IntN(2), 3 + rng.IntN(out-3)}
		}
		if trial%4 == 3 || trial%3 == 0 {
			cfg.Recipe.AuxK, cfg.Recipe.AuxWeight = 1+rng.IntN(6), 0.25
		}
		if trial%7 == 0 && model.Activation == Identity && cfg.Recipe.AuxK == 0 {
			model.Selection = SelectAbsTopK
		}
		n, err := New(model)
		if err != nil {
			t.Fatal(err)
		}
		perturb(rng, n)
		x := randomData(rng, rows, in)
		want := copyOf(t, n)
		if cfg.Recipe.UnitNorm {
			w := matrix.WideRows(want.layers[1].parameters().w)
			for j := range w.Rows {
				kernel.Scale(w.Row(j), 1/math.Sqrt(kernel.Dot(w.Row(j), w.Row(j))))
			}
		}
		trainer, err := NewTrainer(n, cfg)
		if err != nil {
			t.Fatal(err)
		}
		const variance = 1.75
		trainer.begin(rows, variance, allSamples)
		for step := range 3 {
			what := fmt.Sprintf("trial %d, step %d, %v, %d rows, %+v", trial, step, n, rows, cfg.Recipe)
			dead := ageLatents(rng, trainer.stepper.Idle(), rows, cfg.Recipe.DeadAfter)
			masks, weights := levelMasks(want, cfg, dense.View(x))
			dead = slices.DeleteFunc(dead, func(j int32) bool { return activeIn(want, cfg, masks, dense.View(x), j) })
			loss := referenceNested(want, trainer.cfg, dense.View(x), masks, weights, dead, variance)
			progress, err := trainer.Step(x, x)
			if err != nil {
				t.Fatal(what, err)
			}
			if progress.Loss != loss {
				t.Errorf("%s: the loss is %v, the reference has %v", what, progress.Loss, loss)
			}
			if !sameParameters(t, what, n, want) || t.Failed() {
				return
			}
		}
	}
}

// ageLatents makes some latents idle for so long that they are dead unless this batch
// has them active, and returns those.
func ageLatents(rng *rand.Rand, idle []int64, rows, deadAfter int) (dead []int32) {
	for j := range idle {
		idle[j] = 0
		if rng.IntN(3) == 0 {
			idle[j] = int64(deadAfter)
		}
		if idle[j]+int64(rows) >= int64(deadAfter) {
			dead = append(dead, int32(j))
		}
	}
	return dead
}

// levelMasks returns what joins at each level of the reconstruction, and the levels'
// weights.
func levelMasks(n *Network, cfg TrainConfig, x matrix.Rows) (masks []*Mask, weights []float64) {
	l := n.layers[0].sparse()
	z := matrix.New(x.Rows, l.out)
	matrix.MulT(z.Data, x, l.w)
	values := l.activate(z)
	sizes := matrix.New(x.Rows, l.out)
	for e, v := range values.Data {
		if sizes.Data[e] = v; l.selection == SelectAbsTopK {
			sizes.Data[e] = math.Abs(v)
		}
	}
	selected := topKMask(sizes, l.k)
	switch {
	case cfg.Recipe.MultiTopK > 0:
		more := topKMask(sizes, 4*l.k)
		rest := &Mask{rows: x.Rows, cols: l.out, offsets: []int{0}}
		for i := range x.Rows {
			for _, j := range more.Row(i) {
				if !selected.At(i, int(j)) {
					rest.indices = append(rest.indices, j)
				}
			}
			rest.offsets = append(rest.offsets, len(rest.indices))
		}
		return []*Mask{selected, rest}, []float64{1, cfg.Recipe.MultiTopK}
	case len(cfg.Recipe.Matryoshka) > 0:
		ends := slices.Clone(cfg.Recipe.Matryoshka)
		if ends[len(ends)-1] < l.out {
			ends = append(ends, l.out)
		}
		from := 0
		for _, end := range ends {
			part := &Mask{rows: x.Rows, cols: l.out, offsets: []int{0}}
			for i := range x.Rows {
				for _, j := range selected.Row(i) {
					if int(j) >= from && int(j) < end {
						part.indices = append(part.indices, j)
					}
				}
				part.offsets = append(part.offsets, len(part.indices))
			}
			masks, weights, from = append(masks, part), append(weights, 1/float64(len(ends))), end
		}
		return masks, weights
	}
	return []*Mask{selected}, []float64{1}
}

// activeIn reports whether latent j has a value other than zero in what counts as active
// of the batch: the k largest of MultiTopK, else all levels.
func activeIn(n *Network, cfg TrainConfig, masks []*Mask, x matrix.Rows, j int32) bool {
	l := n.layers[0].sparse()
	z := matrix.New(x.Rows, l.out)
	matrix.MulT(z.Data, x, l.w)
	values := l.activate(z)
	if cfg.Recipe.MultiTopK > 0 {
		masks = masks[:1]
	}
	for _, m := range masks {
		for i := range x.Rows {
			if m.At(i, int(j)) && values.Row(i)[j] != 0 {
				return true
			}
		}
	}
	return false
}
