package search

import (
	"crypto/sha256"
	"fmt"
	"math"
	"strings"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
)

// segmentInfo is what the file of a segment says of it. Its sections are the fields of the same names.
type segmentInfo struct {
	Rows    int64 `json:"rows"`
	Latents int64 `json:"latents"`
	Block   int   `json:"block"` // rows of a block of postings
	Scaled  bool  `json:"scaled,omitempty"`
	Cols    int64 `json:"cols,omitempty"` // numbers of a row; 0 where there are codes alone
}

// describe returns what goes into the file of s, the text of its description, and the name of the file, which is made
// of that text: it has the checksum of every section, so equal segments have equal names.
func (s *segment) describe() (d *description, text []byte, name string) {
	f, p := &s.codes, &s.postings
	d = &description{
		Segment: &segmentInfo{Rows: int64(len(s.ids)), Latents: int64(len(p.largest)), Block: blockRows, Scaled: f.mean != nil},
		Sections: append([]section{
			{Name: "ids", bytes: bytesOf(s.ids)},
			{Name: "offsets", bytes: bytesOf(f.offsets)},
			{Name: "latents", bytes: bytesOf(f.latents)},
			{Name: "values", bytes: bytesOf(f.values)},
		}, p.sections("")...),
	}
	if f.mean != nil {
		d.Sections = append(d.Sections, section{Name: "mean", bytes: bytesOf(f.mean)}, section{Name: "spread", bytes: bytesOf(f.spread)})
	}
	if s.near != nil {
		d.Segment.Cols = int64(s.near.cols)
		d.Sections = append(d.Sections, s.near.sections()...)
	}
	text = d.describe()
	return d, text, fmt.Sprintf("segment-%.8x.kss", sha256.Sum256(text))
}

// isSegmentName reports whether describe could have given the name.
func isSegmentName(name string) bool {
	digits, begins := strings.CutPrefix(name, "segment-")
	digits, ends := strings.CutSuffix(digits, ".kss")
	return begins && ends && len(digits) == 16 && strings.Trim(digits, "0123456789abcdef") == ""
}

// readSegment returns the segment in a file whose bytes are b, which it keeps. Everything on which the safety of
// a search depends is checked.
func readSegment(b []byte, latents int) (*segment, error) {
	var d description
	if err := d.read(b); err != nil {
		return nil, err
	}
	info := d.Segment
	if info == nil {
		return nil, fault.Errorf(fault.ErrFormat, "it holds no segment of an index")
	}
	if info.Rows < 1 || info.Rows > maxRows || info.Latents != int64(latents) || info.Block != blockRows {
		return nil, fault.Errorf(fault.ErrFormat, "it has %d rows, %d latents and blocks of %d rows, want %d latents and blocks of %d", info.Rows, info.Latents, info.Block, latents, blockRows)
	}
	s := new(segment)
	f, p := &s.codes, &s.postings
	err := fault.First(
		sectionOf(&d, "ids", info.Rows, &s.ids),
		sectionOf(&d, "offsets", info.Rows+1, &f.offsets),
		sectionOf(&d, "latents", -1, &f.latents),
		sectionOf(&d, "values", -1, &f.values),
		p.readSections(&d, "", info),
	)
	if err == nil && info.Scaled {
		err = fault.First(sectionOf(&d, "mean", info.Rows, &f.mean), sectionOf(&d, "spread", info.Rows, &f.spread))
	}
	if err == nil && info.Cols != 0 {
		s.near, err = readNear(&d, info)
	}
	if err != nil {
		return nil, err
	}
	return s, fault.First(checkIDs(s.ids), f.check(latents), p.check(latents, maxMagnitude))
}

// checkIDs returns an error unless ids ascend from 0 or more.
func checkIDs(ids []int64) error {
	previous := int64(-1)
	for i, id := range ids {
		if id <= previous {
			return fault.Errorf(fault.ErrFormat, "row %d has the ID %d after %d", i, id, previous)
		}
		previous = id
	}
	return nil
}

