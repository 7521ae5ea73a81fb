package codefile

import (
	"sync"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/feed"
	"github.com/ksparse/ksparse/internal/matrix"
)

// An Encoder gives codes: a *ksparse.Frozen, which is fast, or a *ksparse.Network.
type Encoder interface {
	// In is how many numbers a row has.
	In() int
	// EncodeInto makes dst the codes of the rows of x.
	EncodeInto(dst *ksparse.Codes, x mat.Matrix) error
}

// Encode returns a Source of the codes that m gives for rows, which are encoded as they are read,
// hi-lo of them in memory at a time. It encodes the first row at once. Where rows are a data.Paired
// their inputs are encoded. ReadCodes may be called from several goroutines at once where m is a
// *ksparse.Frozen or a *ksparse.Network, and the ReadRows of rows may.
//
// Errors wrap ksparse.ErrEmpty where there are no rows, ksparse.ErrShape where they have not In
// columns, ksparse.ErrNotFinite for rows that hold NaN or an infinity, or are those of the model.
func Encode(m Encoder, rows data.Source) (Source, error) {
	if fault.IsNil(m) {
		return nil, fault.Errorf(fault.ErrEmpty, "the model that encodes is nil")
	}
	in := m.In()
	out := in
	if pair, isPair := rows.(data.Paired); isPair && !fault.IsNil(rows) {
		_, cols := rows.Dims()
		out = cols - pair.Inputs()
	}
	table, err := feed.Check(rows, in, out)
	if err != nil {
		return nil, err
	}
	e := &encoded{model: m, table: table}
	e.spare.New = func() any { return new(encoding) }
	var first ksparse.Codes
	if err := e.read(&first, 0, 1); err != nil {
		return nil, err
	}
	_, e.latents = first.Dims()
	return e, nil
}

// encoded is a Source of rows that are encoded as they are read.
type encoded struct {
	model   Encoder
	table   feed.Table
	latents int
	spare   sync.Pool // of *encoding
}

// encoding is the memory of a call of ReadCodes.
type encoding struct {
	rows matrix.Rows
	x    mat.Dense
}

// Dims returns the number of rows and of latents.
func (e *encoded) Dims() (rows, latents int) { return e.table.Rows, e.latents }

// ReadCodes encodes the rows lo to hi.
func (e *encoded) ReadCodes(dst *ksparse.Codes, lo, hi int) error {
	if err := check(dst, lo, hi, e.table.Rows); err != nil {
		return err
	}
	if lo == hi {
		emptied(dst, e.latents)
		return nil
	}
	if err := e.read(dst, lo, hi); err != nil {
		return err
	}
	if rows, latents := dst.Dims(); rows != hi-lo || latents != e.latents {
		return fault.Errorf(fault.ErrShape, "the model gave codes of %d rows by %d latents for the rows %d to %d, want %d by %d", rows, latents, lo, hi, hi-lo, e.latents)
	}
	return nil
}

// read is ReadCodes for rows that exist.
func (e *encoded) read(dst *ksparse.Codes, lo, hi int) error {
	memory := e.spare.Get().(*encoding)
	defer e.spare.Put(memory)
	x, _, err := e.table.Read(&memory.rows, lo, hi)
	if err != nil {
		return err
	}
	memory.x.SetRawMatrix(blas64.General{Rows: x.Rows, Cols: x.Cols, Stride: x.Stride, Data: x.Data})
	if err := e.model.EncodeInto(dst, &memory.x); err != nil {
		return fault.Errorf(err, "encoding the rows %d to %d: %s", lo, hi, fault.Text(err))
	}
	return nil
}
