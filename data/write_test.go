package data_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/data"
	"gonum.org/v1/gonum/mat"
)

// TestWriteNpy: the files are those of numpy.save, byte for byte.
func TestWriteNpy(t *testing.T) {
	src, err := data.FromMatrix(mat.NewDense(5, 3, fromNumPy()))
	if err != nil {
		t.Fatal(err)
	}
	for name, float64s := range map[string]bool{"float32.npy": false, "float64.npy": true} {
		path := filepath.Join(t.TempDir(), name)
		if err := data.WriteNpy(path, src, float64s); err != nil {
			t.Fatal(err)
		}
		compareFiles(t, path, readFile(t, filepath.Join("testdata", name)))
	}
}

// TestWriteSafetensors: the files are as the format's description says: header padded with spaces to
// a multiple of 8, no white space in the JSON, elements in row-major order.
func TestWriteSafetensors(t *testing.T) {
	src, err := data.FromMatrix(mat.NewDense(2, 2, []float64{1, 2, 3, 0.1}))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := data.WriteSafetensors(path, "act", src, false); err != nil {
		t.Fatal(err)
	}
	compareFiles(t, path, safetensorsBytes(`{"act":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}     `, []float32{1, 2, 3, 0.1}))
	if err := data.WriteSafetensors(path, "act", src, true); err != nil {
		t.Fatal(err)
	}
	compareFiles(t, path, safetensorsBytes(`{"act":{"dtype":"F64","shape":[2,2],"data_offsets":[0,32]}}     `, []float64{1, 2, 3, 0.1}))
	for _, name := range []string{"", "__metadata__", "\xff"} {
		if err := data.WriteSafetensors(path, name, src, true); !errors.Is(err, errRange) {
			t.Errorf("the name %q: %v", name, err)
		}
	}
}

// TestWriteManyRows writes more than a block, and rows wider than a block, and reads them again.
func TestWriteManyRows(t *testing.T) {
	for _, size := range [][2]int{{5000, 77}, {3, 200_000}} {
		x := make([]float32, size[0]*size[1])
		for e := range x {
			x[e] = float32(e%1000) / 8
		}
		src, err := data.FromFloat32(x, size[0], size[1])
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "x")
		if err := data.WriteNpy(path, src, false); err != nil {
			t.Fatal(err)
		}
		for e, v := range readAll(t, open(t, data.Options{}, path)) {
			if v != float64(x[e]) {
				t.Fatalf("%v: number %d is %v, want %v", size, e, v, x[e])
			}
		}
	}
}

// failing is a Source whose ReadRows returns err from row 1 on.
type failing struct{ err error }

func (f failing) Dims() (rows, cols int) { return 1 << 20, 2 }
func (f failing) ReadRows(dst []float64, lo, hi int) error {
	clear(dst)
	if hi > 1 {
		return f.err
	}
	return nil
}

// oneRow is a Source of one row that nobody has checked.
type oneRow []float64

func (r oneRow) Dims() (rows, cols int)                   { return 1, len(r) }
func (r oneRow) ReadRows(dst []float64, lo, hi int) error { copy(dst, r); return nil }

// TestWriteErrors: after an error the old file is as it was, and nothing else is there.
func TestWriteErrors(t *testing.T) {
	failed := errors.New("the disk is gone")
	for _, c := range []struct {
		what     string
		src      data.Source
		float64s bool
		cause    error
		text     string
	}{
		{"nil", nil, false, errEmpty, "nil"},
		{"no rows", oneRow{}, false, errEmpty, "1 x 0"},
		{"a source that fails", failing{failed}, false, failed, "the disk is gone"},
		{"too large", oneRow{1, 1e39}, false, errNotFinite, "1e+39 at row 0, column 1"},
		{"NaN", oneRow{1, 2, math.NaN()}, true, errNotFinite, "NaN at row 0, column 2"},
		{"an infinity", oneRow{math.Inf(-1)}, false, errNotFinite, "-Inf at row 0, column 0"},
	} {
		folder := t.TempDir()
		path := fileIn(t, folder, "x", []byte("old"))
		for _, err := range []error{data.WriteNpy(path, c.src, c.float64s), data.WriteSafetensors(path, "x", c.src, c.float64s)} {
			if !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: error is %v, want %v and %q", c.what, err, c.cause, c.text)
			}
		}
		compareFiles(t, path, []byte("old"))
		if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
			t.Errorf("%s: the folder has %v, %v", c.what, entries, err)
		}
	}
	if err := data.WriteNpy(filepath.Join(t.TempDir(), "none", "x"), oneRow{1}, true); err == nil {
		t.Error("a folder that is not there: no error")
	}
	path := filepath.Join(t.TempDir(), "x")
	if err := data.WriteNpy(path, oneRow{math.MaxFloat64}, true); err != nil {
		t.Errorf("the largest float64: %v", err)
	}
}

// compareFiles compares the file at path with what it must be.
func compareFiles(t *testing.T, path string, want []byte) {
	t.Helper()
	if got := readFile(t, path); !bytes.Equal(got, want) {
		t.Errorf("%s is\n%q, want\n%q", filepath.Base(path), got, want)
	}
}

// readFile returns the contents of a file.
func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
