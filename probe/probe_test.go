package probe_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/probe"
	"gonum.org/v1/gonum/mat"
)

// noisy returns rows of which a share of the numbers is not zero, and labels that a linear function knows but for
// noise. Each class has a row.
func noisy(rng *rand.Rand, rows, cols, classes int, share float64) (*mat.Dense, []int) {
	x, truth := mat.NewDense(rows, cols, nil), mat.NewDense(classes, cols, nil)
	for j := range truth.RawMatrix().Data {
		truth.RawMatrix().Data[j] = rng.NormFloat64()
	}
	labels := make([]int, rows)
	for i := range rows {
		row := x.RawRowView(i)
		for j := range row {
			if rng.Float64() < share {
				row[j] = rng.NormFloat64()
			}
		}
		best := math.Inf(-1)
		for k := range classes {
			if z := mat.Dot(truth.RowView(k), x.RowView(i)) + 2*rng.NormFloat64(); z > best {
				best, labels[i] = z, k
			}
		}
	}
	for k := range classes {
		labels[k] = k
	}
	return x, labels
}

// shapes are those of the tests: rows, columns, classes and the share of numbers that are not zero.
var shapes = []struct {
	rows, cols, classes int
	share               float64
}{
	{2, 1, 2, 1}, {3, 1, 3, 1}, {40, 7, 2, 0.3}, {100, 65, 2, 0.05}, {90, 33, 5, 0.1}, {300, 20, 3, 1}, {61, 130, 11, 0.02}, {50, 8, 4, 0},
}

// TestMinimum: at the minimum the gradient, by the formula, is as small as it is said to be, and central
// differences of the objective are zero.
func TestMinimum(t *testing.T) {
	rng := rand.New(rand.NewPCG(18, 4))
	for _, s := range shapes {
		for _, l2 := range []float64{0.03, 1, 20} {
			name := fmt.Sprintf("%d x %d, %d classes, L2 %v", s.rows, s.cols, s.classes, l2)
			x, labels := noisy(rng, s.rows, s.cols, s.classes, s.share)
			m, err := probe.Fit(t.Context(), x, labels, probe.Options{L2: l2, Tolerance: 1e-9})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			largest := 0.0
			for _, g := range gradientOf(m, x, labels, l2) {
				largest = max(largest, math.Abs(g)/float64(s.rows))
			}
			if m.GradientNorm() > 1e-9 || math.Abs(largest-m.GradientNorm()) > 1e-12 {
				t.Errorf("%s: the gradient is %v, it is said to be %v", name, largest, m.GradientNorm())
			}
			checkDifferences(t, name, m, x, labels, l2)
		}
	}
}

// gradientOf returns the gradient of the objective, by its formula: of the weights and of the intercepts.
func gradientOf(m *probe.Model, x *mat.Dense, labels []int, l2 float64) (all []float64) {
	w, b := m.Weights(), m.Intercepts()
	gw, gb := new(mat.Dense), make([]float64, len(b))
	gw.Scale(l2, w)
	for i, label := range labels {
		z := productsOf(w, b, x.RawRowView(i))
		total := 0.0
		for _, v := range z {
			total += math.Exp(v - slices.Max(z))
		}
		for k := range b {
			class := k
			if len(b) == 1 {
				class = 1
			}
			d := math.Exp(z[class]-slices.Max(z)) / total
			if class == label {
				d--
			}
			gb[k] += d
			for j, v := range x.RawRowView(i) {
				gw.Set(k, j, gw.At(k, j)+d*v)
			}
		}
	}
	return append(slices.Clone(gw.RawMatrix().Data), gb...)
}

// checkDifferences compares the objective beside the minimum, on both sides: it is larger by the square of the way.
func checkDifferences(t *testing.T, name string, m *probe.Model, x *mat.Dense, labels []int, l2 float64) {
	t.Helper()
	const h = 1e-4
	at := func(k, j int, by float64) float64 {
		w, b := m.Weights(), m.Intercepts()
		if j < 0 {
			b[k] += by
		} else {
			w.Set(k, j, w.At(k, j)+by)
		}
		norm := mat.Norm(w, 2)
		return lossOf(w, b, x, labels) + l2/2*norm*norm
	}
	rows, cols := m.Weights().Dims()
	for k := range rows {
		for _, j := range []int{-1, 0, cols - 1} {
			up, down, least := at(k, j, h), at(k, j, -h), at(k, j, 0)
			if math.Abs(up-down)/(2*h) > 1e-6*float64(len(labels)) || up < least || down < least {
				t.Errorf("%s: class %d, column %d: the objective is %v, and %v and %v beside", name, k, j, least, down, up)
			}
		}
	}
}

