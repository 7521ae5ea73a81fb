// Package mapped reads files at any place: by calls of the system, or, where View is asked for
// bytes that the system has in memory, through a mapping of the file, without a copy.
//
// Files are mapped where addresses have 64 bits; where they have 32, the heap needs them. A mapped
// file may be cut short, or its disk fail, while its bytes are used: that is an error like any
// other, see View. On Windows the system lets nobody cut a file that is mapped.
package mapped

import (
	"errors"
	"io/fs"
	"math/bits"
	"os"
	"sync"
)

// maxOpen is how many files of one Set are open at a time. Systems allow a process
// 256 files or more.
const maxOpen = 128

// A Set is files that are read together, of which those used last are open. The zero Set is
// ready for use. Its methods, and those of its files, may be called from any number of goroutines
// at once.
type Set struct {
	mu     sync.Mutex
	open   []*File
	clock  int64 // counts uses
	closed bool
}

// A File is a file of a Set. It need not be open: it is opened when it is read.
type File struct {
	set  *Set
	path string
	info fs.FileInfo // when it was first opened

	// Under the lock of the set:
	file  *os.File // nil where it is not open
	bytes []byte   // its mapping; nil where it is not mapped
	asked int64    // how many bytes View was asked for since it was mapped
	users int      // calls of ReadAt and View that run
	used  int64    // the clock of the last of them
}

// Open opens the file at path. Errors are those of package os.
func (s *Set) Open(path string) (*File, error) {
	f := &File{set: s, path: path}
	s.mu.Lock()
	defer s.mu.Unlock()
	return f, s.ensure(f)
}

// Size returns the size of the file in bytes, when it was opened.
func (f *File) Size() int64 { return f.info.Size() }

// Check returns an error that names path where the files are closed.
func (s *Set) Check(path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.check(path)
}

// check is Check, for a caller who has the lock.
func (s *Set) check(path string) error {
	if s.closed {
		return &fs.PathError{Op: "read", Path: path, Err: os.ErrClosed}
	}
	return nil
}

// ensure makes sure that f is open. The caller has the lock.
func (s *Set) ensure(f *File) error {
	if err := s.check(f.path); err != nil || f.file != nil {
		return err
	}
	s.makeRoom()
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && f.info != nil && !os.SameFile(info, f.info) {
		err = &fs.PathError{Op: "read", Path: f.path, Err: errors.New("another file is there now than was opened")}
	}
	if err != nil {
		file.Close() // read only
		return err
	}
	if f.info == nil {
		f.info = info
	}
	f.file = file
	if bits.UintSize == 64 && info.Mode().IsRegular() && f.Size() > 0 {
		f.bytes, _ = mapFile(file, int(f.Size())) // without a mapping it is read
	}
	s.open = append(s.open, f)
	return nil
}

// makeRoom closes the file that has been unused for longest, where too many are open.
func (s *Set) makeRoom() {
	if len(s.open) < maxOpen {
		return
	}
	oldest := -1
	for i, f := range s.open {
		if f.users == 0 && (oldest < 0 || f.used < s.open[oldest].used) {
			oldest = i
		}
	}
	if oldest < 0 {
		return
	}
	s.open[oldest].release() // read only
	s.open[oldest] = s.open[len(s.open)-1]
	s.open = s.open[:len(s.open)-1]
}

// release ends the mapping and closes the file, which nobody uses. The caller has the lock.
func (f *File) release() error {
	if f.bytes != nil {
		unmap(f.bytes)
	}
	err := f.file.Close()
	f.file, f.bytes, f.asked = nil, nil, 0
	return err
}

// begin returns the open file and its mapping, if it has one, both of which stay until end is called.
// size is how many bytes of the mapping are to be used; seldom says that it is the first time
// through the file.
func (f *File) begin(size int) (file *os.File, bytes []byte, seldom bool, err error) {
	s := f.set
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ensure(f); err != nil {
		return nil, nil, false, err
	}
	s.clock++
	f.used = s.clock
	f.users++
	f.asked += int64(size)
	return f.file, f.bytes, f.asked <= f.Size(), nil
}

// end ends what begin began. The last one of a closed Set closes the file.
func (f *File) end() {
	f.set.mu.Lock()
	defer f.set.mu.Unlock()
	f.users--
	if f.set.closed && f.users == 0 {
		f.release() // read only
	}
}

// ReadAt is that of the file, which is opened if it is not.
func (f *File) ReadAt(b []byte, at int64) (int, error) {
	file, _, _, err := f.begin(0)
	if err != nil {
		return 0, err
	}
	defer f.end()
	return file.ReadAt(b, at)
}

// Close closes the files. Calls of ReadAt and View that run come to their end; later ones give
// os.ErrClosed. So does a second Close.
func (s *Set) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	s.closed = true
	var first error
	for _, f := range s.open {
		if f.users > 0 {
			continue // the last of them closes it
		}
		if err := f.release(); first == nil {
			first = err
		}
	}
	s.open = nil
	return first
}
