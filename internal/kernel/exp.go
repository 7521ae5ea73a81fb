package kernel

import "math"

// Sigmoid returns 1/(1+exp(-x)). Each of the three operations is monotone after
// rounding, so Sigmoid is; the form e/(1+e) for negative x is not.
func Sigmoid(x float64) float64 { return 1 / (1 + Exp(-x)) }

// Tanh returns the hyperbolic tangent of x.
func Tanh(x float64) float64 { return math.Tanh(x) }

// Exp returns e raised to the power x.
func Exp(x float64) float64 { return math.Exp(x) }

// Expm1 returns exp(x)-1, accurate near zero.
func Expm1(x float64) float64 { return math.Expm1(x) }

// Log returns the natural logarithm of x.
func Log(x float64) float64 { return math.Log(x) }
