package ksparse

import (
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/parallel"
	"github.com/ksparse/ksparse/internal/topk"
	"gonum.org/v1/gonum/mat"
)

// Codes is a batch of sparse codes: for each sample the latents that were
// selected and their values. All other entries are zero. It implements
// mat.Matrix, so codes can be passed wherever a matrix of samples by latents is
// wanted.
type Codes struct {
	mask   Mask
	values []float64 // of mask.indices

	// How the rows were normalised before they were encoded, if they were.
	mean, spread []float64
}

// NewCodes makes codes of the given number of latents from one row of indices
// and one of values per sample, for example to decode codes that were stored or
// edited. It copies both. Indices ascend within a row and lie in [0, latents);
// values are finite; else the error wraps ErrRange, ErrShape or ErrNotFinite.
func NewCodes(latents int, indices [][]int32, values [][]float64) (*Codes, error) {
	if len(indices) != len(values) {
		return nil, errorf(ErrShape, "codes with %d rows of indices and %d rows of values", len(indices), len(values))
	}
	if latents < 1 {
		return nil, errorf(ErrRange, "codes with %d latents, want at least 1", latents)
	}
	c := &Codes{mask: Mask{rows: len(indices), cols: latents, offsets: make([]int, 1, len(indices)+1)}}
	for i, row := range indices {
		if len(row) != len(values[i]) {
			return nil, errorf(ErrShape, "codes: row %d has %d indices and %d values", i, len(row), len(values[i]))
		}
		previous := int32(-1)
		for t, j := range row {
			if j <= previous || int(j) >= latents {
				return nil, errorf(ErrRange, "codes: row %d has index %d after %d, want ascending indices below %d", i, j, previous, latents)
			}
			if v := values[i][t]; math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, errorf(ErrNotFinite, "codes: row %d holds %v for latent %d", i, v, j)
			}
			previous = j
		}
		c.mask.indices = append(c.mask.indices, row...)
		c.values = append(c.values, values[i]...)
		c.mask.offsets = append(c.mask.offsets, len(c.values))
	}
	return c, nil
}

// Dims returns the number of samples and of latents.
func (c *Codes) Dims() (rows, cols int) { return c.mask.Dims() }

// At returns the value of latent j in sample i, zero where it is not selected.
// Like every mat.Matrix it panics outside the matrix.
func (c *Codes) At(i, j int) float64 {
	if j < 0 || j >= c.mask.cols {
		panic(mat.ErrColAccess)
	}
	if i < 0 || i >= c.mask.rows {
		panic(mat.ErrRowAccess)
	}
	indices, values := c.Row(i)
	if t, found := slices.BinarySearch(indices, int32(j)); found {
		return values[t]
	}
	return 0
}

// T returns the transpose, latents by samples, without copying.
func (c *Codes) T() mat.Matrix { return mat.Transpose{Matrix: c} }

// Row returns the selected latents of sample i, ascending, and their values. A
// selected latent may have the value zero (a ReLU layer selects k of them even
// where fewer are positive). Both slices are live: changing a value changes the
// codes (to steer a reconstruction, say); indices must stay as they are. It
// panics if there is no row i, as a slice would.
func (c *Codes) Row(i int) (indices []int32, values []float64) {
	lo, hi := c.mask.offsets[i], c.mask.offsets[i+1]
	return c.mask.indices[lo:hi:hi], c.values[lo:hi:hi]
}

// Mask returns the positions that were selected, zero values among them.
func (c *Codes) Mask() *Mask { return &c.mask }

// Dense returns the codes as a dense matrix, samples by latents.
func (c *Codes) Dense() *mat.Dense {
	return dense(c.rows())
}

// rows returns the codes as rows.
func (c *Codes) rows() topk.Rows {
	var m topk.Rows
	c.scatter(&m, c.values)
	return m
}

