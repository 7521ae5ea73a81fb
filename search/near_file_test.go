package search

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
)

// TestHostileNear: numbers of Nearest that do not go together, under checksums that are right, are refused.
func TestHostileNear(t *testing.T) {
	m := madeRows(t, 200, 6, 30, 3, false)
	for what, change := range map[string]func(s *near){
		"a row of NaN":             func(s *near) { s.rows[7] = float32(math.NaN()) },
		"a number too many":        func(s *near) { s.rows = append(s.rows, 1) },
		"a norm below 0":           func(s *near) { s.norms[3] = -1 },
		"a norm that is none":      func(s *near) { s.norms[3] = math.NaN() },
		"a norm too few":           func(s *near) { s.norms = s.norms[1:] },
		"a unit that is infinite":  func(s *near) { s.units[5] = float32(math.Inf(1)) },
		"a scale below 0":          func(s *near) { s.scales[5] = -1 },
		"a scale that is too much": func(s *near) { s.scales[5] = 1e200 },
		"bytes cut short":          func(s *near) { s.bytes = s.bytes[:len(s.bytes)-1] },
		"an entry of no row":       func(s *near) { s.postings.entries[11] |= 0xffff },
		"lists beyond the end":     func(s *near) { s.postings.bases[3] = 1 << 40 },
		"a row too wide":           func(s *near) { s.cols = 1 << 20 },
		"a row below 0":            func(s *near) { s.cols = -1 },
	} {
		s := m.add(t, nil, 0, 200).parts[0].segment
		change(s.near)
		d, text, _ := s.describe()
		var b strings.Builder
		must(t, d.write(&b, text))
		if _, err := readSegment(aligned([]byte(b.String())), 30); !errors.Is(err, ksparse.ErrFormat) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestHostileDense: what the list of segments says of Nearest is refused where it makes no sense.
func TestHostileDense(t *testing.T) {
	m := madeRows(t, 200, 6, 30, 3, false)
	path := filepath.Join(t.TempDir(), "index")
	for what, change := range map[string]func(d *dense){
		"a recall above 1":        func(d *dense) { d.ladder.rungs = []rung{{2, 1, 1}} },
		"no terms":                func(d *dense) { d.ladder.rungs = []rung{{1, 0, 1}} },
		"no candidates":           func(d *dense) { d.ladder.rungs = []rung{{1, 1, 0}} },
		"no rows":                 func(d *dense) { d.ladder.rows = 0 },
		"an atom too few":         func(d *dense) { d.atoms.bytes = d.atoms.bytes[64:] },
		"a unit below 0":          func(d *dense) { d.atoms.units[3] = -1 },
		"a bias that is infinite": func(d *dense) { d.atoms.bias[3] = math.Inf(1) },
		"rows of other numbers":   func(d *dense) { d.cols, d.atoms = 7, nil },
	} {
		x := m.add(t, nil, 0, 200)
		d := *x.dense
		change(&d)
		x.dense = &d
		must(t, x.Save(path))
		if _, err := Open(path); !errors.Is(err, ksparse.ErrFormat) {
			t.Errorf("%s: %v", what, err)
		}
		must(t, os.RemoveAll(path))
	}
}

// FuzzNear: whatever bytes of a section are changed, with checksums that are right, the segment is refused, or it can be
// searched.
func FuzzNear(f *testing.F) {
	m := madeRows(f, 300, 6, 30, 3, true)
	x := m.add(f, nil, 0, 300)
	whole := x.parts[0].segment
	f.Add(uint8(8), uint32(0), []byte{1})
	f.Add(uint8(11), uint32(80), []byte{0, 0, 0x80, 0x7f})
	f.Add(uint8(16), uint32(40), []byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, number uint8, at uint32, change []byte) {
		d, _, _ := whole.describe()
		section := &d.Sections[int(number)%len(d.Sections)]
		section.bytes = append([]byte(nil), section.bytes...)
		copy(section.bytes[int(at)%len(section.bytes):], change)
		var file strings.Builder
		must(t, d.write(&file, d.describe()))
		s, err := readSegment(aligned([]byte(file.String())), 30)
		if err != nil {
			return
		}
		y, err := newIndex(30, false, 1<<40, []part{{segment: s}})
		must(t, err)
		y.setDense(x.dense)
		for _, only := range []*IDs{nil, NewIDs(1, 2, 3, 200)} {
			q := m.query(3, 20)
			q.Only = only
			if _, err := y.Nearest(nil, q); err != nil {
				t.Fatal(err)
			}
		}
		y.Merge(context.Background(), nil)
	})
}
