package screen

import (
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/topk"
)

// count adds up what a run of trials covered.
type count struct {
	trials, rows, screened, candidates int
	perKind                            [64]int // rows screened

	above, aboveScreened, aboveFound int // rows of EncodeAbove, those screened, entries
	fine, middle                     int // rows on the fine grid, and with a middle stage
}

// addMiddle gives p a middle stage.
func (p *Packed) addMiddle(w matrix.Weights, bias []float64) {
	p.middle.Store(newMiddle(p.latents, p.inputs, true))
	p.Repack(w, bias)
}

// check encodes t with the screen and compares. It returns what differs.
func (t *trial) check(r *rand.Rand, c *count) string {
	want := selected(t.x.Rows, t.k)
	topk.Encode(want, t.x, matrix.Wide(t.w), t.bias, t.k, t.f)
	w := matrix.Wide(t.w)
	if narrow, exact := matrix.Narrowed(w); exact {
		w = narrow
	}
	packed := pack(w, t.bias, t.grid)
	packed.Always = true
	if packed.fine() {
		c.fine += t.x.Rows
	} else if r.IntN(2) == 0 {
		packed.addMiddle(w, t.bias)
		c.middle += t.x.Rows
	}
	if r.IntN(3) == 0 && t.x.Rows < fewSamples {
		packed.findOutliers(t.x, w) // a set, where the batch is too small to have one of its own
	}
	var stats Stats
	got := selected(t.x.Rows, t.k)
	Encode(got, t.x, packed, w, t.bias, t.k, t.f, &stats)
	c.trials++
	c.rows += int(stats.Rows.Load())
	c.screened += int(stats.Screened.Load())
	c.candidates += int(stats.Candidates.Load())
	if stats.Screened.Load()+stats.Float64.Load() != int64(t.x.Rows) {
		return "the statistics do not add up to the rows"
	}
	if s := differ(got, want, t.k); s != "" {
		return s
	}
	i := r.IntN(t.x.Rows)
	if r.IntN(8) == 0 && t.finite(i) {
		k := t.k
		row := topk.Selected{Idx: got.Idx[i*k : i*k+k], Val: got.Val[i*k : i*k+k], Pre: got.Pre[i*k : i*k+k]}
		if s := differ(row, t.reference(i), k); s != "" {
			return "by sorting: " + s
		}
	}
	return t.checkAbove(r, packed, w, c)
}

// checkAbove does the same for the selection above the thresholds.
func (t *trial) checkAbove(r *rand.Rand, packed *Packed, w matrix.Weights, c *count) string {
	var stats Stats
	var got, want topk.List
	topk.EncodeAbove(&want, t.x, matrix.Wide(t.w), t.bias, t.threshold)
	EncodeAbove(&got, t.x, packed, w, t.bias, t.threshold, &stats)
	if stats.Screened.Load()+stats.Float64.Load() != int64(t.x.Rows) {
		return "above: the statistics do not add up to the rows"
	}
	c.above += int(stats.Rows.Load())
	c.aboveScreened += int(stats.Screened.Load())
	c.aboveFound += len(got.Idx)
	if s := listsDiffer(&got, &want); s != "" {
		return "above: " + s
	}
	if r.IntN(8) == 0 {
		topk.EncodeAbove(&got, t.x, w, t.bias, t.threshold)
		if s := listsDiffer(&got, &want); s != "" {
			return "above, float64: " + s
		}
		i := r.IntN(t.x.Rows)
		if s := t.above(i, got.Idx[got.Offsets[i]:got.Offsets[i+1]], got.Pre[got.Offsets[i]:]); s != "" {
			return "above, by definition: " + s
		}
	}
	return ""
}

