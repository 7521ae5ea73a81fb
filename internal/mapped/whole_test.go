package mapped

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
)

// openWhole opens a file of random bytes as a Whole.
func openWhole(t *testing.T, size int) (w *Whole, path string, contents []byte) {
	t.Helper()
	_, path, contents = newFile(t, size)
	w, err := OpenWhole(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, path, contents
}

// TestWhole compares the bytes with what was written, and opens what is no file.
func TestWhole(t *testing.T) {
	for _, size := range []int{0, 1, 7, 8, 5000, 1 << 20} {
		w, _, contents := openWhole(t, size)
		if !bytes.Equal(w.Bytes(), contents) {
			t.Errorf("%d bytes are others", size)
		}
		for range 2 {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := OpenWhole(t.TempDir()); err == nil {
		t.Error("a folder was opened")
	}
	if _, err := OpenWhole(filepath.Join(t.TempDir(), "no")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestWholeFault: a file that is cut while it is in use; and other panics, which are left alone.
func TestWholeFault(t *testing.T) {
	w, path, _ := openWhole(t, 1<<20)
	other, _, _ := openWhole(t, 1<<20)
	if !w.Mapped() {
		t.Skip("files are not mapped here")
	}
	if err := os.Truncate(path, 10_000); err != nil {
		t.Skip("a mapped file cannot be cut here:", err)
	}
	if err := w.Check(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that was cut: %v", err)
	}
	if err := other.Check(); err != nil {
		t.Errorf("a whole file: %v", err)
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	recovered := func(f func()) (p any) {
		defer func() { p = recover() }()
		f()
		return nil
	}
	sum := 0
	p := recovered(func() {
		for _, b := range w.Bytes() {
			sum += int(b)
		}
	})
	if err := w.Fault(p); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that was cut: %v", err)
	}
	if err := other.Fault(p); err != nil {
		t.Errorf("another file: %v", err)
	}
	for _, p := range []any{nil, "other", recovered(func() { _ = w.Bytes()[w.Bytes()[0]:][1<<21] })} {
		if err := w.Fault(p); err != nil {
			t.Errorf("a fault was made of %v: %v", p, err)
		}
	}
}
