package topk

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// checkAbove compares l with the definition: all values, one by one. Those that are not
// finite are there as NaN.
func checkAbove(t *testing.T, what string, l *List, x, w matrix.Rows, bias, threshold []float64) {
	t.Helper()
	if len(l.Offsets) != x.Rows+1 || l.Offsets[0] != 0 || l.Offsets[x.Rows] != len(l.Idx) || len(l.Idx) != len(l.Pre) {
		t.Fatalf("%s: %d offsets, %v to %v, for %d and %d entries", what, len(l.Offsets), l.Offsets[0], l.Offsets[x.Rows], len(l.Idx), len(l.Pre))
	}
	for i := range x.Rows {
		var idx []int32
		var pre []float64
		for j := range w.Rows {
			switch z := kernel.Dot(x.Row(i), w.Row(j)) + bias[j]; {
			case math.IsNaN(z) || math.IsInf(z, 0):
				idx, pre = append(idx, int32(j)), append(pre, math.NaN())
			case z > threshold[j]:
				idx, pre = append(idx, int32(j)), append(pre, z)
			}
		}
		gotIdx, gotPre := l.Row(i)
		if !slices.Equal(gotIdx, idx) || !slices.EqualFunc(gotPre, pre, same) {
			t.Fatalf("%s: row %d has %v with %v, want %v with %v", what, i, gotIdx, gotPre, idx, pre)
		}
	}
}

// same reports whether a and b are one number, or both NaN.
func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

// aboveCase is what one comparison of TestEncodeAbove encodes.
type aboveCase struct {
	x, w            matrix.Rows
	narrow          matrix.Weights // w in float32, where it is that exactly, else empty
	bias, threshold []float64
	special         int // values behind the thresholds that are not finite
}

// newAboveCase draws shapes and data.
func newAboveCase(rng *rand.Rand) *aboveCase {
	rows, n, d := 1+rng.IntN(40), 1+rng.IntN(900), 1+rng.IntN(70)
	switch rng.IntN(4) {
	case 0:
		rows, n, d = 1+rng.IntN(4), 800+rng.IntN(1000), 80+rng.IntN(50) // split by latents
	case 1:
		rows, n, d = 1, 1, 1+rng.IntN(3)
	}
	draw := rng.NormFloat64
	switch rng.IntN(4) {
	case 0:
		draw = func() float64 { return float64(rng.IntN(3) - 1) } // ties
	case 1:
		draw = func() float64 { return math.Ldexp(rng.NormFloat64(), rng.IntN(1020)) }
	case 2:
		draw = func() float64 { return math.Ldexp(rng.NormFloat64(), -rng.IntN(1070)) }
	}
	pad := rng.IntN(3)
	narrow := make([]float32, n*d)
	for i := range narrow {
		narrow[i] = float32(draw())
		if v := narrow[i]; v-v != 0 { // weights are finite
			narrow[i] = math.MaxFloat32
		}
	}
	c := &aboveCase{
		x: matrix.Rows{Data: fill(rows*(d+pad), draw), Rows: rows, Cols: d, Stride: d + pad},
		w: matrix.Rows{Data: fill(n*d, draw), Rows: n, Cols: d, Stride: d},
	}
	if rng.IntN(2) == 0 {
		c.narrow = matrix.Weights{Rows: n, Cols: d, Float32: narrow}
		matrix.Widen(c.w.Data, narrow)
	}
	c.bias, c.threshold = fill(n, draw), fill(n, draw)
	c.moveThresholds(rng)
	return c
}

// moveThresholds sets some thresholds to zero, to +Inf, to values themselves and to
// just below them.
func (c *aboveCase) moveThresholds(rng *rand.Rand) {
	for j := range c.threshold {
		switch rng.IntN(5) {
		case 0:
			c.threshold[j] = math.Inf(1)
		case 1:
			c.threshold[j] = 0
		case 2, 3:
			z := kernel.Dot(c.x.Row(rng.IntN(c.x.Rows)), c.w.Row(j)) + c.bias[j]
			if math.IsInf(z, 0) || math.IsNaN(z) {
				c.special++
			}
			if rng.IntN(2) == 0 {
				z = math.Nextafter(z, math.Inf(-1))
			}
			if z > math.Inf(-1) {
				c.threshold[j] = z
			}
		}
	}
}

// TestEncodeAbove: for thresholds of all sizes, among them values themselves, on
// pre-activations that may overflow, however the work was split, into memory that
// held something else before.
func TestEncodeAbove(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	rng := rand.New(rand.NewPCG(12, 13))
	var list List
	entries, special := 0, 0
	for range 150 {
		c := newAboveCase(rng)
		special += c.special
		for _, procs := range []int{1, 2, 5} {
			runtime.GOMAXPROCS(procs)
			what := fmt.Sprintf("rows=%d n=%d d=%d procs=%d", c.x.Rows, c.w.Rows, c.x.Cols, procs)
			EncodeAbove(&list, c.x, matrix.Wide(c.w), c.bias, c.threshold)
			checkAbove(t, what, &list, c.x, c.w, c.bias, c.threshold)
			entries += len(list.Idx)
			if !c.narrow.Empty() {
				EncodeAbove(&list, c.x, c.narrow, c.bias, c.threshold)
				checkAbove(t, "float32: "+what, &list, c.x, c.w, c.bias, c.threshold)
			}
		}
	}
	if entries < 10000 || special < 1000 {
		t.Errorf("the test shows little: %d entries, %d values that are not finite", entries, special)
	}
	EncodeAbove(&list, matrix.Rows{Cols: 3, Stride: 3}, matrix.Wide(matrix.New(1, 3)), []float64{1}, []float64{0})
	if len(list.Offsets) != 1 || len(list.Idx) != 0 || len(list.Pre) != 0 {
		t.Errorf("no rows give %v", list)
	}
}

// TestFound: runs of one row that come in several parts, and rows without any.
func TestFound(t *testing.T) {
	var f Found
	for range 2 { // the second time in the memory of the first
		a, b := f.Part(), f.Part()
		b.Add(2, []int32{7, 9}, []float64{70, 90})
		a.Add(2, []int32{1}, []float64{10})
		a.Add(0, nil, nil)
		b.Add(4, []int32{3}, []float64{30})
		a.Add(2, []int32{2, 5}, []float64{20, 50})
		a.Add(1, []int32{4}, []float64{40})
		var l List
		f.Join(&l, 5)
		if want := []int{0, 0, 1, 6, 6, 7}; !slices.Equal(l.Offsets, want) {
			t.Errorf("offsets %v, want %v", l.Offsets, want)
		}
		if want := []int32{4, 1, 2, 5, 7, 9, 3}; !slices.Equal(l.Idx, want) {
			t.Errorf("indices %v, want %v", l.Idx, want)
		}
		for i, j := range l.Idx {
			if l.Pre[i] != 10*float64(j) {
				t.Errorf("entry %d of latent %d has %v", i, j, l.Pre[i])
			}
		}
	}
}
