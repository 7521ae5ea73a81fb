package ksparse

import (
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
)

// trained returns every slice of numbers that training moves, each memory once:
// weights, biases and the thresholds that are learned, layer by layer.
func (n *Network) trained() [][]float64 {
	var all [][]float64
	seen := make(map[*float64]bool)
	for _, l := range n.layers {
		a := l.base()
		var thresholds []float64
		if l, ok := l.(*SparseLayer); ok && l.selection == SelectBatchTopK {
			thresholds = l.thresholds
		}
		for _, p := range [][]float64{a.w.Data, a.b, thresholds} {
			// Tied layers share memory.
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
func (n *Network) makeThresholds() (forget func()) {
	var made []*SparseLayer
	for _, l := range n.layers {
		if l, ok := l.(*SparseLayer); ok && l.selection == SelectBatchTopK && l.thresholds == nil {
			l.thresholds = make([]float64, l.out)
			made = append(made, l)
		}
	}
	return func() {
		for _, l := range made {
			l.thresholds = nil
		}
	}
}

// average is an exponential moving average of parameters.
type average struct {
	decay      float64
	parameters [][]float64
	values     [][]float64
}

func newAverage(decay float64, parameters [][]float64) *average {
	return &average{decay, parameters, likeEach(parameters)}
}

// add takes the parameters after a step, number from 1, into the average.
func (a *average) add(number int) {
	for i, p := range a.parameters {
		v := a.values[i]
		if number == 1 {
			copy(v, p)
			continue
		}
		pieces := (len(p) + pieceSize - 1) / pieceSize
		parallel.For(pieces, 16, func(_, first, last int) {
			for lo := first * pieceSize; lo < min(last*pieceSize, len(p)); lo += pieceSize {
				hi := min(lo+pieceSize, len(p))
				kernel.Scale(v[lo:hi], a.decay)
				kernel.SGDStep(v[lo:hi], p[lo:hi], -(1 - a.decay)) // plus (1-decay)·p
			}
		})
	}
}

// swap exchanges parameters and average.
func (a *average) swap() {
	for i, p := range a.parameters {
		for j, v := range a.values[i] {
			a.values[i][j], p[j] = p[j], v
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
