package search

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
)

// plainCodes returns codes of four rows and six latents.
func plainCodes() *memoryCodes {
	c := newMemoryCodes(6)
	c.add([]int32{0, 2, 5}, []float64{1, 2, 3})
	c.add([]int32{2}, []float64{4})
	c.add(nil, nil)
	c.add([]int32{0, 1, 2}, []float64{-1, 0, 0.5})
	return c
}

// TestExplain: the shares of a score, by hand, and that they add up to it.
func TestExplain(t *testing.T) {
	x := built(t, plainCodes())
	got, err := x.Explain(0, []int32{0, 1, 2, 5}, []float64{2, 9, -1, 0})
	must(t, err)
	if want := []Share{{0, 2, 1, 2}, {2, -1, 2, -2}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got, err := x.Explain(2, []int32{0}, []float64{1}); err != nil || len(got) != 0 {
		t.Errorf("of an empty row: %v, %v", got, err)
	}
	c := smallCodes(500, 8)
	y := built(t, c)
	for i := range 100 {
		hits, err := y.ByCode(nil, c.rows[i], c.values[i], 5, nil)
		must(t, err)
		for _, h := range hits {
			shares, err := y.Explain(h.ID, c.rows[i], c.values[i])
			must(t, err)
			if !slices.IsSortedFunc(shares, func(a, b Share) int { return cmp.Compare(b.Product, a.Product) }) {
				t.Errorf("the largest product is not first: %v", shares)
			}
			slices.SortFunc(shares, func(a, b Share) int { return a.Latent - b.Latent })
			sum := 0.0
			for _, s := range shares {
				sum += s.Product
			}
			if sum != h.Score {
				t.Errorf("the shares of %v add up to %v", h, sum)
			}
		}
	}
}

// TestRefuses: what is asked of an index in vain.
func TestRefuses(t *testing.T) {
	x := built(t, plainCodes())
	for _, c := range []struct {
		what    string
		latents []int32
		values  []float64
		k       int
		cause   error
		text    string
	}{
		{"a latent too many", []int32{6}, []float64{1}, 1, ksparse.ErrRange, "latent 6, want latents from 0 to 5"},
		{"a latent below 0", []int32{-1}, []float64{1}, 1, ksparse.ErrRange, "latent -1"},
		{"latents that fall", []int32{3, 2}, []float64{1, 1}, 1, ksparse.ErrRange, "latent 2 after 3"},
		{"a latent twice", []int32{3, 3}, []float64{1, 1}, 1, ksparse.ErrRange, "latent 3 after 3"},
		{"fewer values", []int32{3, 4}, []float64{1}, 1, ksparse.ErrShape, "2 latents and 1 values"},
		{"NaN", []int32{3}, []float64{math.NaN()}, 1, ksparse.ErrNotFinite, "latent 3 has the value NaN"},
		{"an infinity", []int32{3}, []float64{math.Inf(-1)}, 1, ksparse.ErrNotFinite, "-Inf"},
		{"a value too large", []int32{3}, []float64{-2e150}, 1, ksparse.ErrRange, "want at most 1e+150"},
		{"k below 0", []int32{3}, []float64{1}, -1, ksparse.ErrRange, "k is -1"},
	} {
		_, err := x.ByCode(nil, c.latents, c.values, c.k, nil)
		if !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.what, err)
		}
		if _, err := x.Explain(0, c.latents, c.values); c.k > 0 && (!errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.text)) {
			t.Errorf("Explain, %s: %v", c.what, err)
		}
	}
	for _, id := range []int64{-1, 4, math.MaxInt64} {
		if _, err := x.Explain(id, nil, nil); !errors.Is(err, ksparse.ErrRange) {
			t.Errorf("Explain of row %d: %v", id, err)
		}
	}
	if err := x.Code(nil, 0); !errors.Is(err, ksparse.ErrEmpty) {
		t.Errorf("a code into nil: %v", err)
	}
}

// source is a Source with mistakes.
type source struct {
	rows, latents int
	read          func(dst *ksparse.Codes, lo, hi int) error
}

func (s source) Dims() (rows, latents int)                      { return s.rows, s.latents }
func (s source) ReadCodes(dst *ksparse.Codes, lo, hi int) error { return s.read(dst, lo, hi) }

