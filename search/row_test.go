package search

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
)

// TestRow: rows are those that were given, in float32, wherever they lie after adding, deleting, merging, saving and opening.
func TestRow(t *testing.T) {
	const n, cols = 150, 9
	m := madeRows(t, n, cols, 40, 4, false)
	x := m.add(t, nil, 0, 100)
	if !x.HasRows() || x.Next() != 100 {
		t.Errorf("rows %v, the next is %d", x.HasRows(), x.Next())
	}
	x = m.add(t, x, 100, n)
	x, _, err := x.Delete(NewIDs(3, n-1))
	must(t, err)
	merged, err := x.Merge(t.Context(), nil)
	must(t, err)
	path := filepath.Join(t.TempDir(), "i")
	must(t, merged.Save(path))
	opened, err := Open(path)
	must(t, err)
	for what, x := range map[string]*Index{"two segments": x, "merged": merged, "opened": opened} {
		if x.Next() != n || !x.HasRows() {
			t.Errorf("%s: rows %v, the next is %d", what, x.HasRows(), x.Next())
		}
		for id := range n {
			want := []float64{7}
			for _, v := range m.rows.RawRowView(id) {
				want = append(want, float64(float32(v)))
			}
			row, err := x.Row([]float64{7}, int64(id))
			if deleted := id == 3 || id == n-1; deleted != errors.Is(err, ksparse.ErrRange) || !deleted && !slices.Equal(row, want) {
				t.Errorf("%s: row %d is %v, %v, want %v", what, id, row, err, want)
			}
		}
	}
	must(t, opened.Close())
	if _, err := opened.Row(nil, 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	codes, err := Build(t.Context(), codefile.FromCodes(m.codes), Options{})
	must(t, err)
	if _, err := codes.Row(nil, 0); codes.HasRows() || !errors.Is(err, ksparse.ErrUnset) {
		t.Errorf("codes alone: %v", err)
	}
}
