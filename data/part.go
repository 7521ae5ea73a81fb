package data

import (
	"fmt"

	"github.com/ksparse/ksparse/internal/fault"
)

// part is a source that another one is made of.
type part struct {
	src        Source
	name       string // in errors
	rows, cols int    // its size, which must not change
	inputs     int    // of a pair: columns that are inputs; else 0
}

// newPart looks at src. Errors call it name, and wrap fault.ErrEmpty or fault.ErrShape.
func newPart(name string, src Source) (p part, err error) {
	if fault.IsNil(src) {
		return p, fault.Errorf(fault.ErrEmpty, "%s is nil", name)
	}
	defer func() {
		if v := recover(); v != nil {
			err = fault.Errorf(fault.ErrShape, "%s: its Dims panics: %v", name, v)
		}
	}()
	p = part{src: src, name: name}
	if p.rows, p.cols = src.Dims(); p.rows < 1 || p.cols < 1 {
		return p, fault.Errorf(fault.ErrEmpty, "%s has no rows (it is %d x %d)", name, p.rows, p.cols)
	}
	if pair, isPair := src.(Paired); isPair {
		if p.inputs = pair.Inputs(); p.inputs < 1 || p.inputs >= p.cols {
			return p, fault.Errorf(fault.ErrShape, "%s has %d columns and says that %d of them are inputs", name, p.cols, p.inputs)
		}
	}
	return p, nil
}

// read reads the rows lo to hi of the source.
func (p *part) read(dst []float64, lo, hi int) error {
	if rows, cols := p.src.Dims(); rows != p.rows || cols != p.cols {
		return fault.Errorf(fault.ErrShape, "%s is %d x %d now, it was %d x %d", p.name, rows, cols, p.rows, p.cols)
	}
	n := len(dst)
	if err := p.src.ReadRows(dst[:n:n], lo, hi); err != nil { // a source that appends gets memory of its own
		return fault.Errorf(err, "rows %d to %d of %s: %s", lo, hi, p.name, fault.Text(err))
	}
	return nil
}

// combined is what a source of this package has that is made of others.
type combined interface {
	Source
	// ReadsAhead reports whether training reads ahead: see Prefetch.
	ReadsAhead() bool
	// Origin says in words where a row comes from, for errors.
	Origin(row int) string
}

// stillPair returns c as a pair, where src is one that has c's columns.
func stillPair(c combined, src Source) Source {
	if pair, isPair := src.(Paired); isPair {
		return pairOf{c, pair}
	}
	return c
}

// pairOf is what is made of pairs.
type pairOf struct {
	combined
	pair Paired
}

// Inputs returns how many of the columns are inputs.
func (p pairOf) Inputs() int { return p.pair.Inputs() }

// origin says in words which row of src it is, or of what src is made of.
func origin(src Source, row int) string {
	if o, knows := src.(interface{ Origin(row int) string }); knows {
		return o.Origin(row)
	}
	return fmt.Sprintf("row %d", row)
}

// allReadAhead reports whether a source that is made of these may be read by several
// goroutines at once, and is worth it: not all of them are in memory.
func allReadAhead(sources ...Source) bool {
	worth := false
	for _, src := range sources {
		switch s := src.(type) {
		case matrixSource, float32Source:
		case interface{ ReadsAhead() bool }:
			if !s.ReadsAhead() {
				return false
			}
			worth = true
		default:
			return false
		}
	}
	return worth
}
