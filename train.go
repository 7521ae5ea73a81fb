package ksparse

import (
	"context"
	"errors"
	"math"
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/ksparse/ksparse/internal/topk"
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
	// LearningRate; 0 stands for the optimizer's DefaultRate.
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
	// MaxNorm leaves out samples whose norm is more than MaxNorm times the median
	// norm, such as those of attention sinks; 0 leaves none out.
	MaxNorm float64
	// EMA, in (0, 1), is the decay of an exponential moving average of all parameters,
	// which validation measures and the network is left with; 0 is none.
	EMA float64

	// CheckpointFile is where the state of the training is saved, every
	// CheckpointEvery steps (0 stands for the end of each epoch), at once and whole.
	// Resume goes on from there where the file exists, and ends in the bits that the
	// training would have ended in without the interruption.
	CheckpointFile  string
	CheckpointEvery int
	Resume          bool

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
	)
	if err == nil && c.Optimizer != nil {
		err = c.Optimizer.Validate()
	}
	if err == nil && c.Schedule != nil {
		err = c.Schedule.Validate()
	}
	return err
}

// withDefaults returns c with every default in its place.
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
	if c.LearningRate == 0 {
		c.LearningRate = c.Optimizer.DefaultRate()
	}
	if c.Schedule == nil {
		c.Schedule = ConstantRate{}
	}
	return c
}

// Progress is what a training tells its callback after a step.
type Progress struct {
	Step, Steps    int     // steps done, and in the whole training
	Epoch, Epochs  int     // the epoch under way, from 1, and how many there are
	EpochEnd       bool    // this was the epoch's last step
	Loss           float64 // of this step's batch, before the step
	EpochLoss      float64 // mean over the epoch's samples so far
	ValidationLoss float64 // after the last epoch that ended; NaN if there is none

	FVU          float64 // Loss over the variance of the data, with SquaredError; else NaN
	L0           float64 // mean number of latents active in this step
	Dead         int     // latents not active for AuxK.DeadAfter samples
	GradientNorm float64 // of all parameters together, before clipping

	LearningRate     float64       // of this step
	SamplesPerSecond float64       // over the training so far, validation left out
	Elapsed          time.Duration // since Train was called
}

// History is what a training leaves behind.
type History struct {
	Epochs    []EpochStats // the epochs that were completed
	Steps     int          // the steps that were completed
	BestEpoch int          // the epoch, from 1, with the lowest loss that Patience looks at; 0 before the first
	Stop      StopReason
	Time      time.Duration // of the whole call of Train
}

// EpochStats is one epoch's line of the History.
type EpochStats struct {
	Epoch          int           // from 1
	TrainLoss      float64       // mean over the epoch's samples, each measured before its step
	ValidationLoss float64       // after the epoch; NaN without validation
	LearningRate   float64       // of the epoch's last step
	Time           time.Duration // with validation
}

// StopReason says why a training ended.
type StopReason uint8

const (
	StopEpochs   StopReason = iota // all epochs are done
	StopPatience                   // no better epoch for TrainConfig.Patience epochs
	StopCallback                   // the callback returned an error, ErrStop for instance
	StopContext                    // the context was done
	StopDiverged                   // a loss or parameter would have become NaN or infinite
	StopLoss                       // the loss is not defined for the network's output
)

// String says the reason in a few words.
func (r StopReason) String() string {
	names := [...]string{"all epochs done", "no more improvement", "stopped by callback", "context done", "diverged", "loss undefined"}
	if int(r) < len(names) {
		return names[r]
	}
	return "unknown"
}

// Train trains the network to give y for x, one row per sample; for an
// autoencoder y is x. It goes over the samples in a new random order each epoch,
// a batch a step. Between two steps it looks whether ctx is done.
//
// The history is returned in every case in which training began, with an error
// too: ctx.Err(), what the callback returned, or an error that wraps ErrDiverged
// and names the step at which the loss or a parameter would have become NaN or
// infinite; the network then keeps its last finite parameters. Before training
// begins, errors wrap ErrEmpty, ErrShape, ErrNotFinite or ErrRange, and the
// network is untouched.
//
// The same seed, data and configuration give the same bits, for every GOMAXPROCS.
func (n *Network) Train(ctx context.Context, x, y mat.Matrix, cfg TrainConfig) (*History, error) {
	t, err := n.newTrainer(x, y, cfg)
	if err != nil {
		return nil, err
	}
	err = t.run(ctx)
	if t.best != nil {
		t.restoreBest()
	}
	t.history.Time = time.Since(t.start)
	return &t.history, err
}

