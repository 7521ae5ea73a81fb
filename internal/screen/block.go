package screen

import (
	"math"
	"math/bits"

	"github.com/ksparse/ksparse/internal/kernel"
)

// block is the memory of one worker, for some rows on their way through the
// screen:
//
//  1. pack: int8 tiles and the rows' numbers;
//  2. screen: a code for every row and latent, and maxima of them;
//  3. a first threshold, which at least k codes reach, from the maxima;
//  4. round 1: the values of those that reach it, and from them the k-th best;
//  5. round 2: the values of all others that could still be as good;
//  6. the choice.
//
// Round 1 takes the most promising first because after it the k-th best value is
// nearly exact: only latents within one error of it remain, not within two.
type block struct {
	*call
	lo, rows int  // of the call's rows
	few      bool // rows one by one, not in tiles
	padded   int  // rows with those that fill the last tile

	tiles   []uint8
	numbers []kernel.ScreenRow
	codes   []int16 // panel after panel, a row's 32 codes after those of the row before
	lanes   []int16 // of each row: the largest code in each lane of each group of panels
	clean   []float64

	unit      []float64 // the value of one code; 0 for a row that is left to the plain path
	low, high []int16   // codes that a round is after
	masks     []uint32

	// Candidates of row i from i*list on, ascending by latent within each round.
	idx   []int32
	pre   []float64
	first []int // their number after round 1
	count []int // and now

	pairs  []kernel.Pair
	dots   []float64
	values []float64 // of one row's candidates
	sorted []float64

	plain []int32
}

var blockPool pool[block]

// chunk is how many pairs are collected before their products are computed: those
// are slow to begin with while the memory that they need is on its way, and a loop
// of nothing else keeps more of it on the way.
const chunk = 512

func (b *block) reset(c *call, lo, hi int) {
	b.call, b.lo, b.rows = c, lo, hi-lo
	b.few = c.x.Rows <= fewRows
	b.padded = b.rows
	if !b.few {
		b.padded = (b.rows + kernel.ScreenRows - 1) / kernel.ScreenRows * kernel.ScreenRows
	}
	n := b.padded
	b.tiles = grownAligned(b.tiles, n*4*c.packed.groups)
	b.numbers = grown(b.numbers, n)
	b.codes = grownAligned(b.codes, c.packed.panels*n*kernel.ScreenLatents)
	b.lanes = grownAligned(b.lanes, n*b.laneStride())
	b.clean = grown(b.clean, c.x.Cols)
	b.unit = grown(b.unit, n)
	b.low, b.high, b.masks = grown(b.low, n), grown(b.high, n), grown(b.masks, n)
	b.idx, b.pre = grown(b.idx, b.rows*c.list), grown(b.pre, b.rows*c.list)
	b.first, b.count = grown(b.first, b.rows), grown(b.count, b.rows)
	b.pairs = b.pairs[:0]
	b.dots = grown(b.dots, chunk)
	b.plain = b.plain[:0]
}

// laneStride is the distance between two rows of lanes. A power of two would put
// them all in one set of the cache.
func (b *block) laneStride() int { return (b.groups + 1) * kernel.ScreenLatents }

// pack quantises the rows.
func (b *block) pack() {
	clear(b.numbers)
	for i := range b.lanes {
		b.lanes[i] = math.MinInt16
	}
	stride := 4 * kernel.ScreenRows
	if b.few {
		stride = 4
	}
	for i := range b.rows {
		b.unit[i] = b.packRow(b.tile(i), stride, &b.numbers[i], b.x.Row(b.lo+i), b.clean)
		b.first[i], b.count[i] = 0, 0
		if b.unit[i] == 0 {
			b.giveUp(i)
		}
	}
}

// tile returns the bytes of row i, to the end of its tile.
func (b *block) tile(i int) []uint8 {
	groups := b.packed.groups
	if b.few {
		return b.tiles[i*4*groups : (i+1)*4*groups]
	}
	t := i / kernel.ScreenRows
	size := 4 * kernel.ScreenRows * groups
	return b.tiles[t*size : (t+1)*size][i%kernel.ScreenRows*4:]
}

