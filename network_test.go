package ksparse_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

func autoencoder(t testing.TB, in, latents, k int, act ksparse.Activation) *ksparse.Network {
	t.Helper()
	net, err := ksparse.New(ksparse.Config{Classic: true, Inputs: in, Latents: latents, K: cmp.Or(k, -1), Activation: act})
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// deepNetwork has every kind of neighbour: dense-sparse, sparse-sparse,
// sparse-dense and dense-dense.
func deepNetwork(t testing.TB) *ksparse.Network {
	t.Helper()
	net, err := ksparse.NewNetwork(
		ksparse.NewLinearLayer("a", 9, 20, ksparse.Tanh),
		ksparse.NewSparseLayer("b", 20, 40, 8, ksparse.ReLU),
		ksparse.NewSparseLayer("c", 40, 30, 5, ksparse.Sigmoid),
		ksparse.NewLinearLayer("d", 30, 12, ksparse.ELU),
		ksparse.NewLinearLayer("e", 12, 9, ksparse.Identity),
	)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

func TestNewNetworkErrors(t *testing.T) {
	sparse := func(in, out, k int) ksparse.Layer {
		return ksparse.NewSparseLayer("encoder", in, out, k, ksparse.ReLU)
	}
	linear := func(in, out int) ksparse.Layer {
		return ksparse.NewLinearLayer("decoder", in, out, ksparse.Identity)
	}
	twice := linear(3, 3)
	for _, c := range []struct {
		layers []ksparse.Layer
		want   error
		text   string
	}{
		{nil, ksparse.ErrEmpty, "at least one layer"},
		{[]ksparse.Layer{sparse(8, 50, 5), linear(100, 8)}, ksparse.ErrShape, `layer "decoder" takes 100 inputs, the layer before it gives 50`},
		{[]ksparse.Layer{sparse(8, 50, -1)}, ksparse.ErrRange, "k = -1"},
		{[]ksparse.Layer{sparse(0, 50, 1)}, ksparse.ErrShape, "0 inputs"},
		{[]ksparse.Layer{linear(5, -2)}, ksparse.ErrShape, "-2 outputs"},
		{[]ksparse.Layer{linear(math.MaxInt, math.MaxInt)}, ksparse.ErrShape, "too large"},
		{[]ksparse.Layer{linear(math.MaxInt/3, 2)}, ksparse.ErrShape, "too large"},
		{[]ksparse.Layer{twice, twice}, ksparse.ErrShape, "twice"},
		{[]ksparse.Layer{nil}, ksparse.ErrEmpty, "nil"},
		{[]ksparse.Layer{(*ksparse.SparseLayer)(nil)}, ksparse.ErrEmpty, "nil"},
		{[]ksparse.Layer{ksparse.NewLinearLayer("x", 2, 2, 99)}, ksparse.ErrRange, "activation 99"},
	} {
		_, err := ksparse.NewNetwork(c.layers...)
		if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.text) || !strings.HasPrefix(fmt.Sprint(err), "ksparse: ") {
			t.Errorf("error is %q, want one that wraps %q and says %q", err, c.want, c.text)
		}
	}
	if _, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 4, Latents: 8, K: -2}); !errors.Is(err, ksparse.ErrRange) {
		t.Errorf("New with a negative k: error %v", err)
	}
	if _, err := ksparse.New(ksparse.Config{}); !errors.Is(err, ksparse.ErrShape) {
		t.Errorf("New without sizes: error %v", err)
	}
}

func TestInit(t *testing.T) {
	a, b := deepNetwork(t), deepNetwork(t)
	if !sameParameters(a, b) {
		t.Error("two new networks differ")
	}
	b.Init(2)
	if sameParameters(a, b) {
		t.Error("another seed gives the same weights")
	}
	b.Init(1)
	if !sameParameters(a, b) {
		t.Error("NewNetwork does not draw the weights of Init(1)")
	}
	// sqrt(6/(9+20)) bounds the first layer, sqrt(6/20) the ReLU layer. Of 180 and
	// 800 uniform numbers the largest comes near the bound.
	for i, bound := range []float64{math.Sqrt(6.0 / 29), math.Sqrt(6.0 / 20)} {
		w := a.Layers()[i].Weights()
		if top := max(mat.Max(w), -mat.Min(w)); top > bound || top < 0.95*bound {
			t.Errorf("layer %d: the largest weight is %v, want just below %v", i, top, bound)
		}
	}
	c, err := ksparse.New(ksparse.Config{Classic: true, Inputs: 3, Latents: 5, K: 1, Seed: 9})
	if err != nil {
		t.Fatal(err)
	}
	d := autoencoder(t, 3, 5, 1, ksparse.Identity)
	d.Init(9)
	if !sameParameters(c, d) {
		t.Error("Config.Seed is not the seed of Init")
	}
}

// TestLiveParameters: gonum's own operations can work on them in place.
func TestLiveParameters(t *testing.T) {
	l := autoencoder(t, 3, 5, 1, ksparse.Identity).Layers()[0]
	l.Biases().SetVec(2, 4)
	l.Biases().ScaleVec(0.5, l.Biases())
	l.Weights().Scale(0, l.Weights())
	if w := l.Weights(); l.Biases().AtVec(2) != 2 || mat.Max(w) != 0 || l.Weights() != w {
		t.Error("the parameters are not live")
	}
}

