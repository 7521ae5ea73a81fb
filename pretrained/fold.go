package pretrained

import (
	"slices"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/matrix"
)

// Some formats keep a factor per latent beside the weights. Folding it into them
// gives numbers that float32 does not hold, so the result is float64.

// at returns number i of w, row after row.
func at(w ksparse.Weights, i int) float64 {
	if w.Float32 != nil {
		return float64(w.Float32[i])
	}
	return w.Float64[i]
}

// rowNorms returns the Euclidean norms of the rows.
func rowNorms(w ksparse.Weights) []float64 {
	norms, row := make([]float64, w.Rows), make([]float64, w.Cols)
	for j := range norms {
		for i := range row {
			row[i] = at(w, j*w.Cols+i)
		}
		norms[j] = matrix.Norm(row)
	}
	return norms
}

// scaled returns w with row j multiplied by factors[j].
func scaled(w ksparse.Weights, factors []float64) ksparse.Weights {
	out := ksparse.Weights{Rows: w.Rows, Cols: w.Cols, Float64: make([]float64, w.Rows*w.Cols)}
	for j, factor := range factors {
		for i := j * w.Cols; i < (j+1)*w.Cols; i++ {
			out.Float64[i] = at(w, i) * factor
		}
	}
	return out
}

// divided returns w with row j divided by divisors[j], and zeros where that is 0: a row
// of zeros divided by its norm.
func divided(w ksparse.Weights, divisors []float64) ksparse.Weights {
	out := ksparse.Weights{Rows: w.Rows, Cols: w.Cols, Float64: make([]float64, w.Rows*w.Cols)}
	for j, divisor := range divisors {
		if divisor == 0 {
			continue
		}
		for i := j * w.Cols; i < (j+1)*w.Cols; i++ {
			out.Float64[i] = at(w, i) / divisor
		}
	}
	return out
}

// sameNumbers reports whether a and b hold the same numbers.
func sameNumbers(a, b ksparse.Weights) bool {
	if a.Rows != b.Rows || a.Cols != b.Cols {
		return false
	}
	for i := range a.Rows * a.Cols {
		if at(a, i) != at(b, i) {
			return false
		}
	}
	return true
}

// times multiplies v by factor, in place.
func times(v []float64, factor float64) {
	for i := range v {
		v[i] *= factor
	}
}

// constant returns n times the same number.
func constant(n int, v float64) []float64 { return slices.Repeat([]float64{v}, n) }