// TestExact compares with the float64 path on all kinds of data. It takes about two
// seconds. KSPARSE_SCREEN_ROWS sets how many rows it encodes.
func TestExact(t *testing.T) {
	rows := 30000
	if testing.Short() || raceEnabled {
		rows = 3000
	}
	seed := uint64(1)
	if s := os.Getenv("KSPARSE_SCREEN_ROWS"); s != "" {
		var err error
		if rows, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
		seed = uint64(time.Now().UnixNano())
		if s := os.Getenv("KSPARSE_SCREEN_SEED"); s != "" { // of a run that failed
			if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	var c count
	start := time.Now()
	for n := 0; c.rows < rows; n++ {
		if rows <= 30000 && time.Since(start) > 5*time.Second {
			break // a processor without fused multiply-add
		}
		kind := n % len(kinds)
		trial := newTrial(r, kind)
		before := c.screened
		if s := trial.check(r, &c); s != "" {
			t.Fatalf("trial %d, %s: %s", n, trial.what, s)
		}
		c.perKind[kind] += c.screened - before
	}
	t.Logf("%d trials, %d rows, of which %d were screened with %.1f candidates", c.trials, c.rows, c.screened, float64(c.candidates)/float64(max(1, c.screened)))
	if c.middle < c.rows/6 || c.fine < c.rows/3 {
		t.Errorf("only %d of %d rows had a middle stage, and %d fine grids", c.middle, c.rows, c.fine)
	}
	t.Logf("%d rows above thresholds, of which %d were screened, with %d entries", c.above, c.aboveScreened, c.aboveFound)
	if c.aboveScreened < c.above/3 || c.aboveFound < c.above {
		t.Errorf("the test of thresholds shows little: %d of %d rows screened, %d entries", c.aboveScreened, c.above, c.aboveFound)
	}
	for kind := range kinds {
		t.Logf("%8d rows screened of %s", c.perKind[kind], kinds[kind].name)
		if c.perKind[kind] == 0 && c.rows >= 30000 {
			t.Errorf("no row of kind %q was screened", kinds[kind].name)
		}
	}
}

// TestTheTest: with a bound that is too small, the comparison above must fail for
// each selection, or it would not notice a wrong bound.
func TestTheTest(t *testing.T) {
	defer func(part float64) { boundFactor, likelyPart = 1, part }(likelyPart)
	likelyPart = 0 // what round 1 takes in addition would hide a bound that is too small
	for _, grid := range grids {
		boundFactor = grid.factor
		r := rand.New(rand.NewPCG(1, 2))
		var c count
		noticed := map[string]bool{}
		for n := 0; c.rows < 60000 && len(noticed) < 3; n++ {
			trial := newTrial(r, n%len(kinds))
			trial.grid = grid.grid
			s := trial.check(r, &c)
			if s == "" {
				continue
			}
			selection := "k largest"
			switch {
			case strings.HasPrefix(s, "above"):
				selection = "above"
			case trial.f.Magnitude:
				selection = "magnitude"
			}
			if !noticed[selection] {
				noticed[selection] = true
				t.Logf("%s: noticed after %d rows: %s: %s", selection, c.rows, trial.what, s)
			}
		}
		if len(noticed) < 3 {
			t.Errorf("grid %d: a bound of %v was noticed only in %v in %d rows", grid.grid, grid.factor, noticed, c.rows)
		}
	}
}

// grids are the two grids, and by what factor a bound must be too small for random
// trials to notice: on the fine one, the slack for rounding and whole codes is often
// as large as the rest.
var grids = []struct {
	grid   kernel.Grid
	factor float64
}{{kernel.Coarse(), 0.9}, {kernel.GridFine, 0.5}}

// TestSameForAllSplits: no result depends on the number of processors or on the
// batch that a row comes in.
func TestSameForAllSplits(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 4 * len(kinds) {
		trial := newTrial(r, n%len(kinds))
		w := matrix.Wide(trial.w)
		packed := pack(w, trial.bias, trial.grid)
		packed.Always = true
		if n >= 2*len(kinds) && !packed.fine() {
			packed.addMiddle(w, trial.bias)
		}
		rows, k := trial.x.Rows, trial.k
		want := selected(rows, k)
		Encode(want, trial.x, packed, w, trial.bias, k, trial.f, nil)
		var above, list topk.List
		EncodeAbove(&above, trial.x, packed, w, trial.bias, trial.threshold, nil)
		for _, procs := range []int{1, 2, 7} {
			runtime.GOMAXPROCS(procs)
			got := selected(rows, k)
			Encode(got, trial.x, packed, w, trial.bias, k, trial.f, nil)
			if s := differ(got, want, k); s != "" {
				t.Fatalf("%s, %d processors: %s", trial.what, procs, s)
			}
			EncodeAbove(&list, trial.x, packed, w, trial.bias, trial.threshold, nil)
			if s := listsDiffer(&list, &above); s != "" {
				t.Fatalf("%s, above, %d processors: %s", trial.what, procs, s)
			}
			for lo := 0; lo < rows; {
				hi := min(rows, lo+1+r.IntN(9))
				part := topk.Selected{Idx: got.Idx[lo*k : hi*k], Val: got.Val[lo*k : hi*k], Pre: got.Pre[lo*k : hi*k]}
				clear(part.Idx)
				Encode(part, trial.x.Slice(lo, hi), packed, w, trial.bias, k, trial.f, nil)
				EncodeAbove(&list, trial.x.Slice(lo, hi), packed, w, trial.bias, trial.threshold, nil)
				from, to := above.Offsets[lo], above.Offsets[hi]
				if !slices.Equal(list.Idx, above.Idx[from:to]) || !slices.EqualFunc(list.Pre, above.Pre[from:to], sameBits) {
					t.Fatalf("%s, above, %d processors: rows %d to %d differ", trial.what, procs, lo, hi)
				}
				lo = hi
			}
			if s := differ(got, want, k); s != "" {
				t.Fatalf("%s, %d processors, range by range: %s", trial.what, procs, s)
			}
		}
	}
}

func gaussian(r *rand.Rand, rows, cols int) matrix.Rows {
	m := matrix.Rows{Data: make([]float64, rows*cols), Rows: rows, Cols: cols, Stride: cols}
	for i := range m.Data {
		m.Data[i] = r.NormFloat64()
	}
	return m
}

// TestCandidates: the bound is as tight as the literature of this repository says,
// and outliers do not spoil it.
func TestCandidates(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("a product of this size in plain Go")
	}
	r := rand.New(rand.NewPCG(5, 6))
	const n, d, k = 8192, 768, 32
	w, bias := gaussian(r, n, d), make([]float64, n)
	packed := Pack(matrix.Wide(w), bias)
	rows := 48
	if kernel.Active() == "go" {
		rows = fewSamples
	}
	x := gaussian(r, rows, d)
	f := funcs[1].f
	measure := func() float64 {
		var stats Stats
		out, want := selected(x.Rows, k), selected(x.Rows, k)
		Encode(out, x, packed, matrix.Wide(w), bias, k, f, &stats)
		topk.Encode(want, x, matrix.Wide(w), bias, k, f)
		if s := differ(out, want, k); s != "" {
			t.Fatal(s)
		}
		if stats.Float64.Load() > 0 {
			t.Errorf("%d rows took the float64 path", stats.Float64.Load())
		}
		return float64(stats.Candidates.Load()) / float64(stats.Screened.Load())
	}
	want := 106.0
	if kernel.Coarse() == kernel.GridBlocks {
		want = 180 // a bound of half again
	}
	c := measure()
	t.Logf("Gauss 768 -> 8192, k=32: %.1f candidates", c)
	if c > 1.08*want {
		t.Errorf("%.1f candidates, want about %v", c, want)
	}
	for _, i := range []int{3, 100, 101, 500, 767} {
		for row := range x.Rows {
			x.Row(row)[i] *= 30
		}
		for j := range n {
			w.Row(j)[i] /= 30
		}
	}
	packed.Repack(matrix.Wide(w), bias)
	packed.addMiddle(matrix.Wide(w), bias)
	measure()
	packed.middle.Store(nil)
	c = measure()
	t.Logf("with five outliers: %.1f candidates", c)
	if c > 1.18*want {
		t.Errorf("%.1f candidates with outliers, want about as many as without", c)
	}
}

// TestLargeShapes: batches of several blocks, long lists of candidates, and the
// most inputs that there may be.
func TestLargeShapes(t *testing.T) {
	if raceEnabled {
		t.Skip("slow, and nothing new to race")
	}
	r := rand.New(rand.NewPCG(7, 8))
	for _, s := range []struct{ rows, d, n, k int }{
		{1300, 9, 300, 8}, {60, 6, 40000, 2400}, {3, 6, 40000, 1}, {7, kernel.ScreenInputs, 70, 4}, {13, kernel.ScreenInputs + 1, 70, 4},
	} {
		w, x, bias := gaussian(r, s.n, s.d), gaussian(r, s.rows, s.d), make([]float64, s.n)
		if s.d >= kernel.ScreenInputs { // the largest integer sums
			each(w, func(v float64) float64 { return math.Copysign(1, v+3) })
			each(x, func(v float64) float64 { return math.Copysign(1, v-2) })
		}
		for _, grid := range grids {
			packed := pack(matrix.Wide(w), bias, grid.grid)
			packed.Always = true
			stats := encodes(t, x, packed, w, bias, s.k, funcs[1].f)
			if s.d <= kernel.ScreenInputs && !packed.fine() {
				packed.addMiddle(matrix.Wide(w), bias)
				stats = encodes(t, x, packed, w, bias, s.k, funcs[1].f)
			}
			if got := stats.Screened.Load(); (got > 0) != (s.d <= kernel.ScreenInputs) {
				t.Errorf("%v, grid %d: %d rows screened", s, grid.grid, got)
			}
		}
	}
}

func TestWorth(t *testing.T) {
	if !Worth(1024, 768, 8192, 32) && kernel.FastScreen() {
		t.Error("screening is not worth it where it is at its best")
	}
	if !(WorthAbove(1, 768, 8192, 0.01) && WorthAbove(1024, 768, 8192, 0) && WorthPackingAbove(1024, 768, 8192, 0)) && kernel.FastScreen() {
		t.Error("screening is not worth it above a threshold")
	}
	if WorthAbove(1024, 768, 8192, 0.1) || WorthAbove(1024, 8, 8192, 0) || WorthAbove(1024, 768, 100, 0) || WorthPackingAbove(16, 768, 8192, 0) {
		t.Error("screening is said to be worth it above a threshold for too many values or too little work")
	}
	for _, s := range [][4]int{{0, 768, 8192, 32}, {9, 768, 8192, 0}, {9, 8, 8192, 32}, {9, 768, 8192, 4096}, {9, 768, 100, 2}, {9, 1 << 20, 8192, 32}} {
		if Worth(s[0], s[1], s[2], s[3]) {
			t.Errorf("screening is said to be worth it for %v", s)
		}
	}
}

func FuzzEncode(f *testing.F) {
	for kind := range kinds {
		f.Add(uint64(kind), uint8(kind))
	}
	f.Fuzz(func(t *testing.T, seed uint64, kind uint8) {
		r := rand.New(rand.NewPCG(seed, 7))
		trial := newTrial(r, int(kind)%len(kinds))
		if s := trial.check(r, new(count)); s != "" {
			t.Fatalf("%s: %s", trial.what, s)
		}
	})
}
