package search

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/internal/atomicfile"
)

// smallCodes returns codes of 50 latents, which seed determines.
func smallCodes(rows int, seed uint64) *memoryCodes {
	r := rand.New(rand.NewPCG(seed, 9))
	c := newMemoryCodes(50)
	for range rows {
		c.add(randomRow(r, 50, 8, valueKinds[0].next))
	}
	return c
}

// built returns an index of codes.
func built(t testing.TB, c *memoryCodes) *Index {
	t.Helper()
	x, err := Build(ctx, codefile.FromCodes(c.codes(t)), Options{})
	must(t, err)
	return x
}

// wantRows fails the test unless x has these rows, and finds what a brute force finds.
func wantRows(t *testing.T, x *Index, c *memoryCodes, deleted map[int64]bool) {
	t.Helper()
	if rows, latents := x.Dims(); rows != len(c.rows)-len(deleted) || latents != c.latents {
		t.Errorf("the index has %d rows and %d latents, want %d and %d", rows, latents, len(c.rows)-len(deleted), c.latents)
	}
	r := rand.New(rand.NewPCG(6, 6))
	all := trial{codes: c, deleted: deleted, index: x}
	for range 20 {
		if differs := all.compare(r); differs != "" {
			t.Fatal(differs)
		}
	}
	var code ksparse.Codes
	for id := range int64(len(c.rows)) {
		err := x.Code(&code, id)
		if deleted[id] {
			if !errors.Is(err, ksparse.ErrRange) {
				t.Fatalf("the code of row %d, which is deleted: %v", id, err)
			}
			continue
		}
		must(t, err)
		if js, values := code.Row(0); !slices.Equal(js, c.rows[id]) || !slices.Equal(values, c.values[id]) {
			t.Fatalf("row %d has the code %v %v, want %v %v", id, js, values, c.rows[id], c.values[id])
		}
	}
}

// segmentsIn returns the names of the segments in a folder.
func segmentsIn(t *testing.T, path string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(path, "segment-*.kss"))
	must(t, err)
	return names
}

// TestSave: an index that is saved, opened, changed and saved again, in the same folder.
func TestSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	c := smallCodes(3000, 1)
	must(t, built(t, c.part(0, 1000)).Save(path))
	first, err := Open(path)
	must(t, err)
	defer first.Close()
	wantRows(t, first, c.part(0, 1000), nil)
	before, err := os.Stat(segmentsIn(t, path)[0])
	must(t, err)

	second, err := first.Add(ctx, codefile.FromCodes(c.part(1000, 3000).codes(t)), Options{})
	must(t, err)
	second, n, err := second.Delete(NewIDs(5, 999, 1000, 2999))
	if must(t, err); n != 4 {
		t.Fatalf("%d rows deleted", n)
	}
	deleted := map[int64]bool{5: true, 999: true, 1000: true, 2999: true}
	must(t, second.Save(path))
	wantRows(t, second, c, deleted)
	if after, err := os.Stat(segmentsIn(t, path)[0]); err != nil || len(segmentsIn(t, path)) != 2 {
		t.Errorf("%v, segments %q", err, segmentsIn(t, path))
	} else if other, err := os.Stat(segmentsIn(t, path)[1]); err != nil || !os.SameFile(before, after) && !os.SameFile(before, other) {
		t.Error("a segment that was there was written again")
	}
	third, err := Open(path)
	must(t, err)
	wantRows(t, third, c, deleted)

	merged, err := third.Merge(ctx, nil)
	must(t, err)
	must(t, merged.Save(path))
	must(t, third.Close())
	if names := segmentsIn(t, path); len(names) != 1 {
		t.Errorf("after a merge: %q", names)
	}
	wantRows(t, first, c.part(0, 1000), nil) // it has its files still
	last, err := Open(path)
	must(t, err)
	defer last.Close()
	wantRows(t, last, c, deleted)
	if s := last.Stats(); s.Segments != 1 || s.Deleted != 0 || s.Rows != 2996 {
		t.Errorf("after a merge: %+v", s)
	}
	more, err := last.Add(ctx, codefile.FromCodes(c.part(0, 1).codes(t)), Options{})
	must(t, err)
	var code ksparse.Codes
	must(t, more.Code(&code, 3000)) // 2999 was deleted, and its number is not given again
}

