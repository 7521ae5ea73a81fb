package ksparse_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// goldenCase is one case of testdata/pytorch_gradients.json: a network, a batch,
// and what PyTorch computed in float64. Weights there are [in][out] for both
// kinds of layer, PyTorch's masks and gradients with them.
type goldenCase struct {
	Name   string
	Loss   string
	X      [][]float64
	Target [][]float64
	Layers []struct {
		Kind       string
		In, Out, K int
		Activation string
		Weights    [][]float64
		Biases     []float64
	}
	Want struct {
		Outputs     [][][]float64
		Masks       [][][]bool
		Loss        float64
		WeightGrads [][][]float64 `json:"weight_grads"`
		BiasGrads   [][]float64   `json:"bias_grads"`
	}
}

var goldenActivations = map[string]ksparse.Activation{
	"linear": ksparse.Identity, "sigmoid": ksparse.Sigmoid, "relu": ksparse.ReLU, "tanh": ksparse.Tanh,
	"leaky_relu": ksparse.LeakyReLU, "elu": ksparse.ELU, "swish": ksparse.Swish, "gelu": ksparse.GELU,
}

var goldenLosses = map[string]ksparse.Loss{
	"squared_error":         ksparse.SquaredError,
	"binary_cross_entropy":  ksparse.BinaryCrossEntropy,
	"softmax_cross_entropy": ksparse.SoftmaxCrossEntropy,
}

// goldenTolerance is relative to the largest value compared with. Both sides
// compute in float64; they differ in the order of sums of some hundred terms and
// in the last bits of exp and tanh.
const goldenTolerance = 1e-10

// TestGolden compares outputs, masks, loss and gradients with PyTorch's.
// KSPARSE_GOLDEN names another file of the same form.
func TestGolden(t *testing.T) {
	path := "testdata/pytorch_gradients.json"
	if other := os.Getenv("KSPARSE_GOLDEN"); other != "" {
		path = other
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases []goldenCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) { testGoldenCase(t, c) })
	}
}

func testGoldenCase(t *testing.T, c goldenCase) {
	var layers []ksparse.Layer
	for i, l := range c.Layers {
		act, ok := goldenActivations[l.Activation]
		if !ok {
			t.Fatalf("layer %d: unknown activation %q", i, l.Activation)
		}
		if l.Kind == "sparse" {
			layers = append(layers, ksparse.NewSparseLayer(l.Kind, l.In, l.Out, l.K, act))
		} else {
			layers = append(layers, ksparse.NewLinearLayer(l.Kind, l.In, l.Out, act))
		}
	}
	net, err := ksparse.NewNetwork(layers...)
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range c.Layers {
		w := matrix(l.Weights)
		if l.Kind == "sparse" {
			layers[i].Weights().Copy(w.T())
		} else {
			layers[i].Weights().Copy(w)
		}
		for j, b := range l.Biases {
			layers[i].Biases().SetVec(j, b)
		}
	}

	pass, err := net.Forward(matrix(c.X))
	if err != nil {
		t.Fatal(err)
	}
	for i := range layers {
		closeTo(t, "output", i, pass.LayerOutput(i), matrix(c.Want.Outputs[i]))
		want := c.Want.Masks[i]
		mask := pass.Mask(i)
		if (mask == nil) != (want == nil) {
			t.Fatalf("layer %d: has a mask: %v, want %v", i, mask != nil, want != nil)
		}
		if mask == nil {
			continue
		}
		for r := range want {
			for j := range want[r] {
				if mask.At(r, j) != want[r][j] {
					t.Errorf("layer %d: mask is %v at (%d, %d), want %v", i, mask.At(r, j), r, j, want[r][j])
				}
			}
		}
	}

	loss, ok := goldenLosses[c.Loss]
	if !ok {
		t.Fatalf("unknown loss %q", c.Loss)
	}
	g, err := net.Backprop(pass, matrix(c.Target), loss)
	if err != nil {
		t.Fatal(err)
	}
	if got := g.Loss(); !(math.Abs(got-c.Want.Loss) <= goldenTolerance*math.Abs(c.Want.Loss)) {
		t.Errorf("loss is %v, want %v", got, c.Want.Loss)
	}
	for i, l := range c.Layers {
		var want mat.Matrix = matrix(c.Want.WeightGrads[i])
		if l.Kind == "sparse" {
			want = want.T()
		}
		closeTo(t, "weight gradient", i, g.Weights(i), want)
		closeTo(t, "bias gradient", i, g.Biases(i), mat.NewVecDense(l.Out, c.Want.BiasGrads[i]))
	}
}

func closeTo(t *testing.T, what string, layer int, got, want mat.Matrix) {
	t.Helper()
	rows, cols := want.Dims()
	if r, c := got.Dims(); r != rows || c != cols {
		t.Errorf("layer %d: %s is %d x %d, want %d x %d", layer, what, r, c, rows, cols)
		return
	}
	scale := mat.Max(want)
	scale = max(scale, -mat.Min(want))
	for i := range rows {
		for j := range cols {
			if g, w := got.At(i, j), want.At(i, j); !(math.Abs(g-w) <= goldenTolerance*scale) {
				t.Errorf("layer %d: %s is %v at (%d, %d), want %v", layer, what, g, i, j, w)
				return
			}
		}
	}
}

func matrix(rows [][]float64) *mat.Dense {
	m := mat.NewDense(len(rows), len(rows[0]), nil)
	for i, row := range rows {
		m.SetRow(i, row)
	}
	return m
}
