package ksparse

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// TrainConfig says how to train. The zero value trains sensibly: ten epochs of
// Adam on batches of 256 against the squared error.
type TrainConfig struct {
	// Epochs is how often every sample is used; 0 stands for 10.
	Epochs int
	// BatchSize is the number of samples per step; 0 stands for 256. An epoch's
	// last batch takes what is left.
	BatchSize int
	// Loss is what to make small; the zero value is SquaredError.
	Loss Loss
	// Optimizer moves the parameters; nil stands for Adam{}.
	Optimizer Optimizer
	// LearningRate; 0 stands for 2e-4·sqrt(16384/latents) where Adam or AdamW trains
	// a network with a sparse layer, latents being those of the last one: the rule
	// that EleutherAI/sparsify and saprmarks/dictionary_learning read in Gao et al.
	// 2024 (arXiv:2406.04093). Else 0 stands for the optimizer's DefaultRate.
	LearningRate float64
	// Schedule changes the learning rate; nil stands for ConstantRate{}.
	Schedule Schedule

	// L1 and L2 add L1·Σ|w| + L2/2·Σw² over all weights (not biases) to what is
	// made small; 0 is none. The losses that are reported do not include them. Adam
	// scales gradients up where they are small, penalties too, so weights of a
	// latent that is never active may begin to swing; AdamW's decay does not do that.
	L1, L2 float64
	// ClipNorm scales the gradient of all parameters together down to this
	// Euclidean norm where it is longer; 0 is no clipping.
	ClipNorm float64

	// ValidationX and ValidationY are samples to measure the loss on after each
	// epoch; nil is none.
	ValidationX, ValidationY mat.Matrix
	// ValidationFraction takes this share of the training samples, chosen at
	// random by Seed and at least one, for validation instead; 0 is none.
	ValidationFraction float64
	// Patience ends the training once this many epochs in a row have not lowered
	// the validation loss (or, without validation, the training loss) by more
	// than MinDelta. The network is left with the weights and biases of its best
	// epoch, however the training ends. 0 is no early stopping.
	Patience int
	// MinDelta is by how much an epoch must be better to count.
	MinDelta float64

	// UnitNorm keeps the rows of the decoder's weights, the dictionary atoms, at norm
	// 1: of the gradient the part along the atom is removed, and atoms are scaled
	// back after each step (and once before the first).
	UnitNorm bool
	// AuxK lets dead latents learn to explain what the others leave over.
	AuxK AuxK
	// MultiTopK, where not 0, adds MultiTopK times the loss of the reconstruction
	// from the 4K largest latents (Gao et al. 2024 use 1/8), which makes codes
	// useful for other k than that of the training.
	MultiTopK float64
	// Matryoshka lists, ascending, numbers of latents: prefixes of the dictionary that
	// should reconstruct by themselves (Bussmann et al. 2025, arXiv:2503.17547). The
	// loss is the mean over the prefixes, the whole dictionary always among them.
	// There is one selection, over the whole dictionary.
	Matryoshka []int
	// KStart, where above the layer's K, is how many latents are active at first;
	// their number falls in a line to K over the first KAnneal of all steps (0
	// stands for 0.5, as in the 2013 paper).
	KStart  int
	KAnneal float64
	// MaxNorm, at least 1, leaves out training samples whose input's Euclidean norm
	// is more than MaxNorm times the median norm, such as those of attention sinks
	// (10 is a usual value); 0 leaves none out. The median is that of the inputs that
	// are not zero: of all of them, held out for validation or not, or of the first
	// buffer where a Source is larger. ValidationX loses none.
	MaxNorm float64
	// EMA, in (0, 1), is the decay of an exponential moving average of all parameters:
	// after each step average = EMA·average + (1-EMA)·parameter, from those of the
	// first step on. Validation and Patience look at the averages and the network is
	// left with them, however the training ends; it goes on from the parameters
	// themselves, which are what a callback sees. 0 is none.
	EMA float64

	// CheckpointFile is where the state of the training is saved: every
	// CheckpointEvery steps (0 stands for the end of each epoch), at the end of the
	// training, and where the context, the callback or an error of the Source stops
	// it. The file appears, or replaces the one before it, at once and whole.
	CheckpointFile  string
	CheckpointEvery int
	// Resume goes on from CheckpointFile where that exists, else begins at the
	// beginning. Given the same data and configuration, and a network of the same
	// layers (whose parameters do not matter), the training ends in the bits of
	// parameters and History, times aside, that it would have ended in without the
	// interruption; one that had ended is returned as it was. The callback is not
	// called again for steps that the checkpoint holds. CheckpointEvery, Callback and,
	// unless a Source is larger, Buffer may change; another difference is an error
	// that wraps ErrCheckpoint and names it, as far as it shows: the data themselves
	// are known by their number and variance only. A damaged file is ErrFormat.
	// Optimizer and Schedule must not hold state of their own.
	Resume bool

	// Buffer is how many samples of a Source TrainSource keeps in memory; 0 stands
	// for 65,536. Train does not use it.
	Buffer int
	// Seed fixes the order of the samples.
	Seed uint64
	// Callback, where not nil, is called after every step. Returning ErrStop ends
	// the training without an error; any other error ends it with that error.
	Callback func(Progress) error
}

