package search

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"testing"
	"time"

	"github.com/ksparse/ksparse/codefile"
)

// trial is an index, the codes that it has, and which rows were deleted.
type trial struct {
	codes   *memoryCodes
	deleted map[int64]bool
	index   *Index
	asked   [ways]int // queries by the way to their answer
}

// bruteForce multiplies the code with that of every row, and sorts.
func (c *trial) bruteForce(latents []int32, values []float64, k int, only map[int64]bool) []Hit {
	weights, has := make([]float64, c.codes.latents), make([]bool, c.codes.latents)
	for t, j := range latents {
		weights[j], has[j] = values[t], true
	}
	var hits []Hit
	for i, row := range c.codes.rows {
		id := int64(i)
		if c.deleted[id] || only != nil && !only[id] {
			continue
		}
		score := 0.0
		for t, j := range row {
			if has[j] {
				product := weights[j] * c.codes.values[i][t]
				score += float64(product)
			}
		}
		if score > 0 {
			hits = append(hits, Hit{id, score})
		}
	}
	sort.Slice(hits, func(a, b int) bool {
		if hits[a].Score != hits[b].Score {
			return hits[a].Score > hits[b].Score
		}
		return hits[a].ID < hits[b].ID
	})
	return hits[:min(k, len(hits))]
}

// valueKinds are ways to choose values, awkward ones among them.
var valueKinds = []struct {
	name string
	next func(r *rand.Rand) float64
}{
	{"ordinary", func(r *rand.Rand) float64 { return 0.1 + math.Abs(r.NormFloat64()) }},
	{"signed", func(r *rand.Rand) float64 { return r.NormFloat64() }},
	{"few", func(r *rand.Rand) float64 { return float64(1 + r.IntN(3)) }},
	{"equal", func(r *rand.Rand) float64 { return 0.7 }},
	{"near", func(r *rand.Rand) float64 { return 1 + 1e-5*r.Float64() }},
	{"zeros", func(r *rand.Rand) float64 { return float64(r.IntN(2)) * r.NormFloat64() }},
	{"negative", func(r *rand.Rand) float64 { return -r.Float64() }},
	{"huge", func(r *rand.Rand) float64 { return 1e150 * r.Float64() }},
	{"tiny", func(r *rand.Rand) float64 { return 1e-300 * r.NormFloat64() }},
	{"denormal", func(r *rand.Rand) float64 { return math.SmallestNonzeroFloat64 * float64(r.IntN(50)) }},
	{"any size", func(r *rand.Rand) float64 { return math.Ldexp(r.NormFloat64(), r.IntN(1490)-996) }},
	{"some sizes", func(r *rand.Rand) float64 { return math.Ldexp(r.Float64(), -r.IntN(40)) }},
}

// randomKind returns a way to choose values: every second time one of those that are common.
func randomKind(r *rand.Rand) func(r *rand.Rand) float64 {
	n := len(valueKinds)
	if r.IntN(2) == 0 {
		n = 5
	}
	return valueKinds[r.IntN(n)].next
}

// randomRow returns different latents and values of a kind; some rows are empty.
func randomRow(r *rand.Rand, latents, most int, value func(r *rand.Rand) float64) ([]int32, []float64) {
	var row []int32
	var values []float64
	for range r.IntN(most + 1) {
		j := int32(float64(latents) * math.Pow(r.Float64(), 2))
		if !slices.Contains(row, j) {
			row, values = append(row, j), append(values, value(r))
		}
	}
	return row, values
}

