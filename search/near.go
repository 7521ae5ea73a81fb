package search

import (
	"context"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
	"github.com/ksparse/ksparse/internal/parallel"
)

// near is what a segment has beside its codes to answer Nearest. Row i of each slice belongs to row i of the
// codes.
type near struct {
	cols     int
	rows     []float32 // as they were given, in float32
	norms    []float64 // of rows
	bytes    []uint8   // rows in bytes, byteStride(cols) of them each: see kernel.DotBytes
	units    []float32 // what a product with the bytes of a row is multiplied by, so that rows can be compared by cosine
	scales   []float64 // 1 over the norm of the reconstruction without bias; 0 where there is none
	postings postings  // of the values times scales
}

// byteStride returns how many bytes a row of so many numbers takes.
func byteStride(cols int) int {
	return (cols + kernel.BytesLine - 1) / kernel.BytesLine * kernel.BytesLine
}

// levels is what stands for the largest number of a row in bytes.
const levels = 127

// mostScale is the most that a scale counts for: products with values stay in range.
const mostScale = 0x1p400

// leastNumber is the smallest magnitude that counts as more than nothing where numbers are put into bytes.
const leastNumber = 0x1p-1000

// toBytes puts x into bytes: each number over the largest magnitude, times levels, rounded, plus zero. It returns
// that magnitude over levels: the unit of the bytes. Numbers that are all zero, or next to it, give zeros.
func toBytes(dst []uint8, x []float64, zero uint8) (unit float64) {
	largest := kernel.MaxAbs(x)
	if largest < leastNumber {
		for i := range dst {
			dst[i] = zero
		}
		return 0
	}
	kernel.Quantise(dst, 4, x, levels/largest, zero)
	return largest / levels
}

// newNear reads the rows whose codes are f and prepares them. d has the decoder that made sense of the codes.
func newNear(ctx context.Context, f *forward, latents int, src data.Source, d *decoder) (*near, error) {
	n, cols := src.Dims()
	if n != f.rows() {
		return nil, fault.Errorf(fault.ErrShape, "%d rows come with %d codes", n, f.rows())
	}
	if cols != d.cols {
		return nil, fault.Errorf(fault.ErrShape, "rows of %d numbers, the model takes %d", cols, d.cols)
	}
	if cols > kernel.MaxBytes || n > matrix.MaxNumbers/byteStride(cols) {
		return nil, fault.Errorf(fault.ErrRange, "%d rows of %d numbers, want at most %d numbers a row and %d together", n, cols, kernel.MaxBytes, matrix.MaxNumbers)
	}
	s := &near{
		cols: cols, rows: make([]float32, n*cols), norms: make([]float64, n),
		bytes: make([]uint8, n*byteStride(cols)), units: make([]float32, n), scales: make([]float64, n),
	}
	buffer := make([]float64, min(n, readRows)*cols)
	for lo := 0; lo < n; lo += readRows {
		if err := stopped(ctx); err != nil {
			return nil, err
		}
		hi := min(lo+readRows, n)
		if err := src.ReadRows(buffer[:(hi-lo)*cols], lo, hi); err != nil {
			return nil, fault.Errorf(err, "reading the rows to index, rows %d to %d: %s", lo, hi, fault.Text(err))
		}
		if err := s.take(buffer[:(hi-lo)*cols], lo); err != nil {
			return nil, err
		}
		s.reconstruct(f, d, lo, hi)
	}
	s.postings = newPostings(f, latents, s.scales)
	return s, nil
}

// take takes rows from row lo on.
func (s *near) take(rows []float64, lo int) error {
	if i := matrix.FirstNotFinite(rows); i >= 0 {
		return fault.Errorf(fault.ErrNotFinite, "row %d holds %v at %d", lo+i/s.cols, rows[i], i%s.cols)
	}
	narrow := s.rows[lo*s.cols:][:len(rows)]
	for i, v := range rows {
		narrow[i] = float32(v)
	}
	if i := matrix.FirstNotFinite(narrow); i >= 0 {
		return fault.Errorf(fault.ErrRange, "row %d holds %v at %d, which is too large for float32", lo+i/s.cols, rows[i], i%s.cols)
	}
	matrix.Widen(rows, narrow) // what is searched
	stride := byteStride(s.cols)
	parallel.For(len(rows)/s.cols, matrix.RowGrain(8*s.cols), func(_, from, to int) {
		for i := from; i < to; i++ {
			row, at := rows[i*s.cols:][:s.cols], lo+i
			norm := matrix.Norm(row)
			unit := toBytes(s.bytes[at*stride:][:stride], row, kernel.BytesZero)
			if s.norms[at] = norm; norm > 0 {
				s.units[at] = float32(unit / norm)
			}
		}
	})
	return nil
}

// reconstruct sets the scales of rows lo to hi.
func (s *near) reconstruct(f *forward, d *decoder, lo, hi int) {
	const together = 64 // rows
	chunks := (hi - lo + together - 1) / together
	type memory struct {
		sums    []float64
		offsets []int
	}
	workers := parallel.Workers(chunks, 1)
	memories := make([]memory, workers)
	parallel.ForWorkers(workers, chunks, 1, func(worker, from, to int) {
		m := &memories[worker]
		m.sums, m.offsets = matrix.Resized(m.sums, together*d.cols), matrix.Resized(m.offsets, together+1)
		for c := from; c < to; c++ {
			first := lo + c*together
			rows := min(together, hi-first)
			base := f.offsets[first]
			for i := range rows + 1 {
				m.offsets[i] = int(f.offsets[first+i] - base)
			}
			end := f.offsets[first+rows]
			clear(m.sums)
			kernel.AddRowsBatch32(m.sums, d.cols, d.cols, m.offsets[:rows+1], f.values[base:end], d.atoms, d.cols, f.latents[base:end])
			for i := range rows {
				if scale := 1 / matrix.Norm(m.sums[i*d.cols:][:d.cols]); scale <= mostScale {
					s.scales[first+i] = scale
				}
			}
		}
	})
}

