package ksparse

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"gonum.org/v1/gonum/mat"
)

// Layer is a LinearLayer or a SparseLayer. It holds parameters and nothing of
// the data that goes through it, so any number of goroutines may use a layer at
// once as long as nobody changes it: trains it, writes to its parameters, or sets its k,
// selection or thresholds.
type Layer interface {
	// Name returns the name that errors call the layer by.
	Name() string
	// In returns how many values the layer takes per sample.
	In() int
	// Out returns how many values the layer gives per sample.
	Out() int
	// Activation returns the function applied to the pre-activations.
	Activation() Activation
	// Weights returns the live weight matrix: changing it changes the layer. Its
	// shape is the layer's own; see LinearLayer and SparseLayer. Of a layer whose
	// weights are held in float32 (see Config) it is nil: Network.Config has them as
	// they are, Network.Widen makes them live.
	Weights() *mat.Dense
	// Biases returns the live biases, of length Out.
	Biases() *mat.VecDense

	// parameters returns what both kinds of layer are made of.
	parameters() *affine
	// sparse returns the layer where it is a sparse one, else nil.
	sparse() *SparseLayer

	// forward runs rows through the layer, as training does.
	forward(x matrix.Rows) layerPass
	// weightGradient returns the gradient of the weights, given that of the
	// pre-activations, delta, for the rows x that came in.
	weightGradient(x, delta matrix.Rows) matrix.Rows
	// deltaBelow returns the gradient at the rows that came in.
	deltaBelow(delta matrix.Rows) matrix.Rows
}

// layerPass is what one pass forward leaves of a layer: all of it dense, samples by the
// layer's In or Out.
type layerPass struct {
	in   matrix.Rows
	pre  matrix.Rows // pre-activations z
	out  matrix.Rows
	mask *Mask // of a sparse layer, else nil
}

// Weights is a matrix of weights in float64 or float32. One of the two slices has its
// numbers, row after row without gaps, and the other is nil. The zero value is no matrix,
// for which Empty() is true. See Config.
//
//	type Weights struct {
//		Rows, Cols int
//		Float64    []float64
//		Float32    []float32
//	}
type Weights = matrix.Weights

// affine is what both kinds of layer are made of: weights, biases and an activation.
// The rows of w are one per latent: see the layers for which way that is.
type affine struct {
	identity
	name       string
	in, out    int
	activation Activation
	w          Weights
	b          []float64

	weights *mat.Dense    // the memory of w, as callers see it; nil for float32
	biases  *mat.VecDense // that of b
}

// identity tells a layer from a copy of it by value.
type identity struct {
	_     noCopy
	self  *affine // where the layer was made: a copy is elsewhere
	taken bool    // it belongs to a network
}

// noCopy makes go vet say where a value that holds it is copied, and takes no memory.
type noCopy = [0]sync.Mutex

// zeros makes a a layer of zeros with weights of rows x cols.
func (a *affine) zeros(name string, in, out, rows, cols int, act Activation) {
	*a = affine{identity: identity{self: a}, name: name, in: in, out: out, activation: act}
	if in > 0 && out > 0 && in <= math.MaxInt32 && out <= math.MaxInt32 && in <= matrix.MaxNumbers/out {
		a.keep(matrix.Wide(matrix.New(rows, cols)), make([]float64, out))
	} else {
		a.weights, a.biases = &mat.Dense{}, &mat.VecDense{}
	}
}

// notCopied returns an error where a is a copy of another layer by value: it shares the
// memory of some of its parts, and not the others.
func (a *affine) notCopied() error {
	if a.self != nil && a.self != a {
		return fault.Errorf(ErrShape, "layer %q is a copy, by value, of another layer, whose weights it shares: use the layer itself, or make a new one", a.name)
	}
	return nil
}

// hold makes a a layer with these parameters.
func (a *affine) hold(name string, in, out int, act Activation, w Weights, b []float64) {
	*a = affine{identity: identity{self: a}, name: name, in: in, out: out, activation: act}
	a.keep(w, b)
}

// keep gives the layer its memory. Callers always see the same two headers of it:
// gonum takes two headers of the same memory for an accident.
func (a *affine) keep(w Weights, b []float64) {
	a.w, a.b = w, b
	a.weights, a.biases = nil, mat.NewVecDense(len(b), b)
	if w.Float32 == nil {
		a.weights = dense.Of(matrix.WideRows(w))
	}
}

// share makes a use the weights of b.
func (a *affine) share(b *affine) { a.w, a.weights = b.w, b.weights }

