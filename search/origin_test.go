package search

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/codefile"
)

// TestSaveOverAnother: of two programs that change one saved index the second one to save gets an error, and
// loses nothing of the first.
func TestSaveOverAnother(t *testing.T) {
	m := newMemoryCodes(20)
	for i := range 30 {
		m.add([]int32{int32(i % 20)}, []float64{1})
	}
	build := func() *Index {
		x, err := Build(ctx, codefile.FromCodes(m.codes(t)), Options{})
		must(t, err)
		return x
	}
	path := filepath.Join(t.TempDir(), "index")
	must(t, build().Save(path))
	open := func() *Index {
		x, err := Open(path)
		must(t, err)
		t.Cleanup(func() { x.Close() })
		return x
	}
	grown := func(x *Index) *Index {
		y, err := x.Add(ctx, codefile.FromCodes(m.codes(t)), Options{})
		must(t, err)
		return y
	}
	first, second := open(), open()
	one, other := grown(first), grown(second)
	must(t, one.Save(path))
	if err := other.Save(path); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "another program has changed") {
		t.Fatalf("the second program saved: %v", err)
	}
	if rows, _ := open().Dims(); rows != 60 {
		t.Errorf("%d rows after the first program saved, want 60", rows)
	}
	must(t, grown(one).Save(path)) // the first program goes on
	if rows, _ := open().Dims(); rows != 90 {
		t.Errorf("%d rows after it saved again, want 90", rows)
	}
	must(t, other.Save(path+"2")) // elsewhere there is nothing to lose
	must(t, build().Save(path))   // what was built takes the place of any other
	if rows, _ := open().Dims(); rows != 30 {
		t.Errorf("%d rows of a new index, want 30", rows)
	}
}
