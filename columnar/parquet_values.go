package columnar

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/ksparse/ksparse/internal/tensor"
)

// The encodings, as parquet.thrift numbers them.
const (
	encodingPlain           = 0
	encodingPlainDictionary = 2
	encodingDelta           = 5
	encodingDeltaLengths    = 6
	encodingDictionary      = 8
	encodingSplit           = 9
)

// errEncoding returns the error for an encoding that is not read.
func errEncoding(p *parquetPage) error {
	return fmt.Errorf("a page has encoding %d, which is not supported", p.encoding)
}

// numbers sets dst to the values of a page.
func (c *parquetReader) numbers(dst []float64, src []byte, chunk *pagedChunk, g int, p *parquetPage) error {
	size := c.plainSize
	switch p.encoding {
	case encodingPlain:
		if len(src) < len(dst)*size {
			return errors.New("a page has too few numbers")
		}
		return readNumbers(dst, c.name, bytes.NewReader(src), c.dtype, 0)
	case encodingPlainDictionary, encodingDictionary:
		return c.lookUp(dst, src, chunk, g)
	case encodingSplit:
		if len(src) < len(dst)*size {
			return errors.New("a page has too few numbers")
		}
		return readNumbers(dst, c.name, bytes.NewReader(join(src, len(dst), size)), c.dtype, 0)
	case encodingDelta:
		if size != 4 && size != 8 {
			break
		}
		return deltas(dst, src, c.dtype)
	}
	return errEncoding(p)
}

// join puts together numbers of which each byte stands with those of the other numbers, first
// all first bytes.
func join(src []byte, n, size int) []byte {
	out := make([]byte, n*size)
	for k := range size {
		for i, b := range src[k*n : (k+1)*n] {
			out[i*size+k] = b
		}
	}
	return out
}

// lookUp sets dst to entries of the dictionary, which is kept as a page is.
func (c *parquetReader) lookUp(dst []float64, src []byte, chunk *pagedChunk, g int) error {
	if chunk.dictionary == nil || len(src) == 0 {
		return errors.New("a page needs a dictionary, which is not there")
	}
	p := chunk.dictionary
	return c.blocks.use(key{c.shard, g, -1}, func(memory []float64) ([]float64, error) {
		entries := grow(memory, int(p.values))
		return entries, c.withPage(chunk, p, func(raw []byte) error {
			if len(raw) < len(entries)*c.plainSize {
				return errors.New("its dictionary is too short")
			}
			return readNumbers(entries, c.name, bytes.NewReader(raw), c.dtype, 0)
		})
	}, func(entries []float64) error {
		return withPlaces(len(dst), src, func(i, place int) error {
			if place >= len(entries) {
				return errPlace
			}
			dst[i] = entries[place]
			return nil
		})
	})
}

// errPlace is the error for a value that is not in its dictionary.
var errPlace = errors.New("a page has a value that is not in its dictionary")

// withPlaces calls f for the n places in a dictionary that src holds, after a byte that says
// how many bits each has.
func withPlaces(n int, src []byte, f func(i, place int) error) error {
	memory := placeBuffers.Get().(*[]uint32)
	defer placeBuffers.Put(memory)
	*memory = grow(*memory, n)
	if err := expand(*memory, src[1:], int(src[0])); err != nil {
		return err
	}
	for i, place := range *memory {
		if err := f(i, int(place)); err != nil {
			return err
		}
	}
	return nil
}

// levelBuffers and placeBuffers keep the memory that levels and places are expanded into.
var (
	levelBuffers = sync.Pool{New: func() any { return new([]uint8) }}
	placeBuffers = sync.Pool{New: func() any { return new([]uint32) }}
)

// deltas sets dst to integers that are stored as differences (Encodings.md,
// "Delta Encoding"): in blocks, of which each has a least difference and some miniblocks of
// what is added to that, each of these packed in so many bits.
func deltas(dst []float64, src []byte, d tensor.DType) error {
	values, _, err := deltaNumbers(src, len(dst))
	for i, v := range values {
		switch d { // the differences may have overflowed
		case tensor.I32:
			v = int64(int32(v))
		case tensor.U32:
			v = int64(uint32(v))
		}
		if v > 1<<53 || v < -1<<53 {
			return fmt.Errorf("the integer %d is above 2^53, which float64 may not hold", v)
		}
		dst[i] = float64(v)
	}
	return err
}

// deltaNumbers returns n such integers, and the bytes after them.
func deltaNumbers(src []byte, n int) ([]int64, []byte, error) {
	c := &compact{b: src}
	blockSize, minis, total, value := c.uvarint(), c.uvarint(), c.uvarint(), c.int()
	if c.bad || minis == 0 || minis > 1<<10 || blockSize > 1<<16 || blockSize%minis != 0 || blockSize/minis%8 != 0 || total != uint64(n) {
		return nil, nil, errHybrid
	}
	perMini := int(blockSize / minis)
	values := make([]int64, 0, n)
	if n > 0 {
		values = append(values, value)
	}
	for len(values) < n {
		least := c.int()
		widths := c.next(minis)
		for _, width := range widths {
			if len(values) == n {
				break // miniblocks without numbers are not there
			}
			packed := c.next(uint64(perMini * int(width) / 8))
			if c.bad || width > 64 {
				return nil, nil, errHybrid
			}
			for i := 0; i < perMini && len(values) < n; i++ {
				value += least + int64(bitsAt(packed, i*int(width), int(width)))
				values = append(values, value)
			}
		}
		if c.bad {
			return nil, nil, errHybrid
		}
	}
	return values, c.b[c.pos:], nil
}

// bitsAt returns width bits of src from bit at on.
func bitsAt(src []byte, at, width int) (v uint64) {
	for i := 0; i < width; {
		take := min(8-at%8, width-i)
		v |= uint64(src[at/8]>>(at%8)&(1<<take-1)) << i
		at, i = at+take, i+take
	}
	return v
}

// byteLengths cuts n byte strings, each of which follows its length in four bytes, from src.
func byteLengths(src []byte, n int) ([]string, error) {
	texts := make([]string, 0, min(n, len(src)/4+1))
	for range n {
		if len(src) < 4 {
			return nil, errors.New("its strings end too early")
		}
		size := binary.LittleEndian.Uint32(src)
		if size > math.MaxInt32 || int(size) > len(src)-4 {
			return nil, errors.New("its strings end too early")
		}
		texts, src = append(texts, string(src[4:4+size])), src[4+size:]
	}
	return texts, nil
}
