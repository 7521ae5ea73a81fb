package screen

import (
	"math"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// block is the memory of one worker, for some rows on their way through the
// screen:
//
//  1. pack: tiles of integers and the rows' numbers;
//  2. screen: a code for every row and latent, and maxima of them;
//  3. a first threshold, about the code of the k-th best value, from the maxima;
//  4. round 1: the values of the latents that reach it, and from them the k-th best;
//  5. round 2: the values of all other latents that could still be as good;
//  6. the choice.
//
// Round 1 takes the most promising first because after it the k-th best value is
// nearly exact: only latents within one error of it remain, not within two, and round 1
// has computed most of those already. With a middle stage (middle.go) both rounds find
// intervals instead of values; step 6 begins with the values of what those leave.
//
// For EncodeAbove there are only 1, 2, one round and the choice.
type block struct {
	*call
	lo   int         // the first of its rows in the call
	rows matrix.Rows // the rows themselves

	tiles      tiles      // of step 1
	codes      codes      // of step 2
	ranges     ranges     // of codes: what a round takes of each row
	pairs      pairs      // to compute
	candidates candidates // what the rounds found
	middleRows middleRows // of the middle stage
}

var blockPool pool[block]

// A call of at most fewRows rows screens them one by one: they would leave most of
// a tile empty.
const fewRows = 4

// reset prepares b for the rows lo to hi of c.
func (b *block) reset(c *call, lo, hi int) {
	b.call, b.lo, b.rows = c, lo, c.x.Slice(lo, hi)
	n := hi - lo
	b.tiles.reset(n, c.packed, c.x.Rows <= fewRows)
	b.codes.reset(len(b.tiles.numbers), c.packed.panels, c.groups)
	b.ranges.reset(n)
	b.pairs.reset()
	b.candidates.reset(n, c.room, c.middle != nil)
	if c.middle != nil {
		b.middleRows.reset(n, c.middle.stride)
	}
}

// pack quantises the rows.
func (b *block) pack() {
	for i := range b.rows.Rows {
		x := b.rows.Row(i)
		dst, stride := b.tiles.row(i)
		unit, norm := b.packRow(dst, stride, &b.tiles.numbers[i], x, b.tiles.clean)
		b.ranges.unit[i] = unit
		if unit == 0 {
			b.ranges.giveUp(i)
			continue
		}
		b.tiles.complete(i)
		if b.middle != nil {
			b.middleRows.pack(i, x, norm)
		}
	}
}

// screen computes the codes of the groups lo to hi of panels.
func (b *block) screen(lo, hi int) {
	p := b.packed
	for g := lo; g < hi; g++ {
		lanes, stride := b.codes.group(g)
		for panel := g * p.panels / b.groups; panel < (g+1)*p.panels/b.groups; panel++ {
			w := p.bytes[panel*p.panelBytes() : (panel+1)*p.panelBytes()]
			numbers, columns := &b.biases.numbers[panel], b.outliers.panel(panel)
			codes := b.codes.panel(panel)
			if !b.tiles.single {
				kernel.ScreenTiles(codes, lanes, stride, b.tiles.bytes, b.tiles.numbers, w, p.grid, numbers, columns)
				continue
			}
			for i := range b.rows.Rows {
				row, _ := b.tiles.row(i)
				kernel.ScreenOne(codes[i*kernel.ScreenLatents:], lanes[i*stride:], row, &b.tiles.numbers[i], w, p.grid, numbers, columns)
			}
		}
	}
}

// finish takes the block from its codes to its results.
func (b *block) finish() {
	candidates := 0
	if b.threshold != nil {
		candidates = b.above()
	} else {
		candidates = b.largest()
	}
	b.candidateCount.Add(int64(candidates))
	b.unscreened.add(b.lo, b.ranges.givenUp)
	b.call = nil
}

// largest does the steps 3 to 6. It returns the number of candidates of all rows that
// were not given up.
func (b *block) largest() (candidates int) {
	for i := range b.rows.Rows {
		if b.ranges.open(i) {
			b.ranges.set(i, b.firstThreshold(i), math.MaxInt16)
		}
	}
	b.round()
	b.candidates.endFirst()
	for i := range b.rows.Rows {
		if b.ranges.open(i) {
			b.secondThreshold(i)
		}
	}
	b.round()
	b.candidates.endLast()
	if b.middle != nil {
		b.refine()
	}
	for i := range b.rows.Rows {
		if b.ranges.open(i) && b.choose(i) {
			candidates += b.candidates.tried[i]
		}
	}
	return candidates
}

// above is largest for an EncodeAbove: one round and the choice.
func (b *block) above() (candidates int) {
	for i := range b.rows.Rows {
		if b.ranges.open(i) {
			b.ranges.set(i, 1, math.MaxInt16)
		}
	}
	b.round()
	b.candidates.endLast()
	if b.middle != nil {
		b.refine()
	}
	part := b.found.Part()
	for i := range b.rows.Rows {
		if !b.ranges.open(i) {
			continue
		}
		candidates += b.candidates.tried[i]
		idx, pre := b.candidates.row(i)
		n := 0
		for t, j := range idx {
			if pre[t] > b.threshold[j] {
				idx[n], pre[n] = j, pre[t]
				n++
			}
		}
		part.Add(b.lo+i, idx[:n], pre[:n])
	}
	return candidates
}
