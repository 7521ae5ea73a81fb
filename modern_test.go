package ksparse_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/measure"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// modern is a network of the modern form.
func modern(t testing.TB, inputs, latents, k int) *ksparse.Network {
	t.Helper()
	n, err := ksparse.New(ksparse.Config{Inputs: inputs, Latents: latents, K: k})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// sparseSums are rows that are sums of some unit atoms, which it returns too, and of a
// centre that is longer than they are.
func sparseSums(seed uint64, rows, cols, atoms, active int, centre float64) (x, dictionary *mat.Dense) {
	rng := rand.New(rand.NewPCG(seed, 1))
	dictionary, x = mat.NewDense(atoms, cols, nil), mat.NewDense(rows, cols, nil)
	dictionary.Apply(func(_, _ int, _ float64) float64 { return rng.NormFloat64() }, dictionary)
	for i := range atoms {
		floats.Scale(1/floats.Norm(dictionary.RawRowView(i), 2), dictionary.RawRowView(i))
	}
	for i := range rows {
		row := x.RawRowView(i)
		for range active {
			floats.AddScaled(row, 0.5+rng.Float64(), dictionary.RawRowView(rng.IntN(atoms)))
		}
		floats.AddConst(centre, row)
	}
	return x, dictionary
}

// TestModernForm: with sizes alone New makes the modern form, with Classic what the fields
// say.
func TestModernForm(t *testing.T) {
	for _, c := range []struct {
		name                  string
		cfg                   ksparse.Config
		activation            ksparse.Activation
		preBias, tied, mirror bool
	}{
		{"sizes", ksparse.Config{}, ksparse.ReLU, true, false, true},
		{"activation", ksparse.Config{Activation: ksparse.Sigmoid}, ksparse.Sigmoid, true, false, true},
		{"tied", ksparse.Config{Tied: true}, ksparse.ReLU, true, true, true},
		{"transcoder", ksparse.Config{Outputs: 7}, ksparse.ReLU, false, false, false},
		{"signed", ksparse.Config{Selection: ksparse.SelectAbsTopK}, ksparse.Identity, true, false, true},
		{"probabilities", ksparse.Config{OutputActivation: ksparse.Sigmoid}, ksparse.ReLU, false, false, false},
		{"classic", ksparse.Config{Classic: true}, ksparse.Identity, false, false, false},
	} {
		c.cfg.Inputs, c.cfg.Latents, c.cfg.K = 5, 12, 3
		n, err := ksparse.New(c.cfg)
		if err != nil {
			t.Fatal(c.name, err)
		}
		l := n.Layers()
		got, err := n.Config()
		if err != nil {
			t.Fatal(err)
		}
		mirror := got.Outputs == 5 && mat.Equal(l[0].Weights(), l[1].Weights())
		if w := n.Wiring(); l[0].Activation() != c.activation || w.PreBias != c.preBias || w.Tied != c.tied || mirror != c.mirror {
			t.Errorf("%s: activation %v, %+v, mirrored %v", c.name, l[0].Activation(), w, mirror)
		}
		if got.Classic != c.cfg.Classic {
			t.Errorf("%s: Config says Classic %v", c.name, got.Classic)
		}
	}
}

// TestFormIsKept by files, by the description of a network, and by one made of it.
func TestFormIsKept(t *testing.T) {
	for _, classic := range []bool{false, true} {
		n, err := ksparse.New(ksparse.Config{Inputs: 5, Latents: 12, K: 3, Classic: classic})
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := n.Save(&file); err != nil {
			t.Fatal(err)
		}
		loaded, err := ksparse.Load(&file)
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := loaded.Config()
		if err != nil || cfg.Classic != classic {
			t.Errorf("classic %v: the file has %v, error %v", classic, cfg.Classic, err)
		}
		again, err := ksparse.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if cfg, err = again.Config(); err != nil || cfg.Classic != classic {
			t.Errorf("classic %v: the network made of it has %v, error %v", classic, cfg.Classic, err)
		}
	}
}

// oneStep trains for a step that moves nothing.
func oneStep(t *testing.T, n *ksparse.Network, x *mat.Dense) {
	t.Helper()
	if _, err := n.Train(context.Background(), x, x, ksparse.TrainConfig{Steps: 1, LearningRate: math.SmallestNonzeroFloat64}); err != nil {
		t.Fatal(err)
	}
}

// TestModernBeginsFromSamples: the first training begins with the pre-bias at the samples'
// geometric median and with atoms that are samples less that, each another; a second one,
// and one of a network whose parameters were set, does not.
func TestModernBeginsFromSamples(t *testing.T) {
	x, _ := sparseSums(1, 60, 6, 9, 2, 3)
	n := modern(t, 6, 20, 2)
	oneStep(t, n, x)
	median, err := data.GeometricMedian(x)
	if err != nil {
		t.Fatal(err)
	}
	bias, atoms, seen := n.Layers()[1].Biases(), n.Layers()[1].Weights(), map[int]bool{}
	for j := range 6 {
		if math.Abs(bias.AtVec(j)-median.AtVec(j)) > 1e-6 {
			t.Fatalf("the pre-bias is %v, the median %v", mat.Formatted(bias.T()), mat.Formatted(median.T()))
		}
	}
	for j := range 20 {
		best, at := 0.0, 0
		for i := range 60 {
			d := slices.Clone(x.RawRowView(i))
			floats.Sub(d, bias.RawVector().Data)
			if cos := floats.Dot(d, atoms.RawRowView(j)) / floats.Norm(d, 2); cos > best {
				best, at = cos, i
			}
		}
		if best < 1-1e-9 || seen[at] {
			t.Errorf("atom %d has a cosine of %v with sample %d, seen before: %v", j, best, at, seen[at])
		}
		seen[at] = true
	}
	for what, change := range map[string]func(n *ksparse.Network){
		"trained": func(*ksparse.Network) {},
		"set":     func(n *ksparse.Network) { n.Layers()[0].Weights().Set(3, 2, 7) },
		"started": func(n *ksparse.Network) {
			src, err := data.FromMatrix(x)
			if err == nil {
				err = n.StartFrom(src, ksparse.Start{PreBias: data.MeanRow})
			}
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		m := n
		if what != "trained" {
			m = modern(t, 6, 20, 2)
		}
		change(m)
		before := mat.DenseCopyOf(m.Layers()[0].Weights())
		oneStep(t, m, x)
		if !mat.Equal(before, m.Layers()[0].Weights()) {
			t.Errorf("%s: a training begins from samples again", what)
		}
	}
}

// TestModernIsGood: on data of a known dictionary with a centre far from zero, a network that
// was told nothing but sizes finds the atoms, with few dead latents, at any scale of the data.
func TestModernIsGood(t *testing.T) {
	x, dictionary := sparseSums(2, 4000, 24, 40, 3, 5)
	for _, scale := range []float64{1, 1e-6, 1e6} {
		var scaled mat.Dense
		scaled.Scale(scale, x)
		n := modern(t, 24, 40, 3)
		h, err := n.Train(context.Background(), &scaled, &scaled, ksparse.TrainConfig{Epochs: 20})
		if err != nil {
			t.Fatal(err)
		}
		found, err := measure.MeanMaxCosine(dictionary, n.Layers()[1].Weights())
		if err != nil {
			t.Fatal(err)
		}
		codes, err := n.Encode(&scaled)
		if err != nil {
			t.Fatal(err)
		}
		dead := 0
		for _, f := range codes.Frequency() {
			if f == 0 {
				dead++
			}
		}
		if last := h.Epochs[len(h.Epochs)-1]; found < 0.95 || dead > 2 || last.FVU > 0.12 {
			t.Errorf("scale %g: recovery %.3f, %d dead, FVU %.3f", scale, found, dead, last.FVU)
		}
	}
}

// TestModernGoesByWhatIsAsked: fields that are set are not chosen, and choices depend on
// nothing but them and the data.
func TestModernGoesByWhatIsAsked(t *testing.T) {
	x, _ := sparseSums(3, 500, 8, 16, 2, 0)
	rates := func(cfg ksparse.TrainConfig) (all []float64) {
		cfg.Callback = func(p train.Progress) error {
			all = append(all, p.LearningRate)
			if len(all) > 400 {
				return ksparse.ErrStop
			}
			return nil
		}
		if _, err := modern(t, 8, 16, 2).Train(context.Background(), x, x, cfg); err != nil {
			t.Fatal(err)
		}
		return all
	}
	chosen := rates(ksparse.TrainConfig{Steps: 40})
	if len(chosen) != 40 || !(chosen[0] > 0) || !(chosen[39] < chosen[0]/10) {
		t.Errorf("the rates of 40 steps are %v, want a fall to nearly zero", chosen)
	}
	if got := rates(ksparse.TrainConfig{Steps: 40, LearningRate: 0.5, Schedule: train.ConstantRate{}}); got[0] != 0.5 || got[39] != 0.5 {
		t.Errorf("a rate of 0.5 is %v", got)
	}
	if got := rates(ksparse.TrainConfig{Steps: 400_000}); !(got[0] < chosen[0]) {
		t.Errorf("400,000 steps begin with a rate of %v, 40 with %v", got[0], chosen[0])
	}
	if got := rates(ksparse.TrainConfig{Epochs: 1, BatchSize: 100}); len(got) != 5 {
		t.Errorf("%d steps of 100 samples", len(got))
	}
}

// TestModernOddData: what the choices go by may be missing: rows that are all equal, one row,
// zeros, fewer rows than latents, another loss, all latents active, a transcoder.
func TestModernOddData(t *testing.T) {
	equal := mat.NewDense(9, 4, nil)
	equal.Apply(func(_, j int, _ float64) float64 { return float64(j) }, equal)
	for _, c := range []struct {
		name string
		cfg  ksparse.Config
		x, y *mat.Dense
		loss ksparse.Loss
	}{
		{"equal rows", ksparse.Config{}, equal, nil, 0},
		{"one row", ksparse.Config{}, uniform(1, 1, 4), nil, 0},
		{"zeros", ksparse.Config{}, mat.NewDense(7, 4, nil), nil, 0},
		{"few rows", ksparse.Config{Latents: 100}, uniform(1, 5, 4), nil, 0},
		{"all active", ksparse.Config{K: 12}, uniform(1, 50, 4), nil, 0},
		{"one latent", ksparse.Config{Latents: 1, K: 1}, uniform(1, 50, 4), nil, 0},
		{"threshold", ksparse.Config{Selection: ksparse.SelectBatchTopK}, uniform(1, 50, 4), nil, 0},
		{"signed", ksparse.Config{Selection: ksparse.SelectAbsTopK}, uniform(1, 50, 4), nil, 0},
		{"tied", ksparse.Config{Tied: true}, uniform(1, 50, 4), nil, 0},
		{"normalised", ksparse.Config{Normalization: ksparse.LayerNorm}, uniform(1, 50, 4), nil, 0},
		{"probabilities", ksparse.Config{OutputActivation: ksparse.Sigmoid}, uniform(1, 50, 4), mat.NewDense(50, 4, nil), ksparse.BinaryCrossEntropy},
		{"transcoder", ksparse.Config{Outputs: 3}, uniform(1, 50, 4), uniform(2, 50, 3), 0},
		{"sigmoid", ksparse.Config{Activation: ksparse.Sigmoid}, uniform(1, 50, 4), nil, 0},
	} {
		c.cfg.Inputs, c.cfg.Latents, c.cfg.K = 4, max(1, c.cfg.Latents), max(2, c.cfg.K)
		if c.cfg.Latents == 1 && c.name != "one latent" {
			c.cfg.Latents = 12
		}
		n, err := ksparse.New(c.cfg)
		if err != nil {
			t.Fatal(c.name, err)
		}
		if c.y == nil {
			c.y = c.x
		}
		if _, err := n.Train(context.Background(), c.x, c.y, ksparse.TrainConfig{Loss: c.loss}); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	n := modern(t, 4, 12, 2)
	if _, err := n.Train(context.Background(), equal, equal, ksparse.TrainConfig{Recipe: ksparse.Recipe{AuxK: 3}}); !errors.Is(err, ksparse.ErrRange) {
		t.Errorf("AuxK that was asked for, of equal rows: error %v, want ErrRange", err)
	}
}

// TestModernByBatches: a Trainer begins from its first batch.
func TestModernByBatches(t *testing.T) {
	x, _ := sparseSums(4, 300, 8, 16, 2, 4)
	n := modern(t, 8, 16, 2)
	trainer := newTrainer(t, n, ksparse.TrainConfig{Steps: 200})
	var last train.Progress
	for i := range 200 {
		lo := 50 * (i % 6)
		last = step(t, trainer, x.Slice(lo, lo+50, 0, 8), x.Slice(lo, lo+50, 0, 8))
	}
	if last.FVU > 0.2 {
		t.Errorf("after 200 steps the FVU is %v", last.FVU)
	}
	if _, err := trainer.Finish(); err != nil {
		t.Fatal(err)
	}
}
