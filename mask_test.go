package ksparse_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

func TestTopKByHand(t *testing.T) {
	negative := math.Copysign(0, -1)
	tiny := math.SmallestNonzeroFloat64
	for _, c := range []struct {
		what string
		row  []float64
		k    int
		want []int32
	}{
		{"plain", []float64{1, 5, 3, 4}, 2, []int32{1, 3}},
		{"all equal", []float64{7, 7, 7, 7}, 2, []int32{0, 1}},
		{"a tie at the edge goes to the lowest", []float64{2, 9, 2, 2}, 2, []int32{0, 1}},
		{"-0 and +0 are equal", []float64{negative, 0, negative, 0}, 1, []int32{0}},
		{"denormals", []float64{0, tiny, -tiny, 2 * tiny}, 2, []int32{1, 3}},
		{"huge", []float64{math.MaxFloat64, -math.MaxFloat64, 1e308, 0}, 2, []int32{0, 2}},
		{"descending", []float64{4, 3, 2, 1}, 3, []int32{0, 1, 2}},
		{"all but one", []float64{3, 1, 2, 4}, 3, []int32{0, 2, 3}},
		{"none", []float64{1, 2}, 0, nil},
		{"less than none", []float64{1, 2}, -3, nil},
		{"all", []float64{1, 2}, 2, []int32{0, 1}},
		{"more than all", []float64{1, 2}, 9, []int32{0, 1}},
		{"NaN counts as -Inf", []float64{math.NaN(), -5, math.Inf(-1), math.NaN()}, 2, []int32{0, 1}},
		{"infinity", []float64{1, math.Inf(1), 2}, 1, []int32{1}},
	} {
		m := ksparse.TopK(mat.NewDense(1, len(c.row), c.row), c.k)
		if got := m.Row(0); !slices.Equal(got, c.want) {
			t.Errorf("%s: selected %v, want %v", c.what, got, c.want)
		}
		if rows, cols := m.Dims(); rows != 1 || cols != len(c.row) {
			t.Errorf("%s: the mask is %d x %d", c.what, rows, cols)
		}
		for j := range c.row {
			if got, want := m.At(0, j), slices.Contains(c.want, int32(j)); got != want {
				t.Errorf("%s: At(0, %d) is %v, want %v", c.what, j, got, want)
			}
		}
		if m.Count() != len(c.want) {
			t.Errorf("%s: Count is %d, want %d", c.what, m.Count(), len(c.want))
		}
	}
}

func TestTopKOfOtherMatrices(t *testing.T) {
	z := mat.NewDense(2, 3, []float64{3, 1, 2, 4, 6, 5})
	m := ksparse.TopK(z.T(), 1) // rows (3 4), (1 6), (2 5)
	for i := range 3 {
		if got := m.Row(i); !slices.Equal(got, []int32{1}) {
			t.Errorf("row %d of the transpose: selected %v, want [1]", i, got)
		}
	}
	view := mat.NewDense(4, 4, []float64{
		9, 9, 9, 9,
		9, 1, 2, 9,
		9, 4, 3, 9,
		9, 9, 9, 9,
	}).Slice(1, 3, 1, 3)
	m = ksparse.TopK(view, 1)
	if !m.At(0, 1) || !m.At(1, 0) || m.Count() != 2 {
		t.Errorf("of a view: selected %v and %v", m.Row(0), m.Row(1))
	}
	for _, nothing := range []mat.Matrix{nil, &mat.Dense{}, (*mat.Dense)(nil)} {
		if m := ksparse.TopK(nothing, 2); m.Count() != 0 || m.At(0, 0) {
			t.Errorf("of nothing: %d selected", m.Count())
		}
	}
}

func TestMaskApply(t *testing.T) {
	src := mat.NewDense(2, 3, []float64{3, 1, 2, 4, 6, 5})
	m := ksparse.TopK(src, 2)
	want := mat.NewDense(2, 3, []float64{3, 0, 2, 0, 6, 5})

	dst := mat.NewDense(2, 3, []float64{-1, -1, -1, -1, -1, -1})
	if err := m.Apply(dst, src); err != nil || !mat.Equal(dst, want) {
		t.Errorf("Apply gives %v, error %v", dst.RawMatrix().Data, err)
	}
	if src.At(0, 1) != 1 {
		t.Error("Apply changed its source")
	}
	empty := new(mat.Dense)
	if err := m.Apply(empty, src); err != nil || !mat.Equal(empty, want) {
		t.Errorf("Apply to an empty matrix: error %v", err)
	}
	if err := m.Apply(src, src); err != nil || !mat.Equal(src, want) {
		t.Errorf("Apply in place gives %v, error %v", src.RawMatrix().Data, err)
	}
	for _, pair := range [][2]*mat.Dense{
		{mat.NewDense(2, 2, nil), src}, {dst, mat.NewDense(3, 3, nil)}, {dst, &mat.Dense{}},
	} {
		if err := m.Apply(pair[0], pair[1]); !errors.Is(err, ksparse.ErrShape) {
			t.Errorf("Apply with wrong shapes: error %v, want ErrShape", err)
		}
	}
	if err := m.Apply(nil, src); !errors.Is(err, ksparse.ErrEmpty) {
		t.Errorf("Apply to nil: error %v, want ErrEmpty", err)
	}
	if !mat.Equal(dst, want) {
		t.Error("a failed Apply changed its destination")
	}
}
