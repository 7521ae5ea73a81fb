package train

import (
	"cmp"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
)

// Optimizer says how a gradient moves parameters. Those of this package hold no
// state, so that one value may serve any number of trainings. They leave a parameter
// unchanged where its new value would be NaN or infinite.
type Optimizer interface {
	// Validate returns an error where a setting makes no sense.
	Validate() error
	// DefaultRate is the learning rate where ksparse.TrainConfig gives none. For Adam
	// and AdamW there is an exception: see ksparse.TrainConfig.LearningRate.
	DefaultRate() float64
	// Slots is how many running values the optimizer keeps for each parameter.
	Slots() int
	// Update moves the parameters w against their gradient g, in place. state
	// holds Slots slices of the length of w, all zeros before the first step. step
	// counts from 1. Update is called for pieces of the parameters, such as a row
	// of weights, from several goroutines, never twice for one piece in a step.
	Update(w, g []float64, state [][]float64, rate float64, step int)
}

// SGD is stochastic gradient descent, in PyTorch's form:
//
//	v = Momentum v + g;  w -= rate v                  (w -= rate g without momentum)
//	                     w -= rate (g + Momentum v)   (Nesterov)
//
// The default rate is 0.01.
type SGD struct {
	Momentum float64 // in [0, 1); 0 is none
	Nesterov bool    // needs a Momentum above 0 (Sutskever et al. 2013)
}

// Validate implements Optimizer.
func (o SGD) Validate() error {
	if err := fault.Fraction("SGD.Momentum", o.Momentum); err != nil {
		return err
	}
	if o.Nesterov && o.Momentum == 0 {
		return fault.Errorf(fault.ErrRange, "SGD.Nesterov needs a Momentum above 0")
	}
	return nil
}

// DefaultRate implements Optimizer.
func (SGD) DefaultRate() float64 { return 0.01 }

// Slots implements Optimizer.
func (o SGD) Slots() int {
	if o.Momentum == 0 {
		return 0
	}
	return 1
}

// Update implements Optimizer.
func (o SGD) Update(w, g []float64, state [][]float64, rate float64, step int) {
	o.move(w, g, state, rate, step)
}

// move is Update, and reports whether all parameters stayed finite: see MoveOf.
func (o SGD) move(w, g []float64, state [][]float64, rate float64, _ int) (finite bool) {
	if o.Momentum == 0 {
		return kernel.SGDStep(w, g, rate)
	}
	return kernel.MomentumStep(w, g, state[0], rate, o.Momentum, o.Nesterov)
}

// RMSProp divides by a running root mean square (Tieleman and Hinton 2012,
// Coursera lecture 6.5), in PyTorch's form:
//
//	s = Decay s + (1-Decay) g²;  w -= rate g / (sqrt(s) + Epsilon)
//
// The default rate is 0.001.
type RMSProp struct {
	Decay   float64 // in [0, 1); 0 stands for 0.99
	Epsilon float64 // 0 stands for 1e-8
}

// Validate implements Optimizer.
func (o RMSProp) Validate() error {
	return fault.First(fault.Fraction("RMSProp.Decay", o.Decay), fault.NotNegative("RMSProp.Epsilon", o.Epsilon))
}

// DefaultRate implements Optimizer.
func (RMSProp) DefaultRate() float64 { return 0.001 }

// Slots implements Optimizer.
func (RMSProp) Slots() int { return 1 }

// Update implements Optimizer.
func (o RMSProp) Update(w, g []float64, state [][]float64, rate float64, step int) {
	o.move(w, g, state, rate, step)
}

func (o RMSProp) move(w, g []float64, state [][]float64, rate float64, _ int) (finite bool) {
	return kernel.RMSPropStep(w, g, state[0], rate, cmp.Or(o.Decay, 0.99), cmp.Or(o.Epsilon, 1e-8))
}

// AdaGrad divides by the root of the sum of all squared gradients up to now (Duchi et
// al. 2011):
//
//	s += g²;  w -= rate g / (sqrt(s) + Epsilon)
//
// The default rate is 0.01.
type AdaGrad struct {
	Epsilon float64 // 0 stands for 1e-10
}

// Validate implements Optimizer.
func (o AdaGrad) Validate() error { return fault.NotNegative("AdaGrad.Epsilon", o.Epsilon) }

// DefaultRate implements Optimizer.
func (AdaGrad) DefaultRate() float64 { return 0.01 }

// Slots implements Optimizer.
func (AdaGrad) Slots() int { return 1 }

// Update implements Optimizer.
func (o AdaGrad) Update(w, g []float64, state [][]float64, rate float64, step int) {
	o.move(w, g, state, rate, step)
}

func (o AdaGrad) move(w, g []float64, state [][]float64, rate float64, _ int) (finite bool) {
	return kernel.AdaGradStep(w, g, state[0], rate, cmp.Or(o.Epsilon, 1e-10))
}
