package ksparse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/dense"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/raw"
	"github.com/ksparse/ksparse/internal/sparse"
	"gonum.org/v1/gonum/mat"
)

// Codes is a batch of sparse codes: for each sample the latents that were
// selected and their values. All other entries are zero. It implements
// mat.Matrix, so codes can be passed wherever a matrix of samples by latents is
// wanted. Codes are not copied by value: the copy would share their memory.
type Codes struct {
	_       noCopy
	entries sparse.Codes
	scales  normal.Scales // by which the rows were normalised before they were encoded, if they were
}

// init lets packages of this module at the memory of codes.
func init() {
	raw.Codes = func(c any) (*sparse.Codes, *normal.Scales) {
		codes := c.(*Codes)
		return &codes.entries, &codes.scales
	}
}

// NewCodes makes codes of the given number of latents from one row of indices
// and one of values per sample, for example to decode codes that were stored or
// edited. It copies both. Indices ascend within a row and lie in [0, latents);
// values are finite; else the error wraps ErrRange, ErrShape or ErrNotFinite.
func NewCodes(latents int, indices [][]int32, values [][]float64) (*Codes, error) {
	if len(indices) != len(values) {
		return nil, fault.Errorf(ErrShape, "codes with %d rows of indices and %d rows of values", len(indices), len(values))
	}
	if latents < 1 || latents > math.MaxInt32 {
		return nil, fault.Errorf(ErrRange, "codes with %d latents, want 1 to %d", latents, math.MaxInt32)
	}
	c := new(Codes)
	c.entries.Clear(latents)
	for i, row := range indices {
		if err := checkCode(latents, i, row, values[i]); err != nil {
			return nil, err
		}
		c.entries.Indices = append(c.entries.Indices, row...)
		c.entries.Values = append(c.entries.Values, values[i]...)
		c.entries.EndRow()
	}
	return c, nil
}

// checkCode returns what is wrong with the code of row i.
func checkCode(latents, i int, indices []int32, values []float64) error {
	if len(indices) != len(values) {
		return fault.Errorf(ErrShape, "codes: row %d has %d indices and %d values", i, len(indices), len(values))
	}
	previous := int32(-1)
	for t, j := range indices {
		if j < 0 || int(j) >= latents {
			return fault.Errorf(ErrRange, "codes: row %d has index %d, want indices from 0 to %d", i, j, latents-1)
		}
		if j <= previous {
			return fault.Errorf(ErrRange, "codes: row %d has index %d after %d, want ascending indices", i, j, previous)
		}
		if v := values[t]; math.IsNaN(v) || math.IsInf(v, 0) {
			return fault.Errorf(ErrNotFinite, "codes: row %d holds %v for latent %d", i, v, j)
		}
		previous = j
	}
	return nil
}

// Dims returns the number of samples and of latents. Nil codes have none.
func (c *Codes) Dims() (rows, cols int) {
	if c == nil {
		return 0, 0
	}
	return c.entries.Rows, c.entries.Cols
}

