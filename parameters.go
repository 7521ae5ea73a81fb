package ksparse

import (
	"fmt"
	"math"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// trained returns every slice of numbers that training moves, each memory once:
// weights, biases and the thresholds that are learned, layer by layer.
func trained(layers []Layer) [][]float64 {
	var all [][]float64
	seen := make(map[*float64]bool) // tied layers share memory
	for _, l := range layers {
		a := l.parameters()
		slices := [][]float64{a.w.Float64, a.b}
		if s := l.sparse(); s != nil && s.selection == SelectBatchTopK {
			slices = append(slices, s.thresholds)
		}
		for _, p := range slices {
			if len(p) > 0 && !seen[&p[0]] {
				seen[&p[0]] = true
				all = append(all, p)
			}
		}
	}
	return all
}

// makeThresholds makes room for the thresholds that training will learn. If it has
// taken no step in the end, forget makes them unknown again.
func makeThresholds(layers []Layer) (forget func()) {
	var made []*SparseLayer
	for _, l := range layers {
		if s := l.sparse(); s != nil && s.selection == SelectBatchTopK && s.thresholds == nil {
			s.thresholds = make([]float64, s.out)
			made = append(made, s)
		}
	}
	return func() {
		for _, l := range made {
			l.thresholds = nil
		}
	}
}

// keptParameters is what a training keeps besides the parameters themselves: their
// average, with EMA, and those of the best epoch, with Patience.
type keptParameters struct {
	live    [][]float64 // the parameters
	decay   float64     // of the average
	average [][]float64 // nil for none
	best    [][]float64 // nil for none
}

// averagePiece is how many parameters are averaged at a time.
const averagePiece = 1024

// addToAverage takes the parameters after a step, number from 1, into the average.
func (k *keptParameters) addToAverage(number int) {
	for i, v := range k.average {
		p := k.live[i]
		if number == 1 {
			copy(v, p)
			continue
		}
		pieces := (len(p) + averagePiece - 1) / averagePiece
		parallel.For(pieces, 16, func(_, first, last int) {
			for lo := first * averagePiece; lo < min(last*averagePiece, len(p)); lo += averagePiece {
				hi := min(lo+averagePiece, len(p))
				kernel.Scale(v[lo:hi], k.decay)
				kernel.SGDStep(v[lo:hi], p[lo:hi], -(1 - k.decay)) // plus (1-decay)·p
			}
		})
	}
}

// swapAverage exchanges parameters and average.
func (k *keptParameters) swapAverage() {
	for i, average := range k.average {
		p := k.live[i]
		for j, v := range average {
			average[j], p[j] = p[j], v
		}
	}
}

// likeEach returns a new slice for each of s, of its length.
func likeEach(s [][]float64) [][]float64 {
	all := make([][]float64, len(s))
	for i := range s {
		all[i] = make([]float64, len(s[i]))
	}
	return all
}

// copyEach copies each of src to its place in dst.
func copyEach(dst, src [][]float64) {
	for i := range dst {
		copy(dst[i], src[i])
	}
}

// finite returns an error that names the first parameter, layer by layer, that is NaN or
// infinite. It reads all of them: it is for what takes longer, and for finding out why a
// result is not finite.
func (m *model) finite() error {
	for _, l := range m.layers {
		a := l.parameters()
		if err := finiteWeights(a.name, a.w); err != nil {
			return err
		}
		if i := matrix.FirstNotFinite(a.b); i >= 0 {
			return fault.Errorf(ErrNotFinite, "layer %q holds %v as bias %d", a.name, a.b[i], i)
		}
		if s := l.sparse(); s != nil {
			if err := s.finiteThresholds(); err != nil {
				return err
			}
		}
	}
	if i := matrix.FirstNotFinite(m.rows.Shift); i >= 0 {
		return fault.Errorf(ErrNotFinite, "the pre-bias holds %v at %d", m.rows.Shift[i], i)
	}
	return finiteWeights("skip connection", m.skip)
}

// finiteWeights is finite for the weights of the layer of that name.
func finiteWeights(name string, w Weights) error {
	i := matrix.FirstNotFinite(w.Float64)
	if i < 0 {
		i = matrix.FirstNotFinite(w.Float32)
	}
	if i < 0 {
		return nil
	}
	var v float64
	if w.Float32 != nil {
		v = float64(w.Float32[i])
	} else {
		v = w.Float64[i]
	}
	return fault.Errorf(ErrNotFinite, "layer %q holds %v as weight at row %d, column %d", name, v, i/w.Cols, i%w.Cols)
}

// finiteThresholds is finite for thresholds.
func (l *SparseLayer) finiteThresholds() error {
	if kernel.AllFinite(l.thresholds) {
		return nil
	}
	i := matrix.FirstNotFinite(l.thresholds)
	return fault.Errorf(ErrNotFinite, "layer %q holds %v as threshold %d", l.name, l.thresholds[i], i)
}

// overflow returns the error for a result, which it calls what, that is not finite: it
// names a parameter that is not, or else blames the sizes of numbers.
func (m *model) overflow(what string, row int) error {
	if err := m.finite(); err != nil {
		return err
	}
	return fault.Errorf(ErrNotFinite, "%s of row %d overflows: data or weights are too large", what, row)
}

// checkWeights returns what is wrong with w, which should have that number of rows and
// columns; 0 stands for any number.
func checkWeights(what string, w Weights, rows, cols int) error {
	switch {
	case w.Rows < 1 || w.Cols < 1 || w.Rows > math.MaxInt32 || w.Cols > math.MaxInt32 || w.Rows > matrix.MaxNumbers/w.Cols:
		return fault.Errorf(ErrShape, "Config.%s is %d x %d, want at least 1 of each and not too many", what, w.Rows, w.Cols)
	case rows != 0 && w.Rows != rows, cols != 0 && w.Cols != cols:
		wanted := fmt.Sprintf("%d rows", rows)
		if cols != 0 {
			wanted = fmt.Sprintf("%d x %d", rows, cols)
		}
		return fault.Errorf(ErrShape, "Config.%s is %d x %d, want %s", what, w.Rows, w.Cols, wanted)
	case (w.Float64 == nil) == (w.Float32 == nil):
		return fault.Errorf(ErrShape, "Config.%s has both or neither of Float64 and Float32, want one", what)
	case len(w.Float64)+len(w.Float32) != w.Rows*w.Cols:
		return fault.Errorf(ErrShape, "Config.%s is %d x %d and has %d numbers", what, w.Rows, w.Cols, len(w.Float64)+len(w.Float32))
	}
	at := matrix.FirstNotFinite(w.Float64)
	if w.Float32 != nil {
		at = matrix.FirstNotFinite(w.Float32)
	}
	if at >= 0 {
		return fault.Errorf(ErrNotFinite, "Config.%s holds NaN or an infinity at row %d, column %d", what, at/w.Cols, at%w.Cols)
	}
	return nil
}

// vector returns v, which Config calls what, or zeros where v is nil.
func vector(what string, v []float64, n int) ([]float64, error) {
	if v == nil {
		return make([]float64, n), nil
	}
	return v, checkVector(what, v, n)
}

// checkVector returns an error unless v has n finite numbers.
func checkVector(what string, v []float64, n int) error {
	if len(v) != n {
		return fault.Errorf(ErrShape, "Config.%s has %d numbers, want %d", what, len(v), n)
	}
	if i := matrix.FirstNotFinite(v); i >= 0 {
		return fault.Errorf(ErrNotFinite, "Config.%s holds %v at %d", what, v[i], i)
	}
	return nil
}

// negated returns -x.
func negated(x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = -v
	}
	return y
}
