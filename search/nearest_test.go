package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/internal/kernel"
)

// rowOf returns a matrix of one row.
func rowOf(row []float64) *mat.Dense { return mat.NewDense(1, len(row), row) }

// closeTo reports whether two lists have the same IDs and, but for rounding, scores.
func closeTo(a, b []Hit) bool {
	return slices.EqualFunc(a, b, func(a, b Hit) bool { return a.ID == b.ID && math.Abs(a.Score-b.Score) < 1e-12 })
}

// TestNearestExact: where all rows are candidates the answer is that of all cosines.
func TestNearestExact(t *testing.T) {
	m := madeRows(t, 100, 12, 30, 3, false)
	x := m.add(t, m.add(t, nil, 0, 40), 40, 100)
	removed := NewIDs(3, 50, 51)
	y, n, err := x.Delete(removed)
	must(t, err)
	if n != 3 {
		t.Fatalf("%d rows are deleted, want 3", n)
	}
	merged, err := y.Merge(context.Background(), nil)
	must(t, err)
	some := NewIDs(1, 3, 5, 60, 77)
	for i := range 20 {
		for _, k := range []int{0, 1, 10, 30, 1000} {
			q := m.query(i, k)
			for what, z := range map[string]*Index{"whole": x, "deleted": y, "merged": merged} {
				for _, q.Only = range []*IDs{nil, some} {
					got, err := z.Nearest(nil, q)
					must(t, err)
					want := m.exactly(q, func(id int64) bool {
						return (z == x || !removed.Contains(id)) && (q.Only == nil || q.Only.Contains(id))
					})
					if !closeTo(got, want) {
						t.Fatalf("%s, query %d, %d rows of %v: %v, want %v", what, i, k, q.Only, got, want)
					}
				}
			}
		}
	}
}

// TestCalibrate: after Calibrate the recall of other rows is about what is asked for, more recall takes
// more candidates, and the answers and the ladder are the same on all kernels.
func TestCalibrate(t *testing.T) {
	m := madeRows(t, 20_000, 24, 128, 5, false)
	x := m.add(t, m.add(t, nil, 0, 12_000), 12_000, 20_000)
	steps := 0
	y, err := x.Calibrate(context.Background(), 150, func(done, of int) {
		if steps++; done != steps || of < done {
			t.Fatalf("step %d of %d after %d", done, of, steps-1)
		}
	})
	must(t, err)
	rungs := y.dense.ladder.rungs
	if len(rungs) != len(recalls) || y.dense.ladder.rows != 20_000 {
		t.Fatalf("the ladder is %v", y.dense.ladder)
	}
	if first, last := rungs[0], rungs[len(rungs)-1]; last.candidates <= first.candidates {
		t.Errorf("from %v to %v", first, last)
	}
	var hits []Hit
	for _, recall := range []float64{0.8, 0.95, 0.99} {
		found := 0
		for i := range 100 {
			q := m.query(i*199, 10)
			q.Recall = recall
			hits, err = y.Nearest(hits[:0], q)
			must(t, err)
			found += shared(hits, m.exactly(q, nil))
		}
		if got := float64(found) / 1000; got < recall-0.03 {
			t.Errorf("recall %v, want about %v", got, recall)
		}
	}
	q := m.query(77, 20)
	want, err := y.Nearest(nil, q)
	must(t, err)
	for _, name := range kernel.Available() {
		restore := kernel.Use(name)
		got, err := m.add(t, m.add(t, nil, 0, 12_000), 12_000, 20_000).Calibrate(context.Background(), 150, nil)
		must(t, err)
		hits, err := got.Nearest(nil, q)
		restore()
		must(t, err)
		if !slices.Equal(got.dense.ladder.rungs, rungs) || !slices.Equal(hits, want) {
			t.Errorf("%s: %v and %v, want %v and %v", name, got.dense.ladder.rungs, hits, rungs, want)
		}
	}
}

