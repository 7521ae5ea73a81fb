package columnar_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// numberChunk writes the rows lo to hi in the type of the column.
func numberChunk(lo, hi, cols int, most int16) chunk {
	return func(w file.ColumnChunkWriter) (err error) {
		def, rep := levels(hi-lo, cols, most)
		all := make([]float64, 0, len(def))
		for i := lo; i < hi; i++ {
			for j := range cols {
				all = append(all, value(i, j))
			}
		}
		switch w := w.(type) {
		case *file.Float32ColumnChunkWriter:
			_, err = w.WriteBatch(as(all, func(v float64) float32 { return float32(v) }), def, rep)
		case *file.Float64ColumnChunkWriter:
			_, err = w.WriteBatch(all, def, rep)
		case *file.Int32ColumnChunkWriter:
			_, err = w.WriteBatch(as(all, func(v float64) int32 { return int32(v) }), def, rep)
		case *file.Int64ColumnChunkWriter:
			_, err = w.WriteBatch(as(all, func(v float64) int64 { return int64(v) }), def, rep)
		case *file.FixedLenByteArrayColumnChunkWriter:
			_, err = w.WriteBatch(as(all, half), def, rep)
		default:
			err = fmt.Errorf("no case for %T", w)
		}
		return err
	}
}

// as converts numbers.
func as[T any](all []float64, f func(float64) T) []T {
	out := make([]T, len(all))
	for i, v := range all {
		out[i] = f(v)
	}
	return out
}

// half returns a whole number from 0 to 2047 as float16, two bytes: 1.m·2^(e-15).
func half(v float64) parquet.FixedLenByteArray {
	if v == 0 {
		return []byte{0, 0}
	}
	fraction, exponent := math.Frexp(v) // v = fraction·2^exponent, fraction from 0.5 to 1
	return binary.LittleEndian.AppendUint16(nil, uint16(exponent-1+15)<<10|uint16(fraction*2048)&0x3ff)
}

// logical makes an element of a list with a logical type.
func logical(t *testing.T, l schema.LogicalType, typ parquet.Type, length int) schema.Node {
	t.Helper()
	node, err := schema.NewPrimitiveNodeLogical("element", parquet.Repetitions.Optional, l, typ, length, -1)
	if err != nil {
		t.Fatal(err)
	}
	return node
}

func TestParquetReadsEveryTypeAndCodec(t *testing.T) {
	const cols = 7
	optional := parquet.Repetitions.Optional
	elements := map[string]schema.Node{
		"float":   schema.NewFloat32Node("element", optional, -1),
		"double":  schema.NewFloat64Node("element", optional, -1),
		"int32":   schema.NewInt32Node("element", optional, -1),
		"int64":   schema.NewInt64Node("element", optional, -1),
		"int8":    logical(t, schema.NewIntLogicalType(8, true), parquet.Types.Int32, 0),
		"uint8":   logical(t, schema.NewIntLogicalType(8, false), parquet.Types.Int32, 0),
		"uint32":  logical(t, schema.NewIntLogicalType(32, false), parquet.Types.Int32, 0),
		"float16": logical(t, schema.Float16LogicalType{}, parquet.Types.FixedLenByteArray, 2),
	}
	codecs := []compress.Compression{compress.Codecs.Uncompressed, compress.Codecs.Snappy, compress.Codecs.Gzip, compress.Codecs.Zstd, compress.Codecs.Lz4Raw}
	for name, element := range elements {
		for _, codec := range codecs {
			for _, version := range []parquet.DataPageVersion{parquet.DataPageV1, parquet.DataPageV2} {
				for _, dictionary := range []bool{false, true} {
					groups := [][]chunk{{numberChunk(0, 300, cols, 3)}, {numberChunk(300, 301, cols, 3)}, {numberChunk(301, 500, cols, 3)}}
					path := parquetFile(t, schema.FieldList{listOf(t, "x", element)}, groups, nil, parquet.WithCompression(codec),
						parquet.WithDataPageVersion(version), parquet.WithDictionaryDefault(dictionary), parquet.WithDataPageSize(600), parquet.WithBatchSize(64))
					check(t, fmt.Sprintf("%s %v %v, dictionary %v", name, codec, version, dictionary), open(t, path, ""), 500, cols, value)
				}
			}
		}
	}
}

