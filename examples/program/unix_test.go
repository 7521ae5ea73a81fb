//go:build unix

package program

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFullDiskInOtherProcess: where a file does not fit, the old one stays and nothing else
// is left. The limit is one of the process, which the tests' own log must not meet.
func TestFullDiskInOtherProcess(t *testing.T) {
	if os.Getenv("PROGRAM_LIMITED") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFullDiskInOtherProcess$")
		cmd.Env = append(os.Environ(), "PROGRAM_LIMITED=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	path := filepath.Join(t.TempDir(), "x")
	if err := WriteFile(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Skip(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	short := limit
	short.Cur = 1 << 10
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &short); err != nil {
		t.Skip(err)
	}
	err := WriteFile(path, make([]byte, 1<<20))
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if err == nil || !strings.Contains(err.Error(), path+":") {
		t.Errorf("error %v, want one of %s", err, path)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "old" {
		t.Errorf("the old file has %d bytes, %v", len(text), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("%v lie there, %v", entries, err)
	}
}
