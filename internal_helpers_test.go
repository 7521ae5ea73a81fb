package ksparse

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/engine"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sparse"
	"gonum.org/v1/gonum/mat"
)

// withScreening runs f with screening forced "on" wherever it is possible, or
// "off".
func withScreening(mode string, f func()) {
	defer func(old string) { engine.ForceScreening = old }(engine.ForceScreening)
	engine.ForceScreening = mode
	f()
}

// gauss returns a matrix of normal numbers.
func gauss(rng *rand.Rand, rows, cols int) *mat.Dense {
	return mat.NewDense(rows, cols, normals(rng, rows*cols, 1))
}

// normals returns n normal numbers of that standard deviation.
func normals(rng *rand.Rand, n int, scale float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = scale * rng.NormFloat64()
	}
	return v
}

// uniform returns a matrix of numbers from 0 to 1, the same in each call.
func uniform(rows, cols int) *mat.Dense {
	rng := rand.New(rand.NewPCG(1, 1))
	m := mat.NewDense(rows, cols, nil)
	for i := range m.RawMatrix().Data {
		m.RawMatrix().Data[i] = rng.Float64()
	}
	return m
}

// weightsOf returns the live float64 weights of layer i as rows.
func weightsOf(n *Network, i int) matrix.Rows { return matrix.WideRows(n.layers[i].parameters().w) }

// biasesOf returns the live biases of layer i.
func biasesOf(n *Network, i int) []float64 { return n.layers[i].parameters().b }

// allParameters returns a copy of the weights and biases of all layers.
func allParameters(n *Network) (all []float64) {
	for i := range n.layers {
		all = append(append(all, weightsOf(n, i).Data...), biasesOf(n, i)...)
	}
	return all
}

// makeNarrow rounds weights to numbers that a float32 holds.
func makeNarrow(weights []float64) {
	for i, w := range weights {
		weights[i] = float64(float32(w))
	}
}

// sourceOf returns the rows of x as a source.
func sourceOf(t testing.TB, x mat.Matrix) data.Source {
	t.Helper()
	src, err := data.FromMatrix(x)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// trainerOf returns a trainer whose steps are ready: batches are as cfg says, the data
// have that variance, and latents are dead after cfg.Recipe.DeadAfter samples, also
// after 0.
func trainerOf(t testing.TB, n *Network, cfg TrainConfig, variance float64) *Trainer {
	t.Helper()
	trainer, err := newTrainer(n, cfg)
	if err != nil {
		t.Fatal(err)
	}
	makeThresholds(n.layers)
	trainer.begin(trainer.cfg.BatchSize, variance, allSamples)
	return trainer
}

// equalBits compares bits.
func equalBits(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

// sameBits compares bits.
func sameBits(a, b *mat.Dense) bool {
	return equalBits(a.RawMatrix().Data, b.RawMatrix().Data)
}

// sameCodes compares all bits.
func sameCodes(a, b *Codes) bool {
	return slices.Equal(a.entries.Indices, b.entries.Indices) && slices.Equal(a.entries.Offsets, b.entries.Offsets) &&
		equalBits(a.entries.Values, b.entries.Values)
}

// sameMemory reports whether a and b begin at the same place.
func sameMemory[T any](a, b []T) bool { return len(a) > 0 && len(b) > 0 && &a[0] == &b[0] }

// dot8 is the sum in eight lanes that pre-activations are defined by.
func dot8(x, w []float64) float64 {
	var l [8]float64
	for c := range x {
		l[c%8] = math.FMA(x[c], w[c], l[c%8])
	}
	return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}

// networkFile makes a network file of version 2 by hand, as doc/file-format.md
// describes it, with checksums that fit.
func networkFile(header string, parameters []byte) []byte {
	file := append([]byte("\x89ksp\r\n\x1a\n"), 2, 0, 0, 0)
	file = append(binary.LittleEndian.AppendUint32(file, uint32(len(header))), header...)
	sum := crc32.Checksum(file, castagnoli)
	file = append(binary.LittleEndian.AppendUint32(file, sum), parameters...)
	return binary.LittleEndian.AppendUint32(file, crc32.Update(sum, castagnoli, parameters))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stepDense is step for rows that are dense.
func (t *Trainer) stepDense(x, y matrix.Rows) (engine.Report, error) {
	return t.step(sparse.Rows{Dense: x}, y)
}
