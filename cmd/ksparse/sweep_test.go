package main

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSweep: a model for each combination, and what is done is not done again.
func TestSweep(t *testing.T) {
	folder := folderWithRows(t)
	args := strings.Fields("sweep x.npy -k 2,4 --latents 24,48 --epochs 3 -o s")
	out := works(t, folder, args...)
	if n := strings.Count(out, "\n"); n != 5 {
		t.Errorf("%d lines:\n%s", n, out)
	}
	const one = "s/latents24-k4-seed1"
	table, err := csv.NewReader(strings.NewReader(string(readFile(t, folder, "s/results.csv")))).ReadAll()
	if err != nil || len(table) != 5 || table[2][0] != filepath.Base(one) || table[2][1] != "24" || table[2][2] != "4" {
		t.Fatalf("%v, %v", table, err)
	}
	if plot := string(readFile(t, folder, "s/plot.svg")); strings.Count(plot, "latents, seed 1") != 2 {
		t.Error("the plot has not two lines")
	}
	model := readFile(t, folder, one+".ksp")
	for _, name := range []string{".ksp", ".json"} {
		if err := os.Remove(filepath.Join(folder, one+name)); err != nil {
			t.Fatal(err)
		}
	}
	e := call(t, folder, with(args, "--seeds 1,2")...)
	if e.code != 0 || strings.Count(e.err, "done before") != 3 || string(readFile(t, folder, one+".ksp")) != string(model) {
		t.Errorf("once more:\n%s", e.err)
	}
	if n := strings.Count(e.out, "\n"); n != 9 {
		t.Errorf("%d lines:\n%s", n, e.out)
	}
	refuses(t, folder, failed, "s holds a sweep with other settings", with(args, "--tied")...)
	if left := listed(t, filepath.Join(folder, "s")); strings.Contains(left, "checkpoint") {
		t.Errorf("left: %s", left)
	}
}

// TestMnist: the digits, as the file of them has them.
func TestMnist(t *testing.T) {
	folder := t.TempDir()
	if out := works(t, folder, "mnist", "--test", "-o", "m.npy"); out != "10000 digits of 784 pixels, in m.npy\n" {
		t.Errorf("it printed %q", out)
	}
	b := readFile(t, folder, "m.npy")
	if !strings.Contains(string(b[:128]), "'<f4', 'fortran_order': False, 'shape': (10000, 784)") || len(b) != 128+4*10000*784 {
		t.Errorf("%d bytes, %q", len(b), b[:128])
	}
	refuses(t, folder, failed, "m.npy exists", "mnist", "-o", "m.npy")
}
