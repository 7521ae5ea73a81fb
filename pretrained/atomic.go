package pretrained

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// A part is a file of a folder to write.
type part struct {
	name  string
	write func(io.Writer) error
}

// writeFolder makes the folder path of the files, at once and whole: they are
// written and synced in a folder of another name beside it, which is then renamed.
func writeFolder(path string, parts []part) (err error) {
	if _, err := os.Lstat(path); err == nil {
		if entries, err := os.ReadDir(path); err != nil || len(entries) > 0 {
			return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
		}
	}
	path = filepath.Clean(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	temporary := temporaryName(path)
	if err := os.Mkdir(temporary, 0o777); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(temporary)
		}
	}()
	for _, p := range parts {
		if err := create(filepath.Join(temporary, p.name), p.write); err != nil {
			return err
		}
	}
	if err := syncFolder(temporary); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // an empty folder
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// writeFile gives path, at once and whole, the contents that write writes.
func writeFile(path string, write func(io.Writer) error) (err error) {
	if old, err := os.Stat(path); err == nil && !old.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file, so it is not replaced: %w", path, fs.ErrExist)
	}
	temporary := temporaryName(path)
	defer func() {
		if err != nil {
			os.Remove(temporary)
		}
	}()
	if err := create(temporary, write); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// temporaryName returns a name beside path that nothing has. It begins with a dot, so
// that nobody takes it for a model.
func temporaryName(path string) string {
	return filepath.Join(filepath.Dir(path), fmt.Sprintf(".ksparse-%016x.tmp", rand.Uint64()))
}

// create writes and syncs a new file.
func create(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(f, 1<<20)
	err = write(b)
	if err == nil {
		err = b.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncFolder makes the names in a folder durable, where the system can do that.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	f.Sync() // not every file system has it for folders
	return f.Close()
}
