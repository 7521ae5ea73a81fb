package search

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
)

// saved returns a folder with an index of two segments and deleted rows, and its files.
func saved(t testing.TB) (path string, files []string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "index")
	c := smallCodes(300, 1)
	x, _, err := built(t, c).Delete(NewIDs(3, 70))
	must(t, err)
	must(t, x.Save(path))
	files, err = filepath.Glob(filepath.Join(path, "*"))
	must(t, err)
	return path, files
}

// TestDamaged: whatever byte of a file is changed, and wherever it is cut, Open says so and names the file.
func TestDamaged(t *testing.T) {
	path, files := saved(t)
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range files {
		whole, err := os.ReadFile(name)
		must(t, err)
		check := func(what string, b []byte) {
			t.Helper()
			must(t, os.WriteFile(name, b, 0o600))
			if x, err := Open(path); err == nil {
				x.Close()
				t.Fatalf("%s %s is not noticed", filepath.Base(name), what)
			} else if !errors.Is(err, ksparse.ErrFormat) || !strings.Contains(err.Error(), name) {
				t.Fatalf("%s %s: %v", filepath.Base(name), what, err)
			}
		}
		padding := map[int]bool{}
		for at := range whole {
			padding[at] = isPadding(t, whole, int64(at))
		}
		for range 300 {
			at := r.IntN(len(whole))
			if r.IntN(3) == 0 {
				at = r.IntN(min(len(whole), 1500))
			}
			if padding[at] {
				continue // it belongs to nothing
			}
			b := append([]byte(nil), whole...)
			b[at] ^= 1 << r.IntN(8)
			check("with another bit", b)
		}
		for range 50 {
			check("that is cut", whole[:r.IntN(len(whole))])
		}
		check("that is longer", append(append([]byte(nil), whole...), 0))
		must(t, os.WriteFile(name, whole, 0o600))
	}
	x, err := Open(path)
	must(t, err)
	must(t, x.Close())
}

// isPadding reports whether a byte of a file lies between sections.
func isPadding(t testing.TB, b []byte, at int64) bool {
	var d description
	must(t, d.read(b))
	end := headSize + int64(binary.LittleEndian.Uint32(b[12:]))
	for _, s := range d.Sections {
		if at >= end && at < s.At {
			return true
		}
		end = s.At + s.Size
	}
	return false
}

// TestHostile: numbers that do not go together, under checksums that are right, are refused.
func TestHostile(t *testing.T) {
	c := smallCodes(300, 1)
	for what, change := range map[string]func(s *segment){
		"IDs that fall":                func(s *segment) { s.ids[7] = s.ids[6] },
		"an ID below 0":                func(s *segment) { s.ids[0] = -1 },
		"rows of codes that fall":      func(s *segment) { s.codes.offsets[9] = s.codes.offsets[20] },
		"rows of codes from elsewhere": func(s *segment) { s.codes.offsets[0] = 1 },
		"codes beyond the end":         func(s *segment) { s.codes.offsets[300]++ },
		"rows of codes below 0":        func(s *segment) { s.codes.offsets[2] = -5 },
		"a latent too many":            func(s *segment) { s.codes.latents[3] = 50 },
		"a latent below 0":             func(s *segment) { s.codes.latents[3] = -1 },
		"a value that is too large":    func(s *segment) { s.codes.values[3] = 1e200 },
		"fewer values than latents":    func(s *segment) { s.codes.values = s.codes.values[1:] },
		"a list below 0":               func(s *segment) { s.postings.bases[3] = -1 },
		"lists beyond the end":         func(s *segment) { s.postings.bases[3] = 1 << 40 },
		"blocks that fall":             func(s *segment) { s.postings.starts[4] = 1 << 31 },
		"blocks beyond the list":       func(s *segment) { s.postings.starts[5]++ },
		"a largest value below 0":      func(s *segment) { s.postings.largest[1] = -1 },
		"an entry of no row":           func(s *segment) { s.postings.entries[11] |= 0xffff },
		"a list too many":              func(s *segment) { s.postings.bases = append(s.postings.bases, s.postings.bases[50]) },
		"a row too many":               func(s *segment) { s.ids = append(s.ids, 1000) },
		"half of the normalisation":    func(s *segment) { s.codes.mean, s.codes.spread = make([]float64, 300), make([]float64, 299) },
	} {
		s := built(t, c).parts[0].segment
		change(s)
		d, text, _ := s.describe()
		var b strings.Builder
		must(t, d.write(&b, text))
		if _, err := readSegment(aligned([]byte(b.String())), 50); err == nil {
			t.Errorf("%s: no error", what)
		} else if !errors.Is(err, ksparse.ErrFormat) && !errors.Is(err, ksparse.ErrRange) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// aligned returns a copy of b that begins at a multiple of 8 bytes.
func aligned(b []byte) []byte { return append(bytesOf(make([]uint64, len(b)/8+1))[:0], b...) }

// sealed returns a file with the given description, under checksums that are right, and sections.
func sealed(text, sections []byte) []byte {
	var d description
	var b strings.Builder
	if err := d.write(&b, text); err != nil {
		panic(err)
	}
	return append([]byte(b.String()), sections...)
}

// FuzzOpen: no description makes Open panic.
func FuzzOpen(f *testing.F) {
	_, files := saved(f)
	for _, name := range files {
		b, err := os.ReadFile(name)
		must(f, err)
		text, err := readHead(b)
		must(f, err)
		f.Add(text, b[headSize+len(text):])
	}
	f.Fuzz(func(t *testing.T, text, sections []byte) {
		b := aligned(sealed(text, sections))
		var list description
		list.readList(b)
		readSegment(b, 50)
	})
}

// FuzzSegment: whatever bytes of a section are changed, with checksums that are right, the segment is refused, or
// it can be searched.
func FuzzSegment(f *testing.F) {
	whole := built(f, smallCodes(300, 1)).parts[0].segment
	f.Add(uint8(0), uint32(0), []byte{1})
	f.Add(uint8(1), uint32(80), []byte{1, 0, 0, 0, 0, 0, 0, 0x80})
	f.Add(uint8(7), uint32(40), []byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, number uint8, at uint32, change []byte) {
		d, _, _ := whole.describe()
		section := &d.Sections[int(number)%len(d.Sections)]
		section.bytes = append([]byte(nil), section.bytes...)
		copy(section.bytes[int(at)%len(section.bytes):], change)
		var file strings.Builder
		must(t, d.write(&file, d.describe()))
		s, err := readSegment(aligned([]byte(file.String())), 50)
		if err != nil {
			return
		}
		x, err := newIndex(50, false, 1<<40, []part{{segment: s}})
		must(t, err)
		for _, k := range []int{1, 1000} {
			if _, err := x.ByCode(nil, []int32{0, 7, 49}, []float64{1, -2, 0.1}, k, NewIDs(1, 2, 3, 200)); err != nil {
				t.Fatal(err)
			}
			if _, err := x.ByCode(nil, []int32{0, 7, 49}, []float64{1, -2, 0.1}, k, nil); err != nil {
				t.Fatal(err)
			}
		}
		x.Stats()
		x.Merge(ctx, nil)
	})
}
