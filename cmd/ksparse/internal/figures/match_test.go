package figures

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksparse/ksparse"
)

// TestMatches: the largest cosine of each row, by its definition, over several panels; float32 and float64 together.
func TestMatches(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	a := ksparse.Weights{Rows: 700, Cols: 3, Float64: make([]float64, 2100)}
	b := ksparse.Weights{Rows: 600, Cols: 3, Float32: make([]float32, 1800)}
	for i := range a.Float64 {
		a.Float64[i] = rng.NormFloat64() * 1e200 // squares overflow
	}
	for i := range b.Float32 {
		b.Float32[i] = float32(rng.NormFloat64())
	}
	clear(a.Float64[:3]) // an atom of zeros
	for i, m := range Matches(a, b) {
		best, at := math.Inf(-1), 0
		for j := range b.Rows {
			var dot, x, y float64
			for k := range 3 {
				p, q := a.Float64[3*i+k]/1e200, float64(b.Float32[3*j+k])
				dot, x, y = dot+p*q, x+p*p, y+q*q
			}
			if cosine := dot / math.Sqrt(x*y); cosine > best {
				best, at = cosine, j
			}
		}
		if i == 0 {
			best, at = 0, 0
		}
		if math.Abs(m.Cosine-best) > 1e-12 || m.Latent != at {
			t.Fatalf("atom %d: %+v, want %d with %v", i, m, at, best)
		}
	}
}

// TestCosineBins: the ends count.
func TestCosineBins(t *testing.T) {
	bins := CosineBins([]Match{{0, -0.5}, {0, 0}, {0, 0.25}, {0, 1}})
	if bins[0].Latents != 2 || bins[2].Latents != 1 || bins[9].Latents != 1 || bins[9].To != 1 {
		t.Errorf("%v", bins)
	}
}
