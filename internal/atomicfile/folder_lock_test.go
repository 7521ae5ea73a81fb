package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLockFolder: one at a time has the lock, by whatever path.
func TestLockFolder(t *testing.T) {
	dir := t.TempDir()
	folder, link := filepath.Join(dir, "x"), filepath.Join(dir, "link")
	must(t, os.Mkdir(folder, 0o777))
	release, err := LockFolder(folder)
	must(t, err)
	if hasLocks {
		paths := []string{folder, folder + "/."}
		if os.Symlink("x", link) == nil {
			paths = append(paths, link)
		}
		for _, path := range paths {
			var of *fs.PathError
			if _, err := LockFolder(path); !errors.Is(err, ErrBusy) || !errors.As(err, &of) || of.Path != path {
				t.Errorf("locked by way of %s meanwhile: %v", path, err)
			}
		}
	}
	release()
	release, err = LockFolder(folder)
	must(t, err)
	release()
	if _, err := LockFolder(filepath.Join(dir, "no")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	wantNames(t, folder)
}

// TestUnfinished: which names are those of files on their way, and of which files.
func TestUnfinished(t *testing.T) {
	for name, want := range map[string]string{
		".x.kss.ksparse-tmp-0123456789abcdef":  "x.kss",
		"..ksparse-tmp-0123456789abcdef":       "",
		".x.kss.ksparse-tmp-0123456789abcdeg":  "",
		".x.kss.ksparse-tmp-0123456789abcde":   "",
		"x.kss.ksparse-tmp-0123456789abcdef":   "",
		".x.kss.ksparse-tmp-0123456789abcdef0": "",
		"x.kss":                                "",
		".ksparse-tmp-0123456789abcdef":        "",
	} {
		if got, is := Unfinished(name); got != want || is != (want != "") && name[1] != '.' {
			t.Errorf("%s: %q, %v, want %q", name, got, is, want)
		}
	}
	dir := t.TempDir()
	p := place{dir: dir + string(filepath.Separator), name: "segment"}
	made, err := p.temporaryFile()
	must(t, err)
	defer made.end()
	if final, is := Unfinished(filepath.Base(made.path)); !is || final != "segment" || strings.Contains(final, mark) {
		t.Errorf("%s: %q, %v", made.path, final, is)
	}
}
