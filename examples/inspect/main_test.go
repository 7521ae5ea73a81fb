package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/pretrained"
)

const models = "../../pretrained/testdata/"

// npy writes rows as a .npy file and returns its path.
func npy(t *testing.T, rows, cols int) string {
	t.Helper()
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", rows, cols)
	header += strings.Repeat(" ", 117-len(header)) + "\n"
	data := append([]byte("\x93NUMPY\x01\x00\x76\x00"), header...)
	for i := range rows * cols {
		b := math.Float32bits(float32(math.Sin(float64(i * i))))
		data = append(data, byte(b), byte(b>>8), byte(b>>16), byte(b>>24))
	}
	path := filepath.Join(t.TempDir(), "rows.npy")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRun inspects, checks and converts, and inspects what it has made.
func TestRun(t *testing.T) {
	converted := filepath.Join(t.TempDir(), "converted")
	var out bytes.Buffer
	err := run(context.Background(), []string{"-rows", npy(t, 40, 8), "-to", "saelens", "-out", converted, models + "sparsify_topk_2025"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sparsify since February 2025", "topk, k = 4", "8 inputs, 32 latents", "40 rows", "FVU", "as saelens"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in the output:\n%s", want, out.String())
		}
	}
	out.Reset()
	if err := run(context.Background(), []string{"-json", converted}, &out); err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	if r.Info.Format != pretrained.SAELens || r.Info.Architecture != "topk" || r.Info.K != 4 || r.Findings != nil {
		t.Errorf("%+v", r)
	}
}

