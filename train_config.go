package ksparse

import (
	"math"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// TrainConfig says how to train. The zero value trains well for ten epochs against the
// squared error, where the network is of the modern form, which New makes of sizes alone. What
// is left open for such a network is chosen:
//
//	the start       if the parameters are still those that New drew: the pre-bias at the
//	                geometric median of up to 4096 samples, each atom at a sample less
//	                that, the encoder's rows along the atoms
//	BatchSize       a power of two, 32 to 2048, so that an epoch has some 200 to 400 steps
//	MaxNorm         10, where no more than a twentieth of the samples are that long
//	Optimizer       Adam with an Epsilon of 3 and Recipe.ScaleGradients
//	LearningRate    with that: 1.1·(Inputs·Steps)^-¼, at least 1000 Steps counted, and at most 0.1
//	Schedule        LinearDecay{}: the rate falls in a line from the first step to zero
//	Recipe          UnitNorm, AuxK and what goes with it, EncoderDecay 0.12, and a BiasScale that
//	                is the root mean square of the data's numbers: see Recipe
//
// doc/quality.md has the measurements behind these. They go by the form, the sizes, the data and
// the fields that are set, so what is reproducible stays so. For all other networks a field that is left open means what
// its comment says, and no recipe is added.
type TrainConfig struct {
	// How long, and in what order.

	// Epochs is how often every sample is used; 0 stands for 10 or, where there are
	// Steps, for as often as those take.
	Epochs int
	// Steps is after how many steps the training ends, in the middle of an epoch too,
	// which then counts as its last one; 0 leaves it to Epochs. Where both are given what
	// comes first ends the training. Schedule and Recipe.KAnneal go by the steps that the
	// training will have.
	Steps int
	// BatchSize is the number of samples per step; 0 stands for 256, or is chosen. An
	// epoch's last batch takes what is left.
	BatchSize int
	// Seed fixes the order of the samples.
	Seed uint64
	// Buffer is how many samples of a source TrainSource, and validation on a
	// Validation.Source, keep in memory; 0 stands for 65,536. Where a source is read ahead
	// (see TrainSource) a training keeps twice as many. Train does not use it otherwise.
	Buffer int
	// MaxNorm, at least 1, leaves out training samples whose input's Euclidean norm
	// is more than MaxNorm times the median norm, such as those of attention sinks
	// (10 is a usual value); 0 leaves none out, or is chosen. The median is that of the inputs that
	// are not zero: of all of them, held out for validation or not, or of the first
	// buffer where a source is larger. Validation.X loses none. In the modern form, whose
	// pre-bias is subtracted first, norms are taken from the geometric median of the inputs.
	MaxNorm float64

	// Optimisation.

	// Loss is what to make small; the zero value is SquaredError.
	Loss Loss
	// Optimizer moves the parameters; nil stands for train.Adam{}, or is chosen.
	Optimizer train.Optimizer
	// LearningRate; 0 stands for 2e-4·sqrt(16384/latents) where Adam or AdamW trains
	// a network with a sparse layer, latents being those of the last one: the rule
	// that EleutherAI/sparsify and saprmarks/dictionary_learning read in Gao et al.
	// 2024 (arXiv:2406.04093). Else 0 stands for the optimizer's DefaultRate. It is chosen
	// where the optimizer is.
	LearningRate float64
	// Schedule changes the learning rate; nil stands for train.ConstantRate{}, or is
	// chosen.
	Schedule train.Schedule
	// L1 and L2 add L1·Σ|w| + L2/2·Σw² over all weights (not biases) to what is
	// made small; 0 is none. The losses that are reported do not include them. Adam
	// scales gradients up where they are small, penalties too, so weights of a
	// latent that is never active may begin to swing; AdamW's decay does not do that.
	L1, L2 float64
	// ClipNorm scales the gradient of all parameters together down to this
	// Euclidean norm where it is longer; 0 is no clipping.
	ClipNorm float64
	// EMA, in (0, 1), is the decay of an exponential moving average of all weights and
	// biases: after each step average = EMA·average + (1-EMA)·parameter, from those of
	// the first step on. Validation and Patience look at the averages and the network is
	// left with them, however the training ends; it goes on from the parameters
	// themselves, which are what a callback sees. 0 is none.
	EMA float64

	Recipe     Recipe     // what keeps latents alive, and codes useful
	Validation Validation // what is measured after each epoch, and when to stop early
	Checkpoint Checkpoint // where the state of the training is saved

	// Callback, where not nil, is called after every step. Returning ErrStop ends
	// the training without an error; any other error ends it with that error.
	Callback func(train.Progress) error
}

// Validation says what is measured after each epoch, and when the training stops early.
type Validation struct {
	// X and Y are samples to measure the loss on; nil is none.
	X, Y mat.Matrix
	// Source has such samples instead. For an autoencoder its rows are inputs and targets
	// at once; a data.Paired has inputs and targets for any network. Up to TrainConfig.Buffer of them are read once, before training begins;
	// more are read anew after each epoch, 1024 at a time. The losses have the bits
	// that those of X have. An error of the source, which names the rows, ends the
	// training then; no checkpoint is written for it.
	Source data.Source
	// Fraction takes this share of the training samples, chosen at random by
	// TrainConfig.Seed and at least one, instead; 0 is none.
	Fraction float64
	// Patience ends the training once this many epochs in a row have not lowered
	// the validation loss (or, without validation, the training loss) by more
	// than MinDelta. The network is left with the weights and biases of its best
	// epoch, and the thresholds for them, however the training ends. 0 is no early
	// stopping.
	Patience int
	// MinDelta is by how much an epoch must be better to count, with Patience.
	MinDelta float64
}

// Checkpoint says where the state of a training is saved, and whether to go on from it.
type Checkpoint struct {
	// File is where the state is saved: every Every steps (0 stands for the end of each
	// epoch), at the end of the training, and where the context, the callback or an
	// error of the source stops it. The file appears, or replaces the one before it,
	// at once and whole.
	File  string
	Every int
	// Resume goes on from File where that exists, else begins at the
	// beginning. Given the same data and configuration, and a network of the same
	// layers (whose parameters and thresholds do not matter), the training ends in the
	// bits of parameters and History, times aside, that it would have ended in without
	// the interruption; one that had ended is returned as it was. The callback is not
	// called again for steps that the checkpoint holds. Every, Callback and,
	// unless a source is larger, Buffer may change; another difference is an error
	// that wraps ErrCheckpoint and names it, as far as it shows: the data themselves
	// are known by their number and variance only. A damaged file is ErrFormat.
	// Optimizer and Schedule must not hold state of their own.
	//
	// Epochs and Steps may change, too, but not to fewer than are done, and so may a
	// Patience that stays 1 or more. So a training that has ended, also for want of
	// patience, goes on with more of them, its optimizer state, order of the samples and
	// History kept. An epoch that Steps had cut short is gone on with; with Patience, what
	// the network was at the cut may remain the best. From there on Schedule and
	// Recipe.KAnneal go by the new number of steps: with train.ConstantRate and without
	// KStart the result has the bits of a training that was longer from the beginning,
	// but a rate that had decayed, and a k that had fallen, jump up again.
	//
	// LoadCheckpoint reads the network alone.
	Resume bool
}

// validate returns an error that names the first field that makes no sense, or would do
// nothing.
func (c TrainConfig) validate() error {
	if c.Loss >= losses {
		return fault.Errorf(ErrRange, "TrainConfig.Loss is the unknown %v", c.Loss)
	}
	if c.MaxNorm != 0 && !(c.MaxNorm >= 1 && c.MaxNorm <= math.MaxFloat64) {
		return fault.Errorf(ErrRange, "TrainConfig.MaxNorm is %v, want 0 (for no limit) or a finite number that is 1 or more", c.MaxNorm)
	}
	err := fault.First(
		fault.Count("TrainConfig.Epochs", c.Epochs),
		fault.Count("TrainConfig.Steps", c.Steps),
		fault.Count("TrainConfig.BatchSize", c.BatchSize),
		fault.Count("TrainConfig.Buffer", c.Buffer),
		fault.NotNegative("TrainConfig.LearningRate", c.LearningRate),
		fault.NotNegative("TrainConfig.L1", c.L1),
		fault.NotNegative("TrainConfig.L2", c.L2),
		fault.NotNegative("TrainConfig.ClipNorm", c.ClipNorm),
		fault.Fraction("TrainConfig.EMA", c.EMA),
		c.Validation.validate(),
		c.Recipe.validate(),
		c.Checkpoint.validate(),
	)
	switch {
	case err != nil:
		return err
	case c.Optimizer != nil && fault.IsNil(c.Optimizer), c.Schedule != nil && fault.IsNil(c.Schedule):
		return fault.Errorf(ErrEmpty, "TrainConfig.Optimizer or Schedule is a nil pointer")
	}
	if c.Optimizer != nil {
		err = c.Optimizer.Validate()
	}
	if err == nil && c.Schedule != nil {
		err = c.Schedule.Validate()
	}
	return err
}

// validate returns an error that names the first field that makes no sense.
func (v Validation) validate() error {
	if v.Patience < 0 {
		return fault.Errorf(ErrRange, "Validation.Patience is %d, want 0 (for none) or more", v.Patience)
	}
	if (v.X == nil) != (v.Y == nil) {
		return fault.Errorf(ErrEmpty, "Validation.X and Y belong together, one of them is nil")
	}
	given := ""
	for _, part := range []struct {
		name string
		set  bool
	}{{"X", v.X != nil}, {"Source", v.Source != nil}, {"Fraction", v.Fraction != 0}} {
		if part.set && given != "" {
			return fault.Errorf(ErrRange, "Validation has both %s and %s, want one of them", given, part.name)
		}
		if part.set {
			given = part.name
		}
	}
	if v.MinDelta > 0 && v.Patience == 0 {
		return fault.Errorf(ErrRange, "Validation.MinDelta is for Patience, which is 0")
	}
	return fault.First(fault.NotNegative("Validation.MinDelta", v.MinDelta), fault.Fraction("Validation.Fraction", v.Fraction))
}

// validate returns an error that names the first field that makes no sense.
func (c Checkpoint) validate() error {
	if c.File == "" && c.Resume {
		return fault.Errorf(ErrEmpty, "Checkpoint.Resume needs a File to resume from")
	}
	if c.File == "" && c.Every != 0 {
		return fault.Errorf(ErrEmpty, "Checkpoint.Every is %d without a File to write", c.Every)
	}
	return fault.Count("Checkpoint.Every", c.Every)
}

// withDefaults returns c with every default in its place that does not depend on the
// data or on the number of steps.
func (c TrainConfig) withDefaults(n *Network) TrainConfig {
	if n.modern {
		c = c.modern(n)
	}
	if c.Optimizer == nil {
		c.Optimizer = train.Adam{}
	}
	if c.Recipe.AuxWeight == 0 {
		c.Recipe.AuxWeight = 1.0 / 32
	}
	if c.Recipe.KAnneal == 0 {
		c.Recipe.KAnneal = 0.5
	}
	if c.Buffer == 0 {
		c.Buffer = 1 << 16
	}
	return c
}

// withSamples returns c, which has its other defaults, with those that depend on the
// number of samples in an epoch. Where only Steps are given Epochs becomes how many those
// take, and untilSteps is true: samples that MaxNorm leaves out can make them more.
func (c TrainConfig) withSamples(n *Network, samples int) (with TrainConfig, untilSteps bool) {
	switch {
	case c.BatchSize > 0:
	case n.modern:
		c.BatchSize = modernBatch(samples, c.Steps)
	default:
		c.BatchSize = 256
	}
	c.BatchSize = min(c.BatchSize, samples)
	perEpoch := 1 + (samples-1)/c.BatchSize
	untilSteps = c.Epochs == 0 && c.Steps > 0
	if c.Epochs == 0 && c.Steps == 0 {
		c.Epochs = 10
	}
	if c.Epochs > 0 && (c.Steps == 0 || c.Epochs <= (c.Steps-1)/perEpoch) {
		c.Steps = math.MaxInt
		if c.Epochs <= math.MaxInt/perEpoch {
			c.Steps = c.Epochs * perEpoch
		}
	}
	c.Epochs = 1 + (c.Steps-1)/perEpoch
	if n.modern { // see bySteps
		return c, untilSteps
	}
	return c.withDeadAfter(samples), untilSteps
}

// withBatch is withSamples for batches of the caller's, the first of that many rows.
func (c TrainConfig) withBatch(n *Network, rows int) TrainConfig {
	c.Epochs, c.BatchSize = 1, rows
	if n.modern {
		return c
	}
	if c.Steps == 0 || c.Steps > math.MaxInt/rows {
		return c.withDeadAfter(mostDeadAfter)
	}
	return c.withDeadAfter(max(1, c.Steps*rows/10))
}

// mostDeadAfter is after how many samples without it a latent counts as dead, unless an
// epoch has fewer.
const mostDeadAfter = 10_000_000

// withDeadAfter returns c with the default of DeadAfter for epochs of that many samples.
func (c TrainConfig) withDeadAfter(samples int) TrainConfig {
	if c.Recipe.DeadAfter == 0 {
		c.Recipe.DeadAfter = min(mostDeadAfter, samples)
	}
	return c
}

// withRate returns c with the learning rate and the schedule, by the number of steps.
func (c TrainConfig) withRate(n *Network) TrainConfig {
	if n.modern {
		c = c.bySteps(n)
	}
	if c.Schedule == nil {
		c.Schedule = train.ConstantRate{}
	}
	if c.LearningRate > 0 {
		return c
	}
	c.LearningRate = c.Optimizer.DefaultRate()
	switch c.Optimizer.(type) {
	case train.Adam, *train.Adam, train.AdamW, *train.AdamW:
		if _, l := n.lastSparse(); l != nil {
			c.LearningRate = 2e-4 * math.Sqrt(16384/float64(l.out))
		}
	}
	return c
}

// isConstant reports whether the schedule does not go by the number of steps.
func isConstant(s train.Schedule) bool {
	switch s.(type) {
	case nil, train.ConstantRate, *train.ConstantRate:
		return true
	}
	return false
}
