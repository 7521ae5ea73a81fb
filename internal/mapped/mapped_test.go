package mapped

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// newFile makes a file of random bytes and opens it in a Set that the test closes. It counts as read before.
func newFile(t *testing.T, size int) (f *File, path string, contents []byte) {
	t.Helper()
	contents = make([]byte, size)
	rng := rand.NewChaCha8([32]byte{byte(size)})
	rng.Read(contents)
	path = filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, contents, 0o600); err != nil {
		t.Fatal(err)
	}
	set := new(Set)
	f, err := set.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	f.asked = f.Size()
	return f, path, contents
}

// needMapping skips a test where files are not mapped.
func needMapping(t *testing.T, f *File) {
	t.Helper()
	if f.bytes == nil {
		t.Skip("files are not mapped here")
	}
}

// TestView compares bytes in place with what was written: at any place, and through sections.
func TestView(t *testing.T) {
	const size = 3<<20 + 77
	f, _, contents := newFile(t, size)
	needMapping(t, f)
	outer := io.NewSectionReader(f, 5, size-11)
	inner := io.NewSectionReader(outer, 3, size-20)
	rng := rand.New(rand.NewPCG(1, 0))
	for range 200 {
		n := fewest + rng.IntN(size-20-fewest)
		at := rng.IntN(size - 20 - n + 1)
		for _, c := range []struct {
			r     io.ReaderAt
			start int
		}{{f, 0}, {outer, 5}, {inner, 8}} {
			calls := 0
			done, err := View(c.r, int64(at), n, func(b []byte) error {
				calls++
				if !bytes.Equal(b, contents[c.start+at:][:n]) {
					t.Errorf("%d bytes at %d of a section from %d: others", n, at, c.start)
				}
				return nil
			})
			if !done || err != nil || calls != 1 {
				t.Fatalf("%d bytes at %d of a section from %d: done %v, %d calls, %v", n, at, c.start, done, calls, err)
			}
		}
	}
	failed := errors.New("failed")
	if done, err := View(f, 0, fewest, func([]byte) error { return failed }); !done || err != failed {
		t.Errorf("an error of use: %v, %v", done, err)
	}
}

// TestFirstTime: nothing is given in place before as many bytes were asked for as the file has.
func TestFirstTime(t *testing.T) {
	f, _, _ := newFile(t, 3*fewest)
	needMapping(t, f)
	f.asked = 0
	for i, want := range []bool{false, false, false, true, true} {
		if done, err := View(f, int64(i%3*fewest), fewest, func([]byte) error { return nil }); done != want || err != nil {
			t.Errorf("use %d: %v, %v, want %v", i, done, err, want)
		}
	}
}

// TestViewDeclines: what is left to be read.
func TestViewDeclines(t *testing.T) {
	const size = 1 << 20
	f, _, contents := newFile(t, size)
	empty, _, _ := newFile(t, 0)
	for what, c := range map[string]struct {
		r      io.ReaderAt
		offset int64
		n      int
	}{
		"few bytes":                   {f, 0, fewest - 1},
		"beyond the end":              {f, 1, size},
		"far beyond the end":          {f, 1 << 62, fewest},
		"beyond the end of a section": {io.NewSectionReader(f, 0, 2*fewest), fewest + 1, fewest},
		"before a section":            {io.NewSectionReader(f, 100, size-100), -1, fewest},
		"no file":                     {bytes.NewReader(contents), 0, size},
		"an empty file":               {empty, 0, fewest},
	} {
		done, err := View(c.r, c.offset, c.n, func([]byte) error { t.Errorf("%s: use was called", what); return nil })
		if done || err != nil {
			t.Errorf("%s: %v, %v", what, done, err)
		}
	}
	unmapped, _, want := newFile(t, size)
	if unmapped.bytes != nil {
		unmap(unmapped.bytes)
		unmapped.bytes = nil
	}
	if done, err := View(unmapped, 0, size, nil); done || err != nil {
		t.Errorf("without a mapping: %v, %v", done, err)
	}
	got := make([]byte, size)
	if n, err := unmapped.ReadAt(got, 0); n != size || err != nil || !bytes.Equal(got, want) {
		t.Errorf("read without a mapping: %d, %v", n, err)
	}
}

