package columnar_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/ksparse/ksparse/columnar"
)

// samples are small files of every kind.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	f32 := arrow.PrimitiveTypes.Float32
	s := columns(append(before(), arrow.Field{Name: "x", Type: arrow.ListOf(f32)})...)
	nested := columns(arrow.Field{Name: "x", Type: arrow.FixedSizeListOf(2, arrow.ListOf(f32))})
	rows := []string{rowsJSON(0, 3, 4, "{"+beforeJSON+`"x":[%s]}`), rowsJSON(3, 5, 4, "{"+beforeJSON+`"x":[%s]}`)}
	pq := func(options ...parquet.WriterProperty) []byte {
		return parquetBytes(t, floats(t), [][]chunk{{floatRows(0, 3, 4, 3)}, {floatRows(3, 5, 4, 3)}}, nil, options...)
	}
	plain := parquet.WithDictionaryDefault(false)
	withText := func(options ...parquet.WriterProperty) []byte {
		text := func(w file.ColumnChunkWriter) error {
			_, err := w.(*file.ByteArrayColumnChunkWriter).WriteBatch([]parquet.ByteArray{[]byte("a"), []byte("another text"), []byte("a")}, []int16{1, 1, 1}, nil)
			return err
		}
		fields := append(floats(t), schema.NewByteArrayNode("text", parquet.Repetitions.Optional, -1))
		return parquetBytes(t, fields, [][]chunk{{floatRows(0, 3, 4, 3), text}}, nil, options...)
	}
	integers := schema.FieldList{listOf(t, "x", schema.NewInt64Node("element", parquet.Repetitions.Optional, -1))}
	return map[string][]byte{
		"arrow stream":    arrowBytes(t, s, false, rows),
		"arrow file":      arrowBytes(t, nested, true, []string{rowsJSON(0, 3, 4, `{"x":[[%[1]s],[%[1]s]]}`)}),
		"arrow zstd":      arrowBytes(t, s, true, rows, ipc.WithZstd()),
		"arrow lz4":       arrowBytes(t, s, false, rows, ipc.WithLZ4()),
		"parquet":         pq(plain),
		"parquet entries": pq(parquet.WithDataPageVersion(parquet.DataPageV2)),
		"parquet snappy":  pq(parquet.WithCompression(compress.Codecs.Snappy)),
		"parquet gzip":    pq(parquet.WithCompression(compress.Codecs.Gzip), plain),
		"parquet zstd":    pq(parquet.WithCompression(compress.Codecs.Zstd), parquet.WithDataPageVersion(parquet.DataPageV2), plain),
		"parquet lz4":     pq(parquet.WithCompression(compress.Codecs.Lz4Raw), plain),
		"parquet split":   parquetBytes(t, floats(t), [][]chunk{{floatRows(0, 3, 4, 3)}}, nil, plain, parquet.WithEncoding(parquet.Encodings.ByteStreamSplit)),
		"parquet delta":   parquetBytes(t, integers, [][]chunk{{numberChunk(0, 3, 50, 3)}}, nil, plain, parquet.WithEncoding(parquet.Encodings.DeltaBinaryPacked)),
		"parquet texts":   withText(),
		"parquet lengths": withText(plain, parquet.WithEncodingFor("text", parquet.Encodings.DeltaLengthByteArray)),
		"parquet plain":   withText(plain),
	}
}

// readAll opens the file for rows and for texts, and reads what fits into some memory. It
// returns the errors.
func readAll(path string) (all []error) {
	const most = 1 << 16 // numbers at a time
	if f, err := columnar.Open(path, ""); err == nil {
		rows, cols := f.Dims()
		step := max(1, most/cols)
		for lo := 0; lo < rows && lo < 64*step && cols <= most; lo += step {
			hi := min(rows, lo+step)
			all = append(all, f.ReadRows(make([]float64, (hi-lo)*cols), lo, hi))
		}
		f.Close()
	} else {
		all = append(all, err)
	}
	for _, column := range []string{"text", "view"} {
		texts, err := columnar.OpenTexts(path, column)
		if err != nil {
			all = append(all, err)
			continue
		}
		_, err = texts.Text(0)
		_, last := texts.Text(texts.Len() - 1)
		all = append(all, err, last)
		texts.Close()
	}
	return all
}

// survives reads a damaged file. Errors are expected; what this package calls a panic, and much
// memory, are not.
func survives(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, err := range readAll(path) {
		if err != nil && (strings.Contains(err.Error(), "runtime error") || !strings.Contains(err.Error(), path)) {
			t.Errorf("%v", err)
		}
	}
	runtime.ReadMemStats(&after)
	// A few blocks, of 64 MiB and 32 times the file each.
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<30 {
		t.Errorf("%d bytes of file take %d MiB of memory", len(b), n>>20)
	}
}

// TestDamagedBytes changes each byte of small files, and each four bytes to a large number: a
// length that is believed would take all memory.
func TestDamagedBytes(t *testing.T) {
	for name, b := range samples(t) {
		path := filepath.Join(t.TempDir(), "x")
		step := 1
		if testing.Short() {
			step = 7
		}
		for i := 0; i < len(b); i += step {
			for _, v := range []byte{0, 0x7f, 0xff, b[i] ^ 1, b[i] + 16} {
				damaged := bytes.Clone(b)
				damaged[i] = v
				survives(t, path, damaged)
				if t.Failed() {
					t.Fatalf("%s: byte %d was made %#x", name, i, v)
				}
			}
			if at := i / 4 * 4; at+4 <= len(b) && i-at < step {
				damaged := bytes.Clone(b)
				binary.LittleEndian.PutUint32(damaged[at:], 1<<30)
				survives(t, path, damaged)
				if t.Failed() {
					t.Fatalf("%s: the length at byte %d was made 2^30", name, at)
				}
			}
		}
	}
}

// FuzzOpen reads whatever it is given.
func FuzzOpen(f *testing.F) {
	for _, b := range samples(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		survives(t, filepath.Join(t.TempDir(), "x"), b)
	})
}

// TestManyReaders: any number of goroutines read a File and Texts at once, more blocks than
// are kept in memory among them.
func TestManyReaders(t *testing.T) {
	const rows, cols = 6000, 256
	for name, path := range map[string]string{
		"parquet": parquetFile(t, floats(t), [][]chunk{{floatRows(0, rows/2, cols, 3)}, {floatRows(rows/2, rows, cols, 3)}}, nil,
			parquet.WithCompression(compress.Codecs.Snappy), parquet.WithDataPageSize(1<<16)),
		"arrow": arrowFile(t, columns(arrow.Field{Name: "x", Type: arrow.ListOf(arrow.PrimitiveTypes.Float32)}), true,
			[]string{rowsJSON(0, 1000, cols, `{"x":[%s]}`), rowsJSON(1000, rows, cols, `{"x":[%s]}`)}, ipc.WithLZ4()),
	} {
		f := open(t, path, "")
		var all sync.WaitGroup
		for g := range 8 {
			all.Add(1)
			go func() {
				defer all.Done()
				dst := make([]float64, 16*cols)
				for k := range 40 {
					lo := (k*977 + g*1303) % (rows - 16)
					if err := f.ReadRows(dst, lo, lo+16); err != nil {
						t.Errorf("%s: %v", name, err)
						return
					}
					for e, v := range dst {
						if want := value(lo+e/cols, e%cols); v != want {
							t.Errorf("%s: row %d, column %d is %v, want %v", name, lo+e/cols, e%cols, v, want)
							return
						}
					}
				}
			}()
		}
		all.Wait()
	}
}
