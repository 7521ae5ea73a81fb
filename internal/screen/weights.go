package screen

import (
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// weightRow returns row j of w, in float64: float32 weights are converted into *buf,
// which grows as needed.
func weightRow(buf *[]float64, w matrix.Weights, j int) []float64 {
	if w.Float32 == nil {
		return w.Float64[j*w.Cols:][:w.Cols]
	}
	row, _ := matrix.Panel(buf, w, j, 1)
	return row
}

// weightAt returns one weight: that of latent j for input p.
func weightAt(w matrix.Weights, j, p int) float64 {
	if w.Float32 == nil {
		return w.Float64[j*w.Cols+p]
	}
	return float64(w.Float32[j*w.Cols+p])
}

// dotPairs sets dst to kernel.Dot of a row of x and the weights of a latent, for every
// pair of those.
func dotPairs(dst []float64, x matrix.Rows, w matrix.Weights, list []kernel.Pair) {
	if w.Float32 == nil {
		kernel.DotPairs(dst, x.Data, x.Stride, w.Float64, w.Cols, x.Cols, list)
	} else {
		kernel.DotPairs32(dst, x.Data, x.Stride, w.Float32, w.Cols, x.Cols, list)
	}
}
