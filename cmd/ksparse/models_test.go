package main

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
)

// trained makes a folder with x.npy and m.ksp, a model of 48 latents, and returns both.
func trained(t *testing.T) (string, *ksparse.Network) {
	t.Helper()
	folder := folderWithRows(t)
	works(t, folder, with(small, "-o m.ksp")...)
	net, err := ksparse.LoadFile(filepath.Join(folder, "m.ksp"))
	if err != nil {
		t.Fatal(err)
	}
	return folder, net
}

// allRows returns the rows of x.npy.
func allRows() *mat.Dense {
	x := mat.NewDense(testRows, testCols, nil)
	for i, v := range samples(testRows, testCols, 1) {
		x.RawMatrix().Data[i] = float64(v)
	}
	return x
}

// nonZero returns the code of a row without zeros.
func nonZero(c *ksparse.Codes, row int) (latents []int32, values []float64) {
	indices, all := c.Row(row)
	for i, v := range all {
		if v != 0 {
			latents, values = append(latents, indices[i]), append(values, v)
		}
	}
	return latents, values
}

// TestEncode: both kinds of files hold the codes of the network, to the bit.
func TestEncode(t *testing.T) {
	folder, net := trained(t)
	codes, err := net.Encode(allRows())
	if err != nil {
		t.Fatal(err)
	}
	works(t, folder, "encode", "m.ksp", "x.npy", "-o", "c.jsonl")
	works(t, folder, "encode", "m.ksp", "x.npy", "-o", "c.npz")
	csr := unzipped(t, filepath.Join(folder, "c.npz"))
	row, entry := 0, 0
	for line := range strings.Lines(string(readFile(t, folder, "c.jsonl"))) {
		var got struct {
			Latents []int32
			Values  []float64
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		latents, values := nonZero(codes, row)
		if !slices.Equal(got.Latents, latents) || !slices.Equal(got.Values, values) {
			t.Fatalf("line %d is %s, the code is %v %v", row, line, latents, values)
		}
		if at := binary.LittleEndian.Uint64(csr["indptr"][8*row:]); at != uint64(entry) {
			t.Fatalf("row %d begins at %d, want %d", row, at, entry)
		}
		for i, j := range latents {
			if binary.LittleEndian.Uint32(csr["indices"][4*entry:]) != uint32(j) || binary.LittleEndian.Uint64(csr["data"][8*entry:]) != math.Float64bits(values[i]) {
				t.Fatalf("entry %d of the .npz file is another one", entry)
			}
			entry++
		}
		row++
	}
	if row != testRows || len(csr["indices"]) != 4*entry || len(csr["data"]) != 8*entry || len(csr["indptr"]) != 8*(testRows+1) {
		t.Errorf("%d lines, %d entries", row, entry)
	}
	if string(csr["format"]) != "csr" || !bytes.Equal(csr["shape"], binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, testRows), 48)) {
		t.Errorf("format %q, shape %v", csr["format"], csr["shape"])
	}
}

// unzipped returns the elements of the arrays of a .npz file, after checking their headers by the format's
// specification: version 1.0, elements at a multiple of 64.
func unzipped(t *testing.T, path string) map[string][]byte {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	descr := map[string]string{"data": "<f8", "indices": "<i4", "indptr": "<i8", "shape": "<i8", "format": "|S3"}
	all := make(map[string][]byte)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(f.Name, ".npy")
		length := 10 + int(binary.LittleEndian.Uint16(b[8:]))
		if string(b[:8]) != "\x93NUMPY\x01\x00" || length%64 != 0 || b[length-1] != '\n' || !strings.HasPrefix(string(b[10:]), "{'descr': '"+descr[name]+"', 'fortran_order': False, 'shape': (") {
			t.Errorf("%s begins with %q", f.Name, b[:length])
		}
		all[name] = b[length:]
	}
	return all
}