// AuxK is the auxiliary loss of Gao et al. 2024 (arXiv:2406.04093, appendix A.2).
// In the form of OpenAI's code: with e = x - x̂, a constant, and ê the
// reconstruction from the K dead latents with the largest positive
// pre-activations, without bias, it adds Weight·V·Σ|e-ê|²/Σ|e-ē|² to the loss,
// sums over the batch's rows, ē their mean, V the variance of the data. (Their
// losses are all divided by V; so the balance is theirs.)
type AuxK struct {
	K         int     // at most so many latents a sample; 0 is no auxiliary loss
	Weight    float64 // 0 stands for 1/32
	DeadAfter int     // samples without the latent active; 0 stands for 10 million or one epoch, whichever is less
}

// Validate returns an error that names the first field that makes no sense.
func (c TrainConfig) Validate() error {
	if c.Epochs < 0 {
		return errorf(ErrRange, "TrainConfig.Epochs is %d, want 0 (for the default) or more", c.Epochs)
	}
	if c.BatchSize < 0 {
		return errorf(ErrRange, "TrainConfig.BatchSize is %d, want 0 (for the default) or more", c.BatchSize)
	}
	if c.Loss >= losses {
		return errorf(ErrRange, "TrainConfig.Loss is the unknown %v", c.Loss)
	}
	if c.Patience < 0 {
		return errorf(ErrRange, "TrainConfig.Patience is %d, want 0 (for none) or more", c.Patience)
	}
	if (c.ValidationX == nil) != (c.ValidationY == nil) {
		return errorf(ErrEmpty, "TrainConfig.ValidationX and ValidationY belong together, one of them is nil")
	}
	if c.ValidationX != nil && c.ValidationFraction != 0 {
		return errorf(ErrRange, "TrainConfig has both ValidationX and ValidationFraction, want one of them")
	}
	err := firstError(
		checkNotNegative("TrainConfig.LearningRate", c.LearningRate),
		checkNotNegative("TrainConfig.L1", c.L1),
		checkNotNegative("TrainConfig.L2", c.L2),
		checkNotNegative("TrainConfig.ClipNorm", c.ClipNorm),
		checkNotNegative("TrainConfig.MinDelta", c.MinDelta),
		checkFraction("TrainConfig.ValidationFraction", c.ValidationFraction),
		c.validateRecipe(),
		c.validateCheckpoints(),
	)
	if err == nil && c.Optimizer != nil {
		err = c.Optimizer.Validate()
	}
	if err == nil && c.Schedule != nil {
		err = c.Schedule.Validate()
	}
	return err
}

