package codefile

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/kernel"
	"github.com/ksparse/ksparse/internal/mapped"
	"github.com/ksparse/ksparse/internal/normal"
	"github.com/ksparse/ksparse/internal/sparse"
)

// ReadRow appends the latents of a row, ascending, and their values to latents and values, and
// returns these: for single rows at any places. Of a .ksc file that is mapped it copies some hundred
// bytes, without a call of the system; of other files it is ReadCodes of a row. It makes no
// garbage where both slices have room. Errors are those of ReadCodes.
func (f *File) ReadRow(latents []int32, values []float64, row int) ([]int32, []float64, error) {
	rows, _ := f.Dims()
	if row < 0 || row >= rows {
		return latents, values, fault.Errorf(fault.ErrRange, "row %d of codes that have %d", row, rows)
	}
	in := f.fileOf(row)
	if parts, isOurs := in.codes.(*partsFile); isOurs {
		l, v, done, err := parts.readRow(latents, values, row-in.start)
		if err != nil {
			return latents, values, readError(in.path, err)
		}
		if done {
			return l, v, nil
		}
	}
	m := oneRow.Get().(*rowMemory)
	defer oneRow.Put(m)
	m.codes.Clear(f.latents)
	m.scales = normal.Scales{Mean: m.scales.Mean[:0], Spread: m.scales.Spread[:0]}
	if err := f.read(in, &m.codes, &m.scales, row-in.start, row-in.start+1); err != nil {
		return latents, values, err
	}
	return append(latents, m.codes.Indices...), append(values, m.codes.Values...), nil
}

// rowMemory is the memory for the code of a row.
type rowMemory struct {
	codes  sparse.Codes
	scales normal.Scales
}

// oneRow keeps it from one call to the next.
var oneRow = sync.Pool{New: func() any { return new(rowMemory) }}

// partsFile is the parts of a .ksc file.
type partsFile struct {
	file  *mapped.File
	parts []*part
}

// readRow appends the code of a row where the file is mapped, and reports whether it did.
func (f *partsFile) readRow(latents []int32, values []float64, row int) (l []int32, v []float64, done bool, err error) {
	p := partOf(f.parts, row)
	row -= p.first
	var lo, hi int64
	if lo, hi, done, err = f.extent(p, row); err != nil || !done {
		return latents, values, done, err
	}
	size, kind := p.width(), int64(p.precision.size())
	latentsAt, valuesAt := p.at.latents+lo*size, p.at.values+lo*kind
	n := int(hi - lo)
	if err := p.verify(latentsAt, latentsAt+int64(n)*size); err != nil {
		return latents, values, true, p.failed(err, row, row+1)
	}
	if err := p.verify(valuesAt, valuesAt+int64(n)*kind); err != nil {
		return latents, values, true, p.failed(err, row, row+1)
	}
	firstLatent, firstValue := len(latents), len(values)
	latents, values = slices.Grow(latents, n)[:firstLatent+n], slices.Grow(values, n)[:firstValue+n]
	done, err = f.file.InPlace(func(b []byte) (int, error) {
		decodeLatents(latents[firstLatent:], b[latentsAt:], int(size))
		p.decodeValues(values[firstValue:], b[valuesAt:])
		return int(valuesAt + int64(n)*kind), p.checkRow(latents[firstLatent:], values[firstValue:], row)
	})
	if err != nil {
		err = p.failed(err, row, row+1)
	}
	return latents, values, done, err
}

// extent returns which entries of the part those of its row are.
func (f *partsFile) extent(p *part, row int) (lo, hi int64, done bool, err error) {
	if p.sameCount {
		k := p.entries / int64(p.rows)
		return int64(row) * k, int64(row+1) * k, true, nil
	}
	at := p.at.offsets + 4*int64(row)
	if err = p.verify(at, at+8); err == nil {
		done, err = f.file.InPlace(func(b []byte) (int, error) {
			lo, hi = int64(binary.LittleEndian.Uint32(b[at:])), int64(binary.LittleEndian.Uint32(b[at+4:]))
			return int(at + 8), p.checkOffset(row, lo, hi)
		})
	}
	if err != nil {
		err = p.failed(err, row, row+1)
	}
	return lo, hi, done, err
}

// decodeValues sets dst, a few values, to those at the beginning of b.
func (p *part) decodeValues(dst []float64, b []byte) {
	switch p.precision {
	case Float32:
		for t := range dst {
			dst[t] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*t:])))
		}
	case Float16:
		for t := range dst {
			dst[t] = float64(kernel.Float16(binary.LittleEndian.Uint16(b[2*t:])))
		}
	default:
		for t := range dst {
			dst[t] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*t:]))
		}
	}
}

// checkRow returns an error unless these are the code of a row of the part.
func (p *part) checkRow(latents []int32, values []float64, row int) error {
	previous := int32(-1)
	for t, j := range latents {
		if j <= previous || int(j) >= p.latents {
			return fault.Errorf(fault.ErrFormat, "row %d has latent %d after %d, want ascending latents from 0 to %d", p.first+row, j, previous, p.latents-1)
		}
		if v := values[t]; v-v != 0 {
			return refuseValue(p.first+row, j, v, p.precision)
		}
		previous = j
	}
	return nil
}

// openParts finds the parts of a .ksc file.
func openParts(file *mapped.File, _ string) (fileCodes, error) {
	parts, _, err := scan(file, file.Size())
	if err != nil {
		return nil, err
	}
	if len(parts) == 0 {
		return nil, fault.Errorf(fault.ErrEmpty, "it holds no codes")
	}
	return &partsFile{file, parts}, nil
}

// about returns what is known of the codes.
func (f *partsFile) about() about {
	last := f.parts[len(f.parts)-1]
	a := about{kind: ".ksc", rows: last.first + last.rows, latents: last.latents, scaled: last.scaled, what: last.precision.String() + " values"}
	for _, p := range f.parts {
		a.entries += p.entries
		if p.precision != last.precision {
			a.what = "values of several precisions"
		}
	}
	return a
}

// read appends the rows lo to hi.
func (f *partsFile) read(to *sparse.Codes, scales *normal.Scales, lo, hi int) error {
	for lo < hi {
		p := partOf(f.parts, lo)
		end := min(hi, p.first+p.rows)
		if err := p.read(to, scales, lo-p.first, end-p.first); err != nil {
			return err
		}
		lo = end
	}
	return nil
}
