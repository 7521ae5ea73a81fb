package codefile

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/ksparse/ksparse/internal/sniff"
)

// The numbers of the format: see doc/codes.md.
const (
	version    = 1
	headerSize = 64
	align      = 64       // a part and each of its sections begin at a multiple of this
	chunkBytes = 64 << 10 // bytes of sections that have one checksum
	wideFrom   = 1 << 16  // latents beyond this many take 4 bytes, not 2

	flagSameCount = 1 << 0 // each row has as many entries: there are no offsets
	flagScales    = 1 << 1 // the numbers are there by which the rows were normalised
)

// castagnoli is the polynomial of CRC-32C.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// layout is what the header of a part says.
type layout struct {
	latents, rows int
	entries       int64
	precision     Precision
	sameCount     bool // each row has entries/rows of them
	scaled        bool
}

// sections are the places in a part at which its sections begin, in bytes from its start, and its
// end.
type sections struct{ offsets, latents, values, mean, spread, sums, end int64 }

// width returns how many bytes a latent takes.
func (l *layout) width() int64 {
	if l.latents > wideFrom {
		return 4
	}
	return 2
}

// sections returns where the sections are.
func (l *layout) sections() (s sections) {
	at := int64(headerSize)
	next := func(bytes int64) int64 {
		start := at
		at += (bytes + align - 1) / align * align
		return start
	}
	if s.offsets = at; !l.sameCount {
		s.offsets = next(4 * int64(l.rows+1))
	}
	s.latents = next(l.width() * l.entries)
	s.values = next(int64(l.precision.size()) * l.entries)
	if s.mean, s.spread = at, at; l.scaled {
		s.mean, s.spread = next(8*int64(l.rows)), next(8*int64(l.rows))
	}
	s.sums = next(4 * chunks(at-headerSize))
	s.end = at
	return s
}

// chunks returns how many checksums so many bytes of sections have.
func chunks(bytes int64) int64 { return (bytes + chunkBytes - 1) / chunkBytes }

// header returns the first bytes of a part.
func (l *layout) header() []byte {
	b := make([]byte, headerSize)
	le := binary.LittleEndian
	copy(b, sniff.CodesMagic)
	le.PutUint32(b[8:], version)
	b[12], b[13] = byte(l.width()), byte(l.precision)
	if l.sameCount {
		b[14] |= flagSameCount
	}
	if l.scaled {
		b[14] |= flagScales
	}
	le.PutUint32(b[16:], uint32(l.latents))
	le.PutUint32(b[20:], uint32(l.rows))
	le.PutUint64(b[24:], uint64(l.entries))
	le.PutUint64(b[32:], uint64(l.sections().end))
	le.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

// parseHeader reads the first bytes of a part. A part that it takes has sizes that cannot overflow.
func parseHeader(b []byte) (l layout, err error) {
	le := binary.LittleEndian
	switch v := le.Uint32(b[8:]); {
	case string(b[:8]) != sniff.CodesMagic:
		return l, fmt.Errorf("it begins with %.8q, want %q", b[:8], sniff.CodesMagic)
	case v != version:
		return l, fmt.Errorf("it has version %d of the format, this program reads version %d", v, version)
	case le.Uint32(b[60:]) != crc32.Checksum(b[:60], castagnoli):
		return l, fmt.Errorf("its header is damaged: CRC-32C %08x, want %08x", crc32.Checksum(b[:60], castagnoli), le.Uint32(b[60:]))
	}
	latents, rows, entries := le.Uint32(b[16:]), le.Uint32(b[20:]), le.Uint64(b[24:])
	l = layout{
		latents: int(latents), rows: int(rows), entries: int64(entries), precision: Precision(b[13]),
		sameCount: b[14]&flagSameCount != 0, scaled: b[14]&flagScales != 0,
	}
	switch {
	case latents < 1 || latents > math.MaxInt32 || rows < 1 || rows > math.MaxInt32:
		return l, fmt.Errorf("its header has %d rows of %d latents", rows, latents)
	case entries > math.MaxUint32 || entries > uint64(rows)*uint64(latents):
		return l, fmt.Errorf("its header has %d entries for %d rows of %d latents", entries, rows, latents)
	case l.sameCount && (entries == 0 || entries%uint64(rows) != 0):
		return l, fmt.Errorf("its header has %d entries for %d rows that all have as many", entries, rows)
	case !l.precision.valid() || int64(b[12]) != l.width():
		return l, fmt.Errorf("its header has values of kind %d and latents of %d bytes", b[13], b[12])
	case b[14]&^(flagSameCount|flagScales) != 0 || b[15] != 0:
		return l, fmt.Errorf("its header has the flags %#x, which this program does not know", le.Uint16(b[14:]))
	case le.Uint64(b[32:]) != uint64(l.sections().end):
		return l, fmt.Errorf("its header has %d bytes, for what takes %d", le.Uint64(b[32:]), l.sections().end)
	}
	for _, zero := range b[40:60] {
		if zero != 0 {
			return l, fmt.Errorf("its header has bytes that this program does not know")
		}
	}
	return l, nil
}
