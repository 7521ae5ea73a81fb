package feed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// rowSource is a Source of rows without gaps. It notes what was read.
type rowSource struct {
	matrix.Rows
	reads  [][2]int // the ranges of rows
	before func(lo, hi int) error
}

func (s *rowSource) Dims() (rows, cols int) { return s.Rows.Rows, s.Cols }

func (s *rowSource) ReadRows(dst []float64, lo, hi int) error {
	s.reads = append(s.reads, [2]int{lo, hi})
	if s.before != nil {
		if err := s.before(lo, hi); err != nil {
			return err
		}
	}
	if len(dst) != (hi-lo)*s.Cols || cap(dst) != len(dst) {
		return fmt.Errorf("rows %d to %d into %d numbers (%d of memory), want %d", lo, hi, len(dst), cap(dst), (hi-lo)*s.Cols)
	}
	copy(dst, s.Data[lo*s.Cols:hi*s.Cols])
	return nil
}

// sourceFunc is a Source of 100 x 3 numbers that a function writes.
type sourceFunc func(dst []float64, lo, hi int) error

func (sourceFunc) Dims() (rows, cols int)                     { return 100, 3 }
func (f sourceFunc) ReadRows(dst []float64, lo, hi int) error { return f(dst, lo, hi) }
func count(dst []float64, lo, _ int) error                    { return countUpTo(dst, lo, len(dst)) }
func countUpTo(dst []float64, lo, n int) error {
	for e := range dst[:n] {
		dst[e] = float64(3*lo + e)
	}
	return nil
}

// tableOf is src as Check finds it, with that size.
func tableOf(src data.Source, rows, cols int) Table {
	return Table{Rows: rows, Cols: cols, source: src, inputs: cols}
}

// pairSource is a source with so many inputs.
type pairSource struct {
	data.Source
	inputs int
}

func (s pairSource) Inputs() int { return s.inputs }

func TestCheck(t *testing.T) {
	if got, err := Check(sourceFunc(count), 3, 3); got.Rows != 100 || got.Cols != 3 || got.Paired() || err != nil {
		t.Errorf("%+v, error %v", got, err)
	}
	if got, err := Check(pairSource{sourceFunc(count), 2}, 2, 1); got.Rows != 100 || got.Cols != 3 || !got.Paired() || err != nil {
		t.Errorf("%+v, error %v", got, err)
	}
	for _, c := range []struct {
		src  data.Source
		want error
		says string
	}{
		{nil, fault.ErrEmpty, "source is nil"},
		{(*data.Npy)(nil), fault.ErrEmpty, "source is nil"},
		{&rowSource{Rows: matrix.Rows{Rows: -5, Cols: 4}}, fault.ErrEmpty, "no rows (it is -5 x 4)"},
		{sourceFunc(count), fault.ErrShape, "has 3 columns, want 4"},
		{pairSource{sourceFunc(count), 2}, fault.ErrShape, "has 2 inputs and 1 targets, want 4 and 2"},
		{pairSource{sourceFunc(count), 3}, fault.ErrShape, "has 3 columns, and says that 3 of them are inputs"},
		{pairSource{sourceFunc(count), -1}, fault.ErrShape, "says that -1 of them are inputs"},
		{pairSource{}, fault.ErrShape, "the source's Dims: it panics"},
	} {
		if got, err := Check(c.src, 4, 2); got.Rows != 0 || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v, error %v, want %v that says %q", got, err, c.want, c.says)
		}
	}
}

// TestRead reads a few ranges into one matrix.
func TestRead(t *testing.T) {
	var m matrix.Rows
	for _, r := range [][2]int{{5, 9}, {0, 100}, {99, 100}, {50, 50}} {
		if _, _, err := tableOf(sourceFunc(count), 100, 3).Read(&m, r[0], r[1]); err != nil {
			t.Fatal(err)
		}
		want := make([]float64, 3*(r[1]-r[0]))
		count(want, r[0], r[1])
		if m.Rows != r[1]-r[0] || m.Cols != 3 || m.Stride != 3 || !slices.Equal(m.Data, want) {
			t.Errorf("rows %v are %v", r, m)
		}
	}
	memory := &m.Data[:1][0]
	if _, _, err := tableOf(sourceFunc(count), 100, 3).Read(&m, 0, 2); err != nil || &m.Data[0] != memory {
		t.Errorf("other memory is used, error %v", err)
	}
}

