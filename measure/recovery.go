package measure

import (
	"math"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
	"gonum.org/v1/gonum/mat"
)

// MeanMaxCosine says how well a dictionary is recovered: the mean over the rows of
// truth, the true atoms, of the largest cosine with any row of atoms, those that
// were learned (mean maximum cosine similarity, MMCS, Sharkey, Braun and Millidge
// 2022). It is 1 where each true atom was found, whatever else was learned, and at
// the level of chance well above 0: compare with random atoms.
//
// The cosine is signed, so an atom that points the other way is not the same: with
// non-negative codes it cannot serve as such. The cosine with a row of zeros is 0.
// truth is T x d and atoms n x d (a decoder's Weights, for example); it takes T·n·d
// multiplications. Errors wrap ksparse.ErrEmpty, ErrShape or ErrNotFinite.
func MeanMaxCosine(truth, atoms mat.Matrix) (float64, error) {
	a, err := dense.Rows("the true atoms", truth, -1)
	if err != nil {
		return 0, err
	}
	b, err := dense.Rows("the atoms", atoms, a.Cols)
	if err != nil {
		return 0, err
	}
	return mean(maxCosines(unitRows(a), unitRows(b), false)), nil
}

// MeanMaxCosineWithin says how much the rows of atoms, n x d, repeat each other:
// the mean over them of the largest cosine with any other row (the mean maximum
// decoder cosine similarity of SAEBench). It is 1 where each atom is there twice.
// Cosines are as in MeanMaxCosine; it takes n²·d multiplications. Errors wrap
// ksparse.ErrEmpty, for fewer than two rows too, or ErrNotFinite.
func MeanMaxCosineWithin(atoms mat.Matrix) (float64, error) {
	a, err := dense.Rows("the atoms", atoms, -1)
	if err != nil {
		return 0, err
	}
	if a.Rows < 2 {
		return 0, fault.Errorf(fault.ErrEmpty, "one atom has no other to be compared with")
	}
	a = unitRows(a)
	return mean(maxCosines(a, a, true)), nil
}

// maxCosines returns for each row of a its largest product with a row of b; where
// others is set, with a row of another number. Rows have norm 1 or 0.
func maxCosines(a, b matrix.Rows, others bool) []float64 {
	const panel = 512 // rows of b at a time
	best := make([]float64, a.Rows)
	parallel.For(a.Rows, matrix.ProductRows(a.Rows), func(_, lo, hi int) {
		products := make([]float64, (hi-lo)*panel)
		for i := lo; i < hi; i++ {
			best[i] = -1
		}
		for from := 0; from < b.Rows; from += panel {
			n := min(panel, b.Rows-from)
			kernel.MulT(products, panel, a.Data[lo*a.Stride:], a.Stride, hi-lo, b.Data[from*b.Stride:], b.Stride, n, a.Cols)
			for i := lo; i < hi; i++ {
				for j, c := range products[(i-lo)*panel:][:n] {
					if c > best[i] && !(others && from+j == i) {
						best[i] = c
					}
				}
			}
		}
		for i := lo; i < hi; i++ {
			best[i] = min(best[i], 1) // a rounded product of equal rows may be more
		}
	})
	return best
}

// unitRows returns a copy of m with rows of norm 1; rows of zeros stay zeros. Rows of
// any magnitude keep their direction: their squares never over- or underflow.
func unitRows(m matrix.Rows) matrix.Rows {
	out := matrix.New(m.Rows, m.Cols)
	parallel.For(m.Rows, matrix.RowGrain(4*m.Cols), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			row := out.Row(i)
			copy(row, m.Row(i))
			if largest := kernel.MaxAbs(row); largest > 0 {
				divide(row, largest)
				divide(row, math.Sqrt(kernel.SumSquares(row)))
			}
		}
	})
	return out
}

// divide sets x /= f. (1/f may overflow.)
func divide(x []float64, f float64) {
	for j := range x {
		x[j] /= f
	}
}

// mean returns the mean of the numbers of x.
func mean(x []float64) float64 { return kernel.Sum(x) / float64(len(x)) }
