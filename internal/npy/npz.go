package npy

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ksparse/ksparse/internal/archive"
	"github.com/ksparse/ksparse/internal/tensor"
)

const extension = ".npy"

// An Archive is an open .npz file.
type Archive struct {
	entries *archive.Archive
	close   func() error
}

// OpenArchive opens the .npz file at path, stored or compressed, and checks its
// directory. It is an error when two entries have one name, a name leaves the
// archive, or the entries inflate to far more than the file.
func OpenArchive(path string) (*Archive, error) {
	a, f, err := tensor.OpenFile(path, ReadArchive)
	if err != nil {
		return nil, err
	}
	a.close = f.Close
	return a, nil
}

// ReadArchive is OpenArchive for the size bytes of r, which stays open when the
// Archive is closed.
func ReadArchive(r io.ReaderAt, size int64) (*Archive, error) {
	entries, err := archive.Read(r, size)
	if err != nil {
		return nil, err
	}
	return &Archive{entries, func() error { return nil }}, nil
}

// Close closes the file. Its tensors cannot be read after that.
func (a *Archive) Close() error { return a.close() }

// Names returns the names of the arrays, sorted: those of the .npy entries, without the
// ".npy".
func (a *Archive) Names() []string {
	var names []string
	for _, name := range a.entries.Names() {
		if name, ok := strings.CutSuffix(name, extension); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Tensor returns the array of that name. Errors are those of Read. An array that is
// compressed is in memory, as bytes, from its first use until the last of its
// tensors is dropped.
func (a *Archive) Tensor(name string) (*tensor.Tensor, error) {
	t, err := a.tensor(name)
	if err != nil {
		return nil, fmt.Errorf("array %.100q: %w", name, err)
	}
	return t, nil
}

// tensor is Tensor, with errors that do not name the array.
func (a *Archive) tensor(name string) (*tensor.Tensor, error) {
	entry := name + extension
	size, ok := a.entries.Size(entry)
	if !ok {
		return nil, fmt.Errorf("it is not in the archive")
	}
	head, err := a.entries.Head(entry, prefix)
	if err != nil {
		return nil, err
	}
	start, err := headerEnd(head, size)
	if err != nil {
		return nil, err
	}
	if head, err = a.entries.Head(entry, start); err != nil {
		return nil, err
	}
	layout, err := parseFile(head, size)
	if err != nil {
		return nil, err
	}
	storage := tensor.NewStorage(size, func() (io.ReaderAt, error) { return a.entries.Open(entry) })
	return tensor.New(name, layout, storage.Sub(int64(start), size-int64(start)))
}
