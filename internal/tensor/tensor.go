package tensor

import (
	"fmt"
	"math"
	"slices"
)

// maxDims is the largest number of dimensions that New takes, as in NumPy.
const maxDims = 64

// A Layout is where the elements of a tensor lie in its storage.
type Layout struct {
	DType     DType
	Shape     []int
	Strides   []int // elements from one index to the next, per dimension; nil means row-major without gaps
	Offset    int   // elements before the first one
	BigEndian bool  // elements are stored with the high byte first
}

// A Tensor gives access to the values of one tensor in a file.
type Tensor struct {
	name    string
	layout  Layout
	count   int
	storage *Storage
}

// New returns the tensor with layout l in s. It reads nothing. It is an error when
// an element lies outside s, a size or stride is negative, or the elements would not
// fit into memory as float64.
func New(name string, l Layout, s *Storage) (*Tensor, error) {
	if l.DType == 0 || int(l.DType) >= len(dtypes) {
		return nil, fmt.Errorf("%s: %v is no type of elements", label(name), l.DType)
	}
	count, err := Count(l.Shape)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", label(name), err)
	}
	l.Shape = slices.Clone(l.Shape)
	if l.Strides == nil {
		l.Strides = rowMajor(l.Shape)
	}
	l.Strides = slices.Clone(l.Strides)
	if err := l.check(count, s.size/int64(l.DType.Size())); err != nil {
		return nil, fmt.Errorf("%s: %w", label(name), err)
	}
	return &Tensor{name: name, layout: l, count: count, storage: s}, nil
}

// Count returns the number of elements in a tensor of that shape, 1 when it has no
// dimension. It is an error when there are more than 64 dimensions, one of them is
// negative, or the product of those that are not 0 would not fit into memory as
// float64.
func Count(shape []int) (int, error) {
	if len(shape) > maxDims {
		return 0, fmt.Errorf("%d dimensions, want at most %d", len(shape), maxDims)
	}
	count, empty := 1, false
	for _, n := range shape {
		switch {
		case n < 0:
			return 0, fmt.Errorf("shape %v has a negative size", shape)
		case n == 0:
			empty = true
		case count > math.MaxInt/8/n:
			return 0, fmt.Errorf("shape %v is too large", shape)
		default:
			count *= n
		}
	}
	if empty {
		return 0, nil
	}
	return count, nil
}

// rowMajor returns the strides of a row-major tensor without gaps.
func rowMajor(shape []int) []int {
	strides := make([]int, len(shape))
	next := 1
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = next
		next *= max(shape[i], 1)
	}
	return strides
}

// ColumnMajor returns the strides of a column-major tensor without gaps, for a
// shape that Count accepts.
func ColumnMajor(shape []int) []int {
	reversed := slices.Clone(shape)
	slices.Reverse(reversed)
	strides := rowMajor(reversed)
	slices.Reverse(strides)
	return strides
}

// check returns an error where one of the tensor's count elements is outside a storage
// of the given number of elements.
func (l *Layout) check(count int, elements int64) error {
	if len(l.Strides) != len(l.Shape) {
		return fmt.Errorf("%d strides for %d dimensions", len(l.Strides), len(l.Shape))
	}
	if l.Offset < 0 {
		return fmt.Errorf("offset %d is negative", l.Offset)
	}
	last := int64(l.Offset)
	for i, stride := range l.Strides {
		if stride < 0 {
			return fmt.Errorf("strides %v: one is negative", l.Strides)
		}
		steps := int64(l.Shape[i]) - 1
		if count > 0 && steps > 0 && int64(stride) > (math.MaxInt64-last)/steps {
			last = math.MaxInt64
		} else if count > 0 {
			last += steps * int64(stride)
		}
	}
	if count > 0 && last >= elements {
		return fmt.Errorf("shape %v, strides %v and offset %d reach element %d of a storage of %d", l.Shape, l.Strides, l.Offset, last, elements)
	}
	return nil
}

// label names a tensor in errors; one without a name is all that its file holds.
func label(name string) string {
	if name == "" {
		return "the array"
	}
	return fmt.Sprintf("tensor %.100q", name)
}

// Name returns the name of the tensor.
func (t *Tensor) Name() string { return t.name }

// Named returns the same tensor under another name.
func (t *Tensor) Named(name string) *Tensor {
	u := *t
	u.name = name
	return &u
}

// DType returns the type of the elements.
func (t *Tensor) DType() DType { return t.layout.DType }

// Shape returns the sizes of the dimensions; none for a scalar.
func (t *Tensor) Shape() []int { return slices.Clone(t.layout.Shape) }

// Count returns the number of elements.
func (t *Tensor) Count() int { return t.count }

// Rows returns the size of the first dimension, 1 for a scalar.
func (t *Tensor) Rows() int {
	if len(t.layout.Shape) == 0 {
		return 1
	}
	return t.layout.Shape[0]
}

// Cols returns the number of elements of one row, the product of the other
// dimensions.
func (t *Tensor) Cols() int {
	if len(t.layout.Shape) == 0 {
		return 1
	}
	n, _ := Count(t.layout.Shape[1:]) // New has counted the whole shape
	return n
}

// T returns the same elements with the dimensions in reverse order: of a tensor
// [d, n] the tensor [n, d] whose rows are the columns. Nothing is read or copied.
func (t *Tensor) T() *Tensor {
	u := *t
	u.layout.Shape, u.layout.Strides = slices.Clone(t.layout.Shape), slices.Clone(t.layout.Strides)
	slices.Reverse(u.layout.Shape)
	slices.Reverse(u.layout.Strides)
	return &u
}

// Reshape returns the same elements in the same row-major order, in another shape. It is an
// error where that has another number of elements, or the elements of t do not lie in this
// order without gaps: a column-major array of more than one column, for example.
func (t *Tensor) Reshape(shape ...int) (*Tensor, error) {
	count, err := Count(shape)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", label(t.name), err)
	case count != t.count:
		return nil, fmt.Errorf("%s: shape %v has %d elements, %v has %d", label(t.name), t.layout.Shape, t.count, shape, count)
	}
	want := rowMajor(t.layout.Shape)
	for i, n := range t.layout.Shape {
		if n > 1 && count > 0 && t.layout.Strides[i] != want[i] {
			return nil, fmt.Errorf("%s: its elements are not in row-major order", label(t.name))
		}
	}
	u := *t
	u.layout.Shape, u.layout.Strides = slices.Clone(shape), rowMajor(shape)
	return &u, nil
}

// Same reports whether t and u are the same elements of the same storage in the
// same order: two names of one tied matrix.
func (t *Tensor) Same(u *Tensor) bool {
	return t.storage == u.storage && t.layout.Offset == u.layout.Offset && t.DType() == u.DType() &&
		slices.Equal(t.layout.Shape, u.layout.Shape) && slices.Equal(t.layout.Strides, u.layout.Strides)
}
