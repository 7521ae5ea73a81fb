package pretrained

import (
	"iter"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/safetensors"
	"github.com/ksparse/ksparse/internal/tensor"
)

// outTensor is a tensor to write: a matrix, as it is or transposed, or a vector. It
// refers to the network's memory.
type outTensor struct {
	name       string
	matrix     ksparse.Weights
	transposed bool
	vector     []float64 // instead of the matrix
}

func outMatrix(name string, w ksparse.Weights) outTensor { return outTensor{name: name, matrix: w} }
func outTransposed(name string, w ksparse.Weights) outTensor {
	return outTensor{name: name, matrix: w, transposed: true}
}
func outVector(name string, v []float64) outTensor { return outTensor{name: name, vector: v} }

// exact32 reports whether float32 holds every number.
func (t outTensor) exact32() bool {
	values := t.vector
	if values == nil {
		values = t.matrix.Float64
	}
	for _, v := range values {
		if float64(float32(v)) != v {
			return false
		}
	}
	return true
}

// entry makes an F32 tensor of t, or an F64 one.
func (t outTensor) entry(wide bool) safetensors.Entry {
	e := safetensors.Entry{Name: t.name, DType: tensor.F32}
	if wide {
		e.DType = tensor.F64
	}
	rows, cols := t.matrix.Rows, t.matrix.Cols
	switch {
	case t.vector != nil:
		e.Shape = []int{len(t.vector)}
		e.Float64s = oneRun(t.vector)
		return e
	case t.transposed:
		e.Shape = []int{cols, rows}
	default:
		e.Shape = []int{rows, cols}
	}
	if t.matrix.Float32 != nil {
		e.Float32s = runs(t.matrix.Float32, rows, cols, t.transposed)
	} else {
		e.Float64s = runs(t.matrix.Float64, rows, cols, t.transposed)
	}
	return e
}

// oneRun gives all of v at once.
func oneRun[T any](v []T) iter.Seq[[]T] {
	return func(yield func([]T) bool) { yield(v) }
}

// runs gives the numbers of a matrix, which are row after row in m, or of its transpose.
func runs[T any](m []T, rows, cols int, transposed bool) iter.Seq[[]T] {
	if transposed {
		return columns(m, rows, cols)
	}
	return oneRun(m)
}

// columns gives the columns of m one after the other, a band of them at a time: enough
// that every number of a cache line that is read is used.
func columns[T any](m []T, rows, cols int) iter.Seq[[]T] {
	const band = 16
	return func(yield func([]T) bool) {
		buf := make([]T, rows*min(band, cols))
		for lo := 0; lo < cols; lo += band {
			w := min(band, cols-lo)
			for i := range rows {
				for j, v := range m[i*cols+lo : i*cols+lo+w] {
					buf[j*rows+i] = v
				}
			}
			if !yield(buf[:w*rows]) {
				return
			}
		}
	}
}
