package data

import (
	"errors"
	"io/fs"
	"os"
	"sync"
)

// maxOpen is how many files of one File are open at a time. Systems allow a process
// 256 files or more.
const maxOpen = 128

// openFiles are the files of one File, of which those used last are open.
type openFiles struct {
	mu      sync.Mutex
	handles []*handle
	clock   int64 // counts uses
	closed  bool
}

// handle reads a file that need not be open: it is opened when it is read.
type handle struct {
	set  *openFiles
	path string
	info fs.FileInfo // when it was first opened

	// Under the lock of the set:
	file  *os.File // nil where it is not open
	users int      // calls of ReadAt that run
	used  int64    // the clock of the last of them
}

// open opens the file at path, which must be a regular file.
func (s *openFiles) open(path string) (*handle, error) {
	h := &handle{set: s, path: path}
	s.mu.Lock()
	defer s.mu.Unlock()
	return h, s.ensure(h)
}

// ensure makes sure that the file of h is open. The caller has the lock.
func (s *openFiles) ensure(h *handle) error {
	switch {
	case s.closed:
		return &fs.PathError{Op: "read", Path: h.path, Err: os.ErrClosed}
	case h.file != nil:
		return nil
	}
	s.makeRoom()
	file, err := os.Open(h.path)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && h.info != nil && !os.SameFile(info, h.info) {
		err = &fs.PathError{Op: "read", Path: h.path, Err: errors.New("another file is there now than was opened")}
	}
	if err != nil {
		file.Close() // read only
		return err
	}
	if h.info == nil {
		h.info = info
	}
	h.file = file
	s.handles = append(s.handles, h)
	return nil
}

// makeRoom closes the file that has been unused for longest, where too many are open.
func (s *openFiles) makeRoom() {
	if len(s.handles) < maxOpen {
		return
	}
	oldest := -1
	for i, h := range s.handles {
		if h.users == 0 && (oldest < 0 || h.used < s.handles[oldest].used) {
			oldest = i
		}
	}
	if oldest < 0 {
		return
	}
	s.handles[oldest].file.Close() // read only
	s.handles[oldest].file = nil
	s.handles[oldest] = s.handles[len(s.handles)-1]
	s.handles = s.handles[:len(s.handles)-1]
}

// ReadAt is that of the file, which is opened if it is not.
func (h *handle) ReadAt(b []byte, at int64) (int, error) {
	h.set.mu.Lock()
	if err := h.set.ensure(h); err != nil {
		h.set.mu.Unlock()
		return 0, err
	}
	h.set.clock++
	h.used = h.set.clock
	h.users++
	file := h.file
	h.set.mu.Unlock()
	n, err := file.ReadAt(b, at)
	h.set.mu.Lock()
	h.users--
	h.set.mu.Unlock()
	return n, err
}

// check returns an error that names path where the files are closed.
func (s *openFiles) check(path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return &fs.PathError{Op: "read", Path: path, Err: os.ErrClosed}
	}
	return nil
}

// close closes the files. Calls of ReadAt that run come to their end.
func (s *openFiles) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	s.closed = true
	var first error
	for _, h := range s.handles {
		if err := h.file.Close(); first == nil {
			first = err
		}
		h.file = nil
	}
	s.handles = nil
	return first
}