// TestBuildRefuses: codes of which no index is made.
func TestBuildRefuses(t *testing.T) {
	stopped, stop := context.WithCancel(context.Background())
	stop()
	broken := errors.New("the disk is gone")
	huge := newMemoryCodes(6)
	huge.add([]int32{1}, []float64{1})
	huge.add([]int32{1, 4}, []float64{1, 1e151})
	good := codefile.FromCodes(plainCodes().codes(t))
	live := plainCodes().codes(t)
	_, values := live.Row(1)
	values[0] = math.NaN()
	for what, c := range map[string]struct {
		ctx   context.Context
		codes codefile.Source
		cause error
		text  string
	}{
		"nil":               {nil, nil, ksparse.ErrEmpty, "nil"},
		"no rows":           {nil, codefile.FromCodes(newMemoryCodes(3).codes(t)), ksparse.ErrEmpty, "no codes"},
		"no latents":        {nil, source{rows: 3}, ksparse.ErrRange, "0 latents"},
		"too many latents":  {nil, source{rows: 3, latents: 1<<24 + 1}, ksparse.ErrRange, "16777217 latents"},
		"a value too large": {nil, codefile.FromCodes(huge.codes(t)), ksparse.ErrRange, "row 1 of the codes: latent 4 has the value 1e+151"},
		"NaN":               {nil, codefile.FromCodes(live), ksparse.ErrNotFinite, "row 1 of the codes: latent 2"},
		"stopped":           {stopped, good, context.Canceled, ""},
		"a broken source":   {nil, source{3, 6, func(*ksparse.Codes, int, int) error { return broken }}, broken, "rows 0 to 3: the disk is gone"},
		"too few rows":      {nil, source{5, 6, func(dst *ksparse.Codes, lo, hi int) error { return good.ReadCodes(dst, 0, 4) }}, ksparse.ErrShape, "4 rows were read, want rows 0 to 5"},
		"other latents":     {nil, source{4, 7, good.ReadCodes}, ksparse.ErrShape, "6 latents, want 7"},
	} {
		if x, err := Build(c.ctx, c.codes, Options{}); x != nil || !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", what, err)
		}
	}
	x := built(t, plainCodes())
	if _, err := x.Add(ctx, codefile.FromCodes(smallCodes(3, 1).codes(t)), Options{}); !errors.Is(err, ksparse.ErrShape) {
		t.Errorf("codes of 50 latents are added to an index of 6: %v", err)
	}
	if _, err := x.Merge(stopped, nil); err != nil { // there is nothing to do
		t.Error(err)
	}
	y, err := x.Add(ctx, good, Options{})
	must(t, err)
	if _, err := y.Merge(stopped, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a merge that is stopped: %v", err)
	}
}

// TestProgress: how far a build and a merge are.
func TestProgress(t *testing.T) {
	c := codefile.FromCodes(smallCodes(2*readRows+1, 3).codes(t))
	var got [][2]int
	progress := func(done, rows int) { got = append(got, [2]int{done, rows}) }
	x, err := Build(ctx, c, Options{Progress: progress})
	must(t, err)
	n := 2*readRows + 1
	if want := [][2]int{{readRows, n}, {2 * readRows, n}, {n, n}}; !slices.Equal(got, want) {
		t.Errorf("a build: %v, want %v", got, want)
	}
	got = nil
	x, err = x.Add(ctx, c, Options{})
	must(t, err)
	_, err = x.Merge(ctx, progress)
	must(t, err)
	if len(got) < 3 || got[len(got)-1] != [2]int{2 * n, 2 * n} || !slices.IsSortedFunc(got, func(a, b [2]int) int { return a[0] - b[0] }) {
		t.Errorf("a merge: %v", got)
	}
}

// TestStats: the statistics by hand.
func TestStats(t *testing.T) {
	s := built(t, plainCodes()).Stats()
	// Lists of 2, 0, 3, 0, 0 and 1 rows: (4+9+1)·6/36, and 14/4 entries a query.
	if s.Rows != 4 || s.Deleted != 0 || s.Segments != 1 || s.Latents != 6 || s.Entries != 6 || math.Abs(s.Skew-14.0/6) > 1e-12 || s.Postings != 3.5 {
		t.Errorf("%+v", s)
	}
	if len(s.Longest) != 6 || s.Longest[0] != (List{2, 3, 0.75}) || s.Longest[1] != (List{0, 2, 0.5}) || s.Longest[3].Rows != 0 {
		t.Errorf("the longest lists: %v", s.Longest)
	}
}