// scatter writes values, one for each entry of c, to m as rows.
func (c *Codes) scatter(m *topk.Rows, values []float64) {
	resize(m, c.mask.rows, c.mask.cols)
	parallel.For(m.Rows, rowGrain(m.Cols), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			row := m.Row(i)
			clear(row)
			for e := c.mask.offsets[i]; e < c.mask.offsets[i+1]; e++ {
				row[c.mask.indices[e]] = values[e]
			}
		}
	})
}

// pick sets dst, one number for each entry of c, to what m has at its place: the
// mask applied to m, and the inverse of scatter.
func (c *Codes) pick(dst []float64, m topk.Rows) {
	for i := range c.mask.rows {
		c.pickRow(dst, i, m.Row(i))
	}
}

// pickRow is pick for the entries of row i.
func (c *Codes) pickRow(dst []float64, i int, row []float64) {
	for e := c.mask.offsets[i]; e < c.mask.offsets[i+1]; e++ {
		dst[e] = row[c.mask.indices[e]]
	}
}

// notFinite returns the first row that holds NaN or an infinity, -1 if none does.
func (c *Codes) notFinite() int {
	if !kernel.AllFinite(c.values) {
		for i := range c.mask.rows {
			if _, values := c.Row(i); !kernel.AllFinite(values) {
				return i
			}
		}
	}
	return -1
}

// Prefix returns the codes without the latents from n on, as codes of as many
// latents as c has: what a Matryoshka network of that width would decode. Values
// are copied. It panics where n is negative.
func (c *Codes) Prefix(n int) *Codes {
	p := new(Codes)
	p.clear(c.mask.cols)
	p.mean, p.spread = slices.Clone(c.mean), slices.Clone(c.spread)
	for i := range c.mask.rows {
		indices, values := c.Row(i)
		t, _ := slices.BinarySearch(indices, int32(min(n, c.mask.cols)))
		p.mask.indices, p.values = append(p.mask.indices, indices[:t]...), append(p.values, values[:t]...)
		p.endRow()
	}
	return p
}

// clear makes c codes without rows, of so many latents.
func (c *Codes) clear(latents int) {
	c.mask.rows, c.mask.cols = 0, latents
	c.mask.offsets, c.mask.indices = append(c.mask.offsets[:0], 0), c.mask.indices[:0]
	c.values, c.mean, c.spread = c.values[:0], c.mean[:0], c.spread[:0]
}

// endRow ends a row that entries were appended to.
func (c *Codes) endRow() {
	c.mask.rows++
	c.mask.offsets = append(c.mask.offsets, len(c.values))
}

// add appends the rows of d.
func (c *Codes) add(d *Codes) {
	n := len(c.values)
	for _, o := range d.mask.offsets[1:] {
		c.mask.offsets = append(c.mask.offsets, n+o)
	}
	c.mask.rows += d.mask.rows
	c.mask.indices, c.values = append(c.mask.indices, d.mask.indices...), append(c.values, d.values...)
}

// reset makes c a batch of k codes a row with undefined contents.
func (c *Codes) reset(rows, cols, k int) {
	c.mask.rows, c.mask.cols = rows, cols
	c.mask.offsets = everyK(c.mask.offsets, rows, k)
	c.mask.indices = resized(c.mask.indices, rows*k)
	c.values = resized(c.values, rows*k)
}

// denseRatio is how much longer an operation takes on an entry of codes, whose
// row must be fetched from anywhere, than on an element of a dense matrix. It
// was measured at 2 to 2.5 with AVX-512 and at 2 or less with AVX2
// (BenchmarkDenseOrSparse). Only tests change it.
var denseRatio = 2

// denseEnough is the one rule by which products of codes are taken as products
// of dense matrices, most of whose entries are zeros. Both give the same numbers.
func (c *Codes) denseEnough() bool {
	return len(c.values)*denseRatio > c.mask.rows*c.mask.cols
}

// rowCost estimates the operations of going through one row of codes with n
// operations for each entry.
func (c *Codes) rowCost(n int) int { return len(c.values) / max(c.mask.rows, 1) * n }