// TestNearestSaved: an index that is saved and opened gives the same answers, deletes and merges, and takes further rows.
func TestNearestSaved(t *testing.T) {
	for _, code := range []bool{false, true} {
		m := madeRows(t, 3000, 10, 60, 4, false)
		x := m.add(t, m.add(t, nil, 0, 1000), 1000, 2000)
		if code {
			d := *x.dense
			d.atoms, d.ladder = nil, ladder{[]rung{{0.5, 3, 200}}, 2000}
			x.setDense(&d)
		} else {
			var err error
			x, err = x.Calibrate(context.Background(), 100, nil)
			must(t, err)
		}
		path := filepath.Join(t.TempDir(), "index")
		must(t, x.Save(path))
		y, err := Open(path)
		must(t, err)
		ids := NewIDs(5, 1500)
		for what, change := range map[string]func(z *Index) (*Index, error){
			"same":   func(z *Index) (*Index, error) { return z, nil },
			"delete": func(z *Index) (*Index, error) { z, _, err := z.Delete(ids); return z, err },
			"merge":  func(z *Index) (*Index, error) { return z.Merge(context.Background(), nil) },
			"add":    func(z *Index) (*Index, error) { return m.add(t, z, 2000, 3000), nil },
		} {
			a, err := change(x)
			must(t, err)
			b, err := change(y)
			must(t, err)
			for i := range 30 {
				q := m.query(100*i, 10)
				codes, err := m.model.Encode(rowOf(q.Row))
				must(t, err)
				q.Latents, q.Values = codes.Row(0)
				want, err := a.Nearest(nil, q)
				must(t, err)
				got, err := b.Nearest(nil, q)
				must(t, err)
				if len(want) == 0 || !slices.Equal(got, want) {
					t.Fatalf("%s, query %d: %v, want %v", what, i, got, want)
				}
				if q.Latents, q.Values = nil, nil; code && what == "same" {
					if _, err := b.Nearest(nil, q); !errors.Is(err, ksparse.ErrUnset) {
						t.Fatalf("without a code and without a model: %v", err)
					}
				}
			}
		}
		must(t, y.Close())
		if _, err := y.Nearest(nil, m.query(0, 3)); !errors.Is(err, os.ErrClosed) && !errors.Is(err, ksparse.ErrUnset) {
			t.Errorf("after Close: %v", err)
		}
	}
}

// TestNearestNormalised: of a network that normalises rows the code is asked for, and nearest rows are found.
func TestNearestNormalised(t *testing.T) {
	m := madeRows(t, 3000, 16, 96, 4, false)
	net, err := ksparse.New(ksparse.Config{Inputs: 16, Latents: 96, K: 6, Normalization: ksparse.LayerNorm})
	must(t, err)
	must(t, net.StartFrom(m.source(t, 0, 3000), ksparse.Start{}))
	m.model, err = net.Freeze()
	must(t, err)
	x := m.add(t, nil, 0, 3000)
	if x.dense.atoms != nil {
		t.Error("atoms are asked, for rows that are normalised by numbers that an index does not know")
	}
	x, err = x.Calibrate(context.Background(), 100, nil)
	must(t, err)
	found := 0
	for i := range 50 {
		q := m.query(60*i, 10)
		hits, err := x.Nearest(nil, q)
		must(t, err)
		found += shared(hits, m.exactly(q, nil))
	}
	if found < 450 {
		t.Errorf("%d of 500 nearest rows are found", found)
	}
}

// TestNearestZeros: rows of zeros, of very large and of very small numbers are searched like others.
func TestNearestZeros(t *testing.T) {
	m := madeRows(t, 400, 8, 40, 3, false)
	for j := range 8 {
		m.rows.Set(3, j, 0)
		m.rows.Set(5, j, m.rows.At(5, j)*1e30)
		m.rows.Set(6, j, m.rows.At(6, j)*1e-30)
	}
	x := m.add(t, nil, 0, 400)
	all := NewIDs()
	for id := range int64(400) {
		all.Add(id)
	}
	for _, i := range []int{0, 5, 6} {
		q := Near{Row: slices.Clone(m.rows.RawRowView(i)), K: 5}
		for _, scale := range []float64{1, 1e100, 1e-100} {
			r := q
			r.Row = slices.Clone(q.Row)
			for j := range r.Row {
				r.Row[j] *= scale
			}
			r.Only = all
			hits, err := x.Nearest(nil, r)
			must(t, err)
			if len(hits) != 5 || hits[0].ID != int64(i) || math.Abs(hits[0].Score-1) > 1e-12 {
				t.Errorf("row %d times %v: %v", i, scale, hits)
			}
		}
	}
}

