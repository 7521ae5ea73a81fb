package ksparse

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/ksparse/ksparse/internal/dense"
	"gonum.org/v1/gonum/mat"
)

// This file holds a plain version of every part of the training recipe, written
// from its formula, and compares loss and gradients of a training step with it:
// gradients by central differences.

// recipeCase is one network with one training configuration.
type recipeCase struct {
	name  string
	cfg   Config
	train TrainConfig
	dead  []int // latents that count as dead
	two   bool  // x and y differ
}

func recipeCases() []recipeCase {
	base := Config{Classic: true, Inputs: 6, Latents: 24, K: 4, Activation: ReLU}
	with := func(f func(c *Config)) Config {
		c := base
		f(&c)
		return c
	}
	preBias := with(func(c *Config) { c.PreBias = true })
	all := with(func(c *Config) { c.PreBias, c.Tied, c.Normalization = true, true, LayerNorm })
	aux := TrainConfig{Recipe: Recipe{AuxK: 3, AuxWeight: 0.25}}
	dead := []int{1, 5, 6, 11, 20}
	return []recipeCase{
		{name: "plain", cfg: base},
		{name: "pre-bias", cfg: preBias},
		{name: "pre-bias, other targets", cfg: preBias, two: true},
		{name: "tied", cfg: with(func(c *Config) { c.Tied = true })},
		{name: "tied, dense", cfg: with(func(c *Config) { c.Tied, c.K = true, 20 })},
		{name: "layer norm", cfg: with(func(c *Config) { c.Normalization = LayerNorm })},
		{name: "unit rms, pre-bias", cfg: with(func(c *Config) { c.Normalization, c.PreBias = UnitRMS, true })},
		{name: "layer norm, other targets", cfg: with(func(c *Config) { c.Normalization = LayerNorm }), two: true},
		{name: "all of the model", cfg: all},
		{name: "signed", cfg: with(func(c *Config) { c.Selection, c.Activation = SelectAbsTopK, Identity })},
		{name: "batch", cfg: with(func(c *Config) { c.Selection = SelectBatchTopK })},
		{name: "batch, linear", cfg: with(func(c *Config) { c.Selection, c.Activation, c.PreBias = SelectBatchTopK, Identity, true })},
		{name: "batch, all that is positive", cfg: with(func(c *Config) { c.Selection, c.K = SelectBatchTopK, 23 })},
		{name: "auxk", cfg: base, train: aux, dead: dead},
		{name: "auxk, all dead chosen", cfg: base, train: TrainConfig{Recipe: Recipe{AuxK: 100, AuxWeight: 0.25}}, dead: dead},
		{name: "auxk, pre-bias", cfg: preBias, train: aux, dead: dead},
		{name: "auxk, all of the model", cfg: all, train: aux, dead: dead},
		{name: "auxk, batch", cfg: with(func(c *Config) { c.Selection = SelectBatchTopK }), train: aux, dead: dead},
		{name: "auxk, none dead", cfg: base, train: aux},
		{name: "auxk, linear", cfg: with(func(c *Config) { c.Activation = Identity }), train: aux, dead: dead},
		{name: "multi", cfg: base, train: TrainConfig{Recipe: Recipe{MultiTopK: 0.125}}},
		{name: "multi, 4k above all latents", cfg: with(func(c *Config) { c.K = 9 }), train: TrainConfig{Recipe: Recipe{MultiTopK: 0.5}}},
		{name: "multi, signed", cfg: with(func(c *Config) { c.Selection, c.Activation = SelectAbsTopK, Identity }), train: TrainConfig{Recipe: Recipe{MultiTopK: 0.125}}},
		{name: "multi, auxk, all of the model", cfg: all, train: TrainConfig{Recipe: Recipe{MultiTopK: 0.125, AuxK: 3, AuxWeight: 0.25}}, dead: dead},
		{name: "matryoshka", cfg: base, train: TrainConfig{Recipe: Recipe{Matryoshka: []int{4, 10}}}},
		{name: "matryoshka, last given", cfg: base, train: TrainConfig{Recipe: Recipe{Matryoshka: []int{1, 24}}}},
		{name: "matryoshka, batch, auxk, pre-bias", cfg: with(func(c *Config) { c.Selection, c.PreBias = SelectBatchTopK, true }),
			train: TrainConfig{Recipe: Recipe{Matryoshka: []int{4, 10, 16}, AuxK: 3, AuxWeight: 0.25}}, dead: dead},
	}
}

