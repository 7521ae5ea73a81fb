package atomicfile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"
)

// Temporary files and folders. The name is
//
//	.NAME.ksparse-tmp-0123456789abcdef
//
// where NAME is the final name, shortened if it is long, and the digits are random:
// each write has a temporary file of its own. It keeps a lock (flock) on the file or
// folder from its making until it has its final name. The system drops the lock
// however the process ends. So the next write to the same path takes each temporary
// file of that path whose lock it gets for abandoned, and removes it.
//
// There is no such lock outside of unix and on some network file systems. There, a
// temporary file is abandoned that this process is not writing and that has not been
// changed for a day (abandonedAfter).

const (
	mark           = ".ksparse-tmp-"
	randomDigits   = 16
	abandonedAfter = 24 * time.Hour

	// maxStem is the length of NAME in a temporary name, in bytes. A name of 255
	// bytes, the usual limit, leaves no room for more, and 143 is the limit of
	// encrypting file systems.
	maxStem = 80
)

// running has the temporary names that this process is writing, whatever their
// folders: the random digits tell them apart. A lock over a network can belong to a
// process as a whole, and would not keep its own writes from each other.
var running sync.Map

// prefix is what the temporary names of p begin with.
func (p *place) prefix() string {
	stem := p.name
	if len(stem) > maxStem {
		sum := fmt.Sprintf("~%x", sha256.Sum256([]byte(stem)))[:randomDigits+1]
		stem = strings.ToValidUTF8(stem[:maxStem-len(sum)], "") + sum
	}
	return "." + stem + mark
}

// isTemporary reports whether name is a temporary name that begins with prefix.
func isTemporary(name, prefix string) bool {
	digits, ok := strings.CutPrefix(name, prefix)
	return ok && len(digits) == randomDigits && strings.Trim(digits, "0123456789abcdef") == ""
}

// temporary is a file or folder on its way to its final name.
type temporary struct {
	path  string
	name  string
	file  *os.File // open, and locked, as long as the write runs; nil for a folder where there are no locks
	moved bool     // it has its final name
}

// temporaryFile makes and locks a temporary file, which is not more widely readable
// than the file that it will replace.
func (p *place) temporaryFile() (*temporary, error) {
	perm := fs.FileMode(0o666)
	if p.old != nil {
		perm = p.old.Mode().Perm() | 0o200 // a later write must be able to lock it
	}
	return p.temporary(func(path string) (*os.File, error) {
		return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	})
}

// temporaryFolder makes and locks a temporary folder, likewise.
func (p *place) temporaryFolder() (*temporary, error) {
	perm := fs.FileMode(0o777)
	if p.old != nil {
		perm = p.old.Mode().Perm() | 0o700
	}
	return p.temporary(func(path string) (*os.File, error) {
		if err := os.Mkdir(path, perm); err != nil || !hasLocks {
			return nil, err
		}
		f, err := os.Open(path)
		if err != nil {
			os.Remove(path)
		}
		return f, err
	})
}

// temporary makes and locks what create creates. Between the two steps another
// process may find it unlocked and remove it; then there is another try.
func (p *place) temporary(create func(path string) (*os.File, error)) (*temporary, error) {
	const tries = 1000
	var err error
	for range tries {
		name := p.prefix() + fmt.Sprintf("%0*x", randomDigits, rand.Uint64())
		t := &temporary{path: p.dir + name, name: name}
		running.Store(name, nil)
		t.file, err = create(t.path)
		switch {
		case errors.Is(err, fs.ErrExist):
			running.Delete(name)
			continue
		case err != nil:
			running.Delete(name)
			return nil, err
		case !hasLocks:
			return t, nil
		}
		if state := lock(t.file); state == unknown || state == locked && isAt(t.file, t.path) {
			return t, nil
		}
		t.file.Close()
		running.Delete(name)
		err = &fs.PathError{Op: "lock", Path: t.path, Err: fs.ErrNotExist} // it was removed
	}
	return nil, err
}

// takeMode gives t those bits of old's mode that are set in mask. A call that changes
// nothing is left out, for some file systems refuse them all.
func (t *temporary) takeMode(old fs.FileInfo, mask fs.FileMode) error {
	info, err := os.Lstat(t.path)
	if err != nil || info.Mode()&mask == old.Mode()&mask {
		return err
	}
	return os.Chmod(t.path, old.Mode()&mask)
}

// rename gives t its final name, which replaces what has that name.
func (t *temporary) rename(to string, rename func(from, to string) error) error {
	if !hasLocks && t.file != nil { // the system does not rename an open file
		if err := t.file.Close(); err != nil {
			return err
		}
	}
	err := rename(t.path, to)
	t.moved = err == nil
	return err
}

// end unlocks t and removes it, unless it has its final name. It runs after a panic
// of the caller's function too.
func (t *temporary) end() {
	if !hasLocks && t.file != nil { // the system does not remove an open file
		t.file.Close()
	}
	if !t.moved {
		remove(t.path)
	}
	if hasLocks {
		t.file.Close()
	}
	running.Delete(t.name)
}

// clear removes the temporary files of p that have been abandoned. What it cannot
// remove does no harm but to take space, so there is no error.
func (p *place) clear() {
	dir, err := os.Open(folder(p.dir))
	if err != nil {
		return
	}
	defer dir.Close()
	const atOnce = 1024
	prefix := p.prefix()
	for {
		names, err := dir.Readdirnames(atOnce)
		for _, name := range names {
			if isTemporary(name, prefix) {
				removeAbandoned(p.dir+name, name)
			}
		}
		if err != nil { // io.EOF at the end
			return
		}
	}
}

// removeAbandoned removes a temporary file or folder, if no write has it.
func removeAbandoned(path, name string) {
	if _, ok := running.Load(name); ok {
		return
	}
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() && !info.IsDir() {
		return
	}
	f, state := lockPath(path, info.IsDir())
	if f != nil {
		defer f.Close()
	}
	switch state {
	case locked:
		if !isAt(f, path) { // it was removed, or became the file itself
			return
		}
	case unknown:
		if time.Since(info.ModTime()) < abandonedAfter {
			return
		}
	case busy:
		return
	}
	remove(path)
}

// remove removes a file, or a folder and its contents.
func remove(path string) {
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		os.Chmod(path, 0o700) // it may have taken over bits that forbid to change it
	}
	os.RemoveAll(path)
}

// isAt reports whether f is the file that path names.
func isAt(f *os.File, path string) bool {
	is, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(is, there)
}

// lockState is what has become of a try to lock a file.
type lockState int

const (
	locked  lockState = iota
	busy              // another write has the lock
	unknown           // the file cannot be locked
)

// Lock locks f, which is open to be written, until it is closed: for a write in place that no other
// is to meet. The error says that another has it locked. Where the system has no locks there is
// none.
func Lock(f *os.File) error {
	if lock(f) == busy {
		return &fs.PathError{Op: "write", Path: f.Name(), Err: errors.New("another write to the file is under way")}
	}
	return nil
}
