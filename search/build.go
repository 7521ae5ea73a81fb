package search

import (
	"context"
	"math"
	"slices"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/codefile"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/raw"
)

// readRows is how many rows are read at a time.
const readRows = 4096

// Build makes an index of codes, in memory. Row i gets the ID i. The result is the same whatever the number
// of processors. ctx stops it; nil does not.
//
// Errors wrap ksparse.ErrEmpty where there are no rows, ksparse.ErrRange for values above 1e150 in magnitude or more
// than 16,777,216 latents, ksparse.ErrShape where rows do not go together; or are those of ctx or the source.
func Build(ctx context.Context, codes codefile.Source, o Options) (*Index, error) {
	if fault.IsNil(codes) {
		return nil, fault.Errorf(fault.ErrEmpty, "the codes to index are nil")
	}
	_, latents := codes.Dims()
	if latents < 1 || latents > maxLatents {
		return nil, fault.Errorf(fault.ErrRange, "an index of codes with %d latents, want 1 to %d", latents, maxLatents)
	}
	empty := &Index{latents: latents, origin: new(origin)}
	return empty.Add(ctx, codes, o)
}

// Add returns an index with further rows, in a segment of their own. x stays as it is. Their IDs go on where
// those before ended. Errors are those of Build.
func (x *Index) Add(ctx context.Context, codes codefile.Source, o Options) (_ *Index, err error) {
	faults, err := x.begin()
	if err != nil {
		return nil, err
	}
	defer x.end(faults, &err)
	f, err := x.read(ctx, codes, o.Progress)
	if err != nil {
		return nil, err
	}
	s := &segment{ids: make([]int64, f.rows()), codes: f}
	for i := range s.ids {
		s.ids[i] = x.next + int64(i)
	}
	s.postings = newPostings(&s.codes, x.latents, nil)
	dense, err := x.addDense(ctx, s, o)
	if err != nil {
		return nil, err
	}
	parts := append(slices.Clone(x.parts), part{segment: s})
	y, err := newIndex(x.latents, f.mean != nil, x.next+int64(len(s.ids)), parts)
	if err == nil {
		y.origin = x.origin
		y.setDense(dense)
	}
	return y, err
}

// read reads the codes that are added to x.
func (x *Index) read(ctx context.Context, codes codefile.Source, progress func(done, rows int)) (forward, error) {
	f := forward{offsets: []int64{0}}
	if fault.IsNil(codes) {
		return f, fault.Errorf(fault.ErrEmpty, "the codes to index are nil")
	}
	rows, latents := codes.Dims()
	if rows < 1 {
		return f, fault.Errorf(fault.ErrEmpty, "there are no codes to index")
	}
	if latents != x.latents {
		return f, fault.Errorf(fault.ErrShape, "codes of %d latents are added to an index of %d", latents, x.latents)
	}
	if rows > maxRows-x.stored() || x.next > math.MaxInt64-int64(rows) {
		return f, fault.Errorf(fault.ErrRange, "%d rows are added to an index of %d, want at most %d together", rows, x.stored(), maxRows)
	}
	f.offsets = slices.Grow(f.offsets, rows)
	var buffer ksparse.Codes
	scaled := x.scaled
	for lo := 0; lo < rows; lo += readRows {
		if err := stopped(ctx); err != nil {
			return f, err
		}
		hi := min(lo+readRows, rows)
		if err := codes.ReadCodes(&buffer, lo, hi); err != nil {
			return f, fault.Errorf(err, "reading the codes to index, rows %d to %d: %s", lo, hi, fault.Text(err))
		}
		c, scales := raw.Codes(&buffer)
		if c.Rows != hi-lo {
			return f, fault.Errorf(fault.ErrShape, "the codes to index: %d rows were read, want rows %d to %d", c.Rows, lo, hi)
		}
		if lo == 0 {
			if len(x.parts) == 0 {
				scaled = len(scales.Spread) > 0
			}
			f.reserve(rows, c.Offsets[c.Rows]-c.Offsets[0], c.Rows)
		}
		if err := f.append(c, scales, latents, scaled); err != nil {
			return f, err
		}
		if progress != nil {
			progress(hi, rows)
		}
	}
	return f, nil
}

// reserve makes room for rows, of which some have so many entries.
func (f *forward) reserve(rows, entries, some int) {
	n := int(1.02*float64(entries)/float64(some)*float64(rows)) + 64
	f.latents, f.values = slices.Grow(f.latents, n), slices.Grow(f.values, n)
}

// stopped returns why ctx ended, nil where it has not.
func stopped(ctx context.Context) error {
	if ctx == nil {
		return nil
	}
	return context.Cause(ctx)
}
