package engine

import (
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// wholeObjective does the last layer for all rows, then the loss, then the way back. It
// is for a last layer that multiplies dense matrices, or selects.
type wholeObjective struct {
	dense matrix.Rows // a sparse last layer's delta before the mask
}

// run does one after the other what the objective is: see wholeObjective.
func (o *wholeObjective) run(t *training, y matrix.Rows) (Report, int, error) {
	p, last := t.pass, len(t.pass.layers)-1
	lp, loss := &p.layers[last], &t.recipe.Loss
	if !lp.layer.Sparse() {
		lp.forwardLinear()
	}
	p.setOutput()
	rows, cols := p.output.Rows, p.output.Cols
	p.rowLoss = matrix.Resized(p.rowLoss, rows)
	lp.makeDelta()
	delta := matrix.Rows{Data: lp.delta, Rows: rows, Cols: cols, Stride: cols}
	if lp.out.codes != nil { // the loss sees the zeros, the delta does not
		o.dense.Resize(rows, cols)
		delta = o.dense
	}
	value, err := loss.evaluate(p.output, y, delta, p.rowLoss)
	report, err := t.measured(value, err)
	if err != nil {
		return report, 0, err
	}
	if lp.out.codes != nil {
		lp.out.codes.Pick(lp.delta, delta)
	}
	parallel.For(len(lp.delta), activationGrain, func(_, lo, hi int) { lp.lastSlopes(loss, lo, hi) })
	if last == 0 {
		lp.below(nil)
	} else {
		lp.below(&p.layers[last-1])
	}
	return report, last - 1, nil
}