func TestParquetReadsEncodings(t *testing.T) {
	optional := parquet.Repetitions.Optional
	for name, c := range map[string]struct {
		element  schema.Node
		encoding parquet.Encoding
	}{
		"split float":  {schema.NewFloat32Node("element", optional, -1), parquet.Encodings.ByteStreamSplit},
		"split double": {schema.NewFloat64Node("element", optional, -1), parquet.Encodings.ByteStreamSplit},
		"split half":   {logical(t, schema.Float16LogicalType{}, parquet.Types.FixedLenByteArray, 2), parquet.Encodings.ByteStreamSplit},
		"delta int32":  {schema.NewInt32Node("element", optional, -1), parquet.Encodings.DeltaBinaryPacked},
		"delta int64":  {schema.NewInt64Node("element", optional, -1), parquet.Encodings.DeltaBinaryPacked},
	} {
		path := parquetFile(t, schema.FieldList{listOf(t, "x", c.element)}, [][]chunk{{numberChunk(0, 400, 5, 3)}}, nil,
			parquet.WithDictionaryDefault(false), parquet.WithEncoding(c.encoding), parquet.WithDataPageSize(700), parquet.WithBatchSize(50))
		check(t, name, open(t, path, ""), 400, 5, value)
	}
}

// TestParquetReadsForms: lists of two levels, those that cannot be missing, a list with other
// columns around it, and lists in lists.
func TestParquetReadsForms(t *testing.T) {
	required, optional, repeated := parquet.Repetitions.Required, parquet.Repetitions.Optional, parquet.Repetitions.Repeated
	two, err := schema.NewGroupNodeLogical("x", optional, schema.FieldList{schema.NewFloat32Node("array", repeated, -1)}, schema.NewListLogicalType(), -1)
	if err != nil {
		t.Fatal(err)
	}
	three, err := schema.ListOfWithName("x", schema.NewFloat32Node("element", required, -1), required, -1)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		node schema.Node
		most int16
	}{
		"two levels":  {two, 2},
		"repeated":    {schema.NewFloat32Node("x", repeated, -1), 1},
		"required":    {three, 1},
		"all missing": {floats(t)[0], 3},
	} {
		ids := func(w file.ColumnChunkWriter) error {
			_, err := w.(*file.Int64ColumnChunkWriter).WriteBatch(make([]int64, 20), nil, nil)
			return err
		}
		fields := schema.FieldList{schema.NewInt64Node("id", required, -1), c.node, schema.NewInt64Node("end", required, -1)}
		path := parquetFile(t, fields, [][]chunk{{ids, floatRows(0, 20, 4, c.most), ids}, {ids, floatRows(20, 40, 4, c.most), ids}}, nil)
		check(t, name, open(t, path, ""), 40, 4, value)
	}

	inner := listOf(t, "element", schema.NewFloat32Node("element", optional, -1))
	path := parquetFile(t, schema.FieldList{listOf(t, "x", inner)}, [][]chunk{{func(w file.ColumnChunkWriter) error {
		var values []float32
		var def, rep []int16
		for i := range 30 {
			for j := range 6 { // two lists of three in a row
				values = append(values, float32(value(i, j)))
				def, rep = append(def, 5), append(rep, []int16{0, 2, 2, 1, 2, 2}[j])
			}
		}
		_, err := w.(*file.Float32ColumnChunkWriter).WriteBatch(values, def, rep)
		return err
	}}}, nil)
	check(t, "lists in lists", open(t, path, ""), 30, 6, value)
}

// TestParquetRowsOverPages: a row may begin in one page and end in the next.
func TestParquetRowsOverPages(t *testing.T) {
	path := parquetFile(t, floats(t), [][]chunk{{floatRows(0, 50, 100, 3)}}, nil,
		parquet.WithDictionaryDefault(false), parquet.WithDataPageVersion(parquet.DataPageV1), parquet.WithDataPageSize(150), parquet.WithBatchSize(37))
	check(t, "small pages", open(t, path, ""), 50, 100, value)
}
