package engine

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sparse"
)

// TestFollow: the threshold is the smallest value that the last batch kept; a batch of few
// rows moves it in part, one of nothing not at all.
func TestFollow(t *testing.T) {
	thresholds, c := make([]float64, 60), batchCodes()
	follow(thresholds, c, true)
	if thresholds[7] != 2 {
		t.Errorf("the first batch's smallest value is 2, the threshold %v", thresholds[7])
	}
	c.Values[1] = 6
	follow(thresholds, c, false) // smallest: 3, of 2 rows
	if want := 2 + 2.0/followRows; math.Abs(thresholds[7]-want) > 1e-12 {
		t.Errorf("the second threshold is %v, want %v", thresholds[7], want)
	}
	before := thresholds[7]
	follow(thresholds, &sparse.Codes{Rows: 2, Cols: 60, Offsets: []int{0, 0, 0}}, false)
	if thresholds[7] != before || slices.Min(thresholds) != slices.Max(thresholds) {
		t.Errorf("after a batch of nothing the thresholds are %v, want %v", thresholds, before)
	}
	c.Rows = 2 * followRows
	if follow(thresholds, c, false); thresholds[7] != 3 {
		t.Errorf("after a large batch the threshold is %v, want 3", thresholds[7])
	}
}

// TestCalibratedInPasses: the threshold is that of Calibrated, bit for bit, with any guess,
// where values are equal, huge or hardly more than zero, and where too few are positive.
func TestCalibratedInPasses(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for trial := range 24 {
		rows, latents := 1+rng.IntN(50), 1+rng.IntN(40)
		n := Network{Layers: []Layer{sparseLayer(rng, 5, latents, 3, TopK, testActivations["relu"])}}
		x := normalRows(rng, rows, 5)
		for e := range x.Data {
			switch trial % 4 {
			case 1:
				x.Data[e] = math.Round(x.Data[e]) // equal values
			case 2:
				x.Data[e] *= math.Exp2(float64(rng.IntN(1900) - 950))
			case 3:
				x.Data[e] *= 1e-310
			}
		}
		if trial%4 != 0 {
			clear(n.Layers[0].B)
		}
		want := 1 + rng.IntN(rows*latents)
		pass := func() *Pass {
			p := NewPass(&Screening{})
			p.Network = Network{Layers: slices.Clone(n.Layers)}
			return p
		}
		threshold, positive, ok := pass().Calibrated(x, 0, want, float64(want)/float64(rows))
		for _, guess := range []float64{0, threshold / 2, threshold, 2*threshold + 1, math.MaxFloat64} {
			passes := 0
			got, gotPositive, gotOK, err := pass().CalibratedInPasses(0, want, guess, func(f func(matrix.Rows)) error {
				passes++
				for lo := 0; lo < rows; lo += 7 {
					f(x.Slice(lo, min(lo+7, rows)))
				}
				return nil
			})
			if got != threshold || gotPositive != positive || gotOK != ok || err != nil || passes > 4 {
				t.Errorf("trial %d, guess %v: %v, %d positive, %v after %d passes, error %v, want %v, %d, %v", trial, guess, got, gotPositive, gotOK, passes, err, threshold, positive, ok)
			}
		}
	}
	fails := errors.New("fails")
	p := NewPass(&Screening{})
	p.Network.Layers = []Layer{sparseLayer(rng, 5, 6, 3, TopK, testActivations["relu"])}
	if _, _, _, err := p.CalibratedInPasses(0, 1, 0, func(func(matrix.Rows)) error { return fails }); !errors.Is(err, fails) {
		t.Errorf("error %v", err)
	}
}
