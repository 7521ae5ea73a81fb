package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/figures"
)

// small is a training of a second or less, of the rows of folderWithRows.
var small = strings.Fields("train x.npy --latents 48 -k 3 --epochs 4")

// with returns args with more behind them.
func with(args []string, more string) []string {
	return append(slices.Clone(args), strings.Fields(more)...)
}

// heldOut returns every 10th row of the test's rows, the last of each ten.
func heldOut() *mat.Dense {
	all := samples(testRows, testCols, 1)
	x := mat.NewDense(testRows/10, testCols, nil)
	for i := range testRows / 10 {
		for j := range testCols {
			x.Set(i, j, float64(all[(10*i+9)*testCols+j]))
		}
	}
	return x
}

// events are the lines of JSON that train prints.
func events(t *testing.T, out string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(out) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all = append(all, e)
	}
	return all
}

// TestTrain: the model, and figures on the rows held out that are those of their definition.
func TestTrain(t *testing.T) {
	folder := folderWithRows(t)
	out := works(t, folder, with(small, "--json -o m.ksp")...)
	all := events(t, out)
	end := all[len(all)-1]
	if end["event"] != "end" || end["model"] != "m.ksp" || end["measured_on"] != "60 rows held out" {
		t.Fatalf("the last line is %v", end)
	}
	net, err := ksparse.LoadFile(filepath.Join(folder, "m.ksp"))
	if err != nil {
		t.Fatal(err)
	}
	x := heldOut()
	y, err := net.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	var residual, spread, mean float64
	for j := range testCols {
		mean = mat.Sum(x.ColView(j)) / float64(testRows/10)
		for i := range testRows / 10 {
			residual += (x.At(i, j) - y.At(i, j)) * (x.At(i, j) - y.At(i, j))
			spread += (x.At(i, j) - mean) * (x.At(i, j) - mean)
		}
	}
	got := end["figures"].(map[string]any)
	if fvu := got["fvu"].(float64); math.Abs(fvu-residual/spread) > 1e-9*fvu || fvu > 0.5 {
		t.Errorf("FVU %v, by its definition %v", fvu, residual/spread)
	}
	if got["latents"] != 48.0 || got["rows"] != 60.0 {
		t.Errorf("figures %v", got)
	}
	if got := listed(t, folder); got != "m.html m.ksp m.settings.json x.npy" {
		t.Errorf("the folder has %s", got)
	}
	var evaluated figures.Figures
	if err := json.Unmarshal([]byte(works(t, folder, "eval", "m.ksp", "x.npy", "--json")), &evaluated); err != nil || evaluated.Rows != testRows {
		t.Errorf("eval: %+v, %v", evaluated, err)
	}
}

// TestProgress: plain lines where there is no terminal, and lines of JSON.
func TestProgress(t *testing.T) {
	folder := folderWithRows(t)
	e := call(t, folder, with(small, "-o m.ksp")...)
	line := regexp.MustCompile(`(?m)^100 %  step (\d+)/(\d+)  FVU 0\.\d{4}  L0 \d\.\d  dead \d+  \d+ rows/s$`)
	if m := line.FindStringSubmatch(e.err); e.code != 0 || m == nil || m[1] != m[2] || strings.Contains(e.err, "\r") {
		t.Errorf("progress:\n%s", e.err)
	}
	for _, want := range []string{"540 rows to train on, 16 inputs, 48 latents, k = 3", "figures on 60 rows held out:", "m.html the report"} {
		if !strings.Contains(e.out, want) {
			t.Errorf("no %q in\n%s", want, e.out)
		}
	}
	all := events(t, works(t, folder, with(small, "--json -o n.ksp")...))
	first := all[0]
	for _, key := range []string{"step", "steps", "epoch", "loss", "fvu", "l0", "dead", "rate", "rows_per_second", "seconds", "seconds_left"} {
		if _, ok := first[key].(float64); !ok || first["event"] != "progress" {
			t.Errorf("the first line has %s %v", key, first[key])
		}
	}
}

