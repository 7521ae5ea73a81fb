package columnar_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/columnar"
)

// refused opens path and reads all of it, and wants an error that wraps cause and has all the
// words.
func refused(t *testing.T, path, column string, cause error, words ...string) {
	t.Helper()
	f, err := columnar.Open(path, column)
	if err == nil {
		rows, cols := f.Dims()
		err = f.ReadRows(make([]float64, rows*cols), 0, rows)
		f.Close()
	}
	wantError(t, err, cause, words...)
}

// wantError checks an error.
func wantError(t *testing.T, err, cause error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	if !errors.Is(err, cause) {
		t.Errorf("%v: does not wrap %v", err, cause)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q lacks %q", err, word)
		}
	}
}

func TestArrowRefusesMissingAndRagged(t *testing.T) {
	f32 := arrow.PrimitiveTypes.Float32
	for _, list := range []arrow.DataType{arrow.FixedSizeListOf(2, f32), arrow.ListOf(f32), arrow.LargeListOf(f32)} {
		for _, options := range [][]ipc.Option{nil, {ipc.WithLZ4()}} {
			s := columns(arrow.Field{Name: "x", Type: list})
			first := `[{"x":[1,2]},{"x":[3,4]}]`
			refused(t, arrowFile(t, s, true, []string{first, `[{"x":[1,2]},{"x":null}]`}, options...), "", ksparse.ErrNotFinite, "x.arrow", "row 3 ", "missing")
			refused(t, arrowFile(t, s, true, []string{first, `[{"x":[1,2]},{"x":[7,null]}]`}, options...), "", ksparse.ErrNotFinite, "x.arrow", "row 3 ", "missing")
			refused(t, arrowFile(t, s, true, []string{`[{"x":null}]`}, options...), "", ksparse.ErrNotFinite, "row 0 ")
			if _, fixed := list.(*arrow.FixedSizeListType); fixed {
				continue
			}
			for row, batch := range map[string]string{
				"row 2 has a list of 3 numbers": `[{"x":[1,2,3]},{"x":[1]}]`,
				"row 3 has a list of 1 numbers": `[{"x":[1,2]},{"x":[1]},{"x":[1,2,3]}]`,
				"row 3 has a list of 0 numbers": `[{"x":[1,2]},{"x":[]}]`,
			} {
				refused(t, arrowFile(t, s, false, []string{first, batch}, options...), "", ksparse.ErrShape, "x.arrow", row, "first row one of 2")
			}
		}
	}
	s := columns(arrow.Field{Name: "x", Type: arrow.ListOf(arrow.ListOf(f32))})
	refused(t, arrowFile(t, s, false, []string{`[{"x":[[1,2],[3,4]]},{"x":[[1],[2,3,4]]}]`}), "", ksparse.ErrShape, "row 1 ")
}

func TestParquetRefusesMissingAndRagged(t *testing.T) {
	write := func(values []float32, def, rep []int16) chunk {
		return func(w file.ColumnChunkWriter) error {
			_, err := w.(*file.Float32ColumnChunkWriter).WriteBatch(values, def, rep)
			return err
		}
	}
	good := floatRows(0, 10, 3, 3)
	for _, c := range []struct {
		bad   chunk
		cause error
		word  string
	}{
		{write([]float32{1, 2, 3}, []int16{3, 3, 3, 0}, []int16{0, 1, 1, 0}), ksparse.ErrNotFinite, "row 11 "},                   // a missing list
		{write([]float32{1, 2, 3, 4, 5}, []int16{3, 3, 3, 3, 3, 2}, []int16{0, 1, 1, 0, 1, 1}), ksparse.ErrNotFinite, "row 11 "}, // a missing number
		{write([]float32{1, 2, 3}, []int16{3, 3, 3, 1}, []int16{0, 1, 1, 0}), ksparse.ErrNotFinite, "row 11 "},                   // an empty list
		{write([]float32{1, 2, 3, 4, 5}, []int16{3, 3, 3, 3, 3}, []int16{0, 1, 1, 0, 1}), ksparse.ErrShape, "row 11 has a list of 2 numbers"},
		{write([]float32{1, 2, 3, 4}, []int16{3, 3, 3, 3}, []int16{0, 1, 1, 1}), ksparse.ErrShape, "row 10 "},
		{write([]float32{1, 2, 3, 4, 5, 6}, []int16{3, 3, 3, 3, 3, 3}, []int16{0, 1, 0, 1, 1, 1}), ksparse.ErrShape, "row 10 "},
	} {
		refused(t, parquetFile(t, floats(t), [][]chunk{{good}, {c.bad}}, nil), "", c.cause, "x.parquet", c.word)
	}
	refused(t, parquetFile(t, floats(t), [][]chunk{{write(nil, []int16{0, 0}, []int16{0, 0})}}, nil), "", ksparse.ErrNotFinite, "row 0 ")
}

