package screen

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
)

// encodes compares one screened encode with the float64 path, and returns what the
// screen counted.
func encodes(t *testing.T, x matrix.Rows, packed *Packed, w matrix.Rows, bias []float64, k int, f topk.Func) *Stats {
	t.Helper()
	stats := new(Stats)
	got, want := selected(x.Rows, k), selected(x.Rows, k)
	Encode(got, x, packed, matrix.Wide(w), bias, k, f, stats)
	topk.Encode(want, x, matrix.Wide(w), bias, k, f)
	if s := differ(got, want, k); s != "" {
		t.Fatal(s)
	}
	return stats
}

// encodesAbove is encodes for a selection above thresholds.
func encodesAbove(t *testing.T, x matrix.Rows, packed *Packed, w matrix.Rows, bias, threshold []float64) *Stats {
	t.Helper()
	stats := new(Stats)
	var got, want topk.List
	EncodeAbove(&got, x, packed, matrix.Wide(w), bias, threshold, stats)
	topk.EncodeAbove(&want, x, matrix.Wide(w), bias, threshold)
	if s := listsDiffer(&got, &want); s != "" {
		t.Fatal(s)
	}
	return stats
}

// TestRepack: a copy that follows changes of weights and biases, range by range and at
// once, serves as well as a new one, also where weights grow or shrink beyond what
// the first unit of measure serves.
func TestRepack(t *testing.T) {
	for _, grid := range grids {
		testRepack(t, grid.grid)
	}
}

func testRepack(t *testing.T, grid kernel.Grid) {
	fine := grid == kernel.GridFine
	r := rand.New(rand.NewPCG(21, 22))
	const n, d, k = 500, 70, 9
	w, x := gaussian(r, n, d), gaussian(r, 40, d)
	for i := range x.Rows {
		x.Row(i)[3] *= 100 // so that there are columns to keep up as well
	}
	bias := make([]float64, n)
	packed := pack(matrix.Wide(w), bias, grid)
	packed.Always = true
	f := funcs[0].f
	bytes := packed.Bytes()
	if !fine {
		packed.addMiddle(matrix.Wide(w), bias)
	}
	if more := packed.Bytes() - bytes; !fine && more < 2*n*d || fine && bytes < 2*n*d {
		t.Errorf("fine %v: %d weights take %d bytes, with a middle stage %d more", fine, n*d, bytes, more)
	}
	bytes = packed.Bytes()
	threshold := make([]float64, n)
	for step := range 40 {
		screened := encodes(t, x, packed, w, bias, k, f).Screened.Load()
		if far := step%20 == 15; (screened == 0) != far {
			t.Fatalf("step %d: %d rows screened", step, screened)
		}
		for range 2 { // with thresholds that are new to packed, and the same again
			above := encodesAbove(t, x, packed, w, bias, threshold).Screened.Load()
			if (above == 0) != (screened == 0) {
				t.Fatalf("step %d: %d rows screened above thresholds", step, above)
			}
		}
		threshold[r.IntN(n)] += 100 * r.NormFloat64()
		factor := 0.9 + 0.2*r.Float64()
		switch step % 20 {
		case 14:
			factor = 0x1p50 // the first unit does not serve this
		case 15:
			factor = 0x1p-50
		}
		each(w, func(v float64) float64 { return factor * (v + 0.1*r.NormFloat64()) })
		for j := range bias {
			bias[j] += r.NormFloat64()
		}
		if step == 10 {
			packed.Repack(matrix.Wide(w), bias)
			continue
		}
		parallel.ForWorkers(3, n, 7, func(_, lo, hi int) { packed.RepackRows(matrix.Wide(w), lo, hi) })
		packed.RepackBias(bias)
	}
	if set := packed.outliers.Load(); fine {
		if set != nil {
			t.Error("outliers on a fine grid")
		}
	} else if set == nil || len(set.inputs) != 1 || packed.Bytes() <= bytes {
		t.Errorf("the outlier was not found, or not counted: %v, %d bytes, %d before", set, packed.Bytes(), bytes)
	}
}

