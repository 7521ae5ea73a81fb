package ksparse

import (
	"errors"
	"fmt"
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/topk"
	"gonum.org/v1/gonum/mat"
)

// The errors that this package makes wrap one of these, so that errors.Is can
// tell the causes apart; errors of a context, a callback, a reader, a writer or
// the file system are passed on, wrapped. The text says what was wanted and what
// came.
var (
	// ErrShape: a matrix, layer or mask has the wrong size for its place. Compare
	// its Dims with the layer's In and Out that the text names.
	ErrShape = errors.New("wrong shape")

	// ErrEmpty: a matrix is nil or has no rows.
	ErrEmpty = errors.New("no data")

	// ErrNotFinite: data, or a result, holds NaN or an infinity. Clean the data;
	// for a result, the weights or the data are too large for float64.
	ErrNotFinite = errors.New("not a finite number")

	// ErrRange: a number lies outside the range in which it makes sense: a
	// negative k, a probability of 1.7, a negative learning rate.
	ErrRange = errors.New("out of range")

	// ErrNoSparseLayer: Encode or Decode was asked of a network that has no
	// sparse layer. Use Predict.
	ErrNoSparseLayer = errors.New("no sparse layer")

	// ErrNoDecoder: Decode or Predict was asked of a network that was assembled
	// without a decoder. It can only encode.
	ErrNoDecoder = errors.New("no decoder")

	// ErrFrozen: training, or gradients, were asked of a network that can only be
	// used: its weights are held in float32 (Widen makes them float64), or it has a
	// gate, a skip connection or no decoder, for which there are no gradients here. The
	// text says which.
	ErrFrozen = errors.New("cannot be trained")

	// ErrUnset: the network needs a number that was never learned or set, such as
	// the threshold of SelectBatchTopK. The text says how to get it.
	ErrUnset = errors.New("never learned")

	// ErrPass: Backprop was given a Pass that another network made.
	ErrPass = errors.New("pass of another network")

	// ErrDiverged: the loss, or a parameter, was about to become NaN or infinite
	// in training. The network keeps its last finite parameters. A smaller
	// learning rate, clipping or scaled data helps.
	ErrDiverged = errors.New("training diverged")

	// ErrFormat: a saved network, or checkpoint of a training, is damaged, cut short or
	// not of this format.
	ErrFormat = errors.New("not a valid network file")

	// ErrCheckpoint: the checkpoint to resume from was made by a training of another
	// network, other data or another configuration. The text names what differs.
	ErrCheckpoint = errors.New("checkpoint of another training")

	// ErrStop is for a training callback to return: the training ends after this
	// step, without an error.
	ErrStop = errors.New("stop training")
)

// errorf makes an error that wraps cause and reads "ksparse: text".
func errorf(cause error, format string, args ...any) error {
	return &causedError{cause, "ksparse: " + fmt.Sprintf(format, args...)}
}

type causedError struct {
	cause error
	text  string
}

func (e *causedError) Error() string { return e.text }
func (e *causedError) Unwrap() error { return e.cause }

// rowsOf returns x, which an error calls what, as contiguous rows: the memory of
// x itself where x is a *mat.Dense, else a copy. It checks that x has rows, cols
// columns (where cols is not negative), and no NaN or infinity.
func rowsOf(what string, x mat.Matrix, cols int) (topk.Rows, error) {
	var out topk.Rows
	if isNil(x) {
		return out, errorf(ErrEmpty, "%s is nil", what)
	}
	r, c := x.Dims()
	if r == 0 || c == 0 {
		return out, errorf(ErrEmpty, "%s has no rows (it is %d x %d)", what, r, c)
	}
	if cols >= 0 && c != cols {
		return out, errorf(ErrShape, "%s has %d columns, want %d", what, c, cols)
	}
	switch x := x.(type) {
	case *mat.Dense:
		out = denseRows(x)
	case *Codes:
		out = x.rows()
	default:
		out = newRows(r, c)
		for i := range r {
			row := out.Row(i)
			for j := range row {
				row[j] = x.At(i, j)
			}
		}
	}
	for i := range r {
		if row := out.Row(i); !kernel.AllFinite(row) {
			for j, v := range row {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					return out, errorf(ErrNotFinite, "%s holds %v at row %d, column %d", what, v, i, j)
				}
			}
		}
	}
	return out, nil
}

// isNil also finds the typed nil pointers that would panic in Dims.
func isNil(x mat.Matrix) bool {
	switch x := x.(type) {
	case nil:
		return true
	case *mat.Dense:
		return x == nil
	case *mat.VecDense:
		return x == nil
	case *Codes:
		return x == nil
	}
	return false
}

// denseRows returns the memory of d.
func denseRows(d *mat.Dense) topk.Rows {
	raw := d.RawMatrix()
	return topk.Rows{Data: raw.Data, Rows: raw.Rows, Cols: raw.Cols, Stride: raw.Stride}
}

// newRows returns r x c zeros.
func newRows(r, c int) topk.Rows {
	return topk.Rows{Data: make([]float64, r*c), Rows: r, Cols: c, Stride: c}
}

// resize makes m r x c, in its own memory where that is large enough. The
// contents are undefined.
func resize(m *topk.Rows, r, c int) {
	m.Data = resized(m.Data, r*c)
	m.Rows, m.Cols, m.Stride = r, c, c
}

// resized returns s, or a new slice, with length n and undefined contents.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// dense returns a matrix that shares the memory of m.
func dense(m topk.Rows) *mat.Dense {
	if m.Rows == 0 || m.Cols == 0 {
		return &mat.Dense{}
	}
	d := new(mat.Dense)
	d.SetRawMatrix(rawMatrix(m))
	return d
}
