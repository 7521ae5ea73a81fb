package data_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
	"gonum.org/v1/gonum/mat"
)

// TestCombineReadErrors name the rows in the source that failed, or that has changed.
func TestCombineReadErrors(t *testing.T) {
	gone := errors.New("disk gone")
	fails := &plain{Dense: numbered(0, 20, 900), before: func(_ []float64, lo, hi int) error {
		if lo <= 17 && 17 < hi {
			return gone
		}
		return nil
	}}
	whole := &plain{Dense: numbered(0, 5, 900)}
	_, held, err := data.HoldOut(fails, 9) // rows 8 and 17
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		src    data.Source
		lo, hi int
		says   string
	}{
		{must(data.Concat(whole, fails)), 20, 25, "rows 15 to 20 of source 2 of 2: disk gone"},
		{must(data.Range(fails, 10, 20)), 5, 8, "rows 15 to 18 of the source of Range: disk gone"},
		{held, 0, 2, "rows 17 to 18 of the source of HoldOut: disk gone"},
		{must(data.Range(must(data.Concat(whole, fails)), 20, 25)), 2, 3, "rows 22 to 23 of the source of Range: rows 17 to 18 of source 2 of 2: disk gone"},
		{must(data.Sample(fails, 20, 1)), 0, 20, "rows 0 to 20 of the source of Sample: disk gone"},
		{must(data.Pair(whole, must(data.Range(fails, 14, 19)))), 1, 4, "rows 1 to 4 of the source of targets: rows 15 to 18 of the source of Range: disk gone"},
	} {
		_, cols := c.src.Dims()
		if err := c.src.ReadRows(make([]float64, (c.hi-c.lo)*cols), c.lo, c.hi); !errors.Is(err, gone) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("error %v, want one that says %q", err, c.says)
		}
	}
	fails.Dense = numbered(0, 19, 900)
	if err := held.ReadRows(make([]float64, 900), 0, 1); !errors.Is(err, fault.ErrShape) || !strings.Contains(err.Error(), "the source of HoldOut is 19 x 900 now, it was 20 x 900") {
		t.Errorf("error %v", err)
	}
}

// TestCombineLeavesWhatIsNotWritten: where a source writes nothing the caller finds what was
// there, also where rows in between went through the same memory.
func TestCombineLeavesWhatIsNotWritten(t *testing.T) {
	const rows = 40
	combine := func(src data.Source) map[string]data.Source {
		rest, held, err := data.HoldOut(src, 3)
		if err != nil {
			t.Fatal(err)
		}
		others, part, err := data.Split(src, 0.4, 1)
		if err != nil {
			t.Fatal(err)
		}
		whole := &plain{Dense: numbered(1, rows, 1)}
		return map[string]data.Source{
			"rest": rest, "held": held, "rest of Split": others, "part": part, "concat": must(data.Concat(src, src)),
			"targets": must(data.Pair(whole, src)), "inputs": must(data.Pair(src, whole)),
		}
	}
	read := func(src data.Source) []float64 {
		n, cols := src.Dims()
		dst := make([]float64, n*cols)
		for e := range dst {
			dst[e] = -1
		}
		if err := src.ReadRows(dst, 0, n); err != nil {
			t.Fatal(err)
		}
		return dst
	}
	x := numbered(1, rows, 2)
	got := combine(&writesSome{plain{Dense: x}})
	marked := mat.DenseCopyOf(x)
	for i := 0; i < rows; i += 2 {
		marked.SetRow(i, []float64{-1, -1})
	}
	for name, want := range combine(&plain{Dense: marked}) {
		if got, want := read(got[name]), read(want); !slices.Equal(got, want) || !slices.Contains(got, -1) {
			t.Errorf("%s: read are %v, want %v", name, got, want)
		}
	}
}

// writesSome writes the odd rows, whose thousands are even.
type writesSome struct{ plain }

func (s *writesSome) ReadRows(dst []float64, lo, hi int) error {
	_, cols := s.Dims()
	for i := lo; i < hi; i++ {
		if i%2 == 1 {
			copy(dst[(i-lo)*cols:], s.RawRowView(i))
		}
	}
	return nil
}

// TestCombineInMemory: of a matrix in memory a range, and what is held out, are views.
func TestCombineInMemory(t *testing.T) {
	x := numbered(0, 11, 2)
	_, out, err := data.HoldOut(held(t, x), 3)
	if err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]data.Source{"range": must(data.Range(held(t, x), 2, 9)), "held": out} {
		m, is := src.(interface{ InMemory() matrix.Rows })
		if !is {
			t.Fatalf("%s is not in memory", name)
		}
		x.Set(2, 1, -5)
		if got := m.InMemory().Row(0)[1]; got != -5 {
			t.Errorf("%s is a copy: %v", name, got)
		}
	}
}

// TestCombineConcurrently: any number of goroutines may read at once.
func TestCombineConcurrently(t *testing.T) {
	x := numbered(0, 3000, 3)
	narrow := make([]float32, 9000)
	for e, v := range x.RawMatrix().Data {
		narrow[e] = float32(v)
	}
	src, err := data.FromFloat32(narrow, 3000, 3)
	if err != nil {
		t.Fatal(err)
	}
	rest, part, err := data.Split(must(data.Pair(src, must(data.Concat(src)))), 0.3, 5)
	if err != nil {
		t.Fatal(err)
	}
	_, others := drawnRows(3000, 900, 5)
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			dst := make([]float64, 6*70)
			for lo := 0; lo+70 <= len(others); lo += 70 {
				if err := rest.ReadRows(dst, lo, lo+70); err != nil || dst[6*69+4] != x.At(others[lo+69], 1) {
					t.Errorf("rows from %d: %v, error %v", lo, dst[6*69+4], err)
				}
				if err := part.ReadRows(dst[:6], lo%900, lo%900+1); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
}

// TestCombineMakesNoGarbage once the memory is there.
func TestCombineMakesNoGarbage(t *testing.T) {
	x := &writesSome{plain{Dense: numbered(0, 4000, 2)}} // a source that makes none itself
	rest, part, err := data.Split(must(data.Pair(x, x)), 0.3, 5)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float64, 4*200)
	if n := testing.AllocsPerRun(50, func() {
		if rest.ReadRows(dst, 500, 700) != nil || part.ReadRows(dst, 500, 700) != nil {
			t.Error("an error")
		}
	}); n >= 1 {
		t.Errorf("%v allocations for two reads", n)
	}
}
