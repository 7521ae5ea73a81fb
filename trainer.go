package ksparse

import (
	"errors"
	"math"
	"time"

	"github.com/ksparse/ksparse/internal/engine"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/sparse"
	"github.com/ksparse/ksparse/internal/stat"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// Trainer trains a network step by step, on batches of the caller's choice. Train and
// TrainSource are loops over its steps. A Trainer is for one goroutine. Between two steps
// it may encode and measure with the network; the parameters are live. It must not change
// the network's k, selection or wiring: the steps go on as they began. A Trainer is not
// copied by value.
type Trainer struct {
	net      *Network
	asked    TrainConfig     // as it came
	cfg      TrainConfig     // with defaults
	stepper  *engine.Stepper // nil before the first step
	kept     keptParameters
	learner  calibrator
	history  train.History
	epoch    tally // of the epoch under way
	valid    validator
	clock    clock
	equal    string      // which samples are equal, where the variance of the data, taken from them, is zero
	inEpoch  int         // how many samples an epoch has; 0 where nobody knows
	far, of  int         // samples that are outlying, and how many were looked at
	cutShort int         // 1 where the last epoch in the history was cut short by Steps
	fresh    bool        // the first step begins from samples
	starts   matrix.Rows // those samples
	failed   error       // what ended the training
}

// tally adds up what the steps of an epoch report.
type tally struct {
	begin                  time.Time
	steps, samples         int
	lossSum, fvuSum, l0Sum float64 // over samples
	gradientNorm           float64 // over steps
	rate                   float64 // of the last step
	dead                   int     // after it
}

// clock takes the time of a training.
type clock struct {
	start    time.Time
	stepping time.Duration // in steps
	samples  int           // that went through a step in that time
	first    time.Time     // before the first step that was taken here, and not before a checkpoint
	before   int           // how many steps there had been then
}

// left estimates how long the steps will take that are left of all, after some of them.
func (c *clock) left(done, all int) time.Duration {
	if all <= done || done <= c.before {
		return 0
	}
	left := float64(time.Since(c.first)) * float64(all-done) / float64(done-c.before)
	return time.Duration(min(left, 1<<62))
}

// NewTrainer returns a Trainer of the network, for steps on batches of one's own:
//
//	t, err := ksparse.NewTrainer(net, ksparse.TrainConfig{Steps: 1000})
//	for range 1000 {
//		progress, err := t.Step(x, x) // x: the next batch
//	}
//	history, err := t.Finish()
//
// The whole training is one epoch. Of cfg, what decides about the data is left to the
// caller: Epochs, BatchSize and Seed play no part, and MaxNorm,
// Validation.Fraction, Validation.Patience and Checkpoint are ErrRange. Steps is how many
// steps there will be; it may be 0 where neither a Schedule nor Recipe.KStart goes by
// it. Other errors are those of Train.
func NewTrainer(net *Network, cfg TrainConfig) (*Trainer, error) {
	if net == nil {
		return nil, fault.Errorf(ErrEmpty, "NewTrainer was given a nil network")
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"TrainConfig.MaxNorm", cfg.MaxNorm != 0}, {"Validation.Fraction", cfg.Validation.Fraction != 0},
		{"Validation.Patience", cfg.Validation.Patience != 0}, {"Checkpoint.File", cfg.Checkpoint.File != ""},
	} {
		if field.set {
			return nil, fault.Errorf(ErrRange, "%s is for Train and TrainSource, not for a Trainer of one's own", field.name)
		}
	}
	if cfg.Steps == 0 && (!isConstant(cfg.Schedule) || cfg.Recipe.KStart > 0) {
		return nil, fault.Errorf(ErrRange, "TrainConfig.Steps is 0, want how many steps Schedule and Recipe.KStart are for")
	}
	t, err := newTrainer(net, cfg)
	if err != nil {
		return nil, err
	}
	t.epoch.begin = time.Now()
	return t, nil
}

