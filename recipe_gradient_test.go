package ksparse

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

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
	base := Config{Inputs: 6, Latents: 24, K: 4, Activation: ReLU}
	with := func(f func(c *Config)) Config {
		c := base
		f(&c)
		return c
	}
	preBias := with(func(c *Config) { c.PreBias = true })
	all := with(func(c *Config) { c.PreBias, c.Tied, c.Normalization = true, true, LayerNorm })
	aux := TrainConfig{AuxK: AuxK{K: 3, Weight: 0.25}}
	everything := AuxK{K: 100, Weight: 0.25}
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
		{name: "auxk, all dead chosen", cfg: base, train: TrainConfig{AuxK: everything}, dead: dead},
		{name: "auxk, pre-bias", cfg: preBias, train: aux, dead: dead},
		{name: "auxk, all of the model", cfg: all, train: aux, dead: dead},
		{name: "auxk, batch", cfg: with(func(c *Config) { c.Selection = SelectBatchTopK }), train: aux, dead: dead},
		{name: "auxk, none dead", cfg: base, train: aux},
		{name: "auxk, linear", cfg: with(func(c *Config) { c.Activation = Identity }), train: aux, dead: dead},
		{name: "multi", cfg: base, train: TrainConfig{MultiTopK: 0.125}},
		{name: "multi, 4k above all latents", cfg: with(func(c *Config) { c.K = 9 }), train: TrainConfig{MultiTopK: 0.5}},
		{name: "multi, signed", cfg: with(func(c *Config) { c.Selection, c.Activation = SelectAbsTopK, Identity }), train: TrainConfig{MultiTopK: 0.125}},
		{name: "multi, auxk, all of the model", cfg: all, train: TrainConfig{MultiTopK: 0.125, AuxK: aux.AuxK}, dead: dead},
		{name: "matryoshka", cfg: base, train: TrainConfig{Matryoshka: []int{4, 10}}},
		{name: "matryoshka, last given", cfg: base, train: TrainConfig{Matryoshka: []int{1, 24}}},
		{name: "matryoshka, batch, auxk, pre-bias", cfg: with(func(c *Config) { c.Selection, c.PreBias = SelectBatchTopK, true }),
			train: TrainConfig{Matryoshka: []int{4, 10, 16}, AuxK: aux.AuxK}, dead: dead},
	}
}

const deadAfter = 1000

// setUp makes the case's network, with biases that are not zero, its stepper and
// its data.
func (c recipeCase) setUp(t *testing.T) (*stepper, *Network, *mat.Dense, *mat.Dense) {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 8))
	net, err := New(c.cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range net.layers {
		for i := range l.base().b {
			l.base().b[i] = 0.3 * rng.NormFloat64()
		}
	}
	for _, j := range c.dead { // below the others, but not below zero
		net.layers[0].base().b[j] -= 0.8
	}
	cfg := c.train
	cfg.Optimizer = new(gradientCatcher)
	if err := net.checkRecipe(cfg); err != nil {
		t.Fatal(err)
	}
	cfg = cfg.withDefaults()
	cfg.AuxK.DeadAfter = deadAfter
	s := newStepper(net, cfg, 2.5, 10)
	for _, j := range c.dead {
		s.idle[j] = deadAfter
	}
	x := gauss(rng, 9, c.cfg.Inputs)
	y := x
	if c.two {
		y = gauss(rng, 9, c.cfg.Inputs)
	}
	return s, net, x, y
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
					s, net, x, y := c.setUp(t)
					plain := newPlainRecipe(net, s.cfg, s.variance, c.dead, x, y)
					xs, ys := denseRows(x), denseRows(y)
					report, err := s.step(xs, ys, 1, 1)
					if err != nil {
						t.Fatal(err)
					}
					if want := plain.loss(); math.Abs(report.loss-want) > 1e-12*want {
						t.Errorf("loss %v, the plain version has %v", report.loss, want)
					}
					if len(c.dead) > 0 && plain.entries < 3 {
						t.Fatalf("a test of %d auxiliary entries shows nothing", plain.entries)
					}
					square := 0.0
					for i, l := range net.layers {
						a := l.base()
						parameters := map[string][]float64{"bias": a.b}
						if !net.sharesWeights(i) {
							parameters["weight"] = a.w.Data
						}
						for what, w := range parameters {
							got := s.cfg.Optimizer.(*gradientCatcher).of(t, w)
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
					if want := math.Sqrt(square); math.Abs(report.gradientNorm-want) > 1e-9*want {
						t.Errorf("gradient norm %v, want %v", report.gradientNorm, want)
					}
				})
			})
		}
	}
}

