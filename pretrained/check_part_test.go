package pretrained_test

import (
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// TestCheckPart: a part of the rows that is explained much worse than the others is named,
// as outlying rows or by the figures, however few or many rows there are.
func TestCheckPart(t *testing.T) {
	m, _ := few(t, 1)
	for _, c := range []struct {
		rows, far int
		outlying  bool
	}{
		{3, 1, true}, {5, 1, true}, {9, 1, true}, {10, 1, true}, {11, 1, true}, {40, 4, true}, {1000, 100, true},
		{5, 2, false}, {40, 5, false}, {1000, 101, false}, {1000, 120, false}, {1000, 300, false},
	} {
		_, x := few(t, c.rows)
		for i := range c.far { // along an atom, and away from it by more
			row := x.RawRowView(i)
			for j := range row {
				row[j] *= 10
			}
			size := mat.Norm(mat.NewVecDense(len(row), row), 2)
			row[len(row)-1-i%4] += 1.6 * size
		}
		f, problems := checked(t, m, x)
		if c.outlying && (f.Outliers == nil || f.Outliers.Rows != c.far || len(f.Problems) != 1) {
			t.Errorf("%+v: %+v\n%s", c, f, problems)
		}
		if !c.outlying && (f.Outliers != nil || !strings.Contains(problems, "a part of the rows is explained much worse than the median row (FVU ")) {
			t.Errorf("%+v: FVU %v, of the median row %v\n%s", c, *f.FVU, *f.MedianFVU, problems)
		}
	}
}

// TestCheckMassiveRowsOfLargeMean: rows that lie closely about a large mean are not taken for
// one row, so that the verdict is not of the few that are far from them.
func TestCheckMassiveRowsOfLargeMean(t *testing.T) {
	m, _ := dictionary(t, nil)
	for _, c := range []struct {
		mean, size float64
		far        int
	}{{300, 0.2, 21}, {300, 0.2, 30}, {300, 0.2, 90}, {3e4, 1, 21}, {1e5, 0.3, 50}} {
		x := noise(1000, m.In())
		scaleRows(x, 1000, c.size)
		scaleRows(x, c.far, 400)
		x.Apply(func(_, _ int, v float64) float64 { return v + c.mean }, x)
		if f, problems := checked(t, m, x); f.RepeatedRows != 0 || f.Outliers == nil || f.Outliers.Rows != c.far || f.UsualRows != 1000-c.far {
			t.Errorf("%+v: %+v\n%s", c, f, problems)
		}
	}
}
