// Package hub finds what the library huggingface_hub has downloaded into its cache folder.
package hub

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// An Error says why a repository folder has no snapshot that can be taken: there is none, or that
// of the branch main is not there or, where Several is true, there are several and no branch main.
type Error struct {
	Several bool
	reason  string
}

// Error returns the reason, with the folder.
func (e *Error) Error() string { return e.reason }

// Snapshot returns the folder of files in a repository folder of the cache (models--org--name,
// datasets--org--name): the snapshot of the branch main, or the only one. For any other folder, one
// without a folder snapshots, it returns "". An error is an *Error or of package os.
func Snapshot(repository string) (string, error) {
	all := filepath.Join(repository, "snapshots")
	entries, err := os.ReadDir(all)
	if err != nil {
		return "", nil
	}
	var revisions []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			revisions = append(revisions, e.Name())
		}
	}
	main, err := mainRevision(filepath.Join(repository, "refs", "main"))
	switch {
	case err == nil && slices.Contains(revisions, main):
		return filepath.Join(all, main), nil
	case err == nil:
		return "", &Error{false, fmt.Sprintf("%s: refs/main names the snapshot %.60q, and there is none of that name: the download is not complete", repository, main)}
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	case len(revisions) == 1:
		return filepath.Join(all, revisions[0]), nil
	case len(revisions) == 0:
		return "", &Error{false, fmt.Sprintf("there is no snapshot in %s", all)}
	}
	const most = 40
	list := strings.Join(revisions[:min(most, len(revisions))], ", ")
	if more := len(revisions) - most; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return "", &Error{true, fmt.Sprintf("%s: there is no refs/main, and there are %d snapshots; open the path of one: %s", repository, len(revisions), list)}
}

// mainRevision returns the name that the file at path holds. A name is short: of a longer file the
// first bytes are enough, which name nothing. A pipe or device, which could wait for ever, is not
// opened.
func mainRevision(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", &Error{false, path + " is no regular file"}
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close() // read only
	text, err := io.ReadAll(io.LimitReader(file, 1<<10))
	return strings.TrimSpace(string(text)), err
}