// TestUnusable: what no bound can be given for takes the float64 path.
func TestUnusable(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	const n, d, k = 100, 10, 3
	for turn, v := range []float64{math.NaN(), math.Inf(1), math.MaxFloat64, math.NaN(), math.Inf(1), math.MaxFloat64} {
		for _, where := range []string{"weight", "bias"} {
			w, x, bias := gaussian(r, n, d), gaussian(r, 7, d), make([]float64, n)
			if where == "bias" {
				bias[r.IntN(n)] = v
			} else {
				w.Row(r.IntN(n))[r.IntN(d)] = v
			}
			if s := encodes(t, x, pack(matrix.Wide(w), bias, grids[turn/3].grid), w, bias, k, funcs[0].f); s.Screened.Load() > 0 {
				t.Errorf("rows were screened with a %s of %v", where, v)
			}
			if s := encodesAbove(t, x, pack(matrix.Wide(w), bias, grids[turn/3].grid), w, bias, make([]float64, n)); s.Screened.Load() > 0 {
				t.Errorf("rows were screened above thresholds with a %s of %v", where, v)
			}
		}
	}
}

// TestWatcher: where nearly everything is a candidate, screening stops for a while.
func TestWatcher(t *testing.T) {
	r := rand.New(rand.NewPCG(25, 26))
	const n, d, k = 400, 64, 8
	w, x, bias := gaussian(r, n, d), gaussian(r, 40, d), make([]float64, n)
	for j := range n {
		copy(w.Row(j), w.Row(0))
	}
	packed := Pack(matrix.Wide(w), bias)
	for turn := range 2 {
		if s := encodes(t, x, packed, w, bias, k, funcs[0].f); s.Screened.Load() != 40 {
			t.Fatalf("turn %d: %d rows screened", turn, s.Screened.Load())
		}
		for i := range pauseCalls {
			if s := encodes(t, x, packed, w, bias, k, funcs[0].f); s.Float64.Load() != 40 || s.Rows.Load() != 40 {
				t.Fatalf("turn %d, call %d after: %d rows on the float64 path", turn, i, s.Float64.Load())
			}
		}
	}
	packed.Always = true
	if s := encodes(t, x, packed, w, bias, k, funcs[0].f); s.Screened.Load() != 40 {
		t.Errorf("not screened though asked to")
	}
	packed = Pack(matrix.Wide(w), bias)
	threshold := make([]float64, n) // half of all latents are above
	for range 2 {
		if s := encodesAbove(t, x, packed, w, bias, threshold); s.Screened.Load() != 40 {
			t.Fatalf("above thresholds: %d rows screened", s.Screened.Load())
		}
		for range pauseCalls {
			if s := encodesAbove(t, x, packed, w, bias, threshold); s.Float64.Load() != 40 {
				t.Fatalf("above thresholds: %d rows on the float64 path", s.Float64.Load())
			}
		}
	}
}

// TestThresholds: at the ends of what a threshold may be.
func TestThresholds(t *testing.T) {
	for _, grid := range grids {
		testThresholds(t, grid.grid)
	}
}

