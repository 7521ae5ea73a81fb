// Package codefile keeps sparse codes on disk, and hands them out by their rows, so that they need not fit
// in memory.
//
//	frozen, err := net.Freeze()
//	codes, err := codefile.Encode(frozen, rows)        // a Source that encodes as it is read
//	_, err = codefile.Write(ctx, "codes.ksc", codes, codefile.Options{})
//
//	f, err := codefile.Open("codes.ksc")               // a Source again, and so for .npz and .jsonl
//	defer f.Close()
//	var c ksparse.Codes
//	err = f.ReadCodes(&c, 1000, 2000)                  // the rows 1000 to 1999
//
// Errors of this package wrap those of package ksparse that are named beside each function, so
// errors.Is(err, ksparse.ErrFormat) works.
package codefile

import (
	"math"
	"slices"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/raw"
	"github.com/ksparse/ksparse/internal/sparse"
)

// A Source gives codes by their row: those of memory (FromCodes), of a model (Encode) or of files
// (Open).
type Source interface {
	// Dims returns the number of rows and of latents. They do not change.
	Dims() (rows, latents int)
	// ReadCodes makes dst the codes of the rows lo to hi (without hi), in the memory that it has
	// where that is large enough. What dst held is lost, also when there is an error. The same
	// range gives the same codes each time.
	ReadCodes(dst *ksparse.Codes, lo, hi int) error
}

// check returns an error unless dst can become the rows lo to hi of a source that has rows.
func check(dst *ksparse.Codes, lo, hi, rows int) error {
	if dst == nil {
		return fault.Errorf(fault.ErrEmpty, "the codes to read into are nil")
	}
	if lo < 0 || lo > hi || hi > rows {
		return fault.Errorf(fault.ErrRange, "rows %d to %d of codes that have %d", lo, hi, rows)
	}
	return nil
}

// emptied makes dst codes of no rows, and returns the memory inside.
func emptied(dst *ksparse.Codes, latents int) (*sparse.Codes, *normal.Scales) {
	to, scales := raw.Codes(dst)
	to.Clear(latents)
	scales.Mean, scales.Spread = scales.Mean[:0], scales.Spread[:0]
	return to, scales
}

// FromCodes returns a Source of codes in memory, which are not copied: leave them as they are while
// it is in use. Nil codes have no rows. ReadCodes may be called from any number of goroutines at
// once; its errors wrap ksparse.ErrRange, ksparse.ErrEmpty where dst is nil, and ksparse.ErrShape
// where it is c itself.
func FromCodes(c *ksparse.Codes) Source { return memory{c} }

// memory is a Source of codes in memory.
type memory struct{ codes *ksparse.Codes }

// Dims returns the number of rows and of latents.
func (m memory) Dims() (rows, latents int) { return m.codes.Dims() }

// ReadCodes copies the rows lo to hi to dst.
func (m memory) ReadCodes(dst *ksparse.Codes, lo, hi int) error {
	rows, latents := m.Dims()
	if err := check(dst, lo, hi, rows); err != nil {
		return err
	}
	if dst == m.codes {
		return fault.Errorf(fault.ErrShape, "the codes to read into are those that are read")
	}
	to, toScales := emptied(dst, latents)
	if lo == hi {
		return nil
	}
	from, scales := raw.Codes(m.codes)
	start, end := from.Offsets[lo], from.Offsets[hi]
	to.Rows = hi - lo
	to.Indices = append(to.Indices, from.Indices[start:end]...)
	to.Values = append(to.Values, from.Values[start:end]...)
	to.Offsets = slices.Grow(to.Offsets, hi-lo)
	for _, o := range from.Offsets[lo+1 : hi+1] {
		to.Offsets = append(to.Offsets, o-start)
	}
	if len(scales.Spread) == rows {
		toScales.Mean = append(toScales.Mean, scales.Mean[lo:hi]...)
		toScales.Spread = append(toScales.Spread, scales.Spread[lo:hi]...)
	}
	return nil
}

// Widen returns src as a Source of codes among more latents, none of which is in any of its rows: for JSON
// lines, which do not say how many latents there are. Errors wrap ksparse.ErrShape, where src has more, or
// ksparse.ErrRange.
func Widen(src Source, latents int) (Source, error) {
	if fault.IsNil(src) {
		return nil, fault.Errorf(fault.ErrEmpty, "the source of codes is nil")
	}
	switch _, has := src.Dims(); {
	case latents < 1 || latents > math.MaxInt32:
		return nil, fault.Errorf(fault.ErrRange, "codes of %d latents, want 1 to %d", latents, math.MaxInt32)
	case has == latents:
		return src, nil
	case has > latents:
		if f, isFile := src.(*File); isFile {
			return nil, f.tooWide(latents)
		}
		return nil, fault.Errorf(fault.ErrShape, "the codes have %d latents, want %d at most", has, latents)
	}
	return widened{src, latents}, nil
}

// widened is a Source of codes that count as codes of more latents.
type widened struct {
	Source
	latents int
}

// Dims returns the number of rows and of latents.
func (w widened) Dims() (rows, latents int) {
	rows, _ = w.Source.Dims()
	return rows, w.latents
}

// ReadCodes reads the rows lo to hi.
func (w widened) ReadCodes(dst *ksparse.Codes, lo, hi int) error {
	if err := w.Source.ReadCodes(dst, lo, hi); err != nil {
		return err
	}
	c, _ := raw.Codes(dst)
	c.Cols = w.latents
	return nil
}
