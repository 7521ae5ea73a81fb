package data_test

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
)

var errFormat, errShape, errRange, errEmpty, errNotFinite = fault.ErrFormat, fault.ErrShape, fault.ErrRange, fault.ErrEmpty, fault.ErrNotFinite

// wantError opens path and checks the error: its cause, a part of its text, and that it is one line
// that names the file once.
func wantError(t *testing.T, what string, o data.Options, path string, cause error, text string) {
	t.Helper()
	f, err := data.Open(o, path)
	if f != nil {
		f.Close()
	}
	checkError(t, what, err, path, cause, text)
}

// checkError checks an error about the file at path.
func checkError(t *testing.T, what string, err error, path string, cause error, text string) {
	t.Helper()
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: error is %v, want %v and %q", what, err, cause, text)
		return
	}
	if s := err.Error(); strings.Count(s, path) != 1 || !strings.HasPrefix(s, "ksparse: ") || strings.Count(s, "ksparse: ") != 1 || strings.Contains(s, "\n") {
		t.Errorf("%s: the error reads %q, want one line from ksparse that names the file once", what, s)
	}
}

// TestOpenBinaryErrors: files that are damaged, cut or lie, of each binary format.
func TestOpenBinaryErrors(t *testing.T) {
	two := uint32(2)
	for _, c := range []struct {
		what, name string
		contents   []byte
		o          data.Options
		cause      error
		text       string
	}{
		{"cut .npy", "x.npy", npyBytes("<f4", "(2, 2)", []float32{1, 2, 3}), data.Options{}, errFormat, "12 bytes of elements, want 16"},
		{"empty .npy", "x.npy", npyBytes("<f4", "(0, 2)"), data.Options{}, errEmpty, "0 x 2"},
		{"empty wide fbin", "x.fbin", bytesOf(uint32(0), uint32(16)), data.Options{}, errEmpty, "0 x 16 numbers, which is no data"},
		{"flat .npy", "x.npy", npyBytes("<f4", "(2,)", []float32{1, 2}), data.Options{}, errShape, "shape [2], want two dimensions"},
		{"a tensor of .npy", "x.npy", npyBytes("<f4", "(1, 1)", float32(1)), data.Options{Tensor: "x"}, errRange, `Options.Tensor is "x"`},
		{"a column of .npy", "x.npy", npyBytes("<f4", "(1, 1)", float32(1)), data.Options{Column: "x"}, errRange, `Options.Column is "x"`},
		{"Fortran order", "x.npy", []byte(strings.Replace(string(npyBytes("<f4", "(2, 1, 2)", []float32{1, 2, 3, 4})), "False,", "True, ", 1)), data.Options{}, errShape, "row-major"},
		{"other columns", "x.npy", npyBytes("<f4", "(1, 2)", []float32{1, 2}), data.Options{Cols: 3}, errShape, "2 columns, Options.Cols is 3"},
		{"cut .npz", "x.npz", npzBytes(t, zip.Store, "x", npyBytes("<f4", "(1, 1)", float32(1)))[:200], data.Options{}, errFormat, "cut short or damaged"},
		{"npz with a cut array", "x.npz", npzBytes(t, zip.Deflate, "x", npyBytes("<f4", "(2, 2)", float32(1))), data.Options{}, errFormat, "4 bytes of elements, want 16"},
		{"empty .npz", "x.npz", npzBytes(t, zip.Store), data.Options{}, errFormat, "zip archive"},
		{"cut safetensors", "x.safetensors", oneTensor("a", "F32", "[2,2]", []float32{1, 2, 3}), data.Options{}, errFormat, "12 bytes for shape [2 2] of F32"},
		{"safetensors with a damaged length", "x.safetensors", []byte("\xff\xff\xff\xff\xff\xff\xff\x7f{}"), data.Options{}, errFormat, "header"},
		{"safetensors without arrays", "x.safetensors", safetensorsBytes("{}"), data.Options{}, errEmpty, "no arrays"},
		{"no dimension", "x.fvecs", bytesOf(uint32(0), uint32(0)), data.Options{}, errFormat, "dimension 0"},
		{"negative dimension", "x.fvecs", bytesOf(int32(-1), uint32(0)), data.Options{}, errFormat, "dimension -1"},
		{"huge dimension", "x.bvecs", bytesOf(uint32(1<<31-1), uint32(0)), data.Options{}, errFormat, "dimension 2147483647"},
		{"cut vectors", "x.fvecs", bytesOf(two, []float32{1, 2}, two, float32(3)), data.Options{}, errFormat, "no whole number of such vectors of 12 bytes"},
		{"three bytes", "x.ivecs", []byte{1, 0, 0}, data.Options{}, errFormat, "EOF"},
		{"cut fbin", "x.fbin", bytesOf(two, two, []float32{1, 2, 3}), data.Options{}, errFormat, "cut short: 12 bytes of numbers, want 16"},
		{"long fbin", "x.u8bin", bytesOf(uint32(1), two, []uint8{1, 2, 3}), data.Options{}, errFormat, "3 bytes of numbers, want 2"},
		{"lying fbin", "x.fbin", bytesOf(^uint32(0), ^uint32(0), []float32{1, 2, 3}), data.Options{}, errFormat, "4294967295"},
		{"empty fbin", "x.i8bin", bytesOf(uint32(0), two), data.Options{}, errEmpty, "0 x 2"},
		{"empty wide fbin", "x.fbin", bytesOf(uint32(0), uint32(16)), data.Options{}, errEmpty, "0 x 16 numbers, which is no data"},
		{"raw without Cols", "x.f32", bytesOf(float32(1)), data.Options{}, errRange, "Options.Cols"},
		{"raw of another size", "x.raw", bytesOf([]float32{1, 2, 3}), data.Options{Cols: 2}, errShape, "12 bytes"},
		{"raw of huge Cols", "x.raw", bytesOf([]float32{1, 2, 3}), data.Options{Cols: int(^uint(0) >> 1)}, errShape, "12 bytes"},
		{"Arrow", "x", []byte("ARROW1\x00\x00\x01"), data.Options{}, errFormat, "columnar.Open"},
		{"Parquet", "x.bin", []byte("PAR1\x15\x04"), data.Options{}, errFormat, "columnar.Open"},
		{"unknown", "x.bin", []byte{1, 2, 3, 0, 255}, data.Options{}, errFormat, "data.Open reads .npy"},
		{"empty", "x.csv", nil, data.Options{}, errFormat, "is empty"},
		{"torch.save", "x.pt", []byte("\x80\x02}q\x00"), data.Options{}, errFormat, "torch.save"},
		{"LFS", "x.fvecs", []byte("version https://git-lfs.github.com/spec/v1\n"), data.Options{}, errFormat, "Git LFS"},
	} {
		wantError(t, c.what, c.o, fileNamed(t, c.name, c.contents), c.cause, c.text)
	}
}

