package ksparse_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// runner is what a Network and a Frozen do.
type runner interface {
	In() int
	Out() int
	Encode(x mat.Matrix) (*ksparse.Codes, error)
	EncodeInto(dst *ksparse.Codes, x mat.Matrix) error
	Predict(x mat.Matrix) (*mat.Dense, error)
	PredictInto(dst *mat.Dense, x mat.Matrix) error
	Decode(c *ksparse.Codes) (*mat.Dense, error)
	DecodeInto(dst *mat.Dense, c *ksparse.Codes) error
	Reconstruct(x mat.Matrix) (*ksparse.Codes, *mat.Dense, error)
}

// runners are networks of every kind, as they are and frozen.
func runners(t *testing.T) map[string]runner {
	t.Helper()
	all := map[string]runner{}
	small := smallNetworks(t)
	for name, n := range map[string]*ksparse.Network{
		"deep":        deepNetwork(t),
		"wide":        autoencoder(t, 9, 300, 7, ksparse.ReLU),
		"sparse last": mustNetwork(t, ksparse.NewLinearLayer("l", 9, 9, ksparse.Tanh), ksparse.NewSparseLayer("s", 9, 9, 2, ksparse.Identity)),
		"normalised":  modelOf(ksparse.Config{Classic: true, PreBias: true, Normalization: ksparse.LayerNorm})(t),
		"groups":      small[0], "skip": small[1], "gated": small[3], "thresholds": small[4],
	} {
		frozen, err := n.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		all[name], all[name+", frozen"] = n, frozen
	}
	return all
}

// TestReconstruct: Reconstruct gives the codes and outputs of Encode and Predict, and
// what is written into memory of the caller's is the same, whatever was there.
func TestReconstruct(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for name, m := range runners(t) {
		var reusedCodes ksparse.Codes
		for _, rows := range []int{20, 1, 1100} {
			x := normal(rng, rows, m.In())
			codes, err := m.Encode(x)
			if err != nil {
				t.Fatal(name, err)
			}
			predicted, err := m.Predict(x)
			if err != nil {
				t.Fatal(name, err)
			}
			decoded, err := m.Decode(codes)
			if err != nil {
				t.Fatal(name, err)
			}
			c, out, err := m.Reconstruct(x)
			if err != nil || !mat.Equal(out, predicted) || !sameCodes(c, codes) {
				t.Errorf("%s: Reconstruct gives something else (error %v)", name, err)
			}
			if again, err := m.Decode(c); err != nil || !mat.Equal(again, decoded) {
				t.Errorf("%s: the codes of Reconstruct are decoded to something else (error %v)", name, err)
			}
			empty, used := new(mat.Dense), normal(rng, rows, m.Out())
			part := normal(rng, rows+2, m.Out()+3).Slice(1, rows+1, 2, m.Out()+2).(*mat.Dense)
			for _, dst := range []*mat.Dense{empty, used, part} {
				if err := m.PredictInto(dst, x); err != nil || !mat.Equal(dst, predicted) {
					t.Errorf("%s: PredictInto gives something else (error %v)", name, err)
				}
				dst.Apply(func(i, j int, _ float64) float64 { return rng.NormFloat64() }, dst)
				if err := m.DecodeInto(dst, codes); err != nil || !mat.Equal(dst, decoded) {
					t.Errorf("%s: DecodeInto gives something else (error %v)", name, err)
				}
			}
			if err := m.EncodeInto(&reusedCodes, x); err != nil || !sameCodes(&reusedCodes, codes) {
				t.Errorf("%s: EncodeInto gives something else (error %v)", name, err)
			}
		}
	}
}

func sameCodes(a, b *ksparse.Codes) bool {
	rows, cols := a.Dims()
	if r, c := b.Dims(); r != rows || c != cols {
		return false
	}
	for i := range rows {
		indices, values := a.Row(i)
		wantIndices, wantValues := b.Row(i)
		if !slices.Equal(indices, wantIndices) || !sameBits(values, wantValues) {
			return false
		}
	}
	return true
}

