package screen

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
)

// encodes compares one screened encode with the plain one, and returns what the
// screen counted.
func encodes(t *testing.T, x topk.Rows, packed *Packed, w topk.Rows, bias []float64, k int, f topk.Func) *Stats {
	t.Helper()
	stats := new(Stats)
	got, want := selected(x.Rows, k), selected(x.Rows, k)
	Encode(got, x, packed, Wide(w), bias, k, f, stats)
	topk.Encode(want, x, w, bias, k, f)
	if s := differ(got, want, k); s != "" {
		t.Fatal(s)
	}
	return stats
}

// TestRepack: a copy that follows changes of weights and biases, in pieces and at
// once, serves as well as a new one, also where weights grow or shrink beyond what
// the first unit of measure serves.
func TestRepack(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	const n, d, k = 500, 70, 9
	w, x := gaussian(r, n, d), gaussian(r, 40, d)
	for i := range x.Rows {
		x.Row(i)[3] *= 100 // so that there are columns to keep up as well
	}
	bias := make([]float64, n)
	packed := Pack(Wide(w), bias)
	packed.Always = true
	f := funcs[0].f
	bytes := packed.Bytes()
	for step := range 40 {
		screened := encodes(t, x, packed, w, bias, k, f).Screened.Load()
		if far := step%20 == 15; (screened == 0) != far {
			t.Fatalf("step %d: %d rows screened", step, screened)
		}
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
			packed.Repack(Wide(w), bias)
			continue
		}
		parallel.ForWorkers(3, n, 7, func(_, lo, hi int) { packed.RepackRows(Wide(w), lo, hi) })
		packed.RepackBias(bias)
	}
	if set := packed.outliers.Load(); set == nil || len(set.inputs) != 1 || packed.Bytes() <= bytes {
		t.Errorf("the outlier was not found, or not counted: %v, %d bytes, %d before", set, packed.Bytes(), bytes)
	}
}

// TestUnusable: what no bound can be given for takes the plain path.
func TestUnusable(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	const n, d, k = 100, 10, 3
	for _, v := range []float64{math.NaN(), math.Inf(1), math.MaxFloat64} {
		for _, where := range []string{"weight", "bias"} {
			w, x, bias := gaussian(r, n, d), gaussian(r, 7, d), make([]float64, n)
			if where == "bias" {
				bias[r.IntN(n)] = v
			} else {
				w.Row(r.IntN(n))[r.IntN(d)] = v
			}
			if s := encodes(t, x, Pack(Wide(w), bias), w, bias, k, funcs[0].f); s.Screened.Load() > 0 {
				t.Errorf("rows were screened with a %s of %v", where, v)
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
	packed := Pack(Wide(w), bias)
	for turn := range 2 {
		if s := encodes(t, x, packed, w, bias, k, funcs[0].f); s.Screened.Load() != 40 {
			t.Fatalf("turn %d: %d rows screened", turn, s.Screened.Load())
		}
		for i := range pause {
			if s := encodes(t, x, packed, w, bias, k, funcs[0].f); s.Plain.Load() != 40 || s.Rows.Load() != 40 {
				t.Fatalf("turn %d, call %d after: %d rows plain", turn, i, s.Plain.Load())
			}
		}
	}
	packed.Always = true
	if s := encodes(t, x, packed, w, bias, k, funcs[0].f); s.Screened.Load() != 40 {
		t.Errorf("not screened though asked to")
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
	packed := Pack(Wide(w), bias)
	first := encodes(t, x, packed, w, bias, k, funcs[0].f)
	second := encodes(t, x, packed, w, bias, k, funcs[0].f)
	if a, b := first.Candidates.Load()+n*first.Plain.Load(), second.Candidates.Load(); second.Screened.Load() != 1 || b > 100 || a < n/8 {
		t.Errorf("%d candidates, then %d", a, b)
	}
}

// TestConcurrent: one copy serves many goroutines, whose batches have different
// outliers.
func TestConcurrent(t *testing.T) {
	r := rand.New(rand.NewPCG(29, 30))
	const n, d, k = 300, 64, 8
	w, bias := gaussian(r, n, d), make([]float64, n)
	packed := Pack(Wide(w), bias)
	var wg sync.WaitGroup
	for g := range 6 {
		x := gaussian(r, 1+20*g, d)
		for i := range x.Rows {
			x.Row(i)[g] *= 1000
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			want, got := selected(x.Rows, k), selected(x.Rows, k)
			topk.Encode(want, x, w, bias, k, funcs[1].f)
			for range 10 {
				clear(got.Idx)
				Encode(got, x, packed, Wide(w), bias, k, funcs[1].f, nil)
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
	packed := Pack(Wide(w), bias)
	for _, rows := range []int{1, 3, 8, 64} {
		x, out := gaussian(r, rows, d), selected(rows, k)
		for _, fn := range funcs[:4] {
			if a := testing.AllocsPerRun(20, func() {
				Encode(out, x, packed, Wide(w), bias, k, fn.f, nil)
			}); a > 0 {
				t.Errorf("%d rows, %s: %v allocations", rows, fn.name, a)
			}
		}
	}
}
