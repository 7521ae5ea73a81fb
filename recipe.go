package ksparse

import (
	"math"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/feed"
	"github.com/ksparse/ksparse/train"
)

// Recipe has what the field has learnt about training wide dictionaries. For a network of
// the modern form zero fields are chosen: see TrainConfig. For all others each part is off
// in the zero value.
type Recipe struct {
	// UnitNorm keeps the rows of the decoder's weights, the dictionary atoms, at norm
	// 1: of the gradient the part along the atom is removed, and atoms are scaled
	// back after each step (and once before the first).
	UnitNorm bool

	// AuxK lets dead latents learn to explain what the others leave over: the
	// auxiliary loss of Gao et al. 2024 (arXiv:2406.04093, appendix A.2), in the form of
	// OpenAI's code. With e = x - x̂, a constant, and ê the reconstruction from the AuxK
	// dead latents with the largest positive pre-activations, without bias, it adds
	// AuxWeight·V·Σ|e-ê|²/Σ|e-ē|² to the loss, sums over the batch's rows, ē their mean,
	// V the variance of the data, which must not be zero; Σ|e-ē|² counts as at least
	// 1e-4·V for each row. (Their losses are all divided by V; so the balance is
	// theirs.) AuxK is at most how many latents a sample has there; 0 is no auxiliary
	// loss, in the modern form a quarter of the latents, at most 256.
	AuxK int
	// AuxWeight is the weight of that loss, and for AuxK only; 0 stands for 1/32, in the
	// modern form for 1/16.
	AuxWeight float64
	// DeadAfter is after how many samples without it a latent counts as dead; 0 stands
	// for 10 million or one epoch, whichever is less. (A Trainer, which knows no epochs,
	// takes a tenth of its Steps for one.) In the modern form it stands for 1/50 of all samples
	// of the training, within 50 and 100 times Latents/K; with SelectBatchTopK for 12 times that.
	DeadAfter int

	// ScaleGradients divides the gradient, after clipping, by its usual size: the root mean square
	// of the numbers of all weights' gradients over the steps before (each weighs 0.8 times as
	// much as the next; the first step that has a gradient goes by its own). So an Epsilon of the
	// optimizer is a multiple of the usual gradient, whatever the scale of the data. With a large
	// one, such as 1, latents that are seldom active take smaller steps than with Adam's usual
	// ones, which throw them about until they die. From the second step on a row of a layer's
	// gradient that is more than 2.5 times as long as the layer's rows usually are, those of zeros
	// left out, is shortened to that (a latent's bias with it), and counts as shortened.
	ScaleGradients bool
	// EncoderDecay makes the encoder's weights smaller before each step, by the factor
	// 1 - rate·EncoderDecay: those of the latents that have a gradient in the step. It is
	// decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101) for the
	// encoder of the last sparse layer alone. Tied weights with UnitNorm have no use for it: ErrRange.
	EncoderDecay float64
	// BiasScale makes steps move the biases as if each were BiasScale times a number: the
	// gradient is multiplied by it, and so is the rate. Weights have no scale of their own, but
	// biases have that of the data. 0 stands for 1.
	BiasScale float64

	// MultiTopK, where not 0, adds MultiTopK times the loss of the reconstruction
	// from the 4K largest latents (Gao et al. 2024 use 1/8), which makes codes
	// useful for other k than that of the training.
	MultiTopK float64
	// Matryoshka lists, ascending, numbers of latents: prefixes of the dictionary that
	// should reconstruct by themselves (Bussmann et al. 2025, arXiv:2503.17547). The
	// loss is the mean over the prefixes, the whole dictionary always among them.
	// There is one selection, over the whole dictionary.
	Matryoshka []int

	// KStart, where above the layer's K, is how many latents are active at first, at most all;
	// their number falls in a line to K over the first KAnneal of all steps (0
	// stands for 0.5, as in the 2013 paper).
	KStart  int
	KAnneal float64
}

// validate returns an error that names the first field that makes no sense.
func (r Recipe) validate() error {
	for i, prefix := range r.Matryoshka {
		if prefix < 1 {
			return fault.Errorf(ErrRange, "Recipe.Matryoshka[%d] is %d, want at least 1 latent", i, prefix)
		}
		if i > 0 && prefix <= r.Matryoshka[i-1] {
			return fault.Errorf(ErrRange, "Recipe.Matryoshka[%d] is %d after %d, want prefixes that grow", i, prefix, r.Matryoshka[i-1])
		}
	}
	return fault.First(
		fault.Count("Recipe.AuxK", r.AuxK),
		fault.NotNegative("Recipe.AuxWeight", r.AuxWeight),
		fault.Count("Recipe.DeadAfter", r.DeadAfter),
		fault.NotNegative("Recipe.EncoderDecay", r.EncoderDecay),
		fault.NotNegative("Recipe.BiasScale", r.BiasScale),
		fault.NotNegative("Recipe.MultiTopK", r.MultiTopK),
		fault.Count("Recipe.KStart", r.KStart),
		fault.Share("Recipe.KAnneal", r.KAnneal),
	)
}

