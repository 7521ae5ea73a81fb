package measure_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/measure"
)

func TestSharesByHand(t *testing.T) {
	r := &measure.Report{Frequency: []float64{0, 0.01, 0.1, 0.25, 0.64}}
	for _, c := range []struct {
		f           float64
		share, mass float64
		below       int
	}{
		{0, 0.8, 1, 0},
		{1e-6, 0.8, 1, 1},
		{0.01, 0.6, 0.99, 1}, // neither above nor below
		{0.1, 0.4, 0.89, 2},
		{1, 0, 0, 5},
	} {
		if got := r.ShareAbove(c.f); got != c.share {
			t.Errorf("ShareAbove(%v) is %v, want %v", c.f, got, c.share)
		}
		if got := r.MassAbove(c.f); math.Abs(got-c.mass) > 1e-15 {
			t.Errorf("MassAbove(%v) is %v, want %v", c.f, got, c.mass)
		}
		if got := r.CountBelow(c.f); got != c.below {
			t.Errorf("CountBelow(%v) is %v, want %v", c.f, got, c.below)
		}
	}
}

func TestDensityHistogram(t *testing.T) {
	frequency := []float64{0, 0, 1.0 / 300, 3.0 / 300, 30.0 / 300, 29.0 / 300, 95.0 / 300, 94.0 / 300, 1}
	for _, c := range []struct {
		rows, perDecade int
		from            []float64 // of the bins
		want            []int
	}{
		// Decades from 1/1000, since 1/300 lies there. 0.1 and 0.01 belong to the bin
		// that begins with them.
		{300, 1, []float64{1e-3, 1e-2, 1e-1}, []int{1, 2, 4}},
		// √0.1 = 94.87/300.
		{300, 2, []float64{1e-3, math.Sqrt(10) / 1e3, 1e-2, math.Sqrt(10) / 1e2, 1e-1, math.Sqrt(0.1)}, []int{0, 1, 1, 1, 2, 2}},
		{1000, 1, []float64{1e-3, 1e-2, 1e-1}, []int{1, 2, 4}},
		{1001, 1, []float64{1e-4, 1e-3, 1e-2, 1e-1}, []int{0, 1, 2, 4}},
	} {
		r := &measure.Report{Rows: c.rows, Latents: len(frequency), Frequency: frequency, Dead: []int{0, 1}}
		bins, err := r.DensityHistogram(c.perDecade)
		if err != nil || len(bins) != len(c.want) {
			t.Errorf("%d rows, %d per decade: bins %v, %v, want %v", c.rows, c.perDecade, bins, err, c.want)
			continue
		}
		for i, b := range bins {
			to := 1.0
			if i+1 < len(bins) {
				to = c.from[i+1]
			}
			if math.Abs(b.From/c.from[i]-1) > 1e-15 || math.Abs(b.To/to-1) > 1e-15 || b.Latents != c.want[i] {
				t.Errorf("%d rows, %d per decade: bin %d is %v, want %v to %v with %d", c.rows, c.perDecade, i, b, c.from[i], to, c.want[i])
			}
		}
	}

	r := &measure.Report{Rows: 1e6, Latents: 4, Frequency: []float64{1e-6, 0.003, 0.5, 1}}
	bins, err := r.DensityHistogram(0)
	if err != nil || len(bins) != 24 {
		t.Fatalf("the default has %d bins, %v, want 4 for each of 6 decades", len(bins), err)
	}
	for i, b := range bins {
		want := 0
		if slices.Contains([]int{0, 13, 22, 23}, i) { // of -6, -2.52, -0.301 and 0
			want = 1
		}
		if b.Latents != want {
			t.Errorf("the default: bin %d is %v, want %d latents", i, b, want)
		}
	}
	one := &measure.Report{Rows: 1, Latents: 3, Frequency: []float64{1, 0, 1}, Dead: []int{1}}
	if bins, err := one.DensityHistogram(2); err != nil || !slices.Equal(bins, []measure.DensityBin{{From: 1, To: 1, Latents: 2}}) {
		t.Errorf("one row: bins %v, %v, want one of 2 latents", bins, err)
	}
	for _, perDecade := range []int{-1, 1001} {
		if _, err := r.DensityHistogram(perDecade); !errors.Is(err, ksparse.ErrRange) {
			t.Errorf("%d bins per decade: error is %v, want ErrRange", perDecade, err)
		}
	}
	if _, err := new(measure.Report).DensityHistogram(1); !errors.Is(err, ksparse.ErrEmpty) {
		t.Errorf("no rows: error is %v, want ErrEmpty", err)
	}
}