// TestOneAnswer: codes give the bits of dense rows, and GOMAXPROCS does not matter.
func TestOneAnswer(t *testing.T) {
	rng := rand.New(rand.NewPCG(18, 5))
	for _, s := range append(shapes, struct {
		rows, cols, classes int
		share               float64
	}{3000, 200, 10, 0.03}) {
		x, labels := noisy(rng, s.rows, s.cols, s.classes, s.share)
		codes := codesOf(t, x)
		want, err := probe.Fit(t.Context(), x, labels, probe.Options{})
		if err != nil {
			t.Fatal(err)
		}
		wantP, err := want.Probabilities(x)
		if err != nil {
			t.Fatal(err)
		}
		for _, processors := range []int{1, 5} {
			old := runtime.GOMAXPROCS(processors)
			for _, rows := range []mat.Matrix{x, codes} {
				got, err := probe.Fit(t.Context(), rows, labels, probe.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if !mat.Equal(got.Weights(), want.Weights()) || !slices.Equal(got.Intercepts(), want.Intercepts()) || got.GradientNorm() != want.GradientNorm() || got.Iterations() != want.Iterations() {
					t.Errorf("%+v: %T with %d processors gives other numbers", s, rows, processors)
				}
				if p, err := got.Probabilities(rows); err != nil || !mat.Equal(p, wantP) {
					t.Errorf("%+v: %T with %d processors gives other probabilities, error %v", s, rows, processors, err)
				}
			}
			runtime.GOMAXPROCS(old)
		}
		checkPredictions(t, want, codes, wantP)
	}
}

// checkPredictions: the class is the most probable one, and probabilities sum to 1.
func checkPredictions(t *testing.T, m *probe.Model, x mat.Matrix, p *mat.Dense) {
	t.Helper()
	classes, err := m.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	for i, class := range classes {
		row := p.RawRowView(i)
		if sum := mat.Sum(p.RowView(i)); math.Abs(sum-1) > 1e-14 || row[class] < slices.Max(row) {
			t.Errorf("row %d: class %d of %v", i, class, row)
		}
	}
}

func TestErrors(t *testing.T) {
	x := mat.NewDense(4, 2, []float64{1, 2, 3, 4, 5, 6, 0, 1})
	labels := []int{0, 1, 1, 0}
	codes := codesOf(t, x)
	_, values := codes.Row(1)
	values[1] = math.Inf(1)
	none, _ := ksparse.NewCodes(3, nil, nil)
	large := mat.NewDense(4, 1, []float64{1, 2, 3, 1e90})
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		what   string
		ctx    context.Context
		x      mat.Matrix
		labels []int
		o      probe.Options
		want   error
		says   string
	}{
		{"nil", nil, nil, labels, probe.Options{}, ksparse.ErrEmpty, "x is nil"},
		{"nil codes", nil, (*ksparse.Codes)(nil), labels, probe.Options{}, ksparse.ErrEmpty, "x is nil"},
		{"no codes", nil, none, nil, probe.Options{}, ksparse.ErrEmpty, "x has no rows (it is 0 x 3)"},
		{"Inf in codes", nil, codes, labels, probe.Options{}, ksparse.ErrNotFinite, "x holds +Inf at row 1, column 1"},
		{"NaN", nil, mat.NewDense(1, 2, []float64{0, math.NaN()}), []int{0}, probe.Options{}, ksparse.ErrNotFinite, "x holds NaN at row 0, column 1"},
		{"too large", nil, large, labels, probe.Options{}, ksparse.ErrNotFinite, "up to 1e+90"},
		{"few labels", nil, x, []int{0, 1}, probe.Options{}, ksparse.ErrShape, "x has 4 rows, there are 2 labels"},
		{"negative label", nil, x, []int{0, 1, -1, 0}, probe.Options{}, ksparse.ErrRange, "labels[2] is -1, want 0 to 3"},
		{"large label", nil, x, []int{0, 1, math.MaxInt32, 0}, probe.Options{}, ksparse.ErrRange, "labels[2] is 2147483647, want 0 to 3"},
		{"a gap", nil, x, []int{0, 2, 2, 0}, probe.Options{}, ksparse.ErrRange, "no row has the label 1, and the largest label is 2"},
		{"one class", nil, x, []int{0, 0, 0, 0}, probe.Options{}, ksparse.ErrRange, "all labels are 0"},
		{"L2", nil, x, labels, probe.Options{L2: -2}, ksparse.ErrRange, "Options.L2 is -2"},
		{"L2 NaN", nil, x, labels, probe.Options{L2: math.NaN()}, ksparse.ErrRange, "Options.L2 is NaN"},
		{"Tolerance", nil, x, labels, probe.Options{Tolerance: -1}, ksparse.ErrRange, "Options.Tolerance is -1"},
		{"MaxIterations", nil, x, labels, probe.Options{MaxIterations: -1}, ksparse.ErrRange, "Options.MaxIterations is -1"},
		{"separable", nil, mat.NewDense(4, 1, []float64{1, 2, 3, 4}), []int{0, 0, 1, 1}, probe.Options{L2: -1}, probe.ErrSeparable, "set Options.L2"},
		{"three separable", nil, mat.NewDense(3, 1, []float64{-1, 2, 5}), []int{0, 1, 2}, probe.Options{L2: -1}, probe.ErrSeparable, "without L2 there is no minimum"},
		{"context", done, x, labels, probe.Options{}, context.Canceled, "canceled"},
	} {
		ctx := c.ctx
		if ctx == nil {
			ctx = t.Context()
		}
		m, err := probe.Fit(ctx, c.x, c.labels, c.o)
		if m != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: model %v, error %v, want %v that says %q", c.what, m, err, c.want, c.says)
		}
	}
}

