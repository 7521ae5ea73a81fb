package feed

import (
	"math"

	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/stat"
)

// normLimit says which samples Settings.MaxNorm leaves out.
type normLimit struct {
	factor float64 // Settings.MaxNorm; 0 leaves none out
	few    bool    // Settings.Few
	norm   float64 // the largest norm that stays; NaN before there were samples that are not zero
}

// newNormLimit returns the limit of a Settings.MaxNorm and Few, whose norm is still to be found.
func newNormLimit(factor float64, few bool) normLimit {
	return normLimit{factor: factor, few: few, norm: math.NaN()}
}

// find finds the norm from the inputs x, where it is not known yet and some are not zero.
func (l *normLimit) find(x matrix.Rows) {
	if l.factor == 0 || !math.IsNaN(l.norm) {
		return
	}
	norms := make([]float64, 0, x.Rows)
	for i := range x.Rows {
		if v := matrix.Norm(x.Row(i)); v > 0 {
			norms = append(norms, v)
		}
	}
	if len(norms) > 0 {
		l.norm = l.factor * stat.Median(norms) // which sorts them
		if n := len(norms); l.few && norms[n-1-n/20] > l.norm {
			l.norm = math.Inf(1)
		}
	}
}

// allows reports whether the sample with the input x stays.
func (l *normLimit) allows(x []float64) bool {
	return l.factor == 0 || math.IsNaN(l.norm) || matrix.Norm(x) <= l.norm
}

// Far returns how many samples have an input whose norm is more than factor times the median
// norm, and of how many: all in memory, and none where they stream.
func (f *Feed) Far(factor float64) (far, of int) {
	if f.stream != nil {
		return 0, 0
	}
	l := newNormLimit(factor, false)
	l.find(f.x)
	for _, i := range f.order {
		if !l.allows(f.x.Row(i)) {
			far++
		}
	}
	return far, len(f.order)
}
