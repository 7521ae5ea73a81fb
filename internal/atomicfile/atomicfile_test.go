package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "net.ksp")
	for _, contents := range []string{"first", "", strings.Repeat("larger than the buffer ", 10000), "last"} {
		must(t, Write(path, text(contents)))
		wantText(t, path, contents)
	}
	wantNames(t, dir, "net.ksp")
	t.Chdir(dir)
	must(t, Write("here", text("in the working directory")))
	wantText(t, "here", "in the working directory")
	must(t, Write("./net.ksp", text("again")))
	wantText(t, path, "again")
	wantNames(t, dir, "here", "net.ksp")
}

func TestWriteFolder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model")
	must(t, WriteFolder(path, files("cfg.json", "{}", "weights", "1 2 3")))
	wantText(t, filepath.Join(path, "cfg.json"), "{}")
	wantText(t, filepath.Join(path, "weights"), "1 2 3")
	wantNames(t, path, "cfg.json", "weights")
	must(t, os.Mkdir(filepath.Join(dir, "empty"), 0o777))
	must(t, WriteFolder(filepath.Join(dir, "empty")+string(filepath.Separator), files("a", "b")))
	wantText(t, filepath.Join(dir, "empty", "a"), "b")
	t.Chdir(dir)
	must(t, WriteFolder("here", nil))
	wantNames(t, "here")
	wantNames(t, dir, "empty", "here", "model")
}

func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permission bits")
	}
	dir := t.TempDir()
	for i, mode := range []fs.FileMode{0o600, 0o640, 0o666, 0o444, 0o755} {
		path := filepath.Join(dir, fmt.Sprint("file", i))
		must(t, os.WriteFile(path, nil, 0o600))
		must(t, os.Chmod(path, mode))
		must(t, Write(path, func(w io.Writer) error {
			for _, name := range leftIn(t, path) {
				info, err := os.Stat(filepath.Join(dir, name))
				if err != nil || info.Mode()&^0o200&^mode != 0 {
					t.Errorf("while it is written the file that replaces one of mode %v has mode %v (error %v)", mode, info.Mode(), err)
				}
			}
			return text("new")(w)
		}))
		wantMode(t, path, mode)
		wantText(t, path, "new")
	}
	for i, mode := range []fs.FileMode{0o700, 0o750, 0o777, 0o500, 0o770 | fs.ModeSetgid} {
		path := filepath.Join(dir, fmt.Sprint("folder", i))
		must(t, os.Mkdir(path, 0o700))
		must(t, os.Chmod(path, mode))
		must(t, WriteFolder(path, files("a", "b")))
		wantMode(t, path, mode|fs.ModeDir)
		wantText(t, filepath.Join(path, "a"), "b")
		must(t, os.Chmod(path, 0o700)) // for the removal
	}
}

// TestLinks: a link stays, and what it leads to is replaced.
func TestLinks(t *testing.T) {
	for _, c := range []struct{ what, link, target string }{
		{"file beside it", "link", "old"},
		{"file elsewhere", "link", filepath.Join("sub", "old")},
		{"file up from a linked folder", filepath.Join("linked", "link"), filepath.Join("..", "up")}, // which is far/up
		{"new file", "link", "new"},
		{"new file elsewhere", "link", filepath.Join("sub", "new")},
	} {
		dir := t.TempDir()
		must(t, os.MkdirAll(filepath.Join(dir, "far", "away"), 0o777))
		must(t, os.Mkdir(filepath.Join(dir, "sub"), 0o777))
		if err := os.Symlink(filepath.Join("far", "away"), filepath.Join(dir, "linked")); err != nil {
			t.Skip(err)
		}
		for _, old := range []string{"old", filepath.Join("sub", "old"), filepath.Join("far", "up")} {
			must(t, os.WriteFile(filepath.Join(dir, old), []byte("old"), 0o600))
		}
		link := filepath.Join(dir, c.link)
		must(t, os.Symlink(c.target, link))
		must(t, os.Symlink(link, filepath.Join(dir, "to link")))
		for _, path := range []string{link, filepath.Join(dir, "to link")} {
			contents := "new through " + path
			if err := Write(path, text(contents)); err != nil {
				t.Errorf("%s: %v", c.what, err)
			}
			wantText(t, link, contents)
			if to, err := os.Readlink(link); err != nil || to != c.target {
				t.Errorf("%s: the link leads to %q (error %v), want %q", c.what, to, err, c.target)
			}
		}
		wantText(t, filepath.Join(dir, "old"), map[bool]string{true: "new through " + filepath.Join(dir, "to link"), false: "old"}[c.target == "old"])
	}
}

