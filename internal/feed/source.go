package feed

import (
	"context"
	"fmt"
	"math"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// Check returns the number of rows of src, which must have some, and cols columns.
// Errors wrap fault.ErrEmpty or fault.ErrShape.
func Check(src data.Source, cols int) (rows int, err error) {
	if fault.IsNil(src) {
		return 0, fault.Errorf(fault.ErrEmpty, "the source is nil")
	}
	defer func() {
		if p := recover(); p != nil {
			err = panicked("the source's Dims", p)
		}
	}()
	rows, c := src.Dims()
	if rows < 1 || c < 1 {
		return 0, fault.Errorf(fault.ErrEmpty, "the source has no rows (it is %d x %d)", rows, c)
	}
	if c != cols {
		return 0, fault.Errorf(fault.ErrShape, "the source has %d columns, want %d", c, cols)
	}
	return rows, nil
}

// panicked is the error for a method of a source that panics with p.
func panicked(what string, p any) error {
	return fault.Errorf(fault.ErrShape, "%s: it panics: %v", what, p)
}

// reading says what is under way, for errors.
func reading(lo, hi int) string {
	return fmt.Sprintf("reading the rows %d to %d of the source", lo, hi)
}

// unwritten are the bits of a NaN that no computation makes. It stands, before a
// Source reads, where the Source is to write.
const unwritten = 0x7ff8_6b73_7061_7273

// Read sets m, in its own memory where that is large enough, to the rows lo to hi of
// src, which was rows x cols when it was checked and must still be, and checks that src has
// written all of them and that they are finite. Errors are those of src, or wrap
// fault.ErrShape or fault.ErrNotFinite; they name the rows.
func Read(m *matrix.Rows, src data.Source, rows, cols, lo, hi int) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(reading(lo, hi), p)
		}
	}()
	if r, c := src.Dims(); r != rows || c != cols {
		return fault.Errorf(fault.ErrShape, "the source is %d x %d now, it was %d x %d", r, c, rows, cols)
	}
	m.Resize(hi-lo, cols)
	none := math.Float64frombits(unwritten)
	for e := range m.Data {
		m.Data[e] = none
	}
	n := len(m.Data)
	if err = src.ReadRows(m.Data[:n:n], lo, hi); err != nil { // a source that appends gets memory of its own
		return fault.Errorf(err, "%s: %s", reading(lo, hi), fault.Text(err))
	}
	return checkRead(*m, lo, hi)
}

// checkRead checks m, the rows lo to hi of a source.
func checkRead(m matrix.Rows, lo, hi int) error {
	i := m.NotFiniteRow()
	if i < 0 {
		return nil
	}
	row := m.Row(i)
	j := matrix.FirstNotFinite(row)
	if math.Float64bits(row[j]) == unwritten {
		return fault.Errorf(fault.ErrNotFinite, "the source was asked for the rows %d to %d and did not write row %d, column %d", lo, hi, lo+i, j)
	}
	return fault.Errorf(fault.ErrNotFinite, "the source holds %v at row %d, column %d", row[j], lo+i, j)
}

// inMemory is a Source whose rows need not be read.
type inMemory interface{ InMemory() matrix.Rows }

// Each calls f for the rows of src, all of them, in order, that many at a time. They are
// checked as by Read, and stay what they are until f returns. Errors are those of Read or
// of f.
func Each(src data.Source, rows, cols, atOnce int, f func(lo int, x matrix.Rows) error) (err error) {
	held, isHeld := src.(inMemory)
	var x matrix.Rows
	for lo := 0; lo < rows; lo += atOnce {
		hi := min(lo+atOnce, rows)
		if isHeld {
			x = held.InMemory().Slice(lo, hi)
			err = checkRead(x, lo, hi)
		} else {
			err = Read(&x, src, rows, cols, lo, hi)
		}
		if err == nil {
			err = f(lo, x)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Sample returns rows of src: all of them, in order, where there are up to most or they
// are in memory anyway; else about that many, from all parts of it, at places that the seed
// draws.
func Sample(src data.Source, rows, cols, most int, seed uint64) (matrix.Rows, error) {
	if held, isHeld := src.(inMemory); isHeld {
		return held.InMemory(), checkRead(held.InMemory(), 0, rows)
	}
	return sample(context.Background(), src, rows, cols, most, seed)
}