// plainRecipe computes the loss of a training step as the formulas have it.
type plainRecipe struct {
	net      *Network
	cfg      TrainConfig
	variance float64
	dead     []int
	x, y     *mat.Dense

	// e and Σ|e-ē|² are constants of the auxiliary loss: those of the first call.
	e    [][]float64
	left float64

	entries int // of the auxiliary reconstruction
}

func newPlainRecipe(net *Network, cfg TrainConfig, variance float64, dead []int, x, y *mat.Dense) *plainRecipe {
	return &plainRecipe{net: net, cfg: cfg, variance: variance, dead: dead, x: x, y: y}
}

// plainEntry is one selected latent of one sample.
type plainEntry struct {
	latent     int
	value, pre float64
	rank       int // 0 for the sample's largest
}

func (r *plainRecipe) loss() float64 {
	encoder, decoder := r.net.layers[0].(*SparseLayer), r.net.layers[1].base()
	rows, d := r.x.Dims()
	n := encoder.out
	x, y := make([][]float64, rows), make([][]float64, rows)
	pre := make([][]float64, rows)
	for i := range rows {
		x[i], y[i] = plainNormal(r.net.frame.normalization, r.x.RawRowView(i), r.y.RawRowView(i))
		pre[i] = make([]float64, n)
		for j := range n {
			sum := encoder.b[j]
			for c := range d {
				v := x[i][c]
				if r.net.PreBias() {
					v -= decoder.b[c]
				}
				sum += v * encoder.w.Data[j*d+c]
			}
			pre[i][j] = sum
		}
	}
	multi := r.cfg.MultiTopK > 0
	selected := plainSelection(encoder, pre, multi)

	type level struct {
		weight float64
		in     func(e plainEntry) bool
	}
	levels := []level{{1, func(e plainEntry) bool { return e.rank < encoder.k || encoder.selection == SelectBatchTopK }}}
	main := 0
	if multi {
		levels = append(levels, level{r.cfg.MultiTopK, func(plainEntry) bool { return true }})
	}
	if len(r.cfg.Matryoshka) > 0 {
		ends := r.cfg.Matryoshka
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
						out[c] += entry.value * decoder.w.Data[entry.latent*d+c]
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
	encoder, decoder := r.net.layers[0].(*SparseLayer), r.net.layers[1].base()
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
				inner := r.cfg.MultiTopK == 0 || entry.rank < encoder.k
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
		for _, j := range order[:min(r.cfg.AuxK.K, len(order))] {
			if pre[i][j] > 0 {
				entries++
			}
			for c := range d {
				hat[c] += max(pre[i][j], 0) * decoder.w.Data[j*d+c]
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
	return r.cfg.AuxK.Weight * r.variance * sum / r.left
}

// plainNormal returns x and y as the normalisation makes them, both by the numbers
// of x.
func plainNormal(kind Normalization, x, y []float64) (nx, ny []float64) {
	mean, spread, n := 0.0, 1.0, float64(len(x))
	switch kind {
	case LayerNorm:
		for _, v := range x {
			mean += v / n
		}
		spread = 0
		for _, v := range x {
			spread += (v - mean) * (v - mean) / (n - 1)
		}
		spread = math.Sqrt(spread) + 1e-5
	case UnitRMS:
		spread = 0
		for _, v := range x {
			spread += v * v / n
		}
		spread = math.Sqrt(spread)
	}
	for c := range x {
		nx, ny = append(nx, (x[c]-mean)/spread), append(ny, (y[c]-mean)/spread)
	}
	return nx, ny
}

// plainSelection sorts everything and takes the first ones.
func plainSelection(l *SparseLayer, pre [][]float64, multi bool) [][]plainEntry {
	rows, k := len(pre), l.k
	if multi {
		k *= 4
	}
	out := make([][]plainEntry, rows)
	if l.selection == SelectBatchTopK {
		type place struct{ row, latent int }
		var all []place
		for i := range pre {
			for j, z := range pre[i] {
				if z > 0 {
					all = append(all, place{i, j})
				}
			}
		}
		slices.SortStableFunc(all, func(a, b place) int { return cmp.Compare(pre[b.row][b.latent], pre[a.row][a.latent]) })
		for _, p := range all[:min(k*rows, len(all))] {
			z := pre[p.row][p.latent]
			out[p.row] = append(out[p.row], plainEntry{latent: p.latent, value: z, pre: z})
		}
		return out
	}
	for i := range pre {
		var all []plainEntry
		for j, z := range pre[i] {
			all = append(all, plainEntry{latent: j, value: l.activation.Value(z), pre: z})
		}
		slices.SortStableFunc(all, func(a, b plainEntry) int {
			if l.selection == SelectAbsTopK {
				return cmp.Compare(math.Abs(b.value), math.Abs(a.value))
			}
			return cmp.Compare(b.value, a.value)
		})
		for rank, entry := range all[:min(k, len(all))] {
			entry.rank = rank
			out[i] = append(out[i], entry)
		}
	}
	return out
}

// TestBatchSelection compares the selection from a batch with sorting everything,
// over shapes and data with many ties and few positive values.
func TestBatchSelection(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for trial := range 300 {
		rows, in, out := 1+rng.IntN(12), 1+rng.IntN(5), 1+rng.IntN(40)
		k := rng.IntN(out + 2)
		name := fmt.Sprintf("trial %d: %d rows, %d inputs, %d latents, k=%d", trial, rows, in, out, k)
		act := []Activation{Identity, ReLU}[trial%2]
		l := NewSparseLayer("encoder", in, out, k, act)
		l.selection = SelectBatchTopK
		net, err := newNetwork([]Layer{l})
		if err != nil {
			t.Fatal(err)
		}
		values := []float64{-1, -0.5, 0, 0.5, 1, 2}
		draw := func() float64 { return values[rng.IntN(len(values))] }
		if trial%3 == 0 {
			draw = rng.NormFloat64
		}
		for i := range l.w.Data {
			l.w.Data[i] = draw()
		}
		x := mat.NewDense(rows, in, nil)
		for i := range rows {
			scale := 1.0
			if trial%5 == 0 && i == 0 {
				scale = 100 // one row has nearly all the large values
			}
			for j := range in {
				x.Set(i, j, scale*draw())
			}
		}
		p, err := net.Forward(x)
		if err != nil {
			t.Fatal(err)
		}
		pre := make([][]float64, rows)
		for i := range pre {
			pre[i] = make([]float64, out)
			for j := range pre[i] {
				pre[i][j] = dot8(x.RawRowView(i), l.w.Row(j))
			}
		}
		for i, want := range plainSelection(l, pre, false) {
			slices.SortFunc(want, func(a, b plainEntry) int { return a.latent - b.latent })
			indices, got := p.Codes(0).Row(i)
			if len(indices) != len(want) {
				t.Fatalf("%s: row %d has %d entries, want %d", name, i, len(indices), len(want))
			}
			for e, w := range want {
				if int(indices[e]) != w.latent || got[e] != w.value {
					t.Fatalf("%s: row %d has latent %d with %v, want %d with %v", name, i, indices[e], got[e], w.latent, w.value)
				}
			}
		}
	}
}

// dot8 is the sum in eight lanes that pre-activations are defined by.
func dot8(x, w []float64) float64 {
	var l [8]float64
	for c := range x {
		l[c%8] = math.FMA(x[c], w[c], l[c%8])
	}
	return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}