func TestFolderLinks(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "empty"), 0o700))
	for link, target := range map[string]string{"a": "empty", "b": "not there yet", "c": "with a separator" + string(filepath.Separator)} {
		path := filepath.Join(dir, link)
		if err := os.Symlink(target, path); err != nil {
			t.Skip(err)
		}
		must(t, WriteFolder(path, files("x", "y")))
		wantText(t, filepath.Join(dir, target, "x"), "y")
		if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeSymlink {
			t.Errorf("the link is %v (error %v)", info, err)
		}
	}
	if runtime.GOOS != "windows" {
		wantMode(t, filepath.Join(dir, "empty"), 0o700|fs.ModeDir)
	}
	wantNames(t, dir, "a", "b", "c", "empty", "not there yet", "with a separator")
}

// TestRefused: an error that changes nothing, before anything is written.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	must(t, os.Mkdir("full", 0o700))
	must(t, os.Mkdir("empty", 0o700))
	must(t, os.WriteFile(filepath.Join("full", "x"), nil, 0o600))
	must(t, os.WriteFile("file", []byte("old"), 0o600))
	nowhere := filepath.Join("no", "such")
	links := map[string]string{"circle": "circle", "lost": nowhere, "to full": "full", "to device": os.DevNull, "to empty": "empty", "to file": "file"}
	for name, target := range links {
		if err := os.Symlink(target, name); err != nil {
			t.Skip(err)
		}
	}
	before := namesIn(t, ".")
	type refusal struct {
		path  string
		want  error  // nil for any
		names string // that the error has
	}
	for _, c := range []refusal{
		{"full", fs.ErrExist, "full"}, {"empty", fs.ErrExist, "regular"}, {".", fs.ErrExist, "regular"}, {"full" + string(filepath.Separator), fs.ErrExist, "regular"},
		{"to full", fs.ErrExist, "full"}, {"to empty", fs.ErrExist, "empty"}, {os.DevNull, fs.ErrExist, os.DevNull}, {"to device", fs.ErrExist, os.DevNull},
		{filepath.Join(nowhere, "x"), fs.ErrNotExist, nowhere}, {filepath.Join("no", "x"), fs.ErrNotExist, "no"}, {"lost", fs.ErrNotExist, "no"},
		{filepath.Join("file", "x"), nil, "file"}, {"circle", nil, "circle"}, {"", fs.ErrInvalid, ""}, {"new" + string(filepath.Separator), fs.ErrInvalid, "new"},
		{"a\x00b", nil, ""}, {strings.Repeat("x", 5000), nil, ""},
	} {
		err := Write(c.path, func(io.Writer) error { t.Errorf("%.40q is written", c.path); return nil })
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.names) {
			t.Errorf("Write %.40q: error %v, want %v with %q", c.path, err, c.want, c.names)
		}
	}
	for _, c := range []refusal{
		{"full", fs.ErrExist, "full"}, {"to full", fs.ErrExist, "full"}, {"file", fs.ErrExist, "file"}, {"to file", fs.ErrExist, "file"}, {os.DevNull, fs.ErrExist, os.DevNull},
		{filepath.Join(nowhere, "x"), fs.ErrNotExist, nowhere}, {"lost", fs.ErrNotExist, "no"}, {filepath.Join("file", "x"), nil, "file"},
		{"circle", nil, "circle"}, {"", fs.ErrInvalid, ""}, {"a\x00b", nil, ""}, {".", fs.ErrExist, ""}, {string(filepath.Separator), fs.ErrExist, ""},
		{filepath.Join("empty") + string(filepath.Separator) + ".", fs.ErrInvalid, ""},
	} {
		err := WriteFolder(c.path, []File{{"x", func(io.Writer) error { t.Errorf("%q is written", c.path); return nil }}})
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.names) {
			t.Errorf("WriteFolder %q: error %v, want %v with %q", c.path, err, c.want, c.names)
		}
	}
	for _, name := range []string{"", ".", "..", filepath.Join("a", "b"), filepath.Join("..", "x"), string(filepath.Separator) + "x"} {
		if err := WriteFolder("new", files(name, "y")); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("a file named %q: error %v", name, err)
		}
	}
	if err := WriteFolder("new", files("x", "y", "x", "z")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a name that is there twice: error %v", err)
	}
	wantText(t, "file", "old")
	wantNames(t, "empty")
	wantNames(t, ".", before...)
}