// Name returns the name that errors call the layer by.
func (a *affine) Name() string { return a.name }

// In returns how many values the layer takes per sample.
func (a *affine) In() int { return a.in }

// Out returns how many values the layer gives per sample.
func (a *affine) Out() int { return a.out }

// Activation returns the function applied to the pre-activations.
func (a *affine) Activation() Activation { return a.activation }

// Weights returns the live weight matrix: changing it changes the layer. It is nil
// where the weights are held in float32: see Layer.
func (a *affine) Weights() *mat.Dense { return a.weights }

// Biases returns the live biases, of length Out.
func (a *affine) Biases() *mat.VecDense { return a.biases }

// String says the layer's name and size.
func (a *affine) String() string {
	return fmt.Sprintf("layer %q, %d -> %d, %v", a.name, a.in, a.out, a.activation)
}

func (a *affine) parameters() *affine { return a }

// check returns what is wrong with the layer's own numbers.
func (a *affine) check() error {
	switch {
	case a.in < 1 || a.out < 1:
		return fault.Errorf(ErrShape, "layer %q takes %d inputs and gives %d outputs, want at least 1 of each", a.name, a.in, a.out)
	case a.in > math.MaxInt32 || a.out > math.MaxInt32 || len(a.w.Float64) == 0 && len(a.w.Float32) == 0:
		return fault.Errorf(ErrShape, "layer %q of %d x %d is too large", a.name, a.in, a.out)
	case a.activation >= activations:
		return fault.Errorf(ErrRange, "layer %q has the unknown activation %d", a.name, a.activation)
	}
	return nil
}

// init draws the weights and sets the biases to zero. Weights are uniform in
// ±sqrt(6/(in+out)) (Glorot and Bengio 2010, eq. 16); for the activations that
// are zero, or nearly, on one side in ±sqrt(6/in) (He et al. 2015, eq. 10, as a
// uniform distribution).
func (a *affine) init(rng *rand.Rand) {
	bound := math.Sqrt(6 / float64(a.in+a.out))
	switch a.activation {
	case ReLU, LeakyReLU, ELU, Swish, GELU:
		bound = math.Sqrt(6 / float64(a.in))
	}
	for i := range a.w.Float64 {
		a.w.Float64[i] = bound * (2*rng.Float64() - 1)
	}
	clear(a.b)
}

// activate returns f(z + b), and adds the biases b to z in place.
func (a *affine) activate(z matrix.Rows) (out matrix.Rows) {
	out = matrix.New(z.Rows, z.Cols)
	for i := range z.Rows {
		matrix.AddTo(z.Row(i), a.b)
		a.activation.values(out.Row(i), z.Row(i))
	}
	return out
}

// biasGradient returns the gradient of the biases: the sum of delta over the samples.
func biasGradient(delta matrix.Rows) []float64 {
	sum := make([]float64, delta.Cols)
	for i := range delta.Rows {
		matrix.AddTo(sum, delta.Row(i))
	}
	return sum
}

// LinearLayer computes f(xW + b). Its Weights are In x Out: row j is what input
// j adds to the output; in a decoder, the dictionary atom of latent j.
type LinearLayer struct{ affine }

// NewLinearLayer returns a layer of zeros that maps in values to out values.
// NewNetwork checks the sizes and draws the weights. A layer is for one network, and must
// not be copied by value.
func NewLinearLayer(name string, in, out int, act Activation) *LinearLayer {
	l := new(LinearLayer)
	l.zeros(name, in, out, in, out, act)
	return l
}

func (l *LinearLayer) sparse() *SparseLayer { return nil }

// forward: z = xW + b, out = f(z).
func (l *LinearLayer) forward(x matrix.Rows) layerPass {
	z := matrix.New(x.Rows, l.out)
	matrix.AddProduct(z.Data, l.out, x, l.w)
	out := l.activate(z)
	return layerPass{in: x, pre: z, out: out}
}

// weightGradient: dL/dW = xᵀ delta.
func (l *LinearLayer) weightGradient(x, delta matrix.Rows) matrix.Rows {
	g := matrix.New(l.in, l.out)
	kernel.MulAdd(g.Data, l.out, l.in, l.out, x.Rows, x.Data, 1, x.Stride, delta.Data, delta.Stride)
	return g
}

// deltaBelow: dL/dx = delta Wᵀ.
func (l *LinearLayer) deltaBelow(delta matrix.Rows) matrix.Rows {
	below := matrix.New(delta.Rows, l.in)
	matrix.MulT(below.Data, delta, l.w)
	return below
}
