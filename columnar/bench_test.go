package columnar_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// The file of the measurements: rows of 512 float32, normal, as activations are. Batches have
// 1,000 rows, as those of datasets.
const benchRows, benchCols, benchBatch = 32000, 512, 1000

// normals returns the numbers of a batch.
func normals(rng *rand.Rand, rows int) []float32 {
	v := make([]float32, rows*benchCols)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

// benchArrow writes an Arrow file of fixed-size lists.
func benchArrow(b *testing.B, options ...ipc.Option) string {
	b.Helper()
	s := columns(arrow.Field{Name: "x", Type: arrow.FixedSizeListOf(benchCols, arrow.PrimitiveTypes.Float32)})
	var buffer bytes.Buffer
	w, err := ipc.NewFileWriter(&buffer, append(options, ipc.WithSchema(s))...)
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	builder := array.NewRecordBuilder(memory.DefaultAllocator, s)
	for range benchRows / benchBatch {
		list := builder.Field(0).(*array.FixedSizeListBuilder)
		for range benchBatch {
			list.Append(true)
		}
		list.ValueBuilder().(*array.Float32Builder).AppendValues(normals(rng, benchBatch), nil)
		if err := w.Write(builder.NewRecordBatch()); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return writeFile(b, filepath.Join(b.TempDir(), "x.arrow"), buffer.Bytes())
}

// benchParquet writes a Parquet file with row groups of 8,000 rows and pages of 1 MiB.
func benchParquet(b *testing.B, codec compress.Compression) string {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	const rows = 8000
	var groups [][]chunk
	for range benchRows / rows {
		groups = append(groups, []chunk{func(w file.ColumnChunkWriter) error {
			def, rep := levels(rows, benchCols, 3)
			_, err := w.(*file.Float32ColumnChunkWriter).WriteBatch(normals(rng, rows), def, rep)
			return err
		}})
	}
	return parquetFile(b, floats(b), groups, nil, parquet.WithCompression(codec))
}

// BenchmarkRead reads a file in order, and in pieces of 64 rows at random places, as a training
// does through its shuffling buffer. MB/s are of the float32 numbers that were read.
func BenchmarkRead(b *testing.B) {
	for _, c := range []struct {
		name string
		path func(b *testing.B) string
	}{
		{"arrow", func(b *testing.B) string { return benchArrow(b) }},
		{"arrow-lz4", func(b *testing.B) string { return benchArrow(b, ipc.WithLZ4()) }},
		{"arrow-zstd", func(b *testing.B) string { return benchArrow(b, ipc.WithZstd()) }},
		{"parquet", func(b *testing.B) string { return benchParquet(b, compress.Codecs.Uncompressed) }},
		{"parquet-snappy", func(b *testing.B) string { return benchParquet(b, compress.Codecs.Snappy) }},
		{"parquet-zstd", func(b *testing.B) string { return benchParquet(b, compress.Codecs.Zstd) }},
		{"parquet-gzip", func(b *testing.B) string { return benchParquet(b, compress.Codecs.Gzip) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := open(b, c.path(b), "")
			for _, piece := range []struct {
				name string
				rows int
				at   func(k, n int) int
			}{
				{"order", 1024, func(k, n int) int { return k % n }},
				{"pieces", 64, func(k, n int) int { return k * 211 % n }},
			} {
				b.Run(piece.name, func(b *testing.B) {
					dst := make([]float64, piece.rows*benchCols)
					b.SetBytes(int64(4 * len(dst)))
					b.ReportAllocs()
					for k := range b.N {
						lo := piece.at(k, benchRows/piece.rows) * piece.rows
						if err := f.ReadRows(dst, lo, lo+piece.rows); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}

// BenchmarkPeer reads the pieces of the plain Arrow file by the reader of arrow-go, which reads
// the record batches that they are in.
func BenchmarkPeer(b *testing.B) {
	f, err := os.Open(benchArrow(b))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	r, err := ipc.NewFileReader(f)
	if err != nil {
		b.Fatal(err)
	}
	const rows = 64
	dst := make([]float64, rows*benchCols)
	b.SetBytes(4 * rows * benchCols)
	b.ReportAllocs()
	b.ResetTimer()
	for k := range b.N {
		lo := k * 211 % (benchRows / rows) * rows
		for have := 0; have < rows; {
			batch, err := r.RecordBatchAt((lo + have) / benchBatch)
			if err != nil {
				b.Fatal(err)
			}
			at := (lo + have) % benchBatch
			n := min(rows-have, benchBatch-at)
			numbers := batch.Column(0).(*array.FixedSizeList).ListValues().(*array.Float32).Float32Values()
			for i, v := range numbers[at*benchCols : (at+n)*benchCols] {
				dst[have*benchCols+i] = float64(v)
			}
			have += n
			batch.Release()
		}
	}
}