// newTrial makes an index of random shape, in parts, with rows deleted.
func newTrial(t *testing.T, r *rand.Rand, n int) *trial {
	rows := []int{1, 2, 40, 200, 400, 700, 1025, 1500, 2500, 2500}[r.IntN(10)]
	latents := []int{1, 3, 20, 60, 300, 4000}[r.IntN(6)]
	most := min(latents, []int{1, 3, 16, 40}[r.IntN(4)])
	if n%400 == 7 { // several blocks
		rows, most = blockRows*2+r.IntN(2*blockRows), min(latents, 2)
	}
	kind := randomKind(r)
	everywhere := r.IntN(4) == 0 // latent 0 in every row
	c := &trial{codes: newMemoryCodes(latents), deleted: map[int64]bool{}}
	for i := range rows {
		row, values := randomRow(r, latents, most, kind)
		if i > 0 && r.IntN(4) == 0 { // equal scores
			from := r.IntN(i)
			row, values = c.codes.rows[from], c.codes.values[from]
		}
		if everywhere && !slices.Contains(row, 0) {
			row, values = append(slices.Clone(row), 0), append(slices.Clone(values), kind(r))
		}
		c.codes.add(row, values)
	}
	c.build(t, r)
	return c
}

// build builds the index, with Add, Delete, Merge, Save and Open.
func (c *trial) build(t *testing.T, r *rand.Rand) {
	rows := len(c.codes.rows)
	first := 1 + r.IntN(rows)
	if r.IntN(2) == 0 {
		first = rows
	}
	x, err := Build(ctx, codefile.FromCodes(c.codes.part(0, first).codes(t)), Options{})
	must(t, err)
	for first < rows {
		next := first + 1 + r.IntN(rows-first)
		x, err = x.Add(ctx, codefile.FromCodes(c.codes.part(first, next).codes(t)), Options{})
		must(t, err)
		first = next
		if r.IntN(3) == 0 {
			x = c.delete(t, r, x, first)
		}
		if r.IntN(4) == 0 {
			x, err = x.Merge(ctx, nil)
			must(t, err)
		}
	}
	if r.IntN(3) == 0 {
		x = c.delete(t, r, x, rows)
	}
	if r.IntN(50) == 0 {
		path := filepath.Join(t.TempDir(), "index")
		must(t, x.Save(path))
		x, err = Open(path)
		must(t, err)
		t.Cleanup(func() { x.Close() })
	}
	c.index = x
}

// delete deletes some of the first rows, and some that are not there.
func (c *trial) delete(t *testing.T, r *rand.Rand, x *Index, rows int) *Index {
	ids, want := NewIDs(int64(rows), 1<<40, -3), 0
	share := []float64{0.01, 0.5, 1}[r.IntN(3)]
	for id := range int64(rows) {
		if r.Float64() < share {
			ids.Add(id)
			if !c.deleted[id] {
				c.deleted[id] = true
				want++
			}
		}
	}
	y, n, err := x.Delete(ids)
	must(t, err)
	if n != want {
		t.Fatalf("%d rows were deleted, want %d", n, want)
	}
	return y
}

// query returns a code to search for.
func (c *trial) query(r *rand.Rand) ([]int32, []float64) {
	n := len(c.codes.rows)
	row, values := slices.Clone(c.codes.rows[r.IntN(n)]), []float64(nil)
	kind := randomKind(r)
	switch r.IntN(8) {
	case 0: // other latents
		one := newMemoryCodes(c.codes.latents)
		one.add(randomRow(r, c.codes.latents, min(c.codes.latents, 50), kind))
		return one.rows[0], one.values[0]
	case 1: // one latent
		row = []int32{int32(r.IntN(c.codes.latents))}
	case 2: // other values
	default: // the code of a row
		i := r.IntN(n)
		return c.codes.rows[i], c.codes.values[i]
	}
	for range row {
		values = append(values, kind(r))
	}
	return row, values
}

// only returns a set of IDs, or nil.
func (c *trial) only(r *rand.Rand) (*IDs, map[int64]bool) {
	share := []float64{-1, -1, -1, -1, -1, 0, 0.01, 0.2, 0.6, 1}[r.IntN(10)]
	if share < 0 {
		return nil, nil
	}
	ids, all := NewIDs(), map[int64]bool{}
	for id := range int64(len(c.codes.rows) + 3) {
		if r.Float64() < share {
			ids.Add(id)
			all[id] = true
		}
	}
	return ids, all
}

