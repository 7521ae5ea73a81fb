package ksparse_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"gonum.org/v1/gonum/mat"
)

// counted returns a matrix of the numbers 1, 2, 3 and so on.
func counted(rows, cols int) *mat.Dense {
	m := mat.NewDense(rows, cols, nil)
	for i := range rows {
		for j := range cols {
			m.Set(i, j, float64(1+i*cols+j))
		}
	}
	return m
}

// part returns a view of r x c numbers of m, from row i and column j on.
func part(m *mat.Dense, i, j, r, c int) *mat.Dense { return m.Slice(i, i+r, j, j+c).(*mat.Dense) }

// TestApplyOverlap: a mask applied to views of one matrix gives what it gives apart.
func TestApplyOverlap(t *testing.T) {
	const r, c = 4, 5
	mask := ksparse.TopK(mat.NewDense(r, c, []float64{5, 1, 4, 2, 3, 1, 2, 3, 4, 5, 3, 5, 1, 4, 2, 9, 8, 1, 2, 3}), 3)
	for _, at := range [][4]int{{0, 0, 0, 0}, {0, 0, 0, 1}, {0, 1, 0, 0}, {0, 0, 1, 0}, {1, 0, 0, 0}, {0, 1, 1, 0}, {1, 1, 0, 0}, {0, 0, 0, 5}, {4, 0, 0, 0}} {
		whole := counted(10, 11)
		dst, src := part(whole, at[0], at[1], r, c), part(whole, at[2], at[3], r, c)
		want := new(mat.Dense)
		if err := mask.Apply(want, mat.DenseCopyOf(src)); err != nil {
			t.Fatal(err)
		}
		if err := mask.Apply(dst, src); err != nil || !mat.Equal(dst, want) {
			t.Errorf("views from %v: %v, error %v, want %v", at, mat.Formatted(dst), err, mat.Formatted(want))
		}
	}
}

// TestOverlappingOutput: an output that shares memory with the input, or with the codes, is
// what it is apart.
func TestOverlappingOutput(t *testing.T) {
	net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 5, Latents: 12, K: 5, PreBias: true, Normalization: ksparse.LayerNorm})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, at := range [][4]int{{0, 0, 0, 0}, {0, 0, 0, 1}, {0, 1, 0, 0}, {1, 0, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 5}, {1, 2, 0, 0}} {
		whole := mat.NewDense(1400, 11, nil)
		whole.Apply(func(_, _ int, _ float64) float64 { return rng.NormFloat64() }, whole)
		dst, x := part(whole, at[0], at[1], 1300, 5), part(whole, at[2], at[3], 1300, 5)
		want, err := net.Predict(mat.DenseCopyOf(x))
		if err != nil {
			t.Fatal(err)
		}
		if err := net.PredictInto(dst, x); err != nil || !mat.Equal(dst, want) {
			t.Errorf("views from %v: the output differs, error %v", at, err)
		}
	}

	codes, err := net.Encode(counted(1, 5))
	if err != nil {
		t.Fatal(err)
	}
	want, err := net.Decode(codes)
	if err != nil {
		t.Fatal(err)
	}
	_, values := codes.Row(0)
	shared := mat.NewDense(1, 5, values)
	if err := net.DecodeInto(shared, codes); err != nil || !mat.Equal(shared, want) {
		t.Errorf("decoded into the codes' own values: %v, error %v, want %v", mat.Formatted(shared), err, mat.Formatted(want))
	}
	copy(values, []float64{1, 2, 3, 4, 5})
	x := mat.NewDense(1, 5, values)
	again, err := net.Encode(mat.DenseCopyOf(x))
	if err != nil {
		t.Fatal(err)
	}
	if err := net.EncodeInto(codes, x); err != nil || !mat.Equal(codes, again) {
		t.Errorf("encoded a row that lies in the codes: error %v", err)
	}
}