// TestNearestRefused: what does not fit is an error that says what.
func TestNearestRefused(t *testing.T) {
	m := madeRows(t, 200, 4, 20, 2, false)
	x := m.add(t, nil, 0, 200)
	alone, err := Build(context.Background(), codefile.FromCodes(m.codes), Options{})
	must(t, err)
	row := []float64{1, 2, 3, 4}
	for what, c := range map[string]struct {
		index *Index
		q     Near
		cause error
	}{
		"codes alone":      {alone, Near{Row: row, K: 1}, ksparse.ErrUnset},
		"a short row":      {x, Near{Row: row[:3], K: 1}, ksparse.ErrShape},
		"no row":           {x, Near{K: 1}, ksparse.ErrShape},
		"a NaN":            {x, Near{Row: []float64{1, math.NaN(), 3, 4}, K: 1}, ksparse.ErrNotFinite},
		"zeros":            {x, Near{Row: make([]float64, 4), K: 1}, ksparse.ErrRange},
		"a huge number":    {x, Near{Row: []float64{1e200, 0, 0, 0}, K: 1}, ksparse.ErrRange},
		"K below 0":        {x, Near{Row: row, K: -1}, ksparse.ErrRange},
		"recall above 1":   {x, Near{Row: row, K: 1, Recall: 1.1}, ksparse.ErrRange},
		"a latent of none": {x, Near{Row: row, K: 1, Latents: []int32{20}, Values: []float64{1}}, ksparse.ErrRange},
		"a value too many": {x, Near{Row: row, K: 1, Latents: []int32{2}, Values: []float64{1, 2}}, ksparse.ErrShape},
	} {
		if hits, err := c.index.Nearest(nil, c.q); !errors.Is(err, c.cause) || len(hits) > 0 {
			t.Errorf("%s: %v, %v", what, hits, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for what, err := range map[string]error{
		"calibrated codes": second(alone.Calibrate(context.Background(), 0, nil)),
		"queries below 0":  second(x.Calibrate(context.Background(), -1, nil)),
		"a stopped one":    second(x.Calibrate(ctx, 0, nil)),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// second returns its second argument.
func second(_ *Index, err error) error { return err }

// TestRowsRefused: rows that do not go with the codes, the model or the index are an error.
func TestRowsRefused(t *testing.T) {
	m := madeRows(t, 200, 4, 20, 2, false)
	x := m.add(t, nil, 0, 200)
	alone, err := Build(context.Background(), codefile.FromCodes(m.codes), Options{})
	must(t, err)
	src := m.source(t, 0, 200)
	wide := madeRows(t, 200, 5, 20, 2, false)
	bad := mat.DenseCopyOf(m.rows)
	bad.Set(7, 2, 1e300)
	tooLarge := &made{rows: bad, model: m.model}
	for what, c := range map[string]struct {
		add   *Index
		o     Options
		cause error
	}{
		"no model":         {nil, Options{Rows: src}, ksparse.ErrEmpty},
		"fewer rows":       {nil, Options{Rows: m.source(t, 0, 199), Model: m.model}, ksparse.ErrShape},
		"rows of others":   {nil, Options{Rows: wide.source(t, 0, 200), Model: m.model}, ksparse.ErrShape},
		"rows left out":    {x, Options{}, ksparse.ErrShape},
		"rows too many":    {alone, Options{Rows: src, Model: m.model}, ksparse.ErrShape},
		"another model":    {x, Options{Rows: wide.source(t, 0, 200), Model: wide.model}, ksparse.ErrShape},
		"a row above 1e38": {nil, Options{Rows: tooLarge.source(t, 0, 200), Model: m.model}, ksparse.ErrRange},
	} {
		err := error(nil)
		if c.add == nil {
			_, err = Build(context.Background(), codefile.FromCodes(m.codes), c.o)
		} else {
			_, err = c.add.Add(context.Background(), codefile.FromCodes(m.codes), c.o)
		}
		if !errors.Is(err, c.cause) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestNearestGarbage: in the steady state a search makes no garbage, by atoms, by the code and with a model.
func TestNearestGarbage(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes garbage of its own")
	}
	m := madeRows(t, 3000, 20, 100, 4, false)
	x := m.add(t, nil, 0, 3000)
	code := *x.dense
	code.atoms = nil
	y, err := x.with(x.next, x.parts)
	must(t, err)
	y.setDense(&code)
	q := m.query(5, 10)
	hits := make([]Hit, 0, 10)
	for what, z := range map[string]*Index{"atoms": x, "code": y} {
		search := func() {
			if hits, err = z.Nearest(hits[:0], q); err != nil {
				t.Fatal(err)
			}
		}
		search()
		if n := testing.AllocsPerRun(50, search); n > 0 {
			t.Errorf("%s: %v allocations a search", what, n)
		}
	}
}

// TestNearestTogether: many goroutines search one index.
func TestNearestTogether(t *testing.T) {
	m := madeRows(t, 3000, 12, 60, 4, false)
	x := m.add(t, m.add(t, nil, 0, 1000), 1000, 3000)
	want := make([][]Hit, 20)
	for i := range want {
		var err error
		want[i], err = x.Nearest(nil, m.query(i, 10))
		must(t, err)
	}
	var wg sync.WaitGroup
	for g := range 64 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range want {
				i = (i + g) % len(want)
				if hits, err := x.Nearest(nil, m.query(i, 10)); err != nil || !slices.Equal(hits, want[i]) {
					t.Errorf("query %d: %v, %v, want %v", i, hits, err, want[i])
				}
			}
		}()
	}
	wg.Wait()
}

// TestEffort: a recall takes the first rung that has it, and all rows where none has; more neighbours and more rows take
// more candidates.
func TestEffort(t *testing.T) {
	l := &ladder{rows: 1000, rungs: []rung{{0.5, 2, 200}, {0.9, 4, 400}}}
	for _, c := range []struct {
		recall  float64
		k, rows int
		want    effort
	}{
		{0.3, 10, 1000, effort{2, 200, 30}},
		{0.5, 1, 1000, effort{2, 200, 30}},
		{0.51, 10, 1000, effort{4, 400, 30}},
		{0.8, 10, 1000, effort{4, 400, 30}},
		{0, 10, 1000, effort{0, 1000, 1000}},
		{1, 20, 1000, effort{0, 1000, 1000}},
		{0.9, 2000, 3000, effort{4, 6000, 6000}},
		{0.9, 10, 10_000, effort{4, 4000, 30}},
		{0.9, 10, 10, effort{4, 100, 30}},
	} {
		if got := l.effort(c.recall, c.k, c.rows); got != c.want {
			t.Errorf("%v: %v", c, got)
		}
	}
	for _, l := range []ladder{ladderAtoms, ladderCode} {
		if !slices.IsSortedFunc(l.rungs, func(a, b rung) int { return int(math.Copysign(1, a.recall-b.recall)) }) {
			t.Error(fmt.Sprint(l))
		}
	}
}

// TestWarnsOfK: an index that knows how many numbers a row has says where too many latents are active for that.
func TestWarnsOfK(t *testing.T) {
	for k, want := range map[int]bool{2: false, 4: true} {
		x := madeRows(t, 300, 12, 64, k, false)
		all := x.add(t, nil, 0, 300).Stats().Warnings
		found := slices.ContainsFunc(all, func(w string) bool { return strings.Contains(w, "are active in a row of 12 numbers") })
		if found != want {
			t.Errorf("k %d of 12 numbers: %q", k, all)
		}
	}
}
