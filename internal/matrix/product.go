package matrix

import (
	"sync"

	"github.com/ksparse/ksparse/internal/kernel"
)

// blockRows is how many rows of float32 weights are converted at a time for a dense
// product: few enough to stay in a cache, enough that the product packs well.
const blockRows = 256

// wideBlocks keeps the memory that they are converted in.
var wideBlocks sync.Pool

// wideBlock returns memory for the widest block of w, to be put back in wideBlocks.
func wideBlock(w Weights) *[]float64 {
	b, _ := wideBlocks.Get().(*[]float64)
	if b == nil {
		b = new([]float64)
	}
	*b = Resized(*b, min(blockRows, w.Rows)*w.Cols)
	return b
}

// MulT sets dst, w.Rows numbers for each row of x, to x wᵀ.
func MulT(dst []float64, x Rows, w Weights) {
	n, d := w.Rows, w.Cols
	if w.Float32 == nil {
		kernel.MulT(dst, n, x.Data, x.Stride, x.Rows, w.Float64, d, n, d)
		return
	}
	block := wideBlock(w)
	defer wideBlocks.Put(block)
	for j := 0; j < n; j += blockRows {
		m := min(blockRows, n-j)
		wide, _ := Panel(block, w, j, m)
		kernel.MulT(dst[j:], n, x.Data, x.Stride, x.Rows, wide, d, m, d)
	}
}

// AddProduct adds x w to dst, which has n = w.Cols numbers for each row of x.
func AddProduct(dst []float64, n int, x Rows, w Weights) {
	if w.Float32 == nil {
		kernel.MulAdd(dst, n, x.Rows, n, w.Rows, x.Data, x.Stride, 1, w.Float64, w.Cols)
		return
	}
	// A sum in chain order goes on from what dst holds, so blocks of inputs one after
	// the other are the same sum.
	block := wideBlock(w)
	defer wideBlocks.Put(block)
	for p := 0; p < w.Rows; p += blockRows {
		m := min(blockRows, w.Rows-p)
		wide, _ := Panel(block, w, p, m)
		kernel.MulAdd(dst, n, x.Rows, n, m, x.Data[p:], x.Stride, 1, wide, n)
	}
}

// AddRows adds rows of w, times factors, to len(offsets)-1 rows of n = w.Cols numbers
// in dst: to row i those that idx[offsets[i]:offsets[i+1]] names.
func AddRows(dst []float64, n int, offsets []int, factors []float64, w Weights, idx []int32) {
	if w.Float32 == nil {
		kernel.AddRowsBatch(dst, n, n, offsets, factors, w.Float64, w.Cols, idx)
	} else {
		kernel.AddRowsBatch32(dst, n, n, offsets, factors, w.Float32, w.Cols, idx)
	}
}
