package pretrained_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/pretrained"
)

// TestByContent: names of files mean nothing, where the format does not need them.
func TestByContent(t *testing.T) {
	for _, c := range []struct{ fixture, from, to string }{
		{"openai_topk_v5", "autoencoder.pt", "model.bin"},
		{"openai_relu_first_legacy", "autoencoder.pt", "0"},
		{"saelens_topk_v6", "sae_weights.safetensors", "weights"},
		{"sparsify_topk_2025", "sae.safetensors", "sae_weights.safetensors"},
		{"dictlearn_topk", "ae.pt", "sae.pt"},
		{"gemma_scope_npz", "params.npz", "x.zip"},
		{"batchtopk_repo_topk", "sae.pt", "ae.pt"},
		{"sparsify_topk_2024", "cfg.json", "sae.json"},
	} {
		f := readFixture(t, "testdata/"+c.fixture)
		folder := edited(t, c.fixture, nil)
		if err := os.Rename(filepath.Join(folder, c.from), filepath.Join(folder, c.to)); err != nil {
			t.Fatal(err)
		}
		checkResult(t, mustOpen(t, folder, pretrained.Options{}), f.result, false)
		if !strings.HasSuffix(c.from, ".json") {
			checkResult(t, mustOpen(t, filepath.Join(folder, c.to), pretrained.Options{}), f.result, false)
		}
	}
}

// TestSeveral: a folder of several models lists them, each is chosen by its name.
func TestSeveral(t *testing.T) {
	f := readFixture(t, "testdata/sparsify_run_folder_bf16")
	_, err := pretrained.Open(f.folder, pretrained.Options{})
	if !errors.Is(err, pretrained.ErrSeveral) || !strings.Contains(err.Error(), `"layers.0", "layers.1.mlp"`) || !strings.Contains(err.Error(), "Options.Hookpoint") {
		t.Errorf("got %v", err)
	}
	checkResult(t, mustOpen(t, f.folder, pretrained.Options{Hookpoint: f.Other.Folder}), f.Other.result, false)
	m := mustOpen(t, filepath.Join(f.folder, f.Model.Folder), pretrained.Options{})
	checkResult(t, m, f.result, false)
	if m.Info.ModelName != "EleutherAI/pythia-160m" || m.Info.HookName != "layers.1.mlp" {
		t.Errorf("trained on %q, %q", m.Info.ModelName, m.Info.HookName)
	}

	f = readFixture(t, "testdata/more/dictlearn_checkpoints")
	if _, err = pretrained.Open(f.folder, pretrained.Options{}); !errors.Is(err, pretrained.ErrSeveral) || !strings.Contains(err.Error(), `"checkpoints/ae_1000.pt", "checkpoints/ae_2000.pt"`) {
		t.Errorf("got %v", err)
	}
	f = readFixture(t, "testdata/more/sparsify_seeds")
	if _, err = pretrained.Open(f.folder, pretrained.Options{}); !errors.Is(err, pretrained.ErrSeveral) || !strings.Contains(err.Error(), `"layers.3.mlp/seed0"`) {
		t.Errorf("got %v", err)
	}
	if m = f.open(t); m.Info.ModelName != "pythia" || m.Info.HookName != "layers.3.mlp/seed1" {
		t.Errorf("trained on %q, %q", m.Info.ModelName, m.Info.HookName)
	}
	for hookpoint, want := range map[string]error{"../x": pretrained.ErrUnknown, "/etc": pretrained.ErrUnknown, "layers.9": fs.ErrNotExist} {
		if _, err := pretrained.Open(f.folder, pretrained.Options{Hookpoint: hookpoint}); !errors.Is(err, want) {
			t.Errorf("hookpoint %q: %v", hookpoint, err)
		}
	}
	if _, err := pretrained.Open("testdata/openai_topk_v5/autoencoder.pt", pretrained.Options{Hookpoint: "x"}); !errors.Is(err, pretrained.ErrUnknown) {
		t.Errorf("a hookpoint of a file: %v", err)
	}
}

// layOutHub lays the fixture out below hub as the cache of Hugging Face does, with links
// into blobs, and returns its repository folder and the snapshot there.
func layOutHub(t *testing.T, f fixture, hub string) (repository, snapshot string) {
	t.Helper()
	var want struct {
		Files []string
	}
	text, err := os.ReadFile(filepath.Join(f.folder, "expected.json"))
	if err != nil || json.Unmarshal(text, &want) != nil {
		t.Fatal(err)
	}
	repository = filepath.Join(hub, "models--acme--sae-tiny")
	blobs := filepath.Join(repository, "blobs")
	if err := os.MkdirAll(blobs, 0o777); err != nil {
		t.Fatal(err)
	}
	for i, file := range want.Files {
		data, err := os.ReadFile(filepath.Join(f.folder, file))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(hub, strings.TrimPrefix(file, "hub"))
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(file, "snapshots") {
			write(t, to, data)
			continue
		}
		blob := filepath.Join(blobs, strings.Repeat("ab", 10)+string(rune('0'+i)))
		write(t, blob, data)
		relative, err := filepath.Rel(filepath.Dir(to), blob)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(relative, to); err != nil {
			t.Skip("no links here:", err)
		}
		snapshot = filepath.Dir(filepath.Dir(to))
	}
	return repository, snapshot
}

