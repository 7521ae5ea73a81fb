// Package atomicfile writes files and folders at once and whole: until all of it is
// on the disk under a temporary name, the old file or folder stays as it is.
//
// The temporary name begins with a dot, stands in the same folder and is made from
// the final name, so that a later write to the same path finds and removes what a
// killed process has left. See temporary.go for how it tells a write that still runs
// from one that died.
//
// A symbolic link is followed: the link stays and what it leads to is replaced. The
// folder in which path lies must exist, so that a typing mistake makes no folders.
//
// Errors are those of package os, in the form of an *fs.PathError of the file that was to be
// written, never of its temporary file; and those of the caller's own functions, as they
// are. After an error, or a panic of a caller's function, the old
// file or folder is as it was and nothing else is left.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Write gives the file path the contents that write writes; write must not use its
// argument after it has returned. A file that is replaced hands its permission bits
// on; a new one has those that the umask leaves of 0666. What is there and no regular
// file, such as a device, a pipe or a folder, is not replaced: the error wraps
// fs.ErrExist.
//
// Any number of writes of one path may run at the same time, in one process or in
// several. The last one to end stays.
func Write(path string, write func(io.Writer) error) error {
	to, t, err := begin(path)
	if err != nil {
		return atPath(path, err)
	}
	defer t.end()
	if err := fill(target{t.file, path}, write); err != nil {
		return err
	}
	// The old file may have changed meanwhile.
	if to.old, err = os.Stat(to.path()); err == nil {
		if err := to.wantFile(); err != nil {
			return err
		}
		if err := t.takeMode(to.old, fs.ModePerm); err != nil {
			return atPath(path, err)
		}
	}
	if err := t.file.Sync(); err != nil {
		return atPath(path, err)
	}
	if err := t.rename(to.path(), os.Rename); err != nil {
		return atPath(path, err)
	}
	syncFolder(to.dir)
	return nil
}

// Try returns the error that Write would give at once: it begins to write, and ends
// without a change.
func Try(path string) error {
	_, t, err := begin(path)
	if err == nil {
		t.end()
	}
	return err
}

// begin is Write up to where the contents come.
func begin(path string) (place, *temporary, error) {
	to, err := locate(path)
	if err != nil {
		return to, nil, err
	}
	if err := to.wantFile(); err != nil {
		return to, nil, err
	}
	if err := to.wantParent(); err != nil {
		return to, nil, err
	}
	to.clear()
	t, err := to.temporaryFile()
	return to, t, err
}

// A File is a file of a folder to write.
type File struct {
	Name  string // without a folder
	Write func(io.Writer) error
}

// WriteFolder makes the folder path with the files in it: see MakeFolder.
func WriteFolder(path string, files []File) error {
	return MakeFolder(path, func(folder string) error {
		for _, f := range files {
			if err := writeNew(folder, path, f); err != nil {
				return err
			}
		}
		return nil
	})
}

// MakeFolder makes the folder path with what fill puts into a folder, which has another
// name, and is locked, until fill has returned; fill syncs what it writes, and leaves no file open. There may be
// an empty folder in its place, whose permission bits the new one takes; of anything else
// there the error wraps fs.ErrExist. So where several calls make one folder at the
// same time, one succeeds and the others get that error.
func MakeFolder(path string, fill func(folder string) error) error {
	to, err := locate(withoutSeparator(path))
	if err != nil {
		return err
	}
	to.asked = path
	if err := to.wantEmptyFolder(); err != nil {
		return err
	}
	if err := to.wantParent(); err != nil {
		return err
	}
	to.clear()
	t, err := to.temporaryFolder()
	if err != nil {
		return atPath(path, err)
	}
	defer t.end()
	if err := fill(t.path); err != nil {
		return err
	}
	if to.old != nil {
		if err := t.takeMode(to.old, fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky); err != nil {
			return atPath(path, err)
		}
	}
	syncFolder(t.path)
	if err := t.rename(to.path(), replaceEmptyFolder); err != nil {
		return atPath(path, err)
	}
	syncFolder(to.dir)
	return nil
}

// writeNew writes and syncs a file that is not there yet in folder, which will be called
// final.
func writeNew(folder, final string, file File) error {
	if file.Name != filepath.Base(file.Name) || !filepath.IsLocal(file.Name) || file.Name == "." {
		return &fs.PathError{Op: "write", Path: file.Name, Err: fs.ErrInvalid}
	}
	path := filepath.Join(final, file.Name)
	f, err := os.OpenFile(filepath.Join(folder, file.Name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return atPath(path, err)
	}
	defer f.Close() // for errors and panics; a second Close does nothing
	if err := fill(target{f, path}, file.Write); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return atPath(path, err)
	}
	return atPath(path, f.Close())
}

