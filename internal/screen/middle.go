package screen

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/topk"
)

// # The middle stage
//
// Where many latents pass the int8 screen, reading their float64 weights takes
// longer than the integer product. So there is a second copy of the weights, in
// int16, row after row. Both rounds then take from it, with a bound of its own, an
// interval for each value, and only what the intervals leave in the race, hardly
// more than k, is computed in float64.
//
// The bound is that of bound.go, with finer grids: a row is t q + r, a latent
// t' q' + r', and
//
//	|x·w - t t' (q·q')| <= |r| |t'q'| + |x| |r'|.
//
// A step is max(largest entry/32767, norm/46000): then |q| |q'| stays below
// (46000 + sqrt(16384)/2)², and q·q' below 2^31, also for outliers. All is done in
// float64, in units of 1. Let X >= |x| and N >= max(|w|, |t'q'|), N at least 2^-64
// ω. The three roundings of t t' (q·q') + bias are below 2^-50 (XN + |bias|), the
// error of the value itself below 2^-40 XN + 2^-53 |bias|, and that of the computed
// residuals, as there, below 2^-50 XN. So 2^-36 XN + 2^-49 |bias| is room for all of
// it, the computation of the interval included. With x zero or above 2^-400, ω above
// 2^-400 and N above 2^-464, nothing that matters underflows.

const (
	middleTop   = 32767
	middleNorm  = 46000
	middleSlack = 0x1p-36 // of XN
	middleBias  = 0x1p-49 // of |bias|
)

// middle is the copy of the weights in int16.
type middle struct {
	stride  int // of a row, which zeros fill up to a multiple of 32
	data    []int16
	numbers []middleNumbers
}

// middleNumbers is what the bound needs of a row or a latent.
type middleNumbers struct{ step, norm, residual float64 }

// worthMiddle says for which weights a copy is kept. It is the rule of
// BenchmarkMiddle, on two cores of a Zen 5 with a cache of 32 MB; an encode takes,
// by processor time, with normal numbers and 8192 to 16384 latents: at 768 inputs
// 1/1.1 of the time, at 2048 1/1.27, at 4096 1/1.75. Below 512 inputs it loses 10 to
// 20 %. The copy takes two bytes a weight, where the int8 one takes one, and up to
// a quarter of the time of a repacking: 768 is not worth that.
func worthMiddle(latents, inputs int) bool {
	return kernel.FastScreen() && inputs >= 2048 && latents*inputs*8 >= 16<<20
}

func newMiddle(latents, inputs int) *middle {
	stride := (inputs + 31) / 32 * 32
	return &middle{stride, aligned[int16](latents * stride), make([]middleNumbers, latents)}
}

// take quantises latent j; norm is at least |w| and 2^-64 ω.
func (m *middle) take(j int, row []float64, largest, norm float64) {
	m.numbers[j] = quantise16(m.data[j*m.stride:(j+1)*m.stride], row, largest, norm)
	m.numbers[j].norm = max(m.numbers[j].norm, norm)
}

// clear is take for a latent below 2^-80 ω.
func (m *middle) clear(j int, unit float64) {
	clear(m.data[j*m.stride : (j+1)*m.stride])
	m.numbers[j] = middleNumbers{norm: leastNorm * unit, residual: 0x1p-73 * unit}
}

// quantise16 quantises x, whose norm is at most the given one, and returns its
// numbers, with a norm of x and of what it is rounded to.
func quantise16(dst []int16, x []float64, largest, norm float64) middleNumbers {
	step := max(largest/middleTop, norm/middleNorm)
	if step == 0 {
		step = 1
	}
	z := kernel.Quantise16(dst, x, 1/step)
	return middleNumbers{
		step:     step,
		norm:     step * math.Sqrt(max(z.Square, z.Integers)) * normSlack,
		residual: boundFactor * step * math.Sqrt(z.Residual) * normSlack,
	}
}

// packMiddle quantises row i once more, whose norm is at most the given one.
func (b *block) packMiddle(i int, norm float64) {
	stride, x := b.packed.middle.stride, b.own.Row(i)
	b.numbers16[i] = quantise16(b.rows16[i*stride:(i+1)*stride], x, kernel.MaxAbs(x), norm)
}

// intervals adds pairs to the lists of their rows, with the ends of the intervals
// that hold their values, or magnitudes where those are selected by.
func (b *block) intervals(pairs []kernel.Pair) {
	m := b.packed.middle
	sums := b.sums[:len(pairs)]
	kernel.DotPairs16(sums, b.rows16, m.stride, m.data, m.stride, m.stride, pairs)
	for t, p := range pairs {
		at := b.place(p)
		if at < 0 {
			continue
		}
		x, w, bias := &b.numbers16[p.Row], &m.numbers[p.Latent], b.bias[p.Latent]
		z := float64(float64(float64(sums[t])*x.step)*w.step) + bias
		e := float64(x.residual*w.norm) + float64(x.norm*w.residual) + float64(middleSlack*x.norm*w.norm) + float64(middleBias*math.Abs(bias))
		if b.f.Magnitude {
			z = max(math.Abs(z), e)
		}
		b.pre[at], b.upper[at] = z-e, z+e
	}
}

// refine computes the values of those candidates that their intervals leave in the
// race, and drops the others.
func (b *block) refine() {
	for i := range b.rows {
		if b.unit[i] == 0 {
			continue
		}
		idx, upper := b.idx[i*b.room:][:b.count[i]], b.upper[i*b.room:][:b.count[i]]
		switch {
		case b.threshold != nil:
			for c, z := range upper {
				if z > b.threshold[idx[c]] {
					b.pairs = append(b.pairs, kernel.Pair{Row: int32(i), Latent: idx[c]})
				}
			}
		default:
			least := math.Nextafter(b.floor, math.Inf(1)) // as in secondThreshold
			if b.evaluate(i) >= b.k {
				least = b.kth()
			}
			for c, z := range upper {
				if b.level(z) >= least {
					b.pairs = append(b.pairs, kernel.Pair{Row: int32(i), Latent: idx[c]})
				}
			}
		}
		b.count[i] = 0
	}
	// Latent by latent, for the rows that share it.
	n := b.packed.latents
	b.starts = topk.Grown(b.starts, n+1)
	clear(b.starts)
	for _, p := range b.pairs {
		b.starts[p.Latent+1]++
	}
	for j := range n {
		b.starts[j+1] += b.starts[j]
	}
	b.hits = append(b.hits[:0], b.pairs...)
	for _, p := range b.hits {
		b.pairs[b.starts[p.Latent]] = p
		b.starts[p.Latent]++
	}
	b.compute(false)
	copy(b.first, b.count)
}