// TestOpenTextErrors: each names the row, its line and its column.
func TestOpenTextErrors(t *testing.T) {
	for _, c := range []struct {
		what, name, text, column string
		cause                    error
		want                     string
	}{
		{"too many fields", "x.csv", "a,b\n1,2\n\n3,4,5\n", "", errFormat, "row 1 (line 4): 3 fields, want 2"},
		{"too few fields", "x.tsv", "1\t2\n3\n", "", errFormat, "line 2: 1 fields, want 2"},
		{"no number", "x.csv", "a,b\n1,2\n3,x\n", "", errFormat, `row 1 (line 3): column 2, "b": "x" is no number`},
		{"no number, no names", "x.csv", "1,2\n1,2\n3,x\n", "", errFormat, `row 2 (line 3): column 2: "x" is no number`},
		{"an empty field", "x.csv", "a,b\n1,2\n,4\n", "", errFormat, `row 1 (line 3): column 1, "a": it is empty`},
		{"an empty field at first", "x.csv", "a,b\n1,\n,4\n", "", errFormat, `row 0, column 2, "b": it is empty`},
		{"NaN", "x.csv", "a\n1\nnan\n", "", errNotFinite, `row 1 (line 3): column 1, "a": "nan" is not finite`},
		{"too large", "x.csv", "1\n1e999\n", "", errNotFinite, `"1e999" is too large`},
		{"lines in quotes", "x.csv", "a,b\n1,\"x\n\n\"\n2\n", "", errFormat, "row 1 (line 5): 1 fields"},
		{"an open quote", "x.csv", "a,b\n1,x\n1,\"x\n\n", "", errFormat, "row 1 (line 3): column 2: a quote does not end"},
		{"an open quote at first", "x.csv", "\n\"1,2\n3,4\n", "", errFormat, "line 2: column 1: a quote does not end"},
		{"decimal commas", "x.csv", "-2,310;1,925\n2,565;1,021\n", "", errFormat, `"-2,310", which looks like a number with a decimal comma`},
		{"decimal commas among texts", "x.csv", "Ulm;1,5\nBonn;2,5\n", "", errFormat, `"1,5", which looks`},
		{"decimal commas, a header", "x.csv", "a;b\n1;2,5\n", "", errFormat, `"2,5", which looks`},
		{"decimal commas between tabs", "x.tsv", "1,5\t3\n2,5\t4\n", "", errFormat, `"1,5", which looks`},
		{"after a quote", "x.csv", "a,b\n1,x\n1,\"x\"y\n", "", errFormat, `column 2: "y" follows the quote`},
		{"no columns of numbers", "x.csv", "a,b\nx,y\n", "", errRange, `no column holds numbers in the first row: there are 2: "a", "b"`},
		{"no such column", "x.csv", "a,b\n1,2\n", "c", errRange, `no column "c": there are 2: "a", "b"`},
		{"no column 3", "x.csv", "1,2\n", "3", errRange, `no column "3": there are 2, without names`},
		{"a range backwards", "x.csv", "a,b\n1,2\n", "b:a", errRange, "its last column stands before its first"},
		{"a name twice", "x.csv", "a,a\n1,2\n", "a", errRange, `columns 1 and 2 are both called "a"`},
		{"only a header", "x.csv", "a,b\n", "", errEmpty, "no rows"},
		{"only blank lines", "x.csv", "\n\r\n\n", "", errEmpty, "no rows"},
		{"a tensor", "x.csv", "1\n", "", errRange, "Options.Tensor"},
		{"no JSON", "x.jsonl", "[1,2]\n[1,2\n", "", errFormat, "row 1 (line 2): the line is not JSON"},
		{"no JSON at first", "x.jsonl", "1,2\n", "", errFormat, "row 0: the line is not JSON"},
		{"fewer numbers", "x.jsonl", "[1,2]\n\n[1]\n", "", errFormat, "row 1 (line 3): 1 numbers, want 2"},
		{"more numbers", "x.jsonl", "[1,2]\n[1,2,3]\n", "", errFormat, "row 1 (line 2): 3 numbers, want 2"},
		{"a text in a list", "x.jsonl", "[1,2]\n[1,\"2\"]\n", "", errFormat, `row 1 (line 2): column 2: "\"2\"" is no number`},
		{"null in a list", "x.jsonl", "[1,null]\n", "", errFormat, `column 2: "null" is no number`},
		{"a number too large", "x.jsonl", "[1,2]\n[1,-1e999]\n", "", errNotFinite, "too large"},
		{"no list", "x.jsonl", `{"a":1,"b":"x"}`, "", errRange, `0 fields are lists of numbers`},
		{"two lists", "x.jsonl", `{"a":[1],"b":[2]}`, "", errRange, `2 fields are lists of numbers, Options.Column must name the one to read: there are ["a" "b"]`},
		{"no such field", "x.jsonl", `{"a":[1]}`, "b", errRange, `no field "b": there are ["a"]`},
		{"the field is gone", "x.jsonl", "{\"a\":[1]}\n{\"b\":[1]}\n", "", errFormat, `row 1 (line 2): no field "a"`},
		{"a field twice", "x.jsonl", "{\"a\":[1]}\n{\"a\":[1],\"a\":[2]}\n", "", errFormat, `the field "a" is there twice`},
		{"an empty list", "x.jsonl", "[]\n", "", errEmpty, "1 x 0"},
		{"a list, then none", "x.jsonl", "[1]\n7\n", "", errFormat, `row 1 (line 2): "7" is no list`},
	} {
		o := data.Options{Column: c.column}
		if c.what == "a tensor" {
			o.Tensor = "x"
		}
		wantError(t, c.what, o, fileNamed(t, c.name, []byte(c.text)), c.cause, c.want)
	}
}

