package kernel

import "math"

// Sigmoid returns 1/(1+exp(-x)).
func Sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + Exp(-x))
	}
	e := Exp(x)
	return e / (1 + e)
}

// Tanh returns the hyperbolic tangent of x.
func Tanh(x float64) float64 { return math.Tanh(x) }

// Exp returns e raised to the power x.
func Exp(x float64) float64 { return math.Exp(x) }

// Expm1 returns exp(x)-1, accurate near zero.
func Expm1(x float64) float64 { return math.Expm1(x) }

// Log returns the natural logarithm of x.
func Log(x float64) float64 { return math.Log(x) }
