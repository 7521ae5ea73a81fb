package tensor

import (
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/ksparse/ksparse/internal/mapped"
	"github.com/ksparse/ksparse/internal/matrix"
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

// How much is used of a file at a time.
const (
	pieceBytes = 1 << 20   // where it is mapped
	runBytes   = 128 << 10 // where it is read
)

// runs keeps the memory of Pieces from one call to the next.
var runs = sync.Pool{New: func() any { return new([]byte) }}

// Pieces calls use with the size bytes at offset of r, in order: a piece at a time, each a multiple
// of unit bytes. They lie in the file itself, where package mapped has it mapped, else in memory
// that the next piece uses again; use must not write or keep them. Errors are those of use, of
// ReadFull, and of package mapped.
func Pieces(r io.ReaderAt, offset, size int64, unit int, use func(b []byte) error) error {
	for size > 0 {
		n := min(size, int64(max(1, pieceBytes/unit)*unit))
		done, err := mapped.View(r, offset, int(n), use)
		if err == nil && !done {
			err = readPieces(r, offset, int(n), unit, use)
		}
		if err != nil {
			return err
		}
		offset, size = offset+n, size-n
	}
	return nil
}

// readPieces is Pieces by reading.
func readPieces(r io.ReaderAt, offset int64, size, unit int, use func(b []byte) error) error {
	buf := runs.Get().(*[]byte)
	defer runs.Put(buf)
	atOnce := min(size, max(1, runBytes/unit)*unit)
	*buf = matrix.Resized(*buf, atOnce)
	for size > 0 {
		b := (*buf)[:min(size, atOnce)]
		if err := ReadFull(r, b, offset); err != nil {
			return err
		}
		if err := use(b); err != nil {
			return err
		}
		offset, size = offset+int64(len(b)), size-len(b)
	}
	return nil
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
