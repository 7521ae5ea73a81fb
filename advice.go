package ksparse

import (
	"fmt"
	"math"

	"github.com/ksparse/ksparse/internal/feed"
	"github.com/ksparse/ksparse/train"
)

// What is noticed, and told the user with what to change.
const (
	manyDead = 0.05  // share of the latents from which on the dead ones are many
	fewDead  = 3     // that are not many where there are more than a few latents
	farRow   = 10    // times the median norm above which a sample is far from the others
	highRate = 4     // times the library's own choice from which on a rate is high
	lowRate  = 0.125 // times the library's own choice up to which a rate is low
	rising   = 1.05  // of the lowest FVU of the epochs before: above it the FVU rises
	falling  = 0.9   // of the FVU of the epoch before: below it there is more to gain
	slight   = 0.01  // of the variance: a smaller difference between two FVUs is not worth a word
	fewSeen  = 100   // steps of a training up to which they are few
	noGain   = 0.98  // the FVU above which next to nothing was learned
	endRate  = 0.2   // of the training's rate: above it the schedule has not come to its end
	offK     = 0.1   // of k: how far an L0 may be from it
)

const allSamples = "all samples"

// advice lists what is not as good as it could be after the last epoch. What more steps would
// do is for the end of the training: over.
func (t *Trainer) advice(over bool) (all []string) {
	epochs := t.history.Epochs
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	e := epochs[len(epochs)-1]
	_, l := t.net.lastSparse()
	switch t.equal {
	case "":
	case allSamples:
		return []string{allSamples + " are equal, so there is nothing to learn"}
	default:
		say("%s are equal, so the variance of the data is not known, and parts of the recipe that go by it are off: begin with more samples, or with others", t.equal)
	}
	if l != nil {
		if dead, after := t.deadAtLast(e, over); dead > min(fewDead, l.out/4) && float64(dead) > manyDead*float64(l.out) {
			say("%d of %d latents are dead (not active in the last %d samples): %s", dead, l.out, after, t.againstDead(e))
		}
	}
	if about := t.rateAdvice(epochs, over); about != "" {
		say("%s", about)
	}
	if rate := t.cfg.LearningRate; over && t.net.modern && t.outOfPatience() && t.asked.Schedule == nil && e.LearningRate > endRate*rate {
		say("Patience has ended the training at a learning rate of %.3g, which the schedule would have lowered further: leave Patience 0, or train for fewer epochs", e.LearningRate)
	}
	if l != nil && l.selection == SelectThreshold && l.k > 0 && math.Abs(e.L0-float64(l.k)) > offK*float64(l.k) {
		say("%.3g latents are active per sample, and K is %d: training does not learn the thresholds of SelectThreshold, so call Calibrate, or train with SelectBatchTopK", e.L0, l.k)
	}
	if left := t.history.LeftOut; left > 0 {
		say("%d samples were left out, each more than %v times as %s: a larger TrainConfig.MaxNorm keeps more of them", left, t.cfg.MaxNorm, t.length(t.net.modern))
	}
	if t.far > 0 {
		say("%d of %d samples are more than %d times as %s, and count for far more than others: leave them out with TrainConfig.MaxNorm", t.far, t.of, farRow, t.length(true))
	}
	return all
}

// deadAtLast returns how many latents are dead in that epoch, and after how many samples. At the end
// of the training that is after all of an epoch's samples, or after half of those that there were, unless
// the caller has set DeadAfter.
func (t *Trainer) deadAtLast(e train.EpochStats, over bool) (dead, after int) {
	after = t.cfg.Recipe.DeadAfter
	if !over || t.asked.Recipe.DeadAfter > 0 || t.inEpoch == 0 {
		return e.Dead, after
	}
	after = max(1, min(t.inEpoch, t.history.Steps*t.cfg.BatchSize/2))
	for _, idle := range t.stepper.Idle() {
		if idle >= int64(after) {
			dead++
		}
	}
	return dead, after
}

// againstDead says what to do against the dead latents of that epoch.
func (t *Trainer) againstDead(e train.EpochStats) string {
	_, ratio := t.ownRate()
	switch explains := t.net.explains(t.cfg.Loss) && !math.IsNaN(e.FVU); {
	case explains && !t.net.modern && t.cfg.Recipe.AuxK == 0:
		return "set Recipe.AuxK, or make the network without Config.Classic"
	case t.asked.LearningRate > 0 && !(ratio <= 1):
		return fmt.Sprintf("lower LearningRate, which is %.3g", t.cfg.LearningRate)
	}
	return "take fewer Latents, or train on more samples or for more steps"
}

