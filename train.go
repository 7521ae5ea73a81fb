package ksparse

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/ksparse/ksparse/internal/topk"
	"gonum.org/v1/gonum/mat"
)

// Train trains the network to give y for x, one row per sample; for an
// autoencoder y is x. It goes over the samples in a new random order each epoch,
// a batch a step. Between two steps it looks whether ctx is done.
//
// The history is returned in every case in which training began, with an error
// too: ctx.Err(), what the callback returned, or an error that wraps ErrDiverged
// and names the step at which the loss or a parameter would have become NaN or
// infinite; the network then keeps its last finite parameters. Before training
// begins, errors wrap ErrEmpty, ErrShape, ErrNotFinite or ErrRange, with
// TrainConfig.Resume also ErrCheckpoint or ErrFormat, and the network is untouched.
//
// The same seed, data and configuration give the same bits, for every GOMAXPROCS.
func (n *Network) Train(ctx context.Context, x, y mat.Matrix, cfg TrainConfig) (*History, error) {
	start := time.Now()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	rowsX, rowsY, err := n.samples("x", "y", x, y, cfg.Loss)
	if err != nil {
		return nil, err
	}
	feed := newFeeder(cfg)
	feed.setMemory(rowsX, rowsY)
	return n.train(ctx, start, feed, cfg)
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

// train trains on what feed hands out. cfg is valid.
func (n *Network) train(ctx context.Context, start time.Time, feed *feeder, cfg TrainConfig) (*History, error) {
	forget := n.makeThresholds()
	t, err := n.newTrainer(ctx, feed, cfg)
	if err != nil {
		forget()
		return nil, err
	}
	t.start = start
	if err = t.run(ctx); t.history.Steps == 0 {
		forget()
	}
	switch {
	case cfg.Patience > 0 && t.history.BestEpoch > 0:
		copyEach(t.parameters, t.best)
	case t.average != nil && t.history.Steps > 0:
		copyEach(t.parameters, t.average.values)
	}
	t.history.Time = time.Since(start)
	return &t.history, err
}

// trainer is one training under way.
type trainer struct {
	net        *Network
	cfg        TrainConfig // with defaults
	feed       *feeder
	stepper    *stepper
	validation [2]topk.Rows
	variance   float64 // of the targets; NaN where the loss is not SquaredError
	steps      int     // in the whole training

	history   History
	epoch     tally   // of the epoch under way
	validLoss float64 // after the last epoch; NaN if there is none
	bestLoss  float64

	parameters [][]float64
	average    *average    // of them, with EMA
	best       [][]float64 // those (or their averages) of the best epoch, with Patience

	start        time.Time
	stepTime     time.Duration
	stepSamples  int // that went through a step in stepTime
	evaluatePass *Pass
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

func (n *Network) newTrainer(ctx context.Context, feed *feeder, cfg TrainConfig) (*trainer, error) {
	if err := n.checkRecipe(cfg); err != nil {
		return nil, err
	}
	t := &trainer{net: n, feed: feed, variance: math.NaN(), validLoss: math.NaN(), bestLoss: math.Inf(1), parameters: n.trained()}
	var err error
	switch {
	case cfg.ValidationX != nil:
		t.validation[0], t.validation[1], err = n.samples("TrainConfig.ValidationX", "TrainConfig.ValidationY", cfg.ValidationX, cfg.ValidationY, cfg.Loss)
	case cfg.ValidationFraction > 0:
		t.validation[0], t.validation[1], err = feed.holdOut(cfg.ValidationFraction)
	}
	if err != nil {
		return nil, err
	}
	t.cfg = cfg.withDefaults().withDefaultsFor(n, feed.samples())
	t.steps = t.cfg.Epochs * ((feed.samples() + t.cfg.BatchSize - 1) / t.cfg.BatchSize)
	feed.batchSize = t.cfg.BatchSize
	if err := t.beginEpoch(ctx); err != nil {
		return nil, err
	}
	if cfg.Loss == SquaredError {
		t.variance = feed.variance(&n.frame)
	}
	if cfg.EMA > 0 {
		t.average = newAverage(cfg.EMA, t.parameters)
	}
	if cfg.Patience > 0 {
		t.best = likeEach(t.parameters)
	}
	var before [][]float64
	if cfg.Resume {
		before = likeEach(t.parameters)
		copyEach(before, t.parameters)
	}
	t.stepper = newStepper(n, t.cfg, t.variance, t.steps)
	if cfg.Resume {
		if err := t.resume(ctx); err != nil {
			copyEach(t.parameters, before)
			return nil, err
		}
	}
	return t, nil
}

// run goes through what is left of the training, a batch a step. The first epoch
// has begun.
func (t *trainer) run(ctx context.Context) error {
	for !t.over() {
		if err := ctx.Err(); err != nil {
			return t.interrupt(StopContext, err)
		}
		if !t.feed.open {
			if err := t.beginEpoch(ctx); err != nil {
				return t.interrupt(StopSource, err)
			}
		}
		x, y, last, err := t.feed.next(ctx)
		if err != nil {
			return t.interrupt(StopSource, err)
		}
		rate := t.cfg.LearningRate * t.cfg.Schedule.Factor(t.history.Steps, t.steps)
		from := time.Now()
		report, err := t.stepper.step(x, y, rate, t.history.Steps+1)
		if err != nil {
			return t.fail(err)
		}
		t.history.Steps++
		if t.average != nil {
			t.average.add(t.history.Steps)
		}
		t.stepTime += time.Since(from)
		t.stepSamples += x.Rows
		t.count(report, x.Rows, rate)
		if last {
			if err := t.endEpoch(); err != nil {
				return t.fail(err)
			}
		}
		if err := t.tell(report, last); err != nil {
			return t.interrupt(StopCallback, err)
		}
		if t.checkpointDue(last) {
			if err := t.save(); err != nil {
				t.history.Stop = StopCheckpoint
				return err
			}
		}
	}
	if t.outOfPatience() {
		t.history.Stop = StopPatience
	}
	return nil
}

func (t *trainer) over() bool { return len(t.history.Epochs) >= t.cfg.Epochs || t.outOfPatience() }

func (t *trainer) outOfPatience() bool {
	return t.cfg.Patience > 0 && len(t.history.Epochs)-t.history.BestEpoch >= t.cfg.Patience
}

func (t *trainer) beginEpoch(ctx context.Context) error {
	t.epoch = tally{begin: time.Now()}
	err := t.feed.begin(ctx)
	t.history.LeftOut = max(t.history.LeftOut, t.feed.leftOut)
	return err
}

// count takes a step's report into the epoch's tally.
func (t *trainer) count(r stepReport, samples int, rate float64) {
	e := &t.epoch
	e.steps++
	e.samples += samples
	e.lossSum += float64(r.loss * float64(samples))
	e.fvuSum += float64(r.fvu * float64(samples))
	e.l0Sum += float64(r.l0 * float64(samples))
	e.gradientNorm += r.gradientNorm
	e.rate, e.dead = rate, r.dead
	t.history.LeftOut = max(t.history.LeftOut, t.feed.leftOut)
}

// interrupt ends the training between two steps, for a reason from outside, so
// that it can be resumed.
func (t *trainer) interrupt(reason StopReason, cause error) error {
	if reason == StopSource && (errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded)) {
		reason = StopContext
	}
	t.history.Stop = reason
	if reason == StopCallback && errors.Is(cause, ErrStop) {
		cause = nil
	}
	if t.cfg.CheckpointFile == "" {
		return cause
	}
	if err := t.save(); err != nil {
		return errors.Join(cause, err)
	}
	return cause
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
func (t *trainer) endEpoch() error {
	if t.average != nil {
		t.average.swap() // the averages are what is measured and kept
		defer t.average.swap()
	}
	e, epoch := t.epoch, len(t.history.Epochs)+1
	trainLoss := e.lossSum / float64(e.samples)
	watched := trainLoss
	if t.validation[0].Rows > 0 {
		loss, err := t.validate()
		if err != nil {
			return err
		}
		t.validLoss, watched = loss, loss
	}
	if t.history.BestEpoch == 0 || watched < t.bestLoss-t.cfg.MinDelta {
		t.bestLoss, t.history.BestEpoch = watched, epoch
		copyEach(t.best, t.parameters)
	}
	t.history.Epochs = append(t.history.Epochs, EpochStats{
		Epoch: epoch, TrainLoss: trainLoss, ValidationLoss: t.validLoss, LearningRate: e.rate,
		FVU: e.fvuSum / float64(e.samples), L0: e.l0Sum / float64(e.samples), Dead: e.dead, GradientNorm: e.gradientNorm / float64(e.steps),
		Time: time.Since(e.begin),
	})
	return nil
}

// validate returns the mean loss over the validation samples.
func (t *trainer) validate() (float64, error) {
	if t.evaluatePass == nil {
		t.evaluatePass = t.net.newPass()
		if t.average == nil {
			// The copies for screening serve here too. Averages have none.
			for i, s := range t.stepper.pass.states {
				t.evaluatePass.states[i].screening = s.screening
			}
		}
	}
	loss, err := t.net.meanLoss(t.evaluatePass, t.validation[0], t.validation[1], t.cfg.Loss)
	if err == nil && (math.IsNaN(loss) || math.IsInf(loss, 0)) {
		err = errorf(ErrDiverged, "training diverged at step %d: the validation loss is %v", t.history.Steps, loss)
	}
	return loss, err
}

// tell calls the callback after a step.
func (t *trainer) tell(r stepReport, last bool) error {
	if t.cfg.Callback == nil {
		return nil
	}
	epoch := len(t.history.Epochs)
	if !last {
		epoch++
	}
	speed := 0.0
	if t.stepTime > 0 {
		speed = float64(t.stepSamples) / t.stepTime.Seconds()
	}
	return t.cfg.Callback(Progress{
		Step: t.history.Steps, Steps: t.steps,
		Epoch: epoch, Epochs: t.cfg.Epochs, EpochEnd: last,
		Loss: r.loss, EpochLoss: t.epoch.lossSum / float64(t.epoch.samples), ValidationLoss: t.validLoss,
		FVU: r.fvu, L0: r.l0, Dead: r.dead, GradientNorm: r.gradientNorm,
		LearningRate:     t.epoch.rate,
		SamplesPerSecond: speed,
		Elapsed:          time.Since(t.start),
	})
}

// meanLoss returns the mean loss over all rows of x.
func (n *Network) meanLoss(p *Pass, x, y topk.Rows, loss Loss) (float64, error) {
	sum := 0.0
	for lo := 0; lo < x.Rows; lo += chunkRows {
		hi := min(lo+chunkRows, x.Rows)
		n.forward(p, x.Slice(lo, hi), len(n.layers))
		p.setOutput()
		p.rowLoss = resized(p.rowLoss, hi-lo)
		mean, err := loss.evaluate(p.output, n.frame.target(p, y.Slice(lo, hi)), false, nil, p.rowLoss)
		if err != nil {
			return 0, err
		}
		sum += float64(mean * float64(hi-lo))
	}
	return sum / float64(x.Rows), nil
}
