package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
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

// TestSweepIsTrain: the models of a sweep are those of train, to the bit, whether the rows are in memory or not, in float32
// or not, and where there are more than a buffer has.
func TestSweepIsTrain(t *testing.T) {
	folder := folderWithRows(t)
	var text strings.Builder
	for i, v := range samples(testRows, testCols, 1) {
		fmt.Fprintf(&text, "%v%c", float64(v)+1e-9, map[bool]byte{true: '\n', false: ','}[i%testCols == testCols-1])
	}
	if err := os.WriteFile(filepath.Join(folder, "x.csv"), []byte(text.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"x.npy", "x.csv"} {
		rest := " --latents 24 -k 3 --steps 30 --buffer 100"
		works(t, folder, strings.Fields("train "+file+rest+" --seed 2 -o "+file+".ksp")...)
		want := readFile(t, folder, file+".ksp")
		for memory, says := range map[string]string{"4": "in memory: read once", "1e-6": "more than --memory 1e-06 GB"} {
			e := call(t, folder, strings.Fields("sweep "+file+rest+" --seeds 1,2 --memory "+memory+" -o "+file+memory)...)
			if e.code != 0 || !strings.Contains(e.err, says) {
				t.Fatalf("%s, --memory %s: %d\n%s", file, memory, e.code, e.err)
			}
			if !bytes.Equal(readFile(t, folder, file+memory+"/latents24-k3-seed2.ksp"), want) {
				t.Errorf("%s, --memory %s: the model is not that of train", file, memory)
			}
		}
	}
}

// TestSweepKilled: a sweep that is killed in its second training goes on with it, and ends in the bytes of one that was not.
func TestSweepKilled(t *testing.T) {
	args := strings.Fields("sweep x.npy -k 4 --latents 256 --seeds 1,2 --epochs 60 --every 10 -o s")
	whole, folder := folderWithRows(t), folderWithRows(t)
	works(t, whole, args...)
	c := command(folder, args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for under := false; !under; under = exists(folder, "s/latents256-k4-seed2.ksp.checkpoint") {
		select {
		case err := <-ended:
			t.Fatalf("the sweep has ended: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	c.Process.Kill()
	<-ended
	if exists(folder, "s/latents256-k4-seed2.ksp") {
		t.Fatal("the second training had ended when it was killed")
	}
	e := call(t, folder, args...)
	resumed := regexp.MustCompile(`(?m)^ *\d+ %  step (\d+)/`).FindStringSubmatch(e.err)
	if e.code != 0 || strings.Count(e.err, "done before") != 1 || resumed == nil || resumed[1] == "1" {
		t.Errorf("exit code %d\n%s", e.code, e.err)
	}
	for _, name := range []string{"s/results.csv", "s/plot.svg", "s/latents256-k4-seed1.ksp", "s/latents256-k4-seed2.ksp"} {
		if !bytes.Equal(readFile(t, folder, name), readFile(t, whole, name)) {
			t.Errorf("%s is another one", name)
		}
	}
	if got, want := listed(t, filepath.Join(folder, "s")), listed(t, filepath.Join(whole, "s")); got != want {
		t.Errorf("the folder has %s, want %s", got, want)
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
