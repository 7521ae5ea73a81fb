package main

import (
	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/train"
)

// recipe describes a training in full: the model, its start values and its settings.
type recipe struct {
	model ksparse.Config
	start ksparse.Start
	train ksparse.TrainConfig
}

// theRecipe returns the recipe that finds the dictionary.
func theRecipe(atoms, dims, active, samples, epochs int, seed uint64) recipe {
	return recipe{
		model: ksparse.Config{
			Classic: true,
			Inputs:  dims, Latents: atoms, K: active,
			Activation: ksparse.ReLU,
			PreBias:    true, // takes out what all samples have in common, so that no latent has to learn it
			Mirrored:   true, // the decoder starts as the encoder's transpose
			Seed:       seed,
		},
		start: ksparse.Start{PreBias: data.GeometricMedian, Seed: seed},
		train: ksparse.TrainConfig{
			Epochs: epochs, BatchSize: 256, LearningRate: 0.005,
			Schedule: train.Warmup{Steps: 100, Then: train.LinearDecay{Start: 0.5}},
			Recipe: ksparse.Recipe{
				UnitNorm:  true, // an atom cannot grow to make its latent's values small
				AuxK:      32,   // dead latents learn from the error of the others
				DeadAfter: samples / 4,
			},
			Seed: seed,
		},
	}
}

// variant is the recipe with one change.
type variant struct {
	name   string
	change func(*recipe)
}

// withoutAuxK takes the auxiliary loss away.
func withoutAuxK(r *recipe) { r.train.Recipe.AuxK = 0 }

// annealing starts with 3K active latents. Their number falls to K over the first three
// tenths of the training.
func annealing(r *recipe) { r.train.Recipe.KStart, r.train.Recipe.KAnneal = 3*r.model.K, 0.3 }

// comparison shows which parts keep latents alive.
var comparison = []variant{
	{"the recipe", func(*recipe) {}},
	{"without AuxK", withoutAuxK},
	{"annealing, not AuxK", func(r *recipe) { withoutAuxK(r); annealing(r) }},
	{"annealing and AuxK", annealing},
}

// ablation also takes away each other part of the recipe, and adds the parts that the
// recipe does not have.
func ablation(latents int) []variant {
	withoutPreBias := func(r *recipe) { r.model.PreBias, r.start.PreBias = false, nil }
	withoutMirror := func(r *recipe) { r.model.Mirrored = false }
	withoutUnitNorm := func(r *recipe) { r.train.Recipe.UnitNorm = false }
	return append(comparison[:len(comparison):len(comparison)], []variant{
		{"without pre-bias", withoutPreBias},
		{"without mirrored start", withoutMirror},
		{"without unit norm", withoutUnitNorm},
		{"without any of it", func(r *recipe) { withoutAuxK(r); withoutPreBias(r); withoutMirror(r); withoutUnitNorm(r) }},
		{"atoms start as samples", func(r *recipe) { r.start.Atoms = true }},
		{"the same, without AuxK", func(r *recipe) { r.start.Atoms = true; withoutAuxK(r) }},
		{"tied weights", func(r *recipe) { r.model.Tied = true }},
		{"averaged weights (EMA)", func(r *recipe) { r.train.EMA = 0.999 }},
		{"Multi-TopK", func(r *recipe) { r.train.Recipe.MultiTopK = 1.0 / 8 }},
		{"Matryoshka", func(r *recipe) { r.train.Recipe.Matryoshka = []int{latents / 8, latents / 2} }},
		{"BatchTopK", func(r *recipe) { r.model.Selection = ksparse.SelectBatchTopK }},
		// Some latents then learn the negative of an atom, which recovery does not count.
		{"AbsTopK", func(r *recipe) { r.model.Selection, r.model.Activation = ksparse.SelectAbsTopK, ksparse.Identity }},
		{"data set scale", func(r *recipe) { r.model.Normalization = ksparse.DatasetScale }},
		{"gradients clipped", func(r *recipe) { r.train.ClipNorm = 0.1 }},
		{"learning rate by rule", func(r *recipe) { r.train.LearningRate = 0 }},
	}...)
}
