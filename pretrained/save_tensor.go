package pretrained

import (
	"iter"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/safetensors"
	"github.com/ksparse/ksparse/internal/tensor"
)

// numbers is a tensor to write: a matrix, as it is or transposed, or a vector. It
// refers to the network's memory.
type numbers struct {
	name       string
	matrix     ksparse.Matrix
	transposed bool
	vector     []float64 // instead of the matrix
}

func matrixOf(name string, m ksparse.Matrix) numbers { return numbers{name: name, matrix: m} }
func transposeOf(name string, m ksparse.Matrix) numbers {
	return numbers{name: name, matrix: m, transposed: true}
}
func vectorOf(name string, v []float64) numbers { return numbers{name: name, vector: v} }
func (n numbers) isVector() bool                { return n.vector != nil }

// exact32 reports whether float32 holds every number.
func (n numbers) exact32() bool {
	v := n.vector
	if !n.isVector() {
		v = n.matrix.Float64
	}
	for _, v := range v {
		if float64(float32(v)) != v {
			return false
		}
	}
	return true
}

// entry makes an F32 tensor of n, or an F64 one.
func (n numbers) entry(wide bool) safetensors.Entry {
	e := safetensors.Entry{Name: n.name, DType: tensor.F32}
	if wide {
		e.DType = tensor.F64
	}
	rows, cols := n.matrix.Rows, n.matrix.Cols
	switch {
	case n.isVector():
		e.Shape = []int{len(n.vector)}
		e.Float64s = one(n.vector)
		return e
	case n.transposed:
		e.Shape = []int{cols, rows}
	default:
		e.Shape = []int{rows, cols}
	}
	if n.matrix.Float32 != nil {
		e.Float32s = run(n.matrix.Float32, rows, cols, n.transposed)
	} else {
		e.Float64s = run(n.matrix.Float64, rows, cols, n.transposed)
	}
	return e
}

func one[T any](v []T) iter.Seq[[]T] {
	return func(yield func([]T) bool) { yield(v) }
}

func run[T any](m []T, rows, cols int, transposed bool) iter.Seq[[]T] {
	if transposed {
		return columns(m, rows, cols)
	}
	return one(m)
}

// columns gives the columns of m one after the other, a band of them at a time: so
// many that every cache line that is read is used.
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
