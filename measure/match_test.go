package measure_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/measure"
)

// TestMatchesAgreesWithPlain: the largest cosine of each atom and where it is, by the definition, for
// more atoms than are compared at a time, in float64 and float32, of sizes whose squares
// overflow or vanish.
func TestMatchesAgreesWithPlain(t *testing.T) {
	const large, small, cols = 4300, 601, 3
	rng := rand.New(rand.NewPCG(1, 1))
	wide := ksparse.Weights{Rows: large, Cols: cols, Float64: make([]float64, large*cols)}
	narrow := ksparse.Weights{Rows: small, Cols: cols, Float32: make([]float32, small*cols)}
	for i := range wide.Float64 {
		wide.Float64[i] = rng.NormFloat64()
	}
	for i := range narrow.Float32 {
		narrow.Float32[i] = float32(rng.NormFloat64())
	}
	clear(wide.Float64[:cols])
	copy(narrow.Float32[600*cols:], narrow.Float32[5*cols:6*cols]) // the last atom is number 5 again
	plain := func(row func(dst []float64, i int), other func(dst []float64, j int), n int, i int) measure.Match {
		best := measure.Match{Cosine: math.Inf(-1)}
		x, y := make([]float64, cols), make([]float64, cols)
		row(x, i)
		for j := range n {
			other(y, j)
			var xy, xx, yy float64
			for k := range cols {
				xy, xx, yy = xy+x[k]*y[k], xx+x[k]*x[k], yy+y[k]*y[k]
			}
			if cosine := xy / math.Sqrt(max(xx*yy, 1e-300)); cosine > best.Cosine {
				best = measure.Match{Latent: j, Cosine: cosine}
			}
		}
		return best
	}
	ofWide := func(dst []float64, i int) { copy(dst, wide.Float64[i*cols:]) }
	ofNarrow := func(dst []float64, i int) {
		for k := range dst {
			dst[k] = float64(narrow.Float32[i*cols+k])
		}
	}
	for _, scale := range []float64{1, 1e250, 1e-250} {
		scaled := wide
		scaled.Float64 = make([]float64, large*cols)
		for i, v := range wide.Float64 {
			scaled.Float64[i] = v * scale
		}
		forth, err := measure.Matches(scaled, narrow)
		if err != nil {
			t.Fatal(err)
		}
		back, err := measure.Matches(narrow, scaled)
		if err != nil {
			t.Fatal(err)
		}
		check := func(i int, got, want measure.Match) {
			if math.Abs(got.Cosine-want.Cosine) > 1e-12 || got.Latent != want.Latent {
				t.Fatalf("scale %v, atom %d: %+v, want %+v", scale, i, got, want)
			}
		}
		for i := 0; i < large; i += 7 {
			check(i, forth[i], plain(ofWide, ofNarrow, small, i))
		}
		for i := 0; i < small; i += 7 {
			check(i, back[i], plain(ofNarrow, ofWide, large, i))
		}
	}
}

// TestMatchesErrors: what is no dictionary, or not one of the same width.
func TestMatchesErrors(t *testing.T) {
	good := ksparse.Weights{Rows: 2, Cols: 2, Float64: []float64{1, 2, 3, 4}}
	for _, c := range []struct {
		what string
		w    ksparse.Weights
		want error
	}{
		{"nothing", ksparse.Weights{}, ksparse.ErrEmpty},
		{"no rows", ksparse.Weights{Cols: 2, Float64: []float64{}}, ksparse.ErrEmpty},
		{"another width", ksparse.Weights{Rows: 1, Cols: 3, Float32: []float32{1, 2, 3}}, ksparse.ErrShape},
		{"too few numbers", ksparse.Weights{Rows: 2, Cols: 2, Float32: []float32{1, 2, 3}}, ksparse.ErrShape},
		{"a size that overflows", ksparse.Weights{Rows: math.MaxInt/4 + 1, Cols: 4, Float64: []float64{}}, ksparse.ErrShape},
		{"two kinds", ksparse.Weights{Rows: 1, Cols: 2, Float64: []float64{1, 2}, Float32: []float32{1, 2}}, ksparse.ErrShape},
		{"NaN", ksparse.Weights{Rows: 1, Cols: 2, Float64: []float64{1, math.NaN()}}, ksparse.ErrNotFinite},
		{"an infinity", ksparse.Weights{Rows: 1, Cols: 2, Float32: []float32{float32(math.Inf(1)), 0}}, ksparse.ErrNotFinite},
	} {
		if _, err := measure.Matches(good, c.w); !errors.Is(err, c.want) {
			t.Errorf("%s second: error is %v, want %v", c.what, err, c.want)
		}
		if _, err := measure.Matches(c.w, good); !errors.Is(err, c.want) {
			t.Errorf("%s first: error is %v, want %v", c.what, err, c.want)
		}
	}
}