// giveUp leaves row i to the plain path.
func (b *block) giveUp(i int) {
	b.unit[i] = 0
	b.low[i], b.high[i] = math.MaxInt16, math.MinInt16
	b.plain = append(b.plain, int32(b.lo+i))
}

// screen computes the codes of the groups lo to hi of panels.
func (b *block) screen(lo, hi int) {
	p := b.packed
	for g := lo; g < hi; g++ {
		for panel := g * p.panels / b.groups; panel < (g+1)*p.panels/b.groups; panel++ {
			w := p.bytes[panel*p.panelBytes() : (panel+1)*p.panelBytes()]
			numbers, columns := &p.numbers[panel], b.outliers.panel(panel)
			codes := b.codesOf(panel)
			lanes := b.lanes[g*kernel.ScreenLatents:]
			stride := b.laneStride()
			if b.few {
				for i := range b.rows {
					kernel.ScreenOne(codes[i*kernel.ScreenLatents:], lanes[i*stride:], b.tile(i), &b.numbers[i], w, numbers, columns)
				}
				continue
			}
			for i := 0; i < b.padded; i += kernel.ScreenRows {
				kernel.ScreenTile(codes[i*kernel.ScreenLatents:], lanes[i*stride:], stride, b.tile(i), b.numbers[i:], w, numbers, columns)
			}
		}
	}
}

func (b *block) codesOf(panel int) []int16 {
	n := b.padded * kernel.ScreenLatents
	return b.codes[panel*n : (panel+1)*n]
}

// finish takes the block from its codes to its results.
func (b *block) finish() {
	stride := b.laneStride()
	for i := range b.rows {
		if b.unit[i] == 0 {
			continue
		}
		t := kernel.ScreenKth(b.lanes[i*stride:][:b.groups*kernel.ScreenLatents], b.k)
		b.low[i], b.high[i] = max(t, b.above(b.unit[i], b.floor)), math.MaxInt16
	}
	b.round()
	copy(b.first, b.count)
	for i := range b.rows {
		if b.unit[i] != 0 {
			b.secondThreshold(i)
		}
	}
	b.round()
	computed := 0
	for i := range b.rows {
		if b.unit[i] != 0 {
			n := b.count[i]
			if b.choose(i) {
				computed += n
			}
		}
	}
	b.mu.Lock()
	b.call.candidates += computed
	b.call.plain = append(b.call.plain, b.plain...)
	b.mu.Unlock()
	b.call = nil
}

// round computes the values of all latents whose codes are between low and high.
// It goes panel by panel, so that a row of weights serves all rows that need it.
func (b *block) round() {
	for panel := range b.packed.panels {
		masks := b.masks[:b.rows]
		kernel.ScreenScan(masks, b.codesOf(panel), b.low, b.high)
		real := ^uint32(0) // the last panel is filled up
		if over := (panel+1)*kernel.ScreenLatents - b.packed.latents; over > 0 {
			real >>= over
		}
		for i, m := range masks {
			for m &= real; m != 0; m &= m - 1 {
				j := panel*kernel.ScreenLatents + bits.TrailingZeros32(m)
				b.pairs = append(b.pairs, kernel.Pair{Row: int32(b.lo + i), Latent: int32(j)})
			}
		}
		if len(b.pairs) >= chunk {
			b.compute()
		}
	}
	b.compute()
}

// compute adds the collected pairs to the lists of their rows.
func (b *block) compute() {
	for from := 0; from < len(b.pairs); from += chunk {
		pairs := b.pairs[from:min(from+chunk, len(b.pairs))]
		dots := b.dots[:len(pairs)]
		b.w.dotPairs(dots, b.x, pairs)
		for t, p := range pairs {
			i := int(p.Row) - b.lo
			n := b.count[i]
			if b.unit[i] == 0 {
				continue
			}
			if n == b.list {
				b.giveUp(i)
				continue
			}
			b.idx[i*b.list+n], b.pre[i*b.list+n] = p.Latent, dots[t]+b.bias[p.Latent]
			b.count[i] = n + 1
		}
	}
	b.pairs = b.pairs[:0]
}
