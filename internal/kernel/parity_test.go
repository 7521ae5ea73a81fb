package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Every path that this processor has is called by name and compared, bit for
// bit, with the loops in plain Go that define them all. The path "go" has faster ones, so
// it is among those compared.

// fastPaths lists every available path, and variants that take the ways which a path
// chooses by size whatever the size.
func fastPaths() []path {
	var list []path
	for _, p := range append(slices.Clone(paths), append(variants(), smallTiles())...) {
		if p.available {
			list = append(list, p)
		}
	}
	return list
}

// smallTiles is the path "go" with products that are always packed, a few rows, columns
// and steps at a time.
func smallTiles() path {
	p, a, b := generic, plain64, plain32
	p.name += " in small blocks"
	a.fewMulT, a.fewMulAdd, a.rows, a.cols, a.steps = 0, 0, 8, 6, 5
	b.fewMulT, b.fewMulAdd, b.rows, b.cols, b.steps = 0, 0, 8, 6, 5
	p.mulT, p.mulAdd, p.mulT32, p.mulAdd32 = a.mulT, a.mulAdd, b.mulT, b.mulAdd
	return p
}

// definition is the path of the loops that define the others.
func definition() path {
	p := generic
	p.dot, p.dotRows, p.addRows, p.addRowsBatch = dotGeneric, dotRowsGeneric, addRowsGeneric, addRowsBatchGeneric
	p.mulT, p.mulAdd, p.mulT32, p.mulAdd32 = mulTGeneric, mulAddGeneric, mulT32Generic, mulAdd32Generic
	return p
}

// fast calls f once for every one of them.
func fast(t *testing.T, f func(t *testing.T, p path)) {
	for _, p := range fastPaths() {
		t.Run(p.name, func(t *testing.T) { f(t, p) })
	}
}

// values fills a slice with numbers of one kind; the kinds are where kernels
// that agree on ordinary numbers differ.
type values struct {
	name string
	next func(r *rand.Rand) float64
}

var kinds = []values{
	{"ordinary", func(r *rand.Rand) float64 { return r.NormFloat64() }},
	{"wide", func(r *rand.Rand) float64 { return math.Ldexp(r.NormFloat64(), r.IntN(80)-40) }},
	{"awkward", func(r *rand.Rand) float64 {
		list := []float64{0, math.Copysign(0, -1), 1, -1, math.SmallestNonzeroFloat64, -1e-310, 1e-200, -1e-200, 1e200, -1e200, math.MaxFloat64, math.Pi}
		return list[r.IntN(len(list))]
	}},
	{"awkward32", func(r *rand.Rand) float64 {
		list := []float64{0, math.Copysign(0, -1), 1, -1, math.SmallestNonzeroFloat32, -1e-40, 1e-25, -1e-25, 1e25, -1e25, math.MaxFloat32, math.Pi}
		return list[r.IntN(len(list))]
	}},
	{"negative zero", func(r *rand.Rand) float64 { return math.Copysign(0, -1) }},
}

// slice returns n numbers of the kind.
func (v values) slice(r *rand.Rand, n int) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = v.next(r)
	}
	return s
}

// slice32 returns n numbers of the kind in float32.
func (v values) slice32(r *rand.Rand, n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(v.next(r))
	}
	return s
}

// same reports whether got has the bits of want; two NaNs are the same, since
// the payload that survives a sum is not part of the contract.
func same(got, want float64) bool {
	return math.Float64bits(got) == math.Float64bits(want) || got != got && want != want
}

// compare fails the test at the first element that differs in its bits.
func compare(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if !same(got[i], want[i]) {
			t.Fatalf("%s: element %d is %v (%#x), want %v (%#x)", what, i, got[i], math.Float64bits(got[i]), want[i], math.Float64bits(want[i]))
		}
	}
}

// compare32 is compare for float32.
func compare32(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) && (got[i] == got[i] || want[i] == want[i]) {
			t.Fatalf("%s: element %d is %v (%#x), want %v (%#x)", what, i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

// lengths are the sizes around every unroll: all up to 40, then around multiples.
func lengths() []int {
	var n []int
	for i := range 41 {
		n = append(n, i)
	}
	return append(n, 63, 64, 65, 100, 127, 128, 129, 255, 256, 257, 768, 1001)
}

func TestDotParity(t *testing.T) {
	fast(t, func(t *testing.T, p path) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, kind := range kinds {
			for _, k := range lengths() {
				x, y := kind.slice(r, k), kind.slice(r, k+3)
				compare(t, fmt.Sprintf("%s, k=%d", kind.name, k), []float64{p.dot(x, y)}, []float64{dotGeneric(x, y)})
			}
		}
	})
}

func TestRowsParity(t *testing.T) {
	const rows = 50
	fast(t, func(t *testing.T, p path) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, kind := range kinds {
			for _, k := range append(lengths(), 2047, 2048, 2049, 5000) {
				ldw := k + r.IntN(3)
				w := kind.slice(r, max(0, (rows-1)*ldw+k))
				for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33} {
					idx := make([]int32, n)
					for i := range idx {
						idx[i] = int32(r.IntN(rows))
					}
					what := fmt.Sprintf("%s, k=%d, %d rows", kind.name, k, n)
					x, alpha := kind.slice(r, k), kind.slice(r, n)
					got, want := kind.slice(r, n), make([]float64, n)
					p.dotRows(got, x, w, ldw, idx)
					dotRowsGeneric(want, x, w, ldw, idx)
					compare(t, "dotRows: "+what, got, want)
					if n*k <= len(w) {
						p.rowSquares(got, w, k)
						rowSquaresGeneric(want, w, k)
						compare(t, "rowSquares: "+what, got, want)
					}
					got = kind.slice(r, k)
					want = append([]float64(nil), got...)
					p.addRows(got, alpha, w, ldw, idx)
					addRowsGeneric(want, alpha, w, ldw, idx)
					compare(t, "addRows: "+what, got, want)
				}
			}
		}
	})
}

