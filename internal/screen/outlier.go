package screen

import (
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
)

// outliers are inputs with so large a scale that they would take the int8 grid
// for themselves. They are left out of the integer product and added in float32. On
// the fine grids there is room for them.
type outliers struct {
	inputs  []int32
	columns []float32 // of panel i: [len(inputs)][32] weights in the unit of Packed
}

var noOutliers outliers

const (
	// An input is an outlier where its mean square is outlierRatio times the median
	// over the inputs, and stays one down to keepRatio, so that the noise between
	// batches does not change the set, which would mean gathering columns anew.
	outlierRatio = 30
	keepRatio    = 10
	// fewSamples rows say too little about scales; with more than manySamples, so
	// many of them are looked at.
	fewSamples  = 32
	manySamples = 64
)

// learn looks for outliers in x and installs a set that differs from the one in
// use. It reports whether it did.
func (p *Packed) learn(x topk.Rows, w Weights) bool {
	if p.fine {
		return false
	}
	current := p.outliers.Load()
	if current == nil {
		current = &noOutliers
	}
	s := learnPool.Get()
	defer learnPool.Put(s)
	s.square = topk.Grown(s.square, x.Cols)
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
	// The median, and something above zero where most inputs are zero.
	base := max(kernel.KthLargest(s.square, (x.Cols+1)/2), sum/float64(8*x.Cols))

	s.found = s.found[:0]
	for c, v := range s.square {
		if v > outlierRatio*base {
			s.found = append(s.found, int32(c))
		}
	}
	if len(s.found) > kernel.ScreenOutliers {
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
	keep := true
	for _, c := range s.found {
		keep = keep && slices.Contains(current.inputs, c)
	}
	for _, c := range current.inputs {
		keep = keep && s.square[c] > keepRatio*base
	}
	if keep {
		return false
	}
	set := &outliers{
		inputs:  slices.Clone(s.found),
		columns: make([]float32, len(s.found)*p.panels*kernel.ScreenLatents),
	}
	parallel.For(p.latents, 1024, func(_, lo, hi int) {
		for j := lo; j < hi; j++ {
			set.take(p, j, w)
		}
	})
	p.outliers.Store(set)
	return true
}

// take copies the weights of latent j.
func (o *outliers) take(p *Packed, j int, w Weights) {
	to := o.panel(j / kernel.ScreenLatents)
	for c, i := range o.inputs {
		to[c*kernel.ScreenLatents+j%kernel.ScreenLatents] = float32(w.at(j, int(i)) / p.unit)
	}
}

// panel returns the columns of panel i.
func (o *outliers) panel(i int) []float32 {
	n := len(o.inputs) * kernel.ScreenLatents
	return o.columns[i*n : (i+1)*n]
}

type learning struct {
	square []float64
	found  []int32
}

var learnPool pool[learning]
