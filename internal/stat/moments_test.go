package stat

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

func TestMeanRow(t *testing.T) {
	const rows = 2100 // three chunks
	x := matrix.New(rows, 2)
	for i := range rows {
		copy(x.Row(i), []float64{0.1, 1e9 + float64(i%3)})
	}
	if v := MeanRow(x); v[0] != 0.1 || v[1] != 1e9+1 {
		t.Errorf("mean row is %v, want exactly (0.1, 1e9+1)", v)
	}
	if v := MeanRow(matrix.Rows{}); len(v) != 0 {
		t.Errorf("mean of no rows is %v", v)
	}
}

// TestMomentsOfFarData: a mean that is large beside the variance costs no digits.
// The reference sums rational numbers.
func TestMomentsOfFarData(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := normal(rng, 700, 3)
	for i := range x.Data {
		x.Data[i] += 1e8
	}
	var m Moments
	m.Add(matrix.Rows{Cols: 3, Stride: 3}) // no rows change nothing
	for lo := 0; lo < x.Rows; {
		hi := min(x.Rows, lo+1+rng.IntN(200))
		m.Add(x.Slice(lo, hi))
		lo = hi
	}
	total := new(big.Rat)
	for j, got := range m.Mean() {
		mean := new(big.Rat)
		for i := range x.Rows {
			mean.Add(mean, new(big.Rat).SetFloat64(x.Row(i)[j]))
		}
		mean.Quo(mean, new(big.Rat).SetInt64(int64(x.Rows)))
		if want, _ := mean.Float64(); math.Abs(got-want) > 1e-15*want {
			t.Errorf("mean of column %d is %v, want %v", j, got, want)
		}
		for i := range x.Rows {
			d := new(big.Rat).Sub(new(big.Rat).SetFloat64(x.Row(i)[j]), mean)
			total.Add(total, d.Mul(d, d))
		}
	}
	if want, _ := total.Float64(); math.Abs(m.Total()-want) > 1e-12*want {
		t.Errorf("total is %v, want %v", m.Total(), want)
	}
}

// TestMomentsOfEqualRows: their variance is exactly zero.
func TestMomentsOfEqualRows(t *testing.T) {
	x := matrix.New(1500, 2)
	for i := range x.Rows {
		copy(x.Row(i), []float64{0.1, -1e17 / 3})
	}
	if total := MomentsOf(x).Total(); total != 0 {
		t.Errorf("the total of equal rows is %v", total)
	}
}

func TestMomentsSameBits(t *testing.T) {
	x := normal(rand.New(rand.NewPCG(3, 3)), 2500, 300)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	want := MomentsOf(x)
	for _, procs := range []int{1, 2, 7} {
		runtime.GOMAXPROCS(procs)
		if got := MomentsOf(x); !sameBits(got.Mean(), want.Mean()) || !sameBits([]float64{got.Total()}, []float64{want.Total()}) {
			t.Errorf("other bits with GOMAXPROCS %d", procs)
		}
	}
}

// TestVarianceOfRounding: rows that are equal, or would be without rounding, have none;
// rows that differ by little have what they have.
func TestVarianceOfRounding(t *testing.T) {
	row := []float64{0.1, -0.1 / 3, 0.07, 0.1 * math.Pi}
	equal := matrixOf(100, row)
	rounded := matrixOf(100, row)
	for i := range rounded.Data {
		rounded.Data[i] *= 1 + float64(i%5)*0x1p-52
	}
	for what, x := range map[string][]float64{"equal": equal.Data, "rounded": rounded.Data} {
		if v, err := MomentsOf(rowsOf(4, x...)).Variance("x", MostVariance); v != 0 || err != nil {
			t.Errorf("%s rows: variance %v, error %v, want 0", what, v, err)
		}
	}
	differ := matrixOf(100, row)
	for i := range differ.Rows {
		differ.Row(i)[0] += float64(i%2) * 0x1p-40
	}
	if v, err := MomentsOf(differ).Variance("x", MostVariance); math.Abs(v-0x1p-82) > 1e-3*0x1p-82 || err != nil {
		t.Errorf("variance %v, error %v, want %v", v, err, 0x1p-82)
	}
}

// TestVarianceOfExtremes: what cannot be squared is an error, not an infinity or zero.
func TestVarianceOfExtremes(t *testing.T) {
	for _, c := range []struct {
		a, b  float64
		cause error
	}{
		{1e155, 2e155, fault.ErrNotFinite}, {math.MaxFloat64, -math.MaxFloat64, fault.ErrNotFinite}, {1e80, 0, fault.ErrNotFinite},
		{1e-165, 2e-165, fault.ErrRange}, {5e-324, 0, fault.ErrRange}, {1e-80, 0, fault.ErrRange},
		{1e65, -1e65, nil}, {1e-65, 0, nil}, {1e200, 1e200, nil}, {0, 0, nil},
	} {
		v, err := MomentsOf(rowsOf(1, c.a, c.b)).Variance("the rows", MostVariance)
		if !errors.Is(err, c.cause) || err == nil && !(v >= 0 && v <= MostVariance) {
			t.Errorf("%v and %v: variance %v, error %v, want %v", c.a, c.b, v, err, c.cause)
		}
	}
}

// matrixOf returns rows that are all the same.
func matrixOf(rows int, row []float64) matrix.Rows {
	m := matrix.New(rows, len(row))
	for i := range rows {
		copy(m.Row(i), row)
	}
	return m
}
