//go:build unix

package atomicfile

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"
)

func TestUmask(t *testing.T) {
	old := syscall.Umask(0o027)
	defer syscall.Umask(old)
	dir := t.TempDir()
	must(t, Write(filepath.Join(dir, "file"), text("x")))
	wantMode(t, filepath.Join(dir, "file"), 0o640)
	must(t, WriteFolder(filepath.Join(dir, "folder"), files("file", "x")))
	wantMode(t, filepath.Join(dir, "folder"), 0o750|fs.ModeDir)
	wantMode(t, filepath.Join(dir, "folder", "file"), 0o640)
}

func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	if err := Write(path, text("x")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a pipe: error %v", err)
	}
	if err := WriteFolder(path, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a pipe: error %v", err)
	}
	wantMode(t, path, 0o600|fs.ModeNamedPipe)
}
