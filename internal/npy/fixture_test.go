package npy_test

import (
	"bytes"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/npy"
	"github.com/ksparse/ksparse/internal/tensor"
	"github.com/ksparse/ksparse/internal/tensor/tensortest"
)

func TestFixtures(t *testing.T) {
	for _, fixture := range tensortest.Fixtures(t, ".npz") {
		t.Run(fixture.Path, func(t *testing.T) {
			a, err := npy.OpenArchive(fixture.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if got := a.Names(); len(got) != len(fixture.Tensors) || !slices.IsSorted(got) {
				t.Errorf("arrays %q, want %d, sorted", got, len(fixture.Tensors))
			}
			for name, want := range fixture.Tensors {
				got, err := a.Tensor(name)
				if err != nil {
					t.Error(err)
					continue
				}
				tensortest.Check(t, got, want)
			}
		})
	}
	for _, fixture := range tensortest.Fixtures(t, ".npy") { // each holds the array "fortran"
		t.Run(fixture.Path, func(t *testing.T) {
			f, err := npy.OpenFile(fixture.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			tensortest.Check(t, f.Tensor, fixture.Tensors["fortran"])
		})
	}
}

func TestBad(t *testing.T) {
	for _, bad := range tensortest.Manifest(t, "testdata/bad") {
		data := tensortest.ReadFile(t, filepath.Join("testdata/bad", bad.File))
		var err error
		taken := tensortest.Allocated(func() {
			if filepath.Ext(bad.File) == ".npz" {
				_, err = readAll(data)
			} else {
				_, err = npy.Read(bytes.NewReader(data), int64(len(data)))
			}
		})
		if bad.Must != "error" || err == nil {
			t.Errorf("%s (%s) was opened, must %s", bad.File, bad.Why, bad.Must)
		}
		if taken > 64<<10 {
			t.Errorf("%s: %d bytes allocated", bad.File, taken)
		}
		t.Logf("%s: %v (%d bytes)", bad.File, err, taken)
	}
}

// readAll returns the values of all arrays of a .npz file.
func readAll(data []byte) (map[string][]float64, error) {
	a, err := npy.ReadArchive(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	out := map[string][]float64{}
	for _, name := range a.Names() {
		x, err := a.Tensor(name)
		if err == nil {
			out[name], err = x.Float64s()
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// TestWriteAgain writes arrays that numpy.save wrote: to the same bytes.
func TestWriteAgain(t *testing.T) {
	archive := tensortest.ReadFile(t, "../../pretrained/testdata/container_npy/stored.npz")
	a, err := npy.ReadArchive(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"c_order", "f8", "empty"} {
		x, err := a.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if x.DType() == tensor.F64 {
			values, readErr := x.Float64s()
			if err = readErr; err == nil {
				err = npy.Write(&got, x.Rows(), x.Cols(), slices.Chunk(values, 5))
			}
		} else {
			values, readErr := x.Float32s()
			if err = readErr; err == nil {
				err = npy.Write(&got, x.Rows(), x.Cols(), slices.Chunk(values, 5))
			}
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !bytes.Contains(archive, got.Bytes()) {
			t.Errorf("%s: written again, it is not what the archive has: %q", name, got.Bytes())
		}
	}
}

func TestWriteErrors(t *testing.T) {
	for want, c := range map[string]struct{ rows, cols int }{
		"6 values, want 7": {7, 1}, "more than 5": {5, 1}, "negative": {-1, -6}, "too large": {math.MaxInt, math.MaxInt},
	} {
		err := npy.Write(new(bytes.Buffer), c.rows, c.cols, slices.Chunk(make([]float64, 6), 4))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d x %d: error %v, want %q", c.rows, c.cols, err, want)
		}
	}
}
