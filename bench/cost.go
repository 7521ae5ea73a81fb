package main

import "math"

// cost is the least work of a step, with numbers of the size that ours has.
type cost struct {
	flops   float64 // a multiply-add is two
	float32 bool
	read    int // bytes that are read once
	update  int // bytes that are read and written back
}

// encodeCost is the cost of the product with all latents, whose weights must be read.
func (s shape) encodeCost() cost {
	return cost{
		flops: 2 * float64(s.batch) * float64(s.inputs) * float64(s.latents),
		read:  8 * s.inputs * s.latents,
	}
}

// stepCost is the cost of a training step: encoding; four products with the k active
// latents only (decoding, the gradient at the codes, the gradients of both weights);
// and one sweep over all weights and the optimizer's running values, slots for each
// weight.
func (s shape) stepCost(slots int) cost {
	c := s.encodeCost()
	c.flops += 4 * 2 * float64(s.batch) * float64(s.inputs) * float64(s.k)
	c.update = 8 * (1 + slots) * 2 * s.inputs * s.latents
	return c
}

// least returns the seconds that m would need at its peak rates: products and
// reading at the same time, then the sweep. It is NaN where the rates are not known.
func (c cost) least(m *machine) float64 {
	flops := m.flops64
	if c.float32 {
		flops = m.flops32
	}
	if flops == 0 {
		return math.NaN()
	}
	seconds := c.flops / flops
	if c.read > 0 {
		seconds = max(seconds, float64(c.read)/m.at(c.read).read)
	}
	if c.update > 0 {
		seconds += float64(c.update) / m.at(c.update).update
	}
	return seconds
}
