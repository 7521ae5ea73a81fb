package data

import (
	"math/bits"
	"math/rand/v2"
	"sort"
	"sync"
)

// choice is some of a source's rows, in their order.
type choice struct {
	part  part
	count int // of the rows
	rule  rule
	ahead bool
}

// rule says which rows are chosen.
type rule interface {
	// spans appends to s where the chosen rows lo to hi lie, counted among the chosen.
	spans(s []span, lo, hi int) []span
}

// span is the rows from to to (without to) of a source.
type span struct{ from, to int }

// choose returns the rows of p that the rule chooses, which are so many.
func choose(p part, count int, r rule) Source {
	return stillPair(&choice{p, count, r, allReadAhead(p.src)}, p.src)
}

func (c *choice) Dims() (rows, cols int) { return c.count, c.part.cols }
func (c *choice) ReadsAhead() bool       { return c.ahead }

// Origin says which row of the source the row is.
func (c *choice) Origin(row int) string {
	return origin(c.part.src, c.rule.spans(nil, row, row+1)[0].from)
}

// spansPool keeps the memory of spans from read to read.
var spansPool = sync.Pool{New: func() any { return new([]span) }}

// ReadRows reads the chosen rows lo to hi.
func (c *choice) ReadRows(dst []float64, lo, hi int) error {
	if err := checkRead(c, dst, lo, hi); err != nil || lo == hi {
		return err
	}
	s := spansPool.Get().(*[]span)
	defer spansPool.Put(s)
	*s = c.rule.spans((*s)[:0], lo, hi)
	return c.part.gather(dst, *s)
}

// bridge is how many numbers it is cheaper to read than to begin another read.
const bridge = 1024

// gather reads the rows of the spans into dst, one after the other. A short way from one span
// to the next is read as well, as far as dst has room, and then written over: so no other
// memory is needed. It changes spans.
func (p *part) gather(dst []float64, spans []span) error {
	unread := dst[0] // what the caller finds where a source does not write
	for len(spans) > 0 {
		first := spans[0].from
		end, most, n := first, first+len(dst)/p.cols, 0
		for n < len(spans) && spans[n].from < most && spans[n].from-end <= bridge/p.cols {
			end = min(spans[n].to, most)
			n++
		}
		read := (end - first) * p.cols
		if err := p.read(dst[:read], first, end); err != nil {
			return err
		}
		kept := 0
		for _, s := range spans[:n] {
			kept += copy(dst[kept:], dst[(s.from-first)*p.cols:(min(s.to, end)-first)*p.cols])
		}
		for e := kept; e < read; e++ {
			dst[e] = unread
		}
		if last := &spans[n-1]; last.to > end {
			last.from = end
			n--
		}
		dst, spans = dst[kept:], spans[n:]
	}
	return nil
}

// from chooses all rows from that one on.
type from int

func (f from) spans(s []span, lo, hi int) []span { return append(s, span{int(f) + lo, int(f) + hi}) }

// nth chooses the last one of each so many rows.
type nth int

func (n nth) spans(s []span, lo, hi int) []span {
	for i := lo; i < hi; i++ {
		s = append(s, span{(i+1)*int(n) - 1, (i + 1) * int(n)})
	}
	return s
}

// between chooses the rows that nth does not choose.
type between int

func (b between) spans(s []span, lo, hi int) []span {
	run := int(b) - 1
	for i := lo; i < hi; {
		n := min(run-i%run, hi-i)
		s = append(s, span{i + i/run, i + i/run + n})
		i += n
	}
	return s
}

// drawn chooses count of the rows at random, or the others. Of each block of rows it draws as
// many as bring what is drawn up to the block's end to its share.
type drawn struct {
	seed        uint64
	rows, count int // of the source; those that are drawn
	others      bool
}

// blockRows is how many rows a block has; the last one has what is left.
const blockRows = 1024

// upTo returns how many of the source's first rows, which end with a block, are drawn.
func (d drawn) upTo(rows int) int {
	high, low := bits.Mul64(uint64(rows), uint64(d.count))
	n, _ := bits.Div64(high, low, uint64(d.rows))
	return int(n)
}

// before returns how many rows are chosen of the blocks before that one.
func (d drawn) before(block int) int {
	rows := block * blockRows
	if d.others {
		return rows - d.upTo(rows)
	}
	return d.upTo(rows)
}

// spans draws the rows of each block anew, one after the other: of those that are left each is
// as likely (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S).
func (d drawn) spans(s []span, lo, hi int) []span {
	for next := lo; next < hi; { // each time a block that has chosen rows
		block := sort.Search((d.rows-1)/blockRows, func(b int) bool { return d.before(b+1) > next })
		row := block * blockRows
		end := row + min(blockRows, d.rows-row)
		left := d.upTo(end) - d.upTo(row)
		next = d.before(block)
		var rng rand.PCG
		rng.Seed(d.seed, uint64(block))
		for ; row < end && next < hi; row++ {
			high, _ := bits.Mul64(rng.Uint64(), uint64(end-row))
			isDrawn := int(high) < left
			if isDrawn {
				left--
			}
			if isDrawn == d.others {
				continue
			}
			if next >= lo {
				s = appendRow(s, row)
			}
			next++
		}
	}
	return s
}

// appendRow appends a row to s, to the last span where it follows it.
func appendRow(s []span, row int) []span {
	if last := len(s) - 1; last >= 0 && s[last].to == row {
		s[last].to++
		return s
	}
	return append(s, span{row, row + 1})
}
