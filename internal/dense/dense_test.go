package dense

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
	"gonum.org/v1/gonum/mat"
)

// pointerMatrix has methods that need a pointer that is not nil.
type pointerMatrix struct{ *mat.Dense }

// sliceMatrix is a matrix of one column.
type sliceMatrix []float64

func (m sliceMatrix) Dims() (rows, cols int) { return len(m), 1 }
func (m sliceMatrix) At(i, _ int) float64    { return m[i] }
func (m sliceMatrix) T() mat.Matrix          { return mat.Transpose{Matrix: m} }
func (m sliceMatrix) Dense() *mat.Dense      { return mat.NewDense(len(m), 1, slices.Clone(m)) }

// liar makes a *mat.Dense of another shape than its own.
type liar struct {
	sliceMatrix
	made *mat.Dense
}

func (l liar) Dense() *mat.Dense { return l.made }

func values(m matrix.Rows) (v []float64) {
	for i := range m.Rows {
		v = append(v, m.Row(i)...)
	}
	return v
}

func TestRowsOfEveryKind(t *testing.T) {
	whole := mat.NewDense(4, 5, nil)
	for i := range 4 {
		for j := range 5 {
			whole.Set(i, j, float64(10*i+j))
		}
	}
	view := whole.Slice(1, 3, 1, 4).(*mat.Dense) // it has a stride of its own
	for _, c := range []struct {
		name   string
		x      mat.Matrix
		rows   int
		want   []float64
		shares bool
	}{
		{"dense", whole, 4, whole.RawMatrix().Data, true},
		{"view", view, 2, []float64{11, 12, 13, 21, 22, 23}, true},
		{"transpose", view.T(), 3, []float64{11, 21, 12, 22, 13, 23}, false},
		{"vector", mat.NewVecDense(3, []float64{1, 2, 3}), 3, []float64{1, 2, 3}, false},
		{"row of a vector", mat.NewVecDense(3, []float64{1, 2, 3}).T(), 1, []float64{1, 2, 3}, false},
		{"symmetric", mat.NewSymDense(2, []float64{1, 2, 0, 3}), 2, []float64{1, 2, 2, 3}, false},
		{"pointer", &pointerMatrix{mat.NewDense(3, 1, []float64{1, 2, 3})}, 3, []float64{1, 2, 3}, false},
		{"with a method Dense", sliceMatrix{1, 2, 3}, 3, []float64{1, 2, 3}, false},
		{"with a Dense of another shape", liar{sliceMatrix{1, 2, 3}, whole}, 3, []float64{1, 2, 3}, false},
		{"with a Dense that is nil", liar{sliceMatrix{1, 2, 3}, nil}, 3, []float64{1, 2, 3}, false},
	} {
		cols := len(c.want) / c.rows
		for _, want := range []int{cols, -1} {
			got, err := Rows("x", c.x, want)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if got.Rows != c.rows || got.Cols != cols || !slices.Equal(values(got), c.want) {
				t.Errorf("%s: %d x %d, %v, want %d x %d, %v", c.name, got.Rows, got.Cols, values(got), c.rows, cols, c.want)
			}
			before := c.x.At(0, 0)
			got.Data[0] = -7
			if shares := c.x.At(0, 0) == -7; shares != c.shares {
				t.Errorf("%s: shares memory: %v, want %v", c.name, shares, c.shares)
			}
			if c.shares {
				got.Data[0] = before
			}
		}
	}
}

