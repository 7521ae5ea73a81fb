package tensor

import (
	"fmt"
	"io"
	"math"
	"sync"
)

// A Storage is the bytes that tensors are views of. It is opened once, when the first of
// them is read.
type Storage struct {
	size  int64
	open  func() (io.ReaderAt, error)
	whole func() ([]byte, error)
}

// NewStorage returns the storage of size bytes that open gives access to. open is
// called at most once: it may check or inflate the bytes first.
func NewStorage(size int64, open func() (io.ReaderAt, error)) *Storage {
	s := &Storage{size: size, open: sync.OnceValues(open)}
	s.whole = sync.OnceValues(func() ([]byte, error) {
		r, err := s.open()
		if err != nil {
			return nil, err
		}
		if s.size > math.MaxInt {
			return nil, fmt.Errorf("%d bytes do not fit into memory", s.size)
		}
		b := make([]byte, s.size)
		return b, ReadFull(r, b, 0)
	})
	return s
}

// Section returns the storage of the size bytes at offset of r.
func Section(r io.ReaderAt, offset, size int64) *Storage {
	return NewStorage(size, func() (io.ReaderAt, error) { return io.NewSectionReader(r, offset, size), nil })
}

// Sub returns the storage of the size bytes at offset of s.
func (s *Storage) Sub(offset, size int64) *Storage {
	return NewStorage(size, func() (io.ReaderAt, error) {
		r, err := s.open()
		if err != nil {
			return nil, err
		}
		return io.NewSectionReader(r, offset, size), nil
	})
}

// ReadFull fills b from offset of r. Where r is shorter, the error is
// io.ErrUnexpectedEOF, with the place.
func ReadFull(r io.ReaderAt, b []byte, offset int64) error {
	n, err := r.ReadAt(b, offset)
	switch {
	case n == len(b):
		return nil
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%d bytes at byte %d: %w", len(b), offset, err)
}

// Budget returns how many bytes the contents of a file of size bytes may add up to,
// when compressed data is inflated and repeated elements are written out. No sensible
// file reaches it, and it keeps a small file from taking much memory.
func Budget(size int64) int64 {
	const slack, times = 64 << 10, 32
	if size > (1<<62)/times {
		return 1 << 62
	}
	return slack + times*size
}
