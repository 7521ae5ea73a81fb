package main

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// world makes samples from a known dictionary, so that it can be measured whether
// training finds the dictionary.
type world struct {
	atoms  *mat.Dense // one a row, of norm 1
	active int        // atoms in a sample
	noise  float64    // standard deviation of what is added to each coordinate
}

// randomAtoms returns rows of norm 1 in random directions.
func randomAtoms(atoms, dims int, rng *rand.Rand) *mat.Dense {
	m := mat.NewDense(atoms, dims, nil)
	for j := range atoms {
		atom := m.RowView(j).(*mat.VecDense)
		for i := range dims {
			atom.SetVec(i, rng.NormFloat64())
		}
		atom.ScaleVec(1/mat.Norm(atom, 2), atom)
	}
	return m
}

// samples draws n samples, one a row. Each is the sum of w.active different atoms, with
// magnitudes from 0.5 to 1.5, and of noise.
func (w world) samples(n int, rng *rand.Rand) *mat.Dense {
	atoms, dims := w.atoms.Dims()
	x := mat.NewDense(n, dims, nil)
	chosen := rng.Perm(atoms)
	for i := range n {
		row := x.RowView(i).(*mat.VecDense)
		for t := range w.active { // the first steps of a shuffle
			other := t + rng.IntN(atoms-t)
			chosen[t], chosen[other] = chosen[other], chosen[t]
			row.AddScaledVec(row, 0.5+rng.Float64(), w.atoms.RowView(chosen[t]))
		}
		for c := range dims {
			row.SetVec(c, row.AtVec(c)+w.noise*rng.NormFloat64())
		}
	}
	return x
}

// noiseShare returns the share of the variance of x that is noise.
func (w world) noiseShare(x *mat.Dense) float64 {
	_, cols := x.Dims()
	return w.noise * w.noise * float64(cols) / variance(x)
}

// variance returns the variance of the rows of x: the sum of that of each column.
func variance(x *mat.Dense) (sum float64) {
	_, cols := x.Dims()
	for c := range cols {
		_, v := stat.PopMeanVariance(mat.Col(nil, c, x), nil)
		sum += v
	}
	return sum
}
