//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package atomicfile

import (
	"os"
	"syscall"
)

// hasLocks: files and folders can be locked, and renamed and removed while they are
// open.
const hasLocks = true

// lock locks f, if no one else has it locked. Closing f unlocks it.
func lock(f *os.File) lockState {
	for {
		switch syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) {
		case nil:
			return locked
		case syscall.EWOULDBLOCK:
			return busy
		case syscall.EINTR:
		default:
			return unknown
		}
	}
}

// lockPath opens and locks a file, or a folder. The file is nil where it cannot be
// opened. It neither waits for a pipe nor follows a link that has just come there.
func lockPath(path string, folder bool) (*os.File, lockState) {
	flags := os.O_RDWR // a lock over a network needs more than to read
	if folder {
		flags = os.O_RDONLY
	}
	f, err := os.OpenFile(path, flags|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, unknown
	}
	return f, lock(f)
}

// replaceEmptyFolder renames a folder. An empty folder in its place goes, in the same
// step; os.Rename would not have that.
func replaceEmptyFolder(from, to string) error {
	for {
		switch err := syscall.Rename(from, to); err {
		case nil:
			return nil
		case syscall.EINTR:
		default:
			return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
		}
	}
}
