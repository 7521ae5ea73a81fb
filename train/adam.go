package train

import (
	"cmp"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
)

// Adam is adaptive moment estimation (Kingma and Ba 2015, arXiv:1412.6980,
// algorithm 1), every parameter at every step:
//
//	m = Beta1 m + (1-Beta1) g;  v = Beta2 v + (1-Beta2) g²
//	w -= rate m/(1-Beta1^t) / (sqrt(v/(1-Beta2^t)) + Epsilon)
//
// The default rate is 0.001 for a network without a sparse layer. With one it depends
// on the number of latents: see ksparse.TrainConfig.LearningRate.
type Adam struct {
	Beta1   float64 // in [0, 1); 0 stands for 0.9
	Beta2   float64 // in [0, 1); 0 stands for 0.999
	Epsilon float64 // 0 stands for 1e-8
}

// Validate implements Optimizer.
func (o Adam) Validate() error {
	return fault.First(fault.Fraction("Adam.Beta1", o.Beta1), fault.Fraction("Adam.Beta2", o.Beta2),
		fault.NotNegative("Adam.Epsilon", o.Epsilon))
}

// DefaultRate implements Optimizer. It is for networks without a sparse layer.
func (Adam) DefaultRate() float64 { return 0.001 }

// Slots implements Optimizer.
func (Adam) Slots() int { return 2 }

// Update implements Optimizer.
func (o Adam) Update(w, g []float64, state [][]float64, rate float64, step int) {
	o.move(w, g, state, rate, step)
}

func (o Adam) move(w, g []float64, state [][]float64, rate float64, step int) (finite bool) {
	return o.shrinkAndMove(w, g, state, 1, rate, step)
}

// shrinkAndMove multiplies the parameters by shrink and takes Adam's step from there.
func (o Adam) shrinkAndMove(w, g []float64, state [][]float64, shrink, rate float64, step int) (finite bool) {
	beta1, beta2 := cmp.Or(o.Beta1, 0.9), cmp.Or(o.Beta2, 0.999)
	return kernel.AdamStep(w, g, state[0], state[1], shrink, rate, beta1, beta2,
		1-power(beta1, step), 1-power(beta2, step), cmp.Or(o.Epsilon, 1e-8))
}

// AdamW is Adam with weight decay that bypasses the moments (Loshchilov and
// Hutter 2019, arXiv:1711.05101), in PyTorch's form: w *= 1 - rate WeightDecay
// before Adam's step. Weights and biases both decay. The default rate is that of Adam.
type AdamW struct {
	Beta1       float64 // in [0, 1); 0 stands for 0.9
	Beta2       float64 // in [0, 1); 0 stands for 0.999
	Epsilon     float64 // 0 stands for 1e-8
	WeightDecay float64 // 0 stands for 0.01; for none take Adam
}

// Validate implements Optimizer.
func (o AdamW) Validate() error {
	return fault.First(fault.Fraction("AdamW.Beta1", o.Beta1), fault.Fraction("AdamW.Beta2", o.Beta2),
		fault.NotNegative("AdamW.Epsilon", o.Epsilon), fault.NotNegative("AdamW.WeightDecay", o.WeightDecay))
}

// DefaultRate implements Optimizer. It is for networks without a sparse layer.
func (AdamW) DefaultRate() float64 { return 0.001 }

// Slots implements Optimizer.
func (AdamW) Slots() int { return 2 }

// Update implements Optimizer.
func (o AdamW) Update(w, g []float64, state [][]float64, rate float64, step int) {
	o.move(w, g, state, rate, step)
}

func (o AdamW) move(w, g []float64, state [][]float64, rate float64, step int) (finite bool) {
	adam := Adam{Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon}
	return adam.shrinkAndMove(w, g, state, 1-float64(rate*cmp.Or(o.WeightDecay, 0.01)), rate, step)
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
