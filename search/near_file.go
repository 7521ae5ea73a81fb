package search

import (
	"math"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/matrix"
)

// nearInfo is what the list of segments says of what Nearest needs. The atoms, where Atoms is set, are in the sections
// "atoms", "atom units" and "bias".
type nearInfo struct {
	Cols    int    `json:"cols"`
	Decoder uint32 `json:"decoder"` // CRC-32C of the decoder: see decoder.sum
	Atoms   bool   `json:"atoms,omitempty"`
	Signed  bool   `json:"signed,omitempty"`
	Rows    int    `json:"rows"` // for which the ladder was measured
	Ladder  []step `json:"ladder"`
}

// step is a rung in a file.
type step struct {
	Recall     float64 `json:"recall"`
	Terms      int     `json:"terms"`
	Candidates int     `json:"candidates"`
}

// describe returns what the list of segments has of d.
func (d *dense) describe() (*nearInfo, []section) {
	info := &nearInfo{Cols: d.cols, Decoder: d.decoder, Atoms: d.atoms != nil, Signed: d.signed, Rows: d.ladder.rows}
	for _, r := range d.ladder.rungs {
		info.Ladder = append(info.Ladder, step{r.recall, r.terms, r.candidates})
	}
	if d.atoms == nil {
		return info, nil
	}
	return info, []section{
		{Name: "atoms", bytes: bytesOf(d.atoms.bytes)},
		{Name: "atom units", bytes: bytesOf(d.atoms.units)},
		{Name: "bias", bytes: bytesOf(d.atoms.bias)},
	}
}

// readDense returns what the list of segments d has for Nearest, nil where it has codes alone.
func readDense(d *description) (*dense, error) {
	info, latents := d.Index.Near, d.Index.Latents
	if info == nil {
		return nil, nil
	}
	if info.Cols < 1 || info.Cols > kernel.MaxBytes || info.Rows < 1 || info.Rows > maxRows {
		return nil, fault.Errorf(fault.ErrFormat, "it has rows of %d numbers, and %d efforts for %d rows", info.Cols, len(info.Ladder), info.Rows)
	}
	y := &dense{cols: info.Cols, decoder: info.Decoder, signed: info.Signed, ladder: ladder{rows: info.Rows}}
	for _, s := range info.Ladder {
		if !(s.Recall >= 0 && s.Recall <= 1) || s.Terms < 1 || s.Terms > maxTerms || s.Candidates < 1 || s.Candidates > maxRows {
			return nil, fault.Errorf(fault.ErrFormat, "it has the effort %d, %d for a recall of %v", s.Terms, s.Candidates, s.Recall)
		}
		y.ladder.rungs = append(y.ladder.rungs, rung{s.Recall, s.Terms, s.Candidates})
	}
	if !info.Atoms {
		return y, nil
	}
	// The sections are copied: the file's bytes are not kept, and may not lie where numbers do.
	stride, own := byteStride(info.Cols), d.copied()
	a := &atoms{cols: info.Cols}
	err := fault.First(
		sectionOf(own, "atoms", int64(latents)*int64(stride), &a.bytes),
		sectionOf(own, "atom units", int64(latents), &a.units),
		sectionOf(own, "bias", int64(info.Cols), &a.bias),
	)
	if err != nil {
		return nil, err
	}
	for j, unit := range a.units {
		if !(unit >= 0 && unit <= math.MaxFloat32) {
			return nil, fault.Errorf(fault.ErrFormat, "the atom of latent %d has the unit %v", j, unit)
		}
	}
	if !(kernel.MaxAbs(a.bias) <= math.MaxFloat64) {
		return nil, fault.Errorf(fault.ErrFormat, "the bias holds a number that is not finite")
	}
	a.number()
	y.atoms = a
	return y, nil
}

// copied returns d with sections in memory of their own.
func (d *description) copied() *description {
	c := &description{Sections: make([]section, len(d.Sections))}
	for i, s := range d.Sections {
		c.Sections[i] = section{Name: s.Name, bytes: append([]byte(nil), s.bytes...)}
	}
	return c
}

// sections returns the sections of s in a file.
func (s *near) sections() []section {
	return append([]section{
		{Name: "rows", bytes: bytesOf(s.rows)},
		{Name: "norms", bytes: bytesOf(s.norms)},
		{Name: "bytes", bytes: bytesOf(s.bytes)},
		{Name: "units", bytes: bytesOf(s.units)},
		{Name: "scales", bytes: bytesOf(s.scales)},
	}, s.postings.sections("near ")...)
}

// readNear returns what a file has for Nearest.
func readNear(d *description, info *segmentInfo) (*near, error) {
	if info.Cols < 1 || info.Cols > kernel.MaxBytes {
		return nil, fault.Errorf(fault.ErrFormat, "it has rows of %d numbers", info.Cols)
	}
	s := &near{cols: int(info.Cols)}
	err := fault.First(
		sectionOf(d, "rows", info.Rows*info.Cols, &s.rows),
		sectionOf(d, "norms", info.Rows, &s.norms),
		sectionOf(d, "bytes", info.Rows*int64(byteStride(s.cols)), &s.bytes),
		sectionOf(d, "units", info.Rows, &s.units),
		sectionOf(d, "scales", info.Rows, &s.scales),
		s.postings.readSections(d, "near ", info),
	)
	if err != nil {
		return nil, err
	}
	if i := matrix.FirstNotFinite(s.rows); i >= 0 {
		return nil, fault.Errorf(fault.ErrFormat, "row %d holds %v", i/s.cols, s.rows[i])
	}
	for i, norm := range s.norms {
		if unit, scale := s.units[i], s.scales[i]; !(norm >= 0 && norm <= math.MaxFloat64) || !(unit >= 0 && unit <= math.MaxFloat32) || !(scale >= 0 && scale <= mostScale) {
			return nil, fault.Errorf(fault.ErrFormat, "row %d has the norm %v, the unit %v and the scale %v", i, norm, unit, scale)
		}
	}
	return s, s.postings.check(int(info.Latents), maxMagnitude*mostScale)
}

// nearCols returns how many numbers a row of s has, 0 where there are codes alone.
func (s *segment) nearCols() int {
	if s.near == nil {
		return 0
	}
	return s.near.cols
}
