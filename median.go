package ksparse

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
	"gonum.org/v1/gonum/mat"
)

// Start values of a pre-bias: centres of the data.

// MeanRow returns the mean of the rows of x, of length d for an x of N x d. Errors
// wrap ErrEmpty or ErrNotFinite (a mean that overflows, too).
func MeanRow(x mat.Matrix) (*mat.VecDense, error) {
	rows, err := rowsOf("x", x, -1)
	if err != nil {
		return nil, err
	}
	m := meanRow(rows)
	if !kernel.AllFinite(m) {
		return nil, errorf(ErrNotFinite, "the mean row overflows: the data are too large")
	}
	return mat.NewVecDense(len(m), m), nil
}

func meanRow(x topk.Rows) []float64 {
	var m moments
	for lo := 0; lo < x.Rows; lo += chunkRows {
		m.add(x.Slice(lo, min(lo+chunkRows, x.Rows)))
	}
	return m.meanRow()
}

const (
	medianSteps = 100
	// medianPrecision is, in mean distances of the rows from their mean, how short a
	// step ends the iteration, and how near a row counts as met.
	medianPrecision = 1e-9
)

// GeometricMedian returns the point y that makes Σ|x_i-y| least, over the rows x_i
// of x, of length d for an x of N x d. Unlike the mean it hardly follows outliers;
// Gao et al. 2024 (arXiv:2406.04093) start the pre-bias there. Where
// it is not unique, which takes rows on one line, it returns one such point.
//
// The iteration is Weiszfeld's (1937), from the mean row: y += R/W with
// R = Σ(x_i-y)/|x_i-y| and W = Σ1/|x_i-y|. Where y meets η rows, at which public
// code divides by zero, the sums leave those out and the step is 1-η/|R| of that,
// or y is the median, if |R| <= η (Vardi and Zhang 2000). It ends after a step of
// less than 1e-9 mean distances, or 100 steps. A row that is the median itself is
// returned exactly where the iteration has come nearest to that row; otherwise the
// distance from the median is about the last step's, more only where rows lie
// almost on one line. It takes about 4·N·d operations a step.
//
// Errors wrap ErrEmpty or ErrNotFinite (squared distances that overflow, too).
func GeometricMedian(x mat.Matrix) (*mat.VecDense, error) {
	rows, err := rowsOf("x", x, -1)
	if err != nil {
		return nil, err
	}
	y := meanRow(rows)
	s := newPull(rows)
	s.from(y, 0)
	if math.IsInf(s.distance, 0) || math.IsNaN(s.distance) {
		return nil, errorf(ErrNotFinite, "distances between rows of x overflow: the data are too large")
	}
	// Data far from the origin cannot be met more exactly than y is rounded.
	precision := medianPrecision*s.distance/float64(rows.Rows) + float64(0x1p-51*kernel.MaxAbs(y)*math.Sqrt(float64(len(y))))
	for range medianSteps {
		s.from(y, precision)
		if s.norm <= float64(s.met) {
			break
		}
		step := (1 - float64(s.met)/s.norm) / s.weight
		for j, r := range s.sum {
			y[j] += float64(step * r)
		}
		if step*s.norm <= precision {
			break
		}
	}
	// Near a row that is the median steps shorten slowly, and never arrive. (With two
	// rows, |R| = η at both: rounding must not prefer one to the mean.)
	s.from(y, 0)
	row := rows.Row(s.nearest)
	s.from(row, 0)
	if s.norm < (1-1e-9)*float64(s.met) {
		copy(y, row)
	}
	if !kernel.AllFinite(y) {
		return nil, errorf(ErrNotFinite, "the geometric median overflows: the data are too large")
	}
	return mat.NewVecDense(len(y), y), nil
}

// pull is with what force the rows of x pull at a point y: each with force 1.
// Blocks of rows, whose number depends on that of the rows only, are shared out
// and their sums added in order, so the bits do not depend on the processors.
type pull struct {
	sum      []float64 // R: Σ(x_i-y)/|x_i-y| over the rows that y does not meet
	norm     float64   // |R|
	weight   float64   // W: Σ1/|x_i-y| over the same
	distance float64   // Σ|x_i-y| over all
	met      int       // η: rows no further from y than precision
	nearest  int       // the row nearest to y

	x      topk.Rows
	blocks []pull // of rows each; sum has room for away and a factor, too
	least  float64
}

// newPull returns a pull of the rows of x, to be measured from some point.
func newPull(x topk.Rows) *pull {
	p := &pull{sum: make([]float64, x.Cols), x: x, blocks: make([]pull, min(64, x.Rows))}
	for b := range p.blocks {
		p.blocks[b].sum = make([]float64, 2*x.Cols+1)
	}
	return p
}

// from measures the pull at y.
func (p *pull) from(y []float64, precision float64) {
	rows, n, blocks := p.x.Rows, p.x.Cols, len(p.blocks)
	parallel.For(blocks, rowGrain(4*n*(rows/blocks)), func(_, first, last int) {
		for b := first; b < last; b++ {
			p.blocks[b].gather(p.x, b*rows/blocks, (b+1)*rows/blocks, y, precision)
		}
	})
	clear(p.sum)
	p.weight, p.distance, p.met, p.least = 0, 0, 0, math.Inf(1)
	for b := range p.blocks {
		block := &p.blocks[b]
		addTo(p.sum, block.sum[:n])
		p.weight += block.weight
		p.distance += block.distance
		p.met += block.met
		if block.least < p.least {
			p.least, p.nearest = block.least, block.nearest
		}
	}
	p.norm = math.Sqrt(kernel.SumSquares(p.sum))
}

// gather measures the pull of the rows lo to hi of x at y.
func (p *pull) gather(x topk.Rows, lo, hi int, y []float64, precision float64) {
	n := len(y)
	sum, away, factor := p.sum[:n], p.sum[n:2*n], p.sum[2*n:]
	clear(sum)
	p.weight, p.distance, p.met, p.least = 0, 0, 0, math.Inf(1)
	for i := lo; i < hi; i++ {
		for j, v := range x.Row(i) {
			away[j] = v - y[j]
		}
		distance := math.Sqrt(kernel.SumSquares(away))
		p.distance += distance
		if distance < p.least {
			p.least, p.nearest = distance, i
		}
		if distance <= precision {
			p.met++
			continue
		}
		factor[0] = 1 / distance
		p.weight += factor[0]
		kernel.AddRows(sum, factor, away, n, ascending[:1])
	}
}