// TestOutputInParameters: outputs are not written into the network itself.
func TestOutputInParameters(t *testing.T) {
	net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 4, Latents: 4, K: 2, PreBias: true})
	if err != nil {
		t.Fatal(err)
	}
	x := counted(4, 4)
	codes, err := net.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range net.Layers() {
		before := mat.DenseCopyOf(l.Weights())
		bias := mat.NewDense(1, 4, l.Biases().RawVector().Data)
		one := part(x, 0, 0, 1, 4)
		for what, err := range map[string]error{
			"PredictInto the weights": net.PredictInto(l.Weights(), x),
			"DecodeInto the weights":  net.DecodeInto(l.Weights(), codes),
			"PredictInto the biases":  net.PredictInto(bias, one),
		} {
			if !errors.Is(err, ksparse.ErrShape) {
				t.Errorf("layer %d, %s: error %v, want ErrShape", i, what, err)
			}
		}
		if !mat.Equal(before, l.Weights()) || mat.Max(bias) != 0 {
			t.Errorf("layer %d was written to", i)
		}
	}
}

// hostile is a matrix whose methods do what its fields say.
type hostile struct {
	rows, cols int
	at         func(i, j int) float64
}

func (h hostile) Dims() (r, c int)    { return h.rows, h.cols }
func (h hostile) At(i, j int) float64 { return h.at(i, j) }
func (h hostile) T() mat.Matrix       { return mat.Transpose{Matrix: h} }
func one(int, int) float64            { return 1 }
func panics(int, int) float64         { panic("no such element") }
func (b byValue) Dims() (r, c int)    { return len(b.data), 1 }
func (b byValue) At(i, _ int) float64 { return b.data[i] }
func (b byValue) T() mat.Matrix       { return mat.Transpose{Matrix: b} }
func raw(rows, cols, stride, n int) *mat.Dense {
	d := new(mat.Dense)
	m := d.RawMatrix()
	m.Rows, m.Cols, m.Stride, m.Data = rows, cols, stride, make([]float64, n)
	d.SetRawMatrix(m)
	return d
}

// byValue has methods on the value, so that those of a nil pointer panic.
type byValue struct{ data []float64 }

// TestHostileMatrices: whatever a matrix is, a call gives an error and does not panic.
func TestHostileMatrices(t *testing.T) {
	net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 3, Latents: 6, K: 2})
	if err != nil {
		t.Fatal(err)
	}
	for what, x := range map[string]mat.Matrix{
		"nil symmetric":              (*mat.SymDense)(nil),
		"nil vector":                 (*mat.VecDense)(nil),
		"nil triangular":             (*mat.TriDense)(nil),
		"nil band":                   (*mat.BandDense)(nil),
		"nil diagonal":               (*mat.DiagDense)(nil),
		"nil pointer to a value":     (*byValue)(nil),
		"nil codes":                  (*ksparse.Codes)(nil),
		"empty codes":                new(ksparse.Codes),
		"transpose of nil":           mat.Transpose{},
		"triangle of nil":            mat.TransposeTri{},
		"triangle of a nil pointer":  mat.TransposeTri{Triangular: (*mat.TriDense)(nil)},
		"band of nil":                mat.TransposeBand{},
		"triangle band of nil":       mat.TransposeTriBand{},
		"a struct with a nil inside": struct{ *mat.Dense }{},
		"negative":                   hostile{-1, 3, one},
		"negative columns":           hostile{3, -3, one},
		"no columns":                 hostile{3, 0, one},
		"too many rows":              hostile{math.MaxInt, 3, one},
		"more than there is":         hostile{1 << 30, 3, panics},
		"At that panics":             hostile{2, 3, panics},
		"NaN":                        hostile{2, 3, func(int, int) float64 { return math.NaN() }},
		"short of numbers":           raw(3, 3, 3, 8),
		"rows that overlap":          raw(3, 3, 2, 20),
		"negative size":              raw(-3, 3, 3, 20),
	} {
		errs := map[string]error{}
		_, errs["Encode"] = net.Encode(x)
		errs["EncodeInto"] = net.EncodeInto(new(ksparse.Codes), x)
		_, errs["Predict"] = net.Predict(x)
		_, errs["Forward"] = net.Forward(x)
		_, errs["FromMatrix"] = data.FromMatrix(x)
		_, errs["Train"] = net.Train(t.Context(), x, x, ksparse.TrainConfig{Steps: 1})
		_, errs["Pretrain"] = net.Pretrain(t.Context(), x, ksparse.PretrainConfig{})
		_, errs["FVU"] = ksparse.FVU(x, x)
		ksparse.TopK(x, 2) // NaN is a number like others there
		if d, ok := x.(*mat.Dense); ok {
			errs["PredictInto"] = net.PredictInto(d, mat.NewDense(3, 3, nil))
			errs["Apply"] = ksparse.TopK(mat.NewDense(3, 3, nil), 1).Apply(d, mat.NewDense(3, 3, nil))
			errs["Apply from"] = ksparse.TopK(mat.NewDense(3, 3, nil), 1).Apply(new(mat.Dense), d)
		}
		for call, err := range errs {
			if !errors.Is(err, ksparse.ErrEmpty) && !errors.Is(err, ksparse.ErrShape) && !errors.Is(err, ksparse.ErrNotFinite) {
				t.Errorf("%s of %s: error %v", call, what, err)
			}
		}
	}
}

