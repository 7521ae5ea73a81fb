package data_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
	"gonum.org/v1/gonum/mat"
)

// sideBySide returns the columns of x before those of y.
func sideBySide(x, y *mat.Dense) *mat.Dense {
	var m mat.Dense
	m.Augment(x, y)
	return &m
}

func TestPair(t *testing.T) {
	for _, c := range [][3]int{{1, 1, 1}, {5, 3, 2}, {4, 1, 6}, {7, 4, 4}} {
		x, y := numbered(0, c[0], c[1]), numbered(50, c[0], c[2])
		src := must(data.Pair(&plain{Dense: x}, held(t, y)))
		testSource(t, "pair", src, sideBySide(x, y))
		if got := src.(data.Paired).Inputs(); got != c[1] {
			t.Errorf("%v: %d inputs", c, got)
		}
		both := must(data.Pair(src, held(t, y)))
		testSource(t, "a pair as inputs", both, sideBySide(sideBySide(x, y), y))
		if got := both.(data.Paired).Inputs(); got != c[1]+c[2] {
			t.Errorf("%v: %d inputs of a pair as inputs", c, got)
		}
	}
}

func TestPairErrors(t *testing.T) {
	a, b := &plain{Dense: numbered(0, 4, 3)}, &plain{Dense: numbered(0, 5, 3)}
	for _, c := range []struct {
		x, y data.Source
		want error
		says string
	}{
		{nil, a, fault.ErrEmpty, "source of inputs is nil"},
		{a, (*data.Npy)(nil), fault.ErrEmpty, "source of targets is nil"},
		{a, b, fault.ErrShape, "inputs of 4 rows and targets of 5"},
		{a, claims{a, 3}, fault.ErrShape, "source of targets has 3 columns and says that 3 of them are inputs"},
	} {
		if src, err := data.Pair(c.x, c.y); src != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, error %v, want %v that says %q", src, err, c.want, c.says)
		}
	}
}

// claims is a source that says that so many columns are inputs.
type claims struct {
	data.Source
	inputs int
}

func (c claims) Inputs() int { return c.inputs }

// TestPairStaysPair in whatever is made of it, those of other packages too.
func TestPairStaysPair(t *testing.T) {
	x, y := numbered(0, 8, 3), numbered(50, 8, 2)
	all := sideBySide(x, y)
	for _, pair := range []data.Source{must(data.Pair(held(t, x), held(t, y))), claims{held(t, all), 3}} {
		rest, out, err := data.HoldOut(pair, 4)
		if err != nil {
			t.Fatal(err)
		}
		others, part, err := data.Split(pair, 0.5, 1)
		if err != nil {
			t.Fatal(err)
		}
		for name, src := range map[string]data.Source{
			"Range": must(data.Range(pair, 1, 3)), "Concat": must(data.Concat(pair, pair)), "Sample": must(data.Sample(pair, 2, 1)),
			"rest": rest, "held": out, "rest of Split": others, "part": part, "Prefetch": data.Prefetch(pair),
		} {
			p, is := src.(data.Paired)
			if !is || p.Inputs() != 3 {
				t.Errorf("%s is no pair", name)
			}
			var row [5]float64
			if err := src.ReadRows(row[:], 1, 2); err != nil || row[3] != row[0]+50_000 {
				t.Errorf("%s: input %v has the target %v, error %v", name, row[:3], row[3:], err)
			}
		}
	}
	for name, src := range map[string]data.Source{"Range": must(data.Range(&plain{Dense: x}, 0, 1)), "Concat": must(data.Concat(&plain{Dense: x})), "Prefetch": data.Prefetch(&plain{Dense: x})} {
		if _, is := src.(data.Paired); is {
			t.Errorf("%s of no pair is one", name)
		}
	}
}

// TestReadsAhead: what is made of sources may be read ahead where each of them may.
func TestReadsAhead(t *testing.T) {
	says := func(src data.Source) bool {
		s, is := src.(interface{ ReadsAhead() bool })
		return is && s.ReadsAhead()
	}
	x := numbered(0, 6, 2)
	file := openNpy(t, npyFile(t, "<f8", false, "(6, 2)", binary.LittleEndian, x.RawMatrix().Data))
	own, memory := &plain{Dense: x}, held(t, x)
	for name, c := range map[string]struct {
		src  data.Source
		want bool
	}{
		"file": {file, true}, "own": {own, false}, "memory": {memory, false}, "declared": {data.Prefetch(own), true}, "memory, declared": {data.Prefetch(memory), false},
		"files": {must(data.Concat(file, data.Prefetch(own))), true}, "file and own": {must(data.Concat(file, own)), false},
		"file and memory": {must(data.Concat(memory, file)), true}, "in memory alone": {must(data.Concat(memory, memory)), false},
		"pair": {must(data.Pair(memory, file)), true}, "pair with own": {must(data.Pair(own, file)), false}, "sample of pair": {must(data.Sample(must(data.Pair(file, file)), 3, 1)), true},
		"range": {must(data.Range(file, 1, 2)), true}, "range of own": {must(data.Range(own, 1, 2)), false},
	} {
		if got := says(c.src); got != c.want {
			t.Errorf("%s reads ahead: %v", name, got)
		}
		testFirstRow(t, name, c.src)
	}
	if data.Prefetch(nil) != nil || data.Prefetch((*data.Npy)(nil)) != data.Source((*data.Npy)(nil)) {
		t.Error("Prefetch of nil is something")
	}
}

// testFirstRow reads a row of src, which comes from numbered.
func testFirstRow(t *testing.T, name string, src data.Source) {
	t.Helper()
	_, cols := src.Dims()
	row := make([]float64, cols)
	if err := src.ReadRows(row, 0, 1); err != nil || row[1] != row[0]+1 {
		t.Errorf("%s: %v, error %v", name, row, err)
	}
}

// TestOrigin: errors can name the row where it lies.
func TestOrigin(t *testing.T) {
	own := func(rows int) data.Source { return &plain{Dense: numbered(0, rows, 2)} }
	both := must(data.Concat(own(3), own(10)))
	rest, out, err := data.HoldOut(both, 4)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, src := range []data.Source{both, rest, out, must(data.Range(own(9), 4, 9)), must(data.Pair(both, both)), must(data.Pair(own(13), both)), data.Prefetch(both)} {
		got = append(got, src.(interface{ Origin(row int) string }).Origin(1))
	}
	want := []string{"row 1 of source 1 of 2", "row 1 of source 1 of 2", "row 4 of source 2 of 2", "row 5", "row 1 of source 1 of 2", "row 1 of the inputs, row 1 of source 1 of 2 of the targets", "row 1 of source 1 of 2"}
	if !slices.Equal(got, want) {
		t.Errorf("origins are\n%q, want\n%q", got, want)
	}
}
