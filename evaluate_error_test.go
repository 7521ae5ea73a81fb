package ksparse_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// scriptedSource is of ones and twos but for what read changes; it notes what is read.
type scriptedSource struct {
	rows, cols int
	read       func(dst []float64, lo, hi int) error
	asked      [][2]int
}

func (s *scriptedSource) Dims() (rows, cols int) { return s.rows, s.cols }

func (s *scriptedSource) ReadRows(dst []float64, lo, hi int) error {
	s.asked = append(s.asked, [2]int{lo, hi})
	for e := range dst {
		dst[e] = 1 + float64((lo+e/s.cols)%2)
	}
	if s.read == nil {
		return nil
	}
	return s.read(dst, lo, hi)
}

// TestEvaluateReadsInChunks: memory is bounded because no read is of more than
// 1024 rows, and each row is read twice, in order.
func TestEvaluateReadsInChunks(t *testing.T) {
	net := autoencoder(t, 2, 3, 1, ksparse.Identity)
	src := &scriptedSource{rows: 2100, cols: 2}
	if _, err := net.Evaluate(src); err != nil {
		t.Fatal(err)
	}
	pass := [][2]int{{0, 1024}, {1024, 2048}, {2048, 2100}}
	if want := append(slices.Clone(pass), pass...); !slices.Equal(src.asked, want) {
		t.Errorf("rows read are %v, want %v", src.asked, want)
	}
}

func TestEvaluateErrors(t *testing.T) {
	net := autoencoder(t, 2, 3, 1, ksparse.Identity)
	other := mustNetwork(t, ksparse.NewSparseLayer("s", 2, 4, 1, ksparse.ReLU), ksparse.NewLinearLayer("classes", 4, 3, ksparse.Identity))
	plain := mustNetwork(t, ksparse.NewLinearLayer("l", 2, 2, ksparse.Identity))
	broken := errors.New("cable unplugged")
	poison := func(value float64) func([]float64, int, int) error {
		return func(dst []float64, lo, hi int) error {
			if lo <= 1700 && 1700 < hi {
				dst[(1700-lo)*2+1] = value
			}
			return nil
		}
	}
	for _, c := range []struct {
		what string
		net  *ksparse.Network
		src  ksparse.Source
		want error
		text string
	}{
		{"nil source", net, nil, ksparse.ErrEmpty, "nil"},
		{"no rows", net, &scriptedSource{rows: 0, cols: 2}, ksparse.ErrEmpty, "0 x 2"},
		{"columns", net, &scriptedSource{rows: 9, cols: 3}, ksparse.ErrShape, "3 columns, want 2"},
		{"no autoencoder", other, &scriptedSource{rows: 9, cols: 2}, ksparse.ErrShape, "3 values for 2"},
		{"no sparse layer", plain, &scriptedSource{rows: 9, cols: 2}, ksparse.ErrNoSparseLayer, "sparse layer"},
		{"one row", net, &scriptedSource{rows: 1, cols: 2}, ksparse.ErrRange, "variance"},
		{"NaN", net, &scriptedSource{rows: 2000, cols: 2, read: poison(math.NaN())}, ksparse.ErrNotFinite, "NaN at row 1700, column 1"},
		{"Inf", net, &scriptedSource{rows: 2000, cols: 2, read: poison(math.Inf(1))}, ksparse.ErrNotFinite, "+Inf at row 1700, column 1"},
		{"squares overflow", net, &scriptedSource{rows: 2000, cols: 2, read: poison(1e200)}, ksparse.ErrNotFinite, "overflows"},
		{"the source fails", net, &scriptedSource{rows: 2000, cols: 2, read: func(_ []float64, lo, _ int) error {
			if lo > 0 {
				return fmt.Errorf("reading: %w", broken)
			}
			return nil
		}}, broken, "rows 1024 to 2000"},
	} {
		r, err := c.net.Evaluate(c.src)
		if r != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: report %v, error is %v, want %v and %q", c.what, r, err, c.want, c.text)
		}
	}

	big := autoencoder(t, 2, 3, 3, ksparse.Identity)
	for _, l := range big.Layers() {
		l.Weights().Apply(func(i, j int, _ float64) float64 { return 1e160 }, l.Weights())
	}
	if _, err := big.Evaluate(&scriptedSource{rows: 9, cols: 2}); !errors.Is(err, ksparse.ErrNotFinite) || !strings.Contains(err.Error(), "row 0") {
		t.Errorf("an output that overflows: error is %v, want ErrNotFinite for row 0", err)
	}
}

// TestEvaluateEqualRows: rows that are all equal have no variance, also where
// their sum is not a multiple of any of them in floating point.
func TestEvaluateEqualRows(t *testing.T) {
	net := autoencoder(t, 2, 3, 1, ksparse.Identity)
	src := &scriptedSource{rows: 1500, cols: 2, read: func(dst []float64, _, _ int) error {
		for e := range dst {
			dst[e] = 0.1
		}
		return nil
	}}
	if _, err := net.Evaluate(src); !errors.Is(err, ksparse.ErrRange) {
		t.Errorf("error is %v, want ErrRange", err)
	}
	x := mat.NewDense(1500, 1, nil)
	x.Apply(func(int, int, float64) float64 { return 0.1 }, x)
	if _, err := ksparse.FVU(x, x); !errors.Is(err, ksparse.ErrRange) {
		t.Errorf("FVU: error is %v, want ErrRange", err)
	}
}
