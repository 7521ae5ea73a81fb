//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
)

// hasLocks: files cannot be locked here, nor renamed and removed while they are open.
const hasLocks = false

func lock(*os.File) lockState { return unknown }

func lockPath(string, bool) (*os.File, lockState) { return nil, unknown }

// replaceEmptyFolder renames a folder. An empty folder in its place is removed first,
// and comes back where the rename fails.
func replaceEmptyFolder(from, to string) error {
	old, err := os.Stat(to)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if old != nil {
		if err := os.Remove(to); err != nil {
			return err
		}
	}
	err = os.Rename(from, to)
	if err != nil && old != nil {
		os.Mkdir(to, old.Mode().Perm())
	}
	return err
}
