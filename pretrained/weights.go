package pretrained

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/npy"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/safetensors"
	"github.com/ksparse/ksparse/internal/tensor"
	"github.com/ksparse/ksparse/internal/torchfile"
)

// weights are the named tensors of a file, whatever its container. They remember
// which were taken: what is left at the end was not understood.
type weights struct {
	*faults
	name      string // of the file, for errors
	path      string
	container container
	metadata  map[string]string // of safetensors
	all       map[string]bool   // the names
	values    map[string]any    // of torch: by name, tensors and others
	tensor    func(name string) (*tensor.Tensor, error)
	close     func() error

	taken    map[string]bool
	types    map[tensor.DType]bool // of the weights
	matrices []named               // that were read
}

type named struct {
	name string
	ksparse.Matrix
	transposed bool // in the file
}

// openWeights opens a file of that container.
func openWeights(path string, c container, f *faults) (*weights, error) {
	w := &weights{faults: f, name: filepath.Base(path), path: path, container: c,
		all: make(map[string]bool), taken: make(map[string]bool), types: make(map[tensor.DType]bool)}
	var names []string
	switch c {
	case inSafetensors:
		file, err := safetensors.Open(path)
		if err != nil {
			return nil, err
		}
		names, w.metadata, w.tensor, w.close = file.Names(), file.Metadata(), file.Tensor, file.Close
	case inNpz:
		file, err := npy.OpenArchive(path)
		if err != nil {
			return nil, err
		}
		names, w.tensor, w.close = file.Names(), file.Tensor, file.Close
	case inTorch:
		file, err := torchfile.Open(path)
		if err != nil {
			return nil, err
		}
		w.close = file.Close
		w.useDict(file.Dict())
	}
	for _, name := range names {
		w.all[name] = true
	}
	return w, nil
}

// useDict makes the entries of d those of w.
func (w *weights) useDict(d *torchfile.Dict) {
	clear(w.all)
	w.values = make(map[string]any, d.Len())
	for key, value := range d.All() {
		name, ok := key.(string)
		if !ok {
			name = fmt.Sprintf("%v (the key is no string)", key)
		}
		w.all[name], w.values[name] = true, value
	}
	w.tensor = func(name string) (*tensor.Tensor, error) {
		t, ok := w.values[name].(*tensor.Tensor)
		if !ok {
			return nil, fmt.Errorf("%.100q is %s, not a tensor", name, torchfile.Kind(w.values[name]))
		}
		return t, nil
	}
}

func (w *weights) has(name string) bool { return w.all[name] }

// take returns the tensor of that name, nil after an error.
func (w *weights) take(name string) *tensor.Tensor {
	if w.err != nil {
		return nil
	}
	if !w.all[name] {
		w.fail(unknown("%s has no tensor %s; it has %s", w.name, name, w.list()))
		return nil
	}
	w.taken[name] = true
	t, err := w.tensor(name)
	if err != nil {
		w.fail(unknown("%s: %v", w.name, err))
		return nil
	}
	return t
}

// list names the tensors, not all of them where they are many.
func (w *weights) list() string {
	names := slices.Sorted(maps.Keys(w.all))
	if len(names) == 0 {
		return "nothing"
	}
	return some(names)
}

