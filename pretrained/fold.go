package pretrained

import (
	"math"

	"github.com/ksparse/ksparse"
)

// Some formats keep a factor per latent beside the weights. Folding it into them
// gives numbers that float32 does not hold, so the result is float64.

// rowNorms returns the Euclidean norms of the rows.
func rowNorms(m ksparse.Matrix) []float64 {
	norms := make([]float64, m.Rows)
	for j := range norms {
		sum := 0.0
		for i := j * m.Cols; i < (j+1)*m.Cols; i++ {
			v := at(m, i)
			sum += v * v
		}
		norms[j] = math.Sqrt(sum)
	}
	return norms
}

func at(m ksparse.Matrix, i int) float64 {
	if m.Float32 != nil {
		return float64(m.Float32[i])
	}
	return m.Float64[i]
}

// scaled returns m with row j multiplied by factors[j].
func scaled(m ksparse.Matrix, factors []float64) ksparse.Matrix {
	out := ksparse.Matrix{Rows: m.Rows, Cols: m.Cols, Float64: make([]float64, m.Rows*m.Cols)}
	for j, factor := range factors {
		for i := j * m.Cols; i < (j+1)*m.Cols; i++ {
			out.Float64[i] = at(m, i) * factor
		}
	}
	return out
}

// divided returns m with row j divided by divisors[j], rows of zeros as they are.
func divided(m ksparse.Matrix, divisors []float64) ksparse.Matrix {
	out := ksparse.Matrix{Rows: m.Rows, Cols: m.Cols, Float64: make([]float64, m.Rows*m.Cols)}
	for j, divisor := range divisors {
		if divisor == 0 {
			continue
		}
		for i := j * m.Cols; i < (j+1)*m.Cols; i++ {
			out.Float64[i] = at(m, i) / divisor
		}
	}
	return out
}

func times(v []float64, factor float64) []float64 {
	for i := range v {
		v[i] *= factor
	}
	return v
}

// constant returns n times the same number.
func constant(n int, v float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}
