package data_test

import (
	"errors"
	"math"
	"testing"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
	"gonum.org/v1/gonum/mat"
)

// TestCentres of a small matrix, and of a transpose of it.
func TestCentres(t *testing.T) {
	x := mat.NewDense(3, 2, []float64{-10, 0, 1, 3, 12, 0})
	for _, x := range []mat.Matrix{x, mat.DenseCopyOf(x.T()).T()} {
		mean, err := data.MeanRow(x)
		if err != nil || mean.Len() != 2 || mean.AtVec(0) != 1 || mean.AtVec(1) != 1 {
			t.Errorf("mean row is %v, %v, want (1, 1)", mean, err)
		}
		median, err := data.GeometricMedian(x) // a flat triangle: the vertex in the middle
		if err != nil || median.Len() != 2 || median.AtVec(0) != 1 || median.AtVec(1) != 3 {
			t.Errorf("geometric median is %v, %v, want (1, 3)", median, err)
		}
	}
}

// TestCentresOfExtremes: sums and squares of these would overflow or be lost.
func TestCentresOfExtremes(t *testing.T) {
	for _, c := range []struct{ x, want []float64 }{
		{[]float64{math.MaxFloat64, -math.MaxFloat64}, []float64{0, 0}},
		{[]float64{1.5e308, 1.5e308, 1.2e308}, []float64{1.4e308, 1.5e308}},
		{[]float64{1e200, 2e200, 6e200}, []float64{3e200, 2e200}},
		{[]float64{1e-320, 2e-320, 6e-320}, []float64{3e-320, 2e-320}},
	} {
		x := mat.NewDense(len(c.x), 1, c.x)
		for i, centre := range []func(mat.Matrix) (*mat.VecDense, error){data.MeanRow, data.GeometricMedian} {
			if v, err := centre(x); err != nil || math.Abs(v.AtVec(0)-c.want[i]) > 1e-15*math.Abs(c.want[i])+5e-324 {
				t.Errorf("centre %d of %v is %v, %v, want %v", i, c.x, v, err, c.want[i])
			}
		}
	}
}

func TestCentreErrors(t *testing.T) {
	for name, centre := range map[string]func(mat.Matrix) (*mat.VecDense, error){
		"MeanRow": data.MeanRow, "GeometricMedian": data.GeometricMedian,
	} {
		for _, c := range []struct {
			what string
			x    mat.Matrix
			want error
		}{
			{"nil", nil, fault.ErrEmpty},
			{"nil pointer", (*mat.SymDense)(nil), fault.ErrEmpty},
			{"empty", &mat.Dense{}, fault.ErrEmpty},
			{"NaN", mat.NewDense(1, 2, []float64{1, math.NaN()}), fault.ErrNotFinite},
		} {
			if v, err := centre(c.x); v != nil || !errors.Is(err, c.want) {
				t.Errorf("%s of %s is %v, error is %v, want %v", name, c.what, v, err, c.want)
			}
		}
	}
}
