package measure_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/measure"
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
	if _, err := measure.Evaluate(net, src); err != nil {
		t.Fatal(err)
	}
	pass := [][2]int{{0, 1024}, {1024, 2048}, {2048, 2100}}
	if want := append(slices.Clone(pass), pass...); !slices.Equal(src.asked, want) {
		t.Errorf("rows read are %v, want %v", src.asked, want)
	}
}

func TestEvaluateErrors(t *testing.T) {
	net := autoencoder(t, 2, 3, 1, ksparse.Identity)
	other := networkOf(t, ksparse.NewSparseLayer("s", 2, 4, 1, ksparse.ReLU), ksparse.NewLinearLayer("classes", 4, 3, ksparse.Identity))
	plain := networkOf(t, ksparse.NewLinearLayer("l", 2, 2, ksparse.Identity))
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
		what  string
		model measure.Model
		src   data.Source
		want  error
		text  string
	}{
		{"nil source", net, nil, ksparse.ErrEmpty, "nil"},
		{"no rows", net, &scriptedSource{rows: 0, cols: 2}, ksparse.ErrEmpty, "0 x 2"},
		{"columns", net, &scriptedSource{rows: 9, cols: 3}, ksparse.ErrShape, "3 columns, want 2"},
		{"no autoencoder", other, &scriptedSource{rows: 9, cols: 2}, ksparse.ErrShape, "3 values for 2"},
		{"no sparse layer", plain, &scriptedSource{rows: 9, cols: 2}, ksparse.ErrNoSparseLayer, "sparse layer"},
		{"one row", net, &scriptedSource{rows: 1, cols: 2}, ksparse.ErrRange, "variance"},
		{"NaN", net, &scriptedSource{rows: 2000, cols: 2, read: poison(math.NaN())}, ksparse.ErrNotFinite, "NaN at row 1700, column 1"},
		{"Inf", net, &scriptedSource{rows: 2000, cols: 2, read: poison(math.Inf(1))}, ksparse.ErrNotFinite, "+Inf at row 1700, column 1"},
		{"squares overflow", net, &scriptedSource{rows: 2000, cols: 2, read: poison(1e200)}, ksparse.ErrNotFinite, "too large to be squared"},
		{"the source fails", net, &scriptedSource{rows: 2000, cols: 2, read: func(_ []float64, lo, _ int) error {
			if lo > 0 {
				return fmt.Errorf("reading: %w", broken)
			}
			return nil
		}}, broken, "rows 1024 to 2000"},
	} {
		r, err := measure.Evaluate(c.model, c.src)
		if r != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: report %v, error is %v, want %v and %q", c.what, r, err, c.want, c.text)
		}
	}
}

// TestEvaluateNamesTheRowThatOverflows counts rows of the source, not of a chunk.
func TestEvaluateNamesTheRowThatOverflows(t *testing.T) {
	net := autoencoder(t, 2, 3, 3, ksparse.Identity)
	for _, l := range net.Layers() {
		l.Weights().Apply(func(i, j int, _ float64) float64 { return 1e160 }, l.Weights())
	}
	for _, rows := range [][]int{{0}, {1023}, {1024}, {1700}, {1700, 1900}, {2099}} {
		src := &scriptedSource{rows: 2100, cols: 2, read: func(dst []float64, lo, hi int) error {
			for e := range dst {
				dst[e] *= 1e-200
			}
			for _, i := range rows {
				if lo <= i && i < hi {
					dst[2*(i-lo)] = 1
				}
			}
			return nil
		}}
		_, err := measure.Evaluate(net, src)
		if want := fmt.Sprintf("row %d overflows", rows[0]); !errors.Is(err, ksparse.ErrNotFinite) || !strings.Contains(err.Error(), want) {
			t.Errorf("rows %v are large: error is %v, want ErrNotFinite and %q", rows, err, want)
		}
	}
}

// scriptedModel is a model of two inputs of the caller's own.
type scriptedModel func(rows int) (*ksparse.Codes, *mat.Dense, error)

func (scriptedModel) In() int  { return 2 }
func (scriptedModel) Out() int { return 2 }
func (m scriptedModel) Reconstruct(x mat.Matrix) (*ksparse.Codes, *mat.Dense, error) {
	rows, _ := x.Dims()
	return m(rows)
}

