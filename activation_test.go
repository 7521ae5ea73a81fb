package ksparse_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksparse/ksparse"
)

func TestActivationsByHand(t *testing.T) {
	// From the formulas in the documentation, with 40 decimal digits (Python's
	// decimal module), rounded to 15.
	for _, c := range []struct {
		act                  ksparse.Activation
		z, value, derivative float64
	}{
		{ksparse.Identity, -2, -2, 1},
		{ksparse.Sigmoid, 0, 0.5, 0.25},
		{ksparse.Sigmoid, 1, 0.731058578630005, 0.196611933241482},
		{ksparse.ReLU, 1, 1, 1},
		{ksparse.ReLU, -2, 0, 0},
		{ksparse.ReLU, 0, 0, 0},
		{ksparse.Tanh, 1, 0.761594155955765, 0.419974341614026},
		{ksparse.LeakyReLU, 1, 1, 1},
		{ksparse.LeakyReLU, -2, -0.02, 0.01},
		{ksparse.ELU, 1, 1, 1},
		{ksparse.ELU, -2, -0.864664716763387, 0.135335283236613},
		{ksparse.Swish, 1, 0.731058578630005, 0.927670511871487},
		{ksparse.Swish, -2, -0.238405844044235, -0.0907842487848955},
		{ksparse.GELU, 1, 0.841191990608277, 1.082964083845783},
		{ksparse.GELU, -2, -0.0454023059122250, -0.0860992566236184},
		{ksparse.GELU, 0, 0, 0.5},
	} {
		if got := c.act.Value(c.z); math.Abs(got-c.value) > 2e-15 {
			t.Errorf("%v(%v) is %v, want %v", c.act, c.z, got, c.value)
		}
		if got := c.act.Derivative(c.z); math.Abs(got-c.derivative) > 2e-15 {
			t.Errorf("%v'(%v) is %.16g, want %v", c.act, c.z, got, c.derivative)
		}
	}
}

func TestDerivativesAgainstDifferences(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const h = 1e-5 // the difference is off by about h², and by 1e-16/h
	for _, act := range allActivations {
		for range 500 {
			z := 4 * rng.NormFloat64()
			if math.Abs(z) < 2*h {
				continue // the kink of the ReLU family
			}
			numeric := (act.Value(z+h) - act.Value(z-h)) / (2 * h)
			if got := act.Derivative(z); math.Abs(got-numeric) > 1e-9*max(1, math.Abs(z)) {
				t.Errorf("%v'(%v) is %v, the difference %v", act, z, got, numeric)
			}
		}
	}
}

// TestActivationsFarOut: whatever finite number comes in, a finite one goes out.
func TestActivationsFarOut(t *testing.T) {
	far := []float64{0, math.Copysign(0, -1), math.SmallestNonzeroFloat64, 1e-300, 19.1, 37, 40, 708, 745.2, 800, 1e10, 1e160, 1e308, math.MaxFloat64}
	for _, act := range allActivations {
		for _, z := range far {
			for _, z := range []float64{z, -z} {
				v, d := act.Value(z), act.Derivative(z)
				if math.IsNaN(v) || math.IsInf(v, 0) || math.IsNaN(d) || math.IsInf(d, 0) {
					t.Errorf("%v(%v) is %v with derivative %v", act, z, v, d)
				}
			}
		}
	}
}

// TestMonotoneActivations: the selection passes over pre-activations that are too
// small, which is right only if no smaller one has a larger value. Swish and
// GELU are not monotone and are not treated so.
func TestMonotoneActivations(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	for _, act := range allActivations {
		if act == ksparse.Swish || act == ksparse.GELU {
			continue
		}
		for range 20000 {
			z := 12 * rng.NormFloat64()
			if rng.IntN(4) == 0 {
				z *= 1e-3
			}
			next := math.Nextafter(z, math.Inf(1))
			if a, b := act.Value(z), act.Value(next); a > b {
				t.Fatalf("%v falls from %v to %v between %v and its neighbour", act, a, b, z)
			}
		}
	}
}

func TestActivationNames(t *testing.T) {
	seen := map[string]bool{}
	for _, act := range allActivations {
		if seen[act.String()] {
			t.Errorf("two activations are called %q", act)
		}
		seen[act.String()] = true
	}
	if got := ksparse.Activation(200).String(); got != "Activation(200)" {
		t.Errorf("an unknown activation is called %q", got)
	}
}
