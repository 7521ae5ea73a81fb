package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// mostHeld is how many of the rows that are held out are measured at most.
const mostHeld = 10_000

// dataset is rows to train on and rows to measure.
type dataset struct {
	train, held *mat.Dense
	mean        []float64  // of the training rows
	truth       *mat.Dense // the atoms that made the rows, one a row; nil where they are not of interest
}

// newDataset returns a dataset of these rows.
func newDataset(train, held *mat.Dense) *dataset {
	rows, cols := train.Dims()
	d := &dataset{train: train, held: held, mean: make([]float64, cols)}
	for i := range rows {
		floats.Add(d.mean, train.RawRowView(i))
	}
	floats.Scale(1/float64(rows), d.mean)
	return d
}

// split shuffles the rows of x, which it overwrites, scales them to a mean squared norm of 1,
// and holds every tenth out. rows, where not 0, is how many of them are used.
func split(x *mat.Dense, rows int) *dataset {
	n, cols := x.Dims()
	rng := rand.New(rand.NewPCG(1, 0x73706c6974))
	spare := make([]float64, cols)
	rng.Shuffle(n, func(i, j int) {
		a, b := x.RawRowView(i), x.RawRowView(j)
		copy(spare, a)
		copy(a, b)
		copy(b, spare)
	})
	if rows > 0 && rows < n {
		n = rows
	}
	norm := floats.Norm(x.RawMatrix().Data[:n*cols], 2)
	floats.Scale(math.Sqrt(float64(n))/norm, x.RawMatrix().Data[:n*cols])
	held := mat.NewDense((n+9)/10, cols, nil)
	train := mat.NewDense(n-(n+9)/10, cols, nil)
	for i := range n {
		if i%10 == 0 {
			held.SetRow(i/10, x.RawRowView(i))
		} else {
			train.SetRow(i-i/10-1, x.RawRowView(i))
		}
	}
	if h, _ := held.Dims(); h > mostHeld {
		held = held.Slice(0, mostHeld, 0, cols).(*mat.Dense)
	}
	return newDataset(train, held)
}

// world draws rows as sums of atoms, which are directions of norm 1. The zero values of the
// fields from uneven on leave rows as they are.
type world struct {
	dims, atoms, active int     // active is how many different atoms there are in a row, of sizes from 0.5 to 1.5
	noise               float64 // standard deviation of what is added to each coordinate

	uneven    bool    // the atom is number atoms·u² for a random u, so that the first are the most frequent
	mean      float64 // length of what all rows have in common, in standard deviations (root of the mean squared distance from the mean)
	loud      int     // how many coordinates are larger, by the factor loudness
	loudness  float64
	longEvery int // one of how many rows is longer, by the factor length
	length    float64
}

// draw returns n rows, and the atoms.
func (w world) draw(n int) (x, atoms *mat.Dense) {
	rng := rand.New(rand.NewPCG(1, 0x726f7773))
	atoms = mat.NewDense(w.atoms, w.dims, nil)
	for j := range w.atoms {
		randomDirection(atoms.RawRowView(j), rng)
	}
	x = mat.NewDense(n, w.dims, nil)
	last := make([]int, w.atoms) // the last row, from 1, that has the atom
	for i := range n {
		row := x.RawRowView(i)
		for t := 0; t < w.active; {
			u := rng.Float64()
			if w.uneven {
				u *= u
			}
			if j := int(float64(w.atoms) * u); last[j] != i+1 {
				last[j] = i + 1
				floats.AddScaled(row, 0.5+rng.Float64(), atoms.RawRowView(j))
				t++
			}
		}
		for c := range row {
			row[c] += w.noise * rng.NormFloat64()
		}
	}
	w.distort(x, rng)
	return x, atoms
}

// distort adds the common mean, and makes coordinates and rows larger.
func (w world) distort(x *mat.Dense, rng *rand.Rand) {
	n, cols := x.Dims()
	if w.mean != 0 {
		shift := make([]float64, cols)
		randomDirection(shift, rng)
		d := newDataset(x, x)
		floats.Scale(w.mean*math.Sqrt(squares(x, d.mean)/float64(n)), shift)
		for i := range n {
			floats.Add(x.RawRowView(i), shift)
		}
	}
	for i := range n {
		row := x.RawRowView(i)
		for l := range w.loud {
			row[(l+1)*cols/(w.loud+1)] *= w.loudness
		}
		if w.longEvery > 0 && i%w.longEvery == 0 {
			floats.Scale(w.length, row)
		}
	}
}

// randomDirection fills v with a random vector of norm 1.
func randomDirection(v []float64, rng *rand.Rand) {
	for i := range v {
		v[i] = rng.NormFloat64()
	}
	floats.Scale(1/floats.Norm(v, 2), v)
}

// dataset draws that many rows.
func (w world) dataset(rows int) *dataset {
	x, _ := w.draw(rows)
	return split(x, 0)
}

// withTruth is dataset with the atoms.
func (w world) withTruth(rows int) *dataset {
	x, atoms := w.draw(rows)
	d := split(x, 0)
	d.truth = atoms
	return d
}

// wordRows reads the word vectors, in the package's order of frequency before they are
// shuffled.
func wordRows(o options, rows int) (*dataset, error) {
	f, err := os.Open(filepath.Join(o.words, wordsFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var file struct {
		Vectors map[string][]float32 `json:"vectors"`
	}
	if err := json.NewDecoder(bufio.NewReaderSize(f, 1<<20)).Decode(&file); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	const dims, index = 100, 101 // after the 100 numbers there are their norm and the word's place in the order
	if len(file.Vectors) < 20 {
		return nil, errors.New(f.Name() + " has fewer than 20 words")
	}
	x, seen := mat.NewDense(len(file.Vectors), dims, nil), make([]bool, len(file.Vectors))
	for word, v := range file.Vectors {
		if len(v) <= index || !(v[index] >= 0 && int(v[index]) < len(seen)) || seen[int(v[index])] {
			return nil, fmt.Errorf("%s: the vector of %q is not 100 numbers, their norm and a place of its own in the order of the words", f.Name(), word)
		}
		i := int(v[index])
		seen[i] = true
		for c, value := range v[:dims] {
			x.Set(i, c, float64(value))
		}
	}
	return split(x, rows), nil
}

// squares returns the sum of the squared distances of the rows of x from the row mean.
func squares(x *mat.Dense, mean []float64) float64 {
	rows, _ := x.Dims()
	sum := 0.0
	for i := range rows {
		d := floats.Distance(x.RawRowView(i), mean, 2)
		sum += d * d
	}
	return sum
}