// TestEvaluateBadModel: what a model returns may be wrong, or an error.
func TestEvaluateBadModel(t *testing.T) {
	codes := func(rows, latents int) *ksparse.Codes {
		c, err := ksparse.NewCodes(latents, make([][]int32, rows), make([][]float64, rows))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	out := func(rows, cols int) *mat.Dense { return mat.NewDense(rows, cols, nil) }
	broken := errors.New("out of order")
	for what, c := range map[string]struct {
		model scriptedModel
		want  error
		reads int
	}{
		"error":           {func(int) (*ksparse.Codes, *mat.Dense, error) { return nil, nil, broken }, broken, 0},
		"nil":             {func(int) (*ksparse.Codes, *mat.Dense, error) { return nil, nil, nil }, ksparse.ErrEmpty, 3},
		"rows of outputs": {func(n int) (*ksparse.Codes, *mat.Dense, error) { return codes(n, 5), out(n+1, 2), nil }, ksparse.ErrShape, 3},
		"columns":         {func(n int) (*ksparse.Codes, *mat.Dense, error) { return codes(n, 5), out(n, 3), nil }, ksparse.ErrShape, 3},
		"rows of codes":   {func(n int) (*ksparse.Codes, *mat.Dense, error) { return codes(n+1, 5), out(n, 2), nil }, ksparse.ErrShape, 3},
		"latents":         {func(n int) (*ksparse.Codes, *mat.Dense, error) { return codes(n, n), out(n, 2), nil }, ksparse.ErrShape, 4},
	} {
		src := &scriptedSource{rows: 1500, cols: 2}
		if r, err := measure.Evaluate(c.model, src); r != nil || !errors.Is(err, c.want) || len(src.asked) != c.reads {
			t.Errorf("%s: report %v, error is %v after %d reads, want %v after %d", what, r, err, len(src.asked), c.want, c.reads)
		}
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
	if _, err := measure.Evaluate(net, src); !errors.Is(err, ksparse.ErrRange) {
		t.Errorf("error is %v, want ErrRange", err)
	}
	x := mat.NewDense(1500, 1, nil)
	x.Apply(func(int, int, float64) float64 { return 0.1 }, x)
	if _, err := ksparse.FVU(x, x); !errors.Is(err, ksparse.ErrRange) {
		t.Errorf("FVU: error is %v, want ErrRange", err)
	}
}

// TestEvaluateNpy: a file gives the report of its numbers in memory, bit for bit,
// and a row of it that is not finite is named.
func TestEvaluateNpy(t *testing.T) {
	const rows, cols = 1300, 11
	x := normal(rand.New(rand.NewPCG(4, 4)), rows, cols)
	numbers := x.RawMatrix().Data
	net := autoencoder(t, cols, 40, 5, ksparse.ReLU)
	got, err := measure.Evaluate(net, npySource(t, "<f8", rows, cols, binary.LittleEndian, numbers))
	if err != nil {
		t.Fatal(err)
	}
	if want := evaluate(t, net, x); !reflect.DeepEqual(got, want) {
		t.Errorf("report of the file is %+v, want %+v", got, want)
	}
	numbers[1111*cols+3] = math.NaN()
	_, err = measure.Evaluate(net, npySource(t, ">f8", rows, cols, binary.BigEndian, numbers))
	if !errors.Is(err, ksparse.ErrNotFinite) || !strings.Contains(err.Error(), "row 1111, column 3") {
		t.Errorf("error is %v, want ErrNotFinite at row 1111, column 3", err)
	}
}

// npySource writes a NumPy file of float64 and opens it.
func npySource(t *testing.T, descr string, rows, cols int, order binary.ByteOrder, numbers []float64) data.Source {
	t.Helper()
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }", descr, rows, cols)
	header += strings.Repeat(" ", 127-10-len(header)) + "\n"
	b := bytes.NewBufferString("\x93NUMPY\x01\x00")
	b.Write(binary.LittleEndian.AppendUint16(nil, uint16(len(header))))
	b.WriteString(header)
	if err := binary.Write(b, order, numbers); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.npy")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := data.OpenNpy(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

// TestEvaluateSpoiltModel: NaN among the weights is what the error names, not a row.
func TestEvaluateSpoiltModel(t *testing.T) {
	net := autoencoder(t, 3, 8, 2, ksparse.ReLU)
	net.Layers()[0].Weights().Set(4, 1, math.NaN())
	src, err := data.FromMatrix(mat.NewDense(4, 3, []float64{1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 2, 2}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := measure.Evaluate(net, src); !errors.Is(err, ksparse.ErrNotFinite) || !strings.Contains(err.Error(), `layer "encoder" holds NaN as weight at row 4, column 1`) {
		t.Errorf("error %v", err)
	}
}
