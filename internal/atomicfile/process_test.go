package atomicfile

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestKilled: what a killed process leaves does not show, and the next write to the
// same path, of a file or a folder, removes it.
func TestKilled(t *testing.T) {
	for _, task := range []string{"file", "folder"} {
		for _, next := range []string{"file", "folder"} {
			dir := t.TempDir()
			path := filepath.Join(dir, "x")
			for range 3 {
				startChild(t, task, path, "new").kill(t)
			}
			other := startChild(t, task, filepath.Join(dir, "x2"), "new")
			other.kill(t)
			if left := leftIn(t, path); len(left) == 0 {
				t.Fatalf("nothing is left, so nothing is tested: %v", namesIn(t, dir))
			}
			if _, err := os.Lstat(path); err == nil {
				t.Errorf("a killed process has made the %s", task)
			}
			if next == "file" {
				must(t, Write(path, text("whole")))
				wantText(t, path, "whole")
			} else {
				must(t, WriteFolder(path, files("a", "whole")))
				wantText(t, filepath.Join(path, "a"), "whole")
			}
			if left := leftIn(t, path); len(left) > 0 && hasLocks {
				t.Errorf("%q is left", left)
			}
			if left := leftIn(t, filepath.Join(dir, "x2")); len(left) != 1 {
				t.Errorf("of another path %q is left, want what it was", left)
			}
		}
	}
}

// TestOtherProcess: a write that runs in another process is left alone, and the last
// one to end stays.
func TestOtherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	first, second := startChild(t, "file", path, "first"), startChild(t, "file", path, "second")
	must(t, Write(path, text("mine")))
	wantText(t, path, "mine")
	if left := leftIn(t, path); len(left) != 2 {
		t.Errorf("%q of two running writes is there", left)
	}
	second.goOn(t)
	wantText(t, path, string(large("second")))
	first.goOn(t)
	wantText(t, path, string(large("first")))
	wantNames(t, filepath.Dir(path), "x")

	folder := filepath.Join(t.TempDir(), "x")
	running := startChild(t, "folder", folder, "second")
	if err := WriteFolder(filepath.Join(filepath.Dir(folder), "y"), nil); err != nil {
		t.Error(err)
	}
	must(t, Write(folder, text("in the way")))
	if left := leftIn(t, folder); len(left) != 1 {
		t.Errorf("%q of a running write is there", left)
	}
	must(t, os.Remove(folder))
	running.goOn(t)
	wantText(t, filepath.Join(folder, "second"), string(large("second")))
	wantNames(t, filepath.Dir(folder), "x", "y")
}

// TestKilledAtAnyTime: processes that write the same file are killed at any time; the
// file is whole each time.
func TestKilledAtAnyTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	rounds := 10
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		children := []*child{startChild(t, "many", path, "a"), startChild(t, "many", path, "b")}
		time.Sleep(time.Duration(rand.IntN(int(10 * time.Millisecond))))
		for _, c := range children {
			c.kill(t)
		}
		got, err := os.ReadFile(path)
		if err != nil || len(got) < 2 || string(got) != string(large(string(got[:2]))) {
			t.Fatalf("round %d: the file is not whole (error %v)", round, err)
		}
	}
	must(t, Write(path, text("whole")))
	wantText(t, path, "whole")
	if hasLocks {
		wantNames(t, filepath.Dir(path), "x")
	}
}

// TestAbandoned: which files of a temporary name are removed.
func TestAbandoned(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	p := place{dir: dir + string(filepath.Separator), name: "x"}
	name := func(i int) string { return p.prefix() + fmt.Sprintf("%0*x", randomDigits, i) }
	kept := []string{name(1), name(2), p.prefix() + "1", p.prefix() + strings.Repeat("g", randomDigits), ".y" + mark + strings.Repeat("0", randomDigits), "x"}
	running.Store(name(1), nil) // by another goroutine
	defer running.Delete(name(1))
	for _, n := range append([]string{name(3)}, kept...) {
		if n != name(2) {
			must(t, os.WriteFile(filepath.Join(dir, n), nil, 0o600))
		}
	}
	if err := os.Symlink("x", filepath.Join(dir, name(2))); err != nil { // no write makes links
		t.Skip(err)
	}
	old := time.Now().Add(-2 * abandonedAfter)
	must(t, os.Chtimes(filepath.Join(dir, name(3)), old, old))
	must(t, Write(path, text("new")))
	for _, n := range kept {
		if _, err := os.Lstat(filepath.Join(dir, n)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, name(3))); err == nil {
		t.Errorf("%s is left", name(3))
	}
}
