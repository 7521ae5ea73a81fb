package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestKindsOfData: the same rows in other files make the same model, to the bit.
func TestKindsOfData(t *testing.T) {
	folder := folderWithRows(t)
	x := samples(testRows, testCols, 1)
	var csv, lines strings.Builder
	for i := range testRows {
		var row []string
		for _, v := range x[i*testCols : (i+1)*testCols] {
			row = append(row, strconv.FormatFloat(float64(v), 'g', -1, 64))
		}
		csv.WriteString(strings.Join(row, ",") + "\n")
		fmt.Fprintf(&lines, "{\"id\":%d,\"x\":[%s]}\n", i, strings.Join(row, ","))
	}
	for name, text := range map[string]string{"x.csv": csv.String(), "x.jsonl": lines.String()} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	writeNpy(t, filepath.Join(folder, "part-1.npy"), 100, testCols, x[:100*testCols])
	writeNpy(t, filepath.Join(folder, "part-2.npy"), testRows-100, testCols, x[100*testCols:])
	rest := "--latents 32 -k 3 --steps 30 -o "
	works(t, folder, with([]string{"train", "x.npy"}, rest+"npy.ksp")...)
	for i, data := range []string{"x.csv", "x.jsonl --column x", "part-*.npy", "part-1.npy part-2.npy"} {
		model := fmt.Sprint(i, ".ksp")
		works(t, folder, with([]string{"train"}, data+" "+rest+model)...)
		if !bytes.Equal(readFile(t, folder, model), readFile(t, folder, "npy.ksp")) {
			t.Errorf("%s makes another model", data)
		}
	}
}
