package search

import (
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"testing"

	"github.com/ksparse/ksparse/codefile"
)

// TestConcurrent: 64 goroutines search, explain, change and close indexes that share segments.
func TestConcurrent(t *testing.T) {
	path := t.TempDir() + "/index"
	c := smallCodes(2000, 5)
	must(t, built(t, c.part(0, 1500)).Save(path))
	opened, err := Open(path)
	must(t, err)
	x, err := opened.Add(ctx, codefile.FromCodes(c.part(1500, 2000).codes(t)), Options{})
	must(t, err)
	ids := NewIDs()
	for id := range int64(1000) {
		ids.Add(2 * id)
	}
	want := make([][]Hit, 30)
	for i := range want {
		want[i], err = x.ByCode(nil, c.rows[i], c.values[i], 10, ids)
		must(t, err)
	}
	var wg sync.WaitGroup
	for g := range 64 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			y := x
			if g%8 == 0 {
				changed, _, err := x.Delete(NewIDs(1, 3)) // which ids has not
				if err != nil {
					t.Error(err)
					return
				}
				defer changed.Close()
				y = changed
			}
			if g == 1 {
				opened.Close()
			}
			var hits []Hit
			for i := range 3 * len(want) {
				i = (i + g) % len(want)
				var err error
				if hits, err = y.ByCode(hits[:0], c.rows[i], c.values[i], 10, ids); err != nil || !slices.Equal(hits, want[i]) {
					t.Errorf("query %d: %v, %v, want %v", i, hits, err, want[i])
					return
				}
				if len(hits) > 0 {
					if _, err := y.Explain(hits[0].ID, c.rows[i], c.values[i]); err != nil {
						t.Error(err)
					}
				}
			}
		}()
	}
	wg.Wait()
	must(t, x.Close())
}

// TestNoGarbage: a search into memory that is there makes no garbage, whichever way it takes.
func TestNoGarbage(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes a pool lose what it has")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties pools
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	path := t.TempDir() + "/index"
	c := smallCodes(20_000, 5)
	must(t, built(t, c).Save(path))
	x, err := Open(path)
	must(t, err)
	defer x.Close()
	few, many := NewIDs(5, 80, 1000), NewIDs()
	for id := range int64(10_000) {
		many.Add(2 * id)
	}
	hits := make([]Hit, 0, 20_000)
	for _, q := range []struct {
		name string
		k    int
		only *IDs
	}{{"best", 10, nil}, {"filtered", 10, many}, {"row by row", 10, few}, {"all", 20_000, nil}} {
		r := rand.New(rand.NewPCG(1, 1))
		run := func() {
			i := r.IntN(len(c.rows))
			if hits, err = x.ByCode(hits[:0], c.rows[i], c.values[i], q.k, q.only); err != nil {
				t.Fatal(err)
			}
		}
		for range 50 {
			run()
		}
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations a search", q.name, n)
		}
	}
}