func sameParameters(a, b *ksparse.Network) bool {
	for i, l := range a.Layers() {
		m := b.Layers()[i]
		if !slices.Equal(l.Weights().RawMatrix().Data, m.Weights().RawMatrix().Data) ||
			!slices.Equal(l.Biases().RawVector().Data, m.Biases().RawVector().Data) {
			return false
		}
	}
	return true
}

// TestForwardAgainstPlainFormula computes z = f(xW + b) and z ⊙ M with gonum.
func TestForwardAgainstPlainFormula(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 40 {
		in, latents, rows := 1+rng.IntN(30), 1+rng.IntN(60), 1+rng.IntN(9)
		k := rng.IntN(latents + 3)
		act := allActivations[rng.IntN(len(allActivations))]
		net := autoencoder(t, in, latents, k, act)
		x := normal(rng, rows, in)
		pass, err := net.Forward(x)
		if err != nil {
			t.Fatal(err)
		}
		encoder, decoder := net.Layers()[0], net.Layers()[1]
		var z, want mat.Dense
		z.Mul(x, encoder.Weights().T())
		z.Apply(func(_, j int, v float64) float64 { return act.Value(v + encoder.Biases().AtVec(j)) }, &z)
		if err := ksparse.TopK(&z, k).Apply(&z, &z); err != nil {
			t.Fatal(err)
		}
		want.Mul(&z, decoder.Weights())
		want.Apply(func(_, j int, v float64) float64 { return v + decoder.Biases().AtVec(j) }, &want)
		// Sums of at most 60 terms in another order.
		if !mat.EqualApprox(pass.LayerOutput(0), &z, 1e-13) || !mat.EqualApprox(pass.Output(), &want, 1e-13) {
			t.Errorf("in %d, latents %d, k %d, %v: Forward differs from the formula", in, latents, k, act)
		}
		for i := range rows {
			if got := len(pass.Mask(0).Row(i)); got != min(k, latents) {
				t.Errorf("k %d of %d: row %d has %d selected", k, latents, i, got)
			}
		}
		if pass.Mask(1) != nil {
			t.Error("a linear layer has a mask")
		}
	}
}

// TestOneAnswer: Predict, Encode then Decode, and Forward agree to the bit, for a
// batch and for each of its rows alone.
func TestOneAnswer(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for name, net := range map[string]*ksparse.Network{
		"deep":        deepNetwork(t),
		"wide":        autoencoder(t, 9, 300, 7, ksparse.ReLU),
		"none":        autoencoder(t, 9, 20, 0, ksparse.ReLU),
		"all":         autoencoder(t, 9, 20, 20, ksparse.Tanh),
		"half":        autoencoder(t, 9, 20, 10, ksparse.Tanh),
		"sparse last": mustNetwork(t, ksparse.NewLinearLayer("l", 9, 9, ksparse.Tanh), ksparse.NewSparseLayer("s", 9, 9, 2, ksparse.Identity)),
	} {
		x := normal(rng, 1030, 9) // more than the chunk that Predict takes at a time
		predicted, err := net.Predict(x)
		if err != nil {
			t.Fatal(err)
		}
		pass, err := net.Forward(x)
		if err != nil {
			t.Fatal(err)
		}
		codes, err := net.Encode(x)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := net.Decode(codes)
		if err != nil {
			t.Fatal(err)
		}
		if !mat.Equal(predicted, pass.Output()) || !mat.Equal(predicted, decoded) {
			t.Errorf("%s: Predict, Forward and Decode of Encode differ", name)
		}
		for _, i := range []int{0, 511, 1029} {
			row := x.Slice(i, i+1, 0, 9)
			alone, err := net.Predict(row)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(alone.RawRowView(0), predicted.RawRowView(i)) {
				t.Errorf("%s: row %d alone gives other bits than in a batch", name, i)
			}
			code, err := net.Encode(row)
			if err != nil {
				t.Fatal(err)
			}
			indices, values := code.Row(0)
			wantIndices, wantValues := codes.Row(i)
			if !slices.Equal(indices, wantIndices) || !slices.Equal(values, wantValues) {
				t.Errorf("%s: row %d alone has another code than in a batch", name, i)
			}
		}
		reused := new(ksparse.Codes)
		for range 2 {
			if err := net.EncodeInto(reused, x); err != nil || !mat.Equal(reused, codes) {
				t.Errorf("%s: EncodeInto differs from Encode (error %v)", name, err)
			}
		}
	}
}

func mustNetwork(t testing.TB, layers ...ksparse.Layer) *ksparse.Network {
	t.Helper()
	net, err := ksparse.NewNetwork(layers...)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// TestSteering: codes can be edited, or made by hand, and decoded.
func TestSteering(t *testing.T) {
	net := autoencoder(t, 4, 6, 2, ksparse.ReLU)
	codes, err := ksparse.NewCodes(6, [][]int32{{1, 4}}, [][]float64{{2, -1}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := net.Decode(codes)
	if err != nil {
		t.Fatal(err)
	}
	w := net.Layers()[1].Weights()
	for j := range 4 {
		if got, want := out.At(0, j), 2*w.At(1, j)-w.At(4, j); math.Abs(got-want) > 1e-15 {
			t.Errorf("output %d is %v, want %v", j, got, want)
		}
	}
}
