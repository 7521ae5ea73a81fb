package search

import (
	"context"
	"math/bits"
	"slices"
)

// Delete returns an index without these rows, and how many of them it had. Their codes stay where they are
// until Merge, marked as deleted. x stays as it is. IDs that no row has are left aside.
func (x *Index) Delete(ids *IDs) (_ *Index, deleted int, err error) {
	faults, err := x.begin()
	if err != nil {
		return nil, 0, err
	}
	defer x.end(faults, &err)
	parts := slices.Clone(x.parts)
	if ids != nil {
		for i := range parts {
			deleted += parts[i].remove(ids)
		}
	}
	y, err := x.with(x.next, parts)
	return y, deleted, err
}

// remove marks the rows of a set as deleted, in a bitmap of its own, and returns how many there were.
func (p *part) remove(ids *IDs) int {
	words := make([]uint64, (len(p.ids)+63)/64)
	if p.deleted != nil {
		copy(words, p.deleted.words)
	}
	before := p.deleted.len()
	for number, page := range ids.pages {
		for w, word := range page {
			for ; word != 0; word &= word - 1 {
				if row := p.row(number<<pageBits + int64(w*64+bits.TrailingZeros64(word))); row >= 0 {
					words[row>>6] |= 1 << (row & 63)
				}
			}
		}
	}
	after := newBitmap(words)
	if after.n > before {
		p.deleted = after
	}
	return after.n - before
}

// Merge returns an index with the same rows in one segment, in memory, without those deleted. Rows keep their IDs.
// x stays as it is. One segment takes less time to search than several, and deleted rows take none. progress,
// where it is not nil, is called with how many of the rows are copied; ctx stops it; nil does not.
func (x *Index) Merge(ctx context.Context, progress func(done, rows int)) (_ *Index, err error) {
	faults, err := x.begin()
	if err != nil {
		return nil, err
	}
	defer x.end(faults, &err)
	if len(x.parts) == 1 && x.parts[0].deleted == nil {
		return x.with(x.next, x.parts)
	}
	s, err := x.merged(ctx, progress)
	if err != nil {
		return nil, err
	}
	return x.with(x.next, []part{{segment: s}})
}

// merged returns the rows of x that are not deleted as one segment.
func (x *Index) merged(ctx context.Context, progress func(done, rows int)) (*segment, error) {
	rows, _ := x.Dims()
	s := &segment{ids: make([]int64, 0, rows), near: x.emptyNear(rows), codes: forward{offsets: append(make([]int64, 0, rows+1), 0)}}
	entries := 0
	for i := range x.parts {
		entries += len(x.parts[i].codes.values)
	}
	s.codes.reserve(rows, entries, max(1, x.stored()))
	for i := range x.parts {
		p := &x.parts[i]
		for row := range p.ids {
			if row%readRows == 0 {
				if err := stopped(ctx); err != nil {
					return nil, err
				}
				if progress != nil {
					progress(len(s.ids), rows)
				}
			}
			if !p.deleted.has(row) {
				s.ids = append(s.ids, p.ids[row])
				s.codes.appendRow(&p.codes, row)
				if s.near != nil {
					s.near.appendRow(p.near, row)
				}
			}
		}
	}
	s.postings = newPostings(&s.codes, x.latents, nil)
	if s.near != nil {
		s.near.postings = newPostings(&s.codes, x.latents, s.near.scales)
	}
	if progress != nil {
		progress(rows, rows)
	}
	return s, nil
}

// appendRow appends row i of g.
func (f *forward) appendRow(g *forward, i int) {
	latents, values := g.row(i)
	f.latents, f.values = append(f.latents, latents...), append(f.values, values...)
	f.offsets = append(f.offsets, int64(len(f.values)))
	if g.mean != nil {
		f.mean, f.spread = append(f.mean, g.mean[i]), append(f.spread, g.spread[i])
	}
}
