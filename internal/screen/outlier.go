package screen

import (
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// outliers are inputs with so large a scale that they would take the int8 grid
// for themselves. They are left out of the integer product and added in float32. On
// the fine grids there is room for them.
type outliers struct {
	inputs  []int32
	columns []float32 // of panel i: [len(inputs)][32] weights in the unit of Packed
}

// noOutliers is the set of a Packed that has none.
var noOutliers outliers

const (
	// An input is an outlier where its mean square is outlierRatio times the median
	// over the inputs, and stays one down to keepRatio, so that the noise between
	// batches does not change the set: that costs a copy of all its columns.
	outlierRatio = 30
	keepRatio    = 10
	// Fewer rows than fewSamples say too little about scales. Of more than manySamples,
	// manySamples are looked at.
	fewSamples  = 32
	manySamples = 64
)

// findOutliers looks for outliers in x and installs their set where it is to differ
// from the present one. It reports whether it did.
func (p *Packed) findOutliers(x matrix.Rows, w matrix.Weights) bool {
	if p.fine() {
		return false
	}
	current := p.outliers.Load()
	if current == nil {
		current = &noOutliers
	}
	s := searchPool.Get()
	defer searchPool.Put(s)
	s.measure(x)
	s.search()
	if !s.differ(current) {
		return false
	}
	set := &outliers{
		inputs:  slices.Clone(s.found),
		columns: make([]float32, len(s.found)*p.panels*kernel.ScreenLatents),
	}
	parallel.For(p.latents, 1024, func(_, lo, hi int) {
		for j := lo; j < hi; j++ {
			set.copyLatent(p, j, w)
		}
	})
	p.outliers.Store(set)
	return true
}

// outlierSearch is the memory of a findOutliers.
type outlierSearch struct {
	square []float64 // of each input: the sum of its squares
	base   float64   // about the median of those
	found  []int32   // the outliers, ascending
}

var searchPool pool[outlierSearch]

// measure sets the sums of squares from some rows of x, and base.
func (s *outlierSearch) measure(x matrix.Rows) {
	s.square = matrix.Resized(s.square, x.Cols)
	clear(s.square)
	count := min(x.Rows, manySamples)
	for i := range count {
		row := x.Row(i * x.Rows / count)
		m := kernel.MaxAbs(row)
		if !(m >= minInput && m <= maxInput) {
			continue
		}
		inv := 1 / m // rows of all scales count alike, and no square overflows
		for c, v := range row {
			t := v * inv
			s.square[c] += float64(t * t)
		}
	}
	sum := 0.0
	for _, v := range s.square {
		sum += v
	}
	// The median, or something above zero where most inputs are zero.
	s.base = max(kernel.KthLargest(s.square, (x.Cols+1)/2), sum/float64(8*x.Cols))
}

// search sets found to the outliers, the largest ones where there are too many.
func (s *outlierSearch) search() {
	s.found = s.found[:0]
	for c, v := range s.square {
		if v > outlierRatio*s.base {
			s.found = append(s.found, int32(c))
		}
	}
	if len(s.found) <= kernel.ScreenOutliers {
		return
	}
	slices.SortStableFunc(s.found, func(a, b int32) int {
		switch {
		case s.square[a] > s.square[b]:
			return -1
		case s.square[a] < s.square[b]:
			return 1
		}
		return 0
	})
	s.found = s.found[:kernel.ScreenOutliers]
	slices.Sort(s.found)
}

// differ reports whether found is to take the place of the current set: it has an
// outlier that this lacks, or an outlier of this is none any more.
func (s *outlierSearch) differ(current *outliers) bool {
	for _, c := range s.found {
		if !slices.Contains(current.inputs, c) {
			return true
		}
	}
	for _, c := range current.inputs {
		if !(s.square[c] > keepRatio*s.base) {
			return true
		}
	}
	return false
}

// copyLatent copies the weights of latent j.
func (o *outliers) copyLatent(p *Packed, j int, w matrix.Weights) {
	to := o.panel(j / kernel.ScreenLatents)
	for c, i := range o.inputs {
		to[c*kernel.ScreenLatents+j%kernel.ScreenLatents] = float32(weightAt(w, j, int(i)) / p.unit)
	}
}

// panel returns the columns of panel i.
func (o *outliers) panel(i int) []float32 {
	n := len(o.inputs) * kernel.ScreenLatents
	return o.columns[i*n : (i+1)*n]
}
