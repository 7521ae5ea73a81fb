package search

import (
	"math"
	"math/bits"
	"slices"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// effort is how much a search for the nearest rows does.
type effort struct {
	terms      int // latents that it asks for
	candidates int // rows that it compares in bytes, about
	finalists  int // rows that it compares in float32
}

// nearScratch is the memory of a search for the nearest rows.
type nearScratch struct {
	*scratch // sums, query and terms of the scan

	row    []float64 // divided by a power of two
	norm   float64   // of row
	usual  []float64 // the row with the usual norm of the rows of the index
	bytes  []uint8
	query8 []int8

	code    ksparse.Codes // of the row, where it is encoded here
	matrix  mat.Dense
	latents []int32 // the code
	values  []float64

	products []int32 // in bytes: with atoms, or with candidates
	sizes    []float64
	signed   bool // codes have negative values
	above    []int32
	asked    []int32 // latents
	weights  []float64

	hits  []int64 // candidates, in the order of rows
	rows  []int32
	keys  keys // the best candidates: see key
	wide  []float64
	pairs []kernel.Pair
	dots  []float64
}

// spareNear keeps the memory of searches that have ended.
var spareNear = sync.Pool{New: func() any { return new(nearScratch) }}

// newNearScratch returns the memory of a search. free gives it back.
func newNearScratch(x *Index) *nearScratch {
	s := spareNear.Get().(*nearScratch)
	s.scratch, s.signed = newScratch(0), x.dense.signed
	return s
}

// free gives the memory back, without references to what belongs to others.
func (s *nearScratch) free() {
	s.scratch.query.latents = s.scratch.query.latents[:0] // s.scratch has no weights to clear
	s.scratch.free()
	s.scratch, s.latents, s.values = nil, nil, nil
	s.matrix.Reset()
	spareNear.Put(s)
}

// search sets s.found to the answer.
func (s *nearScratch) search(x *Index, k int, e effort, only *IDs) {
	s.found = s.found[:0]
	if k == 0 {
		return
	}
	rows, _ := x.Dims()
	switch {
	case only != nil && only.Len() <= max(e.candidates, rows/64):
		s.takeOnly(x, only)
	case rows <= e.candidates:
		s.takeAll(x)
	default:
		s.ask(x, e.terms)
		s.takeBest(x, e.candidates, only)
	}
	if len(s.hits) > e.finalists {
		s.compareBytes(x, e.finalists)
	}
	s.compareRows(x)
	s.order(k)
}

// ask chooses the latents that the search asks for, at most n of them: those with the largest products of the row and
// the atom, or the largest values of the code. They are s.asked, with s.weights.
func (s *nearScratch) ask(x *Index, n int) {
	s.asked, s.weights = s.asked[:0], s.weights[:0]
	a := x.dense.atoms
	if a == nil {
		s.choose(s.latents, s.values, n)
		return
	}
	// The codes are of the row less the bias.
	s.sizes = matrix.Resized(s.sizes, max(a.cols, len(a.units)))
	centred := s.sizes[:a.cols]
	kernel.Subtract(centred, s.usual, a.bias)
	s.signedBytes(centred)
	s.products = matrix.Resized(s.products, len(a.units))
	kernel.DotBytes(s.products, s.query8, a.bytes, len(s.query8), a.all)
	sizes := s.sizes[:len(a.units)]
	for j, unit := range x.asking {
		sizes[j] = float64(s.products[j]) * unit
	}
	s.choose(a.all, sizes, n)
	s.signedBytes(s.row)
}

// choose appends to s.asked the n latents with the largest values, or magnitudes where the codes have negative ones. Zeros are
// left out; of equal ones the first are taken.
func (s *nearScratch) choose(latents []int32, values []float64, n int) {
	sizes := values
	if s.signed {
		s.dots = matrix.Resized(s.dots, len(values))
		sizes = s.dots
		for i, v := range values {
			sizes[i] = math.Abs(v)
		}
	}
	least := 0.0
	if n < len(sizes) {
		least = max(0, kernel.KthLargest(sizes, n))
	}
	s.above = matrix.Resized(s.above, len(sizes))
	above := s.above[:kernel.Above(s.above, sizes, least)]
	if least > 0 && len(above) < n { // some of those that equal the least
		for i, v := range sizes {
			if v == least && len(above) < n {
				above = append(above, int32(i))
			}
		}
		slices.Sort(above)
	}
	for _, i := range above {
		s.asked, s.weights = append(s.asked, latents[i]), append(s.weights, values[i])
	}
	// In units of the largest, so that products with the lists stay in range.
	for i, unit := 0, kernel.MaxAbs(s.weights); i < len(s.weights); i++ {
		s.weights[i] /= unit
	}
}

// takeBest takes about n candidates: the rows with the largest sums of what is asked for. The first block that has
// postings says which sums these are, so rows of a kind should not lie together; where that misleads, it keeps
// the n best of all.
func (s *nearScratch) takeBest(x *Index, n int, only *IDs) {
	s.query.set(s.asked, s.weights, x.nearest)
	if s.scanNear(x, n, true, only); len(s.hits) < n/4*3 {
		s.scanNear(x, n, false, only)
	}
}

// scanNear takes candidates. sampled says to go by the first block.
func (s *nearScratch) scanNear(x *Index, n int, sampled bool, only *IDs) {
	s.hits = s.hits[:0]
	total, above := x.stored(), int32(0)
	for i := range x.parts {
		p := &x.parts[i]
		list := &p.near.postings
		s.terms = s.query.terms(s.terms[:0], list)
		if len(s.terms) == 0 {
			continue
		}
		for b := range list.blocks() {
			rows := list.blockRows(b)
			s.addBlock(b)
			from := 0
			if sampled { // find a sum that too many exceed, from some rows, then the right one from all
				from = min(takeRows, rows)
				s.takeSums(p, b, 0, from, above, only)
				above = s.cutTo(4*share(n, from, total), above)
			}
			s.takeSums(p, b, from, rows, above, only)
			if sampled && len(s.hits) > 0 {
				above, sampled = s.cutTo(share(n, rows, total), above), false
			}
			if len(s.hits) > 2*n+takeRows {
				above = s.cutTo(n, above)
			}
		}
	}
}

// share returns how many of about n candidates, of so many rows in total, to expect in some of the rows.
func share(n, rows, total int) int { return int(1.15*float64(n)*float64(rows)/float64(total)) + 1 }

// takeSums takes the rows from and to of block b of p whose sums are above a number as candidates, and clears the sums.
func (s *nearScratch) takeSums(p *part, b, from, to int, above int32, only *IDs) {
	n := len(s.hits)
	s.hits = slices.Grow(s.hits, to-from)
	taken := kernel.TakeAbove(s.hits[n:n+to-from], s.sums[from:to], above, uint32(p.first+b*blockRows+from))
	s.hits = s.hits[:n+taken]
	if taken > 0 && (only != nil || p.deleted != nil) {
		s.hits = s.hits[:n+p.keep(s.hits[n:], only)]
	}
}

// cutTo keeps the n candidates with the largest sums, and those that equal the last of them. It returns the sum that others
// must exceed.
func (s *nearScratch) cutTo(n int, above int32) int32 {
	if len(s.hits) <= n {
		return above
	}
	h := &s.best
	h.copy = append(h.copy[:0], s.hits...)
	last := nthLargest(h.copy, n) >> 32
	kept := s.hits[:0]
	for _, hit := range s.hits {
		if hit>>32 >= last {
			kept = append(kept, hit)
		}
	}
	s.hits = kept
	return int32(last - 1)
}

// takeOnly takes the rows of a set as candidates.
func (s *nearScratch) takeOnly(x *Index, only *IDs) {
	s.hits = s.hits[:0]
	for number, page := range only.pages {
		for w, word := range page {
			for ; word != 0; word &= word - 1 {
				id := number<<pageBits + int64(w*64+bits.TrailingZeros64(word))
				if p, row, err := x.find(id); err == nil {
					s.hits = append(s.hits, int64(p.first+row))
				}
			}
		}
	}
	slices.Sort(s.hits)
}

// takeAll takes all rows as candidates.
func (s *nearScratch) takeAll(x *Index) {
	s.hits = s.hits[:0]
	for i := range x.parts {
		p := &x.parts[i]
		for row := range p.ids {
			if !p.deleted.has(row) {
				s.hits = append(s.hits, int64(p.first+row))
			}
		}
	}
}

// eachPart calls f for each part that has some of the places, which ascend, and the rows there.
func (s *nearScratch) eachPart(x *Index, hits []int64, f func(p *part, rows []int32)) {
	for i := range x.parts {
		p := &x.parts[i]
		s.rows = s.rows[:0]
		for len(hits) > 0 && int(uint32(hits[0])) < p.first+len(p.ids) {
			s.rows = append(s.rows, int32(int(uint32(hits[0]))-p.first))
			hits = hits[1:]
		}
		if len(s.rows) > 0 {
			f(p, s.rows)
		}
	}
}

// key orders candidates: by score, and of equal ones the row that comes first is better.
func key(score float32, place int) int64 {
	order := int32(math.Float32bits(score))
	if order < 0 {
		order ^= math.MaxInt32
	}
	return int64(order)<<32 | int64(^uint32(place))
}

// score returns the score of a key.
func score(key int64) float32 {
	order := int32(key >> 32)
	if order < 0 {
		order ^= math.MaxInt32
	}
	return math.Float32frombits(uint32(order))
}

// place returns the place of the row of a key.
func place(key int64) int { return int(^uint32(key)) }

// compareBytes makes s.hits the n candidates with the largest cosines in bytes, in the order of their rows.
func (s *nearScratch) compareBytes(x *Index, n int) {
	s.keys.list = s.keys.list[:0]
	s.eachPart(x, s.hits, func(p *part, rows []int32) {
		s.products = matrix.Resized(s.products, len(rows))
		kernel.DotBytes(s.products, s.query8, p.near.bytes, len(s.query8), rows)
		units, products := p.near.units, s.products[:len(rows)]
		least := s.keys.least(n)
		for t, row := range rows {
			if score := float32(products[t]) * units[row]; score >= least {
				s.keys.offer(key(score, p.first+int(row)), n)
				least = s.keys.least(n)
			}
		}
	})
	s.hits = s.hits[:0]
	for _, k := range s.keys.list {
		s.hits = append(s.hits, int64(place(k)))
	}
	slices.Sort(s.hits)
}

// keys are the largest keys, as in a heap: the smallest of them is the first.
type keys struct{ list []int64 }

// least returns the score that a key must have at least to be among the n largest.
func (h *keys) least(n int) float32 {
	if len(h.list) < n {
		return float32(math.Inf(-1))
	}
	return score(h.list[0])
}

// offer keeps k if it is among the n largest. n is not 0.
func (h *keys) offer(k int64, n int) {
	if len(h.list) < n {
		h.list = append(h.list, k)
		if len(h.list) == n {
			slices.Sort(h.list) // a sorted list is a heap
		}
		return
	}
	if k <= h.list[0] {
		return
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= n {
			break
		}
		if child+1 < n && h.list[child+1] < h.list[child] {
			child++
		}
		if h.list[child] >= k {
			break
		}
		h.list[i] = h.list[child]
		i = child
	}
	h.list[i] = k
}

// compareRows sets s.found to the candidates with their cosines.
func (s *nearScratch) compareRows(x *Index) {
	s.eachPart(x, s.hits, func(p *part, rows []int32) {
		s.pairs, s.dots = matrix.Resized(s.pairs, len(rows)), matrix.Resized(s.dots, len(rows))
		for t, row := range rows {
			s.pairs[t] = kernel.Pair{Latent: row}
		}
		kernel.DotPairs32(s.dots, s.row, len(s.row), p.near.rows, p.near.cols, p.near.cols, s.pairs)
		for t, row := range rows {
			score := 0.0
			if norm := p.near.norms[row]; norm > 0 {
				score = max(-1, min(1, s.dots[t]/float64(s.norm*norm))) // rounding may have led beyond
			}
			s.found = append(s.found, Hit{p.ids[row], score})
		}
	})
}
