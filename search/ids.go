package search

import "math/bits"

// IDs is a set of IDs of rows. The zero value is empty and ready for use. Any number of goroutines
// may search with it at once, while nobody adds to it.
type IDs struct {
	pages map[int64]*page // by the ID without its last bits
	n     int
}

// pageBits is how many of the last bits of an ID are its place in a page.
const pageBits = 12

// page has a bit for each of the IDs that begin with the same bits.
type page [1 << pageBits / 64]uint64

// NewIDs returns the set of these IDs.
func NewIDs(ids ...int64) *IDs {
	s := new(IDs)
	s.Add(ids...)
	return s
}

// Add adds IDs to the set. One that is there already changes nothing.
func (s *IDs) Add(ids ...int64) {
	if s.pages == nil {
		s.pages = map[int64]*page{}
	}
	for _, id := range ids {
		p := s.pages[id>>pageBits]
		if p == nil {
			p = new(page)
			s.pages[id>>pageBits] = p
		}
		at, bit := id>>6&(1<<(pageBits-6)-1), uint64(1)<<(id&63)
		if p[at]&bit == 0 {
			p[at] |= bit
			s.n++
		}
	}
}

// Contains reports whether id is in the set. A nil set has none.
func (s *IDs) Contains(id int64) bool {
	if s == nil {
		return false
	}
	p := s.pages[id>>pageBits]
	return p != nil && p[id>>6&(1<<(pageBits-6)-1)]>>(id&63)&1 == 1
}

// Len returns how many IDs the set has.
func (s *IDs) Len() int {
	if s == nil {
		return 0
	}
	return s.n
}

// bitmap is a set of rows of a segment. A nil bitmap is empty.
type bitmap struct {
	words []uint64
	n     int // how many rows are in it
}

// newBitmap returns the bitmap of words, which it keeps.
func newBitmap(words []uint64) *bitmap {
	b := &bitmap{words: words}
	for _, w := range words {
		b.n += bits.OnesCount64(w)
	}
	return b
}

// has reports whether row is in b.
func (b *bitmap) has(row int) bool { return b != nil && b.words[row>>6]>>(row&63)&1 == 1 }

// len returns how many rows are in b.
func (b *bitmap) len() int {
	if b == nil {
		return 0
	}
	return b.n
}
