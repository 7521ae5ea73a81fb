package codefile

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"sort"
	"sync/atomic"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/sniff"
	"github.com/ksparse/ksparse/internal/sparse"
	"github.com/ksparse/ksparse/internal/tensor"
)

// part is a part of a .ksc file.
type part struct {
	layout
	r        io.ReaderAt
	number   int           // among the parts of the file, from 1
	start    int64         // in the file, in bytes
	at       sections      // in the file
	first    int           // its first row in the file
	verified []atomic.Bool // chunks whose checksum was compared
}

// cutError is the error for a file that ends within a part.
type cutError struct {
	part       int
	start      int64
	have, want int64 // bytes; want is 0 where not even the header is whole
	rowsBefore int
}

// Error says where the file is cut, and what of it is whole.
func (e *cutError) Error() string {
	want := ""
	if e.want > 0 {
		want = fmt.Sprintf(" of %d", e.want)
	}
	return fmt.Sprintf("part %d, at byte %d, is not whole: it has %d%s bytes. The file was cut short (get it again), or a program died while it appended: the %d rows in the parts before are whole, and the next codes that are appended take the place of this part",
		e.part, e.start, e.have, want, e.rowsBefore)
}

// scan reads the headers of the parts in the size bytes of r. Where the last part is not whole it
// returns those before it, the place where they end, and a *cutError.
func scan(r io.ReaderAt, size int64) (parts []*part, whole int64, err error) {
	head := make([]byte, headerSize)
	rows := 0
	for whole < size {
		cut := &cutError{part: len(parts) + 1, start: whole, have: size - whole, rowsBefore: rows}
		n := min(headerSize, cut.have)
		if err := tensor.ReadFull(r, head[:n], whole); err != nil {
			return parts, whole, err
		}
		if isMark := string(head[:min(n, 8)]) == sniff.CodesMagic[:min(n, 8)]; n < headerSize && isMark {
			return parts, whole, cut
		} else if !isMark {
			return parts, whole, fmt.Errorf("%d bytes at byte %d, after %d parts of %d rows, are no part of codes", cut.have, whole, len(parts), rows)
		}
		l, err := parseHeader(head)
		if err != nil {
			return parts, whole, fmt.Errorf("part %d, at byte %d: %w", cut.part, whole, err)
		}
		if cut.want = l.sections().end; cut.want > cut.have {
			return parts, whole, cut
		}
		p := newPart(r, l, whole)
		p.number, p.first = cut.part, rows
		if err := p.fits(parts); err != nil {
			return parts, whole, err
		}
		parts = append(parts, p)
		whole += cut.want
		rows += l.rows
	}
	return parts, whole, nil
}

// newPart returns the part at byte start of r, which has all of its bytes.
func newPart(r io.ReaderAt, l layout, start int64) *part {
	s := l.sections()
	p := &part{layout: l, r: r, start: start, verified: make([]atomic.Bool, chunks(s.sums-headerSize))}
	p.at = sections{start + s.offsets, start + s.latents, start + s.values, start + s.mean, start + s.spread, start + s.sums, start + s.end}
	return p
}

// fits returns an error unless p can follow the parts before it.
func (p *part) fits(before []*part) error {
	if len(before) == 0 {
		return nil
	}
	last := before[len(before)-1]
	switch {
	case p.latents != last.latents:
		return fault.Errorf(fault.ErrShape, "part %d has codes of %d latents, those before it have %d", p.number, p.latents, last.latents)
	case p.scaled != last.scaled:
		return fault.Errorf(fault.ErrShape, "part %d: %s", p.number, fault.Text(scalesDiffer(p.first, p.scaled)))
	case p.rows > math.MaxInt-p.first:
		return fault.Errorf(fault.ErrShape, "up to part %d there are more rows than can be counted", p.number)
	}
	return nil
}

// verify compares the checksums of the chunks in which the bytes lo to hi of the file are, where that was
// not done before.
func (p *part) verify(lo, hi int64) error {
	body := p.start + headerSize
	for c := (lo - body) / chunkBytes; c*chunkBytes < hi-body; c++ {
		if p.verified[c].Load() {
			continue
		}
		if err := p.verifyChunk(c); err != nil {
			return err
		}
		p.verified[c].Store(true)
	}
	return nil
}

