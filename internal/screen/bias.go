package screen

import (
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
)

// biases holds the latents' numbers for one set of biases: those of the layer, or
// those less the thresholds of an EncodeAbove.
type biases struct {
	numbers   []kernel.ScreenPanel
	biasUnit  float64 // β: the biases are measured in it
	largest   float64 // of the biases
	magnitude float64 // the largest absolute value of one; not finite if one is not
}

// set sets the biases, less the thresholds where those are not nil. See bound.go for
// the slack.
func (b *biases) set(bias, threshold []float64) {
	at := func(j int) (v, slack float64) {
		v = bias[j]
		if threshold == nil {
			return v, biasSlack * math.Abs(v)
		}
		v -= threshold[j]
		return v, float64(biasSlack*math.Abs(v)) + float64(shiftSlack*math.Abs(bias[j]))
	}
	b.largest, b.magnitude = math.Inf(-1), 0
	for j := range bias {
		v, slack := at(j)
		if threshold != nil && threshold[j] > math.MaxFloat64 {
			continue // no value is above it: the latent counts as padding
		}
		b.largest = max(b.largest, v+slack)
		b.magnitude = max(b.magnitude, math.Abs(v)+slack) // which keeps a NaN
	}
	b.biasUnit = 1
	finite := b.magnitude <= math.MaxFloat64
	if finite {
		b.biasUnit = powerOfTwo(b.magnitude)
	}
	for i := range b.numbers {
		for l := range b.numbers[i].Bias {
			f := float32(math.Inf(-1))
			if j := i*kernel.ScreenLatents + l; j < len(bias) && finite {
				v, slack := at(j)
				f = up32(v/b.biasUnit + slack/b.biasUnit)
			}
			b.numbers[i].Bias[l] = f
		}
	}
}

// shifted holds the biases less thresholds. With them in the place of the biases, a
// bound is one on how far a value is above its threshold.
type shifted struct {
	biases
	threshold []float64
}

// biasesAbove returns the biases less the thresholds. They are kept for the next call:
// to make them takes a good part of the time that a single row takes.
func (p *Packed) biasesAbove(bias, threshold []float64) *biases {
	if s := p.shifted.Load(); s != nil && slices.Equal(s.threshold, threshold) {
		return &s.biases
	}
	s := &shifted{threshold: slices.Clone(threshold)}
	s.numbers = slices.Clone(p.numbers)
	s.set(bias, threshold)
	p.shifted.Store(s)
	return &s.biases
}
