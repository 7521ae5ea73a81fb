package engine

import (
	"testing"

	"github.com/ksparse/ksparse/internal/sparse"
)

// batchCodes are codes of 2 rows of 60 latents: {1: 3, 2: 2} and {4: 8}.
func batchCodes() *sparse.Codes {
	return &sparse.Codes{Rows: 2, Cols: 60, Offsets: []int{0, 2, 3}, Indices: []int32{1, 2, 4}, Values: []float64{3, 2, 8}}
}

// TestSee: rows are counted that a latent was not active in, a selected zero being no
// activity.
func TestSee(t *testing.T) {
	a := activity{layer: &Layer{Selection: &Selection{Rule: TopK}}, idle: make([]int64, 60)}
	c := batchCodes()
	c.Values[2] = 0
	for step, dead := range []int{0, 58, 58} {
		if l0, got := a.see(c, 4); got != dead || l0 != 1 {
			t.Errorf("step %d: %d dead and L0 %v, want %d and 1", step+1, got, l0, dead)
		}
	}
	if a.idle[1] != 0 || a.idle[2] != 0 || a.idle[4] != 6 || a.idle[0] != 6 {
		t.Errorf("idle for %v", a.idle[:5])
	}
	if got := a.dead(nil, 4); len(got) != 58 || got[0] != 0 || got[1] != 3 {
		t.Errorf("dead are %v", got)
	}
}