func testThresholds(t *testing.T, grid kernel.Grid) {
	r := rand.New(rand.NewPCG(33, 34))
	const n, d = 200, 20
	w, x, bias := gaussian(r, n, d), gaussian(r, 30, d), gaussian(r, 1, n).Data
	clear(x.Row(3))
	packed := pack(matrix.Wide(w), bias, grid)
	packed.Always = true
	all := func(v float64) []float64 {
		threshold := make([]float64, n)
		for j := range threshold {
			threshold[j] = v
		}
		return threshold
	}
	for _, v := range []float64{0, math.Copysign(0, -1), 5, -5, math.SmallestNonzeroFloat64, 1e200, -1e200, math.MaxFloat64, -math.MaxFloat64, math.Inf(1)} {
		screened := encodesAbove(t, x, packed, w, bias, all(v)).Screened.Load()
		if math.Abs(v) < 10 && screened != 30 || math.IsInf(v, 1) && screened != 30 {
			t.Errorf("threshold %v: %d rows screened", v, screened)
		}
	}
	// Equal to the bias: a row of zeros is above none of them.
	encodesAbove(t, x, packed, w, bias, bias)
	var list topk.List
	EncodeAbove(&list, x.Slice(3, 4), packed, matrix.Wide(w), bias, bias, nil)
	if len(list.Idx) > 0 {
		t.Errorf("%d biases are above themselves", len(list.Idx))
	}
	EncodeAbove(&list, x.Slice(3, 3), packed, matrix.Wide(w), bias, bias, nil)
	if len(list.Offsets) != 1 || len(list.Idx) != 0 {
		t.Errorf("no rows give %v", list)
	}
	large := make([]float64, n) // so large that only the bias matters
	for j := range large {
		large[j] = math.Copysign(1e15*(1+r.Float64()), r.NormFloat64())
	}
	threshold := make([]float64, n)
	for j, b := range large {
		threshold[j] = b + float64(r.IntN(9)-4)
	}
	packed.RepackBias(large)
	encodesAbove(t, x, packed, w, large, threshold)
}

// TestMiddleOfUnchanged: weights that stay as they are get a middle stage in time, if
// they are large and have many candidates, and lose it with the first change.
func TestMiddleOfUnchanged(t *testing.T) {
	r := rand.New(rand.NewPCG(35, 36))
	const n, d, k = 4096, 512, 4
	w, x, bias := gaussian(r, n, d), gaussian(r, 64, d), make([]float64, n)
	each(w, func(v float64) float64 { return v + 2 }) // what all latents share widens the bounds
	packed := Pack(matrix.Wide(w), bias)
	out, want := selected(x.Rows, k), selected(x.Rows, k)
	topk.Encode(want, x, matrix.Wide(w), bias, k, topk.ByPreActivation)
	calls := func(most int) (n int) {
		for n < most && packed.middle.Load() == nil {
			Encode(out, x, packed, matrix.Wide(w), bias, k, topk.ByPreActivation, nil)
			n++
		}
		return n
	}
	if packed.middle.Load() != nil || !worthMiddle(n, d) && kernel.FastScreen() {
		t.Fatal("the size is not one that gets a middle stage later")
	}
	if !kernel.FastScreen() {
		if calls(3); packed.middle.Load() != nil || worthMiddle(n, d) {
			t.Error("a middle stage where screening is slow")
		}
		return
	}
	for turn := range 2 {
		if got := calls(1000); got != middleLatents*n/x.Rows+1 {
			t.Errorf("turn %d: a middle stage after %d calls", turn, got)
		}
		Encode(out, x, packed, matrix.Wide(w), bias, k, topk.ByPreActivation, nil)
		if s := differ(out, want, k); s != "" {
			t.Fatalf("with the middle stage: %s", s)
		}
		packed.RepackRows(matrix.Wide(w), 7, 8)
		if packed.middle.Load() != nil {
			t.Error("a middle stage outlives a change of weights")
		}
	}
	wide := matrix.Wide(matrix.Rows{Data: make([]float64, 1024*2048), Rows: 1024, Cols: 2048, Stride: 2048})
	if pack(wide, make([]float64, 1024), kernel.Coarse()).middle.Load() == nil {
		t.Error("no middle stage of the beginning")
	}
	if pack(wide, make([]float64, 1024), kernel.GridFine).middle.Load() != nil {
		t.Error("a middle stage on a fine grid")
	}
}

// TestOutliersOfFewRows: single rows have outliers looked for once they screen badly.
func TestOutliersOfFewRows(t *testing.T) {
	r := rand.New(rand.NewPCG(27, 28))
	const n, d, k = 1000, 300, 8
	w, x, bias := gaussian(r, n, d), gaussian(r, 1, d), make([]float64, n)
	for _, c := range []int{7, 8, 200} {
		x.Row(0)[c] = 500
		for j := range n {
			w.Row(j)[c] /= 500
		}
	}
	packed := pack(matrix.Wide(w), bias, kernel.Coarse())
	first := encodes(t, x, packed, w, bias, k, funcs[0].f)
	second := encodes(t, x, packed, w, bias, k, funcs[0].f)
	if a, b := first.Candidates.Load()+n*first.Float64.Load(), second.Candidates.Load(); second.Screened.Load() != 1 || b > 100 || a < n/8 {
		t.Errorf("%d candidates, then %d", a, b)
	}
}

