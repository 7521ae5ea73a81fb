package data_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ksparse/ksparse/data"
)

// chunk is a safetensors file with the rows {v, -v}, count times.
func chunk(tensor string, v float32, count int) []byte {
	var numbers []float32
	for range count {
		numbers = append(numbers, v, -v)
	}
	return oneTensor(tensor, "F32", fmt.Sprintf("[%d,2]", count), numbers)
}

// TestOpenFolder: the chunks of a folder follow in the order of the numbers in their names.
func TestOpenFolder(t *testing.T) {
	folder := t.TempDir()
	for name, contents := range map[string][]byte{
		"part_2.safetensors": chunk("a", 2, 1), "part_10.safetensors": chunk("a", 10, 2), "part_007.safetensors": chunk("a", 7, 1),
		"config.json": []byte("{}"), "README.md": []byte("x"), ".hidden.npy": nil, "license.txt": []byte("1"),
	} {
		fileIn(t, folder, name, contents)
	}
	if err := os.Mkdir(filepath.Join(folder, "more.npy"), 0o700); err != nil {
		t.Fatal(err)
	}
	want := []float64{2, -2, 7, -7, 10, -10, 10, -10}
	f := open(t, data.Options{}, folder)
	wantString(t, f, `3 safetensors files, tensor "a" float32, 4 x 2`)
	wantRows(t, "folder", f, 2, want...)
	wantRows(t, "pattern", open(t, data.Options{Tensor: "a"}, filepath.Join(folder, "part_*.safetensors")), 2, want...)
	wantRows(t, "pattern of one", open(t, data.Options{}, filepath.Join(folder, "part_[0-9].*")), 2, want[:2]...)
	npy := fileNamed(t, "x[1].npy", npyBytes("<f8", "(1, 2)", []float64{5, 6}))
	mixed := open(t, data.Options{}, filepath.Join(folder, "part_2.safetensors"), npy, npy)
	wantString(t, mixed, "3 files, 3 x 2")
	wantRows(t, "several paths", mixed, 2, 2, -2, 5, 6, 5, 6)
	for row, want := range map[int]string{1: "row 0 of " + npy, 9: "row 9", -1: "row -1"} {
		if got := mixed.Origin(row); got != want {
			t.Errorf("row %d is %s, want %s", row, got, want)
		}
	}

	wantError(t, "no match", data.Options{}, filepath.Join(folder, "*.npz"), fs.ErrNotExist, "no file matches")
	wantError(t, "no file", data.Options{}, filepath.Join(folder, "x.npz"), fs.ErrNotExist, "no such file")
	wantError(t, "bad pattern", data.Options{}, filepath.Join(folder, "[a"), errRange, "no pattern")
	wantError(t, "no folder of data", data.Options{}, filepath.Join(folder, "more.npy"), errFormat, "no files of numbers")
	other := fileIn(t, folder, "part_11.safetensors", chunk("b", 11, 1))
	_, err := data.Open(data.Options{}, folder)
	checkError(t, "another tensor", err, other, errRange, `Options.Tensor is "a", want one of "b" [1 2] float32`)
	wide := fileIn(t, folder, "part_11.safetensors", oneTensor("a", "F32", "[1,3]", []float32{1, 2, 3}))
	_, err = data.Open(data.Options{}, folder)
	checkError(t, "another width", err, wide, errShape, "3 columns, ")
	fileIn(t, folder, "part_12.npy", npyBytes("<f8", "(1, 2)", []float64{5, 6}))
	if _, err := data.Open(data.Options{}, folder); !errors.Is(err, errFormat) {
		t.Errorf("files of two formats: %v", err)
	}
}

