package main

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/pretrained"
)

// others are files of other libraries.
const others = "../../pretrained/testdata/"

// goName matches names that mean something to callers in Go alone.
var goName = regexp.MustCompile(`Options\.|\bdata\.|LoadFile|LoadCheckpoint|pretrained\.|ksparse\.[A-Z]|Config\.|Recipe\.|Validation\.|map\[|SetThresholds|SetSelection|SaveAs|Config describes|Calibrate\b|StartFrom|TrainSource|Evaluate\b|Widen|SetK|Err[A-Z]`)

// eightWide makes a folder with rows.npy in it, of rows of eight numbers, and returns its path.
func eightWide(t *testing.T, rows, cols int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.npy")
	x := make([]float32, rows*cols)
	for i := range x {
		x[i] = float32(math.Sin(float64(i * i)))
	}
	writeNpy(t, path, rows, cols, x)
	return path
}

// TestCheck checks and converts, and looks at what it has made.
func TestCheck(t *testing.T) {
	converted := filepath.Join(t.TempDir(), "converted")
	rows := eightWide(t, 40, 8)
	out := call(t, "", "check", others+"sparsify_topk_2025", rows).out // random weights: something looks wrong
	for _, want := range []string{"sparsify since February 2025", "topk, k = 4", "8 inputs, 32 latents", "40 rows", "FVU"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in the output:\n%s", want, out)
		}
	}
	if out := works(t, "", "convert", "--to", "saelens", "-o", converted, others+"sparsify_topk_2025"); !strings.Contains(out, "as saelens") {
		t.Errorf("convert:\n%s", out)
	}
	var r result
	out = works(t, "", "info", "--json", converted)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	if r.Info.Format != pretrained.SAELens || r.Info.Architecture != "topk" || r.Info.K != 4 || r.Findings != nil {
		t.Errorf("%+v", r)
	}
	refuses(t, "", failed, "not empty", "convert", "--to", "saelens", "--force", "-o", converted, others+"sparsify_topk_2025")
}

// TestProblems: what looks wrong is the exit code 1.
func TestProblems(t *testing.T) {
	rows := filepath.Join(t.TempDir(), "rows.npy")
	x := make([]float32, 50*8)
	for i := range x {
		x[i] = float32(1000 + i%3) // no rows of this model
	}
	writeNpy(t, rows, 50, 8, x)
	e := call(t, "", "check", others+"sparsify_topk_2025", rows)
	if e.code != failed || !strings.Contains(e.out, "PROBLEM") || !strings.Contains(e.err, "something looks wrong") {
		t.Errorf("exit code %d\n%s%s", e.code, e.out, e.err)
	}
}

// TestErrorsNameFlags: no error, note or problem has a name of Go.
func TestErrorsNameFlags(t *testing.T) {
	const unset = others + "bad_configs/dictlearn_batchtopk_threshold_unset"
	const scale = others + "saelens_standard_v6_expected_average_only_in"
	rows := eightWide(t, 40, 8)
	out := filepath.Join(t.TempDir(), "converted")
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--hookpoint names one", []string{"info", others + "sparsify_run_folder_bf16"}},
		{"softmax", []string{"info", others + "bad_configs/sparsify_activation_unknown"}},
		{"--threshold says it", []string{"info", unset}},
		{"--threshold or --scale says it", []string{"check", "--unset", unset, rows}},
		{"--threshold says it", []string{"convert", "--to", "saelens", "-o", out, unset}},
		{"--scale says it", []string{"info", scale}},
		{"the scale is -1, want", []string{"info", "--scale", "-1", scale}},
		{"the threshold is -1, want", []string{"info", "--threshold", "-1", unset}},
		{"k is -2, want", []string{"info", "-k", "-2", unset}},
		{"--k says it", []string{"info", others + "more/csr_defaults_normalize"}},
		{"the k that is given is 600", []string{"info", "-k", "600", others + "more/csr_defaults_normalize"}},
		{"is for a folder", []string{"info", "--hookpoint", "x", others + "openai_topk_v5/autoencoder.pt"}},
		{"leads out", []string{"info", "--hookpoint", "../x", others + "sparsify_run_folder_bf16"}},
		{"--round allows", []string{"convert", "--to", "sparsify", "-o", out, others + "saelens_topk_v6_rescale"}},
		{"a NumPy array", []string{"info", rows}},
		{"a JSON file, not", []string{"info", others + "sparsify_topk_2025/cfg.json"}},
		{"NaN at row 2, column 3 (row 2 of ", []string{"check", others + "sparsify_topk_2025", notFinite(t, rows)}},
		{"rows.npy has 9 numbers in a row, and the model takes 8", []string{"check", others + "sparsify_topk_2025", eightWide(t, 4, 9)}},
	} {
		refuses(t, "", failed, c.want, c.args...)
	}
	for _, args := range [][]string{{"--unset", unset}, {"--unset", scale}, {"--threshold", "1", unset}, {"-k", "8", "--scale", "2", "--threshold", "1", others + "sparsify_topk_2025"}} {
		if out := works(t, "", append([]string{"info"}, args...)...); goName.MatchString(out) {
			t.Errorf("%v:\n%s", args, out)
		}
	}
}

