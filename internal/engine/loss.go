package engine

import (
	"math"

	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// evaluate returns the mean loss of the outputs and, where delta has Data, sets delta
// to its gradient. rowLoss gets the loss of each row.
func (l *Loss) evaluate(out, y, delta matrix.Rows, rowLoss []float64) (float64, error) {
	parallel.For(out.Rows, matrix.RowGrain(8*out.Cols), func(_, lo, hi int) { l.evaluateRows(out, y, delta, rowLoss, lo, hi) })
	return l.mean(out, rowLoss)
}

// evaluateRows is evaluate for the rows lo to hi, without the mean.
func (l *Loss) evaluateRows(out, y, delta matrix.Rows, rowLoss []float64, lo, hi int) {
	perRow := 1 / float64(out.Rows)
	for i := lo; i < hi; i++ {
		var d []float64
		if delta.Data != nil {
			d = delta.Row(i)
		}
		rowLoss[i] = l.Row(d, out.Row(i), y.Row(i), perRow)
	}
}

// mean returns the mean of the rows' losses.
func (l *Loss) mean(out matrix.Rows, rowLoss []float64) (float64, error) {
	sum := 0.0
	for _, v := range rowLoss[:out.Rows] {
		if math.IsNaN(v) && l.Explain != nil {
			if err := l.Explain(out); err != nil {
				return v, err
			}
		}
		sum += v
	}
	return sum * (1 / float64(out.Rows)), nil
}