// modern returns c with what it leaves open chosen for the network n of the modern form. What
// depends on the number of samples or of steps comes later: see modernBatch and
// bySteps.
func (c TrainConfig) modern(n *Network) TrainConfig {
	sparse, l := n.lastSparse()
	r := &c.Recipe
	if c.Optimizer == nil {
		c.Optimizer = train.Adam{Epsilon: modernEpsilon}
		r.ScaleGradients = true
	}
	r.UnitNorm = r.UnitNorm || sparse >= 0 && sparse+1 < len(n.layers)
	if sparse != 0 || len(n.layers) != 2 {
		return c
	}
	if r.EncoderDecay == 0 && !n.tied() {
		r.EncoderDecay = modernDecay
	}
	if r.AuxK == 0 && n.explains(c.Loss) && len(r.Matryoshka) == 0 {
		r.AuxK = max(1, min(256, l.out/4))
	}
	if r.AuxWeight == 0 {
		r.AuxWeight = modernAux
	}
	return c
}

// explains reports whether Recipe.AuxK is for this network, and that loss.
func (n *Network) explains(loss Loss) bool {
	sparse, l := n.lastSparse()
	return sparse == 0 && len(n.layers) == 2 && n.layers[1].Activation() == Identity && loss == SquaredError &&
		(l.activation == ReLU || l.activation == Identity)
}

// withVariance returns c with what the variance of the data decides; NaN where there is none.
// AuxK, which goes by it, is left out where it is zero: nobody has asked for it then.
func (c TrainConfig) withVariance(n *Network, variance float64) TrainConfig {
	if variance == 0 {
		c.Recipe.AuxK = 0
	}
	if c.Recipe.BiasScale > 0 {
		return c
	}
	if c.Recipe.BiasScale = 1; n.modern && variance > 0 {
		c.Recipe.BiasScale = math.Sqrt(variance / float64(n.In())) // as if it were the weight of one more input
	}
	return c
}

// What the modern form trains with. doc/quality.md has the measurements behind each.
const (
	modernEpsilon = 3.      // of Adam, of the usual gradient
	modernDecay   = 0.12    // EncoderDecay
	modernAux     = 1. / 16 // AuxWeight
	modernRate    = 1.1     // LearningRate, times the fourth root of Inputs·Steps
	mostRate      = 0.1     // LearningRate, at most
	fewSteps      = 1000    // up to which the rate is the same
	unknownSteps  = 10000   // how many are assumed where nobody says
)

// feedSettings returns the settings of the feed. MaxNorm is chosen where it is left open, in the
// modern form and where rows count for as much as they are long.
func (c *TrainConfig) feedSettings(n *Network) feed.Settings {
	s := feed.Settings{Seed: c.Seed, FromMiddle: n.modern && n.rows.Shift != nil}
	if c.MaxNorm == 0 && n.modern && !n.scalesEachRow() {
		c.MaxNorm, s.Few = farRow, true
	}
	s.MaxNorm = c.MaxNorm
	return s
}

// modernBatch is the number of samples per step for a data set of that many, and where it is known
// for a training of those steps, 0 else: a power of two. A few steps go through the samples twice.
func modernBatch(samples, steps int) int {
	batch := 32
	for batch < 2048 && (batch*400 < samples || steps > 0 && batch*steps < 2*samples) {
		batch *= 2
	}
	return batch
}

// bySteps chooses what goes by the number of steps: the learning rate, its schedule, and
// DeadAfter. Steps is 0 where their number is not known.
func (c TrainConfig) bySteps(n *Network) TrainConfig {
	if _, l := n.lastSparse(); c.Recipe.DeadAfter == 0 && l != nil {
		c.Recipe.DeadAfter = c.modernDead(l)
	}
	if c.LearningRate == 0 && c.Recipe.ScaleGradients {
		steps := max(c.Steps, fewSteps)
		if c.Steps == 0 {
			steps = unknownSteps
		}
		c.LearningRate = min(mostRate, modernRate/math.Sqrt(math.Sqrt(float64(n.In())*float64(steps))))
	}
	if c.Schedule == nil && c.Steps > 0 {
		c.Schedule = train.LinearDecay{}
	}
	return c
}

// modernDead returns after how many samples a latent counts as dead: 1/50 of all samples that the steps will
// have, within 50 and 100 times the samples in which a latent would be active once were all
// active equally often. SelectBatchTopK has more latents that are seldom active.
func (c TrainConfig) modernDead(l *SparseLayer) int {
	once := float64(l.out) / float64(max(1, l.k))
	dead := 100 * once
	if c.Steps > 0 {
		dead = min(dead, max(50*once, float64(c.Steps)*float64(c.BatchSize)/50))
	}
	if l.selection == SelectBatchTopK {
		dead *= 12
	}
	return int(math.Ceil(dead))
}