// shape is that of a product, with pad elements between rows.
type shape struct{ m, n, k, pad int }

// shapes reach every edge of a tile in each direction, the few-rows form,
// the blocks and the long rows.
func shapes(r *rand.Rand) []shape {
	s := []shape{{0, 3, 4, 0}, {3, 0, 4, 0}, {3, 4, 0, 1}, {40, 30, 0, 1}, {1, 1, 1, 0}, {33, 100, 25, 0}, {100, 25, 100, 7},
		{17, 49, 4096, 0}, {19, 50, 4101, 3}, {1030, 25, 9, 1}, {20, 200, 400, 0}, {5, 300, 140, 2}, {24, 97, 1000, 24}}
	for range 150 {
		s = append(s, shape{r.IntN(40), r.IntN(110), r.IntN(70), r.IntN(4)})
	}
	return s
}

func TestProductParity(t *testing.T) {
	fast(t, func(t *testing.T, p path) {
		r := rand.New(rand.NewPCG(5, 6))
		for i, s := range shapes(r) {
			kind := kinds[i%len(kinds)]
			what := fmt.Sprintf("%s, %dx%dx%d, pad %d", kind.name, s.m, s.n, s.k, s.pad)
			lda, ldb, ldd := s.k+s.pad, s.k+2*s.pad, s.n+s.pad
			a, b := kind.slice(r, s.m*lda), kind.slice(r, s.n*ldb)
			got := kind.slice(r, s.m*ldd)
			want := append([]float64(nil), got...)
			p.mulT(got, ldd, a, lda, s.m, b, ldb, s.n, s.k)
			mulTGeneric(want, ldd, a, lda, s.m, b, ldb, s.n, s.k)
			compare(t, "mulT: "+what, got, want)

			b = kind.slice(r, s.k*ldd)
			for _, transposed := range []bool{false, true} {
				ai, ap := lda, 1
				if transposed {
					ai, ap = 1, s.m+s.pad
				}
				a := kind.slice(r, s.m*ai+s.k*ap)
				p.mulAdd(got, ldd, s.m, s.n, s.k, a, ai, ap, b, ldd)
				mulAddGeneric(want, ldd, s.m, s.n, s.k, a, ai, ap, b, ldd)
				compare(t, fmt.Sprintf("mulAdd: %s, transposed %v", what, transposed), got, want)
			}
		}
	})
}

func TestProduct32Parity(t *testing.T) {
	fast(t, func(t *testing.T, p path) {
		r := rand.New(rand.NewPCG(7, 8))
		for i, s := range shapes(r) {
			kind := kinds[i%len(kinds)]
			what := fmt.Sprintf("%s, %dx%dx%d, pad %d", kind.name, s.m, s.n, s.k, s.pad)
			lda, ldb, ldd := s.k+s.pad, s.k+2*s.pad, s.n+s.pad
			a, b := kind.slice32(r, s.m*lda), kind.slice32(r, s.n*ldb)
			got := kind.slice32(r, s.m*ldd)
			want := append([]float32(nil), got...)
			p.mulT32(got, ldd, a, lda, s.m, b, ldb, s.n, s.k)
			mulT32Generic(want, ldd, a, lda, s.m, b, ldb, s.n, s.k)
			compare32(t, "mulT32: "+what, got, want)

			b = kind.slice32(r, s.k*ldd)
			for _, transposed := range []bool{false, true} {
				ai, ap := lda, 1
				if transposed {
					ai, ap = 1, s.m+s.pad
				}
				a := kind.slice32(r, s.m*ai+s.k*ap)
				p.mulAdd32(got, ldd, s.m, s.n, s.k, a, ai, ap, b, ldd)
				mulAdd32Generic(want, ldd, s.m, s.n, s.k, a, ai, ap, b, ldd)
				compare32(t, fmt.Sprintf("mulAdd32: %s, transposed %v", what, transposed), got, want)
			}
		}
	})
}

func TestAboveParity(t *testing.T) {
	fast(t, func(t *testing.T, p path) {
		r := rand.New(rand.NewPCG(9, 10))
		for _, n := range append(lengths(), 4095, 4096, 4097, 10000) {
			for _, threshold := range []float64{-10, -1, 0, 1, 2.5, 10, math.NaN(), math.Inf(1), math.Inf(-1)} {
				z := kinds[0].slice(r, n)
				for i := range z {
					switch r.IntN(20) {
					case 0:
						z[i] = math.NaN()
					case 1:
						z[i] = threshold
					case 2:
						z[i] = math.Inf(1 - 2*r.IntN(2))
					case 3:
						z[i] = math.Copysign(0, -1)
					}
				}
				got, want := make([]int32, n), make([]int32, n)
				g, w := p.above(got, z, threshold), aboveGeneric(want, z, threshold)
				if g != w {
					t.Fatalf("n=%d, t=%v: %d hits, want %d", n, threshold, g, w)
				}
				for i := range w {
					if got[i] != want[i] {
						t.Fatalf("n=%d, t=%v: hit %d is %d, want %d", n, threshold, i, got[i], want[i])
					}
				}
			}
		}
	})
}