// TestHub opens a model in the cache of Hugging Face by each path that leads to it.
func TestHub(t *testing.T) {
	f := readFixture(t, "testdata/hf_cache_layout")
	hub := t.TempDir()
	repository, snapshot := layOutHub(t, f, hub)
	for _, path := range []string{hub, repository, snapshot, filepath.Join(snapshot, f.Model.Folder), filepath.Join(snapshot, f.Model.Folder, "sae.safetensors")} {
		checkResult(t, mustOpen(t, path, pretrained.Options{}), f.result, false)
	}
	checkResult(t, mustOpen(t, repository, pretrained.Options{Hookpoint: f.Model.Folder}), f.result, false)

	ref := filepath.Join(repository, "refs", "main")
	write(t, ref, []byte("../../../etc"))
	if _, err := pretrained.Open(repository, pretrained.Options{}); !errors.Is(err, pretrained.ErrUnknown) {
		t.Errorf("refs/main that leads elsewhere: %v", err)
	}
	if err := os.Remove(ref); err != nil { // the only snapshot
		t.Fatal(err)
	}
	mustOpen(t, repository, pretrained.Options{})
	if err := os.Mkdir(filepath.Join(repository, "snapshots", "another"), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := pretrained.Open(repository, pretrained.Options{}); !errors.Is(err, pretrained.ErrSeveral) {
		t.Errorf("two snapshots: %v", err)
	}
}

// TestSentenceModel: modules.json names the folder, and may not lead out of the model.
func TestSentenceModel(t *testing.T) {
	folder := edited(t, "csr_sentence_transformers", nil)
	// A transformer's own weights lie at the top.
	if err := os.CopyFS(filepath.Join(folder, "1_Other"), os.DirFS("testdata/more/csr_defaults_normalize")); err != nil {
		t.Fatal(err)
	}
	m := mustOpen(t, folder, pretrained.Options{})
	if m.Info.Latents != 24 || m.Info.Version != "5" || len(m.Info.Notes) == 0 {
		t.Errorf("%+v", m.Info)
	}
	modules := filepath.Join(folder, "modules.json")
	os.Chmod(modules, 0o666)
	if err := os.WriteFile(modules, []byte(`[{"path":"../x","type":"a.SparseAutoEncoder"}]`), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := pretrained.Open(folder, pretrained.Options{}); !errors.Is(err, pretrained.ErrUnknown) || !strings.Contains(err.Error(), "leads out") {
		t.Errorf("got %v", err)
	}
}

// TestNothing: what is no model says so, and what was found.
func TestNothing(t *testing.T) {
	empty := t.TempDir()
	text := filepath.Join(empty, "readme.txt")
	if err := os.WriteFile(text, []byte("hello"), 0o666); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		empty:                           "no file of a model",
		text:                            "is a text file, not a file of a model",
		"testdata/container_torch_zip":  "no sparse autoencoder's tensors",
		"testdata/container_npy":        "no sparse autoencoder's tensors",
		"testdata/sparsify_topk_2025/x": "no such file",
		"testdata/csr_sentence_transformers/3_SparseAutoEncoder/config.json": "is a JSON file",
	} {
		_, err := pretrained.Open(path, pretrained.Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
		if !errors.Is(err, pretrained.ErrUnknown) && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v wraps no sentinel", path, err)
		}
	}
	for _, o := range []pretrained.Options{{Threshold: -1}, {Scale: -1}} {
		if _, err := pretrained.Open("testdata/sparsify_topk_2025", o); !errors.Is(err, ksparse.ErrRange) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestMore has what else the fixtures say of a model.
func TestMore(t *testing.T) {
	f := readFixture(t, "testdata/dictlearn_matryoshka")
	m := f.open(t)
	if len(m.Info.Groups) != 3 {
		t.Errorf("groups %v", m.Info.Groups)
	}
	out, err := m.Decode(codesOf(t, m, rows(f.Input), false).Prefix(f.Prefix.Latents))
	if err != nil {
		t.Fatal(err)
	}
	checkRows(t, "reconstruction of a prefix", out, f.Prefix.Reconstruction)
	for _, name := range []string{"dictlearn_topk", "dictlearn_topk_backup"} {
		f := readFixture(t, "testdata/"+name)
		m := f.open(t)
		if err := m.Layers()[0].(*ksparse.SparseLayer).SetSelection(ksparse.SelectThreshold); err != nil {
			t.Fatal(err)
		}
		checkRows(t, "code by threshold", codesOf(t, m, rows(f.Input), false), f.CodeByThreshold)
	}
}
