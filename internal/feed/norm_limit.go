package feed

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sparse"
	"github.com/ksparse/ksparse/internal/stat"
)

// normLimit says which samples Settings.MaxNorm leaves out.
type normLimit struct {
	factor float64   // Settings.MaxNorm; 0 leaves none out
	few    bool      // Settings.Few
	middle bool      // Settings.FromMiddle
	norm   float64   // the largest norm that stays; NaN before there were samples that are not zero
	from   []float64 // where norms are taken from, with FromMiddle
	less   []float64 // memory for an input less that
}

// newNormLimit returns the limit of those Settings, whose norm is still to be found.
func newNormLimit(s Settings) normLimit {
	return normLimit{factor: s.MaxNorm, few: s.Few, middle: s.FromMiddle, norm: math.NaN()}
}

// middleRows is from how many inputs, at most, the middle is taken.
const middleRows = 1024

// find finds the norm from the inputs x, where it is not known yet and some are not zero.
func (l *normLimit) find(x sparse.Rows) {
	if l.factor == 0 || !math.IsNaN(l.norm) || x.Len() == 0 {
		return
	}
	if l.middle {
		l.from, l.less = stat.GeometricMedian(x.Spread(middleRows)), make([]float64, x.Cols())
	}
	norms, spare := make([]float64, 0, x.Len()), l.spare(x)
	for i := range x.Len() {
		if v := l.normOf(x, i, spare); v > 0 {
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

// normOf returns the norm of the input i of x, from the middle where that is asked for.
func (l *normLimit) normOf(x sparse.Rows, i int, spare []float64) float64 {
	if l.from == nil {
		return matrix.Norm(x.Squeezed(i, spare))
	}
	kernel.Subtract(l.less, x.Row(i, spare), l.from)
	return matrix.Norm(l.less)
}

// spare returns room for a row of x, where the limit looks at rows.
func (l *normLimit) spare(x sparse.Rows) []float64 {
	if l.factor == 0 {
		return nil
	}
	return x.Spare()
}

// allows reports whether the sample with the input i of x stays.
func (l *normLimit) allows(x sparse.Rows, i int, spare []float64) bool {
	return l.factor == 0 || math.IsNaN(l.norm) || l.normOf(x, i, spare) <= l.norm
}

// KeepsFar reports whether no sample is left out for its norm: none is asked to be, or too many
// would be for Settings.Few.
func (f *Feed) KeepsFar() bool { return f.limit.factor == 0 || math.IsInf(f.limit.norm, 1) }

// Far returns how many samples the limit of those Settings would leave out, and of how many: all in
// memory, and none where they stream.
func (f *Feed) Far(s Settings) (far, of int) {
	if f.stream != nil {
		return 0, 0
	}
	l := newNormLimit(s)
	l.find(f.x)
	spare := l.spare(f.x)
	for _, i := range f.order {
		if !l.allows(f.x, i, spare) {
			far++
		}
	}
	return far, len(f.order)
}
