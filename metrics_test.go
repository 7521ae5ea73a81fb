package ksparse_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

func TestMetricsByHand(t *testing.T) {
	y := mat.NewDense(2, 3, []float64{1, 2, 3, 3, 2, 5})
	out := mat.NewDense(2, 3, []float64{1, 1, 5, 3, 2, 5})
	// Errors: 0, 1, 2 in the first row. Σe² = 5 over six elements.
	if got, err := ksparse.MeanSquaredError(out, y); err != nil || got != 5.0/6 {
		t.Errorf("MeanSquaredError is %v, %v, want 5/6", got, err)
	}
	// The mean row is (2, 2, 4): each row is (1, 0, 1) away from it, Σ = 4.
	if got, err := ksparse.FVU(out, y); err != nil || got != 5.0/4 {
		t.Errorf("FVU is %v, %v, want 5/4", got, err)
	}
	mean := mat.NewDense(2, 3, []float64{2, 2, 4, 2, 2, 4})
	if got, err := ksparse.FVU(mean, y); err != nil || got != 1 {
		t.Errorf("FVU of the mean is %v, %v, want 1", got, err)
	}
	if got, err := ksparse.FVU(y, y); err != nil || got != 0 {
		t.Errorf("FVU of a perfect reconstruction is %v, %v, want 0", got, err)
	}

	scores := mat.NewDense(4, 3, []float64{0, 2, 1, 5, 5, 1, -3, -2, -1, 0, 0, 1})
	labels := mat.NewDense(4, 3, []float64{0, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0})
	// Right, wrong (a tie goes to column 0), right, wrong.
	if got, err := ksparse.Accuracy(scores, labels); err != nil || got != 0.5 {
		t.Errorf("Accuracy is %v, %v, want 0.5", got, err)
	}
}

func TestMetricsOfCodesByHand(t *testing.T) {
	c, err := ksparse.NewCodes(5,
		[][]int32{{0, 3}, {0, 1}, {}, {0, 4}},
		[][]float64{{2, 0}, {-1, 0.5}, {}, {1, math.Copysign(0, -1)}})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.L0(); got != 1 { // 4 non-zero values in 4 rows
		t.Errorf("L0 is %v, want 1", got)
	}
	// Latents 3 and 4 were selected, but with the value zero: they are not active.
	if got, want := c.Frequency(), []float64{0.75, 0.25, 0, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("Frequency is %v, want %v", got, want)
	}
	none := new(ksparse.Codes)
	if got := none.L0(); got != 0 {
		t.Errorf("L0 of no codes is %v", got)
	}
}

func TestMetricErrors(t *testing.T) {
	a, b := mat.NewDense(2, 2, []float64{1, 2, 3, 4}), mat.NewDense(2, 3, nil)
	nan := mat.NewDense(2, 2, []float64{1, math.NaN(), 3, 4})
	figures := map[string]func(out, y mat.Matrix) (float64, error){
		"MeanSquaredError": ksparse.MeanSquaredError, "FVU": ksparse.FVU, "Accuracy": ksparse.Accuracy,
	}
	for name, f := range figures {
		for _, c := range []struct {
			what   string
			out, y mat.Matrix
			want   error
		}{
			{"nil output", nil, a, ksparse.ErrEmpty},
			{"nil y", a, (*mat.Dense)(nil), ksparse.ErrEmpty},
			{"empty", &mat.Dense{}, a, ksparse.ErrEmpty},
			{"columns", a, b, ksparse.ErrShape},
			{"rows", a, mat.NewDense(1, 2, nil), ksparse.ErrShape},
			{"NaN in y", a, nan, ksparse.ErrNotFinite},
			{"NaN in the output", nan, a, ksparse.ErrNotFinite},
		} {
			if _, err := f(c.out, c.y); !errors.Is(err, c.want) {
				t.Errorf("%s, %s: error is %v, want %v", name, c.what, err, c.want)
			}
		}
	}
	if _, err := ksparse.FVU(a, mat.NewDense(2, 2, []float64{1, 2, 1, 2})); !errors.Is(err, ksparse.ErrRange) {
		t.Errorf("FVU without variance: error is %v, want ErrRange", err)
	}
}