// some joins the names, or the first of them where they are many.
func some(names []string) string {
	const most = 40
	short := make([]string, 0, min(most, len(names)))
	for _, n := range names[:min(most, len(names))] {
		short = append(short, fmt.Sprintf("%.100s", n))
	}
	s := strings.Join(short, ", ")
	if more := len(names) - most; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// anySize as a size in matrix means that the tensor says it.
const anySize = -1

// matrix reads a tensor of shape [rows, cols].
func (w *weights) matrix(name string, rows, cols int) ksparse.Matrix {
	return w.read(name, w.take(name), rows, cols, false)
}

// transposed reads the rows x cols matrix whose transpose, [cols, rows], is stored.
func (w *weights) transposed(name string, rows, cols int) ksparse.Matrix {
	return w.read(name, w.take(name), rows, cols, true)
}

func (w *weights) read(name string, t *tensor.Tensor, rows, cols int, transposed bool) ksparse.Matrix {
	var m ksparse.Matrix
	if t == nil || !w.floating(name, t) {
		return m
	}
	want := []int{rows, cols}
	if transposed {
		want = []int{cols, rows}
	}
	if !w.shape(name, t, want...) {
		return m
	}
	if transposed {
		t = t.T()
	}
	m.Rows, m.Cols = t.Rows(), t.Cols()
	var err error
	if t.DType().Exact32() {
		m.Float32, err = readAll(t, t.ReadRows32)
	} else {
		m.Float64, err = readAll(t, t.ReadRows)
	}
	if err != nil {
		w.fail(unknown("%s: %v", w.name, err))
		return ksparse.Matrix{}
	}
	w.matrices = append(w.matrices, named{name, m, transposed})
	return m
}

// readAll reads a matrix by read, its rows shared out among the processors in as few
// parts as there are: a column-major tensor is read fastest in long columns.
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
func (w *weights) notFinite() error {
	for _, m := range w.matrices {
		at := max(firstNotFinite(m.Float32), firstNotFinite(m.Float64))
		if at < 0 {
			continue
		}
		i, j := at/m.Cols, at%m.Cols
		if m.transposed {
			i, j = j, i
		}
		return errorf(ksparse.ErrNotFinite, "%s: tensor %s holds NaN or an infinity at [%d,%d]", w.name, m.name, i, j)
	}
	return nil
}

// firstNotFinite returns the position of the first NaN or infinity, -1 for none.
func firstNotFinite[T float32 | float64](values []T) int {
	for i, v := range values {
		if v-v != 0 {
			return i
		}
	}
	return -1
}

// floating checks the type of a tensor of weights and remembers it.
func (w *weights) floating(name string, t *tensor.Tensor) bool {
	switch d := t.DType(); d {
	case tensor.F64, tensor.F32, tensor.F16, tensor.BF16:
		w.types[d] = true
		return true
	default:
		w.fail(unknown("%s: tensor %s is %v, want floating point", w.name, name, d))
		return false
	}
}

// shape checks the shape of a tensor; no dimension may be empty.
func (w *weights) shape(name string, t *tensor.Tensor, want ...int) bool {
	got := t.Shape()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		ok = got[i] > 0 && (want[i] == anySize || got[i] == want[i])
	}
	if !ok {
		w.fail(unknown("%s: tensor %s has shape %s, want %s", w.name, name, shapeText(got), shapeText(want)))
	}
	return ok
}

// shapeText writes a shape, with * for any size.
func shapeText(shape []int) string {
	var sizes []string
	for _, n := range shape {
		if n == anySize {
			sizes = append(sizes, "*")
		} else {
			sizes = append(sizes, strconv.Itoa(n))
		}
	}
	return "[" + strings.Join(sizes, ",") + "]"
}

// vector reads a tensor of shape [n], or [1,n], which is the same to PyTorch where
// it is added to rows.
func (w *weights) vector(name string, n int) []float64 {
	t := w.take(name)
	if t == nil || !w.floating(name, t) {
		return nil
	}
	if s := t.Shape(); len(s) == 2 && s[0] == 1 {
		if !w.shape(name, t, 1, n) {
			return nil
		}
	} else if !w.shape(name, t, n) {
		return nil
	}
	return w.numbers(name, t)
}

// numbers reads all elements, which must be finite.
func (w *weights) numbers(name string, t *tensor.Tensor) []float64 {
	v, err := t.Float64s()
	if err != nil {
		w.fail(unknown("%s: %v", w.name, err))
		return nil
	}
	if at := firstNotFinite(v); at >= 0 {
		w.fail(errorf(ksparse.ErrNotFinite, "%s: tensor %s holds %v at [%d]", w.name, name, v[at], at))
		return nil
	}
	return v
}

// scalar reads a tensor of one element, of shape [] or [1].
func (w *weights) scalar(name string) float64 {
	t := w.take(name)
	if t == nil {
		return 0
	}
	return w.one(name, t)
}

func (w *weights) one(name string, t *tensor.Tensor) float64 {
	if t.Count() != 1 || len(t.Shape()) > 1 {
		w.fail(unknown("%s: tensor %s has shape %s, want a single number", w.name, name, shapeText(t.Shape())))
		return 0
	}
	if v := w.numbers(name, t); v != nil {
		return v[0]
	}
	return 0
}

// positive returns v as an integer above 0; what names it.
func (w *weights) positive(what string, v float64) int {
	if w.err == nil && (v != math.Trunc(v) || v < 1 || v > math.MaxInt32) {
		w.fail(unknown("%s: %s is %v, want an integer above 0", w.name, what, v))
	}
	if w.err != nil {
		return 0
	}
	return int(v)
}

// ignore takes the tensors that are known to play no part in the function.
func (w *weights) ignore(names ...string) (there []string) {
	for _, n := range names {
		if w.all[n] {
			w.taken[n] = true
			there = append(there, n)
		}
	}
	return there
}

// finish reports tensors that were not taken.
func (w *weights) finish() {
	var left []string
	for _, n := range slices.Sorted(maps.Keys(w.all)) {
		if !w.taken[n] {
			left = append(left, n)
		}
	}
	if len(left) > 0 {
		w.fail(unknown("%s holds what the model that its configuration describes does not have: %s", w.name, some(left)))
	}
}

// typeNames returns the number formats of the weights, as safetensors spell them.
func (w *weights) typeNames() string {
	var names []string
	for d := range w.types {
		names = append(names, d.String())
	}
	slices.Sort(names)
	return strings.Join(names, " and ")
}
