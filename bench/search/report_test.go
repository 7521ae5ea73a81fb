package main

import (
	"math"
	"testing"
)

// TestAt: times at a recall lie on a line between two efforts, time in its logarithm and recall in that of what is
// missing.
func TestAt(t *testing.T) {
	points := []point{{1, 0.5}, {2, 0.75}, {8, 0.9375}}
	for recall, want := range map[float64]float64{0.5: 1, 0.75: 2, 0.875: 4, 0.9375: 8, 0.4: math.NaN(), 0.95: math.NaN()} {
		if got := at(points, recall); math.Abs(got-want) > 1e-9 || math.IsNaN(got) != math.IsNaN(want) {
			t.Errorf("%v seconds for a recall of %v, want %v", got, recall, want)
		}
	}
}

// TestSpread: the median and the ends.
func TestSpread(t *testing.T) {
	rounds := []round{{together: 3}, {together: 1}, {together: 2}}
	if m, lo, hi := spread(rounds, func(r *round) float64 { return r.together }); m != 2 || lo != 1 || hi != 3 {
		t.Errorf("%v, %v to %v", m, lo, hi)
	}
}

// TestPopular: numbers are drawn from the whole range, the first ones most often.
func TestPopular(t *testing.T) {
	w := newWorld()
	if len(w.topics) != topics || len(w.atoms) != atoms*madeCols {
		t.Fatalf("%d topics and %d numbers of atoms", len(w.topics), len(w.atoms))
	}
	p := newPopular(3)
	total := 1.0/10 + 1.0/11 + 1.0/12
	for i, want := range []float64{1.0 / 10, 1.0/10 + 1.0/11, total} {
		if math.Abs(p[i]-want) > 1e-12 {
			t.Errorf("sum %d is %v, want %v", i, p[i], want)
		}
	}
	rows, cols := made(2100) // more than two chunks
	again, _ := made(2100)
	if cols != madeCols || len(rows) != 2100*madeCols {
		t.Fatalf("%d numbers in rows of %d", len(rows), cols)
	}
	for i := range rows {
		if rows[i] != again[i] || rows[i] != rows[i] {
			t.Fatalf("number %d is %v, then %v", i, rows[i], again[i])
		}
	}
}
