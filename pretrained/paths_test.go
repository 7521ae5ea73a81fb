package pretrained_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/pretrained"
)

// once checks that an error names the path, and no more than once.
func once(t *testing.T, what, path string, err error) {
	t.Helper()
	if err == nil || strings.Count(err.Error(), path) != 1 {
		t.Errorf("%s: %v does not name %s once", what, err, path)
	}
}

// TestOpenOther: what is no model is named, and the function that opens it.
func TestOpenOther(t *testing.T) {
	zip := func(name string) string {
		return "PK\x03\x04" + strings.Repeat("\x00", 22) + string([]byte{byte(len(name)), 0, 0, 0}) + name
	}
	for name, c := range map[string]struct{ content, want string }{
		"x.npy":         {"\x93NUMPY\x01\x00", "is a NumPy array (.npy), not a file of a model: data.OpenNpy opens it"},
		"x.txt":         {"hello", "is a text file"},
		"cfg.json":      {"{}", "is a JSON file"},
		"x":             {"", "is empty"},
		"x.tar.gz":      {"\x1f\x8b\x08", "is a gzip file, not a file of a model: unpack it"},
		"x.h5":          {"\x89HDF\r\n\x1a\n", "is an HDF5 file"},
		"x.bin":         {"\x01\xff\x02", "is a file of no kind that is known"},
		"x.zip":         {zip("model/cfg.json"), "is a zip archive, not a file of a model"},
		"x.safetensors": {"", "is empty"},
		"w.safetensors": {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n", "is a pointer of Git LFS"},
		"y.safetensors": {"<!DOCTYPE html>\n<html>", "is an HTML page"},
		"cut.pt":        {zip("model/data.pkl"), "cut short or damaged"},
		"x.tar":         {"a" + strings.Repeat("\x00", 256) + "ustar", "is a tar archive, not a file of a model"},
		"x.ksp":         {"\x89ksp\r\n\x1a\n\x02", "cut short in the version"},
		"checkpoint":    {"\x89ksc\r\n\x1a\n\x02", "checkpoint"},
		"x.pt":          {"\x80\x02}q\x00.", "x.pt: a pickle, but not of torch.save"},
	} {
		folder := t.TempDir()
		path := filepath.Join(folder, name)
		write(t, path, []byte(c.content))
		_, err := pretrained.Open(path, pretrained.Options{})
		once(t, name, path, err)
		if err != nil && (!strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "pretrained: ") || strings.Contains(err.Error(), "ksparse: ")) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if !errors.Is(err, pretrained.ErrUnknown) && !errors.Is(err, ksparse.ErrFormat) {
			t.Errorf("%s: %v wraps no sentinel", name, err)
		}
		if _, err = pretrained.Open(folder, pretrained.Options{}); err == nil {
			t.Errorf("a folder with %s opens", name)
		} else if strings.Count(err.Error(), folder) != 1 {
			t.Errorf("a folder with %s: %v does not name it once", name, err)
		}
	}
	_, err := pretrained.Open(os.DevNull, pretrained.Options{})
	if err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a device: %v", err)
	}
}

// TestPathOnce: errors of the system, of damaged files and of saving.
func TestPathOnce(t *testing.T) {
	folder := t.TempDir()
	missing := filepath.Join(folder, "missing")
	_, err := pretrained.Open(missing, pretrained.Options{})
	once(t, "no file", missing, err)
	_, err = pretrained.Open(folder, pretrained.Options{Hookpoint: "layers.9"})
	once(t, "no hookpoint", folder, err)
	_, err = pretrained.Open("", pretrained.Options{})
	if err == nil {
		t.Error("no path opens")
	}
	for _, glob := range []string{"../internal/safetensors/testdata/bad/*.safetensors", "../internal/torchfile/testdata/bad/*", "../internal/npy/testdata/bad/*.np?"} {
		paths, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if _, err := pretrained.Open(path, pretrained.Options{}); err != nil {
				once(t, "damaged", path, err)
			}
		}
	}
	m := mustOpen(t, "testdata/sparsify_topk_2025", pretrained.Options{})
	full := filepath.Join(folder, "full")
	if err := os.MkdirAll(filepath.Join(full, "x"), 0o777); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "file")
	write(t, file, nil)
	for path, f := range map[string]pretrained.Format{
		full: pretrained.SAELens, file: pretrained.Sparsify, filepath.Join(file, "below"): pretrained.SAELens,
		filepath.Join(folder, "no", "model"): pretrained.Native, full + string(filepath.Separator): pretrained.SAELens, filepath.Join(folder, "x"): "unknown",
	} {
		err := m.SaveAs(path, f, pretrained.SaveOptions{})
		if err == nil || strings.Count(err.Error(), strings.TrimRight(path, string(filepath.Separator))) != 1 {
			t.Errorf("saving %s as %s: %v", path, f, err)
		}
	}
	if err := pretrained.Save(full, pretrained.Native, m.Network, pretrained.SaveOptions{}); err == nil {
		t.Error("a folder is replaced by a file")
	} else {
		once(t, "a folder in the place of a file", full, err)
	}
	if err := pretrained.Save(missing, pretrained.Native, nil, pretrained.SaveOptions{}); !errors.Is(err, ksparse.ErrEmpty) {
		t.Errorf("no network: %v", err)
	}
}

