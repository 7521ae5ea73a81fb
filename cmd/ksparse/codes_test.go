package main

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
)

// TestEncodeKsc: a .ksc file keeps the numbers by which rows were normalised, so that decode gives the rows of the
// network; rounded values give rows that are near them. info says what it holds.
func TestEncodeKsc(t *testing.T) {
	folder := folderWithRows(t)
	works(t, folder, strings.Fields("train x.npy --latents 24 -k 3 --steps 20 --normalization layer_norm -o m.ksp")...)
	net, err := ksparse.LoadFile(filepath.Join(folder, "m.ksp"))
	if err != nil {
		t.Fatal(err)
	}
	codes, err := net.Encode(allRows())
	if err != nil {
		t.Fatal(err)
	}
	want, err := net.Decode(codes)
	if err != nil {
		t.Fatal(err)
	}
	for _, values := range []string{"float64", "float32", "float16"} {
		out := works(t, folder, "encode", "m.ksp", "x.npy", "--values", values, "-o", values+".ksc")
		if said := strings.Contains(out, "rounded by up to"); said == (values == "float64") {
			t.Errorf("%s: %s", values, out)
		}
		if out := works(t, folder, "info", values+".ksc"); !strings.HasPrefix(out, "1 .ksc file, "+values+" values, 600 rows of 24 latents, ") {
			t.Errorf("info: %s", out)
		}
		works(t, folder, "decode", "m.ksp", values+".ksc", "--float64", "-o", values+".npy")
		b := readFile(t, folder, values+".npy")
		b = b[len(b)-8*testRows*testCols:]
		for i, v := range want.RawMatrix().Data {
			got := math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
			if values == "float64" && got != v || math.Abs(got-v) > 0.02*(1+math.Abs(v)) {
				t.Fatalf("%s: number %d is %v, want %v", values, i, got, v)
			}
		}
	}
	if out := works(t, folder, "info", "float16.ksc", "--json"); !strings.Contains(out, `"rows":600`) {
		t.Errorf("info: %s", out)
	}
}