// TestOpenTextsErrors: of texts and labels.
func TestOpenTextsErrors(t *testing.T) {
	for _, c := range []struct {
		what, name, column string
		contents           []byte
		cause              error
		want               string
	}{
		{"two columns", "x.csv", "", []byte("a,b\nx,y\n"), errRange, `the column must be named: there are 2: "a", "b"`},
		{"no column", "x.csv", "c", []byte("a,b\nx,y\n"), errRange, `no column "c"`},
		{"a row too short", "x.csv", "a", []byte("a,b\nx,y\nz\n"), errFormat, "row 1 (line 3): 1 fields, want 2"},
		{"a column of lines", "x.txt", "a", []byte("a,b\n"), errRange, "lines of text"},
		{"no field", "x.jsonl", "b", []byte(`{"a":"x"}`), errRange, `no field "b": there are ["a"]`},
		{"two fields", "x.jsonl", "", []byte(`{"a":"x","b":"y"}`), errRange, "2 fields are texts"},
		{"no JSON", "x.jsonl", "a", []byte("{\"a\":\"x\"}\n{"), errFormat, "row 1 (line 2): the line is not JSON"},
		{"numbers", "x.npy", "", npyBytes("<f4", "(1,)", float32(1)), errShape, "want integers"},
		{"two dimensions", "x.npy", "", npyBytes("|i1", "(1, 1)", int8(1)), errShape, "want one dimension"},
		{"no labels", "x.npy", "", npyBytes("|i1", "(0,)"), errEmpty, "no rows"},
		{"another kind", "x.npz", "", npzBytes(t, zip.Store, "x", []byte("x")), errFormat, "want texts"},
	} {
		path := fileNamed(t, c.name, c.contents)
		_, err := data.OpenTexts(path, c.column)
		checkError(t, c.what, err, path, c.cause, c.want)
	}
	_, err := data.OpenTexts(filepath.Join(t.TempDir(), "none.txt"), "")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestFileReadErrors: what happens to a file after it was opened.
func TestFileReadErrors(t *testing.T) {
	vectors := bytesOf(uint32(1), float32(1), uint32(1), float32(2), uint32(2), float32(3))
	path := fileNamed(t, "x.fvecs", vectors)
	f := open(t, data.Options{}, path)
	row := make([]float64, 1)
	if err := f.ReadRows(row, 1, 2); err != nil || row[0] != 2 {
		t.Errorf("row 1 is %v, %v", row, err)
	}
	checkError(t, "a vector of another dimension", f.ReadRows(row, 2, 3), path, errFormat, "row 2 has the dimension 2, the first has 1")

	for name, contents := range map[string][]byte{
		"x.npy": npyBytes("<f4", "(2, 1)", []float32{1, 2}), "x.csv": []byte("1\n2\n"), "x.jsonl": []byte("[1]\n[2]\n"), "x.fvecs": vectors[:16],
	} {
		path := fileNamed(t, name, contents)
		f := open(t, data.Options{}, path)
		if err := os.Truncate(path, int64(len(contents)-2)); err != nil {
			t.Fatal(err)
		}
		err := f.ReadRows(row, 1, 2)
		checkError(t, "cut "+name, err, path, io.ErrUnexpectedEOF, "")
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		checkError(t, "closed "+name, f.ReadRows(row, 0, 1), path, os.ErrClosed, "")
		if err := f.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("closed again: %v", err)
		}
		if rows, cols := f.Dims(); rows != 2 || cols != 1 {
			t.Errorf("closed: %d x %d", rows, cols)
		}
	}
	changed := fileNamed(t, "x.csv", []byte("1\n2\n"))
	f = open(t, data.Options{}, changed)
	if err := os.WriteFile(changed, []byte("1\nx\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	checkError(t, "a changed text", f.ReadRows(row, 1, 2), changed, errFormat, `row 1: column 1: "x" is no number`)
}

// TestFileCutInUse cuts files that are large enough to be read in place, at the end of a page, within
// one and by a byte, between two reads: the rows that are left are read, others are an error that names the file.
func TestFileCutInUse(t *testing.T) {
	const rows, cols, head = 1024, 64, 128
	numbers := make([]float32, rows*cols)
	for e := range numbers {
		numbers[e] = float32(e)
	}
	contents := npyBytes("<f4", fmt.Sprintf("(%d, %d)", rows, cols), numbers)
	for _, cut := range []int64{1, 4096, 5000, 100_000, int64(len(contents))} {
		path := fileNamed(t, "x.npy", contents)
		f := open(t, data.Options{}, path)
		x := make([]float64, rows*cols)
		if err := f.ReadRows(x, 0, rows); err != nil || x[rows*cols-1] != rows*cols-1 {
			t.Fatalf("before: %v, %v", x[rows*cols-1], err)
		}
		left := int64(len(contents)) - cut
		if err := os.Truncate(path, left); err != nil {
			t.Skip("an open file cannot be cut here:", err)
		}
		checkError(t, fmt.Sprintf("cut by %d bytes", cut), f.ReadRows(x, 0, rows), path, io.ErrUnexpectedEOF, "")
		if whole := int(max(0, left-head) / (4 * cols)); whole > 0 {
			clear(x)
			if err := f.ReadRows(x[:whole*cols], 0, whole); err != nil || x[whole*cols-1] != float64(whole*cols-1) {
				t.Errorf("cut by %d bytes: the rows that are left: %v, %v", cut, x[whole*cols-1], err)
			}
		}
	}
}

// TestFileOfNone: methods of what Open did not make.
func TestFileOfNone(t *testing.T) {
	for _, f := range []*data.File{nil, {}} {
		if err := f.Close(); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("Close: %v", err)
		}
		if rows, cols := f.Dims(); rows != 0 || cols != 0 || f.String() != "no files" {
			t.Errorf("%d x %d, %s", rows, cols, f)
		}
		if err := f.ReadRows(nil, 0, 1); !errors.Is(err, errRange) {
			t.Errorf("ReadRows: %v", err)
		}
	}
	for _, x := range []*data.Texts{nil, {}} {
		if err := x.Close(); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("Close: %v", err)
		}
		if _, err := x.Text(0); x.Len() != 0 || !errors.Is(err, errRange) {
			t.Errorf("%d texts, %v", x.Len(), err)
		}
	}
	if _, err := data.Open(data.Options{}); !errors.Is(err, errEmpty) {
		t.Errorf("no paths: %v", err)
	}
	if _, err := data.Open(data.Options{Cols: -1}, "x"); !errors.Is(err, errRange) {
		t.Errorf("negative Cols: %v", err)
	}
}
