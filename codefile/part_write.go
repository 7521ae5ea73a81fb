package codefile

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
	"slices"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/sparse"
)

// How large a part becomes. A row with more entries than that is a part of its own. Tests have
// smaller ones.
var (
	mostRows    = 1 << 16
	mostEntries = 1 << 21
)

// partWriter collects rows, and writes a part of a .ksc file when it is full. Of a part all but the
// header is in memory as it will be in the file.
type partWriter struct {
	to      io.Writer
	layout  layout // of the part that is collected; latents and precision are those of all
	known   bool   // whether layout.scaled is known
	written int    // rows of parts that are written
	sum     *Summary

	offsets, latents, values, mean, spread []byte
}

// add appends the rows of c.
func (w *partWriter) add(c *sparse.Codes, s *normal.Scales) error {
	scaled := len(s.Spread) == c.Rows
	if w.known && scaled != w.layout.scaled {
		return scalesDiffer(w.written+w.layout.rows, scaled)
	}
	w.known, w.layout.scaled = true, scaled
	le := binary.LittleEndian
	for i := range c.Rows {
		latents, values := c.Row(i)
		if w.layout.rows == mostRows || w.layout.rows > 0 && w.layout.entries+int64(len(values)) > int64(mostEntries) {
			if err := w.flush(); err != nil {
				return err
			}
		}
		if err := w.addRow(latents, values); err != nil {
			return err
		}
		if scaled {
			if m, v := s.Mean[i], s.Spread[i]; m-m != 0 || v-v != 0 {
				return fault.Errorf(fault.ErrNotFinite, "row %d was normalised by %v and %v", w.written+w.layout.rows-1, m, v)
			}
			w.mean = le.AppendUint64(w.mean, math.Float64bits(s.Mean[i]))
			w.spread = le.AppendUint64(w.spread, math.Float64bits(s.Spread[i]))
		}
	}
	return nil
}

// scalesDiffer is the error for a row that has, or lacks, what rows before it lack, or have.
func scalesDiffer(row int, scaled bool) error {
	this, other := "no numbers by which it was normalised", "has some"
	if scaled {
		this, other = "numbers by which it was normalised", "has none"
	}
	return fault.Errorf(fault.ErrShape, "row %d has %s, the row before it %s", row, this, other)
}

// addRow appends the entries of a row.
func (w *partWriter) addRow(latents []int32, values []float64) error {
	l := &w.layout
	le := binary.LittleEndian
	if l.rows == 0 {
		w.offsets, l.sameCount = le.AppendUint32(w.offsets[:0], 0), len(values) > 0
	}
	w.addLatents(latents)
	if err := w.addValues(latents, values); err != nil {
		return err
	}
	l.rows++
	l.entries += int64(len(values))
	l.sameCount = l.sameCount && l.entries == int64(len(values))*int64(l.rows)
	w.offsets = le.AppendUint32(w.offsets, uint32(l.entries))
	return nil
}

// addLatents appends the latents of a row.
func (w *partWriter) addLatents(latents []int32) {
	base, size := len(w.latents), int(w.layout.width())
	w.latents = slices.Grow(w.latents, size*len(latents))[:base+size*len(latents)]
	b := w.latents[base:]
	for t, j := range latents {
		if size == 2 {
			binary.LittleEndian.PutUint16(b[2*t:], uint16(j))
		} else {
			binary.LittleEndian.PutUint32(b[4*t:], uint32(j))
		}
	}
}

// addValues appends the values of a row, and takes them into the summary.
func (w *partWriter) addValues(latents []int32, values []float64) error {
	p := w.layout.precision
	base, size := len(w.values), p.size()
	w.values = slices.Grow(w.values, size*len(values))[:base+size*len(values)]
	b := w.values[base:]
	for t, v := range values {
		kept := p.put(b[t*size:], v)
		if kept-kept != 0 {
			return refuseValue(w.written+w.layout.rows, latents[t], v, p)
		}
		w.sum.note(v, kept, p)
	}
	return nil
}

// refuseValue is the error for a value that is not finite, or too large for the precision.
func refuseValue(row int, latent int32, v float64, p Precision) error {
	if v-v != 0 {
		return fault.Errorf(fault.ErrNotFinite, "row %d, latent %d: the value is %v", row, latent, v)
	}
	return fault.Errorf(fault.ErrRange, "row %d, latent %d: the value %v is too large for %s", row, latent, v, p)
}

// flush writes the part that was collected, if there is one.
func (w *partWriter) flush() error {
	l := &w.layout
	if l.rows == 0 {
		return nil
	}
	if _, err := w.to.Write(l.header()); err != nil {
		return err
	}
	body := summed{to: w.to}
	sections := [][]byte{w.offsets, w.latents, w.values, w.mean, w.spread}
	if l.sameCount {
		sections[0] = nil
	}
	for _, s := range sections {
		if err := writeAligned(&body, s); err != nil {
			return err
		}
	}
	if err := writeAligned(w.to, body.finish()); err != nil {
		return err
	}
	w.written += l.rows
	l.rows, l.entries = 0, 0
	w.latents, w.values, w.mean, w.spread = w.latents[:0], w.values[:0], w.mean[:0], w.spread[:0]
	return nil
}

// zeros fill up a section.
var zeros [align]byte

// writeAligned writes b, and zeros to the next multiple of align.
func writeAligned(w io.Writer, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return err
	}
	_, err := w.Write(zeros[:(align-len(b)%align)%align])
	return err
}

// summed passes on what is written, and keeps the CRC-32C of each chunk of it, little-endian.
type summed struct {
	to   io.Writer
	n    int // bytes of the chunk so far
	crc  uint32
	sums []byte
}

// Write passes b on.
func (s *summed) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := min(len(rest), chunkBytes-s.n)
		s.crc = crc32.Update(s.crc, castagnoli, rest[:n])
		rest = rest[n:]
		if s.n += n; s.n == chunkBytes {
			s.finish()
		}
	}
	return s.to.Write(b)
}

// finish ends the chunk that was begun, and returns the checksums.
func (s *summed) finish() []byte {
	if s.n > 0 {
		s.sums = binary.LittleEndian.AppendUint32(s.sums, s.crc)
	}
	s.n, s.crc = 0, 0
	return s.sums
}