// notFinite returns a copy of the rows with NaN in row 2, column 3.
func notFinite(t *testing.T, rows string) string {
	t.Helper()
	text, err := os.ReadFile(rows)
	if err != nil {
		t.Fatal(err)
	}
	binary.LittleEndian.PutUint32(text[128+4*(2*8+3):], math.Float32bits(float32(math.NaN())))
	path := filepath.Join(t.TempDir(), "rows.npy")
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFlagsWithoutEffect: what a flag does not do is said.
func TestFlagsWithoutEffect(t *testing.T) {
	for _, flag := range []string{"--unset", "--embedding"} {
		if out := works(t, "", "info", flag, others+"sparsify_topk_2025"); !strings.Contains(out, flag+" is not used") {
			t.Errorf("%s:\n%s", flag, out)
		}
	}
	if out := works(t, "", "info", "--unset", others+"saelens_standard_v6_expected_average_only_in"); strings.Contains(out, "is not used") {
		t.Errorf("--unset of a model that needs it:\n%s", out)
	}
}

// TestOwnFiles: the network files of the library are opened like the others, and written.
func TestOwnFiles(t *testing.T) {
	folder := t.TempDir()
	net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 8, Latents: 24, K: 3, Activation: ksparse.ReLU, Tied: true, PreBias: true, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := net.SaveFile(filepath.Join(folder, "model.ksp")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ksparse network file", "topk, k = 3", "8 inputs, 24 latents", "tied weights", "F64 in the file"} {
		if out := works(t, folder, "info", "model.ksp"); !strings.Contains(out, want) {
			t.Errorf("no %q in the output:\n%s", want, out)
		}
	}
	for to, name := range map[string]string{"sentence-transformers": "st", "saelens": "sl", "ksparse": "native.safetensors"} {
		works(t, folder, "convert", "--to", to, "--round", "-o", name, "model.ksp")
	}
	works(t, folder, "convert", "--to", "ksparse", "-o", "native.safetensors", "--force", "model.ksp")
	works(t, folder, "convert", "--to", "ksparse", "-o", "again.ksp", "native.safetensors")
	first, again := works(t, folder, "diff", "model.ksp", "again.ksp", "--json"), works(t, folder, "diff", "model.ksp", "model.ksp", "--json")
	if strings.Replace(first, "again.ksp", "model.ksp", 1) != again {
		t.Errorf("there and back is another model:\n%s", first)
	}
}

// TestNotReconstructed: of a transcoder without outputs the table says that none were compared.
func TestNotReconstructed(t *testing.T) {
	model := others + "saelens_jumprelu_transcoder_v6"
	m, err := pretrained.Open(model, pretrained.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows := eightWide(t, 50, m.Info.Inputs)
	if out := call(t, "", "check", model, rows).out; !strings.Contains(out, "no reconstruction was measured: its outputs") {
		t.Errorf("check:\n%s", out)
	}
	refuses(t, "", failed, "--targets", "eval", model, rows)
}
