package columnar_test

// The files that these tests read are written by arrow-go, the Go library of the Apache Arrow
// project, which the package itself does not use: what is read was written by other code. Those
// in testdata come from libraries in other languages.

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/ksparse/ksparse/columnar"
)

// value is what the tests' files have at row i, column j: a whole number from 0 to 99, which
// every type holds.
func value(i, j int) float64 { return float64((i*31 + j*7) % 100) }

// rowsJSON writes the rows lo to hi in JSON, each inside the given frame, which has a %s.
func rowsJSON(lo, hi, cols int, frame string) string {
	var rows []string
	for i := lo; i < hi; i++ {
		var numbers []string
		for j := range cols {
			numbers = append(numbers, fmt.Sprint(value(i, j)))
		}
		rows = append(rows, fmt.Sprintf(frame, strings.Join(numbers, ",")))
	}
	return "[" + strings.Join(rows, ",") + "]"
}

// arrowBytes writes record batches, each given in JSON, as a stream or a file.
func arrowBytes(t testing.TB, s *arrow.Schema, asFile bool, batches []string, options ...ipc.Option) []byte {
	t.Helper()
	var b bytes.Buffer
	options = append(options, ipc.WithSchema(s))
	var w interface {
		Write(arrow.RecordBatch) error
		io.Closer
	} = ipc.NewWriter(&b, options...)
	if asFile {
		var err error
		if w, err = ipc.NewFileWriter(&b, options...); err != nil {
			t.Fatal(err)
		}
	}
	for _, batch := range batches {
		record, _, err := array.RecordFromJSON(memory.DefaultAllocator, s, strings.NewReader(batch))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(record); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// arrowFile writes what arrowBytes gives to a file.
func arrowFile(t testing.TB, s *arrow.Schema, asFile bool, batches []string, options ...ipc.Option) string {
	t.Helper()
	return writeFile(t, filepath.Join(t.TempDir(), "x.arrow"), arrowBytes(t, s, asFile, batches, options...))
}

// columns makes a schema of columns that may have missing values.
func columns(fields ...arrow.Field) *arrow.Schema {
	for i := range fields {
		fields[i].Nullable = true
	}
	return arrow.NewSchema(fields, nil)
}

// writeFile writes a file, and the folders on the way to it.
func writeFile(t testing.TB, path string, b []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// chunk writes a column of a row group.
type chunk func(w file.ColumnChunkWriter) error

// parquetBytes writes a Parquet file of the columns, with row groups of a chunk for each.
func parquetBytes(t testing.TB, fields schema.FieldList, groups [][]chunk, notes map[string]string, options ...parquet.WriterProperty) []byte {
	t.Helper()
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	var pairs metadata.KeyValueMetadata
	for k, v := range notes {
		if err := pairs.Append(k, v); err != nil {
			t.Fatal(err)
		}
	}
	w := file.NewParquetWriter(&b, root, file.WithWriterProps(parquet.NewWriterProperties(options...)), file.WithWriteMetadata(pairs))
	for _, group := range groups {
		g := w.AppendRowGroup()
		for _, write := range group {
			c, err := g.NextColumn()
			if err != nil {
				t.Fatal(err)
			}
			if err := write(c); err != nil {
				t.Fatal(err)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// parquetFile writes what parquetBytes gives to a file.
func parquetFile(t testing.TB, fields schema.FieldList, groups [][]chunk, notes map[string]string, options ...parquet.WriterProperty) string {
	t.Helper()
	return writeFile(t, filepath.Join(t.TempDir(), "x.parquet"), parquetBytes(t, fields, groups, notes, options...))
}

// listOf is the usual form of a list, of three levels, where lists and elements may be missing.
func listOf(t testing.TB, name string, element schema.Node) schema.Node {
	t.Helper()
	list, err := schema.ListOfWithName(name, element, parquet.Repetitions.Optional, -1)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// floats is listOf of float32 named x.
func floats(t testing.TB) schema.FieldList {
	return schema.FieldList{listOf(t, "x", schema.NewFloat32Node("element", parquet.Repetitions.Optional, -1))}
}

// levels returns the levels of whole lists of cols numbers, for definition levels up to most.
func levels(rows, cols int, most int16) (def, rep []int16) {
	for range rows {
		for j := range cols {
			def = append(def, most)
			rep = append(rep, int16(min(j, 1)))
		}
	}
	return def, rep
}

// floatRows writes the rows lo to hi as float32.
func floatRows(lo, hi, cols int, most int16) chunk {
	return func(w file.ColumnChunkWriter) error {
		var values []float32
		for i := lo; i < hi; i++ {
			for j := range cols {
				values = append(values, float32(value(i, j)))
			}
		}
		def, rep := levels(hi-lo, cols, most)
		_, err := w.(*file.Float32ColumnChunkWriter).WriteBatch(values, def, rep)
		return err
	}
}

// open opens a column.
func open(t testing.TB, path, column string) *columnar.File {
	t.Helper()
	f, err := columnar.Open(path, column)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// check reads f at once, in single rows and in ranges at random, and compares all with want.
func check(t testing.TB, name string, f *columnar.File, rows, cols int, want func(i, j int) float64) {
	t.Helper()
	if r, c := f.Dims(); r != rows || c != cols {
		t.Fatalf("%s: %d x %d, want %d x %d", name, r, c, rows, cols)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	ranges := [][2]int{{0, rows}, {0, 1}, {rows - 1, rows}, {rows, rows}}
	for range 20 {
		lo := rng.IntN(rows)
		ranges = append(ranges, [2]int{lo, lo + 1 + rng.IntN(rows-lo)})
	}
	for _, r := range ranges {
		dst := make([]float64, (r[1]-r[0])*cols)
		for e := range dst {
			dst[e] = -1
		}
		if err := f.ReadRows(dst, r[0], r[1]); err != nil {
			t.Fatalf("%s: rows %v: %v", name, r, err)
		}
		for e, v := range dst {
			if i, j := r[0]+e/cols, e%cols; v != want(i, j) {
				t.Fatalf("%s: rows %v: row %d, column %d is %v, want %v", name, r, i, j, v, want(i, j))
			}
		}
	}
}