// compare asks one query. It returns what differs from the brute force.
func (c *trial) compare(r *rand.Rand) string {
	latents, values := c.query(r)
	k := []int{0, 1, 1, 2, 3, 10, 10, 10, 10, 10, 100, len(c.codes.rows), len(c.codes.rows) + 5, math.MaxInt}[r.IntN(14)]
	ids, only := c.only(r)
	before := []Hit{{-1, -1}}
	got, err := c.index.ByCode(before, latents, values, k, ids)
	if err != nil {
		return err.Error()
	}
	if r.IntN(4) == 0 && len(latents) > 0 {
		c.asked[way(c.index, latents, values, k, ids)]++
	}
	want := c.bruteForce(latents, values, k, only)
	if got[0] != before[0] {
		return "what dst had is lost"
	}
	got = got[1:]
	for i := range min(len(got), len(want)) {
		if got[i].ID != want[i].ID || math.Float64bits(got[i].Score) != math.Float64bits(want[i].Score) {
			return fmt.Sprintf("hit %d of %d is %v, want %v", i, k, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		return fmt.Sprintf("%d hits of %d, want %d", len(got), k, len(want))
	}
	return ""
}

// The ways to an answer.
const (
	rowByRow = iota // of a small set
	byShared        // all rows that share a latent, because sums do not tell
	byBest          // the rows with the largest sums
	ways
)

// way returns which way ByCode goes.
func way(x *Index, latents []int32, values []float64, k int, only *IDs) int {
	s := newScratch(x.latents)
	defer s.free()
	s.query.set(latents, values, x.largest)
	switch {
	case only != nil && x.rowByRow(&s.query, only.Len()):
		return rowByRow
	case k == 0 || !s.query.bounded || !s.scanBest(x, only, min(k, x.stored())):
		return byShared
	}
	return byBest
}

// must ends the test where there is an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestExact compares ByCode with a brute force, over indexes and queries of all kinds. It takes about two
// seconds. KSPARSE_SEARCH_QUERIES sets how many queries it asks, KSPARSE_SEARCH_SEED repeats a run that failed.
func TestExact(t *testing.T) {
	queries, seed := 8000, uint64(1)
	if testing.Short() || raceEnabled {
		queries = 1500
	}
	if s := os.Getenv("KSPARSE_SEARCH_QUERIES"); s != "" {
		var err error
		queries, err = strconv.Atoi(s)
		must(t, err)
		seed = uint64(time.Now().UnixNano())
		if s := os.Getenv("KSPARSE_SEARCH_SEED"); s != "" {
			seed, err = strconv.ParseUint(s, 10, 64)
			must(t, err)
		}
	}
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	var all [ways]int
	for asked, n := 0, 0; asked < queries; n++ {
		c := newTrial(t, r, n)
		for range 40 {
			asked++
			if differs := c.compare(r); differs != "" {
				t.Fatalf("index %d, query %d: %s", n, asked, differs)
			}
		}
		for w := range all {
			all[w] += c.asked[w]
		}
	}
	t.Logf("one query in four, row by row, by shared latents and by sums: %v", all)
	for _, n := range all {
		if n < queries/200 {
			t.Errorf("of these ways to an answer one was hardly taken: %v", all)
		}
	}
}

// TestNarrowBound: without the slack that is proved answers differ. So the comparison sees it.
func TestNarrowBound(t *testing.T) {
	proved := slackOf
	defer func() { slackOf = proved }()
	slackOf = func(m int) int64 { return 0 }
	r := rand.New(rand.NewPCG(5, 3))
	for n := range 300 {
		c := newTrial(t, r, n)
		for range 40 {
			if c.compare(r) != "" {
				return
			}
		}
	}
	t.Error("without the slack of the bound, no answer differs")
}
