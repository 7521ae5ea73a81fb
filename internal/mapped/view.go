package mapped

import (
	"errors"
	"fmt"
	"io"
	"os"
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
	file, bytes, seldom, err := f.begin(size)
	if err != nil {
		return false, err
	}
	defer f.end()
	if seldom || offset > int64(len(bytes))-int64(size) {
		return false, nil // to make the tables of its pages may take longer than to copy them
	}
	b := bytes[offset:][:size]
	if !resident(b) {
		return false, nil
	}
	at, err := guarded(b, use)
	if missing := probe(file, offset, size, at); missing != nil {
		err = missing
	}
	return true, err
}

// probe asks the system whether the file has the size bytes at offset, which were used up to at. Beyond
// its end the last page of a file holds zeros, without a fault.
func probe(file *os.File, offset int64, size, at int) error {
	b := probes.Get().(*[1]byte)
	defer probes.Put(b)
	switch _, cut := file.ReadAt(b[:], offset+int64(min(at, size-1))); {
	case cut == io.EOF:
		return fmt.Errorf("%d bytes at byte %d: %w", size, offset, io.ErrUnexpectedEOF)
	case cut != nil:
		return cut
	case at < size:
		return fmt.Errorf("%d bytes at byte %d: %w", size, offset, errFault)
	}
	return nil
}

// InPlace calls use once with all bytes of f, in place, and reports whether it did: where f is mapped.
// It is for a few bytes at places that nothing foretells, where a call of the system takes longer
// than to fetch them: so it asks the system for nothing, and the processor waits for what is not in
// memory. use returns the place after the bytes that it read; the last of them it reads last, or
// again. Else it is as in View.
func (f *File) InPlace(use func(b []byte) (end int, err error)) (done bool, err error) {
	file, bytes, _, err := f.begin(0)
	if err != nil {
		return false, err
	}
	defer f.end()
	if bytes == nil {
		return false, nil
	}
	end, last := 0, byte(0)
	at, err := guarded(bytes, func(b []byte) error {
		var err error
		if end, err = use(b); end > 0 {
			last = b[end-1]
		}
		return err
	})
	if at < len(bytes) {
		return true, probe(file, int64(at), 1, 0)
	}
	// A byte beyond the end is 0, and so are all after it. Of what is not 0 the file has all before.
	if end > 0 && last == 0 {
		if missing := probe(file, int64(end-1), 1, 1); missing != nil {
			err = missing
		}
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
