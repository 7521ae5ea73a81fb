package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// lists draws one list of row numbers for each of n rows of a result: empty ones,
// ones with a single entry and some of about per entries, repeated and not, most
// of them ascending.
func lists(r *rand.Rand, rows, n, per int) (offsets []int, idx []int32) {
	idx = make([]int32, r.IntN(3)) // entries of rows before these
	offsets = []int{len(idx)}
	for range n {
		count := per/2 + r.IntN(per+1)
		switch r.IntN(6) {
		case 0:
			count = 0
		case 1:
			count = 1
		}
		list := make([]int32, count)
		for t := range list {
			list[t] = int32(r.IntN(rows))
		}
		if r.IntN(4) > 0 {
			slices.Sort(list)
		}
		idx = append(idx, list...)
		offsets = append(offsets, len(idx))
	}
	return offsets, idx
}

// TestBatchParity has every way of walking w: at once, in blocks of either cache,
// row by row, with lists longer than a call.
func TestBatchParity(t *testing.T) {
	fast(t, func(t *testing.T, p path) {
		r := rand.New(rand.NewPCG(15, 16))
		for i, s := range []struct{ rows, n, per int }{
			{1, 1, 1}, {3, 1, 2}, {40, 7, 12}, {60, 3, 5}, {100, 5, 7}, {100, 90, 9}, {230, 21, 60}, {300, 33, 9},
			{700, 200, 7}, {1700, 150, 30}, {900, 130, 5}, {900, 20, 5}, {90, 3, 700}, {2000, 2, 600}, {5, 0, 1},
		} {
			for _, cols := range []int{0, 1, 3, 4, 7, 8, 9, 31, 48, 63, 64, 65, 100, 127, 128, 131, 200, 259} {
				kind := kinds[(i+cols)%len(kinds)]
				ldw, ldd := cols+r.IntN(3), cols+r.IntN(3)
				offsets, idx := lists(r, s.rows, s.n, s.per)
				w, alpha := kind.slice(r, (s.rows-1)*ldw+cols), kind.slice(r, len(idx))
				got := kind.slice(r, max(0, (s.n-1)*ldd+cols))
				want := slices.Clone(got)
				p.addRowsBatch(got, ldd, cols, offsets, alpha, w, ldw, idx)
				addRowsBatchGeneric(want, ldd, cols, offsets, alpha, w, ldw, idx)
				compare(t, fmt.Sprintf("%s, %v, %d columns", kind.name, s, cols), got, want)
				narrow := kind.slice32(r, len(w))
				p.addRowsBatch32(got, ldd, cols, offsets, alpha, narrow, ldw, idx)
				addRowsBatchGeneric(want, ldd, cols, offsets, alpha, widened(narrow), ldw, idx)
				compare(t, fmt.Sprintf("%s, %v, %d columns, float32", kind.name, s, cols), got, want)
			}
		}
	})
}

// widened returns the same numbers in float64.
func widened(narrow []float32) []float64 {
	wide := make([]float64, len(narrow))
	for i, v := range narrow {
		wide[i] = float64(v)
	}
	return wide
}

// TestBatchRefuses: reads and writes outside a slice panic as in plain Go, although
// assembly checks nothing.
func TestBatchRefuses(t *testing.T) {
	for _, p := range fastPaths() {
		for what, f := range map[string]func(){
			"an index too large": func() { p.addRows(make([]float64, 3), []float64{1}, make([]float64, 6), 3, []int32{2}) },
			"an index below 0":   func() { p.addRows(make([]float64, 3), []float64{1}, make([]float64, 6), 3, []int32{-1}) },
			"too few factors":    func() { p.addRows(make([]float64, 3), nil, make([]float64, 6), 3, []int32{1}) },
			"a short result": func() {
				p.addRowsBatch(make([]float64, 5), 3, 3, []int{0, 1, 2}, make([]float64, 2), make([]float64, 6), 3, []int32{0, 1})
			},
			"offsets beyond the entries": func() {
				p.addRowsBatch(make([]float64, 6), 3, 3, []int{0, 1, 3}, make([]float64, 2), make([]float64, 6), 3, []int32{0, 1}[:2:2])
			},
			"a large index of float32": func() {
				p.addRowsBatch32(make([]float64, 3), 3, 3, []int{0, 1}, []float64{1}, make([]float32, 6), 3, []int32{2})
			},
			"a negative index of float32": func() {
				p.addRowsBatch32(make([]float64, 3), 3, 3, []int{0, 1}, []float64{1}, make([]float32, 6), 3, []int32{-1})
			},
			"offsets that fall": func() {
				p.addRowsBatch(make([]float64, 6), 3, 3, []int{0, 2, 1}, make([]float64, 2), make([]float64, 6), 3, []int32{0, 1})
			},
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: %s raised no panic", p.name, what)
					}
				}()
				f()
			}()
		}
	}
}