// TestSaveNothing: an index without rows is one, too.
func TestSaveNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	x, n, err := built(t, smallCodes(2, 1)).Delete(NewIDs(0, 1))
	if must(t, err); n != 2 {
		t.Fatalf("%d rows deleted", n)
	}
	x, err = x.Merge(ctx, nil)
	must(t, err)
	must(t, x.Save(path))
	y, err := Open(path)
	must(t, err)
	defer y.Close()
	if hits, err := y.ByCode(nil, []int32{1}, []float64{1}, 3, nil); err != nil || len(hits) != 0 {
		t.Errorf("%v, %v", hits, err)
	}
	if s := y.Stats(); s.Rows != 0 || s.Segments != 0 || len(s.Warnings) > 0 {
		t.Errorf("%+v", s)
	}
	z, err := y.Add(ctx, codefile.FromCodes(smallCodes(4, 2).codes(t)), Options{})
	must(t, err)
	var code ksparse.Codes
	must(t, z.Code(&code, 5))
}

// TestSaveSame: the same rows give the same bytes, whatever the number of processors.
func TestSaveSame(t *testing.T) {
	c := smallCodes(3*blockRows+5, 4)
	var first []byte
	for _, processors := range []int{1, 2, 5} {
		old := runtime.GOMAXPROCS(processors)
		path := filepath.Join(t.TempDir(), "index")
		must(t, built(t, c).Save(path))
		runtime.GOMAXPROCS(old)
		b, err := os.ReadFile(segmentsIn(t, path)[0])
		must(t, err)
		if first == nil {
			first = b
		} else if string(b) != string(first) {
			t.Errorf("%d processors write another file", processors)
		}
	}
}

// TestSaveRefuses: where an index is not written, and what stays.
func TestSaveRefuses(t *testing.T) {
	x := built(t, smallCodes(10, 1))
	folder := t.TempDir()
	must(t, os.WriteFile(filepath.Join(folder, "notes.txt"), []byte("mine"), 0o600))
	for path, cause := range map[string]error{
		folder:                                  fs.ErrExist,
		filepath.Join(folder, "notes.txt"):      nil,
		filepath.Join(folder, "no", "such"):     fs.ErrNotExist,
		filepath.Join(folder, "notes.txt", "x"): nil,
	} {
		if err := x.Save(path); err == nil || cause != nil && !errors.Is(err, cause) || !strings.Contains(err.Error(), path) {
			t.Errorf("saved to %s: %v", path, err)
		}
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Errorf("%v is in the folder, %v", entries, err)
	}
	// What other software puts beside an index stays.
	path := filepath.Join(folder, "index")
	must(t, x.Save(path))
	others := []string{"notes.txt", "segment-1.kss", "segment-0123456789abcdef.txt", ".hidden"}
	for _, name := range others {
		must(t, os.WriteFile(filepath.Join(path, name), []byte("mine"), 0o600))
	}
	must(t, built(t, smallCodes(10, 2)).Save(path))
	for _, name := range others {
		if b, err := os.ReadFile(filepath.Join(path, name)); err != nil || string(b) != "mine" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	release, err := atomicfile.LockFolder(path)
	must(t, err)
	defer release()
	if again, err := atomicfile.LockFolder(path); err == nil { // no locks here
		again()
	} else if err := x.Save(path); !errors.Is(err, atomicfile.ErrBusy) {
		t.Errorf("saved while another does: %v", err)
	}
}

// TestOpenRefuses: folders that hold no index, and files that are missing or of another one.
func TestOpenRefuses(t *testing.T) {
	empty := t.TempDir()
	if _, err := Open(empty); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "holds no whole index") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := Open(filepath.Join(empty, "no")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	path, other := filepath.Join(empty, "index"), filepath.Join(empty, "other")
	must(t, built(t, smallCodes(30, 1)).Save(path))
	must(t, built(t, smallCodes(31, 1)).Save(other))
	name := segmentsIn(t, path)[0]
	b, err := os.ReadFile(segmentsIn(t, other)[0])
	must(t, err)
	must(t, os.WriteFile(name, b, 0o600))
	if _, err := Open(path); !errors.Is(err, ksparse.ErrFormat) || !strings.Contains(err.Error(), name) {
		t.Errorf("a segment of another index: %v", err)
	}
	must(t, os.Remove(name))
	if _, err := Open(path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), name) {
		t.Errorf("a segment is missing: %v", err)
	}
}

