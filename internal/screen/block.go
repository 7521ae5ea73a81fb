package screen

import (
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/topk"
)

// block is the memory of one worker, for some rows on their way through the
// screen:
//
//  1. pack: tiles of integers and the rows' numbers;
//  2. screen: a code for every row and latent, and maxima of them;
//  3. a first threshold, about the code of the k-th best value, from the maxima;
//  4. round 1: the values of those that reach it, and from them the k-th best;
//  5. round 2: the values of all others that could still be as good;
//  6. the choice.
//
// Round 1 takes the most promising first because after it the k-th best value is
// nearly exact: only latents within one error of it remain, not within two, and most
// of those it has taken already. With a middle stage (middle.go) both rounds find
// intervals instead of values, and the values of what those leave come after.
//
// For EncodeAbove there are only 1, 2, one round and the choice.
type block struct {
	*call
	lo, rows int // of the call's rows
	own      topk.Rows
	few      bool // rows one by one, not in tiles
	padded   int  // rows with those that fill the last tile

	tiles   []uint8
	numbers []kernel.ScreenRow
	codes   []int16 // panel after panel, a row's 32 codes after those of the row before
	lanes   []int16 // of each row: the largest code in each lane of each group of panels
	clean   []float64

	unit      []float64 // the value of one code; 0 for a row that is left to the plain path
	low, high []int16   // codes that a round is after

	// Candidates of row i from i*room on, ascending by latent within each round.
	idx   []int32
	pre   []float64
	first []int // their number after round 1
	count []int // and now
	tried []int // and after the last round

	hits   []kernel.Pair // in a panel
	pairs  []kernel.Pair // to compute; rows are those of the block
	dots   []float64
	values []float64 // of one row's candidates

	plain []int32

	// Of the middle stage.
	rows16    []uint8
	numbers16 []middleNumbers
	sums      []int32
	upper     []float64 // as pre, which holds the lower ends of intervals
	starts    []int32   // of the latents in pairs
}

var blockPool pool[block]

// chunk is how many pairs are collected before their products are computed: those
// are slow to begin with while the memory that they need is on its way, and a loop
// of nothing else keeps more of it on the way.
const chunk = 512

func (b *block) reset(c *call, lo, hi int) {
	b.call, b.lo, b.rows, b.own = c, lo, hi-lo, c.x.Slice(lo, hi)
	b.few = c.x.Rows <= fewRows
	b.padded = b.rows
	if !b.few {
		b.padded = (b.rows + kernel.ScreenRows - 1) / kernel.ScreenRows * kernel.ScreenRows
	}
	n := b.padded
	b.tiles = grownAligned(b.tiles, n*4*c.packed.groups)
	b.numbers = topk.Grown(b.numbers, n)
	b.codes = grownAligned(b.codes, c.packed.panels*n*kernel.ScreenLatents)
	b.lanes = grownAligned(b.lanes, n*b.laneStride())
	b.clean = topk.Grown(b.clean, c.x.Cols)
	b.unit = topk.Grown(b.unit, n)
	b.low, b.high = topk.Grown(b.low, n), topk.Grown(b.high, n)
	b.idx, b.pre = topk.Grown(b.idx, b.rows*c.room), topk.Grown(b.pre, b.rows*c.room)
	b.first, b.count, b.tried = topk.Grown(b.first, b.rows), topk.Grown(b.count, b.rows), topk.Grown(b.tried, b.rows)
	b.pairs = b.pairs[:0]
	b.dots = topk.Grown(b.dots, chunk)
	b.plain = b.plain[:0]
	if c.middle != nil {
		b.rows16, b.numbers16 = grownAligned(b.rows16, b.rows*c.middle.stride), topk.Grown(b.numbers16, b.rows)
		b.sums, b.upper = topk.Grown(b.sums, chunk), topk.Grown(b.upper, b.rows*c.room)
	}
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
		var norm float64
		b.unit[i], norm = b.packRow(b.tile(i), stride, &b.numbers[i], b.own.Row(i), b.clean)
		b.first[i], b.count[i] = 0, 0
		if b.unit[i] == 0 {
			b.giveUp(i)
		} else if b.middle != nil {
			b.packMiddle(i, norm)
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
			numbers, columns := &b.biases.numbers[panel], b.outliers.panel(panel)
			codes := b.codesOf(panel)
			lanes := b.lanes[g*kernel.ScreenLatents:]
			stride := b.laneStride()
			if b.few {
				for i := range b.rows {
					kernel.ScreenOne(codes[i*kernel.ScreenLatents:], lanes[i*stride:], b.tile(i), &b.numbers[i], w, p.fine, numbers, columns)
				}
				continue
			}
			kernel.ScreenTiles(codes, lanes, stride, b.tiles, b.numbers, w, p.fine, numbers, columns)
		}
	}
}

