package screen

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// middleRows holds the rows of a block in int16, for the middle stage.
type middleRows struct {
	stride  int // bytes of a row, as in middle
	bytes   []uint8
	numbers []middleNumbers
	sums    []int32 // the integer products of some pairs
}

// reset makes room for rows.
func (m *middleRows) reset(rows, stride int) {
	m.stride = stride
	m.bytes, m.numbers = resizedAligned(m.bytes, rows*stride), matrix.Resized(m.numbers, rows)
}

// pack quantises row i, which is x and whose norm is at most the given one.
func (m *middleRows) pack(i int, x []float64, norm float64) {
	m.numbers[i] = quantise16(m.bytes[i*m.stride:(i+1)*m.stride], x, kernel.MaxAbs(x), norm)
}

// products returns the integer products of up to chunk pairs.
func (m *middleRows) products(w *middle, part []kernel.Pair) []int32 {
	m.sums = matrix.Resized(m.sums, chunk)
	sums := m.sums[:len(part)]
	kernel.DotPairs16(sums, m.bytes, m.stride, w.data, w.stride, w.stride/2, part)
	return sums
}

// addIntervals adds pairs to the candidates of their rows, with the ends of the intervals
// that hold their values, or magnitudes where those are selected by.
func (b *block) addIntervals(part []kernel.Pair) {
	sums := b.middleRows.products(b.middle, part)
	rows, latents := b.middleRows.numbers, b.middle.numbers
	lower, upper := b.candidates.pre, b.candidates.upper
	for t, p := range part {
		at := b.addCandidate(p)
		if at < 0 {
			continue
		}
		x, w, bias := &rows[p.Row], &latents[p.Latent], b.bias[p.Latent]
		z := float64(float64(float64(sums[t])*x.step)*w.step) + bias
		e := float64(x.residual*w.norm) + float64(x.norm*w.residual) + float64(middleSlack*x.norm*w.norm) + float64(middleBias*math.Abs(bias))
		if b.f.Magnitude {
			z = max(math.Abs(z), e)
		}
		lower[at], upper[at] = z-e, z+e
	}
}

// refine computes the values of those candidates that their intervals leave in the
// race, and drops the others.
func (b *block) refine() {
	for i := range b.rows.Rows {
		if !b.ranges.open(i) {
			continue
		}
		idx, upper := b.candidates.intervals(i)
		if b.threshold != nil {
			for c, z := range upper {
				if z > b.threshold[idx[c]] {
					b.pairs.add(i, idx[c])
				}
			}
		} else {
			least := b.leastValue(i)
			for c, z := range upper {
				if b.f.level(z) >= least {
					b.pairs.add(i, idx[c])
				}
			}
		}
		b.candidates.drop(i)
	}
	b.pairs.sortByLatent(b.packed.latents) // for the rows that share a latent
	b.compute(false)
	b.candidates.endFirst()
}

// leastValue returns the smallest value by which a candidate of row i stays in the
// race: see secondThreshold.
func (b *block) leastValue(i int) float64 {
	if b.candidates.evaluate(i, &b.f) >= b.k {
		return b.candidates.kth(b.k)
	}
	return math.Nextafter(b.f.floor, math.Inf(1))
}
