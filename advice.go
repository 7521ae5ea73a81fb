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
	farRow   = 10    // times the median norm above which a sample is far longer than the others
	highRate = 4     // times the library's own choice from which on a rate is high
	lowRate  = 0.125 // times the library's own choice up to which a rate is low
	rising   = 1.05  // of the lowest FVU of the epochs before: above it the FVU rises
	falling  = 0.9   // of the FVU of the epoch before: below it there is more to gain
	noGain   = 0.98  // the FVU above which next to nothing was learned
	endRate  = 0.2   // of the training's rate: above it the schedule has not come to its end
	offK     = 0.1   // of k: how far an L0 may be from it
)

// advice lists what is not as good as it could be after the last epoch.
func (t *Trainer) advice() (all []string) {
	epochs := t.history.Epochs
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	e := epochs[len(epochs)-1]
	_, l := t.net.lastSparse()
	if l != nil && float64(e.Dead) > manyDead*float64(l.out) {
		say("%d of %d latents are dead (not active in the last %d samples): %s", e.Dead, l.out, t.cfg.Recipe.DeadAfter, t.againstDead())
	}
	if about := t.rateAdvice(epochs); about != "" {
		say("%s", about)
	}
	if l != nil && l.selection == SelectThreshold && l.k > 0 && math.Abs(e.L0-float64(l.k)) > offK*float64(l.k) {
		say("%.3g latents are active, not the %d of K: training does not learn the thresholds of SelectThreshold. Call Calibrate, or train with SelectBatchTopK", e.L0, l.k)
	}
	if left := t.history.LeftOut; left > 0 {
		say("%d samples were left out, each more than %v times as long as the median one: a larger TrainConfig.MaxNorm keeps more of them", left, t.cfg.MaxNorm)
	}
	if t.far > 0 {
		say("%d samples are more than %d times as long as the median one, and count for far more than others: leave them out with TrainConfig.MaxNorm", t.far, farRow)
	}
	return all
}

// againstDead says what to do against dead latents.
func (t *Trainer) againstDead() string {
	switch {
	case !t.net.modern && t.cfg.Recipe.AuxK == 0:
		return "set Recipe.AuxK, or make the network without Config.Classic"
	case t.asked.LearningRate > 0:
		return fmt.Sprintf("lower LearningRate, which is %.3g", t.cfg.LearningRate)
	}
	return "take fewer Latents, or train on more samples or for more steps"
}

// rateAdvice says what is wrong with the learning rate; "" is nothing.
func (t *Trainer) rateAdvice(epochs []train.EpochStats) string {
	e, rate := epochs[len(epochs)-1], t.cfg.LearningRate
	own := t.cfg
	own.LearningRate = 0
	ratio := math.NaN() // to the library's own choice, where there is one
	if own = own.withRate(t.net); t.net.modern && t.cfg.Recipe.ScaleGradients {
		ratio = rate / own.LearningRate
	}
	before, best := math.NaN(), math.Inf(1)
	for _, b := range epochs[:len(epochs)-1] {
		before, best = b.FVU, min(best, b.FVU)
	}
	switch {
	case e.FVU > rising*best:
		return fmt.Sprintf("the FVU has risen from %.4g to %.4g, so LearningRate, which is %.3g, is too high: lower it", best, e.FVU, rate)
	case ratio >= highRate:
		return fmt.Sprintf("LearningRate is %.3g, which is high for this network and its steps: leave it 0, which chooses %.2g", rate, own.LearningRate)
	case ratio <= lowRate:
		return fmt.Sprintf("LearningRate is %.3g, which is low for this network and its steps: leave it 0, which chooses %.2g", rate, own.LearningRate)
	case e.FVU > noGain:
		return fmt.Sprintf("the FVU is %.4g, so that next to nothing was learned: train for more steps, or raise LearningRate, which is %.3g", e.FVU, rate)
	case e.FVU < falling*before && e.LearningRate > endRate*rate:
		return fmt.Sprintf("the FVU still falls, from %.4g to %.4g in the last epoch: train for more steps, or raise LearningRate, which is %.3g", before, e.FVU, rate)
	}
	return ""
}

// countFar counts the samples in memory that are far longer than the others. Where rows are
// normalised one by one no sample counts for more than others.
func (t *Trainer) countFar(f *feed.Feed) {
	if kind := Normalization(t.net.rows.Kind); kind != LayerNorm && kind != UnitRMS && t.cfg.MaxNorm == 0 {
		t.far = f.Far(farRow)
	}
}
