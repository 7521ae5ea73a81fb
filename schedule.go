package ksparse

import "math"

// Schedule says how the learning rate changes over the steps of a training.
// Implement it to add your own.
type Schedule interface {
	// Validate returns an error where a setting makes no sense.
	Validate() error
	// Factor returns what the learning rate is multiplied by at a step, counted
	// from 0, of a training of so many steps.
	Factor(step, steps int) float64
}

// ConstantRate leaves the learning rate as it is: factor 1.
type ConstantRate struct{}

// Validate implements Schedule.
func (ConstantRate) Validate() error { return nil }

// Factor implements Schedule.
func (ConstantRate) Factor(int, int) float64 { return 1 }

// StepDecay multiplies the rate by Factor after every so many steps:
// Gamma^floor(step/Every), as PyTorch's StepLR.
type StepDecay struct {
	Every int     // steps, at least 1
	Gamma float64 // above 0; 0 stands for 0.1
}

// Validate implements Schedule.
func (s StepDecay) Validate() error {
	if s.Every < 1 {
		return errorf(ErrRange, "StepDecay.Every is %d steps, want at least 1", s.Every)
	}
	return checkNotNegative("StepDecay.Gamma", s.Gamma)
}

// Factor implements Schedule.
func (s StepDecay) Factor(step, _ int) float64 { return power(or(s.Gamma, 0.1), step/s.Every) }

// ExponentialDecay multiplies the rate by Gamma at each step: Gamma^step, as
// PyTorch's ExponentialLR.
type ExponentialDecay struct {
	Gamma float64 // above 0; 0 stands for 0.999
}

// Validate implements Schedule.
func (s ExponentialDecay) Validate() error {
	return checkNotNegative("ExponentialDecay.Gamma", s.Gamma)
}

// Factor implements Schedule.
func (s ExponentialDecay) Factor(step, _ int) float64 { return power(or(s.Gamma, 0.999), step) }

// CosineDecay goes from 1 down to End along half a cosine (Loshchilov and Hutter
// 2017, arXiv:1608.03983, without restarts): End + (1-End)(1+cos(pi step/steps))/2.
type CosineDecay struct {
	End float64 // the factor after the last step, 0 to 1; 0 is none left
}

// Validate implements Schedule.
func (s CosineDecay) Validate() error { return checkShare("CosineDecay.End", s.End) }

// Factor implements Schedule.
func (s CosineDecay) Factor(step, steps int) float64 {
	return s.End + float64((1-s.End)*(1+cosPi(progress(step, steps)))/2)
}

// cosPi returns cos(pi t) for t from 0 to 1, as -sin(pi (t-1/2)) by its Taylor
// series, whose first term left out is below 1e-17. math.Cos would do, but for
// the last bit that may differ between processors.
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
	End   float64 // the factor after the last step, 0 to 1; 0 is none left
}

// Validate implements Schedule.
func (s LinearDecay) Validate() error {
	return firstError(checkShare("LinearDecay.Start", s.Start), checkShare("LinearDecay.End", s.End))
}

// Factor implements Schedule.
func (s LinearDecay) Factor(step, steps int) float64 {
	t := progress(step, steps)
	if t <= s.Start {
		return 1
	}
	return 1 - float64((1-s.End)*(t-s.Start))/(1-s.Start)
}

// Warmup goes up in a straight line over the first Steps steps, (step+1)/Steps
// of what Then says, and leaves the rest to Then.
type Warmup struct {
	Steps int      // 0 is no warm-up
	Then  Schedule // nil stands for ConstantRate
}

// Validate implements Schedule.
func (s Warmup) Validate() error {
	if s.Steps < 0 {
		return errorf(ErrRange, "Warmup.Steps is %d, want 0 or more", s.Steps)
	}
	if s.Then == nil {
		return nil
	}
	return s.Then.Validate()
}

// Factor implements Schedule. Then sees the steps of the whole training.
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

// progress returns the share of the steps that are done.
func progress(step, steps int) float64 { return float64(step) / float64(max(steps, 1)) }

func checkShare(name string, v float64) error {
	if !(v >= 0 && v <= 1) {
		return errorf(ErrRange, "%s is %v, want 0 to 1", name, v)
	}
	return nil
}
