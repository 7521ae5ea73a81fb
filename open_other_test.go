//go:build unix

package ksparse_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
)

// zipOf returns a zip archive with entries of these names.
func zipOf(t *testing.T, names ...string) string {
	t.Helper()
	var text bytes.Buffer
	z := zip.NewWriter(&text)
	for _, name := range names {
		if _, err := z.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestOpenOther: whatever lies at a path, the functions that open one kind of file say what
// it is, once by its name, and do not wait for a pipe.
func TestOpenOther(t *testing.T) {
	t.Chdir(t.TempDir())
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(syscall.Mkfifo("pipe", 0o600))
	must(os.Mkdir("folder", 0o700))
	files := map[string]string{"pipe": "no regular file (a device, a pipe, ...)", "folder": "a folder", os.DevNull: "no regular file", "/dev/zero": "no regular file"}
	for name, c := range map[string]struct{ content, want string }{
		"text": {"hello", "a text file"}, "empty": {"", "empty"}, "json": {`{"a": 1}`, "a JSON file"}, "html": {"<html>", "an HTML page"},
		"npz": {zipOf(t, "README", "w.npy"), "an .npz file"}, "torch": {zipOf(t, "a/data.pkl"), "a file of torch.save"}, "zip": {zipOf(t, "a"), "a zip archive"},
		"tar": {strings.Repeat("a", 257) + "ustar", "a tar archive"}, "tensors": {"\x02\x00\x00\x00\x00\x00\x00\x00{}", "a safetensors file"},
	} {
		must(os.WriteFile(name, []byte(c.content), 0o600))
		files[name] = c.want
	}
	x := mat.NewDense(4, 3, nil)
	for what, open := range map[string]func(path string) error{
		"a network file": func(path string) error { _, err := ksparse.LoadFile(path); return err },
		"a checkpoint":   func(path string) error { _, err := ksparse.LoadCheckpoint(path); return err },
		"a NumPy array":  func(path string) error { _, err := data.OpenNpy(path); return err },
		"a checkpoint of a training": func(path string) error {
			n, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 3, Latents: 4, K: 1})
			must(err)
			_, err = n.Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: 1, Checkpoint: ksparse.Checkpoint{File: path, Resume: true}})
			return err
		},
	} {
		for path, is := range files {
			resuming := what == "a checkpoint of a training"
			if resuming && (path == "folder" || strings.Contains(is, "regular")) { // refused before, as a place to write
				continue
			}
			failed := make(chan error, 1)
			go func() { failed <- open(path) }()
			var err error
			select {
			case err = <-failed:
			case <-time.After(10 * time.Second):
				t.Fatalf("%s waits for %s", what, path)
			}
			want := "ksparse: " + path + " is " + is
			if !errors.Is(err, ksparse.ErrFormat) || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), ", not "+what) || strings.Contains(err.Error(), "(in ") {
				t.Errorf("%s in place of %s: %v, want %q", path, what, err, want)
			}
			var advised interface{ Reason() string }
			if errors.As(err, &advised) && (strings.Contains(advised.Reason(), "pretrained.") || strings.Contains(advised.Reason(), "ksparse")) {
				t.Errorf("%s: the reason %q has a name of Go", path, advised.Reason())
			}
		}
	}
}

// TestCutCheckpoint: a checkpoint that ends too early is called so at every length.
func TestCutCheckpoint(t *testing.T) {
	t.Chdir(t.TempDir())
	n, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 3, Latents: 4, K: 1})
	if err != nil {
		t.Fatal(err)
	}
	x := mat.NewDense(4, 3, []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3})
	if _, err := n.Train(context.Background(), x, x, ksparse.TrainConfig{Epochs: 1, Checkpoint: ksparse.Checkpoint{File: "whole"}}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile("whole")
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{8, 12, 100, len(whole) - 1} {
		if err := os.WriteFile("cut", whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ksparse.LoadCheckpoint("cut"); !errors.Is(err, ksparse.ErrFormat) || !strings.Contains(err.Error(), "cut short") || !strings.HasSuffix(err.Error(), "(in cut)") {
			t.Errorf("%d bytes of %d: %v", size, len(whole), err)
		}
	}
}

// TestSaveNamesTheFile: a save that fails names the file that was asked for, whatever word
// that is, and no temporary file.
func TestSaveNamesTheFile(t *testing.T) {
	t.Chdir(t.TempDir())
	n, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 3, Latents: 4, K: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir("folder", 0o700), syscall.Mkfifo("fifo", 0o600), os.Mkdir("locked", 0o500)); err != nil {
		t.Fatal(err)
	}
	paths := []string{"folder", "fifo", filepath.Join("no", "net"), "/"}
	if os.Geteuid() != 0 { // whom no bits forbid anything
		paths = append(paths, filepath.Join("locked", "net"))
	}
	for _, path := range paths {
		if err := n.SaveFile(path); err == nil || strings.Count(err.Error(), " "+path+":") != 1 || strings.Contains(err.Error(), "tmp") || strings.Contains(err.Error(), "(in ") {
			t.Errorf("saving as %s: %v", path, err)
		}
	}
	var none ksparse.Network
	if err := none.SaveFile("net"); !errors.Is(err, ksparse.ErrEmpty) || !strings.HasSuffix(err.Error(), "(in net)") {
		t.Errorf("saving nothing: %v", err)
	}
}