// TestNamesByWord: a name without a dot or a folder is named once, and a file in a folder by
// its whole path, wherever the reader finds the fault.
func TestNamesByWord(t *testing.T) {
	good, err := os.ReadFile("testdata/sparsify_topk_2025/sae.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	native := filepath.Join(t.TempDir(), "native")
	if err := mustOpen(t, "testdata/sparsify_topk_2025", pretrained.Options{}).SaveAs(native, pretrained.Native, pretrained.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	noK, err := os.ReadFile(native)
	if err != nil {
		t.Fatal(err)
	}
	noK = []byte(strings.Replace(string(noK), `\"k\":`, `\"j\":`, 1))
	zero := make([]byte, 8)
	t.Chdir(t.TempDir())
	for name, content := range map[string][]byte{
		"text": []byte("hello"), "zeros": zero, "native": noK, "model": good[:100], "bare": good, "empty": nil,
		"pickle": []byte("\x80\x02}q\x00."), "net": []byte("\x89ksp\r\n\x1a\n\x02"), "train": []byte("\x89ksc\r\n\x1a\n\x02"),
	} {
		write(t, name, content)
		_, err := pretrained.Open(name, pretrained.Options{})
		onceInWords(t, name, name, err)
		deep := filepath.Join("in_"+name, "a", "b")
		if err := os.MkdirAll(deep, 0o777); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(deep, name+".safetensors")
		write(t, path, content)
		_, err = pretrained.Open(path, pretrained.Options{})
		onceInWords(t, path, path, err)
		_, err = pretrained.Open("in_"+name, pretrained.Options{})
		onceInWords(t, "in_"+name, "in_"+name, err)
		if below, _ := filepath.Rel("in_"+name, path); err != nil && !strings.Contains(err.Error(), filepath.ToSlash(below)) {
			t.Errorf("%v does not say where %s is", err, path)
		}
	}
	for path, content := range map[string]string{"cfg.json": `{"d_in": 8, "k": "x"}`, "cfg2/cfg.json": "[]"} {
		folder := filepath.Join("settings", filepath.Dir(path))
		if err := os.MkdirAll(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join("settings", path), []byte(content))
		write(t, filepath.Join(folder, "sae.safetensors"), good)
		_, err := pretrained.Open(folder, pretrained.Options{})
		onceInWords(t, path, filepath.Join("settings", path), err)
		if err != nil && strings.Contains(err.Error(), "map[") {
			t.Errorf("%s: %v has a type of Go", path, err)
		}
	}
}

// onceInWords checks that the path stands once in the error, as a word, and its last part no
// second time in front of a colon.
func onceInWords(t *testing.T, what, path string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s opens", what)
		return
	}
	words := strings.FieldsFunc(err.Error(), func(r rune) bool { return strings.ContainsRune(" :,()", r) })
	count := 0
	for _, word := range words {
		if word == path || strings.HasPrefix(word, path+string(filepath.Separator)) {
			count++
		}
	}
	// The words of the text itself may be the name: "a text file".
	if count < 1 || strings.Count(err.Error(), path+":") > 1 || strings.Contains(err.Error(), "(in "+path) && count > 1 ||
		strings.Contains(err.Error(), ": "+filepath.Base(path)+":") && path != filepath.Base(path) {
		t.Errorf("%s: %v does not name %s once", what, err, path)
	}
}

// TestDownloadBesideModel: what a failed download has left does not hide the model below.
func TestDownloadBesideModel(t *testing.T) {
	folder := t.TempDir()
	good := filepath.Join(folder, "below")
	if err := os.CopyFS(good, os.DirFS("testdata/sparsify_topk_2025")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "w.safetensors"), []byte("version https://git-lfs.github.com/spec/v1\n"))
	mustOpen(t, folder, pretrained.Options{})
}

// TestSaveNamesOnce: a name that is a word, and files that cannot be written.
func TestSaveNamesOnce(t *testing.T) {
	m := mustOpen(t, "testdata/sparsify_topk_2025", pretrained.Options{})
	t.Chdir(t.TempDir())
	if err := os.MkdirAll(filepath.Join("full", "x"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"full", "full" + string(filepath.Separator), string(filepath.Separator), filepath.Join("no", "such")} {
		for _, f := range []pretrained.Format{pretrained.Native, pretrained.SAELens} {
			err := m.SaveAs(path, f, pretrained.SaveOptions{})
			if err == nil || strings.Count(err.Error(), " "+path+":") != 1 || strings.Contains(err.Error(), "tmp") || strings.Contains(err.Error(), ": full is") {
				t.Errorf("saving %s as %s: %v", path, f, err)
			}
		}
	}
	if err := m.SaveAs("x", "unknown", pretrained.SaveOptions{}); err == nil || !strings.HasPrefix(err.Error(), "pretrained: saving as unknown: x: no file") {
		t.Errorf("an unknown format: %v", err)
	}
}
