package torchfile

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ksparse/ksparse/internal/archive"
	"github.com/ksparse/ksparse/internal/tensor"
)

// readZip returns the value of a zip file. Its entries are in one folder, named
// after the file as it was when it was saved.
func readZip(r io.ReaderAt, size int64) (any, error) {
	a, err := archive.Read(r, size)
	if err != nil {
		return nil, err
	}
	top, err := topFolder(a)
	if err != nil {
		return nil, err
	}
	if err := checkByteOrder(a, top+"byteorder"); err != nil {
		return nil, err
	}
	const name = "data.pkl"
	pickle, err := a.Open(top + name)
	if err != nil {
		return nil, err
	}
	n, _ := a.Size(top + name)
	m := newMachine(io.NewSectionReader(pickle, 0, n), n)
	m.storages = newStorages(size)
	m.persistent = func(id storageID) (*storageView, error) {
		if id.view != nil {
			return nil, fmt.Errorf("storage %.40q has a view, which only legacy files have", id.key)
		}
		return m.storages.get(id, func() (*tensor.Storage, error) {
			entry := top + "data/" + id.key // only ever looked up
			have, ok := a.Size(entry)
			if !ok {
				return nil, fmt.Errorf("entry %.100q is not in the archive", entry)
			}
			want, err := id.bytes(have)
			if err != nil || want != have {
				return nil, fmt.Errorf("entry %.100q has %d bytes, want %d elements of %d", entry, have, id.numel, id.dtype.Size())
			}
			return tensor.NewStorage(have, func() (io.ReaderAt, error) { return a.Open(entry) }), nil
		})
	}
	value, err := m.run()
	if err != nil {
		return nil, fmt.Errorf("%.100q: %w", top+name, err)
	}
	if m.at != n {
		return nil, fmt.Errorf("%.100q: %d bytes after its end", top+name, n-m.at)
	}
	return value, nil
}

// topFolder returns the folder of the pickle, with the slash, and refuses
// TorchScript.
func topFolder(a *archive.Archive) (string, error) {
	top, found := "", false
	for _, name := range a.Names() {
		folder, rest, nested := strings.Cut(name, "/")
		switch {
		case !nested:
		case rest == "constants.pkl" || strings.HasPrefix(rest, "code/"):
			return "", fmt.Errorf("a TorchScript program (it has %.100q); save the state_dict() of the module instead", name)
		case rest == "data.pkl":
			if found {
				return "", fmt.Errorf("two pickles, in %.100q and %.100q", top, folder)
			}
			top, found = folder+"/", true
		}
	}
	if !found {
		return "", errors.New("a zip file without data.pkl is no file of torch.save")
	}
	return top, nil
}

// checkByteOrder refuses big-endian files. Files of PyTorch before 2.1 have no such
// entry.
func checkByteOrder(a *archive.Archive, name string) error {
	if _, ok := a.Size(name); !ok {
		return nil
	}
	order, err := a.Head(name, 16)
	if err != nil {
		return err
	}
	if string(order) != "little" {
		return fmt.Errorf("byte order %.16q, want little", order)
	}
	return nil
}