// TestFailedWrite: after an error or a panic all is as it was.
func TestFailedWrite(t *testing.T) {
	dir := t.TempDir()
	path, empty := filepath.Join(dir, "file"), filepath.Join(dir, "empty")
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	must(t, os.Mkdir(empty, 0o500))
	full := errors.New("full")
	for what, end := range map[string]func() error{
		"an error": func() error { return full },
		"a panic":  func() error { panic(full) },
		"an exit":  func() error { runtime.Goexit(); return nil },
	} {
		broken := func(w io.Writer) error {
			if _, err := w.Write(large("new")); err != nil {
				t.Error(err)
			}
			return end()
		}
		for _, try := range []func() error{
			func() error { return Write(path, broken) },
			func() error { return Write(filepath.Join(dir, "new"), broken) },
			func() error { return WriteFolder(empty, []File{{"a", text("b")}, {"c", broken}}) },
			func() error { return WriteFolder(filepath.Join(dir, "new"), []File{{"a", text("b")}, {"c", broken}}) },
		} {
			var err error
			var panicked any
			var wait sync.WaitGroup
			wait.Add(1)
			go func() {
				defer wait.Done()
				defer func() { panicked = recover() }()
				err = try()
			}()
			wait.Wait()
			if what == "an error" && err != full || what == "a panic" && panicked != full {
				t.Errorf("%s: error %v, panic %v", what, err, panicked)
			}
			wantNames(t, dir, "empty", "file")
			wantNames(t, empty)
			wantText(t, path, "old")
		}
	}
	running.Range(func(name, _ any) bool { t.Errorf("%v counts as running", name); return true })
	// The file became something else while it was written.
	changed := func(w io.Writer) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700), text("new")(w)) }
	if err := Write(path, changed); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the file became a folder: error %v", err)
	}
	filled := func(w io.Writer) error { return os.WriteFile(filepath.Join(empty, "x"), nil, 0o600) }
	must(t, os.Chmod(empty, 0o700))
	if err := WriteFolder(empty, []File{{"a", filled}}); err == nil {
		t.Error("a folder that was no longer empty was replaced")
	}
	wantNames(t, dir, "empty", "file")
	wantNames(t, empty, "x")
	if err := Write(filepath.Join(dir, "new"), func(w io.Writer) error { _, err := io.Copy(w, iotest.ErrReader(full)); return err }); !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
}

// TestLongNames: with the longest name that there can be the temporary name is not
// too long.
func TestLongNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{strings.Repeat("x", 255), "y" + strings.Repeat("\u20ac", 84), strings.Repeat("\U0001F600", 63), strings.Repeat("x", maxStem), strings.Repeat("x", maxStem+1)} {
		path := filepath.Join(dir, name)
		for range 2 {
			must(t, Write(path, text(name)))
		}
		wantText(t, path, name)
		must(t, os.Remove(path))
		must(t, WriteFolder(path, files(name, "z")))
		wantText(t, filepath.Join(path, name), "z")
		p := place{name: name}
		if n := len(p.prefix()) + randomDigits; n > 143 {
			t.Errorf("a temporary name of %d bytes", n)
		}
	}
	a, b := place{name: strings.Repeat("x", 255)}, place{name: strings.Repeat("x", 254)}
	if a.prefix() == b.prefix() {
		t.Error("two names share their temporary names")
	}
	if err := Write(filepath.Join(dir, strings.Repeat("x", 256)), text("")); runtime.GOOS == "linux" && err == nil {
		t.Error("a name of 256 bytes was written")
	}
	for _, e := range namesIn(t, dir) {
		if strings.Contains(e, mark) {
			t.Errorf("%s is left behind", e)
		}
	}
}

// TestWriteConcurrently: the file is whole at any time, and each call ends well.
func TestWriteConcurrently(t *testing.T) {
	dir := t.TempDir()
	path, folder := filepath.Join(dir, "file"), filepath.Join(dir, "folder")
	var wait sync.WaitGroup
	var made sync.Map
	const writers, writes = 4, 8
	for i := range writers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for range writes {
				word := fmt.Sprint(i)
				if err := Write(path, text(string(large(word)))); err != nil {
					t.Error(err)
				}
				if got, err := os.ReadFile(path); err != nil || string(got) != string(large(string(got[:1]))) {
					t.Errorf("the file is not whole (error %v)", err)
				}
			}
			switch err := WriteFolder(folder, files("a", fmt.Sprint(i), "b", fmt.Sprint(i))); {
			case err == nil:
				made.Store(i, true)
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		}()
	}
	wait.Wait()
	count := 0
	made.Range(func(i, _ any) bool {
		count++
		wantText(t, filepath.Join(folder, "a"), fmt.Sprint(i))
		wantText(t, filepath.Join(folder, "b"), fmt.Sprint(i))
		return true
	})
	if count != 1 && runtime.GOOS != "windows" {
		t.Errorf("%d writes of one folder ended well, want 1", count)
	}
	wantNames(t, dir, "file", "folder")
}

// TestNested: a write within a write of the same path has a temporary file of its own.
func TestNested(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	must(t, Write(path, func(w io.Writer) error {
		must(t, Write(path, text("inner")))
		wantText(t, path, "inner")
		return text("outer")(w)
	}))
	wantText(t, path, "outer")
	wantNames(t, dir, "file")
}
