package ksparse

import (
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

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
