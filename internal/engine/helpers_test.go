package engine

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/stat"
	"github.com/ksparse/ksparse/internal/topk"
)

// testActivations are activation functions as the root package describes them.
var testActivations = map[string]*Activation{
	"identity": {Select: topk.Func{Value: func(z float64) float64 { return z }, Identity: true, Monotone: true}},
	"relu": {
		Values: reluActivation.Values,
		Slopes: func(delta, pre, _ []float64) {
			for i, z := range pre {
				if !(z > 0) {
					delta[i] = 0
				}
			}
		},
		Select: reluSelect,
	},
	"sigmoid": {
		Values: kernel.VecSigmoid,
		Slopes: func(delta, _, value []float64) { kernel.SigmoidSlope(delta, value) },
		Select: topk.Func{Value: kernel.Sigmoid, Monotone: true, Values: kernel.VecSigmoid},
	},
	"swish": {
		Values: func(out, pre []float64) {
			for i, z := range pre {
				out[i] = z * kernel.Sigmoid(z)
			}
		},
		Slopes: func(delta, pre, _ []float64) {
			for i, z := range pre {
				s := kernel.Sigmoid(z)
				delta[i] *= math.FMA(z*s, kernel.Sigmoid(-z), s)
			}
		},
		Select: topk.Func{Value: func(z float64) float64 { return z * kernel.Sigmoid(z) }, Rising: true},
	},
}

// squaredError is the root package's loss of that name.
var squaredError = Loss{
	Squared: true,
	Row: func(d, out, y []float64, perRow float64) float64 {
		sum := stat.SquaredDistance(d, out, y)
		if d != nil {
			kernel.Scale(d, 2*perRow)
		}
		return sum
	},
}

// normalRows returns rows of normal numbers.
func normalRows(rng *rand.Rand, rows, cols int) matrix.Rows {
	m := matrix.New(rows, cols)
	for i := range m.Data {
		m.Data[i] = rng.NormFloat64()
	}
	return m
}

// sparseLayer returns a layer that selects k of its latents by the rule, with weights
// and biases of normal numbers.
func sparseLayer(rng *rand.Rand, in, latents, k int, rule Rule, act *Activation) Layer {
	return Layer{
		Name: "encoder", In: in, Out: latents, Activation: act, Selection: &Selection{Rule: rule, K: k, Thresholds: make([]float64, latents)},
		W: matrix.Wide(normalRows(rng, latents, in)), B: normalRows(rng, 1, latents).Data,
	}
}

// linearLayer returns a layer with weights and biases of normal numbers.
func linearLayer(rng *rand.Rand, latents, out int, act *Activation) Layer {
	return Layer{
		Name: "decoder", In: latents, Out: out, Activation: act,
		W: matrix.Wide(normalRows(rng, latents, out)), B: normalRows(rng, 1, out).Data,
	}
}

// still is a recipe whose steps move nothing.
func still() Recipe {
	return Recipe{
		Loss: squaredError, Variance: math.NaN(), DeadAfter: 1000,
		Move: func(_, _ []float64, _ [][]float64, _ float64, _ int) bool { return true },
	}
}

// sameNumbers compares bits.
func sameNumbers(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}
