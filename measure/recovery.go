package measure

import (
	"math"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
	"gonum.org/v1/gonum/mat"
)

// A Match is the atom of another dictionary that is most like an atom.
type Match struct {
	Latent int     // its row in the other dictionary; the first of those that are equally alike
	Cosine float64 // of the two atoms, from -1 to 1
}

// Matches returns for each atom, a row of a, the row of b with the largest cosine. The
// cosine is signed, and that with a row of zeros is 0. a is n x d and b m x d, such as
// the Decoder of two Configs; it takes n·m·d multiplications, and memory for some
// thousand rows beside that of a and b. Errors wrap ksparse.ErrEmpty, ErrShape or
// ErrNotFinite.
func Matches(a, b ksparse.Weights) ([]Match, error) {
	for _, c := range []struct {
		what string
		w    ksparse.Weights
	}{{"the first dictionary", a}, {"the second dictionary", b}} {
		if err := checkAtoms(c.what, c.w); err != nil {
			return nil, err
		}
	}
	if a.Cols != b.Cols {
		return nil, fault.Errorf(fault.ErrShape, "the atoms of the first dictionary have %d numbers, those of the second %d", a.Cols, b.Cols)
	}
	return nearest(a, b, false), nil
}

// checkAtoms returns an error where w, which an error calls what, is no matrix of finite
// numbers.
func checkAtoms(what string, w ksparse.Weights) error {
	numbers := len(w.Float64) + len(w.Float32)
	switch {
	case w.Rows < 1 || w.Cols < 1:
		return fault.Errorf(fault.ErrEmpty, "%s has no atoms (it is %d x %d)", what, w.Rows, w.Cols)
	case w.Float64 != nil && w.Float32 != nil:
		return fault.Errorf(fault.ErrShape, "%s has weights in float64 and in float32, want one of them", what)
	case numbers%w.Cols != 0 || numbers/w.Cols != w.Rows: // Rows·Cols may overflow
		return fault.Errorf(fault.ErrShape, "%s is %d x %d and has %d numbers", what, w.Rows, w.Cols, numbers)
	}
	if at := w.FirstNotFinite(); at >= 0 {
		return fault.Errorf(fault.ErrNotFinite, "%s holds NaN or an infinity at row %d, column %d", what, at/w.Cols, at%w.Cols)
	}
	return nil
}

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
	return meanCosine(nearest(weightsOf(a), weightsOf(b), false)), nil
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
	w := weightsOf(a)
	return meanCosine(nearest(w, w, true)), nil
}

// weightsOf returns the rows as weights: a copy where there are gaps between them.
func weightsOf(m matrix.Rows) matrix.Weights {
	if m.Stride == m.Cols {
		return matrix.Wide(m)
	}
	whole := matrix.New(m.Rows, m.Cols)
	for i := range m.Rows {
		copy(whole.Row(i), m.Row(i))
	}
	return matrix.Wide(whole)
}

// nearest returns for each row of a the row of b with the largest cosine; where others is
// set, the one of another number. Both have rows of one width.
func nearest(a, b matrix.Weights, others bool) []Match {
	const block, panel = 4096, 512 // rows of a, and of b, that are made of norm 1 at a time
	best := make([]Match, a.Rows)
	for i := range best {
		best[i].Cosine = math.Inf(-1)
	}
	var left, right matrix.Rows
	var scratch [][]float64 // the products of each worker
	for first := 0; first < a.Rows; first += block {
		unitRows(&left, a, first, min(block, a.Rows-first))
		grain := matrix.ProductRows(left.Rows)
		for len(scratch) < parallel.Workers(left.Rows, grain) {
			scratch = append(scratch, nil)
		}
		for from := 0; from < b.Rows; from += panel {
			n := min(panel, b.Rows-from)
			unitRows(&right, b, from, n)
			parallel.For(left.Rows, grain, func(worker, lo, hi int) {
				scratch[worker] = matrix.Resized(scratch[worker], (hi-lo)*n)
				products := scratch[worker]
				kernel.MulT(products, n, left.Data[lo*left.Stride:], left.Stride, hi-lo, right.Data, right.Stride, n, a.Cols)
				for i := lo; i < hi; i++ {
					m := &best[first+i]
					for j, c := range products[(i-lo)*n:][:n] {
						if c > m.Cosine && !(others && from+j == first+i) {
							*m = Match{from + j, c}
						}
					}
				}
			})
		}
	}
	for i := range best {
		best[i].Cosine = max(-1, min(best[i].Cosine, 1)) // a rounded product of equal rows may be more
	}
	return best
}

// unitRows sets dst to n rows of w, from row first on, made of norm 1; rows of zeros stay
// zeros. Rows of any magnitude keep their direction: their squares never over- or
// underflow.
func unitRows(dst *matrix.Rows, w matrix.Weights, first, n int) {
	dst.Resize(n, w.Cols)
	parallel.For(n, matrix.RowGrain(4*w.Cols), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			row, at := dst.Row(i), (first+i)*w.Cols
			if w.Float32 != nil {
				matrix.Widen(row, w.Float32[at:at+w.Cols])
			} else {
				copy(row, w.Float64[at:])
			}
			if largest := kernel.MaxAbs(row); largest > 0 {
				divide(row, largest)
				divide(row, math.Sqrt(kernel.SumSquares(row)))
			}
		}
	})
}

// divide sets x /= f. (1/f may overflow.)
func divide(x []float64, f float64) {
	for j := range x {
		x[j] /= f
	}
}

// meanCosine returns the mean of the cosines.
func meanCosine(matches []Match) float64 {
	all := make([]float64, len(matches))
	for i, m := range matches {
		all[i] = m.Cosine
	}
	return kernel.Sum(all) / float64(len(all))
}
