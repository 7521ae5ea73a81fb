package atomicfile

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// ErrBusy: another program, or another goroutine of this one, has the lock of a folder.
var ErrBusy = errors.New("another program is writing to it")

// LockFolder takes the lock of a folder, for who writes several files of it that belong together, until release is
// called or the process ends. Where someone else has it, the error is an *fs.PathError that wraps ErrBusy. Where the
// system has no locks, nobody is kept away.
func LockFolder(path string) (release func(), err error) {
	at, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	f, state := lockPath(at, true)
	release = func() {
		if f != nil {
			f.Close()
		}
	}
	if state == busy {
		release()
		return nil, &fs.PathError{Op: "lock", Path: path, Err: ErrBusy}
	}
	return release, nil
}

// Unfinished reports whether name is that of a file, or folder, that Write or WriteFolder has not finished, and
// what it will be called, where that is not too long a name.
func Unfinished(name string) (final string, is bool) {
	i := strings.LastIndex(name, mark)
	if i < 1 || name[0] != '.' || !isTemporary(name, name[:i+len(mark)]) {
		return "", false
	}
	return name[1:i], true
}