// verifyChunk compares the checksum of chunk c.
func (p *part) verifyChunk(c int64) error {
	var want [4]byte
	if err := tensor.ReadFull(p.r, want[:], p.at.sums+4*c); err != nil {
		return err
	}
	lo := p.start + headerSize + c*chunkBytes
	hi := min(lo+chunkBytes, p.at.sums)
	crc := uint32(0)
	err := tensor.Pieces(p.r, lo, hi-lo, 1, func(b []byte) error {
		crc = crc32.Update(crc, castagnoli, b)
		return nil
	})
	if w := binary.LittleEndian.Uint32(want[:]); err == nil && crc != w {
		err = fmt.Errorf("the bytes %d to %d of the file are damaged: CRC-32C %08x, want %08x", lo, hi, crc, w)
	}
	return err
}

// section calls use with the bytes lo to hi of the file, in pieces of whole elements of that many bytes. They have
// been compared with their checksums.
func (p *part) section(lo, hi int64, size int, use func(b []byte) error) error {
	if err := p.verify(lo, hi); err != nil {
		return err
	}
	return tensor.Pieces(p.r, lo, hi-lo, size, use)
}

// read appends the rows lo to hi of the part.
func (p *part) read(to *sparse.Codes, scales *normal.Scales, lo, hi int) error {
	err := p.readRows(to, scales, lo, hi)
	if err != nil {
		return p.failed(err, lo, hi)
	}
	return nil
}

// failed names the part and the rows in an error.
func (p *part) failed(err error, lo, hi int) error {
	return fault.Errorf(err, "part %d, reading the rows %d to %d of the file: %s", p.number, p.first+lo, p.first+hi, fault.Text(err))
}

// readRows is read, with errors that do not name the part.
func (p *part) readRows(to *sparse.Codes, scales *normal.Scales, lo, hi int) error {
	base := len(to.Values)
	from, err := p.readOffsets(to, lo, hi)
	if err != nil {
		return err
	}
	n := to.Offsets[len(to.Offsets)-1] - base
	to.Indices = slices.Grow(to.Indices, n)[:base+n]
	to.Values = slices.Grow(to.Values, n)[:base+n]
	if err := p.readLatents(to.Indices[base:], from); err != nil {
		return err
	}
	if err := p.readFloats(to.Values[base:], p.at.values, from, p.precision); err != nil {
		return err
	}
	to.Rows += hi - lo
	if err := p.checkRows(to, to.Rows-(hi-lo), base, lo); err != nil {
		return err
	}
	if !p.scaled {
		return nil
	}
	if scales.Mean, err = p.readScales(scales.Mean, p.at.mean, lo, hi); err != nil {
		return err
	}
	scales.Spread, err = p.readScales(scales.Spread, p.at.spread, lo, hi)
	return err
}

// readOffsets appends where the rows lo to hi end in codes that have some entries. It returns the number of
// their first entry in the part.
func (p *part) readOffsets(to *sparse.Codes, lo, hi int) (from int64, err error) {
	to.Offsets = slices.Grow(to.Offsets, hi-lo)
	base := len(to.Values)
	if p.sameCount {
		k := int(p.entries / int64(p.rows))
		if k > mostAtOnce/(hi-lo) {
			return 0, tooMany(int64(k) * int64(hi-lo))
		}
		for i := range hi - lo {
			to.Offsets = append(to.Offsets, base+(i+1)*k)
		}
		return int64(lo) * int64(k), nil
	}
	row, last := lo-1, int64(-1)
	err = p.section(p.at.offsets+4*int64(lo), p.at.offsets+4*int64(hi+1), 4, func(b []byte) error {
		for ; len(b) > 0; b = b[4:] {
			o := int64(binary.LittleEndian.Uint32(b))
			if row < lo {
				from, last = o, o
			}
			if err := p.checkOffset(row, last, o); err != nil {
				return err
			}
			if o-from > mostAtOnce {
				return tooMany(o - from)
			}
			if row >= lo {
				to.Offsets = append(to.Offsets, base+int(o-from))
			}
			last = o
			row++
		}
		return nil
	})
	return from, err
}

