package columnar_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/columnar"
)

// wantTexts opens the texts of a column, and compares them, the last first.
func wantTexts(t *testing.T, name, path, column string, want []string) {
	t.Helper()
	texts, err := columnar.OpenTexts(path, column)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer texts.Close()
	if texts.Len() != len(want) {
		t.Fatalf("%s: %d texts, want %d", name, texts.Len(), len(want))
	}
	for i := len(want) - 1; i >= 0; i-- {
		if text, err := texts.Text(i); err != nil || text != want[i] {
			t.Fatalf("%s: text %d is %q, %v, want %q", name, i, text, err, want[i])
		}
	}
	if _, err := texts.Text(len(want)); err == nil {
		t.Fatalf("%s: there is a text after the last", name)
	}
}

var someTexts = []string{"", "a", "twelve bytes", "more than twelve", "ä, ω and 漢字", "the same", "the same"}

func TestArrowTexts(t *testing.T) {
	batches := []string{`[{"x":""},{"x":"a"},{"x":"twelve bytes"}]`, `[{"x":"more than twelve"},{"x":"ä, ω and 漢字"},{"x":"the same"},{"x":"the same"}]`}
	for _, typ := range []arrow.DataType{arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.StringView} {
		for name, options := range map[string][]ipc.Option{"plain": nil, "zstd": {ipc.WithZstd()}} {
			path := arrowFile(t, columns(arrow.Field{Name: "x", Type: typ}), false, batches, options...)
			wantTexts(t, typ.String()+" "+name, path, "", someTexts)
		}
	}
	numbers := arrowFile(t, columns(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int64}), true, []string{`[{"x":-1},{"x":0},{"x":12345678901}]`})
	wantTexts(t, "integers", numbers, "x", []string{"-1", "0", "12345678901"})

	missing := arrowFile(t, columns(arrow.Field{Name: "x", Type: arrow.BinaryTypes.String}), true, []string{`[{"x":"a"},{"x":null}]`})
	texts, err := columnar.OpenTexts(missing, "")
	if err != nil {
		t.Fatal(err)
	}
	defer texts.Close()
	_, err = texts.Text(1)
	wantError(t, err, ksparse.ErrNotFinite, "x.arrow", "row 1 ")
	_, err = columnar.OpenTexts(missing, "y")
	wantError(t, err, ksparse.ErrShape, `no column "y"`, `"x" (string)`)
}

func TestParquetTexts(t *testing.T) {
	optional := parquet.Repetitions.Optional
	write := func(texts []string) chunk {
		return func(w file.ColumnChunkWriter) error {
			var values []parquet.ByteArray
			for _, text := range texts {
				values = append(values, []byte(text))
			}
			def, _ := levels(len(texts), 1, 1)
			_, err := w.(*file.ByteArrayColumnChunkWriter).WriteBatch(values, def, nil)
			return err
		}
	}
	groups := [][]chunk{{write(someTexts[:3])}, {write(someTexts[3:])}}
	fields := schema.FieldList{schema.NewByteArrayNode("x", optional, -1)}
	for name, option := range map[string]parquet.WriterProperty{
		"dictionary": parquet.WithDictionaryDefault(true),
		"plain":      parquet.WithDictionaryDefault(false),
		"lengths":    parquet.WithEncoding(parquet.Encodings.DeltaLengthByteArray),
	} {
		options := []parquet.WriterProperty{option}
		if name == "lengths" {
			options = append(options, parquet.WithDictionaryDefault(false))
		}
		wantTexts(t, name, parquetFile(t, fields, groups, nil, options...), "", someTexts)
	}
	numbers := func(w file.ColumnChunkWriter) error {
		_, err := w.(*file.Int64ColumnChunkWriter).WriteBatch([]int64{-7, 1 << 40}, []int16{1, 1}, nil)
		return err
	}
	for _, dictionary := range []bool{true, false} {
		path := parquetFile(t, schema.FieldList{schema.NewInt64Node("x", optional, -1)}, [][]chunk{{numbers}}, nil, parquet.WithDictionaryDefault(dictionary))
		wantTexts(t, "integers", path, "", []string{"-7", "1099511627776"})
	}
}

// TestLabels: the names are those that datasets notes in the file, or in its folder.
func TestLabels(t *testing.T) {
	const features = `{"label":{"names":["cat","dog"],"_type":"ClassLabel"},"n":{"dtype":"int64","_type":"Value"}}`
	rows := []string{`[{"label":1,"n":1},{"label":0,"n":0},{"label":-1,"n":0}]`}
	fields := columns(arrow.Field{Name: "label", Type: arrow.PrimitiveTypes.Int64}, arrow.Field{Name: "n", Type: arrow.PrimitiveTypes.Int64}).Fields()
	note := arrow.NewMetadata([]string{"huggingface"}, []string{`{"info":{"features":` + features + `}}`})
	noted := arrowFile(t, arrow.NewSchema(fields, &note), false, rows)
	wantTexts(t, "noted in the file", noted, "label", []string{"dog", "cat", "-1"})
	wantTexts(t, "no label", noted, "n", []string{"1", "0", "0"})
	plain := arrowFile(t, arrow.NewSchema(fields, nil), false, rows)
	wantTexts(t, "noted nowhere", plain, "label", []string{"1", "0", "-1"})
	if err := os.WriteFile(filepath.Join(filepath.Dir(plain), "dataset_info.json"), []byte(`{"features":`+features+`}`), 0o600); err != nil {
		t.Fatal(err)
	}
	wantTexts(t, "noted in the folder", plain, "label", []string{"dog", "cat", "-1"})
}
