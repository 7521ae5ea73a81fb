package engine

import (
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/sparse"
)

// gradient is where rows of a layer's weight gradient come from. Row j is the sum over
// the rows of the batch, in ascending order, of left_j times right: of a sparse layer
// left is delta and right the input, of a linear one left is the input and right delta.
type gradient struct {
	right matrix.Rows
	// left is one of two: entries, listed by latent, with their numbers in the same
	// order; or dense rows, where those have Data.
	index   *sparse.Index
	factors []float64
	left    matrix.Rows
}

// pieceSize is how many parameters the optimizer takes at a time: they and its state
// should stay in the first-level cache. So should their gradient, where computing more
// of it at a time gains nothing.
const pieceSize = 1024

// denseGradientRows is how many rows are computed at a time where the gradient is a
// product of dense matrices, which packs one of them anew each time.
const denseGradientRows = 64

// grain is how many rows should be computed at a time.
func (g *gradient) grain() int {
	if g.left.Data != nil {
		return denseGradientRows
	}
	return g.index.Grain(g.right.Rows, g.right.Cols, pieceSize/g.right.Cols)
}

// rows sets dst to the rows lo to hi, one after the other. A latent that no row of the
// batch selected gets exactly zero.
func (g *gradient) rows(dst []float64, lo, hi int) {
	clear(dst)
	if n := g.right.Cols; g.left.Data != nil {
		kernel.MulAdd(dst, n, hi-lo, n, g.left.Rows, g.left.Data[lo:], 1, g.left.Stride, g.right.Data, g.right.Stride)
		return
	}
	g.index.AddRows(dst, g.factors, g.right, lo, hi)
}

// inputGradient sets dst to the gradient at a row that is added to every input row,
// given that of the biases, which is the sum of delta: it goes back through W.
func (l *Layer) inputGradient(dst, biases []float64) {
	w := matrix.WideRows(l.W)
	if l.Sparse() {
		clear(dst)
		matrix.AddRowsTo(dst, biases, w)
		return
	}
	for i := range dst {
		dst[i] = kernel.Dot(w.Row(i), biases)
	}
}