// TestConcurrent: one copy serves many goroutines, whose batches have different
// outliers.
func TestConcurrent(t *testing.T) {
	r := rand.New(rand.NewPCG(29, 30))
	const n, d, k = 300, 64, 8
	w, bias := gaussian(r, n, d), make([]float64, n)
	copies := []*Packed{pack(matrix.Wide(w), bias, kernel.Coarse()), pack(matrix.Wide(w), bias, kernel.GridFine)}
	var wg sync.WaitGroup
	for g := range 12 {
		packed, g := copies[g%2], g/2
		x := gaussian(r, 1+20*g, d)
		for i := range x.Rows {
			x.Row(i)[g] *= 1000
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			want, got := selected(x.Rows, k), selected(x.Rows, k)
			topk.Encode(want, x, matrix.Wide(w), bias, k, funcs[1].f)
			for range 10 {
				clear(got.Idx)
				Encode(got, x, packed, matrix.Wide(w), bias, k, funcs[1].f, nil)
				if s := differ(got, want, k); s != "" {
					t.Error(s)
				}
			}
		}()
	}
	wg.Wait()
}

// TestAllocs: on warm memory an encode on one processor makes no garbage.
func TestAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools at random")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r := rand.New(rand.NewPCG(31, 32))
	const n, d, k = 600, 64, 8
	w, bias := gaussian(r, n, d), make([]float64, n)
	packed := pack(matrix.Wide(w), bias, kernel.Coarse())
	for turn, rows := range []int{1, 3, 8, 64, 1, 3, 8, 64, 1, 3, 8, 64} {
		x, out := gaussian(r, rows, d), selected(rows, k)
		switch turn {
		case 4:
			packed.addMiddle(matrix.Wide(w), bias)
		case 8:
			packed = pack(matrix.Wide(w), bias, kernel.GridFine)
		}
		for _, fn := range funcs[:4] {
			if a := testing.AllocsPerRun(20, func() {
				Encode(out, x, packed, matrix.Wide(w), bias, k, fn.f, nil)
			}); a > 0 {
				t.Errorf("%d rows, %s: %v allocations", rows, fn.name, a)
			}
		}
		var list topk.List
		threshold := make([]float64, n)
		for _, f := range []func(){
			func() { EncodeAbove(&list, x, packed, matrix.Wide(w), bias, threshold, nil) },
			func() { topk.EncodeAbove(&list, x, matrix.Wide(w), bias, threshold) },
		} {
			if a := testing.AllocsPerRun(20, f); a > 0 {
				t.Errorf("%d rows above thresholds: %v allocations", rows, a)
			}
		}
	}
}

// TestMeasuredByAll: a latent that is not among those that Repack measures by, and too
// large for their unit, has all of them measured.
func TestMeasuredByAll(t *testing.T) {
	const n, d, k = 300, 96, 10
	r := rand.New(rand.NewPCG(61, 62))
	x, w, bias := gaussian(r, 40, d), gaussian(r, n, d), make([]float64, n)
	for p := range w.Row(1) {
		w.Row(1)[p] *= 0x1p50
	}
	for _, grid := range grids {
		packed := pack(matrix.Wide(w), bias, grid.grid)
		if packed.unit < 0x1p40 || !packed.summarize().usable {
			t.Errorf("grid %d: the unit is %v", grid.grid, packed.unit)
		}
		out, want := selected(x.Rows, k), selected(x.Rows, k)
		Encode(out, x, packed, matrix.Wide(w), bias, k, topk.ByPreActivation, nil)
		topk.Encode(want, x, matrix.Wide(w), bias, k, topk.ByPreActivation)
		if s := differ(out, want, k); s != "" {
			t.Errorf("grid %d: %s", grid.grid, s)
		}
	}
}