// TestRefuse: the error says what is wrong.
func TestRefuse(t *testing.T) {
	for want, args := range map[string][]string{
		"want the path":                 {},
		"the flag -hookpoint names one": {models + "sparsify_run_folder_bf16"},
		"softmax":                       {models + "bad_configs/sparsify_activation_unknown"},
		"go together":                   {"-to", "saelens", models + "openai_topk_v5"},
		"cannot":                        {"-to", "sparsify", "-out", t.TempDir(), "-outputs", "x", models + "openai_topk_v5"},
	} {
		err := run(context.Background(), args, &bytes.Buffer{})
		if err == nil || want != "cannot" && !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}

// TestErrorsNameFlags: no error, note or problem has a name of Go.
func TestErrorsNameFlags(t *testing.T) {
	const unset = models + "bad_configs/dictlearn_batchtopk_threshold_unset"
	const scale = models + "saelens_standard_v6_expected_average_only_in"
	rows := npy(t, 40, 8)
	out := filepath.Join(t.TempDir(), "converted")
	goName := regexp.MustCompile(`Options\.|\bdata\.|LoadFile|LoadCheckpoint|pretrained\.|ksparse\.|Config\.|map\[|SetThresholds|SetSelection|SaveAs|Config describes|Calibrate|StartFrom|Widen|SetK|ErrUnset`)
	for _, c := range []struct {
		want string
		args []string
	}{
		{"-threshold says it", []string{unset}},
		{"-threshold or -scale says it", []string{"-unset", "-rows", rows, unset}},
		{"-threshold or -scale says it", []string{"-unset", "-to", "saelens", "-out", out, unset}},
		{"-scale says it", []string{scale}},
		{"the scale is -1, want", []string{"-scale", "-1", scale}},
		{"the threshold is -1, want", []string{"-threshold", "-1", unset}},
		{"k is -2, want", []string{"-k", "-2", unset}},
		{"-k says it", []string{models + "more/csr_defaults_normalize"}},
		{"the k that is given is 600", []string{"-k", "600", models + "more/csr_defaults_normalize"}},
		{"-hookpoint names one", []string{models + "sparsify_run_folder_bf16"}},
		{"is for a folder", []string{"-hookpoint", "x", models + "openai_topk_v5/autoencoder.pt"}},
		{"leads out", []string{"-hookpoint", "../x", models + "sparsify_run_folder_bf16"}},
		{"-round allows", []string{"-to", "sparsify", "-out", out, models + "saelens_topk_v6_rescale"}},
		{"a NumPy array", []string{rows}},
		{"a folder, not a NumPy array", []string{"-rows", models, models + "sparsify_topk_2025"}},
		{"a safetensors file, not a NumPy array", []string{"-rows", models + "sparsify_topk_2025/sae.safetensors", models + "sparsify_topk_2025"}},
		{"a JSON file, not", []string{models + "sparsify_topk_2025/cfg.json"}},
		{"rows.npy holds NaN in row 2, column 3", []string{"-rows", notFinite(t, rows), models + "sparsify_topk_2025"}},
		{"-most goes with -rows", []string{"-most", "5", scale}},
		{"-round goes with -to", []string{"-round", scale}},
		{"values per row", []string{"-rows", npy(t, 4, 9), models + "sparsify_topk_2025"}},
	} {
		err := run(context.Background(), c.args, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		} else if strings.Contains(err.Error(), "the flag -") && !strings.HasPrefix(c.want, "-") || strings.Count(err.Error(), c.args[len(c.args)-1]) > 1 {
			t.Errorf("%v: %v has advice that does not fit, or a path twice", c.args, err)
		} else if goName.MatchString(err.Error()) {
			t.Errorf("%v: %v has a name of Go", c.args, err)
		}
	}
	for _, args := range [][]string{{"-unset", unset}, {"-unset", scale}, {"-threshold", "1", unset}, {"-k", "8", "-scale", "2", "-threshold", "1", models + "sparsify_topk_2025"}} {
		var text bytes.Buffer
		if err := run(context.Background(), args, &text); err != nil || goName.MatchString(text.String()) {
			t.Errorf("%v: %v\n%s", args, err, text.String())
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
	copy(text[128+4*(2*8+3):], "\x00\x00\xc0\x7f")
	path := filepath.Join(t.TempDir(), "rows.npy")
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFlagsWithoutEffect: what a flag does not do is said.
func TestFlagsWithoutEffect(t *testing.T) {
	for flag, model := range map[string]string{"-unset": "sparsify_topk_2025", "-embedding": "sparsify_topk_2025"} {
		var out bytes.Buffer
		if err := run(context.Background(), []string{flag, models + model}, &out); err != nil || !strings.Contains(out.String(), flag+" is not used") {
			t.Errorf("%s: %v\n%s", flag, err, out.String())
		}
	}
	var out bytes.Buffer
	if err := run(context.Background(), []string{"-unset", models + "saelens_standard_v6_expected_average_only_in"}, &out); err != nil || strings.Contains(out.String(), "is not used") {
		t.Errorf("-unset of a model that needs it: %v\n%s", err, out.String())
	}
}

// TestOwnFiles: the network files of the library are opened like the others.
func TestOwnFiles(t *testing.T) {
	folder := t.TempDir()
	model := filepath.Join(folder, "model.ksp")
	net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 8, Latents: 24, K: 3, Activation: ksparse.ReLU, Tied: true, PreBias: true, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := net.SaveFile(model); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{model, folder} {
		var out bytes.Buffer
		converted := filepath.Join(t.TempDir(), "converted")
		if err := run(context.Background(), []string{"-rows", npy(t, 40, 8), "-to", "sentence-transformers", "-round", "-out", converted, path}, &out); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"ksparse network file", "topk, k = 3", "8 inputs, 24 latents", "tied weights", "F64 in the file", "40 rows", "as sentence-transformers"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in the output:\n%s", want, out.String())
			}
		}
	}
}

// TestNotReconstructed: of a transcoder without outputs the table says that none were compared.
func TestNotReconstructed(t *testing.T) {
	model := models + "saelens_jumprelu_transcoder_v6"
	m, err := pretrained.Open(model, pretrained.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := run(context.Background(), []string{"-rows", npy(t, 50, m.Info.Inputs), model}, &text); err != nil || !strings.Contains(text.String(), "no reconstruction was measured: its outputs") {
		t.Errorf("%v\n%s", err, text.String())
	}
}
