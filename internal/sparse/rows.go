package sparse

import (
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// Rows are rows that come in one of two forms: as codes, or dense. What is computed from them is the
// same number in both forms: the kernels sum in an order in which a zero factor adds nothing.
type Rows struct {
	Codes *Codes      // nil where the rows are dense
	Dense matrix.Rows // without Data where they are codes
}

// Len returns how many rows there are.
func (r Rows) Len() int {
	if r.Codes != nil {
		return r.Codes.Rows
	}
	return r.Dense.Rows
}

// Cols returns how many numbers a row has, zeros among them.
func (r Rows) Cols() int {
	if r.Codes != nil {
		return r.Codes.Cols
	}
	return r.Dense.Cols
}

// Row returns row i as a dense row: where the rows are codes, in spare, which has room for one.
func (r Rows) Row(i int, spare []float64) []float64 {
	if r.Codes == nil {
		return r.Dense.Row(i)
	}
	r.Codes.ScatterRow(spare, i, r.Codes.Values)
	return spare
}

// lanes is in how many lanes the kernel sums along a row: see kernel, dot order.
const lanes = 8

// Squeezed returns a row with the norm of row i, to the bit, and most often shorter: of codes without
// the zeros that fill whole groups of lanes, which add nothing to a sum.
func (r Rows) Squeezed(i int, spare []float64) []float64 {
	if r.Codes == nil {
		return r.Dense.Row(i)
	}
	indices, values := r.Codes.Row(i)
	short, group := spare[:0], int32(-1)
	for e, j := range indices {
		if g := j / lanes; g != group {
			short, group = append(short, make([]float64, lanes)...), g
		}
		short[len(short)-lanes+int(j%lanes)] = values[e]
	}
	return short
}

// Spare returns room for one row where Row and Squeezed need it.
func (r Rows) Spare() []float64 {
	if r.Codes == nil {
		return nil
	}
	return make([]float64, r.Codes.Cols, r.Codes.Cols+lanes)
}

// Slice returns the rows lo to hi. They share their numbers with r; part has the rest of them where
// they are codes.
func (r Rows) Slice(lo, hi int, part *Codes) Rows {
	if r.Codes == nil {
		return Rows{Dense: r.Dense.Slice(lo, hi)}
	}
	c := r.Codes
	first, end := c.Offsets[lo], c.Offsets[hi]
	part.Rows, part.Cols = hi-lo, c.Cols
	part.Indices, part.Values = c.Indices[first:end:end], c.Values[first:end:end]
	part.Offsets = matrix.Resized(part.Offsets, hi-lo+1)
	for i := range part.Offsets {
		part.Offsets[i] = c.Offsets[lo+i] - first
	}
	return Rows{Codes: part}
}

// Empty makes r no rows, of the form and the width of like, with room for that many.
func (r *Rows) Empty(like Rows, room int) {
	if like.Codes == nil {
		r.Dense.Resize(room, like.Dense.Cols)
		r.Codes, r.Dense.Rows = nil, 0
		return
	}
	if r.Codes == nil {
		r.Codes, r.Dense = new(Codes), matrix.Rows{}
	}
	r.Codes.Clear(like.Codes.Cols)
}

// Add appends copies of the given rows of m, for which Empty has made room.
func (r *Rows) Add(m Rows, rows []int) {
	if m.Codes != nil {
		r.Codes.AppendRows(m.Codes, rows)
		return
	}
	have := r.Dense.Rows
	matrix.Gather(r.Dense.Slice(have, have+len(rows)), m.Dense, rows)
	r.Dense.Rows += len(rows)
}

// Gathered returns copies of the given rows, dense, in the memory of dst where that is large enough.
func (r Rows) Gathered(dst matrix.Rows, rows []int) matrix.Rows {
	if r.Codes == nil {
		return matrix.Gather(dst, r.Dense, rows)
	}
	dst.Resize(len(rows), r.Codes.Cols)
	for at, i := range rows {
		r.Codes.ScatterRow(dst.Row(at), i, r.Codes.Values)
	}
	return dst
}

// Spread returns at most that many rows, each as far from the next, dense. There are some rows.
func (r Rows) Spread(most int) matrix.Rows {
	if r.Codes == nil {
		return r.Dense.Spread(most)
	}
	var rows []int
	for i := 0; i < r.Len(); i += 1 + (r.Len()-1)/most {
		rows = append(rows, i)
	}
	return r.Gathered(matrix.Rows{}, rows)
}

// MaxAbs returns the largest magnitude in the rows, 0 where there is none.
func (r Rows) MaxAbs() float64 {
	if r.Codes != nil {
		return kernel.MaxAbs(r.Codes.Values)
	}
	return r.Dense.MaxAbs()
}

// RowMaxAbs returns the largest magnitude in row i.
func (r Rows) RowMaxAbs(i int) float64 {
	if r.Codes == nil {
		return kernel.MaxAbs(r.Dense.Row(i))
	}
	_, values := r.Codes.Row(i)
	return kernel.MaxAbs(values)
}

// Overlaps reports whether numbers of the rows lie in memory, which has room beyond its length, too.
func (r Rows) Overlaps(memory []float64) bool {
	memory = memory[:cap(memory)]
	if r.Codes != nil {
		return matrix.Overlap(memory, r.Codes.Values)
	}
	return matrix.Overlap(memory, r.Dense.Data)
}

// Clone returns a copy of the rows, in the same form.
func (r Rows) Clone() Rows {
	if r.Codes == nil {
		return Rows{Dense: r.Dense.Clone()}
	}
	own := new(Codes)
	own.Clear(r.Codes.Cols)
	own.Append(r.Codes)
	return Rows{Codes: own}
}
