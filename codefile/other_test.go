package codefile

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
)

// TestReadScipy: a file of scipy's, compressed, with latents in any order.
func TestReadScipy(t *testing.T) {
	want, err := ksparse.NewCodes(3, [][]int32{{1}, {}, {0, 2}}, [][]float64{{2}, {}, {3, 4}})
	must(t, err)
	arrays := scipy()
	for _, format := range [][]byte{arrays["format.npy"], array("<U3", "()", []uint32{'c', 's', 'r'})} {
		arrays["format.npy"] = format
		sameCodes(t, opened(t, writeFile(t, "c.npz", archive(t, arrays))), want)
	}
	arrays["indices.npy"] = array("<i8", "(3,)", []int64{1, 2, 0})
	arrays["data.npy"] = array("<f8", "(3,)", []float64{2, 4, 3})
	sameCodes(t, opened(t, writeFile(t, "c.npz", archive(t, arrays))), want)
}

// TestNpzDamaged: what is wrong is named.
func TestNpzDamaged(t *testing.T) {
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
		{"row 1 goes from 2 to 1", "indptr.npy", array("<i4", "(4,)", []int32{0, 2, 1, 3})},
		{"row 2: there is the latent 3, want 0 to 2", "indices.npy", array("<i4", "(3,)", []int32{1, 0, 3})},
		{"row 2: there is the latent -1", "indices.npy", array("<i4", "(3,)", []int32{1, -1, 2})},
		{"row 2: the latent 2 is there twice", "indices.npy", array("<i4", "(3,)", []int32{1, 2, 2})},
		{"want integers", "indices.npy", array("<f4", "(3,)", []float32{1, 0, 1.5})},
		{"row 2: the value of latent 2 is +Inf", "data.npy", array("<f4", "(3,)", []float32{2, 3, float32(math.Inf(1))})},
		{"2 indices and 3 values", "indices.npy", array("<i4", "(2,)", []int32{1, 0})},
		{"its shape is", "shape.npy", array("<i8", "(2,)", []int64{3, -3})},
		{"its shape has 3 numbers", "shape.npy", array("<i8", "(3,)", []int64{3, 3, 3})},
		{"want one dimension", "data.npy", array("<f4", "(3, 1)", []float32{2, 3, 4})},
	} {
		arrays := scipy()
		if arrays[c.name] = c.array; c.array == nil {
			delete(arrays, c.name)
		}
		path := writeFile(t, "c.npz", archive(t, arrays))
		if _, err := readAll(path); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestReadLines: JSON lines, and what is wrong in them.
func TestReadLines(t *testing.T) {
	for text, want := range map[string]string{
		"{\"latents\":[5,2],\"values\":[1,-0.5]}\n\n{\"latents\":[],\"values\":[]}\n":                   "",
		"\ufeff\r\n { \"values\" : [ 1 , -5e-1 ] ,\"latents\":[5,2]}\r\n{\"latents\":[],\"values\":[]}": "",
		"{\"latents\":[5],\"values\":[1]}\n{\"latents\":[5]}":                                           "row 1 (line 2): there is no field \"values\", a list of numbers",
		"{\"latents\":[],\"values\":[]}\n\n{\"latents\":[7,2,7],\"values\":[1,2,3]}":                    "row 1 (line 3): the latent 7 is there twice",
		"{\"latents\":[-1],\"values\":[1]}":                                                             "row 0 (line 1): there is the latent -1, want 0 to",
		"[5]":                                                                                           "line 1",
		"{\"latents\":[5,6],\"values\":[1]}":                                                            "2 latents and 1 values",
		"{\"latents\":[5],\"values\":[null]}":                                                           "null",
		"{\"latents\":[5],\"values\":1}":                                                                "want a list",
		"{\"latents\":[5],\"values\":[1],\"x\":1}":                                                      "there is a field \"x\"",
		"{\"latents\":[5],\"values\":[1],\"values\":[1]}":                                               "each once",
		"{\"latents\":[5.5],\"values\":[1]}":                                                            "want a whole number",
		"{\"latents\":[2147483647],\"values\":[1]}":                                                     "want 0 to 2147483646",
		"{\"latents\":[5],\"values\":[1e999]}":                                                          "too large",
		"{\"latents\":[5],\"values\":[1]} more":                                                         "line 1",
		"{\"latents\":[5],\"values\":[1]}\n{":                                                           "line 2",
	} {
		path := writeFile(t, "c.jsonl", []byte(text))
		if want == "" {
			codes, err := ksparse.NewCodes(6, [][]int32{{2, 5}, {}}, [][]float64{{-0.5, 1}, {}})
			must(t, err)
			sameCodes(t, opened(t, path), codes)
		} else if _, err := readAll(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := Open(writeFile(t, "c.jsonl", []byte("\n\n"))); !errors.Is(err, ksparse.ErrEmpty) {
		t.Errorf("empty lines: %v", err)
	}
	long := strings.Repeat("{\"latents\":[0,3],\"values\":[1,2.5]}\n", 5000) // more than the places that are kept
	f := opened(t, writeFile(t, "c.jsonl", []byte(long)))
	if f.String() != "1 JSON lines file, 5,000 rows of 4 latents, 10,000 entries" {
		t.Error(f)
	}
	latents, values, err := f.ReadRow(nil, nil, 4321)
	if err != nil || len(latents) != 2 || values[1] != 2.5 {
		t.Error(latents, values, err)
	}
}
