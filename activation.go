package ksparse

import (
	"fmt"
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
)

// Activation is the function f that a layer applies to each pre-activation. Its
// derivative is always taken at the pre-activation, never at the output: Swish
// and GELU take the same value at two places with different slopes, and ELU's
// slope cannot be read off a rounded output.
//
// The zero value is Identity.
type Activation uint8

const (
	Identity    Activation = iota // z
	Sigmoid                       // 1/(1+exp(-z))
	ReLU                          // max(z, 0); the derivative at 0 is 0
	Tanh                          // tanh(z)
	LeakyReLU                     // z for z > 0, else 0.01 z
	ELU                           // z for z > 0, else exp(z)-1 (Clevert et al. 2015, arXiv:1511.07289)
	Swish                         // z/(1+exp(-z)), also called SiLU (Ramachandran et al. 2017, arXiv:1710.05941)
	GELU                          // z/2 (1+tanh(sqrt(2/pi) (z+0.044715 z³))) (Hendrycks and Gimpel 2016, arXiv:1606.08415)
	activations                   // their number
)

const leakySlope = 0.01

var activationNames = [activations]string{
	"identity", "sigmoid", "relu", "tanh", "leaky_relu", "elu", "swish", "gelu",
}

// String returns the activation's name in lower case, such as "leaky_relu".
func (a Activation) String() string {
	if a >= activations {
		return fmt.Sprintf("Activation(%d)", uint8(a))
	}
	return activationNames[a]
}

// The constants of GELU: sqrt(2/pi), and the weight of the cube.
const (
	geluRoot = 0.7978845608028653558798921198687
	geluCube = 0.044715
)

// Value returns f(z).
func (a Activation) Value(z float64) float64 {
	switch a {
	case Sigmoid:
		return kernel.Sigmoid(z)
	case ReLU:
		if z > 0 {
			return z
		}
		return 0
	case Tanh:
		return kernel.Tanh(z)
	case LeakyReLU:
		if z > 0 {
			return z
		}
		return leakySlope * z
	case ELU:
		if z > 0 {
			return z
		}
		return kernel.Expm1(z)
	case Swish:
		return z * kernel.Sigmoid(z)
	case GELU:
		return 0.5 * z * (1 + kernel.Tanh(geluInner(z)))
	}
	return z
}

// Derivative returns f'(z) at the pre-activation z.
func (a Activation) Derivative(z float64) float64 {
	switch a {
	case Sigmoid:
		s := kernel.Sigmoid(z)
		return s * (1 - s)
	case ReLU:
		if z > 0 {
			return 1
		}
		return 0
	case Tanh:
		t := kernel.Tanh(z)
		return math.FMA(-t, t, 1)
	case LeakyReLU:
		if z > 0 {
			return 1
		}
		return leakySlope
	case ELU:
		if z > 0 {
			return 1
		}
		return kernel.Exp(z)
	case Swish:
		s := kernel.Sigmoid(z)
		return math.FMA(z*s, kernel.Sigmoid(-z), s)
	case GELU:
		t := kernel.Tanh(geluInner(z))
		if t == 1 || t == -1 { // also where z² is beyond float64
			return 0.5 * (1 + t)
		}
		inner := geluRoot * math.FMA(3*geluCube*z, z, 1)
		return math.FMA(0.5*z*math.FMA(-t, t, 1), inner, 0.5*(1+t))
	}
	return 1
}

func geluInner(z float64) float64 {
	return geluRoot * math.FMA(geluCube*z*z, z, z)
}

// values sets out = f(pre).
func (a Activation) values(out, pre []float64) {
	switch a {
	case Identity:
		copy(out, pre)
	case Sigmoid:
		kernel.VecSigmoid(out, pre)
	case Tanh:
		kernel.VecTanh(out, pre)
	default:
		for i, z := range pre {
			out[i] = a.Value(z)
		}
	}
}

// slopes multiplies delta by f'(pre), given f(pre) as well. The derivatives of
// Sigmoid and Tanh are functions of their values, which saves an exp.
func (a Activation) slopes(delta, pre, value []float64) {
	switch a {
	case Identity:
	case Sigmoid:
		kernel.SigmoidSlope(delta, value)
	case ReLU:
		for i, z := range pre {
			if !(z > 0) {
				delta[i] = 0
			}
		}
	case Tanh:
		kernel.TanhSlope(delta, value)
	default:
		for i, z := range pre {
			delta[i] *= a.Derivative(z)
		}
	}
}