// TestNotConverged: the model of the last step comes with the error, and more iterations bring it to the end.
func TestNotConverged(t *testing.T) {
	x, labels := noisy(rand.New(rand.NewPCG(18, 6)), 200, 9, 3, 0.5)
	m, err := probe.Fit(t.Context(), x, labels, probe.Options{L2: 0.01, MaxIterations: 2})
	if !errors.Is(err, probe.ErrNotConverged) || !strings.Contains(err.Error(), "after 2 iterations the gradient is") || m == nil || m.Iterations() != 2 {
		t.Fatalf("model %v, error %v", m, err)
	}
	whole, err := probe.Fit(t.Context(), x, labels, probe.Options{L2: 0.01})
	if err != nil || whole.GradientNorm() > 1e-6 || m.GradientNorm() <= 1e-6 || whole.Iterations() > 30 {
		t.Errorf("error %v, gradients %v and %v, %d iterations", err, whole.GradientNorm(), m.GradientNorm(), whole.Iterations())
	}
	if _, err := probe.Fit(t.Context(), x, labels, probe.Options{L2: 0.01, Tolerance: 1e-40}); !errors.Is(err, probe.ErrNotConverged) {
		t.Errorf("a tolerance below rounding: error %v", err)
	}
	if _, err := m.Predict(mat.NewDense(2, 8, nil)); !errors.Is(err, ksparse.ErrShape) || !strings.Contains(err.Error(), "x has 8 columns, want 9") {
		t.Errorf("Predict: error %v", err)
	}
	if _, err := m.Probabilities(nil); !errors.Is(err, ksparse.ErrEmpty) {
		t.Errorf("Probabilities: error %v", err)
	}
}

// TestExtremes: columns of any size end in finite weights that say the class.
func TestExtremes(t *testing.T) {
	rng := rand.New(rand.NewPCG(18, 7))
	for _, size := range []float64{1e-300, 1e-12, 1e12, 1e60} {
		x, labels := noisy(rng, 80, 6, 3, 0.5)
		for i := range 80 {
			x.Set(i, 2, size*x.At(i, 2))
			x.Set(i, 4, float64(labels[i]))
		}
		for kind, rows := range map[string]mat.Matrix{"dense": x, "codes": codesOf(t, x)} {
			m, err := probe.Fit(t.Context(), rows, labels, probe.Options{L2: 0.001})
			if m == nil || err != nil && !errors.Is(err, probe.ErrNotConverged) {
				t.Fatalf("%v, %s: %v", size, kind, err)
			}
			if w := m.Weights(); !(mat.Norm(w, math.Inf(1)) <= math.MaxFloat64) {
				t.Errorf("%v, %s: weights %v", size, kind, mat.Formatted(w))
			}
			if err != nil && size < 1e60 { // where the gradient is 1e60 times its rounding
				t.Errorf("%v, %s: %v", size, kind, err)
			}
		}
	}
}

func TestAccuracyByHand(t *testing.T) {
	scores := mat.NewDense(4, 3, []float64{0, 2, 1, 5, 5, 1, -3, -2, -1, 0, 0, 1})
	labels := mat.NewDense(4, 3, []float64{0, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0})
	// Right, wrong (a tie goes to column 0), right, wrong.
	if got, err := probe.Accuracy(scores, labels); err != nil || got != 0.5 {
		t.Errorf("Accuracy is %v, %v, want 0.5", got, err)
	}
	a, nan := mat.NewDense(2, 2, []float64{1, 2, 3, 4}), mat.NewDense(2, 2, []float64{1, math.NaN(), 3, 4})
	for _, c := range []struct {
		what      string
		scores, y mat.Matrix
		want      error
	}{
		{"nil scores", nil, a, ksparse.ErrEmpty},
		{"nil y", a, (*mat.Dense)(nil), ksparse.ErrEmpty},
		{"empty", &mat.Dense{}, a, ksparse.ErrEmpty},
		{"columns", a, mat.NewDense(2, 3, nil), ksparse.ErrShape},
		{"rows", a, mat.NewDense(1, 2, nil), ksparse.ErrShape},
		{"NaN in y", a, nan, ksparse.ErrNotFinite},
		{"NaN in scores", nan, a, ksparse.ErrNotFinite},
	} {
		if _, err := probe.Accuracy(c.scores, c.y); !errors.Is(err, c.want) {
			t.Errorf("%s: error is %v, want %v", c.what, err, c.want)
		}
	}
}
