package data_test

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
	"gonum.org/v1/gonum/mat"
)

// plain hands out the rows of a matrix by ReadRows alone. It notes what is read.
type plain struct {
	*mat.Dense
	reads  [][2]int
	before func(dst []float64, lo, hi int) error // nil for nothing
}

// ReadRows copies the rows lo to hi.
func (s *plain) ReadRows(dst []float64, lo, hi int) error {
	s.reads = append(s.reads, [2]int{lo, hi})
	if s.before != nil {
		if err := s.before(dst, lo, hi); err != nil {
			return err
		}
	}
	_, cols := s.Dims()
	if len(dst) != (hi-lo)*cols || cap(dst) != len(dst) {
		return fmt.Errorf("rows %d to %d into %d numbers (%d of memory)", lo, hi, len(dst), cap(dst))
	}
	copy(dst, s.RawMatrix().Data[lo*cols:hi*cols])
	return nil
}

// numbered has 1000·first + 1000·i + j at row i, column j.
func numbered(first, rows, cols int) *mat.Dense {
	m := mat.NewDense(rows, cols, nil)
	for i := range rows {
		for j := range cols {
			m.Set(i, j, float64(1000*(first+i)+j))
		}
	}
	return m
}

// rowsOf returns the given rows of x.
func rowsOf(x *mat.Dense, rows []int) *mat.Dense {
	_, cols := x.Dims()
	m := mat.NewDense(len(rows), cols, nil)
	for i, r := range rows {
		copy(m.RawRowView(i), x.RawRowView(r))
	}
	return m
}

// held returns x as a source in memory.
func held(t testing.TB, x *mat.Dense) data.Source {
	t.Helper()
	src, err := data.FromMatrix(x)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// must returns src, whose error must be nil.
func must(src data.Source, err error) data.Source {
	if err != nil {
		panic(err)
	}
	return src
}

func TestConcat(t *testing.T) {
	all := numbered(0, 6, 3)
	a, b, c := &plain{Dense: numbered(0, 1, 3)}, held(t, numbered(1, 3, 3)), &plain{Dense: numbered(4, 2, 3)}
	testSource(t, "three", must(data.Concat(a, b, c)), all)
	testSource(t, "one", must(data.Concat(b)), numbered(1, 3, 3))
	testSource(t, "nested", must(data.Concat(must(data.Concat(a, b)), c)), all)
	a.reads, c.reads = nil, nil
	if err := must(data.Concat(a, b, c)).ReadRows(make([]float64, 18), 0, 6); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.reads, [][2]int{{0, 1}}) || !slices.Equal(c.reads, [][2]int{{0, 2}}) {
		t.Errorf("reads %v and %v, want one of each", a.reads, c.reads)
	}
}

func TestRange(t *testing.T) {
	all := numbered(0, 6, 3)
	for lo := range 6 {
		for hi := lo + 1; hi <= 6; hi++ {
			want := all.Slice(lo, hi, 0, 3).(*mat.Dense)
			testSource(t, "plain", must(data.Range(&plain{Dense: all}, lo, hi)), mat.DenseCopyOf(want))
			testSource(t, "in memory", must(data.Range(held(t, all), lo, hi)), mat.DenseCopyOf(want))
		}
	}
}

// TestHoldOut: every n-th row is held out, whether rows are read around the others or not.
func TestHoldOut(t *testing.T) {
	for _, cols := range []int{1, 600} { // of 600 columns one row is read over, two are not
		for _, rows := range []int{2, 3, 7, 12} {
			all := numbered(0, rows, cols)
			for every := 2; every <= rows; every++ {
				var out, others []int
				for i := range rows {
					if (i+1)%every == 0 {
						out = append(out, i)
					} else {
						others = append(others, i)
					}
				}
				for name, src := range map[string]data.Source{"plain": &plain{Dense: all}, "in memory": held(t, all)} {
					rest, held, err := data.HoldOut(src, every)
					if err != nil {
						t.Fatal(err)
					}
					name = fmt.Sprintf("%s, %d of %d x %d", name, every, rows, cols)
					testSource(t, name+", rest", rest, rowsOf(all, others))
					testSource(t, name+", held", held, rowsOf(all, out))
				}
			}
		}
	}
}

// TestHoldOutReads: runs of nine long rows are a read each; of short rows those held out are
// read, too.
func TestHoldOutReads(t *testing.T) {
	read := func(cols int) [][2]int {
		src := &plain{Dense: numbered(0, 40, cols)}
		rest, _, err := data.HoldOut(src, 10)
		if err == nil {
			err = rest.ReadRows(make([]float64, 18*cols), 0, 18)
		}
		if err != nil {
			t.Fatal(err)
		}
		return src.reads
	}
	if got := read(1025); !slices.Equal(got, [][2]int{{0, 9}, {10, 19}}) {
		t.Errorf("reads %v of long rows", got)
	}
	if got := read(8); !slices.Equal(got, [][2]int{{0, 18}, {18, 19}}) {
		t.Errorf("reads %v of short rows", got)
	}
}