// TestNilMasksAndCodes: methods of nil masks and codes, and of zero ones, answer for an
// empty matrix.
func TestNilMasksAndCodes(t *testing.T) {
	for _, m := range []*ksparse.Mask{nil, {}, (*ksparse.Codes)(nil).Mask(), ksparse.TopK(nil, 3)} {
		if r, c := m.Dims(); r != 0 || c != 0 || m.At(0, 0) || m.Count() != 0 || m.String() != "mask of 0 x 0, 0 selected" {
			t.Errorf("%v", m)
		}
		if err := m.Apply(new(mat.Dense), mat.NewDense(1, 1, nil)); !errors.Is(err, ksparse.ErrShape) {
			t.Errorf("an empty mask applied: %v", err)
		}
	}
	for _, c := range []*ksparse.Codes{nil, {}} {
		if r, n := c.Dims(); r != 0 || n != 0 || c.L0() != 0 || len(c.Frequency()) != 0 || !c.Dense().IsEmpty() {
			t.Errorf("%v", c)
		}
		if r, n := c.Prefix(3).Dims(); r != 0 || n != 0 {
			t.Errorf("a prefix of %v is %d x %d", c, r, n)
		}
	}
}

// TestLiveWeightsAsData: a network may learn from its own weights, as they were when the
// call began.
func TestLiveWeightsAsData(t *testing.T) {
	for what, learn := range map[string]func(n *ksparse.Network, x *mat.Dense) error{
		"Train": func(n *ksparse.Network, x *mat.Dense) error {
			_, err := n.Train(t.Context(), x, x, ksparse.TrainConfig{Steps: 6, BatchSize: 5})
			return err
		},
		"Step": func(n *ksparse.Network, x *mat.Dense) error {
			tr, err := ksparse.NewTrainer(n, ksparse.TrainConfig{})
			if err == nil {
				_, err = tr.Step(x, x)
			}
			return err
		},
		"Pretrain": func(n *ksparse.Network, x *mat.Dense) error {
			_, err := n.Pretrain(t.Context(), x, ksparse.PretrainConfig{Train: ksparse.TrainConfig{Steps: 6}})
			return err
		},
		"StartFrom": func(n *ksparse.Network, x *mat.Dense) error {
			return n.StartFrom(sourceOf(t, x), ksparse.Start{Atoms: true, Norm: 0.5, Seed: 4})
		},
	} {
		for layer := range 2 {
			var got [2]*ksparse.Network
			for i := range got {
				got[i] = autoencoder(t, 4, 9, 3, ksparse.Identity)
				x := got[i].Layers()[layer].Weights()
				if i == 0 {
					x = mat.DenseCopyOf(x)
				}
				if err := learn(got[i], x); err != nil {
					t.Fatal(err)
				}
			}
			for l := range 2 {
				if !mat.Equal(got[0].Layers()[l].Weights(), got[1].Layers()[l].Weights()) {
					t.Errorf("%s on the weights of layer %d: those of layer %d end elsewhere than for a copy", what, layer, l)
				}
			}
		}
	}
}
