package ksparse

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse/data"
	"gonum.org/v1/gonum/mat"
)

// TestStartFrom: pre-bias, scale and atoms are what they should be.
func TestStartFrom(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(3, 3)), 30, 4)
	for i := range 30 {
		x.Set(i, 1, x.At(i, 1)+5)
	}
	net, err := New(Config{Classic: true, Inputs: 4, Latents: 40, K: 3, PreBias: true, Normalization: DatasetScale})
	if err != nil {
		t.Fatal(err)
	}
	drawn := slices.Clone(weightsOf(net, 0).Data)
	if err := net.StartFrom(sourceOf(t, x), Start{PreBias: data.MeanRow, Atoms: true}); err != nil {
		t.Fatal(err)
	}
	scale := net.Wiring().Scale
	norms := 0.0
	mean := make([]float64, 4)
	for i := range 30 {
		norms += mat.Norm(x.RowView(i), 2) * scale / 30
		for c := range mean {
			mean[c] += x.At(i, c) * scale / 30
		}
	}
	if math.Abs(norms-2) > 1e-12 {
		t.Errorf("scaled rows have the mean norm %v, want sqrt(4)", norms)
	}
	b := net.layers[1].Biases()
	for c, m := range mean {
		if math.Abs(b.AtVec(c)-m) > 1e-12 {
			t.Errorf("pre-bias %d is %v, the mean %v", c, b.AtVec(c), m)
		}
	}
	used := make(map[int]bool)
	for j := range 40 {
		row := weightsOf(net, 0).Row(j)
		if j >= 30 {
			if !slices.Equal(row, drawn[j*4:(j+1)*4]) {
				t.Errorf("latent %d has no sample, but other weights", j)
			}
			continue
		}
		if !slices.Equal(row, weightsOf(net, 1).Row(j)) {
			t.Errorf("latent %d detects something else than it draws", j)
		}
		for i := range 30 {
			cosine, norm := 0.0, 0.0
			for c := range row {
				v := x.At(i, c)*scale - mean[c]
				cosine += v * row[c]
				norm += v * v
			}
			if math.Abs(cosine/math.Sqrt(norm)-1) < 1e-12 {
				used[i] = true
			}
		}
	}
	if len(used) != 30 {
		t.Errorf("%d of 30 samples became atoms", len(used))
	}
	if err := net.StartFrom(sourceOf(t, x), Start{Atoms: true, Norm: 0.25}); err != nil {
		t.Fatal(err)
	}
	if row := weightsOf(net, 0).Row(3); math.Abs(dot8(row, row)-0.0625) > 1e-15 {
		t.Errorf("an atom of norm 0.25 has the squared norm %v", dot8(row, row))
	}
	vector := func(v *mat.VecDense, err error) Start {
		return Start{PreBias: func(mat.Matrix) (*mat.VecDense, error) { return v, err }}
	}
	before := allParameters(net)
	for name, c := range map[string]struct {
		start Start
		want  error
	}{
		"negative norm":   {Start{Norm: -1}, ErrRange},
		"short pre-bias":  {vector(mat.NewVecDense(3, nil), nil), ErrShape},
		"nil pre-bias":    {vector(nil, nil), ErrShape},
		"NaN as pre-bias": {vector(mat.NewVecDense(4, []float64{0, math.NaN(), 0, 0}), nil), ErrNotFinite},
		"pre-bias fails":  {vector(nil, io.ErrUnexpectedEOF), io.ErrUnexpectedEOF},
	} {
		if err := net.StartFrom(sourceOf(t, x), c.start); !errors.Is(err, c.want) || !slices.Equal(allParameters(net), before) {
			t.Errorf("%s: error %v, want %v, and parameters as they were", name, err, c.want)
		}
	}
	other, err := New(Config{Classic: true, Inputs: 4, Latents: 4, K: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.StartFrom(sourceOf(t, x), Start{PreBias: data.MeanRow}); !errors.Is(err, ErrRange) {
		t.Errorf("a mean for a network without pre-bias: error %v, want ErrRange", err)
	}
	zeros, err := New(Config{Classic: true, Inputs: 4, Latents: 4, K: 1, Normalization: DatasetScale})
	if err != nil {
		t.Fatal(err)
	}
	if err := zeros.StartFrom(sourceOf(t, mat.NewDense(3, 4, nil)), Start{}); !errors.Is(err, ErrRange) {
		t.Errorf("the scale of zeros: error %v, want ErrRange", err)
	}
}

// TestCalibrate: the threshold gives just the wanted number of active latents.
func TestCalibrate(t *testing.T) {
	x := gauss(rand.New(rand.NewPCG(6, 6)), 200, 10)
	for _, sel := range []Selection{SelectTopK, SelectBatchTopK} {
		net, err := New(Config{Classic: true, Inputs: 10, Latents: 80, K: 4, Activation: ReLU, Selection: sel, PreBias: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, l0 := range []float64{0.5, 3.25, 20} {
			threshold, err := net.Calibrate(sourceOf(t, x), l0)
			if err != nil {
				t.Fatal(err)
			}
			codes, err := net.Encode(x)
			if err != nil {
				t.Fatal(err)
			}
			if got := codes.L0(); got != l0 {
				t.Errorf("%v, threshold %v: L0 is %v, want %v", sel, threshold, got, l0)
			}
		}
		if got := net.layers[0].(*SparseLayer).selection; sel == SelectTopK && got != SelectThreshold || sel == SelectBatchTopK && got != sel {
			t.Errorf("%v became %v", sel, got)
		}
		for _, l0 := range []float64{0, -1, 81, 75, math.NaN(), math.Inf(1)} {
			if _, err := net.Calibrate(sourceOf(t, x), l0); !errors.Is(err, ErrRange) {
				t.Errorf("%v for an L0 of %v: error %v, want ErrRange", sel, l0, err)
			}
		}
	}
}