const (
	deadAfter    = 1000
	dataVariance = 2.5
)

// setUp makes the case's network, with biases that are not zero, its trainer and
// its data.
func (c recipeCase) setUp(t *testing.T) (*Trainer, *Network, *mat.Dense, *mat.Dense) {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 8))
	net, err := New(c.cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range net.layers {
		copy(biasesOf(net, i), normals(rng, len(biasesOf(net, i)), 0.3))
	}
	for _, j := range c.dead { // below the others, but not below zero
		biasesOf(net, 0)[j] -= 0.8
	}
	cfg := c.train
	cfg.Optimizer, cfg.Recipe.DeadAfter, cfg.Steps = new(gradientCatcher), deadAfter, 10
	trainer := trainerOf(t, net, cfg, dataVariance)
	for _, j := range c.dead {
		trainer.stepper.Idle()[j] = deadAfter
	}
	x := gauss(rng, 9, c.cfg.Inputs)
	y := x
	if c.two {
		y = gauss(rng, 9, c.cfg.Inputs)
	}
	return trainer, net, x, y
}

// gradientCatcher is an optimizer that moves nothing and remembers the gradients.
type gradientCatcher struct {
	mu  sync.Mutex
	got map[*float64][]float64
}

func (*gradientCatcher) Validate() error      { return nil }
func (*gradientCatcher) DefaultRate() float64 { return 1 }
func (*gradientCatcher) Slots() int           { return 0 }
func (g *gradientCatcher) Update(w, gradient []float64, _ [][]float64, _ float64, _ int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.got == nil {
		g.got = make(map[*float64][]float64)
	}
	g.got[&w[0]] = slices.Clone(gradient)
}

// of returns the gradient of the parameters w.
func (g *gradientCatcher) of(t *testing.T, w []float64) []float64 {
	t.Helper()
	var all []float64
	for len(all) < len(w) {
		part, ok := g.got[&w[len(all)]]
		if !ok {
			t.Fatalf("no gradient for parameter %d of %d", len(all), len(w))
		}
		all = append(all, part...)
	}
	return all
}

// TestRecipeGradients compares the loss and all gradients of a step.
func TestRecipeGradients(t *testing.T) {
	const h = 1e-6
	for _, mode := range []string{"on", "off"} {
		for _, c := range recipeCases() {
			t.Run(c.name+", screening "+mode, func(t *testing.T) {
				withScreening(mode, func() {
					trainer, net, x, y := c.setUp(t)
					plain := &plainRecipe{net: net, recipe: trainer.cfg.Recipe, variance: dataVariance, dead: c.dead, x: x, y: y}
					report, err := trainer.stepDense(dense.View(x), dense.View(y))
					if err != nil {
						t.Fatal(err)
					}
					if want := plain.loss(); math.Abs(report.Loss-want) > 1e-12*want {
						t.Errorf("loss %v, the plain version has %v", report.Loss, want)
					}
					if len(c.dead) > 0 && plain.entries < 3 {
						t.Fatalf("a test of %d auxiliary entries shows nothing", plain.entries)
					}
					square := 0.0
					for i := range net.layers {
						parameters := map[string][]float64{"bias": biasesOf(net, i)}
						if !net.sharesWeights(i) {
							parameters["weight"] = weightsOf(net, i).Data
						}
						for what, w := range parameters {
							got := trainer.cfg.Optimizer.(*gradientCatcher).of(t, w)
							for p := range w {
								was := w[p]
								w[p] = was + h
								up := plain.loss()
								w[p] = was - h
								down := plain.loss()
								w[p] = was
								if want := (up - down) / (2 * h); math.Abs(got[p]-want) > 1e-6*max(1, math.Abs(want)) {
									t.Fatalf("layer %d, %s %d: gradient %v, by differences %v", i, what, p, got[p], want)
								}
								square += got[p] * got[p]
							}
						}
					}
					if want := math.Sqrt(square); math.Abs(report.GradientNorm-want) > 1e-9*want {
						t.Errorf("gradient norm %v, want %v", report.GradientNorm, want)
					}
				})
			})
		}
	}
}

// plainRecipe computes the loss of a training step as the formulas have it.
type plainRecipe struct {
	net      *Network
	recipe   Recipe // with defaults
	variance float64
	dead     []int
	x, y     *mat.Dense

	// e and Σ|e-ē|² are constants of the auxiliary loss: those of the first call.
	e    [][]float64
	left float64

	entries int // of the auxiliary reconstruction
}

