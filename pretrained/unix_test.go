//go:build unix

package pretrained_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ksparse/ksparse/pretrained"
)

// TestPipes: a pipe in the place of a file that Open would read is not waited for.
func TestPipes(t *testing.T) {
	for _, name := range []string{"modules.json", "cfg.json", "config.json", "refs/main", "w.safetensors"} {
		folder := t.TempDir()
		for _, below := range []string{"refs", "snapshots/a"} {
			if name == "refs/main" {
				if err := os.MkdirAll(filepath.Join(folder, below), 0o700); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := syscall.Mkfifo(filepath.Join(folder, name), 0o600); err != nil {
			t.Skip(err)
		}
		write(t, filepath.Join(folder, "x.pt"), []byte("\x80\x02}q\x00."))
		done := make(chan error, 1)
		go func() {
			_, err := pretrained.Open(folder, pretrained.Options{})
			done <- err
		}()
		select {
		case err := <-done:
			if err == nil {
				t.Errorf("%s: it opens", name)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s is waited for", name)
		}
	}
}
