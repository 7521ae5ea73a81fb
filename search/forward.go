package search

import (
	"math"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/sparse"
)

// forward is the codes row by row, as they were given, zeros among them: what a score is computed
// from. Those of row i are offsets[i] to offsets[i+1].
type forward struct {
	offsets []int64
	latents []int32 // ascending within a row
	values  []float64

	mean, spread []float64 // by row: how it was normalised; nil where rows were not
}

// rows returns how many rows there are.
func (f *forward) rows() int { return max(0, len(f.offsets)-1) }

// row returns the code of row i.
func (f *forward) row(i int) ([]int32, []float64) {
	lo, hi := f.offsets[i], f.offsets[i+1]
	return f.latents[lo:hi], f.values[lo:hi]
}

// score returns the product of row i with a code, which is given as a weight for each latent. The
// order is that of the latents: each product is rounded, then added. A latent that only one of the
// two has adds a zero, which changes nothing: so it is the sum over shared latents.
func (f *forward) score(i int, weights []float64) float64 {
	latents, values := f.row(i)
	values = values[:len(latents)]
	sum := 0.0
	for t, j := range latents {
		sum += float64(weights[j] * values[t]) // the conversion keeps a compiler from fusing the two
	}
	return sum
}

// append appends codes of the given number of latents. scaled says whether all rows have been, and
// must be, normalised. Rows are numbered from the first one of the source for errors.
func (f *forward) append(c *sparse.Codes, scales *normal.Scales, latents int, scaled bool) error {
	if c.Cols != latents {
		return fault.Errorf(fault.ErrShape, "codes of %d latents, want %d as in those before", c.Cols, latents)
	}
	if got := len(scales.Spread) > 0; c.Rows > 0 && got != scaled {
		return fault.Errorf(fault.ErrShape, "some rows of codes have the numbers by which they were normalised and some have not: row %d", f.rows())
	}
	first, base := f.rows(), int64(len(f.values))
	for i := range c.Rows {
		js, values := c.Row(i)
		if err := checkRow(js, values, latents); err != nil {
			return fault.Errorf(err, "row %d of the codes: %s", first+i, fault.Text(err))
		}
		f.offsets = append(f.offsets, base+int64(c.Offsets[i+1]-c.Offsets[0]))
	}
	if c.Rows > 0 {
		lo, hi := c.Offsets[0], c.Offsets[c.Rows]
		f.latents, f.values = append(f.latents, c.Indices[lo:hi]...), append(f.values, c.Values[lo:hi]...)
	}
	if scaled {
		f.mean, f.spread = append(f.mean, scales.Mean...), append(f.spread, scales.Spread...)
	}
	return nil
}

// checkRow returns what is wrong with a code.
func checkRow(latents []int32, values []float64, n int) error {
	if len(latents) != len(values) {
		return fault.Errorf(fault.ErrShape, "%d latents and %d values", len(latents), len(values))
	}
	previous := int32(-1)
	for t, j := range latents {
		if j <= previous || int(j) >= n {
			if j < 0 || int(j) >= n {
				return fault.Errorf(fault.ErrRange, "latent %d, want latents from 0 to %d", j, n-1)
			}
			return fault.Errorf(fault.ErrRange, "latent %d after %d, want ascending latents", j, previous)
		}
		if v := values[t]; !(math.Abs(v) <= maxMagnitude) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fault.Errorf(fault.ErrNotFinite, "latent %d has the value %v", j, v)
			}
			return fault.Errorf(fault.ErrRange, "latent %d has the value %v, want at most %v in magnitude", j, v, maxMagnitude)
		}
		previous = j
	}
	return nil
}
