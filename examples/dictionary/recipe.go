package main

import (
	"math"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/train"
)

// problem is a dictionary to find, and for how long to look for it.
type problem struct {
	atoms, dims, active, samples, epochs int
	variance                             float64 // of the samples, all dimensions together
	seed                                 uint64
}

// recipe describes a training in full: the model, its start values and its settings.
type recipe struct {
	model ksparse.Config
	start *ksparse.Start // nil where the model is of the modern form, which sees to it
	train ksparse.TrainConfig
}

// sizesAlone gives the sizes, and leaves all else to the library.
func sizesAlone(p problem) recipe {
	return recipe{
		model: ksparse.Config{Inputs: p.dims, Latents: p.atoms, K: p.active, Seed: p.seed},
		train: ksparse.TrainConfig{Epochs: p.epochs, Seed: p.seed},
	}
}

// spelledOut says in full what the library chooses for sizesAlone. So each part of it can be
// taken away: with Classic a zero field is a part that is off.
func spelledOut(p problem) recipe {
	batch := 32
	for batch < 2048 && 400*batch < p.samples {
		batch *= 2
	}
	steps := float64(p.epochs * ((p.samples + batch - 1) / batch))
	once := float64(p.atoms) / float64(p.active) // samples in which a latent is active once, on average
	r := sizesAlone(p)
	r.model.Classic = true
	r.model.Activation = ksparse.ReLU
	r.model.PreBias = true  // takes out what all samples have in common, so that no latent has to learn it
	r.model.Mirrored = true // the decoder starts as the encoder's transpose
	r.start = &ksparse.Start{PreBias: data.GeometricMedian, Atoms: true, Seed: p.seed}
	r.train.BatchSize = batch
	r.train.Optimizer = train.Adam{Epsilon: 3} // of the usual gradient, because of ScaleGradients
	r.train.LearningRate = min(0.1, 1.1/math.Pow(float64(p.dims)*max(steps, 1000), 0.25))
	r.train.Schedule = train.LinearDecay{}
	r.train.Recipe = ksparse.Recipe{
		UnitNorm:       true,                        // an atom cannot grow to make its latent's values small
		AuxK:           max(1, min(256, p.atoms/4)), // dead latents learn from the error of the others
		AuxWeight:      1. / 16,
		DeadAfter:      int(math.Ceil(min(100*once, max(50*once, steps*float64(batch)/50)))),
		ScaleGradients: true,
		EncoderDecay:   0.12,
		BiasScale:      math.Sqrt(p.variance / float64(p.dims)),
	}
	return r
}

// variant is a recipe with a name.
type variant struct {
	name   string
	recipe recipe
}

// comparison has what the library chooses, and what becomes of a network without that.
func comparison(p problem) []variant {
	classic := sizesAlone(p)
	classic.model.Classic, classic.model.Activation = true, ksparse.ReLU
	return []variant{
		{"sizes alone", sizesAlone(p)},
		{"the same, Classic", classic},
	}
}

// ablation also takes away each part of what the library chooses, and adds the parts that
// it does not choose.
func ablation(p problem) []variant {
	variants := append(comparison(p), variant{"spelled out", spelledOut(p)})
	for _, change := range []struct {
		name string
		make func(*recipe)
	}{
		{"without AuxK", func(r *recipe) { r.train.Recipe.AuxK, r.train.Recipe.AuxWeight = 0, 0 }},
		{"atoms not from samples", func(r *recipe) { r.start.Atoms = false }},
		{"neither of these two", func(r *recipe) { r.train.Recipe.AuxK, r.train.Recipe.AuxWeight, r.start.Atoms = 0, 0, false }},
		{"without pre-bias", func(r *recipe) { r.model.PreBias, r.start.PreBias = false, nil }},
		{"without unit norm", func(r *recipe) { r.train.Recipe.UnitNorm = false }},
		{"without encoder decay", func(r *recipe) { r.train.Recipe.EncoderDecay = 0 }},
		{"usual Adam, rate by rule", func(r *recipe) {
			r.train.Optimizer, r.train.LearningRate, r.train.Recipe.ScaleGradients = train.Adam{}, 0, false
		}},
		{"constant rate", func(r *recipe) { r.train.Schedule = nil }},
		{"without bias scale", func(r *recipe) { r.train.Recipe.BiasScale = 0 }},
		{"annealing, not AuxK", func(r *recipe) {
			r.train.Recipe.AuxK, r.train.Recipe.AuxWeight = 0, 0
			r.train.Recipe.KStart, r.train.Recipe.KAnneal = min(3*p.active, p.atoms), 0.3
		}},
		{"tied weights", func(r *recipe) { r.model.Tied, r.train.Recipe.EncoderDecay = true, 0 }},
		{"averaged weights (EMA)", func(r *recipe) { r.train.EMA = 0.999 }},
		{"Multi-TopK", func(r *recipe) { r.train.Recipe.MultiTopK = 1.0 / 8 }},
		{"Matryoshka", func(r *recipe) { r.train.Recipe.Matryoshka = []int{p.atoms / 8, p.atoms / 2} }},
		{"BatchTopK", func(r *recipe) { r.model.Selection = ksparse.SelectBatchTopK }},
		// Some latents then learn the negative of an atom, which recovery does not count.
		{"AbsTopK", func(r *recipe) { r.model.Selection, r.model.Activation = ksparse.SelectAbsTopK, ksparse.Identity }},
		{"data set scale", func(r *recipe) { r.model.Normalization = ksparse.DatasetScale }},
	} {
		r := spelledOut(p)
		change.make(&r)
		variants = append(variants, variant{change.name, r})
	}
	return variants
}
