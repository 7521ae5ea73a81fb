package safetensors_test

import (
	"bytes"
	"errors"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/safetensors"
	"github.com/ksparse/ksparse/internal/tensor"
	"github.com/ksparse/ksparse/internal/tensor/tensortest"
)

// TestWriteAgain reads files of the reference library and writes them again: to the
// same bytes.
func TestWriteAgain(t *testing.T) {
	files := 0
	for _, fixture := range tensortest.Fixtures(t, ".safetensors") {
		f, err := safetensors.Open(fixture.Path)
		if err != nil {
			t.Error(err)
			continue
		}
		defer f.Close()
		var entries []safetensors.Entry
		for _, name := range f.Names() {
			x, err := f.Tensor(name)
			if err != nil {
				t.Fatal(err)
			}
			e := safetensors.Entry{Name: name, DType: x.DType(), Shape: x.Shape()}
			switch x.DType() {
			case tensor.F32:
				e.Float32s = byRow(t, x, x.ReadRows32)
			case tensor.F64:
				e.Float64s = byRow(t, x, x.ReadRows)
			case tensor.I64:
				e.Int64s = func(yield func([]int64) bool) {
					values, err := x.Float64s()
					if err != nil {
						t.Error(err)
					}
					for _, v := range values {
						if !yield([]int64{int64(v)}) {
							return
						}
					}
				}
			}
			entries = append(entries, e)
		}
		if slices.ContainsFunc(entries, func(e safetensors.Entry) bool {
			return e.Float32s == nil && e.Float64s == nil && e.Int64s == nil
		}) {
			continue // types that are only read
		}
		files++
		slices.Reverse(entries)
		var got bytes.Buffer
		if err := safetensors.Write(&got, f.Metadata(), entries); err != nil {
			t.Errorf("%s: %v", fixture.Path, err)
		} else if !bytes.Equal(got.Bytes(), tensortest.ReadFile(t, fixture.Path)) {
			t.Errorf("%s: written again, it is another file", fixture.Path)
		}
	}
	if files < 25 {
		t.Errorf("only %d files were written", files)
	}
}

// byRow gives the rows of x.
func byRow[T any](t *testing.T, x *tensor.Tensor, read func(dst []T, from, to int) error) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		row := make([]T, x.Cols())
		for i := range x.Rows() {
			if err := read(row, i, i+1); err != nil {
				t.Error(err)
				return
			}
			if !yield(row) {
				return
			}
		}
	}
}

// runs gives one run.
func runs[T any](values ...T) iter.Seq[[]T] { return slices.Values([][]T{values}) }

// TestWriteOrder checks order, rounding and escapes against a file made by hand.
func TestWriteOrder(t *testing.T) {
	entries := []safetensors.Entry{
		{Name: "b", DType: tensor.F32, Shape: []int{2}, Float64s: runs(0.1, -2)},
		{Name: "a", DType: tensor.F32, Shape: []int{}, Float32s: runs[float32](1.5)},
		{Name: "z", DType: tensor.I64, Shape: []int{1, 1}, Int64s: runs[int64](-2)},
		{Name: "\"\\\x01\n<\u2028", DType: tensor.F64, Shape: []int{1}, Float32s: runs[float32](0.5)},
		{Name: "empty", DType: tensor.F64, Shape: []int{0, 3}, Float64s: runs[float64]()},
	}
	header := `{"__metadata__":{"a":"1","b":"2"},"z":{"dtype":"I64","shape":[1,1],"data_offsets":[0,8]},` +
		`"\"\\\u0001\n<` + "\u2028" + `":{"dtype":"F64","shape":[1],"data_offsets":[8,16]},"empty":{"dtype":"F64","shape":[0,3],"data_offsets":[16,16]},` +
		`"a":{"dtype":"F32","shape":[],"data_offsets":[16,20]},"b":{"dtype":"F32","shape":[2],"data_offsets":[20,28]}}`
	header += strings.Repeat(" ", (8-len(header)%8)%8)
	want := append(assemble(header, 0), "\xfe\xff\xff\xff\xff\xff\xff\xff"+"\x00\x00\x00\x00\x00\x00\xe0\x3f"+"\x00\x00\xc0\x3f"+"\xcd\xcc\xcc\x3d"+"\x00\x00\x00\xc0"...)
	var got bytes.Buffer
	if err := safetensors.Write(&got, map[string]string{"b": "2", "a": "1"}, entries); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("written:\n%q\nwant\n%q", got.Bytes(), want)
	}
}

func TestWriteErrors(t *testing.T) {
	ok := safetensors.Entry{Name: "ok", DType: tensor.F32, Shape: []int{1}, Float32s: runs[float32](1)}
	for want, change := range map[string]func(e *safetensors.Entry){
		"more than 1 values":     func(e *safetensors.Entry) { e.Float32s = runs[float32](1, 2) },
		"0 values, want 1":       func(e *safetensors.Entry) { e.Float32s = runs[float32]() },
		"negative":               func(e *safetensors.Entry) { e.Shape = []int{-1} },
		"too large for F32":      func(e *safetensors.Entry) { e.Float32s, e.Float64s = nil, runs(1e300) },
		"shape":                  func(e *safetensors.Entry) { e.Shape = []int{math.MaxInt, 2} },
		"cannot be written as F": func(e *safetensors.Entry) { e.DType = tensor.F16 },
		"cannot be written as I": func(e *safetensors.Entry) { e.DType = tensor.I64 },
		"cannot be written as d": func(e *safetensors.Entry) { e.DType = 200 },
		"2 sequences":            func(e *safetensors.Entry) { e.Float64s = runs(1.0) },
		"0 sequences":            func(e *safetensors.Entry) { e.Float32s = nil },
		"not a name":             func(e *safetensors.Entry) { e.Name = "__metadata__" },
		"\\xff":                  func(e *safetensors.Entry) { e.Name = "\xff" },
		"there twice":            func(e *safetensors.Entry) { e.Name = "ok" },
	} {
		e := ok
		e.Name = "bad"
		change(&e)
		err := safetensors.Write(new(bytes.Buffer), nil, []safetensors.Entry{ok, e})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if err := safetensors.Write(new(bytes.Buffer), map[string]string{"a": "\xff"}, nil); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("metadata that is not UTF-8: error %v", err)
	}
	for limit := range 2 {
		w := &fullDisk{left: limit}
		if err := safetensors.Write(w, nil, []safetensors.Entry{ok}); !errors.Is(err, errFull) {
			t.Errorf("disk full after %d writes: error %v", limit, err)
		}
	}
}

var errFull = errors.New("disk full")

// A fullDisk takes that many writes.
type fullDisk struct{ left int }

func (d *fullDisk) Write(b []byte) (int, error) {
	if d.left--; d.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}