// trainer is one call of Train under way.
type trainer struct {
	*stepper
	cfg          TrainConfig
	x, y         topk.Rows // all samples
	validation   [2]topk.Rows
	order        []int // the training samples, shuffled anew each epoch
	rng          *rand.Rand
	history      History
	steps        int     // in the whole training
	bx, by       topk.Rows
	validLoss    float64 // after the last epoch; NaN if there is none
	bestLoss     float64
	best         [][]float64 // parameters of the best epoch, with Patience
	start        time.Time
	stepTime     time.Duration
	samples      int // that went through a step
	evaluatePass *Pass
}

func (n *Network) newTrainer(x, y mat.Matrix, cfg TrainConfig) (*trainer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	t := &trainer{cfg: cfg.withDefaults(), start: time.Now(), validLoss: math.NaN(), bestLoss: math.Inf(1)}
	var err error
	if t.x, t.y, err = n.samples("x", "y", x, y, cfg.Loss); err != nil {
		return nil, err
	}
	t.rng = rand.New(rand.NewPCG(cfg.Seed, 0x6b737061727365)) // "ksparse"
	t.order = make([]int, t.x.Rows)
	for i := range t.order {
		t.order[i] = i
	}
	switch {
	case cfg.ValidationX != nil:
		v, w, err := n.samples("TrainConfig.ValidationX", "TrainConfig.ValidationY", cfg.ValidationX, cfg.ValidationY, cfg.Loss)
		if err != nil {
			return nil, err
		}
		t.validation = [2]topk.Rows{v, w}
	case cfg.ValidationFraction > 0:
		shuffle(t.rng, t.order)
		if t.x.Rows < 2 {
			return nil, errorf(ErrEmpty, "ValidationFraction %v of 1 sample leaves none to train on", cfg.ValidationFraction)
		}
		held := int(math.Round(cfg.ValidationFraction * float64(t.x.Rows)))
		keep := t.x.Rows - max(1, min(held, t.x.Rows-1))
		t.validation = [2]topk.Rows{gatherRows(topk.Rows{}, t.x, t.order[keep:]), gatherRows(topk.Rows{}, t.y, t.order[keep:])}
		t.order = t.order[:keep]
	}
	t.cfg.BatchSize = min(t.cfg.BatchSize, len(t.order))
	t.steps = t.cfg.Epochs * ((len(t.order) + t.cfg.BatchSize - 1) / t.cfg.BatchSize)
	if err := n.checkRecipe(t.cfg); err != nil {
		return nil, err
	}
	if t.cfg.AuxK.DeadAfter == 0 {
		t.cfg.AuxK.DeadAfter = len(t.order)
	}
	t.stepper = newStepper(n, t.cfg, math.NaN(), t.steps)
	return t, nil
}

// samples checks a pair of inputs and targets.
func (n *Network) samples(nameX, nameY string, x, y mat.Matrix, loss Loss) (topk.Rows, topk.Rows, error) {
	var none topk.Rows
	rowsX, err := rowsOf(nameX, x, n.In())
	if err != nil {
		return none, none, err
	}
	rowsY, err := rowsOf(nameY, y, n.Out())
	if err != nil {
		return none, none, err
	}
	if rowsX.Rows != rowsY.Rows {
		return none, none, errorf(ErrShape, "%s has %d rows, %s has %d", nameX, rowsX.Rows, nameY, rowsY.Rows)
	}
	return rowsX, rowsY, loss.checkTarget(nameY, rowsY)
}

// run goes through the epochs.
func (t *trainer) run(ctx context.Context) error {
	for epoch := 1; epoch <= t.cfg.Epochs; epoch++ {
		begin := time.Now()
		shuffle(t.rng, t.order)
		sum, seen, rate := 0.0, 0, 0.0
		for lo := 0; lo < len(t.order); lo += t.cfg.BatchSize {
			if err := ctx.Err(); err != nil {
				t.history.Stop = StopContext
				return err
			}
			batch := t.order[lo:min(lo+t.cfg.BatchSize, len(t.order))]
			rate = t.cfg.LearningRate * t.cfg.Schedule.Factor(t.history.Steps, t.steps)
			from := time.Now()
			t.bx = gatherRows(t.bx, t.x, batch)
			by := t.bx
			if !same(t.x, t.y) {
				t.by = gatherRows(t.by, t.y, batch)
				by = t.by
			}
			rep, err := t.step(t.bx, by, rate, t.history.Steps+1)
			loss := rep.loss
			if err != nil {
				return t.fail(err)
			}
			t.stepTime += time.Since(from)
			t.history.Steps++
			t.samples += len(batch)
			sum += float64(loss * float64(len(batch)))
			seen += len(batch)
			last := seen == len(t.order)
			if last {
				if err := t.endEpoch(epoch, sum/float64(seen), rate, begin); err != nil {
					return t.fail(err)
				}
			}
			if err := t.report(epoch, last, loss, sum/float64(seen), rate); err != nil {
				t.history.Stop = StopCallback
				if errors.Is(err, ErrStop) {
					return nil
				}
				return err
			}
		}
		if t.cfg.Patience > 0 && epoch-t.history.BestEpoch >= t.cfg.Patience {
			t.history.Stop = StopPatience
			return nil
		}
	}
	return nil
}

