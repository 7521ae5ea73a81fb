package hub

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// makeRepository makes the snapshots of a repository, and refs/main where main is not "".
func makeRepository(t *testing.T, main string, snapshots ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range append(snapshots, ".hidden") {
		if err := os.MkdirAll(filepath.Join(root, "snapshots", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if main == "" {
		return root
	}
	if err := os.Mkdir(filepath.Join(root, "refs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "refs", "main"), []byte(main), 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestSnapshot(t *testing.T) {
	for _, c := range []struct {
		main      string
		snapshots []string
		want      string
	}{
		{"", []string{"aa"}, "aa"},
		{"bb\n", []string{"aa", "bb"}, "bb"},
		{"aa", []string{"aa"}, "aa"},
	} {
		root := makeRepository(t, c.main, c.snapshots...)
		got, err := Snapshot(root)
		if want := filepath.Join(root, "snapshots", c.want); err != nil || got != want {
			t.Errorf("main %q of %v: %q, %v, want %q", c.main, c.snapshots, got, err, want)
		}
	}
	if got, err := Snapshot(t.TempDir()); got != "" || err != nil {
		t.Errorf("a folder that is no repository: %q, %v", got, err)
	}
}

func TestSnapshotErrors(t *testing.T) {
	for _, c := range []struct {
		main      string
		snapshots []string
		several   bool
		words     string
	}{
		{"cc", []string{"aa", "bb"}, false, `refs/main names the snapshot "cc"`},
		{"../aa", []string{"aa"}, false, "not complete"},
		{".hidden", []string{"aa"}, false, "not complete"},
		{strings.Repeat("a", 5000), []string{"aa"}, false, "not complete"},
		{"", nil, false, "no snapshot"},
		{"", []string{"aa", "bb"}, true, "2 snapshots; open the path of one: aa, bb"},
	} {
		got, err := Snapshot(makeRepository(t, c.main, c.snapshots...))
		var e *Error
		if got != "" || !errors.As(err, &e) || e.Several != c.several || !strings.Contains(err.Error(), c.words) {
			t.Errorf("main %.10q of %v: %q, %v, want %q", c.main, c.snapshots, got, err, c.words)
		}
	}
	root := makeRepository(t, "", "aa")
	if err := os.MkdirAll(filepath.Join(root, "refs", "main"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Snapshot(root); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a folder in the place of refs/main: %v", err)
	}
}
