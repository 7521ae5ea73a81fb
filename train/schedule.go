package train

import (
	"cmp"
	"math"

	"github.com/ksparse/ksparse/internal/fault"
)

// Schedule says how the learning rate changes over the steps of a training.
type Schedule interface {
	// Validate returns an error where a setting makes no sense.
	Validate() error
	// Factor returns what the learning rate is multiplied by at the given step,
	// counted from 0, of a training that has steps of them in all.
	Factor(step, steps int) float64
}

// ConstantRate leaves the learning rate as it is: factor 1.
type ConstantRate struct{}

// Validate implements Schedule.
func (ConstantRate) Validate() error { return nil }

// Factor implements Schedule.
func (ConstantRate) Factor(int, int) float64 { return 1 }

// StepDecay multiplies the rate by Gamma each time that Every steps are done:
// Gamma^floor(step/Every), as PyTorch's StepLR.
type StepDecay struct {
	Every int     // steps, at least 1
	Gamma float64 // above 0; 0 stands for 0.1
}

// Validate implements Schedule.
func (s StepDecay) Validate() error {
	if s.Every < 1 {
		return fault.Errorf(fault.ErrRange, "StepDecay.Every is %d steps, want at least 1", s.Every)
	}
	return fault.NotNegative("StepDecay.Gamma", s.Gamma)
}

// Factor implements Schedule.
func (s StepDecay) Factor(step, _ int) float64 { return power(cmp.Or(s.Gamma, 0.1), step/s.Every) }

// ExponentialDecay multiplies the rate by Gamma at each step: Gamma^step, as
// PyTorch's ExponentialLR.
type ExponentialDecay struct {
	Gamma float64 // above 0; 0 stands for 0.999
}

// Validate implements Schedule.
func (s ExponentialDecay) Validate() error {
	return fault.NotNegative("ExponentialDecay.Gamma", s.Gamma)
}

// Factor implements Schedule.
func (s ExponentialDecay) Factor(step, _ int) float64 { return power(cmp.Or(s.Gamma, 0.999), step) }

// CosineDecay goes from 1 down to End along half a cosine (Loshchilov and Hutter
// 2017, arXiv:1608.03983, without restarts): End + (1-End)(1+cos(pi step/steps))/2.
type CosineDecay struct {
	End float64 // the factor after the last step, 0 to 1
}

// Validate implements Schedule.
func (s CosineDecay) Validate() error { return fault.Share("CosineDecay.End", s.End) }

// Factor implements Schedule.
func (s CosineDecay) Factor(step, steps int) float64 {
	return s.End + float64((1-s.End)*(1+cosPi(shareDone(step, steps)))/2)
}

// cosPi returns cos(pi t) for t from 0 to 1, as -sin(pi (t-1/2)) by its Taylor
// series, whose first term left out is below 1e-17. math.Cos would do, except that
// its last bit may differ between processors.
func cosPi(t float64) float64 {
	x := math.Pi * (t - 0.5)
	sum := 0.0
	for n := 21; n >= 3; n -= 2 {
		// sin x = x (1 - x²/(2·3) (1 - x²/(4·5) (1 - ...)))
		sum = x * x / float64((n-1)*n) * (1 - sum)
	}
	return float64(-x * (1 - sum))
}

// LinearDecay stays at 1 until Start, a share of the steps, and then goes down
// to End in a straight line: 1 for t <= Start, else
// 1 - (1-End)(t-Start)/(1-Start), where t = step/steps.
type LinearDecay struct {
	Start float64 // 0 to 1
	End   float64 // the factor after the last step, 0 to 1
}

// Validate implements Schedule.
func (s LinearDecay) Validate() error {
	return fault.First(fault.Share("LinearDecay.Start", s.Start), fault.Share("LinearDecay.End", s.End))
}

// Factor implements Schedule.
func (s LinearDecay) Factor(step, steps int) float64 {
	t := shareDone(step, steps)
	if t <= s.Start {
		return 1
	}
	return 1 - float64((1-s.End)*(t-s.Start))/(1-s.Start)
}

// Warmup goes up in a straight line over the first Steps steps: the factor is
// (step+1)/Steps times that of Then. After them it is that of Then alone.
type Warmup struct {
	Steps int      // 0 is no warm-up
	Then  Schedule // nil stands for ConstantRate
}

// Validate implements Schedule.
func (s Warmup) Validate() error {
	switch err := fault.Count("Warmup.Steps", s.Steps); {
	case err != nil || s.Then == nil:
		return err
	case fault.IsNil(s.Then):
		return fault.Errorf(fault.ErrEmpty, "Warmup.Then is a nil %T", s.Then)
	}
	return s.Then.Validate()
}

// Factor implements Schedule. Then is given the step and the steps of the whole
// training, those of the warm-up among them.
func (s Warmup) Factor(step, steps int) float64 {
	f := 1.0
	if s.Then != nil {
		f = s.Then.Factor(step, steps)
	}
	if step < s.Steps {
		f *= float64(step+1) / float64(s.Steps)
	}
	return f
}

// shareDone returns the share of the steps that are done.
func shareDone(step, steps int) float64 { return float64(step) / float64(max(steps, 1)) }
