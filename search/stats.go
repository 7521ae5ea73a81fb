package search

import (
	"cmp"
	"fmt"
	"slices"
)

// Stats describes an index, and says whether it can serve.
type Stats struct {
	Rows     int // without those deleted
	Deleted  int // rows that are marked as deleted, until Merge
	Segments int
	Latents  int
	Entries  int64 // values that are not zero, those of deleted rows among them
	Bytes    int64 // in memory or in mapped files
	// Skew is n Σ p² / (Σ p)², where p is the share of the rows that a latent is active in: 1 where all of the
	// n latents are active equally often.
	Skew float64
	// Postings is how many entries ByCode reads for a query, on average over the rows of the index as queries.
	Postings float64
	Longest  []List   // the ten longest lists, the longest first
	Warnings []string // what makes searches slow, and what to change
}

// A List is the rows that a latent is active in.
type List struct {
	Latent int
	Rows   int     // how many, deleted ones among them
	Share  float64 // of all rows
}

// The limits beyond which there is a warning.
const (
	longList    = 0.25 // of the rows
	highSkew    = 10
	manyDeleted = 0.2 // of the rows
	manyParts   = 8
)

// Stats describes the index. It looks at each list's length, not at its entries. Of a closed index only the
// numbers of rows, segments and latents are known.
func (x *Index) Stats() (s Stats) {
	s = Stats{Segments: len(x.parts), Latents: x.latents}
	stored := x.stored()
	s.Rows, _ = x.Dims()
	s.Deleted = stored - s.Rows
	faults, err := x.begin()
	if err != nil {
		return s
	}
	defer x.end(faults, &err)
	lists := make([]List, x.latents)
	for i := range x.parts {
		p := &x.parts[i]
		s.Bytes += p.bytes()
		for j := range lists {
			lists[j].Rows += p.postings.length(j)
		}
	}
	squares := 0.0
	for j := range lists {
		n := lists[j].Rows
		s.Entries += int64(n)
		squares += float64(n) * float64(n)
		lists[j].Latent, lists[j].Share = j, float64(n)/float64(max(1, stored))
	}
	if s.Entries > 0 {
		s.Skew = float64(x.latents) * squares / (float64(s.Entries) * float64(s.Entries))
		s.Postings = squares / float64(stored)
	}
	slices.SortStableFunc(lists, func(a, b List) int { return cmp.Compare(b.Rows, a.Rows) })
	s.Longest = slices.Clone(lists[:min(10, len(lists))])
	s.warn(stored, x.dense, lists)
	return s
}

// warn sets the warnings. lists has the longest first; near is nil where there are codes alone.
func (s *Stats) warn(stored int, near *dense, lists []List) {
	inputs := 0
	if near != nil {
		inputs = near.cols
	}
	add := func(format string, args ...any) { s.Warnings = append(s.Warnings, fmt.Sprintf(format, args...)) }
	long := 0
	for long < len(lists) && lists[long].Share > longList {
		long++
	}
	if long > 0 {
		add("%s active in more than a quarter of the rows, latent %d in %.0f %% of them. A query that has one of these latents reads all those rows. "+
			"Choose a smaller k, or train with a lower learning rate.",
			count(long, "latent is", "latents are"), lists[0].Latent, 100*lists[0].Share)
	}
	if s.Skew > highSkew {
		add("The latents are used unequally: a query reads %.0f times as many entries as with latents that are used equally (the skew). "+
			"More latents do not help. A lower learning rate in training does, and a smaller k.", s.Skew)
	}
	if s.Postings > float64(stored) && stored > 0 {
		add("A query reads %.1f entries for each row of the index, so searches by code take long. Choose a smaller k, more latents, or a lower learning rate in training.",
			s.Postings/float64(stored))
	}
	if k := float64(s.Entries) / float64(max(1, stored)); inputs > 0 && k > float64(inputs)/6 {
		add("%.0f latents are active in a row of %d numbers. Few latents then hold most of what is active, whatever the number of latents: choose a k of at most a sixth of "+
			"the numbers.", k, inputs)
	}
	if near != nil && near.ladder.reaches() < usualRecall {
		add("For a recall of more than %.2g Nearest compares all rows: their codes do not find so many of the nearest ones, or not in less time. The usual reasons are a "+
			"model that was trained on other rows, and few latents.", near.ladder.reaches())
	}
	if s.Deleted > 0 && float64(s.Deleted) > manyDeleted*float64(stored) {
		add("%d of %d rows are marked as deleted, and are still read. Merge drops them.", s.Deleted, stored)
	}
	if s.Segments > manyParts {
		add("The index has %d segments, each of which every query goes through. Merge makes them one.", s.Segments)
	}
}

// count returns a number with the word for one or for many.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// bytes returns how many bytes the segment takes.
func (s *segment) bytes() int64 {
	f := &s.codes
	return 8*int64(len(s.ids)+len(f.offsets)+len(f.values)+len(f.mean)+len(f.spread)) + 4*int64(len(f.latents)) + s.postings.size() + s.near.size()
}

// size returns how many bytes p takes.
func (p *postings) size() int64 {
	return 8*int64(len(p.largest)+len(p.bases)) + 4*int64(len(p.starts)+len(p.entries))
}