func (b *block) codesOf(panel int) []int16 {
	n := b.padded * kernel.ScreenLatents
	return b.codes[panel*n : (panel+1)*n]
}

// finish takes the block from its codes to its results.
func (b *block) finish() {
	candidates := 0
	if b.threshold != nil {
		candidates = b.above()
	} else {
		candidates = b.largest()
	}
	b.mu.Lock()
	b.call.candidates += candidates
	b.call.plain = append(b.call.plain, b.plain...)
	b.mu.Unlock()
	b.call = nil
}

// largest does the steps 3 to 6. It returns how many candidates the rows had that
// were not given up.
func (b *block) largest() (candidates int) {
	stride := b.laneStride()
	for i := range b.rows {
		if b.unit[i] == 0 {
			continue
		}
		t := kernel.ScreenKth(b.lanes[i*stride:][:b.groups*kernel.ScreenLatents], b.k)
		b.low[i], b.high[i] = max(b.likely(i, t), b.exceeds(b.unit[i], b.floor)), math.MaxInt16
	}
	b.round()
	copy(b.first, b.count)
	for i := range b.rows {
		if b.unit[i] != 0 {
			b.secondThreshold(i)
		}
	}
	b.round()
	copy(b.tried, b.count)
	if b.middle != nil {
		b.refine()
	}
	for i := range b.rows {
		if b.unit[i] != 0 && b.choose(i) {
			candidates += b.tried[i]
		}
	}
	return candidates
}

// likely returns about the code of the k-th best value of row i, where k codes reach
// t. The error of a product is hardly ever as large as a tenth of its bound, so codes
// lie above their values by the bound, more or less, and t does so by that of the usual
// latent. Round 1 from there on leaves little to round 2, which would have to fetch the
// weights again.
func (b *block) likely(i int, t int16) int16 {
	bound := float64(float64(b.numbers[i].Norm)*b.summary.usualNorm) + float64(float64(b.numbers[i].Residual)*b.summary.usualResidual)
	return int16(max(math.MinInt16, float64(t)-float64(likelyPart*bound)))
}

// likelyPart is how much of the bound likely takes off. From 0.9 to 1 encoding takes
// the same time (a training step 768 -> 8192 0.89 of that with 0, 784 -> 1000 0.96), with
// less there is more to fetch again, with more there are more candidates. A test
// without it sees more of the bound.
var likelyPart = 0.95