func TestOpenRefusesColumns(t *testing.T) {
	f32 := arrow.PrimitiveTypes.Float32
	s := columns(arrow.Field{Name: "a", Type: arrow.FixedSizeListOf(1, f32)}, arrow.Field{Name: "b", Type: arrow.FixedSizeListOf(1, f32)},
		arrow.Field{Name: "score", Type: f32}, arrow.Field{Name: "text", Type: arrow.BinaryTypes.String})
	path := arrowFile(t, s, true, []string{`[{"a":[1],"b":[2],"score":3,"text":"t"}]`})
	refused(t, path, "", ksparse.ErrShape, "several columns", `"a"`, `"b"`)
	refused(t, path, "c", ksparse.ErrShape, `no column "c"`, `"a"`)
	refused(t, path, "score", ksparse.ErrShape, `"score" is F32`, "not lists of numbers")
	refused(t, path, "text", ksparse.ErrShape, `"text" is string`)
	plain := arrowFile(t, columns(arrow.Field{Name: "n", Type: f32}), true, []string{`[{"n":1}]`})
	refused(t, plain, "", ksparse.ErrShape, "no column holds lists of numbers", `"n" (F32)`)
	refused(t, arrowFile(t, columns(arrow.Field{Name: "x", Type: arrow.ListOf(f32)}), true, nil), "", ksparse.ErrEmpty, "no rows")
	refused(t, parquetFile(t, schema.FieldList{schema.NewFloat32Node("x", 0, -1)}, nil, nil), "", ksparse.ErrShape, `"x" (float)`)
	refused(t, parquetFile(t, floats(t), nil, nil), "", ksparse.ErrEmpty, "no rows")
}

// TestOpenRefusesCutFiles: a file that ends anywhere is an error, never a panic.
func TestOpenRefusesCutFiles(t *testing.T) {
	s := columns(arrow.Field{Name: "x", Type: arrow.ListOf(arrow.PrimitiveTypes.Float32)})
	rows := []string{rowsJSON(0, 3, 4, `{"x":[%s]}`)}
	for name, b := range map[string][]byte{
		"file.arrow":   arrowBytes(t, s, true, rows),
		"zstd.arrow":   arrowBytes(t, s, true, rows, ipc.WithZstd()),
		"file.parquet": parquetBytes(t, floats(t), [][]chunk{{floatRows(0, 3, 4, 3)}}, nil),
	} {
		for n := range b {
			refused(t, writeFile(t, filepath.Join(t.TempDir(), name), b[:n]), "", ksparse.ErrFormat, name)
		}
	}
	stream := arrowBytes(t, s, false, rows)
	path := writeFile(t, filepath.Join(t.TempDir(), "s.arrow"), stream[:len(stream)-16])
	refused(t, path, "", ksparse.ErrFormat, "s.arrow")
	refused(t, writeFile(t, filepath.Join(t.TempDir(), "text"), []byte("no file of columns")), "", ksparse.ErrFormat, "neither an Arrow nor a Parquet file")
	refused(t, filepath.Join(t.TempDir(), "none"), "", fs.ErrNotExist, "none")
}

// TestCutWhileOpen: rows that a file lost after it was opened.
func TestCutWhileOpen(t *testing.T) {
	s := columns(arrow.Field{Name: "x", Type: arrow.ListOf(arrow.PrimitiveTypes.Float32)})
	for name, b := range map[string][]byte{
		"x.arrow":   arrowBytes(t, s, true, []string{rowsJSON(0, 300, 4, `{"x":[%s]}`)}),
		"x.parquet": bytes.Clone(parquetBytes(t, floats(t), [][]chunk{{floatRows(0, 3, 4, 3)}, {floatRows(3, 300, 4, 3)}}, nil)),
	} {
		path := writeFile(t, filepath.Join(t.TempDir(), name), b)
		f := open(t, path, "")
		if err := os.Truncate(path, 100); err != nil {
			t.Fatal(err)
		}
		wantError(t, f.ReadRows(make([]float64, 4), 299, 300), ksparse.ErrFormat, name)
	}
}

func TestReadRowsErrors(t *testing.T) {
	s := columns(arrow.Field{Name: "x", Type: arrow.ListOf(arrow.PrimitiveTypes.Float32)})
	f := open(t, arrowFile(t, s, true, []string{rowsJSON(0, 3, 4, `{"x":[%s]}`)}), "")
	wantError(t, f.ReadRows(make([]float64, 4), 3, 4), ksparse.ErrRange, "rows 3 to 4")
	wantError(t, f.ReadRows(make([]float64, 4), -1, 0), ksparse.ErrRange)
	wantError(t, f.ReadRows(make([]float64, 4), 2, 1), ksparse.ErrRange)
	wantError(t, f.ReadRows(make([]float64, 3), 0, 1), ksparse.ErrShape, "want 4")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	wantError(t, f.ReadRows(make([]float64, 4), 0, 1), os.ErrClosed)
	var none *columnar.File
	wantError(t, none.Close(), os.ErrInvalid)
	wantError(t, new(columnar.File).Close(), os.ErrInvalid)
	wantError(t, none.ReadRows(nil, 0, 1), ksparse.ErrRange)
	if none.String() == "" || !f.ReadsAhead() {
		t.Error("a nil File has no String, or a File does not read ahead")
	}
}