// fail notes why a step or an epoch's end failed.
func (t *trainer) fail(err error) error {
	t.history.Stop = StopLoss
	if errors.Is(err, ErrDiverged) {
		t.history.Stop = StopDiverged
	}
	return err
}

// endEpoch validates, keeps the best parameters and writes the history.
func (t *trainer) endEpoch(epoch int, trainLoss, rate float64, begin time.Time) error {
	watched := trainLoss
	if x := t.validation[0]; x.Rows > 0 {
		if t.evaluatePass == nil {
			t.evaluatePass = t.net.newPass()
			for i, s := range t.pass.states { // the copies for screening serve here too
				t.evaluatePass.states[i].screening = s.screening
			}
		}
		loss, err := t.net.meanLoss(t.evaluatePass, x, t.validation[1], t.cfg.Loss)
		if err != nil {
			return err
		}
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return errorf(ErrDiverged, "training diverged at step %d: the validation loss is %v", t.history.Steps, loss)
		}
		t.validLoss, watched = loss, loss
	}
	if t.history.BestEpoch == 0 || watched < t.bestLoss-t.cfg.MinDelta {
		t.bestLoss, t.history.BestEpoch = watched, epoch
		if t.cfg.Patience > 0 {
			t.keepBest()
		}
	}
	t.history.Epochs = append(t.history.Epochs, EpochStats{
		Epoch: epoch, TrainLoss: trainLoss, ValidationLoss: t.validLoss, LearningRate: rate, Time: time.Since(begin),
	})
	return nil
}

func (t *trainer) report(epoch int, last bool, loss, epochLoss, rate float64) error {
	if t.cfg.Callback == nil {
		return nil
	}
	speed := 0.0
	if t.stepTime > 0 {
		speed = float64(t.samples) / t.stepTime.Seconds()
	}
	return t.cfg.Callback(Progress{
		Step: t.history.Steps, Steps: t.steps,
		Epoch: epoch, Epochs: t.cfg.Epochs, EpochEnd: last,
		Loss: loss, EpochLoss: epochLoss, ValidationLoss: t.validLoss,
		LearningRate:     rate,
		SamplesPerSecond: speed,
		Elapsed:          time.Since(t.start),
	})
}

// keepBest copies the parameters as they are now.
func (t *trainer) keepBest() {
	if t.best == nil {
		t.best = make([][]float64, 2*len(t.net.layers))
	}
	for i, l := range t.net.layers {
		a := l.base()
		t.best[2*i] = append(t.best[2*i][:0], a.w.Data...)
		t.best[2*i+1] = append(t.best[2*i+1][:0], a.b...)
	}
}

func (t *trainer) restoreBest() {
	for i, l := range t.net.layers {
		a := l.base()
		copy(a.w.Data, t.best[2*i])
		copy(a.b, t.best[2*i+1])
	}
}

// meanLoss returns the mean loss over all rows of x.
func (n *Network) meanLoss(p *Pass, x, y topk.Rows, loss Loss) (float64, error) {
	sum := 0.0
	for lo := 0; lo < x.Rows; lo += chunkRows {
		hi := min(lo+chunkRows, x.Rows)
		n.forward(p, x.Slice(lo, hi), len(n.layers))
		p.setOutput()
		p.rowLoss = resized(p.rowLoss, hi-lo)
		mean, err := loss.evaluate(p.output, y.Slice(lo, hi), false, nil, p.rowLoss)
		if err != nil {
			return 0, err
		}
		sum += float64(mean * float64(hi-lo))
	}
	return sum / float64(x.Rows), nil
}

// shuffle puts order into a random order (Fisher and Yates). It is written out so
// that the order for a seed can never change with the standard library.
func shuffle(rng *rand.Rand, order []int) {
	for i := len(order) - 1; i > 0; i-- {
		j, _ := bits.Mul64(rng.Uint64(), uint64(i+1))
		order[i], order[j] = order[j], order[i]
	}
}
