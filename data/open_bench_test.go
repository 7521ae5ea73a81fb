//go:build unix

package data_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ksparse/ksparse/data"
)

// BenchmarkReadRows reads 256 rows of 512 numbers at a time, one block after the other, from a file
// that the system has in memory. MB/s are of the file; those of the processor's time are disturbed least by
// other programs.
func BenchmarkReadRows(b *testing.B) {
	const rows, cols, atOnce = 16384, 512, 256
	single := make([]float32, rows*cols)
	half := make([]uint16, rows*cols)
	small := make([]uint8, rows*cols)
	double := make([]float64, rows*cols)
	for e := range single {
		single[e], half[e], small[e], double[e] = float32(e%1999)/7, uint16(e%0x7000), uint8(e), float64(e%1999)/7
	}
	vectors := []any{}
	for i := range rows {
		vectors = append(vectors, uint32(cols), single[i*cols:(i+1)*cols])
	}
	const textRows = 2048
	var csv, lines strings.Builder
	for i := range textRows {
		row := strings.ReplaceAll(strings.Trim(fmt.Sprint(single[i*cols:(i+1)*cols]), "[]"), " ", ",")
		csv.WriteString(row + "\n")
		lines.WriteString(`{"x":[` + row + "]}\n")
	}
	shape := fmt.Sprintf("[%d,%d]", rows, cols)
	for _, c := range []struct {
		name, file string
		contents   []byte
	}{
		{"npy/float32", "x.npy", npyBytes("<f4", fmt.Sprintf("(%d, %d)", rows, cols), single)},
		{"safetensors/float32", "x.safetensors", oneTensor("x", "F32", shape, single)},
		{"safetensors/float64", "x.safetensors", oneTensor("x", "F64", shape, double)},
		{"safetensors/float16", "x.safetensors", oneTensor("x", "F16", shape, half)},
		{"safetensors/bfloat16", "x.safetensors", oneTensor("x", "BF16", shape, half)},
		{"safetensors/uint8", "x.safetensors", oneTensor("x", "U8", shape, small)},
		{"fvecs", "x.fvecs", bytesOf(vectors...)},
		{"fbin", "x.fbin", bytesOf(uint32(rows), uint32(cols), single)},
		{"csv", "x.csv", []byte(csv.String())},
		{"jsonl", "x.jsonl", []byte(lines.String())},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := open(b, data.Options{}, fileNamed(b, c.file, c.contents))
			n, _ := f.Dims()
			x := make([]float64, atOnce*cols)
			b.SetBytes(int64(len(c.contents) / (n / atOnce)))
			b.ReportAllocs()
			for lo := 0; lo < n; lo += atOnce { // the first time through
				if err := f.ReadRows(x, lo, lo+atOnce); err != nil {
					b.Fatal(err)
				}
			}
			lo, begin := 0, processorTime(b)
			for b.Loop() {
				if err := f.ReadRows(x, lo, lo+atOnce); err != nil {
					b.Fatal(err)
				}
				lo = (lo + atOnce) % n
			}
			perCall := (processorTime(b) - begin).Seconds() / float64(b.N)
			b.ReportMetric(float64(len(c.contents))/float64(n/atOnce)/perCall/1e6, "MB/s-cpu")
		})
	}
}

// processorTime returns the time that processors have worked for this program.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkOpenText opens a table, which reads and checks all of it. MB/s are of the file.
func BenchmarkOpenText(b *testing.B) {
	const rows, cols = 4096, 64
	for name, row := range map[string]string{
		"csv":   strings.Repeat("-1.234567,", cols-1) + "0.25\n",
		"jsonl": "[" + strings.Repeat("-1.234567,", cols-1) + "0.25]\n",
	} {
		b.Run(name, func(b *testing.B) {
			text := strings.Repeat(row, rows)
			path := fileNamed(b, "x."+name, []byte(text))
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				f, err := data.Open(data.Options{}, path)
				if err != nil {
					b.Fatal(err)
				}
				f.Close()
			}
		})
	}
}

// BenchmarkRandomRow reads single rows at random places of a CSV, which passes over 127 others on
// average.
func BenchmarkRandomRow(b *testing.B) {
	const rows, cols = 4096, 64
	f := open(b, data.Options{}, fileNamed(b, "x.csv", []byte(strings.Repeat(strings.Repeat("-1.234567,", cols-1)+"0.25\n", rows))))
	x := make([]float64, cols)
	i := 0
	for b.Loop() {
		i = (i + 1571) % rows
		if err := f.ReadRows(x, i, i+1); err != nil {
			b.Fatal(err)
		}
	}
}
