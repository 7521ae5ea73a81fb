package columnar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// codec is a way to compress bytes.
type codec uint8

const (
	stored codec = iota // as they are
	snappyBlock
	gzipped
	zstandard
	lz4Frame // Arrow's
	lz4Block // Parquet's LZ4_RAW
)

// budget returns how many bytes one decoded block of a file of size bytes may take: 64 MiB,
// and 32 times the file. No sensible file reaches it, and it keeps a small file from taking
// much memory.
func budget(size int64) int64 {
	const slack, times = 64 << 20, 32
	if size > (1<<40)/times {
		return 1 << 40
	}
	return slack + times*size
}

// errLength is the error of compressed bytes that do not give as many as they should.
var errLength = errors.New("the compressed data has another length than the file says, or is damaged")

// zstdDecoder decodes zstd into memory that it is given, and no other. It is for all
// goroutines.
var zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderConcurrency(0))
})

// lz4Readers and gzipReaders keep readers for the next use: each has some memory.
var lz4Readers, gzipReaders sync.Pool

// inflate fills dst with what src holds, which must be as many bytes.
func inflate(c codec, dst, src []byte) error {
	switch c {
	case stored:
		if len(src) != len(dst) {
			return errLength
		}
		copy(dst, src)
		return nil
	case snappyBlock:
		if n, err := snappy.DecodedLen(src); err != nil || n != len(dst) {
			return errLength
		}
		_, err := snappy.Decode(dst, src)
		return err
	case zstandard:
		decoder, err := zstdDecoder()
		if err != nil {
			return err
		}
		out, err := decoder.DecodeAll(src, dst[:0:len(dst)])
		if err == nil && len(out) != len(dst) {
			err = errLength
		}
		return err
	case lz4Block:
		if len(dst) == 0 { // the library reads through the nil pointer of no memory
			if len(src) != 1 || src[0] != 0 {
				return errLength
			}
			return nil
		}
		if n, err := lz4.UncompressBlock(src, dst); err != nil || n != len(dst) {
			return errLength
		}
		return nil
	case lz4Frame:
		r, _ := lz4Readers.Get().(*lz4.Reader)
		if r == nil {
			r = lz4.NewReader(nil)
		}
		r.Reset(bytes.NewReader(src))
		defer lz4Readers.Put(r)
		return fill(r, dst)
	case gzipped:
		r, _ := gzipReaders.Get().(*gzip.Reader)
		if r == nil {
			r = new(gzip.Reader)
		}
		if err := r.Reset(bytes.NewReader(src)); err != nil {
			return err
		}
		defer gzipReaders.Put(r)
		return fill(r, dst)
	}
	return fmt.Errorf("compression %d is unknown", c)
}

// fill reads dst from r, which must end there.
func fill(r io.Reader, dst []byte) error {
	if _, err := io.ReadFull(r, dst); err != nil {
		return errors.Join(errLength, err)
	}
	var more [1]byte
	if n, err := io.ReadFull(r, more[:]); n > 0 || err != io.EOF {
		return errLength
	}
	return nil
}

// grow returns b with length n, in its own memory where that is enough. What stands in it is
// of no use.
func grow[T any](b []T, n int) []T {
	if cap(b) < n {
		return make([]T, n)
	}
	return b[:n]
}
