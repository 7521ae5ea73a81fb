package ksparse

import (
	"sync"
	"unsafe"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/screen"
	"github.com/ksparse/ksparse/internal/topk"
	"gonum.org/v1/gonum/mat"
)

// Weights in float32. Published models are stored so, and half the memory is what
// they need here too: a product makes each weight a float64 as it reads it, which
// is exact, and then does what it does with float64 weights, in the same order. So
// results are the same bits.

// float is the type of a weight.
type float interface{ float32 | float64 }

func sizeOf[T float]() int { return int(unsafe.Sizeof(T(0))) }

// exact returns the weights in the form in which they are held.
func (a *affine) exact() screen.Weights { return screen.Weights{Wide: a.w, Narrow: a.narrow} }

// hold gives the layer its memory, in either form.
func (a *affine) hold(weights Matrix, biases []float64) {
	if weights.Float64 != nil {
		a.set(weights.shape(), biases)
		return
	}
	a.w, a.narrow = weights.shape(), weights.Float32
	a.b, a.biases = biases, mat.NewVecDense(len(biases), biases)
}

// share makes a use the weights of b.
func (a *affine) share(b *affine) { a.w, a.narrow, a.weights = b.w, b.narrow, b.weights }

// shares reports whether a and b have the same weights, in one memory.
func (a *affine) shares(b *affine) bool {
	if a.narrow != nil || b.narrow != nil {
		return sameMemory(a.narrow, b.narrow)
	}
	return sameMemory(a.w.Data, b.w.Data)
}

// sameMemory reports whether a and b begin at the same place.
func sameMemory[T any](a, b []T) bool { return len(a) > 0 && len(b) > 0 && &a[0] == &b[0] }

// Widen makes all weights that are held in float32 (see Assemble) float64, which is
// exact and takes twice the memory. The network computes what it computed; from then
// on its Weights are live, and it can be trained if it has neither a gate nor a skip
// connection. A skip connection's own weights stay as they are.
func (n *Network) Widen() {
	var before []float32 // of the layer before, which a tied one shares
	for i, l := range n.layers {
		a := l.base()
		narrow := a.narrow
		switch {
		case narrow == nil:
		case i > 0 && sameMemory(narrow, before):
			a.share(n.layers[i-1].base())
		default:
			w := widened(a.w, narrow)
			a.w, a.narrow, a.weights = w, nil, dense(w)
		}
		before = narrow
	}
}

// widened returns narrow, of the shape of w, in float64.
func widened(w topk.Rows, narrow []float32) topk.Rows {
	wide := newRows(w.Rows, w.Cols)
	parallel.For(len(narrow), 1<<16, func(_, lo, hi int) {
		topk.Widen(wide.Data[lo:hi], narrow[lo:hi])
	})
	return wide
}

// blockRows is how many rows of narrow weights are converted at a time for a dense
// product: few enough to stay in a cache, enough that the product packs well.
const blockRows = 256

// wideBlocks keeps the memory that they are converted in.
var wideBlocks sync.Pool

func wideBlock(n int) *[]float64 {
	b, _ := wideBlocks.Get().(*[]float64)
	if b == nil {
		b = new([]float64)
	}
	*b = resized(*b, n)
	return b
}

// mulT sets dst, w.Rows numbers for each row of x, to x wᵀ.
func mulT(dst []float64, x topk.Rows, w screen.Weights) {
	n, d := w.Wide.Rows, w.Wide.Cols
	if w.Narrow == nil {
		kernel.MulT(dst, n, x.Data, x.Stride, x.Rows, w.Wide.Data, w.Wide.Stride, n, d)
		return
	}
	block := wideBlock(min(blockRows, n) * d)
	defer wideBlocks.Put(block)
	for j := 0; j < n; j += blockRows {
		m := min(blockRows, n-j)
		topk.Widen(*block, w.Narrow[j*d:(j+m)*d])
		kernel.MulT(dst[j:], n, x.Data, x.Stride, x.Rows, *block, d, m, d)
	}
}

// addProduct adds x W to dst, n numbers for each row of x.
func (a *affine) addProduct(dst []float64, n int, x topk.Rows) {
	if a.narrow == nil {
		kernel.MulAdd(dst, n, x.Rows, n, a.w.Rows, x.Data, x.Stride, 1, a.w.Data, a.w.Stride)
		return
	}
	// A sum in chain order goes on from what dst holds, so blocks of inputs one after
	// the other are the same sum.
	block := wideBlock(min(blockRows, a.w.Rows) * n)
	defer wideBlocks.Put(block)
	for p := 0; p < a.w.Rows; p += blockRows {
		m := min(blockRows, a.w.Rows-p)
		topk.Widen(*block, a.narrow[p*n:(p+m)*n])
		kernel.MulAdd(dst, n, x.Rows, n, m, x.Data[p:], x.Stride, 1, *block, n)
	}
}

// addRows adds to dst, n numbers for each of len(offsets)-1 rows, the rows of W that
// idx names, times factors.
func (a *affine) addRows(dst []float64, n int, offsets []int, factors []float64, idx []int32) {
	if a.narrow == nil {
		kernel.AddRowsBatch(dst, n, n, offsets, factors, a.w.Data, a.w.Stride, idx)
	} else {
		kernel.AddRowsBatch32(dst, n, n, offsets, factors, a.narrow, n, idx)
	}
}

// trainable returns an error that says why the network cannot be trained, if so.
func (n *Network) trainable() error {
	if n.hasSkip() {
		return errorf(ErrFrozen, "a network with a skip connection cannot be trained, it can only be used")
	}
	if n.noDecoder {
		return errorf(ErrFrozen, "a network without a decoder cannot be trained, it can only be used")
	}
	for _, l := range n.layers {
		if l.base().narrow != nil {
			return errorf(ErrFrozen, "layer %q holds its weights in float32 and cannot be trained so: call Widen first", l.Name())
		}
		if l, ok := l.(*SparseLayer); ok && l.gate != nil {
			return errorf(ErrFrozen, "layer %q has a gate and cannot be trained, it can only be used", l.name)
		}
	}
	return nil
}
