package data

import (
	"fmt"
	"math"
	"math/bits"
	"sort"

	"github.com/ksparse/ksparse/internal/fault"
)

// Concat returns the rows of the sources, one source after the other: as many columns as each
// of them has, and as many rows as all together. Pairs (see Pair) give a pair. A read that
// goes from one source into the next takes one read of each.
//
// Errors wrap ksparse.ErrEmpty (no sources, or one that is nil or has no rows),
// ksparse.ErrShape (other columns than the first source has, or a pair among sources that are
// none) or ksparse.ErrRange (more rows than an int counts). Errors of a read name the source,
// counted from 1, and its rows.
func Concat(sources ...Source) (Source, error) {
	if len(sources) == 0 {
		return nil, fault.Errorf(fault.ErrEmpty, "Concat was given no sources")
	}
	c := &concat{parts: make([]part, len(sources)), starts: make([]int, len(sources)+1)}
	for i, src := range sources {
		p, err := newPart(fmt.Sprintf("source %d of %d", i+1, len(sources)), src)
		if err != nil {
			return nil, err
		}
		switch first := c.parts[0]; {
		case i > 0 && p.cols != first.cols:
			return nil, fault.Errorf(fault.ErrShape, "%s has %d columns, the first one has %d", p.name, p.cols, first.cols)
		case i > 0 && p.inputs != first.inputs:
			return nil, fault.Errorf(fault.ErrShape, "%s has %d inputs beside its targets, the first one has %d: see Pair", p.name, p.inputs, first.inputs)
		case p.rows > math.MaxInt-c.starts[i]:
			return nil, fault.Errorf(fault.ErrRange, "the %d sources of Concat have more rows than can be counted", len(sources))
		}
		c.parts[i], c.starts[i+1] = p, c.starts[i]+p.rows
	}
	c.ahead = allReadAhead(sources...)
	return stillPair(c, sources[0]), nil
}

// concat is sources one after the other.
type concat struct {
	parts  []part
	starts []int // the first row of each, and how many rows there are
	ahead  bool
}

func (c *concat) Dims() (rows, cols int) { return c.starts[len(c.parts)], c.parts[0].cols }
func (c *concat) ReadsAhead() bool       { return c.ahead }

// find returns the number of the source that has the row.
func (c *concat) find(row int) int { return sort.SearchInts(c.starts, row+1) - 1 }

// Origin says which row of which source the row is.
func (c *concat) Origin(row int) string {
	i := c.find(row)
	return origin(c.parts[i].src, row-c.starts[i]) + " of " + c.parts[i].name
}

// ReadRows reads the rows lo to hi, source by source.
func (c *concat) ReadRows(dst []float64, lo, hi int) error {
	if err := checkRead(c, dst, lo, hi); err != nil {
		return err
	}
	for i := c.find(lo); lo < hi; i++ {
		p, start := &c.parts[i], c.starts[i]
		end := min(hi, c.starts[i+1])
		n := (end - lo) * p.cols
		if err := p.read(dst[:n], lo-start, end-start); err != nil {
			return err
		}
		dst, lo = dst[n:], end
	}
	return nil
}

// Range returns the rows lo to hi (without hi) of src, at least one. Of a matrix in memory
// nothing is copied. Errors wrap ksparse.ErrEmpty or ksparse.ErrRange.
func Range(src Source, lo, hi int) (Source, error) {
	p, err := newPart("the source of Range", src)
	if err != nil {
		return nil, err
	}
	if lo < 0 || lo >= hi || hi > p.rows {
		return nil, fault.Errorf(fault.ErrRange, "Range was asked for the rows %d to %d of a source that has %d", lo, hi, p.rows)
	}
	if held, isHeld := src.(matrixSource); isHeld {
		return matrixSource{held.x.Slice(lo, hi)}, nil
	}
	return choose(p, hi-lo, from(lo)), nil
}

// HoldOut divides src: every n-th row is held out, n being every, and rest has the others.
// So held has the rows n-1, 2n-1 and so on, counted from 0, and rest does not depend on
// chance. Both keep the order of src. It suits rows that have no period; else use Split.
//
// Neither takes memory. Rows that are left out are read, and written over, where that is
// cheaper than to read around them. Errors wrap ksparse.ErrEmpty, or ksparse.ErrRange unless
// every is 2 or more and src has that many rows.
func HoldOut(src Source, every int) (rest, held Source, err error) {
	p, err := newPart("the source of HoldOut", src)
	if err != nil {
		return nil, nil, err
	}
	if every < 2 || every > p.rows {
		return nil, nil, fault.Errorf(fault.ErrRange, "HoldOut was asked to hold out every row of each %d of a source that has %d, want 2 to as many as there are", every, p.rows)
	}
	out := p.rows / every
	rest = choose(p, p.rows-out, between(every))
	if m, isHeld := src.(matrixSource); isHeld {
		x := m.x.Slice(every-1, p.rows)
		x.Rows, x.Stride = out, x.Stride*every
		return rest, matrixSource{x}, nil
	}
	return rest, choose(p, out, nth(every)), nil
}

// Split divides src at random: part has that share of the rows, rounded, at least one and not
// all, and rest has the others. Both keep the order of src. The seed draws the rows.
//
// Of each 1024 rows that follow one another part gets the share, up to rounding: so it is as
// large as it should be and comes from everywhere in src. Neither takes memory: which rows of
// such a block are drawn is computed for each read, in some microseconds. The rows go by the
// seed, the share and the number of rows alone, and are the same on every machine.
//
// Errors wrap ksparse.ErrEmpty, or ksparse.ErrRange unless share lies between 0 and 1, both
// excluded, and src has 2 rows or more.
func Split(src Source, share float64, seed uint64) (rest, part Source, err error) {
	p, err := newPart("the source of Split", src)
	if err != nil {
		return nil, nil, err
	}
	if !(share > 0 && share < 1) {
		return nil, nil, fault.Errorf(fault.ErrRange, "Split was asked for a share of %v, want a number between 0 and 1", share)
	}
	if p.rows < 2 {
		return nil, nil, fault.Errorf(fault.ErrRange, "Split was given a source of 1 row, which cannot be divided")
	}
	d := drawn{seed: seed, rows: p.rows, count: max(1, min(shareOf(share, p.rows), p.rows-1))}
	part = choose(p, d.count, d)
	d.others = true
	return choose(p, p.rows-d.count, d), part, nil
}

// Sample returns n rows of src, at random places that the seed draws, in the order of src. It
// draws as Split does. Errors wrap ksparse.ErrEmpty, or ksparse.ErrRange unless n is 1 to the
// number of rows.
func Sample(src Source, n int, seed uint64) (Source, error) {
	p, err := newPart("the source of Sample", src)
	if err != nil {
		return nil, err
	}
	if n < 1 || n > p.rows {
		return nil, fault.Errorf(fault.ErrRange, "Sample was asked for %d rows of a source that has %d", n, p.rows)
	}
	return choose(p, n, drawn{seed: seed, rows: p.rows, count: n}), nil
}

// shareOf returns the share, which lies between 0 and 1, of so many rows. It is rounded once,
// and computed in integers.
func shareOf(share float64, rows int) int {
	fraction, exponent := math.Frexp(share) // 2^53 times the fraction is an integer
	high, low := bits.Mul64(uint64(math.Ldexp(fraction, 53)), uint64(rows))
	twice := uint64(0)
	if shift := uint(52 - exponent); shift < 64 { // 52 at least, so nothing of high is lost
		twice = high<<(64-shift) | low>>shift
	} else {
		twice = high >> (shift - 64)
	}
	return int((twice + 1) / 2)
}
