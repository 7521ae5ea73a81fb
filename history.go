package ksparse

import "time"

// Progress is what a training tells its callback after a step.
type Progress struct {
	Step, Steps    int     // steps done, and in the whole training (at most, see History.LeftOut)
	Epoch, Epochs  int     // the epoch under way, from 1, and how many there are
	EpochEnd       bool    // this was the epoch's last step
	Loss           float64 // of this step's batch, before the step
	EpochLoss      float64 // mean over the epoch's samples so far
	ValidationLoss float64 // after the last epoch that ended; NaN if there is none

	// FVU is the fraction of variance unexplained, Loss/V with SquaredError and V the
	// mean over the training samples of |y-ȳ|², ȳ their mean (over those of the first
	// buffer where a Source is larger); NaN with another loss or where V is 0.
	FVU          float64
	L0           float64 // mean number of latents active in this step
	Dead         int     // latents not active for AuxK.DeadAfter samples
	GradientNorm float64 // of all parameters together, before clipping

	LearningRate     float64       // of this step
	SamplesPerSecond float64       // since Train was called, validation left out
	Elapsed          time.Duration // since Train was called
}

// History is what a training leaves behind.
type History struct {
	Epochs    []EpochStats // the epochs that were completed
	Steps     int          // the steps that were completed
	BestEpoch int          // the epoch, from 1, with the lowest loss that Patience looks at; 0 before the first
	Stop      StopReason
	// LeftOut is how many samples MaxNorm has left out. Of a Source larger than the
	// buffer they are those that the first epoch has come upon so far: each epoch
	// leaves out the same ones. There they are not known before, so that steps are
	// counted in advance, for Progress and the Schedule, as if none were left out.
	LeftOut int
	Time    time.Duration // of the call of Train, of the last one where it was resumed
}

// EpochStats is one epoch's line of the History.
type EpochStats struct {
	Epoch          int           // from 1
	TrainLoss      float64       // mean over the epoch's samples, each measured before its step
	ValidationLoss float64       // after the epoch; NaN without validation
	LearningRate   float64       // of the epoch's last step
	FVU            float64       // TrainLoss over the variance of the data, with SquaredError; else NaN
	L0             float64       // mean over the samples of the number of active latents
	Dead           int           // latents not active for AuxK.DeadAfter samples, after the last step
	GradientNorm   float64       // mean over the steps, before clipping
	Time           time.Duration // with validation; since it was resumed, if it was
}

// StopReason says why a training ended.
type StopReason uint8

const (
	StopEpochs     StopReason = iota // all epochs are done
	StopPatience                     // no better epoch for TrainConfig.Patience epochs
	StopCallback                     // the callback returned an error, ErrStop for instance
	StopContext                      // the context was done
	StopDiverged                     // a loss or parameter would have become NaN or infinite
	StopLoss                         // the loss is not defined for the network's output
	StopSource                       // the Source gave an error, or rows that are not finite
	StopCheckpoint                   // a checkpoint could not be written
	stopReasons                      // their number
)

var stopNames = [stopReasons]string{"all epochs done", "no more improvement", "stopped by callback", "context done",
	"diverged", "loss undefined", "source failed", "checkpoint not written"}

// String says the reason in a few words.
func (r StopReason) String() string {
	if r < stopReasons {
		return stopNames[r]
	}
	return "unknown"
}