// At returns the value of latent j in sample i, zero where it is not selected.
// Like every mat.Matrix it panics outside the matrix.
func (c *Codes) At(i, j int) float64 {
	rows, cols := c.Dims()
	if j < 0 || j >= cols {
		panic(mat.ErrColAccess)
	}
	if i < 0 || i >= rows {
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
	return c.entries.Row(i)
}

// Mask returns the positions that were selected, zero values among them. It refers to
// the codes, and changes when they are encoded into again.
func (c *Codes) Mask() *Mask {
	if c == nil {
		return &Mask{offsets: []int{0}}
	}
	e := &c.entries
	return &Mask{rows: e.Rows, cols: e.Cols, offsets: e.Offsets, indices: e.Indices}
}

// Dense returns the codes as a dense matrix, samples by latents.
func (c *Codes) Dense() *mat.Dense {
	var m matrix.Rows
	if c == nil {
		return dense.Of(m)
	}
	c.entries.Scatter(&m, c.entries.Values)
	return dense.Of(m)
}

// Prefix returns the codes without the latents from n on, as codes of as many
// latents as c has: what a Matryoshka network of that width would decode. Values
// are copied. A negative n stands for 0.
func (c *Codes) Prefix(n int) *Codes {
	p := new(Codes)
	if c == nil {
		return p
	}
	p.entries.Clear(c.entries.Cols)
	p.scales = normal.Scales{Mean: slices.Clone(c.scales.Mean), Spread: slices.Clone(c.scales.Spread)}
	for i := range c.entries.Rows {
		indices, values := c.Row(i)
		t, _ := slices.BinarySearch(indices, int32(max(0, min(n, c.entries.Cols))))
		p.entries.Indices, p.entries.Values = append(p.entries.Indices, indices[:t]...), append(p.entries.Values, values[:t]...)
		p.entries.EndRow()
	}
	return p
}

// L0 returns the mean number of values per row that are not zero. It is at most k,
// less where a ReLU layer selected zeros; 0 for codes without rows.
func (c *Codes) L0() float64 {
	if c == nil || c.entries.Rows == 0 {
		return 0
	}
	n := 0
	for _, v := range c.entries.Values {
		if v != 0 {
			n++
		}
	}
	return float64(n) / float64(c.entries.Rows)
}

// Frequency returns for each latent the share of the rows in which its value is not
// zero. A selected zero does not count as active. It has zeros for codes without rows, and
// is nil for nil codes.
func (c *Codes) Frequency() []float64 {
	if c == nil {
		return nil
	}
	f := make([]float64, c.entries.Cols)
	for e, j := range c.entries.Indices {
		if c.entries.Values[e] != 0 {
			f[j]++
		}
	}
	for j := range f {
		f[j] /= float64(max(c.entries.Rows, 1))
	}
	return f
}

// String says the size of the codes and how many entries they store.
func (c *Codes) String() string {
	rows, cols := c.Dims()
	entries := 0
	if c != nil {
		entries = len(c.entries.Values)
	}
	return fmt.Sprintf("codes of %d samples by %d latents, %d entries", rows, cols, entries)
}

// MarshalJSON writes the codes as JSON that a person can read and UnmarshalJSON takes:
//
//	{"latents":1000,"rows":[{"latents":[3,17],"values":[0.5,1.25]},{"latents":[],"values":[]}]}
//
// What stands for a row is what a line of a file of codes has (see package codefile). Values have as
// many digits as give the same bits when they are read. Codes that remember how their rows were
// normalised have two lists more, with a number for each row: "mean" and "spread". The error wraps
// ErrNotFinite, where a value was set to NaN or an infinity.
func (c *Codes) MarshalJSON() ([]byte, error) {
	if c == nil {
		return []byte("null"), nil
	}
	if i := c.entries.NotFiniteRow(); i >= 0 {
		return nil, fault.Errorf(ErrNotFinite, "row %d of the codes holds NaN or an infinity, which JSON cannot", i)
	}
	text := fmt.Appendf(nil, `{"latents":%d,"rows":[`, c.entries.Cols)
	for i := range c.entries.Rows {
		if i > 0 {
			text = append(text, ',')
		}
		indices, values := c.Row(i)
		text = sparse.AppendJSON(text, indices, values)
	}
	text = append(text, ']')
	if len(c.scales.Spread) > 0 {
		text = sparse.AppendFloats(append(text, `,"mean":[`...), c.scales.Mean)
		text = append(sparse.AppendFloats(append(text, `],"spread":[`...), c.scales.Spread), ']')
	}
	return append(text, '}'), nil
}

// UnmarshalJSON makes c the codes that MarshalJSON wrote. What c held is lost, but for an error,
// which wraps ErrFormat where the text is not of that form, or is one of NewCodes.
func (c *Codes) UnmarshalJSON(text []byte) error {
	var in struct {
		Latents int `json:"latents"`
		Rows    []struct {
			Latents []int32   `json:"latents"`
			Values  []float64 `json:"values"`
		} `json:"rows"`
		Mean   []float64 `json:"mean"`
		Spread []float64 `json:"spread"`
	}
	text = bytes.TrimSpace(text)
	if string(text) == "null" {
		return nil // as package json asks for
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(&in)
	switch {
	case err == nil && in.Rows == nil:
		err = fmt.Errorf("the list rows is not there")
	case err == nil && (bytes.Contains(text, []byte("null")) || d.More()):
		err = fmt.Errorf("there is null in place of a number or a list, or more than one value")
	case err == nil && (len(in.Mean) != len(in.Spread) || len(in.Mean) != 0 && len(in.Mean) != len(in.Rows)):
		err = fmt.Errorf("there are %d rows, %d numbers in mean and %d in spread", len(in.Rows), len(in.Mean), len(in.Spread))
	}
	if err != nil {
		return fault.Errorf(ErrFormat, "codes in JSON: %s", err)
	}
	indices, values := make([][]int32, len(in.Rows)), make([][]float64, len(in.Rows))
	for i := range in.Rows {
		indices[i], values[i] = in.Rows[i].Latents, in.Rows[i].Values
	}
	read := new(Codes)
	if in.Latents != 0 || len(in.Rows) > 0 { // codes of nothing have no latents
		if read, err = NewCodes(in.Latents, indices, values); err != nil {
			return err
		}
	}
	c.entries, c.scales = read.entries, normal.Scales{Mean: in.Mean, Spread: in.Spread}
	return nil
}
