package ksparse

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
)

// Optimizer says how a gradient moves parameters. The ones here are values whose
// zero fields stand for documented defaults; they hold no state, so one may
// serve any number of trainings. They leave a parameter as it is that would not stay
// finite. Implement it to add your own.
type Optimizer interface {
	// Validate returns an error where a setting makes no sense.
	Validate() error
	// DefaultRate is the learning rate where TrainConfig gives none.
	DefaultRate() float64
	// Slots is how many running values the optimizer keeps for each parameter.
	Slots() int
	// Update moves the parameters w against their gradient g, in place. state
	// holds Slots slices of the length of w, all zeros before the first step. step
	// counts from 1. Update is called for pieces of the parameters, such as a row
	// of weights, from several goroutines, never for one piece twice in a step.
	Update(w, g []float64, state [][]float64, rate float64, step int)
}

// mover is an Optimizer of ours: its Update leaves a parameter as it is that would
// not stay finite. move is Update and reports whether all stayed finite, so nobody has
// to keep a copy of them.
type mover interface {
	move(w, g []float64, state [][]float64, rate float64, step int) (finite bool)
}

// moverOf returns o where it is one of ours, else nil. (A type that embeds one of
// ours has its move, too, and an Update of its own.)
func moverOf(o Optimizer) mover {
	switch o := o.(type) {
	case SGD:
		return o
	case RMSProp:
		return o
	case AdaGrad:
		return o
	case Adam:
		return o
	case AdamW:
		return o
	}
	return nil
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
	if err := checkFraction("SGD.Momentum", o.Momentum); err != nil {
		return err
	}
	if o.Nesterov && o.Momentum == 0 {
		return errorf(ErrRange, "SGD.Nesterov needs a Momentum above 0")
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

func (o SGD) move(w, g []float64, state [][]float64, rate float64, _ int) bool {
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
	return firstError(checkFraction("RMSProp.Decay", o.Decay), checkNotNegative("RMSProp.Epsilon", o.Epsilon))
}

// DefaultRate implements Optimizer.
func (RMSProp) DefaultRate() float64 { return 0.001 }

// Slots implements Optimizer.
func (RMSProp) Slots() int { return 1 }

// Update implements Optimizer.
func (o RMSProp) Update(w, g []float64, state [][]float64, rate float64, step int) {
	o.move(w, g, state, rate, step)
}

func (o RMSProp) move(w, g []float64, state [][]float64, rate float64, _ int) bool {
	return kernel.RMSPropStep(w, g, state[0], rate, or(o.Decay, 0.99), or(o.Epsilon, 1e-8))
}

// AdaGrad divides by the root of the sum of all squares so far (Duchi et al.
// 2011):
//
//	s += g²;  w -= rate g / (sqrt(s) + Epsilon)
//
// The default rate is 0.01.
type AdaGrad struct {
	Epsilon float64 // 0 stands for 1e-10
}

// Validate implements Optimizer.
func (o AdaGrad) Validate() error { return checkNotNegative("AdaGrad.Epsilon", o.Epsilon) }

// DefaultRate implements Optimizer.
func (AdaGrad) DefaultRate() float64 { return 0.01 }

// Slots implements Optimizer.
func (AdaGrad) Slots() int { return 1 }

// Update implements Optimizer.
func (o AdaGrad) Update(w, g []float64, state [][]float64, rate float64, step int) {
	o.move(w, g, state, rate, step)
}

func (o AdaGrad) move(w, g []float64, state [][]float64, rate float64, _ int) bool {
	return kernel.AdaGradStep(w, g, state[0], rate, or(o.Epsilon, 1e-10))
}

// Adam is adaptive moment estimation (Kingma and Ba 2015, arXiv:1412.6980,
// algorithm 1), every parameter at every step:
//
//	m = Beta1 m + (1-Beta1) g;  v = Beta2 v + (1-Beta2) g²
//	w -= rate m/(1-Beta1^t) / (sqrt(v/(1-Beta2^t)) + Epsilon)
//
// The default rate is 0.001.
type Adam struct {
	Beta1   float64 // in [0, 1); 0 stands for 0.9
	Beta2   float64 // in [0, 1); 0 stands for 0.999
	Epsilon float64 // 0 stands for 1e-8
}

// Validate implements Optimizer.
func (o Adam) Validate() error {
	return firstError(checkFraction("Adam.Beta1", o.Beta1), checkFraction("Adam.Beta2", o.Beta2), checkNotNegative("Adam.Epsilon", o.Epsilon))
}

// DefaultRate implements Optimizer.
func (Adam) DefaultRate() float64 { return 0.001 }

// Slots implements Optimizer.
func (Adam) Slots() int { return 2 }

// Update implements Optimizer.
func (o Adam) Update(w, g []float64, state [][]float64, rate float64, step int) {
	o.move(w, g, state, rate, step)
}

func (o Adam) move(w, g []float64, state [][]float64, rate float64, step int) bool {
	return o.shrinkAndMove(w, g, state, 1, rate, step)
}

func (o Adam) shrinkAndMove(w, g []float64, state [][]float64, shrink, rate float64, step int) bool {
	beta1, beta2 := or(o.Beta1, 0.9), or(o.Beta2, 0.999)
	return kernel.AdamStep(w, g, state[0], state[1], shrink, rate, beta1, beta2,
		1-power(beta1, step), 1-power(beta2, step), or(o.Epsilon, 1e-8))
}

// AdamW is Adam with weight decay that bypasses the moments (Loshchilov and
// Hutter 2019, arXiv:1711.05101), in PyTorch's form: w *= 1 - rate WeightDecay
// before Adam's step. Weights and biases both decay. The default rate is 0.001.
type AdamW struct {
	Beta1       float64 // in [0, 1); 0 stands for 0.9
	Beta2       float64 // in [0, 1); 0 stands for 0.999
	Epsilon     float64 // 0 stands for 1e-8
	WeightDecay float64 // 0 stands for 0.01; for none take Adam
}

// Validate implements Optimizer.
func (o AdamW) Validate() error {
	return firstError(checkFraction("AdamW.Beta1", o.Beta1), checkFraction("AdamW.Beta2", o.Beta2),
		checkNotNegative("AdamW.Epsilon", o.Epsilon), checkNotNegative("AdamW.WeightDecay", o.WeightDecay))
}

// DefaultRate implements Optimizer.
func (AdamW) DefaultRate() float64 { return 0.001 }

// Slots implements Optimizer.
func (AdamW) Slots() int { return 2 }

// Update implements Optimizer.
func (o AdamW) Update(w, g []float64, state [][]float64, rate float64, step int) {
	o.move(w, g, state, rate, step)
}

func (o AdamW) move(w, g []float64, state [][]float64, rate float64, step int) bool {
	adam := Adam{Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon}
	return adam.shrinkAndMove(w, g, state, 1-float64(rate*or(o.WeightDecay, 0.01)), rate, step)
}

// power returns x to the power n >= 0 by multiplication alone, so that its bits
// are the same on every processor.
func power(x float64, n int) float64 {
	p := 1.0
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			p *= x
		}
		x *= x
	}
	return p
}

// or returns v, or byDefault where v is zero.
func or(v, byDefault float64) float64 {
	if v == 0 {
		return byDefault
	}
	return v
}

func checkFraction(name string, v float64) error {
	if !(v >= 0 && v < 1) {
		return errorf(ErrRange, "%s is %v, want 0 <= %s < 1", name, v, name)
	}
	return nil
}

func checkNotNegative(name string, v float64) error {
	if !(v >= 0 && v <= math.MaxFloat64) {
		return errorf(ErrRange, "%s is %v, want a finite number that is 0 or more", name, v)
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
