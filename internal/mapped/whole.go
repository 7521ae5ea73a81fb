package mapped

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"runtime"
	"sync"
	"unsafe"
)

// A Whole is the bytes of a file in memory, all of them, until Close: a mapping of it where there are mappings,
// else a copy. The file must not be written while it is in use. It may be cut short, though, or its disk fail.
// So whoever uses the bytes of a mapping does so in a goroutine that debug.SetPanicOnFault was called in, and asks
// Fault about what it recovers; and asks Check afterwards, for the rest of the page in which a file was cut reads
// as zeros.
type Whole struct {
	bytes []byte
	file  *os.File // nil where bytes are a copy
	close sync.Once
}

// OpenWhole opens the file at path. Errors are those of package os.
func OpenWhole(path string) (*Whole, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	w := new(Whole)
	defer func() {
		if w.file == nil {
			file.Close() // read only
		}
	}()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	if !info.Mode().IsRegular() || size != int64(int(size)) {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("it is no regular file that fits into memory")}
	}
	if bits.UintSize == 64 && size > 0 {
		if w.bytes, err = mapFile(file, int(size)); err == nil {
			w.file = file
			return w, nil
		}
	}
	words := make([]uint64, (size+7)/8) // so that the bytes begin where any number may
	w.bytes = unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), len(words)*8)[:size]
	_, err = io.ReadFull(file, w.bytes)
	return w, err
}

// Bytes returns the bytes, which begin at a multiple of 8. They must not be written.
func (w *Whole) Bytes() []byte { return w.bytes }

// Mapped reports whether the bytes are a mapping.
func (w *Whole) Mapped() bool { return w.file != nil }

// Fault returns the error for p, which was recovered: bytes of w could not be read. It is nil where p is
// something else.
func (w *Whole) Fault(p any) error {
	fault, is := p.(interface {
		runtime.Error
		Addr() uintptr
	})
	if !is || w.file == nil {
		return nil
	}
	at := fault.Addr() - uintptr(unsafe.Pointer(unsafe.SliceData(w.bytes)))
	if at >= uintptr(len(w.bytes)) {
		return nil
	}
	if err := w.Check(); err != nil {
		return err
	}
	return fmt.Errorf("byte %d: %w", at, errFault)
}

// Check returns an error where the file is shorter than it was: what was read of it is void.
func (w *Whole) Check() error {
	if w.file == nil {
		return nil
	}
	probe := probes.Get().(*[1]byte)
	defer probes.Put(probe)
	switch _, err := w.file.ReadAt(probe[:], int64(len(w.bytes)-1)); err {
	case nil:
		return nil
	case io.EOF:
		return fmt.Errorf("it had %d bytes: %w", len(w.bytes), io.ErrUnexpectedEOF)
	default:
		return err
	}
}

// Close ends the mapping. Nobody may use the bytes any more. A second Close does nothing.
func (w *Whole) Close() (err error) {
	w.close.Do(func() {
		if w.file != nil {
			err = errors.Join(unmap(w.bytes), w.file.Close())
		}
	})
	return err
}