// check returns what is wrong with codes from a file.
func (f *forward) check(latents int) error {
	if f.offsets[0] != 0 || f.offsets[f.rows()] != int64(len(f.values)) || len(f.latents) != len(f.values) {
		return fault.Errorf(fault.ErrFormat, "the rows of codes begin at %d and end at %d, want 0 and %d", f.offsets[0], f.offsets[f.rows()], len(f.values))
	}
	if !kernel.AllFinite(f.mean) || !kernel.AllFinite(f.spread) {
		return fault.Errorf(fault.ErrFormat, "a number by which a row was normalised is not finite")
	}
	for i := range f.rows() {
		lo, hi := f.offsets[i], f.offsets[i+1]
		if lo > hi || hi > int64(len(f.values)) {
			return fault.Errorf(fault.ErrFormat, "the codes of row %d lie from %d to %d, of %d", i, lo, hi, len(f.values))
		}
		if err := checkRow(f.latents[lo:hi], f.values[lo:hi], latents); err != nil {
			return fault.Errorf(err, "row %d of the codes: %s", i, fault.Text(err))
		}
	}
	return nil
}

// sections returns the sections of p in a file, whose names begin with what.
func (p *postings) sections(what string) []section {
	return []section{
		{Name: what + "largest", bytes: bytesOf(p.largest)},
		{Name: what + "bases", bytes: bytesOf(p.bases)},
		{Name: what + "starts", bytes: bytesOf(p.starts)},
		{Name: what + "entries", bytes: bytesOf(p.entries)},
	}
}

// readSections sets p to what the sections have.
func (p *postings) readSections(d *description, what string, info *segmentInfo) error {
	p.rows = int(info.Rows)
	return fault.First(
		sectionOf(d, what+"largest", info.Latents, &p.largest),
		sectionOf(d, what+"bases", info.Latents+1, &p.bases),
		sectionOf(d, what+"starts", info.Latents*(int64(p.blocks())+1), &p.starts),
		sectionOf(d, what+"entries", -1, &p.entries),
	)
}

// check returns what is wrong with postings from a file, in which no value has a magnitude above most.
func (p *postings) check(latents int, most float64) error {
	if p.bases[0] != 0 || p.bases[latents] != int64(len(p.entries)) {
		return fault.Errorf(fault.ErrFormat, "the lists begin at %d and end at %d, want 0 and %d", p.bases[0], p.bases[latents], len(p.entries))
	}
	blocks := p.blocks()
	for j := range latents {
		lo, hi := p.bases[j], p.bases[j+1]
		if lo > hi || hi > int64(len(p.entries)) {
			return fault.Errorf(fault.ErrFormat, "the list of latent %d lies from %d to %d, of %d", j, lo, hi, len(p.entries))
		}
		if m := p.largest[j]; !(m >= 0 && m <= most) {
			return fault.Errorf(fault.ErrFormat, "the list of latent %d has the largest value %v", j, m)
		}
		entries, starts := p.list(j)
		if starts[0] != 0 || int64(starts[blocks]) != hi-lo {
			return fault.Errorf(fault.ErrFormat, "the blocks of latent %d begin at %d and end at %d, want 0 and %d", j, starts[0], starts[blocks], hi-lo)
		}
		for b := range blocks {
			if starts[b] > starts[b+1] || int64(starts[b+1]) > hi-lo {
				return fault.Errorf(fault.ErrFormat, "block %d of latent %d lies from %d to %d, of %d", b, j, starts[b], starts[b+1], hi-lo)
			}
			if last := maxRow(entries[starts[b]:starts[b+1]]); last >= p.blockRows(b) {
				return fault.Errorf(fault.ErrFormat, "block %d of latent %d names row %d, of %d", b, j, last, p.blockRows(b))
			}
		}
	}
	return nil
}

// maxRow returns the largest row that entries name, -1 where there are none.
func maxRow(entries []uint32) int {
	most := -1
	for _, e := range entries {
		most = max(most, int(e&(math.MaxUint16)))
	}
	return most
}
