package columnar

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"sync"

	"github.com/parquet-go/parquet-go/encoding/bytestreamsplit"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/plain"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/format"
)

// plainDictionary is the name of the encoding format.RLEDictionary in older files.
const plainDictionary format.Encoding = 2

// errEncoding returns the error for an encoding that is not read.
func errEncoding(p *parquetPage) error {
	return fmt.Errorf("a page has the encoding %v, which is not supported", p.encoding)
}

// errTooFew is the error for a page that ends too early.
var errTooFew = errors.New("a page has too few numbers")

// numbers sets dst to the values of a page.
func (c *parquetReader) numbers(dst []float64, src []byte, chunk *pagedChunk, g int, p *parquetPage) (err error) {
	size := c.plainSize
	switch p.encoding {
	case plainDictionary, format.RLEDictionary:
		return c.lookUp(dst, src, chunk, g)
	case format.Plain:
	case format.ByteStreamSplit:
		if len(src) < len(dst)*size {
			return errTooFew
		}
		src, err = new(bytestreamsplit.Encoding).DecodeFixedLenByteArray(nil, src[:len(dst)*size], size)
	case format.DeltaBinaryPacked:
		src, err = plainIntegers(src, len(dst), size)
	default:
		return errEncoding(p)
	}
	if err == nil && len(src) < len(dst)*size {
		err = errTooFew
	}
	if err != nil {
		return err
	}
	return readNumbers(dst, c.name, bytes.NewReader(src), c.dtype, 0)
}

// plainIntegers returns n integers of so many bytes, which are stored as differences, one after
// the other.
func plainIntegers(src []byte, n, size int) ([]byte, error) {
	if err := checkDeltas(src, n); err != nil {
		return nil, err
	}
	var raw []byte
	err := sound(func() error {
		var e delta.BinaryPackedEncoding
		if size == 4 {
			values, err := e.DecodeInt32(nil, src)
			raw, _ = new(plain.Encoding).EncodeInt32(nil, values) // has no errors
			return err
		}
		values, err := e.DecodeInt64(nil, src)
		raw, _ = new(plain.Encoding).EncodeInt64(nil, values)
		return err
	})
	return raw, err
}

// sound calls f, which gives bytes of the file to a library. A panic of it on damaged ones is an
// error.
func sound(f func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("its values are damaged")
		}
	}()
	return f()
}

// checkDeltas returns an error unless the bytes of differences say that they are n: the library
// makes room for as many as they say. Two other numbers stand before that one.
func checkDeltas(src []byte, n int) error {
	for range 2 {
		_, used := binary.Uvarint(src)
		src = src[max(used, 0):]
	}
	if total, _ := binary.Uvarint(src); total != uint64(n) {
		return fmt.Errorf("it has %d values, and its header says %d", total, n)
	}
	return nil
}

// lookUp sets dst to entries of the dictionary, which is kept as a page is.
func (c *parquetReader) lookUp(dst []float64, src []byte, chunk *pagedChunk, g int) error {
	p := chunk.dictionary
	if p == nil {
		return errNoDictionary
	}
	return c.blocks.use(key{c.shard, g, -1}, func(memory []float64) ([]float64, error) {
		entries := grow(memory, int(p.values))
		return entries, c.withPage(chunk, p, func(raw []byte) error {
			if len(raw) < len(entries)*c.plainSize {
				return errors.New("its dictionary is too short")
			}
			return readNumbers(entries, c.name, bytes.NewReader(raw), c.dtype, 0)
		})
	}, func(entries []float64) error { return places(dst, src, entries) })
}

// errNoDictionary is the error for a page of places in a dictionary that is not there.
var errNoDictionary = errors.New("a page needs a dictionary, which is not there")

// placeBuffers and levelBuffers keep the memory that places and levels are expanded into.
var (
	placeBuffers = sync.Pool{New: func() any { return new([]int32) }}
	levelBuffers = sync.Pool{New: func() any { return new([2][]uint8) }}
)

// places sets dst to the entries of a dictionary whose places src has, after a byte that says of
// how many bits each place is.
func places[T any](dst []T, src []byte, entries []T) error {
	if len(src) == 0 {
		return errTooFew
	}
	width := int(src[0])
	src, err := enough(src[1:], width, len(dst))
	if err != nil {
		return err
	}
	memory := placeBuffers.Get().(*[]int32)
	defer placeBuffers.Put(memory)
	*memory = grow(*memory, len(dst)+7)
	if clear(*memory); width > 0 {
		if *memory, err = (&rle.Encoding{BitWidth: width}).DecodeInt32(*memory, src); err != nil {
			return err
		}
	}
	for i, place := range (*memory)[:len(dst)] {
		if place < 0 || int(place) >= len(entries) {
			return errors.New("a page has a value that is not in its dictionary")
		}
		dst[i] = entries[place]
	}
	return nil
}

// levels returns n levels from 0 to most, in the memory given. Where most is 0 all are 0.
func levels(memory []uint8, src []byte, n, most int) ([]uint8, error) {
	width := bits.Len(uint(most))
	memory = grow(memory, n+7)
	if width == 0 {
		clear(memory)
		return memory[:n], nil
	}
	src, err := enough(src, width, n)
	if err != nil {
		return memory, err
	}
	memory, err = (&rle.Encoding{BitWidth: width}).DecodeLevels(memory, src)
	return memory[:min(n, len(memory))], err
}

// enough returns the bytes at the start of src that hold n numbers of so many bits, which are runs
// of one number and numbers packed by eight (Encodings.md, "Run Length Encoding / Bit-Packing
// Hybrid"). The library makes room for as many numbers as a run says, so that these must be few:
// packed ones are in the bytes, if not all in use, and of one number a run has hardly more than
// there are.
func enough(src []byte, width, n int) ([]byte, error) {
	pos, most := 0, uint64(n+1<<10)
	for left := n; left > 0; {
		head, used := binary.Uvarint(src[pos:])
		count, size := head>>1, uint64(width+7)/8
		if head&1 == 1 {
			count, size = count*8, count*uint64(width)
		}
		few := count <= most || head&1 == 1 && width > 0
		if used <= 0 || head >= 1<<32 || width > 32 || !few || size > uint64(len(src)-pos-used) {
			return nil, errors.New("its levels or places in the dictionary are damaged")
		}
		pos += used + int(size)
		left -= int(count)
	}
	return src[:pos], nil
}