// TestCut: of a file that is cut short while it is in use, by a byte or by most of it, nothing is given, and nothing
// is saved elsewhere.
func TestCut(t *testing.T) {
	c := smallCodes(20_000, 3)
	for _, left := range []int64{0, 5000, 100_000, -1} {
		path := filepath.Join(t.TempDir(), "index")
		must(t, built(t, c).Save(path))
		x, err := Open(path)
		must(t, err)
		defer x.Close()
		_, err = x.ByCode(nil, c.rows[1], c.values[1], 3, nil)
		must(t, err)
		contents := x.parts[0].file.contents
		if !contents.Mapped() {
			t.Skip("files are not mapped here")
		}
		if left < 0 {
			left += int64(len(contents.Bytes()))
		}
		if err := os.Truncate(segmentsIn(t, path)[0], left); err != nil {
			t.Skip("a mapped file cannot be cut here:", err)
		}
		for i := range 50 {
			before := []Hit{{7, 7}}
			hits, err := x.ByCode(before, c.rows[i], c.values[i], 3, nil)
			if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), path) || !slices.Equal(hits, before) {
				t.Fatalf("of a file that was cut to %d bytes: %v, %v", left, hits, err)
			}
		}
		other := filepath.Join(t.TempDir(), "index")
		if err := x.Save(other); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("saved what was cut to %d bytes: %v", left, err)
		}
		if _, err := Open(other); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("saved what was cut to %d bytes, and opened it: %v", left, err)
		}
	}
	wantRows(t, built(t, c), c, nil) // the memory of searches that failed is not used again
}

// TestClose: what a closed index does, and what others that share its files do.
func TestClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	c := smallCodes(100, 1)
	must(t, built(t, c).Save(path))
	x, err := Open(path)
	must(t, err)
	y, _, err := x.Delete(NewIDs(1))
	must(t, err)
	must(t, x.Close())
	_, byCode := x.ByCode(nil, c.rows[0], c.values[0], 1, nil)
	_, explain := x.Explain(0, c.rows[0], c.values[0])
	_, add := x.Add(ctx, codefile.FromCodes(c.codes(t)), Options{})
	_, _, remove := x.Delete(NewIDs(1))
	_, merge := x.Merge(ctx, nil)
	for what, err := range map[string]error{"ByCode": byCode, "Explain": explain, "Add": add, "Delete": remove, "Merge": merge,
		"Code": x.Code(new(ksparse.Codes), 0), "Save": x.Save(path), "Close": x.Close()} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s of a closed index: %v", what, err)
		}
	}
	if s := x.Stats(); s.Rows != 100 {
		t.Errorf("statistics of a closed index: %+v", s)
	}
	wantRows(t, y, c, map[int64]bool{1: true})
	file := y.parts[0].file
	must(t, y.Close())
	if n := file.holders.Load(); n != 0 {
		t.Errorf("%d indexes hold the file of two that are closed", n)
	}
}

// TestNames: which files are taken for segments.
func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"segment-0123456789abcdef.kss": true, "segment-0123456789abcdeg.kss": false, "segment-0123456789abcde.kss": false,
		"segment-0123456789abcdef.kss2": false, "xsegment-0123456789abcdef.kss": false, "segment-0123456789ABCDEF.kss": false, "../segment-0123456789abcdef.kss": false,
	} {
		if isSegmentName(name) != want {
			t.Errorf("%s is a segment: %v", name, !want)
		}
	}
	if _, _, name := built(t, smallCodes(3, 1)).parts[0].describe(); !isSegmentName(name) {
		t.Errorf("describe gives the name %s", name)
	}
}
