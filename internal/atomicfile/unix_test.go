//go:build unix

package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
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

// TestErrorsNameTheFile: errors of the system have the path that was asked for, where the
// temporary file cannot be made, filled or renamed. A caller that puts the error of the
// writer into its own has that path too.
func TestErrorsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	must(t, os.Mkdir("locked", 0o500))
	if os.Geteuid() != 0 { // whom no bits forbid anything
		for _, err := range []error{Write(filepath.Join("locked", "net"), text("x")), WriteFolder(filepath.Join("locked", "net"), nil)} {
			wantOnce(t, err, filepath.Join("locked", "net"))
		}
	}
	must(t, os.Mkdir("model", 0o700)) // a folder comes into the way of the rename
	wantOnce(t, Write("late", func(io.Writer) error { return os.MkdirAll(filepath.Join("late", "x"), 0o700) }), "late")
	wantOnce(t, WriteFolder("model", []File{{"w", func(io.Writer) error { return os.WriteFile(filepath.Join("model", "x"), nil, 0o600) }}}), "model")
}

// TestFullDiskInOtherProcess: errors of a disk without room have the path that was asked
// for. The limit is one of the process, which the tests' own log must not meet.
func TestFullDiskInOtherProcess(t *testing.T) {
	if os.Getenv("ATOMICFILE_LIMITED") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFullDiskInOtherProcess$")
		cmd.Env = append(os.Environ(), "ATOMICFILE_LIMITED=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	t.Chdir(t.TempDir())
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 10, Max: limit.Max}))
	wrapping := func(w io.Writer) error {
		_, err := w.Write(make([]byte, 1<<20))
		return fmt.Errorf("writing: %w", err)
	}
	wrapped := Write("net", wrapping)
	short := Write("net", func(w io.Writer) error { _, err := w.Write(make([]byte, 2<<10)); return err }) // in Flush
	folder := WriteFolder("model", []File{{"weights", wrapping}})
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	wantOnce(t, wrapped, "net")
	wantOnce(t, short, "net")
	wantOnce(t, folder, filepath.Join("model", "weights"))
	if !errors.Is(wrapped, syscall.EFBIG) {
		t.Errorf("error %v, want %v", wrapped, syscall.EFBIG)
	}
}

// wantOnce checks that an error names the path, once, and no temporary file.
func wantOnce(t *testing.T, err error, path string) {
	t.Helper()
	if err == nil || strings.Count(err.Error(), path) != 1 || strings.Contains(err.Error(), mark) {
		t.Errorf("error %v, want one that names %s once", err, path)
	}
}