// signed reports whether a value of the codes is negative.
func (f *forward) signed() bool {
	for _, v := range f.values {
		if v < 0 {
			return true
		}
	}
	return false
}

// size returns how many bytes the segment takes for Nearest.
func (s *near) size() int64 {
	if s == nil {
		return 0
	}
	return 4*int64(len(s.rows)+len(s.units)) + 8*int64(len(s.norms)+len(s.scales)) + int64(len(s.bytes)) + s.postings.size()
}

// appendRow appends row i of g.
func (s *near) appendRow(g *near, i int) {
	stride := byteStride(g.cols)
	s.rows = append(s.rows, g.rows[i*g.cols:][:g.cols]...)
	s.bytes = append(s.bytes, g.bytes[i*stride:][:stride]...)
	s.norms, s.units, s.scales = append(s.norms, g.norms[i]), append(s.units, g.units[i]), append(s.scales, g.scales[i])
}

// emptyNear returns what has room for so many rows like those of x; nil where x has codes alone.
func (x *Index) emptyNear(rows int) *near {
	if x.dense == nil {
		return nil
	}
	cols := x.dense.cols
	return &near{
		cols: cols, rows: make([]float32, 0, rows*cols), norms: make([]float64, 0, rows),
		bytes: make([]uint8, 0, rows*byteStride(cols)), units: make([]float32, 0, rows), scales: make([]float64, 0, rows),
	}
}

// addDense prepares the rows of a segment that is added to x, and returns what the new index has to answer Nearest.
func (x *Index) addDense(ctx context.Context, s *segment, o Options) (*dense, error) {
	if fault.IsNil(o.Rows) {
		if x.dense != nil && len(x.parts) > 0 {
			return nil, fault.Errorf(fault.ErrShape, "the index has rows beside codes: Options.Rows and Options.Model must be there for those that are added")
		}
		return nil, nil
	}
	fresh := len(x.parts) == 0
	if x.dense == nil && !fresh {
		return nil, fault.Errorf(fault.ErrShape, "the index has codes alone: Options.Rows must be nil for those that are added")
	}
	if fault.IsNil(o.Model) {
		return nil, fault.Errorf(fault.ErrEmpty, "Options.Rows needs Options.Model, which encoded them")
	}
	if cols := o.Model.In(); !fresh && cols != x.dense.cols {
		return nil, fault.Errorf(fault.ErrShape, "the model takes rows of %d numbers, those of the index have %d", cols, x.dense.cols)
	}
	if err := checkModel(&s.codes, o); err != nil {
		return nil, err
	}
	d, err := newDecoder(o.Model, x.latents)
	if err != nil {
		return nil, err
	}
	if sum := d.sum(); !fresh && sum != x.dense.decoder {
		return nil, fault.Errorf(fault.ErrShape, "Options.Model has another decoder than the model with which the index was built: rows are added with the same model")
	}
	if s.near, err = newNear(ctx, &s.codes, x.latents, o.Rows, d); err != nil {
		return nil, err
	}
	if !fresh {
		y := *x.dense
		y.model, y.signed = o.Model, y.signed || s.codes.signed()
		return &y, nil
	}
	y := &dense{cols: d.cols, decoder: d.sum(), model: o.Model, signed: s.codes.signed(), ladder: ladderCode}
	if s.codes.mean == nil {
		if y.atoms = newAtoms(d); y.atoms != nil {
			y.ladder = ladderAtoms
		}
	}
	return y, nil
}

// setDense sets what x has to answer Nearest, for the parts that it has.
func (x *Index) setDense(d *dense) {
	x.dense = d
	if d == nil {
		return
	}
	x.usual = x.usualNorm()
	if d.atoms == nil || x.nearest == nil {
		return
	}
	x.asking = make([]float64, x.latents)
	for j, unit := range d.atoms.units {
		if x.nearest[j] > 0 {
			x.asking[j] = float64(unit)
		}
	}
}

// usualNorm returns the median of the norms of the rows that are not all zeros: of about 65,536 of them, where there are more.
func (x *Index) usualNorm() float64 {
	every := x.stored()>>16 + 1
	var norms []float64
	for i := range x.parts {
		p := &x.parts[i]
		for row := (every - p.first%every) % every; row < len(p.ids); row += every {
			if norm := p.near.norms[row]; norm > 0 {
				norms = append(norms, norm)
			}
		}
	}
	if len(norms) == 0 {
		return 1
	}
	return kernel.KthLargest(norms, (len(norms)+1)/2)
}

// addNear counts a segment among the parts of x.
func (x *Index) addNear(s *near) {
	if s == nil {
		return
	}
	if x.nearest == nil {
		x.nearest = make([]float64, x.latents)
	}
	for j, m := range s.postings.largest {
		x.nearest[j] = max(x.nearest[j], m)
	}
}