// TestReadErrors: what a Source returns, and what it does not tell.
func TestReadErrors(t *testing.T) {
	fails := errors.New("disk gone")
	holding := func(e int, v float64) sourceFunc {
		return func(dst []float64, lo, hi int) error {
			count(dst, lo, hi)
			dst[e] = v
			return nil
		}
	}
	for _, c := range []struct {
		name string
		src  sourceFunc
		want error
		says string
	}{
		{"an error", func([]float64, int, int) error { return fails }, fails, "reading the rows 10 to 14 of the source: disk gone"},
		{"an error of this library", func([]float64, int, int) error { return fault.Errorf(fault.ErrShape, "too thin") }, fault.ErrShape, "of the source: too thin"},
		{"NaN", holding(7, math.NaN()), fault.ErrNotFinite, "the source holds NaN at row 12, column 1"},
		{"an infinity", holding(0, math.Inf(-1)), fault.ErrNotFinite, "the source holds -Inf at row 10, column 0"},
		{"nothing written", func([]float64, int, int) error { return nil }, fault.ErrNotFinite, "asked for the rows 10 to 14 and did not write row 10, column 0"},
		{"too little written", func(dst []float64, lo, _ int) error { return countUpTo(dst, lo, 11) }, fault.ErrNotFinite, "did not write row 13, column 2"},
		{"one number not written", func(dst []float64, lo, hi int) error {
			skipped := dst[4]
			count(dst, lo, hi)
			dst[4] = skipped
			return nil
		}, fault.ErrNotFinite, "did not write row 11, column 1"},
		{"written elsewhere", func(dst []float64, lo, hi int) error {
			return count(append(dst, 1)[1:], lo, hi)
		}, fault.ErrNotFinite, "did not write row 10, column 0"},
		{"NaN before what is not written", func(dst []float64, _, _ int) error {
			dst[0] = math.NaN()
			return nil
		}, fault.ErrNotFinite, "holds NaN at row 10, column 0"},
	} {
		m := matrix.New(40, 3) // it must not matter what was there
		_, _, err := tableOf(c.src, 100, 3).Read(&m, 10, 14)
		if !errors.Is(err, c.want) || !strings.HasPrefix(err.Error(), "ksparse: ") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want %v that says %q", c.name, err, c.want, c.says)
		}
	}
}

// TestReadNpy: a file that is closed, and a row in the midst of one that is not finite.
func TestReadNpy(t *testing.T) {
	const rows, cols = 1300, 11
	numbers := make([]float64, rows*cols)
	numbers[1111*cols+3] = math.NaN()
	header := fmt.Sprintf("{'descr': '>f8', 'fortran_order': False, 'shape': (%d, %d), }", rows, cols)
	content := []byte("\x93NUMPY\x01\x00")
	content = binary.LittleEndian.AppendUint16(content, uint16(len(header)))
	content, err := binary.Append(append(content, header...), binary.BigEndian, numbers)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.npy")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := data.OpenNpy(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var m matrix.Rows
	file := tableOf(src, rows, cols)
	if _, _, err := file.Read(&m, 0, 1024); err != nil || !slices.Equal(m.Data, numbers[:1024*cols]) {
		t.Errorf("rows before: error %v", err)
	}
	if _, _, err := file.Read(&m, 1024, rows); !errors.Is(err, fault.ErrNotFinite) || !strings.Contains(err.Error(), "holds NaN at row 1111, column 3") {
		t.Errorf("error is %v, want NotFinite at row 1111, column 3", err)
	}
	src.Close()
	if _, _, err := file.Read(&m, 0, 1); !errors.Is(err, os.ErrClosed) || !strings.Contains(err.Error(), "rows 0 to 1") {
		t.Errorf("a closed file: error is %v, want os.ErrClosed", err)
	}
}

