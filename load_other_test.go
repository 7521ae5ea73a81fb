package ksparse_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
)

// TestLoadFileOfOther: the error names the file once, what it is, and the function that
// opens it.
func TestLoadFileOfOther(t *testing.T) {
	folder := t.TempDir()
	for name, c := range map[string]struct{ content, want string }{
		"x.safetensors": {"\x02\x00\x00\x00\x00\x00\x00\x00{}", "is a safetensors file, not a network file: pretrained.Open opens it"},
		"x.pt":          {"\x80\x02}q\x00.", "is a file of torch.save, not a network file: pretrained.Open"},
		"zip.pt":        {"PK\x03\x04" + strings.Repeat("\x00", 22) + "\x0a\x00\x00\x00a/data.pkl", "is a file of torch.save, not a network file: pretrained.Open"},
		"x.npy":         {"\x93NUMPY\x01\x00", "is a NumPy array (.npy), not a network file: data.OpenNpy opens it"},
		"x.npz":         {"PK\x03\x04" + strings.Repeat("\x00", 22) + "\x05\x00\x00\x00w.npy", "is an .npz file, not a network file: pretrained.Open"},
		"x.zip":         {"PK\x03\x04" + strings.Repeat("\x00", 22) + "\x03\x00\x00\x00abc", "is a zip archive, not a network file: unpack it"},
		"checkpoint":    {"\x89ksc\r\n\x1a\n\x02\x00\x00\x00", "is a checkpoint of a training, not a network file: ksparse.LoadCheckpoint or pretrained.Open opens it"},
		"cfg.json":      {`{"k": 3}`, "is a JSON file, not a network file"},
		"readme.txt":    {"hello, all of you", "is a text file, not a network file"},
		"empty.ksp":     {"", "is empty, not a network file"},
		"bytes":         {"\x01\x02\x03\x04\x05\x06\x07\x08\x09\xff\xff", "not a network file: it begins with"},
		"cut.ksp":       {"\x89ksp\r\n\x1a\n\x02", "is cut short in the version"},
	} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(c.content), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := ksparse.LoadFile(path)
		if !errors.Is(err, ksparse.ErrFormat) || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "ksparse: ") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		} else if strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: %v does not name the path once", name, err)
		}
	}
	if _, err := ksparse.LoadFile(folder); err == nil || !strings.Contains(err.Error(), folder+" is a folder, not a network file: pretrained.Open") || strings.Count(err.Error(), folder) != 1 {
		t.Errorf("a folder: %v", err)
	}
}

// TestSaveFileNamesThePathOnce: of what cannot be written.
func TestSaveFileNamesThePathOnce(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "folder") // a name that the random one of TempDir cannot hold
	file := filepath.Join(folder, "file")
	if err := errors.Join(os.Mkdir(folder, 0o777), os.WriteFile(file, nil, 0o666)); err != nil {
		t.Fatal(err)
	}
	n := mustNetwork(t, ksparse.NewLinearLayer("x", 2, 2, ksparse.Identity))
	for _, path := range []string{folder, filepath.Join(file, "net.ksp"), filepath.Join(folder, "no", "net.ksp"), filepath.Join(folder, "a\x00b"), filepath.Join(folder, strings.Repeat("x", 300)), os.DevNull} {
		err := n.SaveFile(path)
		if err == nil || strings.Count(err.Error(), path) > 1 || strings.Count(err.Error(), filepath.Base(path)) > 1 {
			t.Errorf("%.100s: %.1000v", path, err)
		}
	}
}