// ownRate returns the rate that the library would choose, and the ratio of the training's to
// it; NaN where the rate or the optimizer go by other rules.
func (t *Trainer) ownRate() (own, ratio float64) {
	if !t.net.modern || t.asked.Optimizer != nil {
		return math.NaN(), math.NaN()
	}
	c := t.cfg
	c.LearningRate = 0
	own = c.withRate(t.net).LearningRate
	return own, t.cfg.LearningRate / own
}

// rateAdvice says what is wrong with the learning rate, or with the number of steps; "" is
// nothing.
func (t *Trainer) rateAdvice(epochs []train.EpochStats, over bool) string {
	rate, last := t.cfg.LearningRate, epochs[len(epochs)-1]
	own, ratio := t.ownRate()
	if t.cutShort != 0 {
		epochs = epochs[:len(epochs)-1] // the few samples of the last one say less
	}
	now, best := math.NaN(), math.Inf(1) // what the last whole epoch has, and the best before it
	for _, e := range epochs {
		if now < best {
			best = now
		}
		now = e.FVU
	}
	switch {
	case ratio <= lowRate:
		return fmt.Sprintf("LearningRate is %.3g, which is low for this network and its steps: leave it 0, which chooses %.2g", rate, own)
	case now > rising*best && now-best > slight && t.cfg.Recipe.KStart == 0:
		return fmt.Sprintf("the FVU has risen from %.4g to %.4g: lower LearningRate, which is %.3g", best, now, rate)
	case ratio >= highRate:
		return fmt.Sprintf("LearningRate is %.3g, which is high for this network and its steps: leave it 0, which chooses %.2g", rate, own)
	case !over:
		return ""
	case last.FVU > noGain && ratio == 1 && t.history.Steps < fewSeen:
		return fmt.Sprintf("the FVU is %.4g after %d steps, which are few: train for more epochs or steps", last.FVU, t.history.Steps)
	case last.FVU > noGain && t.net.modern && t.net.rows.Shift == nil && t.net.explains(t.cfg.Loss):
		return fmt.Sprintf("the FVU is %.4g, so next to nothing was learned: subtract their means from inputs and targets, and scale both to numbers of about 1", last.FVU)
	case last.FVU > noGain && ratio == 1:
		return fmt.Sprintf("the FVU is %.4g, so next to nothing was learned: train for more steps, or take a larger K", last.FVU)
	case last.FVU > noGain:
		return fmt.Sprintf("the FVU is %.4g, so next to nothing was learned: train for more steps, or change LearningRate, which is %.3g", last.FVU, rate)
	case ratio == 1 && t.history.Steps < fewSeen:
		return fmt.Sprintf("the training had %d steps, which are few: train for more epochs or steps", t.history.Steps)
	case last.LearningRate > endRate*rate && t.stillFalls(epochs):
		return fmt.Sprintf("the FVU still falls, to %.4g in the last epoch: train for more steps%s", now, orRaise(ratio, rate))
	}
	return ""
}

// orRaise says what else to do than more steps, but where the library has chosen the rate.
func orRaise(ratio, rate float64) string {
	if ratio == 1 {
		return ""
	}
	return fmt.Sprintf(", or raise LearningRate, which is %.3g", rate)
}

// stillFalls reports whether the FVU, and the validation loss where there is one, were falling
// at the end. The first epoch does not count: its mean has the start in it.
func (t *Trainer) stillFalls(epochs []train.EpochStats) bool {
	if len(epochs) < 3 {
		return false
	}
	before, now := epochs[len(epochs)-2], epochs[len(epochs)-1]
	return now.FVU < falling*before.FVU && before.FVU-now.FVU > slight && !(now.ValidationLoss >= before.ValidationLoss)
}

// countFar counts the samples in memory that are far from the others, as the network sees them.
// Where rows are normalised one by one no sample counts for more than others.
func (t *Trainer) countFar(f *feed.Feed) {
	if !t.net.scalesEachRow() && f.KeepsFar() {
		t.far, t.of = f.Far(feed.Settings{MaxNorm: farRow, FromMiddle: t.net.rows.Shift != nil})
	}
}

// length says what a sample has too much of, where norms are taken from the middle for a network
// with a pre-bias, or are not.
func (t *Trainer) length(middle bool) string {
	if middle && t.net.rows.Shift != nil {
		return "far from the middle of the samples as the median one"
	}
	return "long as the median one"
}