// TestCut: a file that is cut while its bytes are in use, within the last page that is left and far
// before it, and one that was cut before.
func TestCut(t *testing.T) {
	const size = 1 << 20
	for _, left := range []int64{0, 1, 100_000, size - 5000, size - 1} {
		f, path, _ := newFile(t, size)
		needMapping(t, f)
		sum := 0
		cut := func(b []byte) error {
			if err := os.Truncate(path, left); err != nil {
				return err
			}
			for _, v := range b {
				sum += int(v)
			}
			return nil
		}
		done, err := View(f, 0, size, cut)
		if runtime.GOOS == "windows" && err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Skip("a mapped file cannot be cut here:", err)
		}
		if !done || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut to %d bytes while it is in use: %v, %v", left, done, err)
		}
		if done, err := View(f, 0, size, func([]byte) error { return nil }); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || err == nil && done {
			t.Errorf("cut to %d bytes before: %v, %v", left, done, err)
		}
	}
}

// TestOtherPanics: a panic that is none of the file's goes on, a fault at another place too.
func TestOtherPanics(t *testing.T) {
	f, _, _ := newFile(t, fewest)
	needMapping(t, f)
	for what, use := range map[string]func([]byte) error{
		"a panic":       func([]byte) error { panic("mine") },
		"a nil pointer": func([]byte) error { var p *[2]int; p[1]++; return nil },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was swallowed", what)
				}
			}()
			View(f, 0, fewest, use)
		}()
	}
	if done, err := View(f, 0, fewest, func([]byte) error { return nil }); !done || err != nil {
		t.Errorf("afterwards: %v, %v", done, err)
	}
}

// TestClose: bytes in use stay, whoever closes the files; later reads give os.ErrClosed.
func TestClose(t *testing.T) {
	const size = 1 << 20
	f, path, contents := newFile(t, size)
	needMapping(t, f)
	done, err := View(f, 0, size, func(b []byte) error {
		if err := f.set.Close(); err != nil {
			t.Error(err)
		}
		if !bytes.Equal(b, contents) {
			t.Error("the bytes in use have changed")
		}
		return nil
	})
	if !done || err != nil {
		t.Errorf("%v, %v", done, err)
	}
	if f.file != nil || f.bytes != nil {
		t.Error("the last use did not close the file")
	}
	if done, err := View(f, 0, size, nil); done || !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v, %v", done, err)
	}
	if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("ReadAt after Close: %v", err)
	}
	if _, err := f.set.Open(path); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Open after Close: %v", err)
	}
	if err := f.set.Close(); err != os.ErrClosed {
		t.Errorf("a second Close: %v", err)
	}
}

// TestConcurrently reads more files than are open at a time from several goroutines, one of which
// closes them: each read gives the right bytes, or os.ErrClosed.
func TestConcurrently(t *testing.T) {
	const files, size, readers = maxOpen + 20, 70_000, 4
	folder, set := t.TempDir(), new(Set)
	list := make([]*File, files)
	for i := range list {
		path := filepath.Join(folder, string(rune('A'+i)))
		if err := os.WriteFile(path, bytes.Repeat([]byte{byte(i)}, size), 0o600); err != nil {
			t.Fatal(err)
		}
		var err error
		if list[i], err = set.Open(path); err != nil {
			t.Fatal(err)
		}
	}
	if len(set.open) != maxOpen {
		t.Errorf("%d files are open, want %d", len(set.open), maxOpen)
	}
	var wg sync.WaitGroup
	for g := range readers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			b := make([]byte, 10)
			for turn := range 1000 {
				if g == 0 && turn == 500 {
					set.Close()
				}
				i := (turn*7 + g*50) % files
				check := func(b []byte) error {
					if b[0] != byte(i) || b[len(b)-1] != byte(i) {
						t.Errorf("file %d holds %d", i, b[0])
					}
					return nil
				}
				_, err := View(list[i], 1000, fewest, check)
				if err == nil {
					if _, err = list[i].ReadAt(b, size-10); err == nil {
						check(b)
					}
				}
				if errors.Is(err, os.ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
				}
			}
			if g == 0 {
				t.Error("files were read after Close")
			}
		}()
	}
	wg.Wait()
	for i, f := range list {
		if f.file != nil || f.bytes != nil || f.users != 0 {
			t.Errorf("file %d is still open", i)
		}
	}
}

// TestAnotherFile: a path where another file is by the time that it is opened again.
func TestAnotherFile(t *testing.T) {
	f, path, _ := newFile(t, fewest)
	f.set.mu.Lock()
	f.release()
	f.set.open = nil
	f.set.mu.Unlock()
	if err := os.Rename(path, path+"x"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, fewest), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("another file was read")
	}
}
