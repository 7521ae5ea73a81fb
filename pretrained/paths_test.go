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
		"x.npy":         {"\x93NUMPY\x01\x00", "it is a NumPy array (.npy), not a file of a model: data.OpenNpy opens it"},
		"x.txt":         {"hello", "it is a text file"},
		"cfg.json":      {"{}", "it is a JSON file"},
		"x":             {"", "it is empty"},
		"x.tar.gz":      {"\x1f\x8b\x08", "it is a gzip file, not a file of a model: unpack it"},
		"x.h5":          {"\x89HDF\r\n\x1a\n", "it is an HDF5 file"},
		"x.bin":         {"\x01\xff\x02", "it is a file of no kind that is known"},
		"x.zip":         {zip("model/cfg.json"), "x.zip: cut short or damaged"},
		"x.safetensors": {"", "x.safetensors: "},
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
