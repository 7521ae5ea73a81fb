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
			{"overflow", mat.NewDense(2, 1, []float64{math.MaxFloat64, -math.MaxFloat64}), fault.ErrNotFinite},
		} {
			if v, err := centre(c.x); v != nil || !errors.Is(err, c.want) {
				t.Errorf("%s of %s is %v, error is %v, want %v", name, c.what, v, err, c.want)
			}
		}
	}
}
