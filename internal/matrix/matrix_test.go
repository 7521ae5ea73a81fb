package matrix

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/kernel"
)

// random returns rows x cols float32 numbers in float64, with gaps of the given
// length after each row.
func random(rng *rand.Rand, rows, cols, gap int) Rows {
	m := Rows{Data: make([]float64, rows*(cols+gap)), Rows: rows, Cols: cols, Stride: cols + gap}
	for i := range m.Data {
		m.Data[i] = float64(float32(rng.NormFloat64()))
	}
	return m
}

// forms returns the same random weights in float64 and in float32.
func forms(t *testing.T, rng *rand.Rand, rows, cols int) (wide, narrow Weights) {
	t.Helper()
	wide = Wide(random(rng, rows, cols, 0))
	narrow, exact := Narrowed(wide)
	if !exact || narrow.Float64 != nil || len(narrow.Float32) != rows*cols || narrow.Rows != rows || narrow.Cols != cols {
		t.Fatalf("Narrowed of %d x %d float32 numbers: exact %v", rows, cols, exact)
	}
	return wide, narrow
}

// checkBits fails where got and want differ in a bit.
func checkBits(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
			t.Fatalf("%s: %v at %d, want %v", what, got[i], i, want[i])
		}
	}
}

// TestProducts holds float32 weights against float64 ones, bit for bit, and both
// against the kernel's own product: around one block of converted rows, around
// several, and for single rows and columns.
func TestProducts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, s := range []struct{ samples, rows, cols, gap int }{
		{1, 1, 1, 0}, {3, 1, 5, 2}, {1, 255, 7, 0}, {5, 256, 9, 1}, {4, 257, 1, 0}, {9, 600, 33, 3}, {2, 1024, 3, 0},
	} {
		wide, narrow := forms(t, rng, s.rows, s.cols)

		x := random(rng, s.samples, s.cols, s.gap)
		want, got := make([]float64, s.samples*s.rows), make([]float64, s.samples*s.rows)
		for i := range s.samples {
			for j := range s.rows {
				want[i*s.rows+j] = kernel.Dot(x.Row(i), WideRows(wide).Row(j))
			}
		}
		MulT(got, x, wide)
		checkBits(t, "MulT of float64", got, want)
		clear(got)
		MulT(got, x, narrow)
		checkBits(t, "MulT of float32", got, want)

		y := random(rng, s.samples, s.rows, s.gap)
		start := random(rng, s.samples, s.cols, 0).Data
		want, got = slices.Clone(start), slices.Clone(start)
		AddProduct(want, s.cols, y, wide)
		AddProduct(got, s.cols, y, narrow)
		checkBits(t, "AddProduct of float32", got, want)

		var offsets []int
		var idx []int32
		for range s.samples {
			offsets = append(offsets, len(idx))
			for j := range s.rows {
				if rng.IntN(2) == 0 {
					idx = append(idx, int32(j))
				}
			}
		}
		offsets = append(offsets, len(idx))
		factors := random(rng, 1, len(idx), 0).Data
		want, got = slices.Clone(start), slices.Clone(start)
		for i := range s.samples {
			from, to := offsets[i], offsets[i+1]
			kernel.AddRows(want[i*s.cols:(i+1)*s.cols], factors[from:to], wide.Float64, s.cols, idx[from:to])
		}
		AddRows(got, s.cols, offsets, factors, wide, idx)
		checkBits(t, "AddRows of float64", got, want)
		copy(got, start)
		AddRows(got, s.cols, offsets, factors, narrow, idx)
		checkBits(t, "AddRows of float32", got, want)
	}
}

// TestPanel checks that both forms give the same rows, float64 ones without a copy.
func TestPanel(t *testing.T) {
	wide, narrow := forms(t, rand.New(rand.NewPCG(3, 4)), 10, 3)
	var buf []float64
	for _, p := range [][2]int{{0, 10}, {2, 5}, {9, 1}, {10, 0}} {
		lo, n := p[0], p[1]
		a, strideA := Panel(&buf, wide, lo, n)
		if n > 0 && &a[0] != &wide.Float64[lo*3] || len(buf) > 0 && lo == 0 {
			t.Fatalf("rows %d+%d of float64 weights were copied", lo, n)
		}
		b, strideB := Panel(&buf, narrow, lo, n)
		if strideA != 3 || strideB != 3 || !slices.Equal(a[:n*3], b[:n*3]) {
			t.Fatalf("rows %d+%d: %v, in float32 %v", lo, n, a[:n*3], b)
		}
	}
}

