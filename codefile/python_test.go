package codefile

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// snippets returns the Python of a page of the documentation.
func snippets(t *testing.T, page string) string {
	t.Helper()
	var code strings.Builder
	for i, part := range strings.Split(string(readFile(t, page)), "```") {
		if text, isPython := strings.CutPrefix(part, "python\n"); i%2 == 1 && isPython {
			code.WriteString(text)
		}
	}
	return code.String()
}

// TestPython: what doc/codes.md says about NumPy and SciPy is so, both ways.
func TestPython(t *testing.T) {
	python := "/usr/bin/python3"
	if exec.Command(python, "-c", "import numpy, scipy.sparse").Run() != nil {
		t.Skip("there is no Python with NumPy and SciPy")
	}
	small(t, 100, 1<<21)
	dir := t.TempDir()
	code := snippets(t, "../doc/codes.md") + `
import json, sys
for name in sys.argv[1:]:
    m = csr_of_ksc(name + ".ksc").astype(np.float64)
    m.eliminate_zeros()
    lines = [json.loads(line) for line in open(name + ".jsonl")]
    n = scipy.sparse.load_npz(name + ".npz")
    assert m.shape == n.shape == (len(lines), m.shape[1]), (m.shape, n.shape, len(lines))
    for i, line in enumerate(lines):
        assert m[i].indices.tolist() == n[i].indices.tolist() == line["latents"], i
        assert m[i].data.tolist() == n[i].data.tolist() == line["values"], i
    scipy.sparse.save_npz(name + ".scipy.npz", n)
print("same")
`
	var names []string
	for i, c := range []struct {
		latents, k int
		values     Precision
	}{{30, 0, Float32}, {65537, 4, Float32}, {300, 5, Float16}} {
		codes := rounded(someCodes(t, uint64(i), 250, c.latents, c.k, 1000), func(v float64) float64 { _, kept := float16(v); return kept })
		name := filepath.Join(dir, string(rune('a'+i)))
		names = append(names, name)
		for ending, values := range map[string]Precision{".ksc": c.values, ".jsonl": Float64, ".npz": Float64} {
			must(t, os.Rename(written(t, "x"+ending, codes, Options{Values: values}), name+ending))
		}
	}
	if out, err := exec.Command(python, append([]string{"-c", code}, names...)...).CombinedOutput(); err != nil || string(out) != "same\n" {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range names {
		want := opened(t, name+".npz")
		got := opened(t, name+".scipy.npz")
		rows, _ := want.Dims()
		for i := range rows {
			latents, values, err := got.ReadRow(nil, nil, i)
			must(t, err)
			wantLatents, wantValues, err := want.ReadRow(nil, nil, i)
			must(t, err)
			for e := range wantLatents {
				if len(latents) != len(wantLatents) || latents[e] != wantLatents[e] || values[e] != wantValues[e] {
					t.Fatalf("row %d of scipy's file is %v %v, want %v %v", i, latents, values, wantLatents, wantValues)
				}
			}
		}
	}
}
