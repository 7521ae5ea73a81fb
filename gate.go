package ksparse

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
)

// Gate makes latents active by one number and gives them their value by another
// (Rajamanoharan et al. 2024, arXiv:2404.16014, with shared weights). With w the
// latent's row of the encoder and x the row that goes into it,
//
//	active  where  w·x > -Bias
//	value   max(0, exp(LogGain)·(w·x) + b)
//
// where b is the latent's bias (b_mag; EncoderBias of Parts, and Biases of the
// layer). The value is one fused multiply-add of w·x, and exp is this library's. An
// active latent whose value is 0 stays in the code.
type Gate struct {
	Bias    []float64 // b_gate, one per latent
	LogGain []float64 // r_mag, one per latent
}

// gate is a layer's Gate. Its Bias is in the layer's thresholds, with the sign
// turned: the layer selects by them from w·x, to which nothing is added.
type gate struct {
	logGain []float64
	gain    []float64 // exp(logGain)
	zeros   []float64
}

// newGate returns the gate of so many latents, whose logarithms it takes over.
func newGate(latents int, logGain []float64) (*gate, error) {
	if err := checkVector("Gate.LogGain", logGain, latents); err != nil {
		return nil, err
	}
	g := &gate{logGain: logGain, gain: make([]float64, latents), zeros: make([]float64, latents)}
	for j, v := range logGain {
		if g.gain[j] = kernel.Exp(v); g.gain[j] > math.MaxFloat64 {
			return nil, errorf(ErrRange, "Gate.LogGain holds %v for latent %d, of which exp overflows", v, j)
		}
	}
	return g, nil
}

// open turns pre, which is w·x for the latents idx, into the number whose ReLU is
// their value.
func (g *gate) open(pre, bias []float64, idx []int32) {
	for e, j := range idx {
		pre[e] = math.FMA(g.gain[j], pre[e], bias[j])
	}
}

// biasBefore is what is added to w·x before the selection.
func (l *SparseLayer) biasBefore() []float64 {
	if l.gate != nil {
		return l.gate.zeros
	}
	return l.b
}

// Gate returns a copy of the layer's gate, nil where it has none.
func (l *SparseLayer) Gate() *Gate {
	if l.gate == nil {
		return nil
	}
	return &Gate{Bias: negated(l.thresholds), LogGain: append([]float64(nil), l.gate.logGain...)}
}

func negated(x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = -v
	}
	return y
}