// TestIntoErrors: memory that does not fit, and networks that have no codes or outputs.
func TestIntoErrors(t *testing.T) {
	for name, m := range runners(t) {
		x := mat.NewDense(3, m.In(), nil)
		x.Apply(func(i, j int, _ float64) float64 { return float64(i + j + 1) }, x)
		codes, err := m.Encode(x)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			dst  *mat.Dense
			want error
		}{{nil, ksparse.ErrEmpty}, {mat.NewDense(2, m.Out(), nil), ksparse.ErrShape}, {mat.NewDense(3, m.Out()+1, nil), ksparse.ErrShape}} {
			if err := m.PredictInto(c.dst, x); !errors.Is(err, c.want) {
				t.Errorf("%s: PredictInto returns %v, want %v", name, err, c.want)
			}
			if err := m.DecodeInto(c.dst, codes); !errors.Is(err, c.want) {
				t.Errorf("%s: DecodeInto returns %v, want %v", name, err, c.want)
			}
		}
		for what, err := range map[string]error{
			"EncodeInto nil": m.EncodeInto(nil, x), "DecodeInto without codes": m.DecodeInto(new(mat.Dense), nil),
			"PredictInto without x": m.PredictInto(new(mat.Dense), nil),
		} {
			if !errors.Is(err, ksparse.ErrEmpty) {
				t.Errorf("%s: %s returns %v, want ErrEmpty", name, what, err)
			}
		}
		if c, out, err := m.Reconstruct(mat.NewDense(1, m.In()+1, nil)); c != nil || out != nil || !errors.Is(err, ksparse.ErrShape) {
			t.Errorf("%s: Reconstruct of other rows returns %v, %v, %v", name, c, out, err)
		}
	}
	x := mat.NewDense(1, 2, []float64{1, 2})
	encoder := smallNetworks(t)[2]
	_, predict := encoder.Predict(x)
	_, _, reconstruct := encoder.Reconstruct(x)
	codes, err := encoder.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	_, decode := encoder.Decode(codes)
	for what, err := range map[string]error{"Predict": predict, "Reconstruct": reconstruct, "Decode": decode} {
		if !errors.Is(err, ksparse.ErrNoDecoder) {
			t.Errorf("%s without a decoder returns %v", what, err)
		}
	}
	plain := mustNetwork(t, ksparse.NewLinearLayer("only", 2, 3, ksparse.Identity))
	if _, _, err := plain.Reconstruct(x); !errors.Is(err, ksparse.ErrNoSparseLayer) {
		t.Errorf("Reconstruct without a sparse layer returns %v", err)
	}
}

// TestNarrowWeights: weights in float32 have no live matrix, Config has them as they
// are, and Widen makes them live.
func TestNarrowWeights(t *testing.T) {
	numbers := []float32{1, 0, 0, 1, -1, 0.1}
	net, err := ksparse.New(ksparse.Config{Classic: true, Encoder: ksparse.Weights{Rows: 3, Cols: 2, Float32: numbers}, Tied: true, K: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range net.Layers() {
		if l.Weights() != nil {
			t.Errorf("layer %d: float32 weights are shown as %v", i, l.Weights())
		}
	}
	cfg, err := net.Config()
	if err != nil || &cfg.Encoder.Float32[0] != &numbers[0] || &cfg.Decoder.Float32[0] != &numbers[0] || !cfg.Tied {
		t.Errorf("Config does not have the weights that were given: %+v, %v", cfg, err)
	}
	net.Widen()
	encoder, decoder := net.Layers()[0], net.Layers()[1]
	if encoder.Weights() == nil || encoder.Weights() != decoder.Weights() || encoder.Weights().At(2, 1) != float64(float32(0.1)) {
		t.Fatal("Widen does not make the weights live")
	}
	encoder.Weights().Set(0, 0, 5)
	if out, err := net.Predict(mat.NewDense(1, 2, []float64{1, 0})); err != nil || out.At(0, 0) != 25 || numbers[0] != 1 {
		t.Errorf("the live weights are not used: %v, %v", out, err)
	}
}