// newTrainer checks cfg against the network, and takes in the validation samples.
func newTrainer(net *Network, cfg TrainConfig) (*Trainer, error) {
	if err := fault.First(net.trainable(), net.ready(true), net.finite(), cfg.checkRecipe(net)); err != nil {
		return nil, err
	}
	if cfg.Optimizer != nil && cfg.Optimizer.Slots() < 0 {
		return nil, fault.Errorf(ErrRange, "TrainConfig.Optimizer has %d slots, want 0 or more", cfg.Optimizer.Slots())
	}
	t := &Trainer{net: net, asked: cfg, cfg: cfg.withDefaults(net), clock: clock{start: time.Now()}, valid: validator{loss: math.NaN(), best: math.Inf(1)}}
	return t, t.valid.take(net, t.cfg)
}

// keep makes room for what is kept besides the parameters.
func (t *Trainer) keep() {
	t.kept = keptParameters{live: trained(t.net.layers), decay: t.cfg.EMA}
	if t.cfg.EMA > 0 {
		t.kept.average = likeEach(t.kept.live)
	}
	if t.cfg.Validation.Patience > 0 {
		t.kept.best = likeEach(t.kept.live)
	}
}

// begin prepares the steps: batches have that number of rows, and the data this
// variance, which is that of the samples that are named.
func (t *Trainer) begin(batch int, variance float64, of string) {
	t.cfg = t.cfg.withRate(t.net).withVariance(t.net, variance)
	if variance == 0 {
		t.equal = of
	}
	c, r := t.cfg, t.cfg.Recipe
	var view engine.Network
	t.net.forEngine(&view)
	t.stepper = engine.NewStepper(view, &t.net.screening, engine.Recipe{
		Loss: t.loss(), Slots: c.Optimizer.Slots(), Move: train.MoveOf(c.Optimizer),
		L1: c.L1, L2: c.L2, ClipNorm: c.ClipNorm,
		ScaleGradients: r.ScaleGradients, BiasScale: r.BiasScale, EncoderDecay: r.EncoderDecay,
		UnitNorm: r.UnitNorm, AuxK: r.AuxK, AuxWeight: r.AuxWeight, DeadAfter: r.DeadAfter,
		MultiTopK: r.MultiTopK, Matryoshka: r.Matryoshka, KStart: r.KStart, KAnneal: r.KAnneal,
		Variance: variance, Steps: c.Steps,
	}, batch)
}

// loss describes the loss after the network's last layer to the engine.
func (t *Trainer) loss() engine.Loss {
	l, act := t.cfg.Loss, t.net.layers[len(t.net.layers)-1].Activation()
	return engine.Loss{Row: l.row(act), AtPre: l.atPre(act), Squared: l == SquaredError, Explain: l.explain}
}

// Step takes one training step on the batch x with the targets y, one row per sample;
// for an autoencoder y is x. It returns the step's figures, which are those of the batch
// before the step. FVU is relative to the variance of the first batch.
//
// Errors wrap ErrEmpty, ErrShape, ErrNotFinite or ErrRange for a batch that is not one,
// and leave everything as it was. One that wraps ErrDiverged, or says that the loss is
// not defined for the network's output, ends the training, and so does what the callback
// returns: after ErrStop the next Step returns that.
func (t *Trainer) Step(x, y mat.Matrix) (train.Progress, error) {
	var none train.Progress
	switch {
	case t.net == nil:
		return none, fault.Errorf(ErrEmpty, "the Trainer is none: NewTrainer makes one")
	case t.failed != nil:
		return none, t.failed
	case t.cfg.Steps > 0 && t.history.Steps >= t.cfg.Steps:
		return none, fault.Errorf(ErrRange, "the training has had its %d steps", t.cfg.Steps)
	}
	rowsX, rowsY, err := t.net.samples("x", "y", x, y, t.cfg.Loss)
	if err != nil {
		return none, err
	}
	if err := t.net.checkInputs("the rows of the batch", rowsX.MaxAbs()); err != nil {
		return none, err
	}
	if t.stepper == nil {
		if err := t.beginWith(rowsX, rowsY); err != nil {
			return none, err
		}
	}
	report, err := t.step(rowsX, rowsY)
	if err != nil {
		if t.failed = err; t.history.Steps == 0 {
			t.learner.made.forget()
		}
		return none, err
	}
	t.learner.see(rowsX)
	progress := t.progress(report, 1, t.history.Steps == t.cfg.Steps)
	if t.cfg.Callback != nil {
		if err := t.cfg.Callback(progress); err != nil {
			t.failed, t.history.Stop = err, train.StopCallback
			if !errors.Is(err, ErrStop) {
				return progress, err
			}
		}
	}
	return progress, nil
}

