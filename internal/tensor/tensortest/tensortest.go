// Package tensortest checks the packages that read weights files against fixtures:
// files of other programs, with the values that must come out.
package tensortest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/tensor"
)

// good has one folder per fixture. The path starts from a package in internal/.
const good = "../../pretrained/testdata"

// A Fixture is a file with known tensors.
type Fixture struct {
	Path    string
	Tensors map[string]Want // all its tensors
	Values  json.RawMessage // what else a container of torch.save holds
}

// A Want describes what a tensor must be.
type Want struct {
	DType  string // as PyTorch names it
	Shape  []int
	SHA256 string // of the values as little-endian float64, row-major
}

// Fixtures returns the good files with one of the extensions. Files that hold
// tensors which their folder does not describe are not among them.
func Fixtures(t testing.TB, extensions ...string) []Fixture {
	t.Helper()
	var out []Fixture
	folders, err := filepath.Glob(filepath.Join(good, "*", "expected.json"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no fixtures in %s (%v)", good, err)
	}
	for _, expected := range folders {
		var want struct {
			Tensors map[string]Want
			Values  json.RawMessage
			Other   struct{ Folder string } // another model in the same folder
		}
		readJSON(t, expected, &want)
		folder := filepath.Dir(expected)
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			other := want.Other.Folder != "" && filepath.Base(filepath.Dir(path)) == want.Other.Folder
			if slices.Contains(extensions, filepath.Ext(path)) && !other && filepath.Base(path) != "sparsity.safetensors" {
				out = append(out, Fixture{path, want.Tensors, want.Values})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(out) == 0 {
		t.Fatalf("no fixtures of type %v", extensions)
	}
	return out
}

// A Bad is a file that must not be read, or a control.
type Bad struct{ File, Why, Must string }

// Manifest returns the files that manifest.json in dir lists.
func Manifest(t testing.TB, dir string) []Bad {
	t.Helper()
	var manifest struct{ Files []Bad }
	readJSON(t, filepath.Join(dir, "manifest.json"), &manifest)
	if len(manifest.Files) == 0 {
		t.Fatalf("nothing in the manifest of %s", dir)
	}
	return manifest.Files
}

// Seeds returns the contents of all files with one of the extensions, good ones and
// those in dir.
func Seeds(t testing.TB, dir string, extensions ...string) [][]byte {
	t.Helper()
	var out [][]byte
	for _, f := range Fixtures(t, extensions...) {
		out = append(out, ReadFile(t, f.Path))
	}
	for _, bad := range Manifest(t, dir) {
		if slices.Contains(extensions, filepath.Ext(bad.File)) {
			out = append(out, ReadFile(t, filepath.Join(dir, bad.File)))
		}
	}
	return out
}

// ReadFile returns the contents of a file.
func ReadFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// readJSON decodes the JSON file at path.
func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	if err := json.Unmarshal(ReadFile(t, path), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// Check compares a tensor with what it must be, by every way of reading it.
func Check(t testing.TB, got *tensor.Tensor, want Want) {
	t.Helper()
	if name := torchName(got.DType()); name != want.DType || !slices.Equal(got.Shape(), want.Shape) {
		t.Errorf("%s: %s %v, want %s %v", got.Name(), name, got.Shape(), want.DType, want.Shape)
		return
	}
	values, err := got.Float64s()
	if err != nil {
		t.Error(err)
		return
	}
	if sum := Sum(values); sum != want.SHA256 {
		t.Errorf("%s: SHA-256 of the values %s, want %s", got.Name(), sum, want.SHA256)
	}
	rows, cols := got.Rows(), got.Cols()
	for i := range rows {
		row := make([]float64, cols)
		if err := got.ReadRows(row, i, i+1); err != nil {
			t.Error(err)
		} else if !slices.Equal(row, values[i*cols:(i+1)*cols]) {
			t.Errorf("%s: row %d alone is %v, want %v", got.Name(), i, row, values[i*cols:(i+1)*cols])
		}
	}
	singles, err := got.Float32s()
	if (err == nil) != got.DType().Exact32() {
		t.Errorf("%s: Float32s of %v: error %v", got.Name(), got.DType(), err)
	}
	for i, v := range singles {
		if float64(v) != values[i] {
			t.Errorf("%s: element %d is %v as float32, %v as float64", got.Name(), i, v, values[i])
		}
	}
	if len(got.Shape()) != 2 {
		return
	}
	turned, err := got.T().Float64s()
	if err != nil {
		t.Error(err)
		return
	}
	for i := range rows {
		for j := range cols {
			if turned[j*rows+i] != values[i*cols+j] {
				t.Errorf("%s: element %d, %d is %v in the transpose, want %v", got.Name(), i, j, turned[j*rows+i], values[i*cols+j])
			}
		}
	}
}

// torchName returns PyTorch's name of d.
func torchName(d tensor.DType) string {
	switch d {
	case tensor.BF16:
		return "bfloat16"
	case tensor.Bool:
		return "bool"
	}
	kind := map[byte]string{'F': "float", 'I': "int", 'U': "uint"}[d.String()[0]]
	return kind + strings.TrimLeft(d.String(), "FIU")
}

// Sum returns the SHA-256 of the values as little-endian float64.
func Sum(values []float64) string {
	h := sha256.New()
	for _, v := range values {
		h.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Allocated returns how many bytes f allocates, freed ones included, or a little
// more.
func Allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}