// TestEach: all rows in order, that many at a time, of a matrix without copying them.
func TestEach(t *testing.T) {
	x := matrix.New(100, 3)
	for e := range x.Data {
		x.Data[e] = float64(e)
	}
	held, err := data.FromMatrix(dense.Of(x))
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range []data.Source{sourceFunc(count), held} {
		var got []float64
		err := tableOf(src, 100, 3).Each(33, func(lo int, x, _ matrix.Rows) error {
			if lo != len(got)/3 || x.Rows != min(33, 100-lo) {
				t.Errorf("%d rows from row %d on", x.Rows, lo)
			}
			got = append(got, values(x)...)
			return nil
		})
		if err != nil || !slices.Equal(got, x.Data) {
			t.Errorf("error %v, numbers %v", err, got)
		}
	}
	fails := errors.New("fails")
	if err := tableOf(held, 100, 3).Each(10, func(int, matrix.Rows, matrix.Rows) error { return fails }); !errors.Is(err, fails) {
		t.Errorf("error %v", err)
	}
	x.Row(70)[1] = math.NaN()
	if err := tableOf(held, 100, 3).Each(10, func(int, matrix.Rows, matrix.Rows) error { return nil }); !errors.Is(err, fault.ErrNotFinite) || !strings.Contains(err.Error(), "row 70, column 1") {
		t.Errorf("error %v", err)
	}
	if _, _, err := tableOf(held, 100, 3).Sample(10, 0); !errors.Is(err, fault.ErrNotFinite) || !strings.Contains(err.Error(), "row 70, column 1") {
		t.Errorf("error %v", err)
	}
	if err := tableOf(sourceFunc(count), 101, 3).Each(10, nil); !errors.Is(err, fault.ErrShape) || !strings.Contains(err.Error(), "is 100 x 3 now, it was 101 x 3") {
		t.Errorf("error %v", err)
	}
}

// TestSample: all rows in order where they fit, else some of all parts, by the seed.
func TestSample(t *testing.T) {
	all, _, err := tableOf(sourceFunc(count), 100, 3).Sample(100, 5)
	if err != nil || all.Rows != 100 || all.Row(7)[2] != 23 {
		t.Fatalf("%d rows, error %v", all.Rows, err)
	}
	one, _, err := tableOf(sourceFunc(count), 100, 3).Sample(40, 5)
	if err != nil || one.Rows != 40 {
		t.Fatalf("%d rows, error %v", one.Rows, err)
	}
	again, _, _ := tableOf(sourceFunc(count), 100, 3).Sample(40, 5)
	other, _, _ := tableOf(sourceFunc(count), 100, 3).Sample(40, 6)
	if !slices.Equal(values(one), values(again)) || slices.Equal(values(one), values(other)) {
		t.Error("the seed does not decide about the rows")
	}
	seen := map[float64]bool{}
	for i := range one.Rows {
		row := one.Row(i)
		if seen[row[0]] || row[1] != row[0]+1 || math.Mod(row[0], 3) != 0 {
			t.Errorf("row %d is %v", i, row)
		}
		seen[row[0]] = true
	}
	for _, c := range []struct{ rows, most int }{{101, 100}, {5000, 4999}, {100_000, 3000}} {
		x := numbered(c.rows)
		got, _, err := tableOf(&rowSource{Rows: x}, c.rows, 1).Sample(c.most, 5)
		if err != nil || got.Rows > c.most || got.Rows < c.most*99/100 {
			t.Fatalf("%d rows of %d, error %v, want %d", got.Rows, c.rows, err, c.most)
		}
		for i := range got.Rows { // ascending, each from its part
			if want := float64(i) / float64(got.Rows) * float64(c.rows); math.Abs(got.Row(i)[0]-want) > 2*float64(c.rows)/250+1 {
				t.Fatalf("%d of %d: row %d is %v", c.most, c.rows, i, got.Row(i)[0])
			}
		}
	}
}
