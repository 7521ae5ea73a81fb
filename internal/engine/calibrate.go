package engine

import (
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sparse"
)

// Calibrated returns the threshold above which want of the values lie that layer i, a
// sparse one, has for the rows x: about l0 in a row. Where fewer values are positive ok
// is false, and positive says how many are. It is NaN where a pre-activation is not finite.
func (p *Pass) Calibrated(x matrix.Rows, i, want int, l0 float64) (threshold float64, positive int, ok bool) {
	p.forward(sparse.Rows{Dense: x}, i)
	lp := &p.layers[i]
	lp.denseInput()
	least := lp.searchBatch(p.screening, lp.in.dense, int(math.Ceil(l0)), want)
	for _, r := range lp.find.batch.rows {
		if !kernel.AllFinite(r.val) {
			return math.NaN(), 0, true
		}
	}
	if least == 0 {
		return 0, len(lp.find.batch.values), false
	}
	return math.Nextafter(least, 0), 0, true
}

// digit is how many bits of a value CalibratedInPasses finds in a pass: of 63, for it is
// positive, a third.
const digit = 21

// CalibratedInPasses is Calibrated, exact as well, for rows that need not fit in memory. In
// each of three passes each is to call what it is given for all of them, in pieces, and
// returns its own errors. If first, a guess, is above the threshold there is one more pass.
func (p *Pass) CalibratedInPasses(i, want int, first float64, each func(func(x matrix.Rows)) error) (threshold float64, positive int, ok bool, err error) {
	sel := &Selection{Rule: Threshold, Thresholds: make([]float64, p.Network.Layers[i].Out)}
	p.Network.Layers[i].Selection = sel
	counts := make([]int, 1<<digit)
	known, floor := uint64(0), first // the first digits of the value; nothing up to floor matters
	for shift := 2 * digit; shift >= 0; {
		clear(counts)
		setAll(sel.Thresholds, max(floor, math.Nextafter(math.Float64frombits(known<<(shift+digit)), 0)))
		spoilt := false
		err = each(func(x matrix.Rows) {
			for _, v := range p.selected(x, i) {
				spoilt = spoilt || !finite(v)
				if bits := math.Float64bits(v); bits>>(shift+digit) == known {
					counts[bits>>shift&(1<<digit-1)]++
				}
			}
		})
		if err != nil {
			return 0, 0, false, err
		}
		if spoilt {
			return math.NaN(), 0, true, nil
		}
		d, above := len(counts)-1, 0
		for ; d >= 0 && above+counts[d] < want; d-- {
			above += counts[d]
		}
		switch {
		case d >= 0:
			known, want = known<<digit|uint64(d), want-above
			shift -= digit
		case floor > 0:
			floor = 0 // the guess was too high
		default:
			return 0, above, false, nil
		}
	}
	return math.Nextafter(math.Float64frombits(known), 0), 0, true, nil
}

// selected returns the values that layer i keeps of x.
func (p *Pass) selected(x matrix.Rows, i int) []float64 {
	p.forward(sparse.Rows{Dense: x}, i+1)
	return p.layers[i].out.codes.Values
}

// LearnThresholds sets, layer by layer, the thresholds of those that select by BatchTopK
// to what lets through the layer's own k per row of x, on average; or, where fewer values
// are positive, all of these.
func (p *Pass) LearnThresholds(x matrix.Rows) {
	for i := range p.Network.Layers {
		l := &p.Network.Layers[i]
		if !l.Sparse() || l.Selection.Rule != BatchTopK {
			continue
		}
		threshold := math.MaxFloat64 // nothing is above it
		if k := min(l.Selection.K, l.Out); k > 0 {
			threshold, _, _ = p.Calibrated(x, i, k*x.Rows, float64(k))
		}
		if math.IsNaN(threshold) {
			continue // the weights overflow: no threshold would help
		}
		setAll(l.Selection.Thresholds, threshold)
	}
}

// followRows is of about how many rows, at least, followThresholds goes by the batches.
const followRows = 128

// followThresholds moves the thresholds of the layers that select by BatchTopK to the
// smallest value that each kept of this batch: for whoever encodes between two steps.
// Training itself does not use them.
func (t *training) followThresholds() {
	for i := range t.pass.layers {
		lp := &t.pass.layers[i]
		if lp.layer.Sparse() && lp.layer.Selection.Rule == BatchTopK {
			follow(lp.layer.Selection.Thresholds, lp.out.codes, t.number == 1)
		}
	}
}

// follow moves thresholds, which are all the same, to the smallest value of c, by as
// much as c has of followRows; in the first step at once.
func follow(thresholds []float64, c *sparse.Codes, first bool) {
	if len(c.Values) == 0 {
		return
	}
	part := float64(c.Rows) / followRows
	if first || part > 1 {
		part = 1
	}
	before := thresholds[0]
	setAll(thresholds, before+float64(part*(slices.Min(c.Values)-before)))
}

// setAll sets each number of x to v.
func setAll(x []float64, v float64) {
	for j := range x {
		x[j] = v
	}
}
