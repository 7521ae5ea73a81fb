package stat

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/matrix"
)

// rowsOf returns values as rows of cols numbers.
func rowsOf(cols int, values ...float64) matrix.Rows {
	return matrix.Rows{Data: values, Rows: len(values) / cols, Cols: cols, Stride: cols}
}

// normal returns rows of normal numbers.
func normal(rng *rand.Rand, rows, cols int) matrix.Rows {
	m := matrix.New(rows, cols)
	for i := range m.Data {
		m.Data[i] = rng.NormFloat64()
	}
	return m
}

func sameBits(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

// TestGeometricMedianByHand has cases whose median is known, most of them such
// that a row is met on the way, where the textbook iteration divides by zero.
func TestGeometricMedianByHand(t *testing.T) {
	third := math.Sqrt(3) / 2
	for _, c := range []struct {
		what string
		cols int
		x    []float64
		want []float64
		tol  float64 // 0 where the answer must be the row itself
	}{
		{"one row", 3, []float64{0.1, -2, 5}, []float64{0.1, -2, 5}, 0},
		{"equal rows", 2, []float64{0.1, 0.7, 0.1, 0.7, 0.1, 0.7}, []float64{0.1, 0.7}, 0},
		{"two rows: the mean is as good as any between", 2, []float64{0, 0, 2, 4}, []float64{1, 2}, 0},
		{"a row that most are", 2, []float64{5, 5, 0, 0, 5, 5, 9, -3, 5, 5, 5, 5}, []float64{5, 5}, 0},
		{"half of the rows are one", 2, []float64{5, 5, 0, 0, 5, 5, 9, -3}, []float64{5, 5}, 0},
		// Three rows: the vertex where the angle is above 120 degrees (Fermat).
		{"a flat triangle", 2, []float64{-10, 0, 0, 1, 10, 0}, []float64{0, 1}, 0},
		{"an equilateral triangle", 2, []float64{1, 0, -0.5, third, -0.5, -third}, []float64{0, 0}, 1e-9},
		// Four rows in convex position: where the diagonals cross.
		{"a quadrilateral", 2, []float64{0, 0, 8, 8, 0, 6, 3, 0}, []float64{2, 2}, 1e-8},
		// Four rows, one inside the triangle of the others: that one. The mean is far.
		{"a row inside a triangle", 2, []float64{1, 1, 100, 0, -1, 0, 0, 20}, []float64{1, 1}, 0},
		// The mean of these is the first row, which is not the median.
		{"the mean is a row", 1, []float64{0, -6, 1, 2, 3}, []float64{1}, 0},
		{"the mean is a row, on a line in the plane", 2, []float64{0, 0, -6, -12, 1, 2, 2, 4, 3, 6}, []float64{1, 2}, 0},
		{"the mean is a row up to rounding", 1, []float64{0.1, -5.9, 1.1, 2.1, 3.1}, []float64{1.1}, 0},
		{"an outlier", 1, []float64{1, 2, 3, 4, 1e9}, []float64{3}, 0},
		{"far rows, fewer than a quarter", 1, []float64{1e150, 1, 2, 3, 4, 5, 1e15, 6, 7}, []float64{5}, 0},
		{"the smallest", 1, []float64{1e-320, 2e-320, 4e-320}, []float64{2e-320}, 0},
		{"zeros", 2, []float64{0, 0, 0, 0}, []float64{0, 0}, 0},
		{"squares overflow", 1, []float64{1e200, 2e200, 4e200}, []float64{2e200}, 0},
		{"squares are zero", 1, []float64{1e-200, 2e-200, 4e-200}, []float64{2e-200}, 0},
		{"tiny numbers", 1, []float64{1e-120, 2e-120, 9e-120}, []float64{2e-120}, 0},
		{"huge numbers near each other", 1, []float64{1e160, 1e160 + 1e150, 1e160 + 9e150}, []float64{1e160 + 1e150}, 0},
		{"huge numbers", 1, []float64{1e150, 2e150, 9e150}, []float64{2e150}, 0},
	} {
		got := GeometricMedian(rowsOf(c.cols, c.x...))
		for j, want := range c.want {
			if !(math.Abs(got[j]-want) <= c.tol) {
				t.Errorf("%s: median is %v, want %v to %v", c.what, got, c.want, c.tol)
				break
			}
		}
	}
}

// TestGeometricMedianOnALine: on a line with an even number of rows every point
// between the middle two is a median.
func TestGeometricMedianOnALine(t *testing.T) {
	got := GeometricMedian(rowsOf(2, 0, 0, 3, 6, 5, 10, 100, 200))
	if got[1] != 2*got[0] || got[0] < 3 || got[0] > 5 {
		t.Errorf("median is %v, want (a, 2a) with a from 3 to 5", got)
	}
}

// TestGeometricMedianIsOptimal: where no row is met, the unit vectors to all rows
// cancel out; and what is found is no further from the rows in all than the points
// round it. Outliers and a large offset must not matter.
func TestGeometricMedianIsOptimal(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 5))
		rows, cols := 30+rng.IntN(300), 2+rng.IntN(40)
		x := normal(rng, rows, cols)
		offset := 0.0
		if seed%2 == 1 {
			offset = 1e5
		}
		for i := range rows {
			for j, v := range x.Row(i) {
				if i%7 == 0 {
					v = 1000 + 50*v
				}
				x.Row(i)[j] = offset + v
			}
		}
		y := GeometricMedian(x)
		gradient, before := unitSum(x, y)
		// A step of 1e-9 mean distances, of some 150, is what is left at most; the rows
		// at distance 1 to 6 turn with it. Far from the origin y itself is rounded.
		if norm := matrix.Norm(gradient); norm > 1e-5*float64(rows) {
			t.Errorf("seed %d, %d x %d: unit vectors sum to a vector of norm %v", seed, rows, cols, norm)
		}
		for range 20 {
			z := make([]float64, cols)
			for j := range z {
				z[j] = y[j] + 0.01*rng.NormFloat64()
			}
			if _, after := unitSum(x, z); after < before {
				t.Errorf("seed %d: the sum of distances is %v, less near by: %v", seed, before, after)
			}
		}
	}
}

