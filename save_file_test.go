package ksparse_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

func TestSaveFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "net.ksp")
	n := mustNetwork(t, ksparse.NewLinearLayer("x", 2, 2, ksparse.Identity))
	want := saved(t, n)
	if err := n.SaveFile(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	n.Layers()[0].Weights().Set(0, 0, math.NaN())
	if err := n.SaveFile(path); !errors.Is(err, ksparse.ErrNotFinite) {
		t.Errorf("NaN: error %v", err)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, want) {
		t.Error("a save that failed changed the old file")
	}
	n.Init(2)
	for what, bad := range map[string]string{
		"no such folder":       filepath.Join(folder, "no", "net.ksp"),
		"a file for a folder":  filepath.Join(path, "net.ksp"),
		"a folder for a file":  folder,
		"a device, no file":    os.DevNull,
		"no name":              "",
		"a name with a NUL":    filepath.Join(folder, "a\x00b"),
		"a name that is large": filepath.Join(folder, strings.Repeat("x", 5000)),
	} {
		if err := n.SaveFile(bad); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, want) {
		t.Error("a save that failed changed the old file")
	}
	if err := n.SaveFile(path); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, saved(t, n)) {
		t.Error("the file was not replaced")
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
		t.Errorf("the file that replaces one of mode 0640 is %v (error %v)", info.Mode(), err)
	}
	if files, _ := os.ReadDir(folder); len(files) != 1 {
		t.Errorf("files are left over: %v", files)
	}

	if _, err := ksparse.LoadFile(filepath.Join(folder, "no")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: error %v", err)
	}
	if _, err := ksparse.LoadFile(folder); err == nil {
		t.Error("a folder was loaded")
	}
	for what, data := range map[string][]byte{"longer": append(saved(t, n), 0), "cut short": want[:len(want)-9], "empty": nil} {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ksparse.LoadFile(path); !errors.Is(err, ksparse.ErrFormat) || !strings.Contains(err.Error(), path) {
			t.Errorf("a file that is %s: error %v, want ErrFormat and the path", what, err)
		}
	}
}

// TestSaveFileLink: a symbolic link stays, and the file that it leads to is replaced.
func TestSaveFileLink(t *testing.T) {
	folder := t.TempDir()
	path, link := filepath.Join(folder, "net.ksp"), filepath.Join(folder, "current.ksp")
	if err := os.Symlink("net.ksp", link); err != nil {
		t.Skip(err)
	}
	n := mustNetwork(t, ksparse.NewLinearLayer("x", 2, 2, ksparse.Identity))
	for i := range 2 { // a new file, and one that is there
		n.Layers()[0].Weights().Set(0, 0, float64(7+i))
		if err := n.SaveFile(link); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, saved(t, n)) {
			t.Errorf("the link's file holds %q (error %v)", got, err)
		}
		if target, err := os.Readlink(link); err != nil || target != "net.ksp" {
			t.Errorf("the link leads to %q (error %v)", target, err)
		}
	}
}

func TestSaveConcurrently(t *testing.T) {
	n := mustNetwork(t, ksparse.NewSparseLayer("s", 200, 300, 5, ksparse.ReLU), ksparse.NewLinearLayer("l", 300, 200, ksparse.Identity))
	want := saved(t, n)
	path := filepath.Join(t.TempDir(), "net.ksp")
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var b bytes.Buffer
			if err := n.Save(&b); err != nil || !bytes.Equal(b.Bytes(), want) {
				t.Errorf("other bytes, or error %v", err)
			}
			if err := n.SaveFile(path); err != nil {
				t.Error(err)
			}
			if _, err := ksparse.LoadFile(path); err != nil { // whole at any time
				t.Error(err)
			}
			if _, err := n.Predict(mat.NewDense(1, 200, nil)); err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
}