func TestWeightsForms(t *testing.T) {
	wide, narrow := forms(t, rand.New(rand.NewPCG(5, 6)), 7, 5)
	if w := Widened(narrow); w.Rows != 7 || w.Cols != 5 || w.Float32 != nil || !slices.Equal(w.Float64, wide.Float64) {
		t.Error("Widened(Narrowed(w)) is not w")
	}
	if !SameWeights(Widened(wide), wide) {
		t.Error("Widened copied float64 weights")
	}
	if n, exact := Narrowed(narrow); !exact || !SameWeights(n, narrow) {
		t.Error("Narrowed copied float32 weights")
	}
	if SameWeights(wide, narrow) || SameWeights(wide, Weights{}) || SameWeights(Weights{}, Weights{}) {
		t.Error("SameWeights of what is not one memory")
	}
	if Bytes(wide) != 8*35 || Bytes(narrow) != 4*35 {
		t.Errorf("Bytes %d and %d", Bytes(wide), Bytes(narrow))
	}
	if !(Weights{}).Empty() || wide.Empty() || narrow.Empty() || (Weights{Rows: 1}).Empty() {
		t.Error("Empty is wrong")
	}
	if k := Kept(wide); k.Float32 == nil || !slices.Equal(k.Float32, narrow.Float32) {
		t.Error("Kept of float32 numbers is not in float32")
	}
	if !SameWeights(Kept(narrow), narrow) {
		t.Error("Kept copied float32 weights")
	}
	if m := WideRows(wide); !Same(m, Rows{Data: wide.Float64, Rows: 7, Cols: 5, Stride: 5}) {
		t.Errorf("WideRows: %d x %d, stride %d", m.Rows, m.Cols, m.Stride)
	}

	for _, v := range []float64{0.1, 1e300, math.NaN(), math.SmallestNonzeroFloat64} {
		w := Weights{Rows: 7, Cols: 5, Float64: slices.Clone(wide.Float64)}
		w.Float64[34] = v
		if n, exact := Narrowed(w); exact || !n.Empty() {
			t.Errorf("Narrowed of %v is exact", v)
		}
		if k := Kept(w); k.Float32 != nil || len(k.Float64) != 35 || SameWeights(k, w) {
			t.Errorf("Kept of %v is not a float64 copy", v)
		}
	}
	w := Weights{Rows: 1, Cols: 3, Float64: []float64{math.Inf(-1), math.Copysign(0, -1), math.SmallestNonzeroFloat32}}
	n, exact := Narrowed(w)
	if !exact {
		t.Fatal("Narrowed of float32 numbers is not exact")
	}
	checkBits(t, "Widened", Widened(n).Float64, w.Float64)
}

func TestFirstNotFinite(t *testing.T) { // the pieces of work have 1<<18 numbers
	x := make([]float64, 3<<18)
	y := make([]float32, len(x))
	if FirstNotFinite(x) != -1 || FirstNotFinite(y) != -1 || FirstNotFinite[float64](nil) != -1 {
		t.Error("found what is not there")
	}
	for _, at := range []int{len(x) - 1, 2 << 18, 1<<18 + 7, 0} {
		x[at], y[at] = math.Inf(1), float32(math.NaN())
		if a, b := FirstNotFinite(x), FirstNotFinite(y); a != at || b != at {
			t.Errorf("found %d and %d, want %d", a, b, at)
		}
	}
}

func TestNotFiniteRow(t *testing.T) {
	m := random(rand.New(rand.NewPCG(7, 8)), 5, 3, 1)
	m.Data[1*4+3] = math.NaN() // between two rows
	if i := m.NotFiniteRow(); i != -1 {
		t.Errorf("row %d of finite rows", i)
	}
	m.Row(4)[0], m.Row(2)[2] = math.Inf(1), math.NaN()
	if i := m.NotFiniteRow(); i != 2 {
		t.Errorf("row %d, want 2", i)
	}
}

func TestRows(t *testing.T) {
	m := random(rand.New(rand.NewPCG(9, 10)), 6, 3, 2)
	part := m.Slice(2, 5)
	if part.Rows != 3 || &part.Row(1)[0] != &m.Row(3)[0] || len(part.Row(1)) != 3 {
		t.Error("Slice gives other rows")
	}
	if !Same(m, m) || Same(m, part) || Same(m, m.Slice(0, 5)) || Same(Rows{}, Rows{}) {
		t.Error("Same is wrong")
	}
	room := New(4, 3)
	got := Gather(room, m, []int{5, 0, 0})
	if &got.Data[0] != &room.Data[0] || got.Rows != 3 || got.Stride != 3 {
		t.Error("Gather did not use the memory that it was given")
	}
	for i, from := range []int{5, 0, 0} {
		checkBits(t, "Gather", got.Row(i), m.Row(from))
	}
	if got = Gather(room, m, []int{0, 1, 2, 3, 4}); got.Rows != 5 || len(got.Data) != 15 {
		t.Error("Gather of more rows than there is room for")
	}
	if s := Resized([]int{1, 2, 3}, 2); len(s) != 2 || s[1] != 2 {
		t.Errorf("Resized to less: %v", s)
	}
}

// TestAddRowsTo has more rows than one table of indices, and more columns than one
// worker takes.
func TestAddRowsTo(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, s := range [][2]int{{0, 5}, {1, 1}, {64, 3}, {65, 200}, {200, 129}} {
		m := random(rng, s[0], s[1], 1)
		start, factors := random(rng, 1, s[1], 0).Data, random(rng, 1, s[0], 0).Data
		for _, factors := range [][]float64{nil, factors} {
			got, want := slices.Clone(start), slices.Clone(start)
			for i := range m.Rows {
				f := 1.0
				if factors != nil {
					f = factors[i]
				}
				for j, v := range m.Row(i) {
					want[j] = math.FMA(f, v, want[j])
				}
			}
			if len(got) > 0 {
				AddRowsTo(got, factors, m)
			}
			checkBits(t, "AddRowsTo", got, want)
		}
	}
}

func TestGrains(t *testing.T) {
	if RowGrain(0) != 1<<16 || RowGrain(1<<10) != 64 || RowGrain(1<<30) != 1 {
		t.Error("RowGrain is wrong")
	}
	for _, rows := range []int{1, 7, 8, 1000, 1 << 20} {
		if g := ProductRows(rows); g < 8 || g > 512 {
			t.Errorf("ProductRows(%d) is %d", rows, g)
		}
	}
	if g := GatherGrain(1000, 64, 0, 1000, 0); g != 1 {
		t.Errorf("GatherGrain without entries is %d", g)
	}
	if g, want := GatherGrain(1000, 64, 1000*1000, 1000, 2), min(1024, ProductRows(1000)); g != want {
		t.Errorf("GatherGrain of dense entries is %d, want %d", g, want)
	}
}