func TestRowsErrors(t *testing.T) {
	numbers := func(v ...float64) *mat.Dense { return mat.NewDense(len(v)/2, 2, v) }
	for _, c := range []struct {
		name string
		x    mat.Matrix
		want error
		says string
	}{
		{"nil", nil, fault.ErrEmpty, "the data is nil"},
		{"nil dense", (*mat.Dense)(nil), fault.ErrEmpty, "the data is nil"},
		{"nil vector", (*mat.VecDense)(nil), fault.ErrEmpty, "the data is nil"},
		{"nil symmetric", (*mat.SymDense)(nil), fault.ErrEmpty, "the data is nil"},
		{"nil pointer of another type", (*pointerMatrix)(nil), fault.ErrEmpty, "the data is nil"},
		{"nil slice", sliceMatrix(nil), fault.ErrEmpty, "the data is nil"},
		{"transpose of nil", (*mat.Dense)(nil).T(), fault.ErrEmpty, "the data is nil"},
		{"transpose of a nil vector", mat.TransposeVec{Vector: (*mat.VecDense)(nil)}, fault.ErrEmpty, "the data is nil"},
		{"transpose of nothing", mat.TransposeVec{}, fault.ErrEmpty, "the data is nil"},
		{"empty", new(mat.Dense), fault.ErrEmpty, "no rows (it is 0 x 0)"},
		{"empty vector", new(mat.VecDense), fault.ErrEmpty, "no rows"},
		{"too narrow", mat.NewDense(3, 1, nil), fault.ErrShape, "the data has 1 columns, want 2"},
		{"NaN", numbers(1, 2, 3, math.NaN()), fault.ErrNotFinite, "the data holds NaN at row 1, column 1"},
		{"+Inf", numbers(1, 2, math.Inf(1), 4), fault.ErrNotFinite, "the data holds +Inf at row 1, column 0"},
		{"-Inf in a copy", numbers(1, 2, math.Inf(-1), 4).T(), fault.ErrNotFinite, "the data holds -Inf at row 0, column 1"},
	} {
		got, err := Rows("the data", c.x, 2)
		if got.Data != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, error is %v, want %v that says %q", c.name, got, err, c.want, c.says)
		}
	}
}

func TestPair(t *testing.T) {
	x, y := mat.NewDense(3, 2, nil), mat.NewDense(3, 1, []float64{1, 2, 3})
	rowsX, rowsY, err := Pair("x", "y", x, y, 2, -1)
	if err != nil || rowsX.Cols != 2 || !slices.Equal(values(rowsY), []float64{1, 2, 3}) {
		t.Errorf("%v, %v, %v", rowsX, rowsY, err)
	}
	for _, c := range []struct {
		x, y mat.Matrix
		want error
		says string
	}{
		{nil, y, fault.ErrEmpty, "x is nil"},
		{x, nil, fault.ErrEmpty, "y is nil"},
		{x, mat.NewDense(3, 2, nil), fault.ErrShape, "y has 2 columns, want 1"},
		{x, mat.NewDense(4, 1, nil), fault.ErrShape, "x has 3 rows, y has 4"},
	} {
		rowsX, rowsY, err := Pair("x", "y", c.x, c.y, 2, 1)
		if rowsX.Data != nil || rowsY.Data != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, %v, error is %v, want %v that says %q", rowsX, rowsY, err, c.want, c.says)
		}
	}
}

// TestOfAndView: both share memory, strides and all.
func TestOfAndView(t *testing.T) {
	m := matrix.Rows{Data: []float64{1, 2, 0, 3, 4}, Rows: 2, Cols: 2, Stride: 3}
	d := Of(m)
	if r, c := d.Dims(); r != 2 || c != 2 || d.At(1, 0) != 3 {
		t.Errorf("Of makes %v", mat.Formatted(d))
	}
	d.Set(1, 1, 9)
	back := View(d)
	if m.Data[4] != 9 || !slices.Equal(values(back), []float64{1, 2, 3, 9}) || &back.Data[0] != &m.Data[0] {
		t.Errorf("%v, back %v", m, back)
	}
	for _, m := range []matrix.Rows{{}, {Rows: 3}, {Cols: 3, Stride: 3}} {
		if d := Of(m); !d.IsEmpty() {
			t.Errorf("Of(%v) is not empty", m)
		}
	}
	if m := View(nil); m.Rows != 0 || m.Cols != 0 {
		t.Errorf("View(nil) is %v", m)
	}
}
