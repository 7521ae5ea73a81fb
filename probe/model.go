package probe

import (
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
	"gonum.org/v1/gonum/mat"
)

// Model is a probe that was fitted. It does not change, so any number of goroutines may use it at once.
type Model struct {
	classes, cols int
	parameters    []float64 // in the layout of problem
	iterations    int
	norm          float64
}

// Classes returns how many classes there are.
func (m *Model) Classes() int { return m.classes }

// Weights returns a copy of W, classes by columns of x; for two classes of the one row w, whose product is
// large for class 1.
func (m *Model) Weights() *mat.Dense {
	w := mat.NewDense(m.width(), m.cols, nil)
	for j := range m.cols {
		for k := range m.width() {
			w.Set(k, j, m.parameters[j*m.width()+k])
		}
	}
	return w
}

// Intercepts returns a copy of b: a number for each row of Weights.
func (m *Model) Intercepts() []float64 {
	return append([]float64(nil), m.parameters[m.cols*m.width():]...)
}

// Iterations returns how many steps of Newton's method Fit took.
func (m *Model) Iterations() int { return m.iterations }

// GradientNorm returns how large the gradient was at the end, as Options.Tolerance counts it.
func (m *Model) GradientNorm() float64 { return m.norm }

// width is how many rows Weights has.
func (m *Model) width() int {
	if m.classes == 2 {
		return 1
	}
	return m.classes
}

// products returns W x + b for each row of x, in width numbers.
func (m *Model) products(x mat.Matrix) (matrix.Rows, error) {
	rows, err := rowsOf(x, m.cols)
	if err != nil {
		return matrix.Rows{}, err
	}
	out := matrix.New(rows.Len(), m.width())
	parallel.For(rows.Len(), matrix.RowGrain(m.cols*m.width()), func(_, lo, hi int) {
		multiply(out.Data[lo*m.width():hi*m.width()], rows, m.parameters, m.width(), lo, hi)
	})
	return out, nil
}

// Predict returns the most probable class of each row of x, of the columns that the probe was fitted to; of equal
// ones the lowest. Errors wrap ksparse.ErrEmpty, ErrShape or ErrNotFinite.
func (m *Model) Predict(x mat.Matrix) ([]int, error) {
	out, err := m.products(x)
	if err != nil {
		return nil, err
	}
	classes := make([]int, out.Rows)
	for i := range classes {
		if row := out.Row(i); m.classes > 2 {
			classes[i] = largest(row)
		} else if row[0] > 0 {
			classes[i] = 1
		}
	}
	return classes, nil
}

// Probabilities returns the probability of each class for each row of x, rows by classes. Errors are those of
// Predict.
func (m *Model) Probabilities(x mat.Matrix) (*mat.Dense, error) {
	out, err := m.products(x)
	if err != nil {
		return nil, err
	}
	all := mat.NewDense(out.Rows, m.classes, nil)
	for i := range out.Rows {
		row := all.RawRowView(i)
		if m.classes == 2 {
			z := out.Row(i)[0]
			row[0], row[1] = kernel.Sigmoid(-z), kernel.Sigmoid(z)
			continue
		}
		copy(row, out.Row(i))
		softmax(row, 0)
	}
	return all, nil
}
