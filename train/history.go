package train

import (
	"fmt"
	"time"
)

// Progress is what a training tells its callback after a step.
type Progress struct {
	Step, Steps    int     // steps done, and in the whole training (at most, see History.LeftOut)
	Epoch, Epochs  int     // the epoch under way, from 1, and how many there are
	EpochEnd       bool    // this was the epoch's last step, or the training's
	Loss           float64 // of this step's batch, before the step
	EpochLoss      float64 // mean over the epoch's samples up to now
	ValidationLoss float64 // after the last epoch that ended; NaN if there is none

	// FVU is the fraction of variance unexplained, before the step: the squared error of
	// the reconstruction, without what a Recipe adds to the loss, over V, with the loss
	// ksparse.SquaredError; V is the mean over the training samples of |y-ȳ|² and
	// ȳ their mean (over those of the first buffer where a data.Source is larger than
	// that). It is NaN with another loss or where V is 0: V counts only columns whose
	// numbers differ by more than 2^-48 of their size, for less is rounding. EpochFVU is
	// its mean over the epoch's samples up to now: a single batch, the last one above all,
	// which may be short, says little.
	FVU, EpochFVU float64

	L0           float64 // mean number of latents active in this step
	Dead         int     // latents not active for Recipe.DeadAfter samples
	GradientNorm float64 // of all parameters together, before clipping

	// Advice is History.Advice up to now, at the end of an epoch; nil after other steps.
	Advice []string

	LearningRate     float64       // of this step
	SamplesPerSecond float64       // since the training began or was resumed, validation left out
	Elapsed          time.Duration // since the training began or was resumed

	// Left is about how long the other steps will take, validation and callback among
	// them, by the time that those since the training began or was resumed took: at most,
	// where Validation.Patience or MaxNorm may end it sooner. (In the first steps, and in the
	// first epoch, none or few of those were timed yet.) It is 0 after the last step,
	// and where a Trainer was not told how many Steps there will be.
	Left time.Duration
}

// History is what a training leaves behind.
type History struct {
	Epochs    []EpochStats // the epochs that were completed; TrainConfig.Steps can cut the last one short
	Steps     int          // the steps that were completed
	BestEpoch int          // the epoch, from 1, with the lowest loss of those that Validation.Patience compares; 0 before the first
	Stop      StopReason
	// LeftOut is how many samples TrainConfig.MaxNorm has left out. Each epoch leaves
	// out the same ones. Where a data.Source is larger than the buffer they are found
	// as the first epoch reads them, and LeftOut counts those that are found. So there the
	// number of steps that Progress and the Schedule are given, which is computed before
	// the first, is that without MaxNorm.
	LeftOut int
	// Advice says, a sentence each, what of the last epoch is not as good as it could be, and
	// what to change: many dead latents, a learning rate that is too high or too low, thresholds that
	// were not learned, samples that are far longer than the others. It is nil where
	// nothing was noticed. That more steps would help it says at the end of the training alone.
	Advice []string
	Time   time.Duration // of the training; of its last part where it was resumed
}

// EpochStats is one epoch's line of the History.
type EpochStats struct {
	Epoch          int           // from 1
	TrainLoss      float64       // mean over the epoch's samples, each measured before its step
	ValidationLoss float64       // after the epoch; NaN without validation
	LearningRate   float64       // of the epoch's last step
	FVU            float64       // mean over the epoch's samples of Progress.FVU
	L0             float64       // mean over the samples of the number of active latents
	Dead           int           // latents not active for Recipe.DeadAfter samples, after the last step
	GradientNorm   float64       // mean over the steps, before clipping
	Time           time.Duration // with validation; since the training was resumed, if that was in this epoch
}

// StopReason says why a training ended.
type StopReason uint8

const (
	StopDone       StopReason = iota // all epochs, or all steps, are done
	StopPatience                     // no better epoch for Validation.Patience epochs
	StopCallback                     // the callback returned an error, such as ksparse.ErrStop
	StopContext                      // the context was done
	StopDiverged                     // a loss or parameter would have become NaN or infinite
	StopLoss                         // the loss is not defined for the network's output
	StopSource                       // the data.Source gave an error, or rows that are not finite
	StopCheckpoint                   // a checkpoint could not be written
	stopReasons                      // their number
)

var stopReasonNames = [stopReasons]string{"all done", "no more improvement", "stopped by callback", "context done",
	"diverged", "loss undefined", "source failed", "checkpoint not written"}

// String returns the reason in a few words, such as "context done".
func (r StopReason) String() string {
	if r < stopReasons {
		return stopReasonNames[r]
	}
	return fmt.Sprintf("StopReason(%d)", uint8(r))
}