// above does the rest of an EncodeAbove, and returns the same.
func (b *block) above() (candidates int) {
	for i := range b.rows {
		if b.unit[i] != 0 {
			b.low[i], b.high[i] = 1, math.MaxInt16
		}
	}
	b.round()
	copy(b.tried, b.count)
	if b.middle != nil {
		b.refine()
	}
	part := b.found.Part()
	for i := range b.rows {
		if b.unit[i] == 0 {
			continue
		}
		idx, pre := b.idx[i*b.room:][:b.count[i]], b.pre[i*b.room:][:b.count[i]]
		candidates += b.tried[i]
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

// round computes the values of all latents whose codes are between low and high.
// It goes panel by panel and latent by latent, so that a row of weights serves all
// rows that need it.
func (b *block) round() {
	if b.padded == 1 {
		b.roundOfOne()
		return
	}
	p := b.packed
	b.hits = topk.Grown(b.hits, b.rows*kernel.ScreenLatents)
	low, high := b.low[:b.rows], b.high[:b.rows]
	for panel := range p.panels {
		present := ^uint32(0)
		if over := (panel+1)*kernel.ScreenLatents - p.latents; over > 0 {
			// The others only fill the panel up. Their codes are the lowest that there is,
			// and so may those of latents be.
			present >>= over
		}
		n := kernel.ScreenPairs(b.hits, b.codesOf(panel), low, high, 0, int32(panel*kernel.ScreenLatents), present)
		b.byLatent(b.hits[:n])
		if len(b.pairs) >= chunk {
			b.compute(b.middle != nil)
		}
	}
	b.compute(b.middle != nil)
}

// byLatent adds the pairs of one panel to those to compute, sorted by latent, and
// those of a latent in their order.
func (b *block) byLatent(found []kernel.Pair) {
	var next [kernel.ScreenLatents]int
	for _, p := range found {
		next[p.Latent%kernel.ScreenLatents]++
	}
	at := len(b.pairs)
	for l, n := range next {
		next[l] = at
		at += n
	}
	b.pairs = slices.Grow(b.pairs, len(found))[:at]
	for _, p := range found {
		l := p.Latent % kernel.ScreenLatents
		b.pairs[next[l]] = p
		next[l]++
	}
}

// roundOfOne is round for a single row, whose codes follow each other without
// gaps: many panels can be looked through as if they were rows.
func (b *block) roundOfOne() {
	const most = 256
	panels := b.packed.panels
	n := min(panels, most)
	low, high := b.low[0], b.high[0]
	b.low, b.high = topk.Grown(b.low, n), topk.Grown(b.high, n)
	for i := range n {
		b.low[i], b.high[i] = low, high
	}
	b.hits = topk.Grown(b.hits, n*kernel.ScreenLatents)
	for panel := 0; panel < panels; panel += most {
		n := min(most, panels-panel)
		k := kernel.ScreenPairs(b.hits, b.codes[panel*kernel.ScreenLatents:], b.low[:n], b.high, int32(panel), 0, ^uint32(0))
		for _, p := range b.hits[:k] {
			if j := p.Row*kernel.ScreenLatents + p.Latent; int(j) < b.packed.latents {
				b.pairs = append(b.pairs, kernel.Pair{Latent: j})
			}
		}
	}
	b.compute(b.middle != nil)
}

// compute adds the collected pairs to the lists of their rows, with their values or,
// in the middle stage, with intervals.
func (b *block) compute(middle bool) {
	for from := 0; from < len(b.pairs); from += chunk {
		pairs := b.pairs[from:min(from+chunk, len(b.pairs))]
		if middle {
			b.intervals(pairs)
			continue
		}
		dots := b.dots[:len(pairs)]
		b.w.dotPairs(dots, b.own, pairs)
		for t, p := range pairs {
			if at := b.place(p); at >= 0 {
				b.pre[at] = dots[t] + b.bias[p.Latent]
			}
		}
	}
	b.pairs = b.pairs[:0]
}

// place adds a latent to the list of its row and returns where, or -1 where the row
// takes the plain path.
func (b *block) place(p kernel.Pair) int {
	i := int(p.Row)
	n := b.count[i]
	if b.unit[i] == 0 {
		return -1
	}
	if n == b.room {
		b.giveUp(i)
		return -1
	}
	b.count[i] = n + 1
	b.idx[i*b.room+n] = p.Latent
	return i*b.room + n
}
