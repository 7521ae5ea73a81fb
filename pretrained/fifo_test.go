//go:build unix

package pretrained_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ksparse/ksparse/pretrained"
)

// TestPipes: no configuration is read from a named pipe, which would wait for ever.
func TestPipes(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"cfg.json", "cfg.json is no regular file"}, {"modules.json", ""}, {"other.json", ""},
	} {
		folder := edited(t, "sparsify_topk_2025", nil)
		path := filepath.Join(folder, c.name)
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(path, 0o666); err != nil {
			t.Skip(err)
		}
		_, err := pretrained.Open(folder, pretrained.Options{})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
