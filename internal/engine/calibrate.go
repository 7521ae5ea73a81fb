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
	p.forward(x, i)
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
