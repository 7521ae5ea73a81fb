package torchfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/ksparse/ksparse/internal/tensor"
)

// A File is an open file of torch.save.
type File struct {
	dict  *Dict
	close func() error
}

// Open opens the file at path, recognises its container by the content, and runs its
// pickle. Tensors are not read; storages are looked up and their sizes checked. It
// is an error when the value of the file is no dict, it is TorchScript, a tar file
// of the first PyTorch versions or big-endian, or anything in it is damaged or out
// of place; the error names what was found.
func Open(path string) (*File, error) {
	t, f, err := tensor.OpenFile(path, Read)
	if err != nil {
		return nil, err
	}
	t.close = f.Close
	return t, nil
}

// Read is Open for the size bytes of r, which stays open when the File is closed.
func Read(r io.ReaderAt, size int64) (*File, error) {
	head := make([]byte, min(size, 512))
	if err := tensor.ReadFull(r, head, 0); err != nil {
		return nil, err
	}
	var value any
	var err error
	switch {
	case bytes.HasPrefix(head, []byte("PK")):
		value, err = readZip(r, size)
	case bytes.HasPrefix(head, []byte{opProto}):
		value, err = readLegacy(r, size)
	case len(head) > 262 && string(head[257:262]) == "ustar":
		err = errors.New("a tar file, which PyTorch wrote before 0.1.10; load and save it again with a newer one")
	default:
		err = fmt.Errorf("no file of torch.save: it begins with %.16q", head)
	}
	if err != nil {
		return nil, err
	}
	dict, ok := value.(*Dict)
	if !ok {
		return nil, fmt.Errorf("the file holds a Python %s, want a dict", Kind(value))
	}
	return &File{dict, func() error { return nil }}, nil
}

// Dict returns the value of the file.
func (f *File) Dict() *Dict { return f.dict }

// Close closes the file. Its tensors cannot be read after that.
func (f *File) Close() error { return f.close() }