// TestWarnings: when the statistics warn, and of what.
func TestWarnings(t *testing.T) {
	even := newMemoryCodes(1000)
	r := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		j := int32(r.IntN(990))
		even.add([]int32{j, j + 5, j + 9}, []float64{1, 1, 1})
	}
	for what, c := range map[string]struct {
		change func(x *Index) *Index
		want   []string
	}{
		"even": {func(x *Index) *Index { return x }, nil},
		"deleted": {func(x *Index) *Index {
			ids := NewIDs()
			for id := range int64(1000) {
				ids.Add(id)
			}
			x, _, err := x.Delete(ids)
			must(t, err)
			return x
		}, []string{"1000 of 3000 rows are marked as deleted"}},
		"segments": {func(x *Index) *Index {
			for range 9 {
				var err error
				x, err = x.Add(ctx, codefile.FromCodes(even.part(0, 100).codes(t)), Options{})
				must(t, err)
			}
			return x
		}, []string{"The index has 10 segments"}},
		"long": {func(x *Index) *Index {
			c := newMemoryCodes(1000)
			for i := range 3000 {
				c.add([]int32{int32(i % 3), int32(3 + i%900)}[min(1, i%3):], []float64{1, 1}[min(1, i%3):])
			}
			return built(t, c)
		}, []string{"1 latent is active in more than a quarter of the rows, latent 0 in 33 %", "used unequally"}},
		"k too large": {func(x *Index) *Index {
			c := newMemoryCodes(8)
			for range 100 {
				c.add([]int32{0, 1, 2, 3, 4, 5, 6, 7}, []float64{1, 1, 1, 1, 1, 1, 1, 1})
			}
			return built(t, c)
		}, []string{"8 latents are active in more than a quarter", "A query reads 8.0 entries for each row"}},
	} {
		got := c.change(built(t, even)).Stats().Warnings
		ok := len(got) == len(c.want)
		for i := range min(len(got), len(c.want)) {
			ok = ok && strings.Contains(got[i], c.want[i])
		}
		if !ok {
			t.Errorf("%s: warnings %q, want %q", what, got, c.want)
		}
	}
}

// TestPostingBytes: how many bytes the postings of a row take, at the size that was promised.
func TestPostingBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes large codes")
	}
	const rows, latents, k = 300_000, 4096, 16
	c := madeCodes(rows, latents, k, 3)
	p := &built(t, c).parts[0].postings
	bytes := float64(8*(len(p.largest)+len(p.bases)) + 4*(len(p.starts)+len(p.entries)))
	if got, most := bytes/rows, 4.2*k+2; got > most {
		t.Errorf("%.1f bytes a row, want at most %.1f", got, most)
	}
}

// TestIDs compares the set with a map.
func TestIDs(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	ids, all := new(IDs), map[int64]bool{}
	for range 3000 {
		id := r.Int64N(5000) - 50
		if r.IntN(10) == 0 {
			id = int64(r.Uint64())
		}
		ids.Add(id)
		all[id] = true
	}
	for id := range int64(6000) {
		if id -= 100; ids.Contains(id) != all[id] {
			t.Errorf("contains %d: %v", id, !all[id])
		}
	}
	for id := range all {
		if !ids.Contains(id) {
			t.Errorf("%d is not there", id)
		}
	}
	if ids.Len() != len(all) {
		t.Errorf("%d IDs, want %d", ids.Len(), len(all))
	}
	var none *IDs
	if none.Contains(1) || none.Len() != 0 {
		t.Error("a nil set has something")
	}
}

// TestNthLargest compares with sorting, on orders that are hard for a division by the middle one of three.
func TestNthLargest(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for range 3000 {
		v := make([]int64, 1+r.IntN(300))
		for i := range v {
			switch v[i] = r.Int64(); r.IntN(4) {
			case 0:
				v[i] = int64(i)
			case 1:
				v[i] = int64(-i)
			case 2:
				v[i] = r.Int64N(3)
			}
		}
		if r.IntN(3) == 0 {
			slices.Sort(v)
		}
		n := 1 + r.IntN(len(v))
		sorted := slices.Clone(v)
		slices.Sort(sorted)
		if got := nthLargest(slices.Clone(v), n); got != sorted[len(v)-n] {
			t.Fatalf("number %d of %v is %d, want %d", n, v, got, sorted[len(v)-n])
		}
	}
}