// TestSettings: a file of settings, YAML or JSON, does what the flags do; flags come before it; and what was used makes the
// same bits again.
func TestSettings(t *testing.T) {
	folder := folderWithRows(t)
	works(t, folder, with(small, "--rate 0.01 --matryoshka 8,16 -o flags.ksp")...)
	want := readFile(t, folder, "flags.ksp")
	for name, text := range map[string]string{
		"a.yaml": "data: x.npy\nlatents: 48\nk: 3\nepochs: 4\nrate: 0.01\nmatryoshka: [8, 16]\n",
		"b.json": `{"data": ["x.npy"], "latents": 48, "k": 7, "epochs": 4, "rate": 0.01, "matryoshka": "8,16"}`,
		"c.json": string(readFile(t, folder, "flags.settings.json")),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		works(t, folder, "train", "--config", name, "-k", "3", "-o", name+".ksp")
		if !bytes.Equal(readFile(t, folder, name+".ksp"), want) {
			t.Errorf("%s makes another model", name)
		}
	}
	for text, want := range map[string]string{
		"latent: 48": `the key "latent", which is no setting`, "force: true": `"force", which is no setting`, "k: many": `k is "many"`,
		"- 5": "no YAML or JSON object", "data: 5": "want a path",
	} {
		if err := os.WriteFile(filepath.Join(folder, "bad.yaml"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		refuses(t, folder, misuse, want, "train", "x.npy", "--config", "bad.yaml", "-o", "bad.ksp")
	}
}

// TestTime: the number of steps follows from the time, and makes the same bits again.
func TestTime(t *testing.T) {
	folder := folderWithRows(t)
	works(t, folder, strings.Fields("train x.npy --latents 32 -k 3 --time 500ms -o m.ksp")...)
	var used struct{ Steps int }
	if err := json.Unmarshal(readFile(t, folder, "m.settings.json"), &used); err != nil || used.Steps < 2 {
		t.Fatalf("%d steps, %v", used.Steps, err)
	}
	works(t, folder, "train", "--config", "m.settings.json", "-o", "again.ksp")
	if !bytes.Equal(readFile(t, folder, "m.ksp"), readFile(t, folder, "again.ksp")) {
		t.Error("the steps make another model")
	}
}

// TestTranscoder: targets are learned, and measured against.
func TestTranscoder(t *testing.T) {
	folder := folderWithRows(t)
	x := samples(testRows, testCols, 1)
	y := make([]float32, testRows*testCols)
	for i := range testRows {
		for j := range testCols { // the columns the other way round, and shifted
			y[i*testCols+j] = 2*x[i*testCols+testCols-1-j] + 5
		}
	}
	writeNpy(t, filepath.Join(folder, "y.npy"), testRows, testCols, y)
	works(t, folder, strings.Fields("train x.npy --targets y.npy --latents 48 -k 6 --epochs 40 -o m.ksp")...)
	var f figures.Figures
	if err := json.Unmarshal([]byte(works(t, folder, "eval", "m.ksp", "x.npy", "--targets", "y.npy", "--json")), &f); err != nil || !(f.FVU < 0.5) {
		t.Errorf("%+v, %v", f, err)
	}
	short := filepath.Join(folder, "short.npy")
	writeNpy(t, short, 10, testCols, y[:10*testCols])
	refuses(t, folder, failed, "10", "train", "x.npy", "--targets", "short.npy", "-o", "n.ksp")
}

// TestReport: one file, with its pictures, that loads nothing.
func TestReport(t *testing.T) {
	folder := folderWithRows(t)
	works(t, folder, with(small, "-o m.ksp")...)
	page := string(readFile(t, folder, "m.html"))
	if n := strings.Count(page, "<svg"); n != 4 || strings.Count(page, "</svg>") != 4 {
		t.Errorf("%d pictures, want 4", n)
	}
	for _, no := range []string{"<script", " src=", "<link", "@import", "url(", "<?xml", "ZgotmplZ"} {
		if strings.Contains(page, no) {
			t.Errorf("the page has %s", no)
		}
	}
	for _, want := range []string{"<td>FVU</td>", "<td>latents</td><td>48</td>", "<td>seed</td><td>1</td>", "60 rows held out", "go1."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
}

// TestTogether: of two trainings that begin together one writes the model, and the other says that it does not.
func TestTogether(t *testing.T) {
	folder := folderWithRows(t)
	var all [2]*exec.Cmd
	var errs [2]bytes.Buffer
	for i := range all {
		all[i] = command(folder, with(small, fmt.Sprintf("-o m.ksp --seed %d", i+1))...)
		all[i].Stderr = &errs[i]
		if err := all[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	failures := 0
	for i, c := range all {
		if c.Wait() != nil {
			failures++
			if !strings.Contains(errs[i].String(), "m.ksp was written by another training meanwhile") && !strings.Contains(errs[i].String(), "m.ksp exists") && !strings.Contains(errs[i].String(), "can go on") {
				t.Errorf("the error is %s", errs[i].String())
			}
		}
	}
	if failures != 1 {
		t.Errorf("%d of 2 trainings failed, want 1", failures)
	}
	works(t, folder, "info", "m.ksp")
}

// TestTooLarge: what the machine has no memory for is refused at once, and leaves nothing behind.
func TestTooLarge(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the memory of the machine is unknown here")
	}
	folder := folderWithRows(t)
	for _, c := range []struct{ want, args string }{ // 24 bytes for each of 2 x 16 numbers of 1e12 latents
		{"takes 7.68e+05 GB", "train x.npy --latents 1000000000000 -k 3 -o m.ksp"},
		{"takes 7.68e+05 GB", "sweep x.npy --latents 24,1000000000000 -k 3 -o s"},
	} {
		refuses(t, folder, failed, c.want, strings.Fields(c.args)...)
	}
	if got := listed(t, folder); got != "x.npy" {
		t.Errorf("the folder has %s", got)
	}
}

// TestResumeSizes: a training goes on with its own sizes, or not at all.
func TestResumeSizes(t *testing.T) {
	folder := folderWithRows(t)
	works(t, folder, with(small, "--keep -o m.ksp")...)
	for flags, want := range map[string]string{
		"--latents 64 -k 3": "--latents is 48 there and 64 here", "--latents 48 -k 4": "--k is 3 there and 4 here",
	} {
		refuses(t, folder, failed, "m.ksp.checkpoint is of another training: "+want, strings.Fields("train x.npy --epochs 4 --resume -o m.ksp "+flags)...)
	}
}

// TestForce: what is there is replaced when that is asked for, and only then.
func TestForce(t *testing.T) {
	folder := folderWithRows(t)
	works(t, folder, with(small, "-o m.ksp")...)
	first := readFile(t, folder, "m.ksp")
	refuses(t, folder, failed, "m.ksp exists", with(small, "--seed 2 -o m.ksp")...)
	refuses(t, folder, failed, "m.ksp exists", with(small, "--resume -o m.ksp")...)
	if !bytes.Equal(readFile(t, folder, "m.ksp"), first) {
		t.Error("the model was replaced")
	}
	works(t, folder, with(small, "--seed 2 --force -o m.ksp")...)
	if bytes.Equal(readFile(t, folder, "m.ksp"), first) {
		t.Error("the model was not replaced")
	}
}
