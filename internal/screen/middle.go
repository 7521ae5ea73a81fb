package screen

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
)

// # The middle stage
//
// Where many latents pass the int8 screen, reading their float64 weights takes
// longer than the integer product. So there is a second copy of the weights, in
// int16, row after row. Both rounds then take from it, with a bound of its own, an
// interval for each value, and only what the intervals leave in the race, hardly
// more than k, is computed in float64.
//
// The bound is that of bound.go, on the fine grids: a row is t q + r, a latent
// t' q' + r', and
//
//	|x·w - t t' (q·q')| <= |r| |t'q'| + |x| |r'|.
//
// All is done in float64, in units of 1, and there are no outliers. Let X >= |x| and
// N >= max(|w|, |t'q'|), N at least 2^-64 ω. The three roundings of t t' (q·q') + bias
// are below 2^-50 (XN + |bias|), the error of the value itself below 2^-40 XN + 2^-53
// |bias|, and that of the computed residuals, as there, below 2^-50 XN. So 2^-36 XN +
// 2^-49 |bias| is room for all of it, the computation of the interval included. With x
// zero or above 2^-400, ω above 2^-400 and N above 2^-464, nothing that matters
// underflows.

const (
	middleSlack = 0x1p-36 // of XN
	middleBias  = 0x1p-49 // of |bias|
)

// middle is the copy of the weights in int16.
type middle struct {
	stride  int // bytes of a row, which zeros fill up to a multiple of 64
	data    []uint8
	numbers []middleNumbers
	follows bool // where weights change it is repacked with the int8 copy, else dropped
}

// middleNumbers is what the bound needs of a row or a latent.
type middleNumbers struct{ step, norm, residual float64 }

// The copy takes two bytes a weight, where that in int8 takes one, and up to a
// quarter of the time of a repacking. So it is there from the beginning only where
// it saves much. Else it is made for weights that stay as they are, once enough rows
// had enough candidates to pay for it: middleLatents and middleManyOfK say how many.
// By processor time on two cores of a Zen 5 with a cache of 32 MB, an encode with it
// takes, of that without (BenchmarkMiddle, 8192 and 16384 latents, normal numbers but
// for the third):
//
//	inputs  candidates/k  time
//	   768           3.3  1/1.13
//	  1024             4  1/1.13
//	   768           5.7  1/1.25, a trained dictionary on sums of 32 directions
//	  2048           8.5  1/1.27
//	  4096            16  1/1.75
//
// Below 512 inputs it loses 10 to 20 %.
const (
	middleInputs  = 512
	middleAtOnce  = 2048     // inputs from which it is there from the beginning
	middleBytes   = 16 << 20 // of float64 weights: fewer stay in a cache
	middleManyOfK = 3        // candidates for each of the k
	middleLatents = 1        // rows that are encoded for each latent before it is made
)

// worthMiddle reports whether weights of this size may have a middle stage.
func worthMiddle(latents, inputs int) bool {
	return kernel.FastScreen() && inputs >= middleInputs && latents*inputs*8 >= middleBytes
}

// newMiddle returns a copy that is still to be filled.
func newMiddle(latents, inputs int, follows bool) *middle {
	stride := (inputs + 31) / 32 * 64
	return &middle{stride, aligned[uint8](latents * stride), make([]middleNumbers, latents), follows}
}

// considerMiddle makes a middle stage after the request r, of which that number of rows
// were screened without one, with many candidates, where the calls before it had enough
// rows.
func (p *Packed) considerMiddle(r *request, screened, candidates int) {
	if p.fine() || r.k == 0 || candidates < middleManyOfK*r.k*screened || !worthMiddle(p.latents, p.inputs) {
		return
	}
	// Only earlier calls count, so that weights repacked for each call never get one.
	earlier := p.sinceChange.Add(int64(screened)) - int64(screened)
	if earlier < int64(middleLatents*p.latents) || !p.makingMiddle.CompareAndSwap(false, true) {
		return
	}
	m := newMiddle(p.latents, p.inputs, false)
	parallel.For(p.latents, 256, func(_, lo, hi int) {
		var wide []float64
		for j := lo; j < hi; j++ {
			m.packLatent(p, j, weightRow(&wide, r.w, j))
		}
	})
	p.middle.Store(m)
	p.makingMiddle.Store(false)
}

// packLatent quantises latent j of p, which has its numbers in int8 already.
func (m *middle) packLatent(p *Packed, j int, row []float64) {
	to := m.data[j*m.stride : (j+1)*m.stride]
	largest := kernel.MaxAbs(row)
	if largest/p.unit < tiny {
		clear(to)
		m.numbers[j] = middleNumbers{norm: leastNorm * p.unit, residual: 0x1p-73 * p.unit} // as in Packed.packLatent
		return
	}
	norm := float64(p.numbers[j/kernel.ScreenLatents].Norm[j%kernel.ScreenLatents]) * p.unit
	m.numbers[j] = quantise16(to, row, largest, norm)
	m.numbers[j].norm = max(m.numbers[j].norm, norm) // which is at least 2^-64 ω
}

// quantise16 quantises x, whose norm is at most the given one, and returns its
// numbers, with a norm of x and of what it is rounded to.
func quantise16(dst []uint8, x []float64, largest, norm float64) middleNumbers {
	step := fineStep(largest, norm)
	if step == 0 {
		step = 1
	}
	z := kernel.Quantise16(dst, 4, x, 1/step)
	clear(dst[2*len(x):])
	return middleNumbers{
		step:     step,
		norm:     step * math.Sqrt(max(z.Square, z.Integers)) * normSlack,
		residual: boundFactor * step * math.Sqrt(z.Residual) * normSlack,
	}
}