// drawnRows is what Split and Sample draw, from their definition: of each 1024 rows as many as
// bring what is drawn up to count·rows before/rows, rounded down; in a block, each row that is
// left with the same chance, by PCG of the seed and the block's number.
func drawnRows(rows, count int, seed uint64) (drawn, others []int) {
	upTo := func(n int) int {
		product := new(big.Int).Mul(big.NewInt(int64(n)), big.NewInt(int64(count)))
		return int(product.Div(product, big.NewInt(int64(rows))).Int64())
	}
	for lo := 0; lo < rows; lo += 1024 {
		hi := min(lo+1024, rows)
		rng := rand.NewPCG(seed, uint64(lo/1024))
		want := upTo(hi) - upTo(lo)
		for i := lo; i < hi; i++ {
			scaled := new(big.Int).Mul(new(big.Int).SetUint64(rng.Uint64()), big.NewInt(int64(hi-i)))
			if scaled.Rsh(scaled, 64).Int64() < int64(want) {
				want--
				drawn = append(drawn, i)
			} else {
				others = append(others, i)
			}
		}
	}
	return drawn, others
}

// checkRanges reads some ranges of src, which has the numbers of want.
func checkRanges(t *testing.T, name string, src data.Source, want *mat.Dense) {
	t.Helper()
	rows, cols := want.Dims()
	if r, c := src.Dims(); r != rows || c != cols {
		t.Fatalf("%s: Dims are %d, %d, want %d, %d", name, r, c, rows, cols)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 60 {
		lo, hi := 0, rows
		if i > 0 {
			lo = rng.IntN(rows)
			hi = lo + rng.IntN(rows-lo+1)
		}
		dst := make([]float64, (hi-lo)*cols)
		if err := src.ReadRows(dst, lo, hi); err != nil || !slices.Equal(dst, want.RawMatrix().Data[lo*cols:hi*cols]) {
			t.Fatalf("%s: rows %d to %d are others, error %v", name, lo, hi, err)
		}
	}
}

func TestSplitAndSample(t *testing.T) {
	for _, c := range []struct {
		rows  int
		share float64
		count int // share·rows, rounded by hand, at least one and not all
	}{{2, 0.5, 1}, {2, 0.01, 1}, {2, 0.99, 1}, {5, 0.5, 3}, {5, 0.1, 1}, {10, 0.25, 3}, {10, 0.2, 2}, {1024, 0.1, 102}, {1025, 0.1, 103}, {3000, 0.001, 3}, {3000, 0.9, 2700}, {5000, 1e-300, 1}} {
		for _, cols := range []int{1, 700} {
			if c.rows > 2000 && cols > 1 {
				continue
			}
			all := numbered(0, c.rows, cols)
			name := fmt.Sprintf("%v of %d x %d", c.share, c.rows, cols)
			rest, part, err := data.Split(&plain{Dense: all}, c.share, 7)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			drawn, others := drawnRows(c.rows, c.count, 7)
			checkRanges(t, name+", part", part, rowsOf(all, drawn))
			checkRanges(t, name+", rest", rest, rowsOf(all, others))
			checkRanges(t, name+", sample", must(data.Sample(&plain{Dense: all}, c.count, 7)), rowsOf(all, drawn))
		}
	}
	all := numbered(0, 1500, 2)
	checkRanges(t, "all", must(data.Sample(held(t, all), 1500, 3)), all)
	testSource(t, "one", must(data.Sample(held(t, numbered(0, 1, 2)), 1, 3)), numbered(0, 1, 2))
}

// TestSplitIsFair: every row is as often in part as any other, and seeds draw other rows.
func TestSplitIsFair(t *testing.T) {
	const rows, seeds, share = 60, 4000, 0.3
	src := held(t, numbered(0, rows, 1))
	var times [rows]int
	together := 0 // rows 0 and 1
	for seed := range uint64(seeds) {
		_, part, err := data.Split(src, share, seed)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]float64, rows*share)
		if err := part.ReadRows(dst, 0, len(dst)); err != nil {
			t.Fatal(err)
		}
		for _, v := range dst {
			times[int(v)/1000]++
		}
		if dst[0] == 0 && dst[1] == 1000 {
			together++
		}
	}
	for i, n := range times { // five standard deviations: 5·sqrt(4000·0.3·0.7) = 145
		if math.Abs(float64(n)-seeds*share) > 145 {
			t.Errorf("row %d is in part %d times of %d", i, n, seeds)
		}
	}
	want := seeds * share * 17 / 59 // 0.3·(18-1)/(60-1): without putting back
	if math.Abs(float64(together)-want) > 90 {
		t.Errorf("rows 0 and 1 are together in part %d times, want about %.0f", together, want)
	}
}

// vast has more rows than can be looked through.
type vast struct{ rows int }

