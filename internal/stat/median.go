package stat

import (
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// Median sorts values, which are not NaN, and returns the one in the middle, or the
// number half-way between the two in the middle; 0 where there are no values.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	middle := len(values) / 2
	upper := values[middle]
	if len(values)%2 == 1 {
		return upper
	}
	lower := values[middle-1]
	if lower == upper { // two infinities, too
		return upper
	}
	return lower + (upper-lower)/2
}

const (
	// medianSteps is how many steps there are at most, not counting medianFarSteps at most
	// that halve the distance: from a mean that a few far rows have drawn away.
	medianSteps    = 100
	medianFarSteps = 1000
	// medianPrecision, times the distance of the rows that three quarters are nearer than,
	// is the length of a step below which the iteration ends, and the distance up to which
	// the point counts as standing on a row.
	medianPrecision = 1e-9
)

// GeometricMedian returns the point y that makes Σ|x_i-y| least, over the rows x_i of
// x, which has some, or one such point where there are many, as on one line.
//
// The iteration is Weiszfeld's (1937), from the mean row: y += R/W with
// R = Σ(x_i-y)/|x_i-y| and W = Σ1/|x_i-y|. Where y stands on η rows, at which that
// divides by zero, the sums leave those rows out and the step is 1-η/|R| of that;
// or y is the median, if |R| <= η (Vardi and Zhang 2000).
func GeometricMedian(x matrix.Rows) []float64 { return atUsualScale(x, medianOfUsual) }

// atUsualScale returns f(x), for an f that scales with x and that squares numbers or adds
// them up: those that are too large or too small for that are divided by a power of two.
func atUsualScale(x matrix.Rows, f func(x matrix.Rows) []float64) []float64 {
	_, exponent := math.Frexp(x.MaxAbs())
	if -400 < exponent && exponent < 400 {
		return f(x)
	}
	near := matrix.New(x.Rows, x.Cols)
	for i := range x.Rows {
		matrix.TimesPower(near.Row(i), x.Row(i), -exponent)
	}
	y := f(near)
	matrix.TimesPower(y, y, exponent)
	return y
}

// medianOfUsual is GeometricMedian for numbers of usual magnitudes.
func medianOfUsual(x matrix.Rows) []float64 {
	y := MeanRow(x)
	p := newPull(x)
	p.measure(y, 0)
	typical := p.typical()
	for steps, far := 0, 0; steps < medianSteps && far < medianFarSteps; {
		// Data far from the origin cannot be met more exactly than y is rounded.
		precision := medianPrecision*typical + float64(0x1p-51*kernel.MaxAbs(y)*math.Sqrt(float64(len(y))))
		p.measure(y, precision)
		if p.norm <= float64(p.met) {
			break
		}
		step := (1 - float64(p.met)/p.norm) / p.weight
		for j, r := range p.sum {
			y[j] += float64(step * r)
		}
		if step*p.norm <= precision {
			break
		}
		before := typical
		if typical = p.typical(); typical < before/2 {
			far++
		} else {
			steps++
		}
	}
	// Near a row that is the median, steps become short slowly and never arrive. (With
	// two rows, |R| = η at both: rounding must not prefer one to the mean.)
	p.measure(y, 0)
	row := x.Row(p.nearest)
	p.measure(row, 0)
	if p.norm < (1-1e-9)*float64(p.met) {
		copy(y, row)
	}
	return y
}

// pull is the force with which the rows of x pull at a point y: each with force 1.
// The rows are divided into blocks, whose number depends on that of the rows only.
// Blocks are shared out and their sums are added in order, so the bits do not depend
// on the processors.
type pull struct {
	force

	x         matrix.Rows
	blocks    []block
	distances []float64 // |x_i-y|, row by row
	sorted    []float64 // scratch
}

// typical returns the distance from y that three quarters of the rows do not exceed.
func (p *pull) typical() float64 {
	p.sorted = append(p.sorted[:0], p.distances...)
	slices.Sort(p.sorted)
	return p.sorted[(len(p.sorted)-1)*3/4]
}

// force is what the rows of x, or of one block of them, do to a point y.
type force struct {
	sum      []float64 // R: Σ(x_i-y)/|x_i-y| over the rows that y does not meet
	norm     float64   // |R|; not known for a block
	weight   float64   // W: Σ1/|x_i-y| over the same rows
	distance float64   // Σ|x_i-y| over all rows
	met      int       // η: rows no further from y than the precision
	nearest  int       // the row nearest to y
	least    float64   // its distance
}

// block is the force of a block of rows, with scratch for one of them.
type block struct {
	force
	away   []float64  // x_i-y
	factor [1]float64 // 1/|x_i-y|
}

// reset makes f the force of no rows.
func (f *force) reset() {
	clear(f.sum)
	f.weight, f.distance, f.met, f.least = 0, 0, 0, math.Inf(1)
}

// newPull returns the pull of the rows of x, to be measured at some point.
func newPull(x matrix.Rows) *pull {
	p := &pull{x: x, blocks: make([]block, min(64, x.Rows)), distances: make([]float64, x.Rows)}
	p.sum = make([]float64, x.Cols)
	for b := range p.blocks {
		p.blocks[b].sum, p.blocks[b].away = make([]float64, x.Cols), make([]float64, x.Cols)
	}
	return p
}

// measure sets p to the pull at y. Rows no further from y than precision are met.
func (p *pull) measure(y []float64, precision float64) {
	rows, n, blocks := p.x.Rows, p.x.Cols, len(p.blocks)
	parallel.For(blocks, matrix.RowGrain(4*n*(rows/blocks)), func(_, first, last int) {
		for b := first; b < last; b++ {
			p.blocks[b].measure(p, b*rows/blocks, (b+1)*rows/blocks, y, precision)
		}
	})
	p.reset()
	for b := range p.blocks {
		block := &p.blocks[b]
		matrix.AddTo(p.sum, block.sum)
		p.weight += block.weight
		p.distance += block.distance
		p.met += block.met
		if block.least < p.least {
			p.least, p.nearest = block.least, block.nearest
		}
	}
	p.norm = matrix.Norm(p.sum)
}

// measure sets b to the force of the rows lo to hi at y, and notes their distances.
func (b *block) measure(p *pull, lo, hi int, y []float64, precision float64) {
	b.reset()
	for i := lo; i < hi; i++ {
		for j, v := range p.x.Row(i) {
			b.away[j] = v - y[j]
		}
		distance := matrix.Norm(b.away)
		p.distances[i] = distance
		b.distance += distance
		if distance < b.least {
			b.least, b.nearest = distance, i
		}
		if distance <= precision {
			b.met++
			continue
		}
		b.factor[0] = 1 / distance
		b.weight += b.factor[0]
		kernel.AddRows(b.sum, b.factor[:], b.away, len(y), matrix.Ascending[:1])
	}
}
