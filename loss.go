package ksparse

import (
	"fmt"
	"math"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/stat"
)

// Loss is what training makes small. Each is a mean over the rows (samples) of a
// batch, and gradients are exact gradients of that mean.
//
// The zero value is SquaredError.
type Loss uint8

const (
	// SquaredError is the sum over the columns of (out-y)², its mean over rows.
	SquaredError Loss = iota
	// BinaryCrossEntropy is the sum over the columns of
	// -y log(out) - (1-y) log(1-out), with out and y in [0, 1]. A logarithm is cut
	// off at -100, as PyTorch does, so that the loss is finite at 0 and 1. After a
	// Sigmoid last layer the derivative is taken at the pre-activation, where it
	// is out-y.
	BinaryCrossEntropy
	// SoftmaxCrossEntropy takes the outputs as logits and y as one row of
	// probabilities per sample: the sum over the columns of -y log(softmax(out)).
	SoftmaxCrossEntropy
	losses // their number
)

var lossNames = [losses]string{"squared_error", "binary_cross_entropy", "softmax_cross_entropy"}

// String returns the loss's name in lower case, such as "squared_error".
func (l Loss) String() string {
	if l < losses {
		return lossNames[l]
	}
	return fmt.Sprintf("Loss(%d)", uint8(l))
}

// checkTarget says whether y, already known to be finite, is a target that l is
// defined for. An error calls it what, and counts its rows from first.
func (l Loss) checkTarget(what string, y matrix.Rows, first int) error {
	if l >= losses {
		return fault.Errorf(ErrRange, "unknown loss %d", l)
	}
	if l == SquaredError {
		return nil
	}
	for i := range y.Rows {
		sum := 0.0
		for j, v := range y.Row(i) {
			if v < 0 || v > 1 {
				return fault.Errorf(ErrRange, "%s is %v at row %d, column %d; %v wants probabilities from 0 to 1", what, v, first+i, j, l)
			}
			sum += v
		}
		if l == SoftmaxCrossEntropy && math.Abs(sum-1) > 1e-6 {
			return fault.Errorf(ErrRange, "%s: row %d sums to %v; %v wants each row to sum to 1", what, first+i, sum, l)
		}
	}
	return nil
}

// atPre reports whether the gradient is taken at the pre-activations of a last layer
// with this activation, where it has a simpler form than at the outputs.
func (l Loss) atPre(act Activation) bool { return l == BinaryCrossEntropy && act == Sigmoid }

// evaluate returns the loss of the outputs of a last layer with this activation, and
// its gradient: at the outputs or, where atPre says so, at the pre-activations. y has
// passed checkTarget.
func (l Loss) evaluate(act Activation, out, y matrix.Rows) (loss float64, delta matrix.Rows, err error) {
	row, perRow := l.row(act), 1/float64(out.Rows)
	delta = matrix.New(out.Rows, out.Cols)
	for i := range out.Rows {
		v := row(delta.Row(i), out.Row(i), y.Row(i), perRow)
		if math.IsNaN(v) {
			if err := l.explain(out); err != nil {
				return v, delta, err
			}
		}
		loss += v
	}
	return loss * perRow, delta, nil
}

// row returns the function that gives the loss of one row and, where d is not nil, sets
// d to its gradient times perRow.
func (l Loss) row(act Activation) func(d, out, y []float64, perRow float64) float64 {
	switch {
	case l.atPre(act):
		return sigmoidCrossEntropy
	case l == BinaryCrossEntropy:
		return binaryCrossEntropy
	case l == SoftmaxCrossEntropy:
		return softmaxCrossEntropy
	}
	return squaredError
}

// explain returns an error that names the first output for which the loss is not
// defined, if there is one.
func (l Loss) explain(out matrix.Rows) error {
	if l != BinaryCrossEntropy {
		return nil
	}
	for i := range out.Rows {
		for j, o := range out.Row(i) {
			if !(o >= 0 && o <= 1) {
				return fault.Errorf(ErrRange, "output is %v at row %d, column %d; %v wants 0 to 1 (give the last layer the Sigmoid activation)", o, i, j, l)
			}
		}
	}
	return nil
}

// squaredError is Σ(out-y)², with the gradient 2(out-y).
func squaredError(d, out, y []float64, perRow float64) float64 {
	sum := stat.SquaredDistance(d, out, y)
	if d != nil {
		kernel.Scale(d, 2*perRow)
	}
	return sum
}

// sigmoidCrossEntropy is binaryCrossEntropy with the gradient at the pre-activation of a
// sigmoid, out-y.
func sigmoidCrossEntropy(d, out, y []float64, perRow float64) float64 {
	loss := binaryCrossEntropy(nil, out, y, perRow)
	if d != nil {
		for j, o := range out {
			d[j] = (o - y[j]) * perRow
		}
	}
	return loss
}

// binaryCrossEntropy is Σ -y log(out) - (1-y) log(1-out), with the gradient
// (out-y)/(out(1-out)).
func binaryCrossEntropy(d, out, y []float64, perRow float64) float64 {
	const least = -100
	sum := 0.0
	for j, o := range out {
		t := y[j]
		if !(o >= 0 && o <= 1) {
			return math.NaN()
		}
		a, b := max(kernel.Log(o), least), max(kernel.Log(1-o), least)
		sum -= float64(t*a) + float64((1-t)*b)
		if d != nil {
			d[j] = (o - t) / max(o*(1-o), 1e-12) * perRow
		}
	}
	return sum
}

// softmaxCrossEntropy is Σ -y log(softmax(out)), with the gradient softmax(out)Σy - y.
func softmaxCrossEntropy(d, out, y []float64, perRow float64) float64 {
	top := math.Inf(-1)
	for _, o := range out {
		top = max(top, o)
	}
	total, weight := 0.0, 0.0
	for j, o := range out {
		e := kernel.Exp(o - top)
		total += e
		weight += y[j]
		if d != nil {
			d[j] = e
		}
	}
	logTotal, sum := kernel.Log(total), 0.0
	for j, o := range out {
		sum += float64(y[j] * (logTotal - (o - top)))
		if d != nil {
			d[j] = (float64(d[j]/total*weight) - y[j]) * perRow
		}
	}
	return sum
}