func (v vast) Dims() (rows, cols int) { return v.rows, 1 }
func (v vast) ReadRows(dst []float64, lo, hi int) error {
	for i := range dst {
		dst[i] = float64(lo + i)
	}
	return nil
}

// TestSampleOfVast: a few rows of very many are found at once.
func TestSampleOfVast(t *testing.T) {
	for _, rows := range []int{math.MaxInt / 1000, math.MaxInt} {
		src := must(data.Sample(vast{rows}, 100, 1))
		dst := make([]float64, 100)
		if err := src.ReadRows(dst, 0, 100); err != nil {
			t.Fatal(err)
		}
		for i, v := range dst {
			if part := float64(rows) / 100; math.Abs(v-part*(float64(i)+1)) > 1025+part/1e9 {
				t.Fatalf("row %d of %d is %v", i, rows, v)
			}
		}
	}
}

// TestCombineErrors: what makes no sense, in words.
func TestCombineErrors(t *testing.T) {
	a := &plain{Dense: numbered(0, 4, 3)}
	pair := must(data.Pair(a, a))
	two := func(f func(data.Source) (data.Source, data.Source, error), src data.Source) error {
		rest, part, err := f(src)
		if (rest == nil) != (err != nil) || (part == nil) != (err != nil) {
			t.Errorf("sources %v and %v, error %v", rest, part, err)
		}
		return err
	}
	holdOut := func(every int) func(data.Source) error {
		return func(src data.Source) error {
			return two(func(s data.Source) (data.Source, data.Source, error) { return data.HoldOut(s, every) }, src)
		}
	}
	split := func(share float64) func(data.Source) error {
		return func(src data.Source) error {
			return two(func(s data.Source) (data.Source, data.Source, error) { return data.Split(s, share, 1) }, src)
		}
	}
	sample := func(n int) func(data.Source) error {
		return func(src data.Source) error { _, err := data.Sample(src, n, 1); return err }
	}
	part := func(lo, hi int) func(data.Source) error {
		return func(src data.Source) error { _, err := data.Range(src, lo, hi); return err }
	}
	concat := func(more ...data.Source) func(data.Source) error {
		return func(src data.Source) error { _, err := data.Concat(append(more, src)...); return err }
	}
	one := &plain{Dense: numbered(0, 1, 3)}
	for _, c := range []struct {
		make func(data.Source) error
		src  data.Source
		want error
		says string
	}{
		{holdOut(2), nil, fault.ErrEmpty, "source of HoldOut is nil"},
		{split(0.5), (*plain)(nil), fault.ErrEmpty, "source of Split is nil"},
		{sample(1), &plain{Dense: &mat.Dense{}}, fault.ErrEmpty, "source of Sample has no rows (it is 0 x 0)"},
		{part(0, 1), vast{-1}, fault.ErrEmpty, "source of Range has no rows (it is -1 x 1)"},
		{part(0, 1), &plain{}, fault.ErrShape, "its Dims panics"},
		{concat(a, nil), a, fault.ErrEmpty, "source 2 of 3 is nil"},
		{concat(a, a), &plain{Dense: numbered(0, 4, 2)}, fault.ErrShape, "source 3 of 3 has 2 columns, the first one has 3"},
		{concat(&plain{Dense: numbered(0, 4, 6)}), pair, fault.ErrShape, "source 2 of 2 has 3 inputs beside its targets, the first one has 0"},
		{concat(vast{math.MaxInt}), vast{1}, fault.ErrRange, "more rows than can be counted"},
		{part(-1, 2), a, fault.ErrRange, "the rows -1 to 2 of a source that has 4"},
		{part(2, 2), a, fault.ErrRange, "the rows 2 to 2"},
		{part(3, 5), a, fault.ErrRange, "the rows 3 to 5"},
		{holdOut(1), a, fault.ErrRange, "every row of each 1 of a source that has 4"},
		{holdOut(-3), a, fault.ErrRange, "each -3"},
		{holdOut(5), a, fault.ErrRange, "each 5 of a source that has 4"},
		{holdOut(2), one, fault.ErrRange, "each 2 of a source that has 1"},
		{split(0), a, fault.ErrRange, "a share of 0,"},
		{split(1), a, fault.ErrRange, "a share of 1,"},
		{split(math.NaN()), a, fault.ErrRange, "a share of NaN"},
		{split(0.5), one, fault.ErrRange, "1 row, which cannot be divided"},
		{sample(0), a, fault.ErrRange, "asked for 0 rows"},
		{sample(5), a, fault.ErrRange, "asked for 5 rows of a source that has 4"},
	} {
		if err := c.make(c.src); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("error %v, want %v that says %q", err, c.want, c.says)
		}
	}
	if src, err := data.Concat(); src != nil || !errors.Is(err, fault.ErrEmpty) {
		t.Errorf("no sources: %v, error %v", src, err)
	}
}
