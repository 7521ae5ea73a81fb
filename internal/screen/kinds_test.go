package screen

import (
	"math"
	"math/rand/v2"
)

// kinds are ways to spoil what newTrial filled with normal numbers. The first ten
// or so are where selection by a bound goes wrong, the others where its arithmetic
// does.
var kinds = []struct {
	name  string
	spoil func(r *rand.Rand, t *trial)
}{
	{"gauss", func(r *rand.Rand, t *trial) {}},
	{"small integers", func(r *rand.Rand, t *trial) {
		a, b, c := 1+r.IntN(8), 1+r.IntN(8), 1+r.IntN(3)
		each(t.x, func(float64) float64 { return float64(r.IntN(2*a+1) - a) })
		each(t.w, func(float64) float64 { return float64(r.IntN(2*b+1) - b) })
		for j := range t.bias {
			t.bias[j] = float64(r.IntN(2*c-1) - c + 1)
		}
	}},
	{"duplicated latents", func(r *rand.Rand, t *trial) {
		few := 1 + r.IntN(20)
		for j := few; j < t.w.Rows; j++ {
			i := r.IntN(few)
			copy(t.w.Row(j), t.w.Row(i))
			t.bias[j] = t.bias[i]
		}
	}},
	{"wide rows", func(r *rand.Rand, t *trial) {
		for i := range t.x.Rows {
			scale(t.x.Row(i), math.Pow(10, float64(r.IntN(301)-150)))
		}
		if r.IntN(2) == 0 {
			clear(t.bias)
		}
	}},
	{"outliers and mean", func(r *rand.Rand, t *trial) {
		for range 1 + r.IntN(20) {
			c, s := r.IntN(t.x.Cols), 20+30*r.Float64()
			for i := range t.x.Rows {
				t.x.Row(i)[c] *= s
			}
		}
		mean := r.NormFloat64()
		each(t.x, func(v float64) float64 { return v + mean })
	}},
	{"denormals", func(r *rand.Rand, t *trial) {
		scale(t.x.Data, math.Ldexp(1, -r.IntN(1070)))
		scale(t.w.Data, math.Ldexp(1, -r.IntN(1070)))
		scale(t.bias, math.Ldexp(1, -r.IntN(1074)))
	}},
	{"overflow", func(r *rand.Rand, t *trial) {
		most := 400
		if r.IntN(2) == 0 {
			most = 1015
		}
		scale(t.x.Data, math.Ldexp(1, r.IntN(most)))
		scale(t.w.Data, math.Ldexp(1, r.IntN(most)))
		scale(t.bias, math.Ldexp(1, r.IntN(most)))
	}},
	{"all negative", func(r *rand.Rand, t *trial) {
		each(t.x, math.Abs)
		each(t.w, func(v float64) float64 { return -math.Abs(v) })
	}},
	{"mostly negative", func(r *rand.Rand, t *trial) {
		s := (1 + 4*r.Float64()) * math.Sqrt(float64(t.x.Cols))
		for j := range t.bias {
			t.bias[j] -= s
		}
	}},
	{"aligned residuals", func(r *rand.Rand, t *trial) {
		// Entries half a step off the grid of 127, or the fine one, so that a latent can
		// point along or against the residual of the rows: the worst case of the bound.
		largest := []float64{127, 32767}[r.IntN(2)]
		signs := make([]float64, t.x.Cols)
		for c := range signs {
			signs[c] = float64(2*r.IntN(2) - 1)
		}
		off := 0.5 - math.Ldexp(1, -2-r.IntN(20))
		for i := range t.x.Rows {
			for c, row := 0, t.x.Row(i); c < len(row); c++ {
				row[c] = float64(r.IntN(8)) + off*signs[c]
			}
			t.x.Row(i)[r.IntN(t.x.Cols)] = largest
		}
		for j := range t.w.Rows {
			s := float64(2*r.IntN(2) - 1)
			for c, row := 0, t.w.Row(j); c < len(row); c++ {
				row[c] = s*signs[c] + 1e-3*row[c]*float64(r.IntN(2))
			}
		}
		scale(t.bias, 1e-3)
	}},
	{"zeros", func(r *rand.Rand, t *trial) {
		for i := range t.x.Rows {
			if r.IntN(3) == 0 {
				clear(t.x.Row(i))
			}
		}
		for j := range t.w.Rows {
			if r.IntN(3) == 0 {
				clear(t.w.Row(j))
			}
			if r.IntN(3) == 0 {
				t.bias[j] = math.Copysign(0, r.Float64()-0.5)
			}
		}
		if r.IntN(4) == 0 {
			clear(t.bias)
		}
	}},
	{"wide latents", func(r *rand.Rand, t *trial) {
		for j := range t.w.Rows {
			s := math.Pow(10, float64(r.IntN(41)-20))
			scale(t.w.Row(j), s)
			t.bias[j] *= s * float64(r.IntN(2))
		}
	}},
	{"huge biases", func(r *rand.Rand, t *trial) {
		e := r.IntN(90)
		for j := range t.bias {
			if r.IntN(3) == 0 {
				t.bias[j] *= math.Ldexp(1, r.IntN(e+1))
			}
			if r.IntN(2) == 0 {
				t.bias[j] = -math.Abs(t.bias[j])
			}
		}
	}},
	{"tiny biases", func(r *rand.Rand, t *trial) {
		for j := range t.bias {
			t.bias[j] *= math.Ldexp(1, -r.IntN(200))
		}
		scale(t.x.Data, math.Ldexp(1, -r.IntN(150)))
	}},
	{"rows equal to latents", func(r *rand.Rand, t *trial) {
		for i := range t.x.Rows {
			copy(t.x.Row(i), t.w.Row(r.IntN(t.w.Rows)))
		}
		clear(t.bias)
	}},
	{"cancelling pairs", func(r *rand.Rand, t *trial) {
		big := math.Ldexp(1, r.IntN(40))
		for i := range t.x.Rows {
			for c, row := 0, t.x.Row(i); c+1 < len(row); c += 2 {
				row[c] = big * (1 + r.Float64())
				row[c+1] = -row[c] + float64(r.IntN(3)-1)
			}
		}
		for j := range t.w.Rows {
			for c, row := 0, t.w.Row(j); c+1 < len(row); c += 2 {
				row[c+1] = row[c]
			}
		}
	}},
	{"hostile rows", func(r *rand.Rand, t *trial) {
		for i := range t.x.Rows {
			c := r.IntN(t.x.Cols)
			switch r.IntN(6) {
			case 0:
				t.x.Row(i)[c] = math.NaN()
			case 1:
				t.x.Row(i)[c] = math.Inf(1 - 2*r.IntN(2))
			case 2:
				t.x.Row(i)[c] = math.MaxFloat64
			case 3:
				t.x.Row(i)[c] *= 1e9
			}
		}
	}},
	{"one huge input", func(r *rand.Rand, t *trial) {
		c := r.IntN(t.x.Cols)
		for i := range t.x.Rows {
			t.x.Row(i)[c] *= 1e6
		}
		for j := range t.w.Rows {
			t.w.Row(j)[c] *= []float64{1, 1e-6, 1e6}[r.IntN(3)]
		}
	}},
	{"saturating", func(r *rand.Rand, t *trial) {
		s := 10 * math.Exp(3*r.Float64()) / math.Sqrt(float64(t.x.Cols))
		scale(t.w.Data, s)
	}},
}
