package ksparse

import (
	"fmt"
	"math"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// trained returns every slice of numbers that steps move, each memory once: weights and
// biases, layer by layer.
func trained(layers []Layer) [][]float64 {
	var all [][]float64
	seen := make(map[*float64]bool) // tied layers share memory
	for _, l := range layers {
		a := l.parameters()
		for _, p := range [][]float64{a.w.Float64, a.b} {
			if len(p) > 0 && !seen[&p[0]] {
				seen[&p[0]] = true
				all = append(all, p)
			}
		}
	}
	return all
}

// fingerprint returns a number that is another one for almost all other parameters.
func (m *model) fingerprint() uint64 {
	h := uint64(14695981039346656037) // FNV-1a's numbers, a float64 at a time
	for _, p := range trained(m.layers) {
		for _, v := range p {
			h = (h ^ math.Float64bits(v)) * 1099511628211
		}
	}
	return max(h, 1)
}

// thresholdsOf returns the thresholds of each layer, nil where it has none.
func thresholdsOf(layers []Layer) [][]float64 {
	all := make([][]float64, len(layers))
	for i, l := range layers {
		if s := l.sparse(); s != nil {
			all[i] = s.thresholds
		}
	}
	return all
}

// unlearned are the layers whose thresholds were not known before the training.
type unlearned []*SparseLayer

// makeThresholds makes room for the thresholds that training will learn. If it has
// taken no step in the end, forget makes them unknown again.
func makeThresholds(layers []Layer) (made unlearned) {
	for _, l := range layers {
		if s := l.sparse(); s != nil && s.selection == SelectBatchTopK && s.thresholds == nil {
			s.thresholds = make([]float64, s.out)
			made = append(made, s)
		}
	}
	return made
}

// forget makes the thresholds unknown again.
func (made unlearned) forget() {
	for _, l := range made {
		l.thresholds = nil
	}
}

// keptParameters is what a training keeps besides the parameters themselves: their
// average, with EMA, and those of the best epoch, with Patience.
type keptParameters struct {
	_       noCopy
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

// left returns the parameters that the training leaves behind if it ends after that many
// steps, with that epoch the best one up to now, and what they are called; nil where these
// are the parameters themselves.
func (k *keptParameters) left(steps, bestEpoch int) (parameters [][]float64, name string) {
	switch {
	case steps > 0 && k.best != nil && bestEpoch > 0:
		return k.best, "best parameters"
	case steps > 0 && k.average != nil:
		return k.average, "average"
	}
	return nil, "parameters"
}

// swap exchanges the parameters and others that are kept; nil stands for none.
func (k *keptParameters) swap(others [][]float64) {
	for i, other := range others {
		p := k.live[i]
		for j, v := range other {
			other[j], p[j] = p[j], v
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
	if at := w.FirstNotFinite(); at >= 0 {
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

// keepEach returns what makes each of s again what it is now.
func keepEach(s [][]float64) (restore func()) {
	before := likeEach(s)
	copyEach(before, s)
	return func() { copyEach(s, before) }
}

// checkSizes returns an error where a size was left out.
func (cfg Config) checkSizes() error {
	for _, size := range []struct {
		name string
		n    int
	}{{"Inputs", cfg.Inputs}, {"Outputs", cfg.Outputs}, {"Latents", cfg.Latents}} {
		if size.n < 1 {
			return fault.Errorf(ErrShape, "Config.%s is %d, want at least 1", size.name, size.n)
		}
	}
	return nil
}