// plainEntry is one selected latent of one sample.
type plainEntry struct {
	latent     int
	value, pre float64
	rank       int // 0 for the sample's largest
}

func (r *plainRecipe) loss() float64 {
	encoder, decoder := r.net.layers[0].(*SparseLayer), r.net.layers[1].parameters()
	rows, d := r.x.Dims()
	n := encoder.out
	x, y := make([][]float64, rows), make([][]float64, rows)
	pre := make([][]float64, rows)
	for i := range rows {
		x[i], y[i] = plainNormal(r.net.Wiring().Normalization, r.x.RawRowView(i), r.y.RawRowView(i))
		pre[i] = make([]float64, n)
		for j := range n {
			sum := encoder.b[j]
			for c := range d {
				v := x[i][c]
				if r.net.Wiring().PreBias {
					v -= decoder.b[c]
				}
				sum += v * encoder.w.Float64[j*d+c]
			}
			pre[i][j] = sum
		}
	}
	multi := r.recipe.MultiTopK > 0
	selected := plainSelection(encoder, pre, multi)

	type level struct {
		weight float64
		in     func(e plainEntry) bool
	}
	levels := []level{{1, func(e plainEntry) bool { return e.rank < encoder.k || encoder.selection == SelectBatchTopK }}}
	main := 0
	if multi {
		levels = append(levels, level{r.recipe.MultiTopK, func(plainEntry) bool { return true }})
	}
	if len(r.recipe.Matryoshka) > 0 {
		ends := r.recipe.Matryoshka
		if ends[len(ends)-1] != n {
			ends = append(slices.Clone(ends), n)
		}
		levels = nil
		for _, end := range ends {
			levels = append(levels, level{1 / float64(len(ends)), func(e plainEntry) bool { return e.latent < end }})
		}
		main = len(levels) - 1
	}
	loss := 0.0
	e := make([][]float64, rows) // of the main level
	for g, level := range levels {
		for i := range rows {
			out := slices.Clone(decoder.b)
			for _, entry := range selected[i] {
				if level.in(entry) {
					for c := range d {
						out[c] += entry.value * decoder.w.Float64[entry.latent*d+c]
					}
				}
			}
			if g == main {
				e[i] = make([]float64, d)
			}
			for c := range d {
				difference := y[i][c] - out[c]
				loss += level.weight * difference * difference / float64(rows)
				if g == main {
					e[i][c] = difference
				}
			}
		}
	}
	if len(r.dead) > 0 {
		loss += r.auxiliary(e, pre, selected)
	}
	return loss
}

// auxiliary: Weight·V·Σ|e-ê|²/Σ|e-ē|².
func (r *plainRecipe) auxiliary(e, pre [][]float64, selected [][]plainEntry) float64 {
	encoder, decoder := r.net.layers[0].(*SparseLayer), r.net.layers[1].parameters()
	rows, d := len(e), len(e[0])
	if r.e == nil {
		r.e = e
		for c := range d {
			mean := 0.0
			for i := range rows {
				mean += e[i][c] / float64(rows)
			}
			for i := range rows {
				r.left += (e[i][c] - mean) * (e[i][c] - mean)
			}
		}
	}
	dead := slices.DeleteFunc(slices.Clone(r.dead), func(j int) bool { // not those that this batch has active
		for i := range rows {
			for _, entry := range selected[i] {
				inner := r.recipe.MultiTopK == 0 || entry.rank < encoder.k
				if entry.latent == j && entry.value != 0 && inner {
					return true
				}
			}
		}
		return false
	})
	sum, entries := 0.0, 0
	for i := range rows {
		order := slices.Clone(dead)
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(pre[i][b], pre[i][a]) })
		hat := make([]float64, d)
		for _, j := range order[:min(r.recipe.AuxK, len(order))] {
			if pre[i][j] > 0 {
				entries++
			}
			for c := range d {
				hat[c] += max(pre[i][j], 0) * decoder.w.Float64[j*d+c]
			}
		}
		for c := range d {
			sum += (r.e[i][c] - hat[c]) * (r.e[i][c] - hat[c])
		}
	}
	if entries == 0 {
		return 0
	}
	r.entries = entries
	return r.recipe.AuxWeight * r.variance * sum / r.left
}
