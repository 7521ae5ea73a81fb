//go:build !race

package data_test

import (
	"archive/zip"
	"fmt"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/data"
)

// TestReadRowsMakesNoGarbage: on warm buffers ReadRows allocates nothing, of any format and across
// the files of one File.
func TestReadRowsMakesNoGarbage(t *testing.T) {
	const rows, cols = 600, 4
	numbers := make([]float32, rows*cols)
	vectors := []any{}
	var csv, lines strings.Builder
	for i := range rows {
		for j := range cols {
			numbers[i*cols+j] = float32(i) / 4
		}
		vectors = append(vectors, uint32(cols), numbers[i*cols:(i+1)*cols])
		fmt.Fprintf(&csv, "%g,\"%[1]g\",-1.25e-3,\"x, \"\"y\"\"\",0.1234567890123456789\n", numbers[i*cols])
		fmt.Fprintf(&lines, "{\"id\":%d,\"x\":[%g,%[2]g,-1.25e-3,0.1234567890123456789]}\n", i, numbers[i*cols])
	}
	array := npyBytes("<f4", fmt.Sprintf("(%d, %d)", rows, cols), numbers)
	for name, contents := range map[string][]byte{
		"x.npy": array, "stored.npz": npzBytes(t, zip.Store, "x", array), "deflated.npz": npzBytes(t, zip.Deflate, "x", array),
		"x.safetensors": oneTensor("hook_z", "F32", fmt.Sprintf("[%d,2,2]", rows), numbers),
		"x.fvecs":       bytesOf(vectors...), "x.fbin": bytesOf(uint32(rows), uint32(cols), numbers), "x.f32": bytesOf(numbers),
		"x.csv": []byte(csv.String()), "x.txt": []byte(strings.Repeat("1 2  3 4\n", rows)), "x.jsonl": []byte(lines.String()),
	} {
		path := fileNamed(t, name, contents)
		f := open(t, data.Options{Cols: cols}, path, path)
		x := make([]float64, 100*cols)
		lo := 0
		got := testing.AllocsPerRun(100, func() {
			if err := f.ReadRows(x, lo, lo+100); err != nil {
				t.Fatal(err)
			}
			lo = (lo + 370) % (2*rows - 100)
		})
		if got != 0 {
			t.Errorf("%s: %v allocations a call", name, got)
		}
	}
}
