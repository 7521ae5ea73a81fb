package ksparse

import (
	"fmt"
	"math"
	"sync"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
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

// String returns the loss's name in lower case, such as "squared_error".
func (l Loss) String() string {
	switch l {
	case SquaredError:
		return "squared_error"
	case BinaryCrossEntropy:
		return "binary_cross_entropy"
	case SoftmaxCrossEntropy:
		return "softmax_cross_entropy"
	}
	return fmt.Sprintf("Loss(%d)", uint8(l))
}

// checkTarget says whether y, already known to be finite, is a target that l is
// defined for. An error calls it what.
func (l Loss) checkTarget(what string, y topk.Rows) error {
	if l >= losses {
		return errorf(ErrRange, "unknown loss %d", l)
	}
	if l == SquaredError {
		return nil
	}
	for i := range y.Rows {
		sum := 0.0
		for j, v := range y.Row(i) {
			if v < 0 || v > 1 {
				return errorf(ErrRange, "%s is %v at row %d, column %d; %v wants probabilities from 0 to 1", what, v, i, j, l)
			}
			sum += v
		}
		if l == SoftmaxCrossEntropy && math.Abs(sum-1) > 1e-6 {
			return errorf(ErrRange, "%s: row %d sums to %v; %v wants each row to sum to 1", what, i, sum, l)
		}
	}
	return nil
}

// atPre says that the gradient is taken at the pre-activations of a last layer with
// this activation.
func (l Loss) atPre(act Activation) bool { return l == BinaryCrossEntropy && act == Sigmoid }

// evaluate returns the loss of the outputs and, where delta is not nil, writes
// its gradient there, row after row: the gradient at the outputs, or, where
// atPre is set, at the pre-activations of a Sigmoid layer. rowLoss is memory of
// at least one number per row. y has passed checkTarget.
func (l Loss) evaluate(out, y topk.Rows, atPre bool, delta, rowLoss []float64) (float64, error) {
	parallel.For(out.Rows, rowGrain(8*out.Cols), func(_, lo, hi int) { l.evaluateRows(out, y, atPre, delta, rowLoss, lo, hi) })
	return l.mean(out, rowLoss)
}

// evaluateRows does the rows lo to hi of evaluate.
func (l Loss) evaluateRows(out, y topk.Rows, atPre bool, delta, rowLoss []float64, lo, hi int) {
	perRow, cols := 1/float64(out.Rows), out.Cols
	for i := lo; i < hi; i++ {
		var d []float64
		if delta != nil {
			d = delta[i*cols : (i+1)*cols]
		}
		o, t := out.Row(i), y.Row(i)
		switch l {
		case SquaredError:
			rowLoss[i] = squaredError(d, o, t, perRow)
		case BinaryCrossEntropy:
			rowLoss[i] = binaryCrossEntropy(d, o, t, perRow, atPre)
		case SoftmaxCrossEntropy:
			rowLoss[i] = softmaxCrossEntropy(d, o, t, perRow)
		}
	}
}

// mean returns the loss that the rows' losses come to.
func (l Loss) mean(out topk.Rows, rowLoss []float64) (float64, error) {
	sum := 0.0
	for i, v := range rowLoss[:out.Rows] {
		if math.IsNaN(v) && l == BinaryCrossEntropy {
			for j, o := range out.Row(i) {
				if !(o >= 0 && o <= 1) {
					return v, errorf(ErrRange, "output is %v at row %d, column %d; %v wants 0 to 1 (give the last layer the Sigmoid activation)", o, i, j, l)
				}
			}
		}
		sum += v
	}
	return sum * (1 / float64(out.Rows)), nil
}

// Each of the functions below returns the loss of one row and, where d is not
// nil, sets it to the gradient times perRow.

func squaredError(d, out, y []float64, perRow float64) float64 {
	var buffer *[differenceBlock]float64
	if d == nil {
		buffer = differencePool.Get().(*[differenceBlock]float64)
		defer differencePool.Put(buffer)
	}
	sum := 0.0
	for lo := 0; lo < len(out); lo += len(buffer) {
		hi := min(lo+len(buffer), len(out))
		var e []float64
		if d != nil {
			e = d[lo:hi]
		} else {
			e = buffer[:hi-lo]
		}
		kernel.Subtract(e, out[lo:hi], y[lo:hi])
		sum += kernel.Dot(e, e)
	}
	if d != nil {
		kernel.Scale(d, 2*perRow)
	}
	return sum
}

// differenceBlock is how many squared differences are summed in lanes before they are
// added to the row's sum.
const differenceBlock = 256

// differencePool keeps memory for the differences of squaredError, which the
// kernel makes escape.
var differencePool = sync.Pool{New: func() any { return new([differenceBlock]float64) }}

func binaryCrossEntropy(d, out, y []float64, perRow float64, atPre bool) float64 {
	const least = -100
	sum := 0.0
	for j, o := range out {
		t := y[j]
		if !(o >= 0 && o <= 1) {
			return math.NaN()
		}
		a, b := max(kernel.Log(o), least), max(kernel.Log(1-o), least)
		sum -= float64(t*a) + float64((1-t)*b)
		switch {
		case d == nil:
		case atPre:
			d[j] = (o - t) * perRow
		default:
			d[j] = (o - t) / max(o*(1-o), 1e-12) * perRow
		}
	}
	return sum
}

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
