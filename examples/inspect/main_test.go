package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	err := run([]string{"-rows", npy(t, 40, 8), "-to", "saelens", "-out", converted, models + "sparsify_topk_2025"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sparsify since February 2025", "topk, k = 4", "8 inputs, 32 latents", "40 rows", "FVU", "as saelens"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in the output:\n%s", want, out.String())
		}
	}
	out.Reset()
	if err := run([]string{"-json", converted}, &out); err != nil {
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
		"want the path":     {},
		"Options.Hookpoint": {models + "sparsify_run_folder_bf16"},
		"softmax":           {models + "bad_configs/sparsify_activation_unknown"},
		"go together":       {"-to", "saelens", models + "openai_topk_v5"},
		"cannot":            {"-to", "sparsify", "-out", t.TempDir(), "-outputs", "x", models + "openai_topk_v5"},
	} {
		err := run(args, &bytes.Buffer{})
		if err == nil || want != "cannot" && !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}