// target is a file under a temporary name, whose errors have the path that it will get.
type target struct {
	file *os.File
	path string
}

// Write writes to the file.
func (t target) Write(p []byte) (int, error) {
	n, err := t.file.Write(p)
	return n, atPath(t.path, err)
}

// atPath gives an error of package os, about a temporary file, the path that the file was to
// get. Other errors stay as they are.
func atPath(path string, err error) error {
	var one *fs.PathError
	var two *os.LinkError
	switch {
	case errors.As(err, &one):
		return &fs.PathError{Op: one.Op, Path: path, Err: one.Err}
	case errors.As(err, &two):
		return &fs.PathError{Op: two.Op, Path: path, Err: two.Err}
	}
	return err
}

// fill writes through a buffer.
func fill(f target, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(f, 64<<10)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}

// place is where a file or folder is written, links followed.
type place struct {
	asked string      // the path as the caller gave it, for errors
	dir   string      // the folder, with a separator at its end; "" for the working directory
	name  string      // in that folder
	old   fs.FileInfo // of what is there, nil for nothing
}

func (p *place) path() string { return p.dir + p.name }

// locate follows the links at path. Folders are not cleaned: with links among them,
// ".." is not the folder whose name stands before it.
func locate(path string) (place, error) {
	p := place{asked: path}
	var err error
	p.old, err = os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		p.old, err = nil, nil // perhaps a link to what is not there yet
	}
	if err != nil { // links in a circle, for example
		return p, err
	}
	const maxLinks = 255
	for range maxLinks {
		target, err := os.Readlink(path)
		if err != nil { // it is no link
			break
		}
		if !filepath.IsAbs(target) {
			dir, _ := filepath.Split(path)
			target = dir + target
		}
		path = withoutSeparator(target)
	}
	p.dir, p.name = filepath.Split(path)
	return p, nil
}

// withoutSeparator returns path without separators at its end, but for a root.
func withoutSeparator(path string) string {
	least := len(filepath.VolumeName(path)) + 1
	for len(path) > least && os.IsPathSeparator(path[len(path)-1]) {
		path = path[:len(path)-1]
	}
	return path
}

// refused is the error that p is not written, for a reason that wraps cause. What is there is
// called by its path where p was asked for by a link to it.
func (p *place) refused(cause error, reason string) error {
	what := "it"
	if p.path() != withoutSeparator(p.asked) && p.path() != p.asked {
		what = p.path()
	}
	return &fs.PathError{Op: "write", Path: p.asked, Err: fmt.Errorf("%s %s: %w", what, reason, cause)}
}

// wantFile returns an error where something is at p and no regular file: a rename
// would put a file in the place of a device or a pipe.
func (p *place) wantFile() error {
	if p.old != nil && !p.old.Mode().IsRegular() {
		return p.refused(fs.ErrExist, "is no regular file, so it is not replaced")
	}
	return nil
}

// wantEmptyFolder returns an error where something is at p and no empty folder.
func (p *place) wantEmptyFolder() error {
	if p.old == nil {
		return nil
	}
	if !p.old.IsDir() {
		return p.refused(fs.ErrExist, "is no folder, so it is not replaced")
	}
	f, err := os.Open(p.path())
	if err != nil {
		return atPath(p.asked, err)
	}
	defer f.Close()
	switch _, err := f.Readdirnames(1); err {
	case io.EOF:
		return nil
	case nil:
		return p.refused(fs.ErrExist, "is a folder that is not empty, so it is not replaced")
	default:
		return atPath(p.asked, err)
	}
}

// wantParent returns an error where p has no name or the folder for it is not there.
func (p *place) wantParent() error {
	if p.name == "" || p.name == "." || p.name == ".." {
		return &fs.PathError{Op: "write", Path: p.asked, Err: fs.ErrInvalid}
	}
	dir := folder(p.dir)
	info, err := os.Stat(dir)
	var reason *fs.PathError
	switch {
	case errors.As(err, &reason):
		return &fs.PathError{Op: "write", Path: p.asked, Err: fmt.Errorf("its folder, %s: %w", dir, reason.Err)}
	case err != nil:
		return err
	case !info.IsDir():
		return &fs.PathError{Op: "write", Path: p.asked, Err: fmt.Errorf("%s is no folder: %w", dir, fs.ErrInvalid)}
	}
	return nil
}

// folder returns the name of a place's dir for a call of package os.
func folder(dir string) string {
	if dir == "" {
		return "."
	}
	return withoutSeparator(dir)
}

// syncFolder makes the names in a folder last through a power failure, where the
// system can do that. The rename has happened by then, so there is no way back and
// no error.
func syncFolder(path string) {
	if f, err := os.Open(folder(path)); err == nil {
		f.Sync()
		f.Close()
	}
}
