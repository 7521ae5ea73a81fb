// Package sparse holds the form in which codes are stored: for each row the latents
// that were selected and one number for each of them, without the zeros between
// (compressed sparse rows). Index lists the same entries latent by latent.
package sparse

import (
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// Codes are Rows sparse rows of Cols latents. Entry e belongs to latent Indices[e]
// and has the value Values[e]; those of row i are Offsets[i] to Offsets[i+1], in
// ascending order of the latent. Offsets has Rows+1 numbers, or none where there
// are no rows.
type Codes struct {
	Rows, Cols int
	Offsets    []int
	Indices    []int32
	Values     []float64
}

// Row returns the latents of row i and their values. Both are live.
func (c *Codes) Row(i int) ([]int32, []float64) {
	lo, hi := c.Offsets[i], c.Offsets[i+1]
	return c.Indices[lo:hi:hi], c.Values[lo:hi:hi]
}

// Clear makes c codes of no rows.
func (c *Codes) Clear(latents int) {
	c.Rows, c.Cols = 0, latents
	c.Offsets, c.Indices, c.Values = append(c.Offsets[:0], 0), c.Indices[:0], c.Values[:0]
}

// EndRow ends a row, whose entries have been appended to Indices and Values.
func (c *Codes) EndRow() {
	c.Rows++
	c.Offsets = append(c.Offsets, len(c.Indices))
}

// Append appends the rows of d.
func (c *Codes) Append(d *Codes) {
	n := len(c.Values)
	for _, o := range d.Offsets[1:] {
		c.Offsets = append(c.Offsets, n+o)
	}
	c.Rows += d.Rows
	c.Indices, c.Values = append(c.Indices, d.Indices...), append(c.Values, d.Values...)
}

// AppendRows appends the given rows of d.
func (c *Codes) AppendRows(d *Codes, rows []int) {
	for _, i := range rows {
		indices, values := d.Row(i)
		c.Indices, c.Values = append(c.Indices, indices...), append(c.Values, values...)
		c.EndRow()
	}
}

// Reset makes c codes of k entries a row. Their latents and values are undefined.
func (c *Codes) Reset(rows, latents, k int) {
	c.Rows, c.Cols = rows, latents
	c.Offsets = EveryK(c.Offsets, rows, k)
	c.Indices = matrix.Resized(c.Indices, rows*k)
	c.Values = matrix.Resized(c.Values, rows*k)
}

// EveryK returns the offsets of rows that hold k entries each, in the memory of old
// where that is large enough.
func EveryK(old []int, rows, k int) []int {
	offsets := matrix.Resized(old, rows+1)
	for i := range offsets {
		offsets[i] = i * k
	}
	return offsets
}

// Scatter sets m to the codes as dense rows, with values, one for each entry, in the
// place of Values.
func (c *Codes) Scatter(m *matrix.Rows, values []float64) {
	m.Resize(c.Rows, c.Cols)
	parallel.For(m.Rows, matrix.RowGrain(m.Cols), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			c.ScatterRow(m.Row(i), i, values)
		}
	})
}

// ScatterRow is Scatter for row i alone.
func (c *Codes) ScatterRow(row []float64, i int, values []float64) {
	clear(row)
	for e := c.Offsets[i]; e < c.Offsets[i+1]; e++ {
		row[c.Indices[e]] = values[e]
	}
}

// Pick sets dst, one number for each entry, to what m has in the entry's place. It is
// the inverse of Scatter: the mask applied to m.
func (c *Codes) Pick(dst []float64, m matrix.Rows) {
	for i := range c.Rows {
		c.PickRow(dst, i, m.Row(i))
	}
}

// PickRow is Pick for the entries of row i.
func (c *Codes) PickRow(dst []float64, i int, row []float64) {
	for e := c.Offsets[i]; e < c.Offsets[i+1]; e++ {
		dst[e] = row[c.Indices[e]]
	}
}

// NotFiniteRow returns the first row with a value that is NaN or an infinity, -1 if
// there is none.
func (c *Codes) NotFiniteRow() int {
	if !kernel.AllFinite(c.Values) {
		for i := range c.Rows {
			if _, values := c.Row(i); !kernel.AllFinite(values) {
				return i
			}
		}
	}
	return -1
}

// DenseRatio is how much longer an operation takes on an entry of codes, whose row
// of weights must be fetched from anywhere, than on an element of a dense matrix. It
// was measured at 2 to 2.5 with AVX-512 and at 2 or less with AVX2
// (BenchmarkDenseOrSparse). Only tests change it.
var DenseRatio = 2

// DenseEnough is the one rule by which products of codes are taken as products of
// dense matrices, most of whose elements are zeros. Both give the same numbers.
func (c *Codes) DenseEnough() bool { return len(c.Values)*DenseRatio > c.Rows*c.Cols }

// RowCost estimates the operations of one row of codes with n operations for each
// entry.
func (c *Codes) RowCost(n int) int { return len(c.Values) / max(c.Rows, 1) * n }
