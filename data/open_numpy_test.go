package data_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/ksparse/ksparse/data"
)

// fromNumPy is the array in the files of testdata/make_numpy.py.
func fromNumPy() (x []float64) {
	for i := range 5 {
		for j := range 3 {
			x = append(x, float64(10*i+j)/4-3)
		}
	}
	return x
}

// TestOpenFilesOfNumPy reads what NumPy wrote.
func TestOpenFilesOfNumPy(t *testing.T) {
	for name, kind := range map[string]string{
		"float32.npy": "NumPy file, float32", "float64.npy": "NumPy file, float64", "big_endian_columns.npy": "NumPy file, float64",
		"stored.npz": `.npz file, tensor "x" float32`, "spaces.txt": "text file, 3 of 3 columns without names",
		"commas.csv": "CSV file, 3 of 3 columns", "plain.f32": "raw file, float32",
	} {
		f := open(t, data.Options{Cols: 3}, filepath.Join("testdata", name))
		wantString(t, f, "1 "+kind+", 5 x 3")
		wantRows(t, name, f, 3, fromNumPy()...)
	}
	wantRows(t, "compressed", open(t, data.Options{Tensor: "x"}, "testdata/compressed.npz"), 3, fromNumPy()...)
	var twice []float64
	for _, v := range fromNumPy() {
		twice = append(twice, v, v)
	}
	cube := open(t, data.Options{}, "testdata/cube.npy")
	wantString(t, cube, "1 NumPy file, [.., 3, 2] float16, 15 x 2")
	wantRows(t, "cube", cube, 2, twice...)
	labels, err := data.OpenTexts("testdata/labels.npy", "")
	if err != nil {
		t.Fatal(err)
	}
	defer labels.Close()
	if last, err := labels.Text(4); labels.Len() != 5 || last != "25" {
		t.Errorf("label 4 of %d is %q, %v", labels.Len(), last, err)
	}
}

// TestOpenFilesOfOthers reads the arrays of files that NumPy and the rules of safetensors made, and
// compares with the checksums that came with them.
func TestOpenFilesOfOthers(t *testing.T) {
	arrays := 0
	for _, folder := range []string{"container_npy", "container_safetensors"} {
		folder = filepath.Join("../pretrained/testdata", folder)
		var expected struct {
			Files   []string
			Tensors map[string]struct {
				Shape  []int
				SHA256 string
			}
		}
		text, err := os.ReadFile(filepath.Join(folder, "expected.json"))
		if err == nil {
			err = json.Unmarshal(text, &expected)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range expected.Files {
			if filepath.Ext(file) == ".npy" || file == "no_tensors.safetensors" {
				continue
			}
			for name, want := range expected.Tensors {
				path := filepath.Join(folder, file)
				if len(want.Shape) < 2 || want.Shape[0]*want.Shape[1] == 0 {
					continue
				}
				x := readAll(t, open(t, data.Options{Tensor: name}, path))
				var b bytes.Buffer
				if err := binary.Write(&b, binary.LittleEndian, x); err != nil {
					t.Fatal(err)
				}
				if sum := sha256.Sum256(b.Bytes()); hex.EncodeToString(sum[:]) != want.SHA256 {
					t.Errorf("%s: array %q has other values", path, name)
				}
				arrays++
			}
		}
	}
	if arrays < 20 {
		t.Errorf("%d arrays were compared, want more", arrays)
	}
}

// readAll reads all rows of a source.
func readAll(t testing.TB, src data.Source) []float64 {
	t.Helper()
	rows, cols := src.Dims()
	x := make([]float64, rows*cols)
	if err := src.ReadRows(x, 0, rows); err != nil {
		t.Fatal(err)
	}
	return x
}

// TestOpenBadFiles: files that must be refused, by the lists that came with them.
func TestOpenBadFiles(t *testing.T) {
	for _, folder := range []string{"../internal/npy/testdata/bad", "../internal/safetensors/testdata/bad"} {
		var manifest struct {
			Files []struct{ File, Why, Must string }
		}
		text, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
		if err == nil {
			err = json.Unmarshal(text, &manifest)
		}
		if err != nil || len(manifest.Files) == 0 {
			t.Fatal(folder, err)
		}
		for _, bad := range manifest.Files {
			if f, err := data.Open(data.Options{}, filepath.Join(folder, bad.File)); bad.Must == "error" && err == nil {
				t.Errorf("%s (%s) is opened as %s", bad.File, bad.Why, f)
				f.Close()
			}
		}
	}
}
