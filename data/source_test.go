package data_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
	"gonum.org/v1/gonum/mat"
)

// TestSourcesInMemory reads every range of small sources of the same numbers.
func TestSourcesInMemory(t *testing.T) {
	const rows, cols = 5, 3
	numbers := make([]float64, rows*cols)
	narrow := make([]float32, rows*cols)
	for e := range numbers {
		numbers[e] = float64(e) - 7.25
		narrow[e] = float32(numbers[e])
	}
	wide := mat.NewDense(rows+2, cols+4, nil) // the view below has a stride of its own
	view := wide.Slice(1, 1+rows, 2, 2+cols).(*mat.Dense)
	view.Copy(mat.NewDense(rows, cols, numbers))
	for name, make := range map[string]func() (data.Source, error){
		"dense":     func() (data.Source, error) { return data.FromMatrix(mat.NewDense(rows, cols, numbers)) },
		"view":      func() (data.Source, error) { return data.FromMatrix(view) },
		"transpose": func() (data.Source, error) { return data.FromMatrix(mat.DenseCopyOf(view.T()).T()) },
		"float32":   func() (data.Source, error) { return data.FromFloat32(narrow, rows, cols) },
	} {
		src, err := make()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		testSource(t, name, src, mat.NewDense(rows, cols, numbers))
	}
}

// testSource reads every range of src, which has the numbers of want, and some
// that it does not have.
func testSource(t *testing.T, name string, src data.Source, want *mat.Dense) {
	t.Helper()
	rows, cols := want.Dims()
	if r, c := src.Dims(); r != rows || c != cols {
		t.Fatalf("%s: Dims are %d, %d, want %d, %d", name, r, c, rows, cols)
	}
	for lo := 0; lo <= rows; lo++ {
		for hi := lo; hi <= rows; hi++ {
			dst := make([]float64, (hi-lo)*cols)
			if err := src.ReadRows(dst, lo, hi); err != nil {
				t.Fatalf("%s: rows %d to %d: %v", name, lo, hi, err)
			}
			if want := want.RawMatrix().Data[lo*cols : hi*cols]; !slices.Equal(dst, want) {
				t.Fatalf("%s: rows %d to %d are %v, want %v", name, lo, hi, dst, want)
			}
		}
	}
	for _, bad := range [][3]int{{-1, 1, 2}, {1, 0, 0}, {0, rows + 1, rows + 1}, {rows + 1, rows + 1, 0}, {math.MinInt, math.MaxInt, 1}} {
		if err := src.ReadRows(make([]float64, bad[2]*cols), bad[0], bad[1]); !errors.Is(err, fault.ErrRange) {
			t.Errorf("%s: rows %d to %d: error is %v, want Range", name, bad[0], bad[1], err)
		}
	}
	for _, n := range []int{0, cols - 1, cols + 1} {
		if err := src.ReadRows(make([]float64, n), 0, 1); !errors.Is(err, fault.ErrShape) {
			t.Errorf("%s: a row into %d numbers: error is %v, want Shape", name, n, err)
		}
	}
}

// TestFromMatrixDoesNotCopy: the memory of a *mat.Dense is read in place.
func TestFromMatrixDoesNotCopy(t *testing.T) {
	x := mat.NewDense(2, 1, []float64{1, 2})
	src, err := data.FromMatrix(x)
	if err != nil {
		t.Fatal(err)
	}
	x.Set(1, 0, 5)
	var got [1]float64
	if err := src.ReadRows(got[:], 1, 2); err != nil || got[0] != 5 {
		t.Errorf("row 1 is %v, %v, want the 5 that was written to x", got, err)
	}
}

func TestSourceErrors(t *testing.T) {
	inf32, nan := float32(math.Inf(-1)), math.NaN()
	for _, c := range []struct {
		what string
		make func() (data.Source, error)
		want error
		text string
	}{
		{"nil matrix", func() (data.Source, error) { return data.FromMatrix(nil) }, fault.ErrEmpty, "nil"},
		{"nil vector", func() (data.Source, error) { return data.FromMatrix((*mat.VecDense)(nil)) }, fault.ErrEmpty, "nil"},
		{"empty matrix", func() (data.Source, error) { return data.FromMatrix(&mat.Dense{}) }, fault.ErrEmpty, "no rows"},
		{"NaN", func() (data.Source, error) {
			return data.FromMatrix(mat.NewDense(2, 2, []float64{1, 2, 3, nan}))
		}, fault.ErrNotFinite, "row 1, column 1"},
		{"no rows", func() (data.Source, error) { return data.FromFloat32(nil, 0, 3) }, fault.ErrEmpty, "0 x 3"},
		{"negative", func() (data.Source, error) { return data.FromFloat32(make([]float32, 4), -2, -2) }, fault.ErrEmpty, "-2 x -2"},
		{"too few", func() (data.Source, error) { return data.FromFloat32(make([]float32, 5), 2, 3) }, fault.ErrShape, "5 numbers"},
		{"rows·cols overflows", func() (data.Source, error) { return data.FromFloat32(nil, math.MaxInt/2+1, 4) }, fault.ErrShape, "0 numbers"},
		{"-Inf", func() (data.Source, error) {
			return data.FromFloat32([]float32{1, 2, 3, inf32, 5, 6}, 2, 3)
		}, fault.ErrNotFinite, "-Inf at row 1, column 0"},
	} {
		src, err := c.make()
		if src != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, error is %v, want %v and %q", c.what, src, err, c.want, c.text)
		}
	}
}
