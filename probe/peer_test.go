package probe_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/probe"
	"gonum.org/v1/gonum/mat"
)

// peerCase is a probe that scikit-learn has fitted: see testdata/logistic.py.
type peerCase struct {
	Name          string
	Classes       int
	L2            float64
	X             [][]float64
	Labels        []int
	Weights       [][]float64
	Intercepts    []float64
	Objective     float64
	Probabilities [][]float64
}

// peerCases reads them.
func peerCases(t *testing.T) (all []peerCase) {
	t.Helper()
	text, err := os.ReadFile("testdata/logistic.json")
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil || len(all) != 6 {
		t.Fatal(len(all), err)
	}
	return all
}

// denseOf returns rows as a matrix.
func denseOf(rows [][]float64) *mat.Dense {
	m := mat.NewDense(len(rows), len(rows[0]), nil)
	for i, row := range rows {
		m.SetRow(i, row)
	}
	return m
}

// codesOf returns rows as codes, without zeros.
func codesOf(t testing.TB, x *mat.Dense) *ksparse.Codes {
	t.Helper()
	rows, cols := x.Dims()
	indices, values := make([][]int32, rows), make([][]float64, rows)
	for i := range rows {
		for j, v := range x.RawRowView(i) {
			if v != 0 {
				indices[i], values[i] = append(indices[i], int32(j)), append(values[i], v)
			}
		}
	}
	c, err := ksparse.NewCodes(cols, indices, values)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// farthest returns how far the numbers of a are from those of b, at most.
func farthest(a, b mat.Matrix) float64 {
	var d mat.Dense
	d.Sub(a, b)
	return math.Max(mat.Max(&d), -mat.Min(&d))
}

// TestPeer: the minimum is where scikit-learn and scipy find it, for dense rows and for codes.
func TestPeer(t *testing.T) {
	for _, c := range peerCases(t) {
		x := denseOf(c.X)
		for kind, rows := range map[string]mat.Matrix{"dense": x, "codes": codesOf(t, x)} {
			t.Run(fmt.Sprintf("%s, %s", c.Name, kind), func(t *testing.T) {
				m, err := probe.Fit(t.Context(), rows, c.Labels, probe.Options{L2: cmp.Or(c.L2, -1), Tolerance: 1e-12})
				if err != nil {
					t.Fatal(err)
				}
				if m.Classes() != c.Classes {
					t.Errorf("%d classes, want %d", m.Classes(), c.Classes)
				}
				// The peer's tolerance is that of the gradient; weights are as exact as the curvature allows.
				if off := farthest(m.Weights(), denseOf(c.Weights)); off > 1e-7 {
					t.Errorf("weights are off by %v", off)
				}
				if off := farthest(mat.NewVecDense(len(m.Intercepts()), m.Intercepts()), mat.NewVecDense(len(c.Intercepts), c.Intercepts)); off > 1e-7 {
					t.Errorf("intercepts are off by %v: %v, want %v", off, m.Intercepts(), c.Intercepts)
				}
				p, err := m.Probabilities(x.Slice(0, 5, 0, len(c.X[0])))
				if err != nil || farthest(p, denseOf(c.Probabilities)) > 1e-8 {
					t.Errorf("probabilities are %v, want %v, error %v", mat.Formatted(p), c.Probabilities, err)
				}
				if got := objective(m, x, c.Labels, c.L2); math.Abs(got-c.Objective) > 1e-10*c.Objective {
					t.Errorf("the objective is %v, want %v", got, c.Objective)
				}
			})
		}
	}
}

// objective is what Fit says that it makes small, by its formula.
func objective(m *probe.Model, x *mat.Dense, labels []int, l2 float64) float64 {
	w, b := m.Weights(), m.Intercepts()
	norm := mat.Norm(w, 2) // of all numbers
	return lossOf(w, b, x, labels) + l2/2*norm*norm
}

// lossOf returns the sum of the losses, by its formula.
func lossOf(w *mat.Dense, b []float64, x *mat.Dense, labels []int) float64 {
	sum := 0.0
	for i, label := range labels {
		z := productsOf(w, b, x.RawRowView(i))
		total := 0.0
		for _, v := range z {
			total += math.Exp(v - z[label])
		}
		sum += math.Log(total)
	}
	return sum
}

// productsOf returns the logits of a row, two of them for two classes.
func productsOf(w *mat.Dense, b, row []float64) []float64 {
	z := append([]float64(nil), b...)
	for k := range z {
		z[k] += mat.Dot(w.RowView(k), mat.NewVecDense(len(row), row))
	}
	if len(z) == 1 {
		return []float64{0, z[0]}
	}
	return z
}