// beginWith is begin for the first batch of the caller's.
func (t *Trainer) beginWith(x sparse.Rows, y matrix.Rows) error {
	variance := math.NaN()
	if t.cfg.Loss == SquaredError {
		var rows normal.Batch
		t.net.rows.Enter(&rows, x.Dense)
		target := t.net.rows.Target(new(matrix.Rows), &rows, x.Dense, y)
		var err error
		if variance, err = stat.MomentsOf(target).Variance("the rows of the first batch", stat.MostVariance); err != nil {
			return err
		}
	}
	if err := t.asked.checkVariance("the first batch", variance); err != nil {
		return err
	}
	t.learner.made = makeThresholds(t.net.layers)
	t.keep()
	t.cfg = t.cfg.withBatch(t.net, x.Len())
	if t.fresh = t.net.fresh(); t.fresh {
		t.starts = x.Dense
	}
	t.learner.rows = matrix.New(t.net.calibrationRowsOf(x.Len()), x.Cols())
	t.begin(x.Len(), variance, "the rows of the first batch")
	return nil
}

// step takes a step and takes its report into the epoch's tally.
func (t *Trainer) step(x sparse.Rows, y matrix.Rows) (engine.Report, error) {
	rate := t.cfg.LearningRate * t.cfg.Schedule.Factor(t.history.Steps, t.cfg.Steps)
	if rate < 0 {
		err := fault.Errorf(ErrRange, "the learning rate of step %d is %v, want 0 or more: see the Schedule, and DefaultRate of the Optimizer", t.history.Steps+1, rate)
		t.fail(err)
		return engine.Report{}, err
	}
	from := time.Now()
	if t.clock.first.IsZero() {
		t.clock.first, t.clock.before = from, t.history.Steps
	}
	undo := t.undoFirst()
	if err := t.start(x.Dense, y); err != nil {
		undo()
		t.fail(err)
		return engine.Report{}, err
	}
	r, err := t.stepper.Step(x, y, rate, t.history.Steps+1)
	if err != nil {
		undo()
		if outside := t.net.finite(); outside != nil { // no step leaves such a parameter
			err = fault.Errorf(errors.Join(err, outside), "%s: %s", fault.Text(err), fault.Text(outside))
		}
		t.fail(err)
		return r, err
	}
	t.history.Steps++
	t.kept.addToAverage(t.history.Steps)
	t.clock.stepping += time.Since(from)
	t.clock.samples += y.Rows

	e := &t.epoch
	e.steps++
	e.samples += y.Rows
	e.lossSum += float64(r.Loss * float64(y.Rows))
	e.fvuSum += float64(r.FVU * float64(y.Rows))
	e.l0Sum += float64(r.L0 * float64(y.Rows))
	e.gradientNorm += r.GradientNorm
	e.rate, e.dead = rate, r.Dead
	if math.IsInf(e.lossSum, 0) || math.IsInf(e.fvuSum, 0) || math.IsInf(e.gradientNorm, 0) {
		err = fault.Errorf(ErrDiverged, "training diverged at step %d: the epoch's mean loss overflows", t.history.Steps)
		t.fail(err)
	}
	return r, err
}

