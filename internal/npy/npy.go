// Package npy reads and writes NumPy's files: .npy, one array after a short header,
// and .npz, a zip file of those. Opening reads headers; the elements are read from
// the file by the methods of the tensors.
package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/ksparse/ksparse/internal/tensor"
)

const (
	magic     = "\x93NUMPY"
	maxHeader = 64 << 10 // bytes; NumPy itself reads up to 10000
)

// A File is an open .npy file. Its tensor has no name and is read like any other:
// an array [rows, cols] by ReadRows, in C or Fortran order.
type File struct {
	*tensor.Tensor
	close func() error
}

// OpenFile opens the .npy file at path and checks its header. It is an error when
// the file does not have exactly the bytes of the header's shape, or its elements are
// Python objects, structures, text, dates or complex numbers.
func OpenFile(path string) (*File, error) {
	t, f, err := tensor.OpenFile(path, Read)
	if err != nil {
		return nil, err
	}
	return &File{t, f.Close}, nil
}

// Close closes the file. Its tensor cannot be read after that.
func (f *File) Close() error { return f.close() }

// Read returns the array in the size bytes of r, a .npy file; errors are those of
// OpenFile.
func Read(r io.ReaderAt, size int64) (*tensor.Tensor, error) {
	head := make([]byte, min(size, prefix))
	if err := tensor.ReadFull(r, head, 0); err != nil {
		return nil, err
	}
	start, err := headerEnd(head, size)
	if err != nil {
		return nil, err
	}
	head = make([]byte, start)
	if err := tensor.ReadFull(r, head, 0); err != nil {
		return nil, err
	}
	layout, err := parseFile(head, size)
	if err != nil {
		return nil, err
	}
	return tensor.New("", layout, tensor.Section(r, int64(start), size-int64(start)))
}

// prefix is the most bytes before the text of a header.
const prefix = 12

// headerEnd returns where the header of a file of size bytes ends. head is the beginning
// of the file: prefix bytes, or all of a shorter file.
func headerEnd(head []byte, size int64) (int, error) {
	if !strings.HasPrefix(string(head), magic) {
		return 0, fmt.Errorf("no .npy file: it begins with %.12q", head)
	}
	const version = len(magic) + 2
	if len(head) < version {
		return 0, fmt.Errorf("cut short: it has %d bytes", size)
	}
	major, minor := head[6], head[7]
	if major < 1 || major > 3 || minor != 0 {
		return 0, fmt.Errorf("version %d.%d of the format, want 1.0, 2.0 or 3.0", major, minor)
	}
	text := prefix
	if major == 1 {
		text = 10
	}
	if len(head) < text {
		return 0, fmt.Errorf("cut short: it has %d bytes", size)
	}
	length := int(binary.LittleEndian.Uint16(head[version:]))
	if major > 1 {
		length = int(min(binary.LittleEndian.Uint32(head[version:]), maxHeader+1))
	}
	if length > maxHeader {
		return 0, fmt.Errorf("a header of more than %d bytes", maxHeader)
	}
	if int64(text+length) > size {
		return 0, fmt.Errorf("cut short: it has %d bytes, and the header alone takes %d", size, text+length)
	}
	return text + length, nil
}

// parseFile returns the layout of the array in a file of size bytes; head is all of
// its header.
func parseFile(head []byte, size int64) (tensor.Layout, error) {
	text := head[10:]
	if head[6] > 1 {
		text = head[prefix:]
	}
	layout, err := parseHeader(string(text))
	if err != nil {
		return layout, fmt.Errorf("header: %w", err)
	}
	count, err := tensor.Count(layout.Shape)
	if err != nil {
		return layout, fmt.Errorf("header: %w", err)
	}
	have := size - int64(len(head))
	switch want := int64(count) * int64(layout.DType.Size()); {
	case have < want:
		return layout, fmt.Errorf("cut short: %d bytes of elements, want %d for shape %v of %v", have, want, layout.Shape, layout.DType)
	case have > want:
		return layout, fmt.Errorf("%d bytes of elements, want %d for shape %v of %v", have, want, layout.Shape, layout.DType)
	}
	return layout, nil
}
