package main

import "github.com/ksparse/ksparse"

// A recipe is all there is to say about a training.
type recipe struct {
	model ksparse.Config
	start ksparse.Start
	train ksparse.TrainConfig
}

// theRecipe finds the dictionary.
func theRecipe(atoms, dims, active, samples, epochs int, seed uint64) recipe {
	return recipe{
		model: ksparse.Config{
			Inputs: dims, Latents: atoms, K: active,
			Activation: ksparse.ReLU,
			PreBias:    true, // what all samples have in common is no latent's business
			Mirrored:   true, // the decoder starts as the encoder's transpose
			Seed:       seed,
		},
		start: ksparse.Start{PreBias: ksparse.MedianPreBias, Seed: seed},
		train: ksparse.TrainConfig{
			Epochs: epochs, BatchSize: 256, LearningRate: 0.005,
			Schedule: ksparse.Warmup{Steps: 100, Then: ksparse.LinearDecay{Start: 0.5}},
			UnitNorm: true,                                        // an atom cannot grow to make its latent's values small
			AuxK:     ksparse.AuxK{K: 32, DeadAfter: samples / 4}, // what is dead learns from what is left over
			Seed:     seed,
		},
	}
}

// A variant is the recipe with something changed.
type variant struct {
	name   string
	change func(*recipe)
}

func withoutAuxK(r *recipe) { r.train.AuxK = ksparse.AuxK{} }

// annealing lets three times as many latents be active at first, and fewer with
// each step, down to as many as there should be after three tenths of the training.
func annealing(r *recipe) { r.train.KStart, r.train.KAnneal = 3*r.model.K, 0.3 }

// comparison shows what keeps latents alive.
var comparison = []variant{
	{"the recipe", func(*recipe) {}},
	{"without AuxK", withoutAuxK},
	{"annealing, not AuxK", func(r *recipe) { withoutAuxK(r); annealing(r) }},
	{"annealing and AuxK", annealing},
}

// ablation takes away each other part of the recipe, and adds those that it does
// without.
func ablation(latents int) []variant {
	withoutPreBias := func(r *recipe) { r.model.PreBias, r.start.PreBias = false, ksparse.ZeroPreBias }
	withoutMirror := func(r *recipe) { r.model.Mirrored = false }
	withoutUnitNorm := func(r *recipe) { r.train.UnitNorm = false }
	return append(comparison[:len(comparison):len(comparison)], []variant{
		{"without pre-bias", withoutPreBias},
		{"without mirrored start", withoutMirror},
		{"without unit norm", withoutUnitNorm},
		{"without any of it", func(r *recipe) { withoutAuxK(r); withoutPreBias(r); withoutMirror(r); withoutUnitNorm(r) }},
		{"atoms start as samples", func(r *recipe) { r.start.Atoms = true }},
		{"the same, without AuxK", func(r *recipe) { r.start.Atoms = true; withoutAuxK(r) }},
		{"tied weights", func(r *recipe) { r.model.Tied = true }},
		{"averaged weights (EMA)", func(r *recipe) { r.train.EMA = 0.999 }},
		{"Multi-TopK", func(r *recipe) { r.train.MultiTopK = 1.0 / 8 }},
		{"Matryoshka", func(r *recipe) { r.train.Matryoshka = []int{latents / 8, latents / 2} }},
		{"BatchTopK", func(r *recipe) { r.model.Selection = ksparse.SelectBatchTopK }},
		// Some atoms are then found the other way round, which recovery does not count.
		{"AbsTopK", func(r *recipe) { r.model.Selection, r.model.Activation = ksparse.SelectAbsTopK, ksparse.Identity }},
		{"data set scale", func(r *recipe) { r.model.Normalization = ksparse.DatasetScale }},
		{"gradients clipped", func(r *recipe) { r.train.ClipNorm = 0.1 }},
		{"learning rate by rule", func(r *recipe) { r.train.LearningRate = 0 }},
	}...)
}
