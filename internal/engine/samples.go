package engine

import (
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// samplesObjective decodes codes, measures the loss and goes back to the codes for a few
// rows at a time: what they name of the decoder is fetched once for both ways.
type samplesObjective struct{}

// nearWeights is how many weights stay near without being fetched anew: with more,
// rows are decoded and passed back in ones and twos (768 -> 8192, k=32: 0.73 of the time
// of one after the other; 784 -> 1000, k=25: 0.91), with fewer as many at a time as
// serve the cache (784 -> 100: 0.95).
const nearWeights = 1 << 17

// run shares the rows out among goroutines, each of which does all of it for a few.
func (o *samplesObjective) run(t *training, y matrix.Rows) (Report, int, error) {
	p, last := t.pass, len(t.pass.layers)-1
	lp, below, loss := &p.layers[last], &p.layers[last-1], &t.recipe.Loss
	rows, cols := lp.beginLinear(), lp.layer.Out
	p.setOutput()
	p.rowLoss = matrix.Resized(p.rowLoss, rows)
	lp.makeDelta()
	below.makeDelta()
	delta := matrix.Rows{Data: lp.delta, Rows: rows, Cols: cols, Stride: cols}
	grain := matrix.RowGrain(lp.in.codes.RowCost(cols))
	if lp.layer.In*cols <= nearWeights {
		grain = lp.decodeGrain()
	}
	parallel.For(rows, grain, func(_, lo, hi int) {
		lp.decodeRows(lo, hi)
		from, to := lo*cols, hi*cols
		if act := lp.layer.Activation; act.Values != nil {
			act.apply(p.output.Data[from:to], lp.pre[from:to])
		}
		loss.evaluateRows(p.output, y, delta, p.rowLoss, lo, hi)
		lp.lastSlopes(loss, from, to)
		lp.deltaAtEntries(below, lo, hi)
	})
	report, err := t.measured(loss.mean(p.output, p.rowLoss))
	if err != nil {
		return report, 0, err
	}
	lp.linearGradient(below)
	return report, last - 1, nil
}
