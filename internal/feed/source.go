package feed

import (
	"context"
	"fmt"
	"math"

	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/matrix"
)

// Table is a source of samples, with the size that Check found it to have.
type Table struct {
	Rows, Cols int
	source     data.Source
	inputs     int  // the first columns; all of them where they are the targets, too
	ahead      bool // it is read by another goroutine, too: see ReadsAhead
}

// Check looks at src. It must have rows, of in columns that are inputs and targets at once. A
// data.Paired must have in inputs and out targets. Errors wrap fault.ErrEmpty or
// fault.ErrShape.
func Check(src data.Source, in, out int) (t Table, err error) {
	if fault.IsNil(src) {
		return t, fault.Errorf(fault.ErrEmpty, "the source is nil")
	}
	defer func() {
		if p := recover(); p != nil {
			err = panicked("the source's Dims", p)
		}
	}()
	rows, cols := src.Dims()
	if rows < 1 || cols < 1 {
		return t, fault.Errorf(fault.ErrEmpty, "the source has no rows (it is %d x %d)", rows, cols)
	}
	inputs := cols
	if pair, isPair := src.(data.Paired); isPair {
		switch inputs = pair.Inputs(); {
		case inputs < 1 || inputs >= cols:
			return t, fault.Errorf(fault.ErrShape, "the source has %d columns, and says that %d of them are inputs", cols, inputs)
		case inputs != in || cols-inputs != out:
			return t, fault.Errorf(fault.ErrShape, "the source has %d inputs and %d targets, want %d and %d", inputs, cols-inputs, in, out)
		}
	} else if cols != in {
		return t, fault.Errorf(fault.ErrShape, "the source has %d columns, want %d", cols, in)
	}
	ahead, says := src.(interface{ ReadsAhead() bool })
	return Table{Rows: rows, Cols: cols, source: src, inputs: inputs, ahead: says && ahead.ReadsAhead()}, nil
}

// Paired reports whether the source has targets beside its inputs.
func (t Table) Paired() bool { return t.inputs < t.Cols }

// split returns the inputs and the targets of rows of the source, in the same memory. They
// are one matrix where the rows are both.
func (t Table) split(rows matrix.Rows) (x, y matrix.Rows) {
	if !t.Paired() || rows.Rows == 0 {
		return rows, rows
	}
	x, y = rows, rows
	x.Cols, y.Cols, y.Data = t.inputs, t.Cols-t.inputs, rows.Data[t.inputs:]
	return x, y
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

// Read sets x and y, in the memory of m where that is large enough, to the inputs and targets
// of the rows lo to hi. It checks that the source is as large as it was, has written all of
// them, and that they are finite. Errors are those of the source, or wrap fault.ErrShape or
// fault.ErrNotFinite; they name the rows.
func (t Table) Read(m *matrix.Rows, lo, hi int) (x, y matrix.Rows, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(reading(lo, hi), p)
		}
	}()
	if r, c := t.source.Dims(); r != t.Rows || c != t.Cols {
		return x, y, fault.Errorf(fault.ErrShape, "the source is %d x %d now, it was %d x %d", r, c, t.Rows, t.Cols)
	}
	m.Resize(hi-lo, t.Cols)
	none := math.Float64frombits(unwritten)
	for e := range m.Data {
		m.Data[e] = none
	}
	n := len(m.Data)
	if err = t.source.ReadRows(m.Data[:n:n], lo, hi); err != nil { // a source that appends gets memory of its own
		return x, y, fault.Errorf(err, "%s: %s", reading(lo, hi), fault.Text(err))
	}
	x, y = t.split(*m)
	return x, y, t.checkRead(*m, lo, hi)
}

// checkRead checks m, the rows lo to hi.
func (t Table) checkRead(m matrix.Rows, lo, hi int) error {
	i := m.NotFiniteRow()
	if i < 0 {
		return nil
	}
	row := m.Row(i)
	j := matrix.FirstNotFinite(row)
	if math.Float64bits(row[j]) == unwritten {
		return fault.Errorf(fault.ErrNotFinite, "the source was asked for the rows %d to %d and did not write row %d, column %d%s", lo, hi, lo+i, j, t.origin(lo+i))
	}
	return fault.Errorf(fault.ErrNotFinite, "the source holds %v at row %d, column %d%s", row[j], lo+i, j, t.origin(lo+i))
}

// origin says in parentheses where the row comes from, if the source is made of others.
func (t Table) origin(row int) string {
	if o, knows := t.source.(interface{ Origin(row int) string }); knows {
		if from := o.Origin(row); from != fmt.Sprintf("row %d", row) {
			return " (" + from + ")"
		}
	}
	return ""
}

// inMemory is a Source whose rows need not be read.
type inMemory interface{ InMemory() matrix.Rows }

// Each calls f for the inputs and targets of all rows, in order, that many at a time. They are
// checked as by Read, and stay what they are until f returns. Of a source that is read ahead the
// next ones are read meanwhile. Errors are those of Read or of f.
func (t Table) Each(atOnce int, f func(lo int, x, y matrix.Rows) error) error {
	held, isHeld := t.source.(inMemory)
	var next, spare matrix.Rows
	read := func(lo int) error {
		hi := min(lo+atOnce, t.Rows)
		if isHeld {
			next = held.InMemory().Slice(lo, hi)
			return t.checkRead(next, lo, hi)
		}
		_, _, err := t.Read(&next, lo, hi)
		return err
	}
	wait := later(t.ahead, func() error { return read(0) })
	for lo := 0; lo < t.Rows; lo += atOnce {
		if err := wait(true); err != nil {
			return err
		}
		x, y := t.split(next)
		if t.ahead {
			next, spare = spare, next
		}
		if lo+atOnce < t.Rows {
			wait = later(t.ahead, func() error { return read(lo + atOnce) })
		}
		if err := f(lo, x, y); err != nil {
			wait(false)
			return err
		}
	}
	return nil
}

// Sample returns the inputs and targets of rows: of all, in order, where there are up to most or
// they are in memory anyway; else of about that many, from all parts of the source, at places that
// the seed draws.
func (t Table) Sample(most int, seed uint64) (x, y matrix.Rows, err error) {
	rows := matrix.Rows{}
	if held, isHeld := t.source.(inMemory); isHeld {
		rows = held.InMemory()
		err = t.checkRead(rows, 0, t.Rows)
	} else {
		rows, err = t.sample(context.Background(), most, seed)
	}
	if err != nil {
		return x, y, err
	}
	x, y = t.split(rows)
	return x, y, nil
}