// TestOpenIndex: a sharded set, by its folder and by its index.
func TestOpenIndex(t *testing.T) {
	folder := t.TempDir()
	fileIn(t, folder, "model-00001-of-00002.safetensors", chunk("first", 1, 2))
	fileIn(t, folder, "model-00002-of-00002.safetensors", chunk("second", 2, 1))
	index := fileIn(t, folder, "model.safetensors.index.json", []byte(`{"metadata":{"total_size":24},"weight_map":{`+
		`"first":"model-00001-of-00002.safetensors","second":"model-00002-of-00002.safetensors"}}`))
	for _, path := range []string{folder, index} {
		f := open(t, data.Options{Tensor: "second"}, path)
		wantString(t, f, `1 safetensors file, tensor "second" float32, 1 x 2`)
		wantRows(t, path, f, 2, 2, -2)
		_, err := data.Open(data.Options{}, path)
		checkError(t, "no name", err, index, errRange, `Options.Tensor must say which array the rows are in: "first" [2 2] float32, "second" [1 2] float32`)
	}
	for what, text := range map[string]string{
		"leaves its folder": `{"weight_map":{"a":"../x.safetensors"}}`, "absolute": `{"weight_map":{"a":"/x.safetensors"}}`,
		"no map": `{}`, "no JSON": `{`, "no texts": `{"weight_map":{"a":1}}`,
	} {
		wantError(t, what, data.Options{}, fileNamed(t, "x.safetensors.index.json", []byte(text)), errFormat, "")
	}
	gone := fileNamed(t, "x.safetensors.index.json", []byte(`{"weight_map":{"a":"gone.safetensors"}}`))
	if _, err := data.Open(data.Options{}, gone); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	fileIn(t, folder, "y.safetensors.index.json", []byte(`{}`))
	wantError(t, "two indexes", data.Options{}, folder, errFormat, "2 indexes")
}

// TestOpenManyFiles: more files than are open at a time, read by several goroutines at random; one
// that was replaced is noticed.
func TestOpenManyFiles(t *testing.T) {
	const files = 300
	folder := t.TempDir()
	for i := range files {
		fileIn(t, folder, fmt.Sprintf("%d.npy", i), npyBytes("<f4", "(2, 1)", []float32{float32(2 * i), float32(2*i + 1)}))
	}
	f := open(t, data.Options{}, folder)
	wantString(t, f, "300 NumPy files, float32, 600 x 1")
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			x := make([]float64, 5)
			for i := range 2 * files {
				lo := (i*37 + g*101) % (2*files - len(x))
				if err := f.ReadRows(x, lo, lo+len(x)); err != nil {
					t.Error(err)
					return
				}
				for k, v := range x {
					if v != float64(lo+k) {
						t.Errorf("row %d is %v", lo+k, v)
						return
					}
				}
			}
		}()
	}
	wg.Wait()
	if open := openDescriptors(folder); open > 128 {
		t.Errorf("%d files are open", open)
	}
	x := make([]float64, 2*files)
	if err := f.ReadRows(x, 0, len(x)); err != nil { // the last 128 are open now
		t.Fatal(err)
	}
	first := fileIn(t, folder, "new", npyBytes("<f4", "(2, 1)", []float32{7, 8}))
	if err := os.Rename(first, filepath.Join(folder, "0.npy")); err != nil {
		t.Fatal(err)
	}
	if err := f.ReadRows(x[:1], 0, 1); err == nil {
		t.Errorf("row 0 of a file that was replaced is %v", x[0])
	}
}

// openDescriptors counts the files of a folder that this process has open, where the system tells.
func openDescriptors(folder string) int {
	entries, _ := os.ReadDir("/proc/self/fd")
	n := 0
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil && filepath.Dir(to) == folder {
			n++
		}
	}
	return n
}

// TestFileConcurrently reads every format from several goroutines, one of which closes it.
func TestFileConcurrently(t *testing.T) {
	var csv, lines []byte
	var numbers []float32
	const rows = 2000
	for i := range rows {
		csv = fmt.Appendf(csv, "%d,%d\n", i, -i)
		lines = fmt.Appendf(lines, "[%d,%d]\n", i, -i)
		numbers = append(numbers, float32(i), float32(-i))
	}
	shape := fmt.Sprintf("(%d, 2)", rows)
	for name, contents := range map[string][]byte{"x.csv": csv, "x.jsonl": lines, "x.npy": npyBytes("<f4", shape, numbers)} {
		f := open(t, data.Options{}, fileNamed(t, name, contents))
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				x := make([]float64, 2*50)
				for i := range 200 {
					lo := (i*97 + g*31) % (rows - 50)
					err := f.ReadRows(x, lo, lo+50)
					if errors.Is(err, os.ErrClosed) {
						return
					}
					if err != nil || x[0] != float64(lo) || x[99] != -float64(lo+49) {
						t.Errorf("%s: rows from %d: %v, %v", name, lo, x, err)
						return
					}
					if g == 3 && i == 150 {
						f.Close()
					}
				}
				if g == 3 {
					t.Errorf("%s: rows were read after Close", name)
				}
			}()
		}
		wg.Wait()
	}
}