// validateRecipe checks what the training recipe adds.
func (c TrainConfig) validateRecipe() error {
	for i, prefix := range c.Matryoshka {
		if prefix < 1 {
			return errorf(ErrRange, "TrainConfig.Matryoshka[%d] is %d, want at least 1 latent", i, prefix)
		}
		if i > 0 && prefix <= c.Matryoshka[i-1] {
			return errorf(ErrRange, "TrainConfig.Matryoshka[%d] is %d after %d, want prefixes that grow", i, prefix, c.Matryoshka[i-1])
		}
	}
	if c.MaxNorm != 0 && !(c.MaxNorm >= 1 && c.MaxNorm <= math.MaxFloat64) {
		return errorf(ErrRange, "TrainConfig.MaxNorm is %v, want 0 (for no limit) or a finite number that is 1 or more", c.MaxNorm)
	}
	return firstError(
		checkCount("TrainConfig.AuxK.K", c.AuxK.K),
		checkNotNegative("TrainConfig.AuxK.Weight", c.AuxK.Weight),
		checkCount("TrainConfig.AuxK.DeadAfter", c.AuxK.DeadAfter),
		checkNotNegative("TrainConfig.MultiTopK", c.MultiTopK),
		checkCount("TrainConfig.KStart", c.KStart),
		checkShare("TrainConfig.KAnneal", c.KAnneal),
		checkFraction("TrainConfig.EMA", c.EMA),
	)
}

func (c TrainConfig) validateCheckpoints() error {
	if c.CheckpointFile == "" && c.Resume {
		return errorf(ErrEmpty, "TrainConfig.Resume needs a CheckpointFile to resume from")
	}
	if c.CheckpointFile == "" && c.CheckpointEvery != 0 {
		return errorf(ErrEmpty, "TrainConfig.CheckpointEvery is %d without a CheckpointFile to write", c.CheckpointEvery)
	}
	return firstError(checkCount("TrainConfig.CheckpointEvery", c.CheckpointEvery), checkCount("TrainConfig.Buffer", c.Buffer))
}

func checkCount(name string, v int) error {
	if v < 0 {
		return errorf(ErrRange, "%s is %d, want 0 or more", name, v)
	}
	return nil
}

// withDefaults returns c with every default in its place that does not depend on
// the network or the data.
func (c TrainConfig) withDefaults() TrainConfig {
	if c.Epochs == 0 {
		c.Epochs = 10
	}
	if c.BatchSize == 0 {
		c.BatchSize = 256
	}
	if c.Optimizer == nil {
		c.Optimizer = Adam{}
	}
	if c.Schedule == nil {
		c.Schedule = ConstantRate{}
	}
	c.AuxK.Weight = or(c.AuxK.Weight, 1.0/32)
	c.KAnneal = or(c.KAnneal, 0.5)
	if c.Buffer == 0 {
		c.Buffer = 1 << 16
	}
	return c
}

// withDefaultsFor returns c, which has the other defaults in place, with those
// that depend on the network and on the number of samples in an epoch.
func (c TrainConfig) withDefaultsFor(n *Network, samples int) TrainConfig {
	c.BatchSize = min(c.BatchSize, samples)
	if c.LearningRate == 0 {
		c.LearningRate = n.defaultRate(c.Optimizer)
	}
	if c.AuxK.DeadAfter == 0 {
		c.AuxK.DeadAfter = min(10_000_000, samples)
	}
	return c
}

// defaultRate is the learning rate where TrainConfig gives none.
func (n *Network) defaultRate(o Optimizer) float64 {
	switch o.(type) {
	case Adam, *Adam, AdamW, *AdamW:
		if i := n.lastSparse(); i >= 0 {
			return 2e-4 * math.Sqrt(16384/float64(n.layers[i].Out()))
		}
	}
	return o.DefaultRate()
}
