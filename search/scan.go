package search

import (
	"cmp"
	"math/bits"
	"slices"
	"sync"

	"github.com/ksparse/ksparse/internal/kernel"
)

// takeRows is how many rows of a block are looked at before hits are counted.
const takeRows = 1 << 10

// scratch is the memory of a search. Between searches sums, weights and marks are zeros.
type scratch struct {
	sums    [blockRows]int32 // of the rows of a block
	marks   [blockRows / 64]uint64
	query   query
	terms   []term
	best    best
	weights []float64 // by latent: the query, for scores
	found   []Hit
}

// spare keeps the memory of searches that have ended.
var spare = sync.Pool{New: func() any { return new(scratch) }}

// newScratch returns the memory of a search in an index of so many latents. free gives it back; that of a
// search that panics is lost.
func newScratch(latents int) *scratch {
	s := spare.Get().(*scratch)
	if len(s.weights) < latents {
		s.weights = make([]float64, latents)
	}
	return s
}

// free gives the memory back, without references to an index.
func (s *scratch) free() {
	for _, j := range s.query.latents {
		s.weights[j] = 0
	}
	clear(s.terms[:cap(s.terms)])
	s.terms = s.terms[:0]
	spare.Put(s)
}

// scan adds the lists of the query up, in all parts of the index, and keeps the hits.
func (s *scratch) scan(x *Index, only *IDs) {
	for i := range x.parts {
		p := &x.parts[i]
		s.terms = s.query.terms(s.terms[:0], &p.postings)
		if len(s.terms) == 0 {
			continue
		}
		for b := range p.postings.blocks() {
			s.addBlock(b)
			s.takeBlock(p, b, only)
		}
	}
}

// addBlock adds block b of the terms to the sums.
func (s *scratch) addBlock(b int) {
	for i := range s.terms {
		t := &s.terms[i]
		addRun(&s.sums, t.entries[t.starts[b]:t.starts[b+1]], t.factor)
	}
}

// addRun adds the entries of a list to the sums of their rows.
func addRun(sums *[blockRows]int32, run []uint32, factor int32) {
	for _, e := range run {
		sums[e&blockMask] += factor * (int32(e) >> 16)
	}
}

// takeBlock clears the sums of block b of p, and keeps the hits among them.
func (s *scratch) takeBlock(p *part, b int, only *IDs) {
	rows, h := p.postings.blockRows(b), &s.best
	for at := 0; at < rows; at += takeRows {
		sums, n := s.sums[at:min(at+takeRows, rows)], len(h.hits)
		h.hits = slices.Grow(h.hits, takeRows)
		taken := kernel.TakeAbove(h.hits[n:n+len(sums)], sums, h.above, uint32(p.first+b*blockRows+at))
		h.hits = h.hits[:n+taken]
		if taken > 0 && (only != nil || p.deleted != nil) {
			h.hits = h.hits[:n+p.keep(h.hits[n:], only)]
		}
		if len(h.hits) >= h.limit {
			h.cut()
		}
	}
}

// keep keeps those of hits whose rows count, and returns how many they are.
func (p *part) keep(hits []int64, only *IDs) (n int) {
	for _, h := range hits {
		if p.counts(int(uint32(h))-p.first, only) {
			hits[n] = h
			n++
		}
	}
	return n
}

// counts reports whether a row is not deleted, and in only, where that is not nil.
func (p *part) counts(row int, only *IDs) bool {
	return !p.deleted.has(row) && (only == nil || only.Contains(p.ids[row]))
}

// scoreBest scores the hits that were kept.
func (s *scratch) scoreBest(x *Index) {
	i := 0
	for _, h := range s.best.hits {
		row := int(uint32(h))
		for row >= x.parts[i].first+len(x.parts[i].ids) {
			i++
		}
		p := &x.parts[i]
		s.score(p, row-p.first)
	}
}

// score computes the score of a row, which is a hit where it is above 0.
func (s *scratch) score(p *part, row int) {
	if score := p.codes.score(row, s.weights); score > 0 {
		s.found = append(s.found, Hit{p.ids[row], score})
	}
}

// scoreShared scores every row that counts and has a latent of the query.
func (s *scratch) scoreShared(x *Index, only *IDs, k int) {
	for i := range x.parts {
		p := &x.parts[i]
		for b := range p.postings.blocks() {
			for _, j := range s.query.latents {
				entries, starts := p.postings.list(int(j))
				for _, e := range entries[starts[b]:starts[b+1]] {
					s.marks[e&blockMask>>6] |= 1 << (e & 63)
				}
			}
			for w, word := range s.marks {
				for ; word != 0; word &= word - 1 {
					row := b*blockRows + w*64 + bits.TrailingZeros64(word)
					if p.counts(row, only) {
						s.score(p, row)
					}
				}
			}
			clear(s.marks[:])
			if len(s.found) > 2*k+blockRows {
				s.order(k)
			}
		}
	}
}

// scoreOnly scores the rows of a set, one after the other.
func (s *scratch) scoreOnly(x *Index, only *IDs) {
	for number, page := range only.pages {
		for w, word := range page {
			for ; word != 0; word &= word - 1 {
				id := number<<pageBits + int64(w*64+bits.TrailingZeros64(word))
				for i := range x.parts {
					if row := x.parts[i].row(id); row >= 0 {
						s.score(&x.parts[i], row)
						break
					}
				}
			}
		}
	}
}

// order sorts the rows that were found, the best first, and keeps k of them.
func (s *scratch) order(k int) {
	slices.SortFunc(s.found, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID))
	})
	s.found = s.found[:min(k, len(s.found))]
}