// mostAtOnce is how many entries can be in memory.
const mostAtOnce = math.MaxInt / 32

// tooMany is the error for more entries than that.
func tooMany(n int64) error {
	return fault.Errorf(fault.ErrRange, "%d entries are more than fit into memory: read fewer rows at a time", n)
}

// checkOffset returns an error unless row, whose entries begin at lo, may end at hi.
func (p *part) checkOffset(row int, lo, hi int64) error {
	if row < 0 && hi != 0 {
		return fmt.Errorf("the entries of its first row begin at %d, want 0", hi)
	}
	if hi < lo || hi-lo > int64(p.latents) || hi > p.entries || row == p.rows-1 && hi != p.entries {
		return fmt.Errorf("row %d has the entries %d to %d, of the %d of the part", p.first+row, lo, hi, p.entries)
	}
	return nil
}

// readLatents sets dst to the latents of the entries from number from on.
func (p *part) readLatents(dst []int32, from int64) error {
	size := int(p.width())
	lo := p.at.latents + from*int64(size)
	return p.section(lo, lo+int64(len(dst)*size), size, func(b []byte) error {
		n := len(b) / size
		decodeLatents(dst[:n], b, size)
		dst = dst[n:]
		return nil
	})
}

// decodeLatents sets dst to latents of 2 or 4 bytes.
func decodeLatents(dst []int32, b []byte, size int) {
	b = b[:len(dst)*size]
	if size == 2 {
		for i := range dst {
			dst[i] = int32(binary.LittleEndian.Uint16(b[2*i:]))
		}
		return
	}
	for i := range dst {
		dst[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
}

// readFloats sets dst to the numbers of a section from number from on.
func (p *part) readFloats(dst []float64, section, from int64, kind Precision) error {
	size := kind.size()
	lo := section + from*int64(size)
	return p.section(lo, lo+int64(len(dst)*size), size, func(b []byte) error {
		n := len(b) / size
		err := tensor.Decode(dst[:n], b, precisions[kind].dtype)
		dst = dst[n:]
		return err
	})
}

// readScales appends the numbers of a section for the rows lo to hi.
func (p *part) readScales(dst []float64, section int64, lo, hi int) ([]float64, error) {
	base := len(dst)
	dst = slices.Grow(dst, hi-lo)[:base+hi-lo]
	if err := p.readFloats(dst[base:], section, int64(lo), Float64); err != nil {
		return dst, err
	}
	if !kernel.AllFinite(dst[base:]) {
		return dst, fault.Errorf(fault.ErrNotFinite, "a row was normalised by a number that is not finite")
	}
	return dst, nil
}

// checkRows returns an error unless the rows of c from first on, whose entries begin at base, are codes of
// p.latents latents. The first of them is row lo of the part.
func (p *part) checkRows(c *sparse.Codes, first, base, lo int) error {
	for i := first; i < c.Rows; i++ {
		indices, _ := c.Row(i)
		previous := int32(-1)
		for _, j := range indices {
			if j <= previous {
				return fault.Errorf(fault.ErrFormat, "row %d has latent %d after %d, want ascending latents", p.first+lo+i-first, j, previous)
			}
			previous = j
		}
		if int(previous) >= p.latents {
			return fault.Errorf(fault.ErrFormat, "row %d has latent %d, want 0 to %d", p.first+lo+i-first, previous, p.latents-1)
		}
	}
	if kernel.AllFinite(c.Values[base:]) {
		return nil
	}
	for i := first; i < c.Rows; i++ {
		indices, values := c.Row(i)
		for t, v := range values {
			if v-v != 0 {
				return refuseValue(p.first+lo+i-first, indices[t], v, p.precision)
			}
		}
	}
	return nil
}

// partOf returns the part in which row is.
func partOf(parts []*part, row int) *part {
	return parts[sort.Search(len(parts), func(i int) bool { return parts[i].first+parts[i].rows > row })]
}