// unitSum returns Σ(x_i-y)/|x_i-y| and Σ|x_i-y|.
func unitSum(x matrix.Rows, y []float64) (sum []float64, distances float64) {
	sum = make([]float64, x.Cols)
	for i := range x.Rows {
		d := 0.0
		for j, v := range x.Row(i) {
			d += (v - y[j]) * (v - y[j])
		}
		d = math.Sqrt(d)
		distances += d
		for j, v := range x.Row(i) {
			sum[j] += (v - y[j]) / d
		}
	}
	return sum, distances
}

// TestCentresSameBits on every number of processors, and where rows have gaps.
func TestCentresSameBits(t *testing.T) {
	x := normal(rand.New(rand.NewPCG(2, 2)), 3000, 37)
	gaps := matrix.Rows{Data: make([]float64, 3000*40), Rows: 3000, Cols: 37, Stride: 40}
	for i := range x.Rows {
		copy(gaps.Row(i), x.Row(i))
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for name, centre := range map[string]func(matrix.Rows) []float64{
		"MeanRow": MeanRow, "GeometricMedian": func(x matrix.Rows) []float64 { return GeometricMedian(x) },
	} {
		want := centre(x)
		for _, procs := range []int{1, 2, 7} {
			runtime.GOMAXPROCS(procs)
			if !sameBits(centre(x), want) || !sameBits(centre(gaps), want) {
				t.Errorf("%s: other bits with GOMAXPROCS %d", name, procs)
			}
		}
	}
}

func TestMedian(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0}, {[]float64{7}, 7}, {[]float64{3, 1, 2}, 2}, {[]float64{4, 1, 2, 8}, 3}, {[]float64{1, -1}, 0},
		{[]float64{math.MaxFloat64, math.MaxFloat64}, math.MaxFloat64}, // their sum overflows
		{[]float64{1, inf, inf}, inf}, {[]float64{1, inf, inf, inf}, inf}, {[]float64{1, inf}, inf},
	} {
		if got := Median(slices.Clone(c.values)); got != c.want {
			t.Errorf("the median of %v is %v, want %v", c.values, got, c.want)
		}
	}
}

func BenchmarkGeometricMedian(b *testing.B) {
	x := normal(rand.New(rand.NewPCG(1, 1)), 8192, 256)
	for b.Loop() {
		GeometricMedian(x)
	}
}