// undoFirst returns what undoes the first step of all, should it fail: without a step
// nothing has changed. A later one that fails may have moved some parameters.
func (t *Trainer) undoFirst() (undo func()) {
	if t.history.Steps > 0 {
		return func() {}
	}
	return keepEach(append(thresholdsOf(t.net.layers), t.kept.live...))
}

// start begins the parameters of a network of the modern form from samples, in the first
// step of all, whose batch it is given. (Its first layer is sparse, so they are dense.)
func (t *Trainer) start(x, y matrix.Rows) error {
	samples := t.starts
	t.starts = matrix.Rows{}
	switch {
	case !t.fresh || t.history.Steps > 0:
		return nil
	case t.net.rows.Shift == nil && t.net.explains(t.cfg.Loss):
		t.net.startBetween(x, y)
		return nil
	}
	return t.net.startModern(samples, t.cfg.Seed)
}

// fail notes why a step or an epoch's end failed.
func (t *Trainer) fail(err error) {
	switch {
	case errors.Is(err, ErrDiverged):
		t.history.Stop = train.StopDiverged
	case t.valid.failed:
		t.history.Stop = train.StopSource
	default:
		t.history.Stop = train.StopLoss
	}
}

// progress says how far the training is after a step in that epoch, the epoch's last one
// or not.
func (t *Trainer) progress(r engine.Report, epoch int, last bool) train.Progress {
	speed := 0.0
	if t.clock.stepping > 0 {
		speed = float64(t.clock.samples) / t.clock.stepping.Seconds()
	}
	var advice []string
	if last {
		advice = t.history.Advice
	}
	return train.Progress{
		Step: t.history.Steps, Steps: t.cfg.Steps,
		Epoch: epoch, Epochs: max(epoch, t.cfg.Epochs), EpochEnd: last,
		Loss: r.Loss, EpochLoss: t.epoch.lossSum / float64(t.epoch.samples), ValidationLoss: t.valid.loss,
		FVU: r.FVU, EpochFVU: t.epoch.fvuSum / float64(t.epoch.samples), L0: r.L0, Dead: r.Dead, GradientNorm: r.GradientNorm,
		LearningRate:     t.epoch.rate,
		Advice:           advice,
		SamplesPerSecond: speed,
		Elapsed:          time.Since(t.clock.start),
		Left:             t.clock.left(t.history.Steps, t.cfg.Steps),
	}
}

// Finish ends the training: it measures the validation loss, leaves the network with the
// averaged parameters where there is an EMA, and with the thresholds of SelectBatchTopK for
// what it leaves, and returns the history, which has one
// epoch, or none where no step was taken or a step failed. Errors are those of the
// validation.
func (t *Trainer) Finish() (*train.History, error) {
	if t.kept.live == nil { // no step was taken, or it was finished before
		t.failed = fault.Errorf(ErrRange, "the training is finished")
		return &t.history, nil
	}
	var err error
	if t.epoch.steps > 0 && (t.failed == nil || t.history.Stop == train.StopCallback) {
		if err = t.endEpoch(); err != nil {
			t.fail(err)
		} else {
			t.history.Advice = t.advice(true)
		}
	}
	if t.failed == nil {
		t.failed = fault.Errorf(ErrRange, "the training is finished")
	}
	t.leave()
	return &t.history, err
}

// leave leaves the network with the parameters that the training ends with, and with the
// thresholds that belong to them.
func (t *Trainer) leave() {
	if t.history.Steps == 0 {
		t.learner.made.forget()
	} else {
		left, _ := t.kept.left(t.history.Steps, t.history.BestEpoch)
		copyEach(t.kept.live[:len(left)], left)
		t.learner.calibrate(t.net)
	}
	t.kept.live = nil
	t.history.Time = time.Since(t.clock.start)
}
