package engine

import (
	"fmt"
	"math"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// Recipe says how to train. Its fields are those of ksparse.TrainConfig, with all
// defaults in place.
type Recipe struct {
	Loss  Loss
	Slots int // running values that the optimizer keeps for each parameter
	// Move moves the parameters w against their gradient g, and reports whether all of
	// them stayed finite; one that would not has stayed as it was.
	Move func(w, g []float64, state [][]float64, rate float64, step int) (finite bool)

	L1, L2, ClipNorm float64

	ScaleGradients bool
	BiasScale      float64 // biases are moved as BiasScale times a number
	EncoderDecay   float64 // of the last sparse layer's weights

	UnitNorm   bool
	AuxK       int // 0 for none
	AuxWeight  float64
	DeadAfter  int // rows without the latent active
	MultiTopK  float64
	Matryoshka []int
	KStart     int
	KAnneal    float64

	Variance float64 // of the data: the mean of |y-ȳ|²; NaN where there is none
	Steps    int     // of the whole training
}

// Report is what a step says of its batch, before the step.
type Report struct {
	Loss         float64 // all that is made small but for penalties
	FVU          float64 // of the reconstruction; NaN where it is not defined
	L0           float64 // latents active per row
	Dead         int     // latents idle for so long that they count as dead
	GradientNorm float64 // of all parameters together, before clipping
}

// training is what all parts of a step work on.
type training struct {
	recipe   Recipe
	pass     *Pass
	activity *activity // of the last sparse layer; nil where there is none
	number   int       // of the step under way, from 1
}

// objective does the last layer and the loss of a step.
type objective interface {
	// run finds the deltas of the loss between what the last layer gives and y. It goes
	// back to the codes: the gradients of the layers above layer below are in place
	// then, and layer below, from which backward goes on, has the delta at its output.
	run(t *training, y matrix.Rows) (r Report, below int, err error)
}

// measured makes the report of a loss, or says why it is not finite.
func (t *training) measured(loss float64, err error) (Report, error) {
	p := t.pass
	if err != nil || !finite(loss) {
		switch {
		case p.output.NotFiniteRow() >= 0:
			return Report{}, t.diverged("the output is no longer finite")
		case err != nil:
			return Report{}, fault.Errorf(err, "step %d: %s", t.number, fault.Text(err))
		}
		return Report{}, t.diverged("the loss is %v", loss)
	}
	report := Report{Loss: loss, FVU: t.fvu(loss)}
	if math.IsInf(report.FVU, 0) {
		return Report{}, t.diverged("the loss is %v, beside a variance of the data of %v", loss, t.recipe.Variance)
	}
	if t.activity != nil {
		report.L0, report.Dead = t.activity.see(p.layers[p.Network.LastSparse()].out.codes, t.recipe.DeadAfter)
		t.followThresholds()
	}
	return report, nil
}

// fvu is the fraction of variance unexplained that a mean squared error comes to.
func (t *training) fvu(loss float64) float64 {
	if !(t.recipe.Variance > 0) { // or it is NaN
		return math.NaN()
	}
	return loss / t.recipe.Variance
}

// diverged makes the error of a training whose numbers are no longer finite.
func (t *training) diverged(format string, args ...any) error {
	return fault.Errorf(fault.ErrDiverged, "training diverged at step %d: %s", t.number, fmt.Sprintf(format, args...))
}

// finite reports whether v is neither NaN nor an infinity.
func finite(v float64) bool { return v-v == 0 }
