package pretrained

import (
	"math"
	"runtime"
	"sync"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/tensor"
)

// matrix reads a tensor of shape [rows, cols].
func (f *tensorFile) matrix(name string, rows, cols int) ksparse.Weights {
	return f.read(name, f.take(name), rows, cols, false)
}

// transposed reads the rows x cols matrix whose transpose, [cols, rows], is stored.
func (f *tensorFile) transposed(name string, rows, cols int) ksparse.Weights {
	return f.read(name, f.take(name), rows, cols, true)
}

// read reads a matrix, in float32 where that holds every number of the tensor's type.
func (f *tensorFile) read(name string, t *tensor.Tensor, rows, cols int, transposed bool) ksparse.Weights {
	var w ksparse.Weights
	if t == nil || !f.floating(name, t) {
		return w
	}
	want := []int{rows, cols}
	if transposed {
		want = []int{cols, rows}
	}
	if !f.shape(name, t, want...) {
		return w
	}
	if transposed {
		t = t.T()
	}
	w.Rows, w.Cols = t.Rows(), t.Cols()
	var err error
	if t.DType().Exact32() {
		w.Float32, err = readAll(t, t.ReadRows32)
	} else {
		w.Float64, err = readAll(t, t.ReadRows)
	}
	if err != nil {
		f.fail(containerError(f.name, err))
		return ksparse.Weights{}
	}
	f.matrices = append(f.matrices, readMatrix{name, w, transposed})
	return w
}

// readAll reads a matrix by read, its rows shared out among the processors in as few
// pieces as there are: a column-major tensor is read fastest in long columns.
func readAll[T any](t *tensor.Tensor, read func(dst []T, from, to int) error) ([]T, error) {
	const least = 4096 // rows
	rows, cols := t.Rows(), t.Cols()
	values := make([]T, t.Count())
	var once sync.Once
	var failed error
	grain := max(least, (rows+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	parallel.For(rows, grain, func(_, lo, hi int) {
		if err := read(values[lo*cols:hi*cols], lo, hi); err != nil {
			once.Do(func() { failed = err })
		}
	})
	return values, failed
}

// notFinite names the first NaN or infinity among the matrices that were read, nil if
// there is none. They are looked through only after something has gone wrong.
func (f *tensorFile) notFinite() error {
	for _, m := range f.matrices {
		at := firstNotFinite(m.Weights)
		if at < 0 {
			continue
		}
		i, j := at/m.Cols, at%m.Cols
		if m.transposed {
			i, j = j, i
		}
		return errorf(ksparse.ErrNotFinite, "%s: tensor %s holds NaN or an infinity at [%d,%d]", f.name, m.name, i, j)
	}
	return nil
}

// firstNotFinite returns the position of the first NaN or infinity, -1 for none.
func firstNotFinite(w ksparse.Weights) int {
	return max(matrix.FirstNotFinite(w.Float32), matrix.FirstNotFinite(w.Float64)) // one of them is nil
}

// floating checks the type of a tensor of weights and remembers it.
func (f *tensorFile) floating(name string, t *tensor.Tensor) bool {
	d := t.DType()
	f.types[d] = true
	if !d.Floating() {
		f.fail(unknown("%s: tensor %s is %v, want floating point", f.name, name, d))
	}
	return d.Floating()
}

// shape checks the shape of a tensor; no dimension may be empty.
func (f *tensorFile) shape(name string, t *tensor.Tensor, want ...int) bool {
	got := t.Shape()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		ok = got[i] > 0 && (want[i] == anySize || got[i] == want[i])
	}
	if !ok {
		f.fail(unknown("%s: tensor %s has shape %s, want %s", f.name, name, shapeText(got), shapeText(want)))
	}
	return ok
}

// vector reads a tensor of shape [n], or [1,n], which is the same to PyTorch where
// it is added to rows.
func (f *tensorFile) vector(name string, n int) []float64 {
	t := f.take(name)
	if t == nil || !f.floating(name, t) {
		return nil
	}
	if s := t.Shape(); len(s) == 2 && s[0] == 1 {
		if !f.shape(name, t, 1, n) {
			return nil
		}
	} else if !f.shape(name, t, n) {
		return nil
	}
	return f.numbers(name, t)
}

// vectorIf is vector where there is such a tensor, nil where there is not.
func (f *tensorFile) vectorIf(there bool, name string, n int) []float64 {
	if !there {
		return nil
	}
	return f.vector(name, n)
}

// numbers reads all elements, which must be finite.
func (f *tensorFile) numbers(name string, t *tensor.Tensor) []float64 {
	v, err := t.Float64s()
	if err != nil {
		f.fail(containerError(f.name, err))
		return nil
	}
	if at := matrix.FirstNotFinite(v); at >= 0 {
		f.fail(errorf(ksparse.ErrNotFinite, "%s: tensor %s holds %v at [%d]", f.name, name, v[at], at))
		return nil
	}
	return v
}

// scalar reads a tensor of one element, of shape [] or [1].
func (f *tensorFile) scalar(name string) float64 {
	t := f.take(name)
	if t == nil {
		return 0
	}
	return f.number(name, t)
}

// number reads the only element of t.
func (f *tensorFile) number(name string, t *tensor.Tensor) float64 {
	if t.Count() != 1 || len(t.Shape()) > 1 {
		f.fail(unknown("%s: tensor %s has shape %s, want a single number", f.name, name, shapeText(t.Shape())))
		return 0
	}
	if v := f.numbers(name, t); v != nil {
		return v[0]
	}
	return 0
}

// positive returns v as an integer above 0; what names it.
func (f *tensorFile) positive(what string, v float64) int {
	if f.err == nil && (v != math.Trunc(v) || v < 1 || v > math.MaxInt32) {
		f.fail(unknown("%s: %s is %v, want an integer above 0", f.name, what, v))
	}
	if f.err != nil {
		return 0
	}
	return int(v)
}
