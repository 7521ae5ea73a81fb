package engine

import (
	"math"
	"slices"
	"testing"

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
