package codes

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// array returns a .npy file of format version 1.0.
func array(descr, shape string, elements any) []byte {
	var b bytes.Buffer
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape)
	text += strings.Repeat(" ", 117-len(text)) + "\n"
	b.WriteString("\x93NUMPY\x01\x00\x76\x00" + text)
	binary.Write(&b, binary.LittleEndian, elements) // to memory
	return b.Bytes()
}

// scipy returns the arrays of scipy.sparse.save_npz for the matrix [[0 2 0] [0 0 0] [3 0 4]]: float32, int32 and the
// format in ASCII, as SciPy 1.x writes them.
func scipy() map[string][]byte {
	return map[string][]byte{
		"data.npy":    array("<f4", "(3,)", []float32{2, 3, 4}),
		"indices.npy": array("<i4", "(3,)", []int32{1, 0, 2}),
		"indptr.npy":  array("<i4", "(4,)", []int32{0, 1, 1, 3}),
		"shape.npy":   array("<i8", "(2,)", []int64{3, 3}),
		"format.npy":  array("|S3", "()", []byte("csr")),
	}
}

// archive writes the arrays, compressed, as save_npz does, and returns the path.
func archive(t *testing.T, arrays map[string][]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.npz")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for name, b := range arrays {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestReadScipy: a file of scipy's, compressed.
func TestReadScipy(t *testing.T) {
	arrays := scipy()
	for _, format := range [][]byte{arrays["format.npy"], array("<U3", "()", []uint32{'c', 's', 'r'})} {
		arrays["format.npy"] = format
		c, err := Read(archive(t, arrays))
		if err != nil {
			t.Fatal(err)
		}
		if c.Latents != 3 || len(c.Indices) != 3 || !slices.Equal(c.Indices[0], []int32{1}) || len(c.Indices[1]) != 0 ||
			!slices.Equal(c.Indices[2], []int32{0, 2}) || !slices.Equal(c.Values[2], []float64{3, 4}) {
			t.Errorf("%+v", c)
		}
	}
}

// TestReadDamaged: what is wrong is named.
func TestReadDamaged(t *testing.T) {
	for _, c := range []struct {
		want, name string
		array      []byte
	}{
		{"another format than csr", "format.npy", array("|S3", "()", []byte("csc"))},
		{"has no array \"format\"", "format.npy", nil},
		{"no CSR matrix", "indptr.npy", nil},
		{"indptr has 3 numbers", "indptr.npy", array("<i4", "(3,)", []int32{0, 1, 3})},
		{"indptr goes from 0 to 2", "indptr.npy", array("<i4", "(4,)", []int32{0, 1, 1, 2})},
		{"row 0 goes from 0 to 9", "indptr.npy", array("<i4", "(4,)", []int32{0, 9, 1, 3})},
		{"row 2 has the latent 3, want 0 to 2", "indices.npy", array("<i4", "(3,)", []int32{1, 0, 3})},
		{"row 2 has the latent -1", "indices.npy", array("<i4", "(3,)", []int32{1, -1, 2})},
		{"row 2: the latent 2 is there twice", "indices.npy", array("<i4", "(3,)", []int32{1, 2, 2})},
		{"row 2: the value of latent 2 is +Inf", "data.npy", array("<f4", "(3,)", []float32{2, 3, float32(math.Inf(1))})},
		{"2 indices and 3 values", "indices.npy", array("<i4", "(2,)", []int32{1, 0})},
		{"its shape is", "shape.npy", array("<i8", "(2,)", []int64{3, -3})},
		{"want one dimension", "data.npy", array("<f4", "(3, 1)", []float32{2, 3, 4})},
	} {
		arrays := scipy()
		if arrays[c.name] = c.array; c.array == nil {
			delete(arrays, c.name)
		}
		if _, err := Read(archive(t, arrays)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestReadLines: JSON lines, and what is wrong in them.
func TestReadLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.jsonl")
	for text, want := range map[string]string{
		"{\"latents\":[5,2],\"values\":[1,-0.5]}\n\n{\"latents\":[],\"values\":[]}\n": "",
		"{\"latents\":[5],\"values\":[1]}\n{\"latents\":[5]}":                         "line 2: it is no JSON object of latents and values",
		"{\"latents\":[],\"values\":[]}\n{\"latents\":[7,2,7],\"values\":[1,2,3]}":    "line 2: the latent 7 is there twice",
		"{\"latents\":[-1],\"values\":[1]}":                                           "line 1: there is the latent -1, want 0 or more",
		"[5]":                                                                         "line 1",
		"{\"latents\":[5,6],\"values\":[1]}":                                          "2 latents and 1 values",
		"{\"latents\":[5],\"values\":[null]}":                                         "value 0 is null",
		"{\"latents\":[5],\"values\":[1],\"x\":1}":                                    "unknown field",
		"{\"latents\":[5.5],\"values\":[1]}":                                          "line 1",
		"{\"latents\":[5],\"values\":[1]} more":                                       "line 1",
		"":                                                                            "holds no codes",
	} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		c, err := Read(path)
		if want == "" {
			if err != nil || c.Latents != 6 || len(c.Indices) != 2 || !slices.Equal(c.Indices[0], []int32{2, 5}) || !slices.Equal(c.Values[0], []float64{-0.5, 1}) {
				t.Errorf("%+v, %v", c, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
