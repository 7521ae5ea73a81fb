package measure_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/measure"
	"gonum.org/v1/gonum/mat"
)

func TestMeanMaxCosineByHand(t *testing.T) {
	half := math.Sqrt(0.5)
	for _, c := range []struct {
		what         string
		truth, atoms *mat.Dense
		want         float64
	}{
		{"found, permuted and scaled", mat.NewDense(2, 2, []float64{1, 0, 3, 4}), mat.NewDense(3, 2, []float64{6, 8, -1, 5, 0.1, 0}), 1},
		{"signed: the opposite atom is none", mat.NewDense(1, 2, []float64{1, 0}), mat.NewDense(1, 2, []float64{-2, 0}), -1},
		{"half way", mat.NewDense(2, 2, []float64{1, 0, 0, 1}), mat.NewDense(2, 2, []float64{0, 2, 0.5, 0.5}), (half + 1) / 2},
		{"it is not symmetric", mat.NewDense(1, 2, []float64{0, 1}), mat.NewDense(2, 2, []float64{1, 0, 0, 1}), 1},
		{"... the other way round", mat.NewDense(2, 2, []float64{1, 0, 0, 1}), mat.NewDense(1, 2, []float64{0, 1}), 0.5},
		{"a zero atom has cosine 0", mat.NewDense(1, 2, []float64{1, 0}), mat.NewDense(2, 2, []float64{0, 0, -1, 0}), 0},
		{"a zero true atom", mat.NewDense(2, 2, []float64{0, 0, 1, 0}), mat.NewDense(1, 2, []float64{1, 0}), 0.5},
		{"sizes whose squares leave float64", mat.NewDense(2, 2, []float64{3e300, 4e300, 3e-310, 0}), mat.NewDense(2, 2, []float64{3e-200, 4e-200, 1, 0}), 1},
	} {
		got, err := measure.MeanMaxCosine(c.truth, c.atoms)
		// Two roundings of each element, one sum of two products: within 1e-15.
		if err != nil || math.Abs(got-c.want) > 1e-15 {
			t.Errorf("%s: %v, %v, want %v", c.what, got, err, c.want)
		}
	}
}

// TestMeanMaxCosineIsAtMostOne: also where the products of rounded rows are more.
func TestMeanMaxCosineIsAtMostOne(t *testing.T) {
	x := normal(rand.New(rand.NewPCG(3, 3)), 200, 30)
	for i := range 200 {
		row := x.Slice(i, i+1, 0, 30)
		if got, err := measure.MeanMaxCosine(row, row); err != nil || got > 1 || got < 1-1e-14 {
			t.Fatalf("row %d: cosine with itself is %v, %v", i, got, err)
		}
	}
}

func TestMeanMaxCosineWithinByHand(t *testing.T) {
	atoms := mat.NewDense(4, 2, []float64{2, 0, 0, 1, -1, 0, 5, 0})
	// The first and the last are the same; (0, 1) has cosine 0 with all; the third has
	// 0 with that and -1 with the others.
	if got, err := measure.MeanMaxCosineWithin(atoms); err != nil || got != 0.5 {
		t.Errorf("got %v, %v, want 0.5", got, err)
	}
	if got, err := measure.MeanMaxCosineWithin(mat.NewDense(2, 1, []float64{1, -3})); err != nil || got != -1 {
		t.Errorf("got %v, %v, want -1", got, err)
	}
}

// TestMeanMaxCosineAgreesWithPlain uses sizes that are not those of any block.
func TestMeanMaxCosineAgreesWithPlain(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	truth, atoms := normal(rng, 301, 17), normal(rng, 1203, 17)
	cosine := func(a, b []float64) float64 {
		ab, aa, bb := 0.0, 0.0, 0.0
		for j := range a {
			ab, aa, bb = ab+a[j]*b[j], aa+a[j]*a[j], bb+b[j]*b[j]
		}
		return ab / math.Sqrt(aa*bb)
	}
	plain := func(x, y *mat.Dense, within bool) float64 {
		rows, _ := x.Dims()
		others, _ := y.Dims()
		sum := 0.0
		for i := range rows {
			best := -1.0
			for j := range others {
				if !within || i != j {
					best = max(best, cosine(x.RawRowView(i), y.RawRowView(j)))
				}
			}
			sum += best
		}
		return sum / float64(rows)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var bits [2]float64
	for i, procs := range []int{1, 3} {
		runtime.GOMAXPROCS(procs)
		got, err := measure.MeanMaxCosine(truth, atoms)
		if want := plain(truth, atoms, false); err != nil || math.Abs(got-want) > 1e-13 {
			t.Errorf("MeanMaxCosine is %v, %v, want %v", got, err, want)
		}
		within, err := measure.MeanMaxCosineWithin(atoms)
		if want := plain(atoms, atoms, true); err != nil || math.Abs(within-want) > 1e-13 {
			t.Errorf("MeanMaxCosineWithin is %v, %v, want %v", within, err, want)
		}
		if i > 0 && bits != [2]float64{got, within} {
			t.Errorf("GOMAXPROCS %d changes the bits", procs)
		}
		bits = [2]float64{got, within}
	}
}

func TestMeanMaxCosineErrors(t *testing.T) {
	a, b := mat.NewDense(2, 2, []float64{1, 2, 3, 4}), mat.NewDense(2, 3, nil)
	inf := mat.NewDense(2, 2, []float64{1, 2, math.Inf(1), 4})
	for _, c := range []struct {
		what         string
		truth, atoms mat.Matrix
		want         error
	}{
		{"nil truth", nil, a, ksparse.ErrEmpty},
		{"no atoms", a, &mat.Dense{}, ksparse.ErrEmpty},
		{"columns", a, b, ksparse.ErrShape},
		{"Inf", a, inf, ksparse.ErrNotFinite},
	} {
		if _, err := measure.MeanMaxCosine(c.truth, c.atoms); !errors.Is(err, c.want) {
			t.Errorf("%s: error is %v, want %v", c.what, err, c.want)
		}
	}
	for _, c := range []struct {
		what  string
		atoms mat.Matrix
		want  error
	}{
		{"nil", nil, ksparse.ErrEmpty},
		{"one atom", mat.NewDense(1, 2, []float64{1, 2}), ksparse.ErrEmpty},
		{"Inf", inf, ksparse.ErrNotFinite},
	} {
		if _, err := measure.MeanMaxCosineWithin(c.atoms); !errors.Is(err, c.want) {
			t.Errorf("within, %s: error is %v, want %v", c.what, err, c.want)
		}
	}
}

func BenchmarkMeanMaxCosine(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	truth, atoms := normal(rng, 512, 64), normal(rng, 4096, 64)
	for b.Loop() {
		if _, err := measure.MeanMaxCosine(truth, atoms); err != nil {
			b.Fatal(err)
		}
	}
}
