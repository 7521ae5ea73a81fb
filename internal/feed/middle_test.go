package feed

import (
	"slices"
	"testing"

	"github.com/ksparse/ksparse/internal/matrix"
)

// TestFromMiddle: with a mean that all inputs share, norms from zero hide inputs that are far from
// the others, and norms from the middle do not. Inputs at the middle do not count.
func TestFromMiddle(t *testing.T) {
	for _, c := range []struct {
		name         string
		mean         float64
		from         []float64 // the inputs, less the mean, along one line
		zero, middle []int     // which are kept by norms from zero, and from the middle
	}{
		{"no mean", 0, []float64{-1, 1, -2, 2, 50}, []int{0, 1, 2, 3}, []int{0, 1, 2, 3}},
		{"mean 100", 100, []float64{-1, 1, -2, 2, 50}, []int{0, 1, 2, 3, 4}, []int{0, 1, 2, 3}},
		{"one input many times", 100, []float64{0, 0, 0, 0, 0, 1, 2, 3, 50}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8}, []int{0, 1, 2, 3, 4, 5, 6, 7}},
		{"all the same", 100, []float64{0, 0, 0}, []int{0, 1, 2}, []int{0, 1, 2}},
		{"one input", 100, []float64{3}, []int{0}, []int{0}},
		{"too long to subtract", 0, []float64{-1, 1, -1.5, 1.5, 1e308}, []int{0, 1, 2, 3}, []int{0, 1, 2, 3}},
	} {
		x := matrix.New(len(c.from), 3)
		for i, v := range c.from {
			copy(x.Row(i), []float64{c.mean + 0.6*v, c.mean, c.mean - 0.8*v})
		}
		for _, middle := range []bool{false, true} {
			s, want := Settings{MaxNorm: 5, FromMiddle: middle}, c.zero
			if middle {
				want = c.middle
			}
			f := fromMemory(s, x, x)
			if !slices.Equal(f.order, want) {
				t.Errorf("%s, from the middle %v: the rows %v are kept, want %v", c.name, middle, f.order, want)
			}
			if far, of := fromMemory(Settings{}, x, x).Far(s); far != len(c.from)-len(want) || of != len(c.from) {
				t.Errorf("%s, from the middle %v: %d of %d are far", c.name, middle, far, of)
			}
		}
	}
}
