package mapped

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"sync"
	"unsafe"
)

// fewest is the least number of bytes that View gives. Fewer are copied by the system in less time
// than it takes to ask whether they are there.
const fewest = 64 << 10

// View calls use once with the size bytes at offset of r, in place, and reports whether it did: where
// r is a File of this package, or a section of one, that is mapped, it is not the first time through
// the file, and the system has the bytes in memory. Otherwise it does nothing, and they are to be read: so
// a disk is read ahead, and no processor waits for it, as it would at a page of a mapping.
//
// use must not write the bytes, or keep them. An error of use is returned. If the file is cut short
// or cannot be read while they are used, it is io.ErrUnexpectedEOF, with the place, or an error of the
// system, and what use computed is void.
func View(r io.ReaderAt, offset int64, size int, use func(b []byte) error) (done bool, err error) {
	f, offset := under(r, offset, size)
	if f == nil || size < fewest {
		return false, nil
	}
	file, bytes, err := f.begin(size)
	if err != nil {
		return false, err
	}
	defer f.end()
	if offset > int64(len(bytes))-int64(size) {
		return false, nil
	}
	b := bytes[offset:][:size]
	if !resident(b) {
		return false, nil
	}
	at, err := guarded(b, use)
	// Beyond its end the last page of a file holds zeros, without a fault.
	probe := probes.Get().(*[1]byte)
	defer probes.Put(probe)
	switch _, cut := file.ReadAt(probe[:], offset+int64(min(at, size-1))); {
	case cut == io.EOF:
		err = fmt.Errorf("%d bytes at byte %d: %w", size, offset, io.ErrUnexpectedEOF)
	case cut != nil:
		err = cut
	case at < size:
		err = fmt.Errorf("%d bytes at byte %d: %w", size, offset, errFault)
	}
	return true, err
}

// errFault is the error for bytes that could not be read in place, and could be later.
var errFault = errors.New("they could not be read where they are mapped")

// probes keeps the memory for a byte.
var probes = sync.Pool{New: func() any { return new([1]byte) }}

// under returns the File of this package that r is, or is a section of, with the place of the bytes in it;
// nil where there is none.
func under(r io.ReaderAt, offset int64, size int) (*File, int64) {
	for {
		switch s := r.(type) {
		case *File:
			return s, offset
		case *io.SectionReader:
			outer, start, length := s.Outer()
			if offset < 0 || offset > length-int64(size) {
				return nil, 0
			}
			r, offset = outer, start+offset
		default:
			return nil, 0
		}
	}
}

// guarded calls use with b. It returns the place in b at which its memory could not be read, len(b)
// where there is none.
func guarded(b []byte, use func(b []byte) error) (at int, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		fault, is := p.(interface {
			runtime.Error
			Addr() uintptr
		})
		if !is {
			panic(p)
		}
		start := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
		if place := fault.Addr() - start; place < uintptr(len(b)) {
			at, err = int(place), nil
			return
		}
		panic(p)
	}()
	return len(b), use(b)
}