// TestDecode: the rows are those of the network; codes may be those that scipy writes, and in any order.
func TestDecode(t *testing.T) {
	folder, net := trained(t)
	codes, err := net.Encode(allRows())
	if err != nil {
		t.Fatal(err)
	}
	want, err := net.Decode(codes)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"jsonl", "npz", "ksc"} {
		works(t, folder, "encode", "m.ksp", "x.npy", "-o", "c."+kind)
		works(t, folder, "decode", "m.ksp", "c."+kind, "--float64", "-o", kind+".npy")
		b := readFile(t, folder, kind+".npy")
		b = b[len(b)-8*testRows*testCols:]
		for i, v := range want.RawMatrix().Data {
			if binary.LittleEndian.Uint64(b[8*i:]) != math.Float64bits(v) {
				t.Fatalf("%s: number %d is another one", kind, i)
			}
		}
	}
	latents, values := nonZero(codes, 0)
	last := len(latents) - 1
	for i := range latents { // the first row, the other way round
		if i > last-i {
			break
		}
		latents[i], latents[last-i], values[i], values[last-i] = latents[last-i], latents[i], values[last-i], values[i]
	}
	line, err := json.Marshal(map[string]any{"latents": latents, "values": values})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "one.jsonl"), line, 0o666); err != nil {
		t.Fatal(err)
	}
	works(t, folder, "decode", "m.ksp", "one.jsonl", "--float64", "-o", "one.npy")
	if a, b := readFile(t, folder, "one.npy"), readFile(t, folder, "npz.npy"); !bytes.Equal(a[128:], b[128:128+8*testCols]) {
		t.Error("a code in another order gives another row")
	}
}

// TestCalibrate: the model that is written has the L0 that was asked for.
func TestCalibrate(t *testing.T) {
	folder, _ := trained(t)
	works(t, folder, "calibrate", "m.ksp", "x.npy", "--l0", "2.5", "-o", "c.ksp")
	net, err := ksparse.LoadFile(filepath.Join(folder, "c.ksp"))
	if err != nil {
		t.Fatal(err)
	}
	codes, err := net.Encode(allRows())
	if err != nil {
		t.Fatal(err)
	}
	if l0 := codes.L0(); math.Abs(l0-2.5) > 1.0/testRows {
		t.Errorf("L0 is %v", l0)
	}
	if out := works(t, folder, "info", "c.ksp"); !strings.Contains(out, "threshold") {
		t.Errorf("info:\n%s", out)
	}
}

// TestCompare: a line for each model, with the figures that eval has.
func TestCompare(t *testing.T) {
	folder, _ := trained(t)
	works(t, folder, strings.Fields("train x.npy --latents 24 -k 2 --epochs 4 -o n.ksp")...)
	var all []struct {
		Model   string
		Latents int
		FVU     float64 `json:"fvu"`
	}
	if err := json.Unmarshal([]byte(works(t, folder, "compare", "m.ksp", "n.ksp", "x.npy", "--json")), &all); err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	table := works(t, folder, "compare", "m.ksp", "n.ksp", "x.npy")
	for i, name := range []string{"m.ksp", "n.ksp"} {
		fvu := fmt.Sprintf("%.4g", all[i].FVU)
		if all[i].Model != name || !strings.Contains(table, fvu) || !strings.Contains(works(t, folder, "eval", name, "x.npy"), fvu) {
			t.Errorf("%s: %+v in\n%s", name, all[i], table)
		}
	}
}

// TestDiff: the atoms of a model are found again where they stand in another order.
func TestDiff(t *testing.T) {
	folder, net := trained(t)
	cfg, err := net.Config()
	if err != nil {
		t.Fatal(err)
	}
	other := ksparse.Config{K: 3, Activation: ksparse.ReLU, PreBias: true, DecoderBias: cfg.DecoderBias, Encoder: reversed(cfg.Encoder), Decoder: reversed(cfg.Decoder)}
	second, err := ksparse.New(other)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.SaveFile(filepath.Join(folder, "r.ksp")); err != nil {
		t.Fatal(err)
	}
	var d difference
	if err := json.Unmarshal([]byte(works(t, folder, "diff", "m.ksp", "r.ksp", "--json")), &d); err != nil {
		t.Fatal(err)
	}
	for i, m := range d.Matches[0] {
		if m.Cosine < 1-1e-12 || m.Latent != 47-i && d.Matches[0][47-m.Latent].Cosine < 1-1e-12 {
			t.Errorf("atom %d is matched with %+v", i, m)
		}
	}
	if d.Shared != [2]int{48, 48} || d.Bins[1][9].Latents != 48 || math.Abs(d.Mean[0]-1) > 1e-12 {
		t.Errorf("%+v", d)
	}
	if out := works(t, folder, "diff", "m.ksp", "r.ksp"); !strings.Contains(out, "cosine 0.9 or more   48      48") {
		t.Errorf("the table:\n%s", out)
	}
}

// reversed returns a copy of w with its rows the other way round.
func reversed(w ksparse.Weights) ksparse.Weights {
	r := ksparse.Weights{Rows: w.Rows, Cols: w.Cols}
	for i := w.Rows - 1; i >= 0; i-- {
		r.Float64 = append(r.Float64, w.Float64[i*w.Cols:(i+1)*w.Cols]...)
	}
	return r
}
