package tensor_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/internal/tensor"
)

func TestOpenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weights")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	first := func(r io.ReaderAt, size int64) (string, error) {
		b := make([]byte, size)
		err := tensor.ReadFull(r, b, 0)
		return string(b), err
	}
	got, f, err := tensor.OpenFile(path, first)
	if err != nil || got != "12345" {
		t.Fatalf("%q, %v", got, err)
	}
	if err := f.Close(); err != nil {
		t.Error("the file was not left open:", err)
	}
	var kept io.ReaderAt
	failed := errors.New("no weights")
	_, f, err = tensor.OpenFile(path, func(r io.ReaderAt, _ int64) (int, error) { kept = r; return 0, failed })
	if !errors.Is(err, failed) || strings.Contains(err.Error(), path) || f != nil {
		t.Errorf("error %v, want %v without the path", err, failed)
	}
	if _, err := kept.ReadAt(make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("reading after an error: %v, want a closed file", err)
	}
	if _, _, err := tensor.OpenFile(path+"x", first); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: error %v", err)
	}
}

func TestReadFull(t *testing.T) {
	r := strings.NewReader("12345")
	for offset, want := range map[int64]error{0: nil, 2: nil, 3: io.ErrUnexpectedEOF, 9: io.ErrUnexpectedEOF} {
		if err := tensor.ReadFull(r, make([]byte, 3), offset); !errors.Is(err, want) {
			t.Errorf("3 bytes at %d of 5: error %v, want %v", offset, err, want)
		}
	}
}
