// Package safetensors reads and writes safetensors files: a header of JSON that
// names the tensors, then their elements, little-endian and row-major. Opening one
// reads the header; the elements are read from the file by the methods of the tensors.
package safetensors

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/ksparse/ksparse/internal/tensor"
)

// maxHeader is the largest header that the format allows.
const maxHeader = 100_000_000

// A File is an open safetensors file.
type File struct {
	data     io.ReaderAt
	start    int64 // of the elements
	entries  map[string]entry
	metadata map[string]string
	close    func() error
}

// Open opens the file at path and checks its header.
func Open(path string) (*File, error) {
	s, f, err := tensor.OpenFile(path, Read)
	if err != nil {
		return nil, err
	}
	s.close = f.Close
	return s, nil
}

// Read is Open for the size bytes of r, which stays open when the File is closed.
func Read(r io.ReaderAt, size int64) (*File, error) {
	var length [8]byte
	if size < int64(len(length)) {
		return nil, fmt.Errorf("a file of %d bytes is too short for safetensors", size)
	}
	if err := tensor.ReadFull(r, length[:], 0); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader {
		return nil, fmt.Errorf("a header of %d bytes, want at most %d", n, maxHeader)
	}
	if int64(n) > size-int64(len(length)) {
		return nil, fmt.Errorf("cut short: it has %d bytes, and the header alone takes %d", size, n+uint64(len(length)))
	}
	text := make([]byte, n)
	if err := tensor.ReadFull(r, text, int64(len(length))); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	start := int64(len(length)) + int64(n)
	f := &File{data: r, start: start, close: func() error { return nil }}
	var err error
	if f.entries, f.metadata, err = parseHeader(text); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if err := checkLayout(f.entries, size-start); err != nil {
		return nil, err
	}
	return f, nil
}

// Close closes the file. Its tensors cannot be read after that.
func (f *File) Close() error { return f.close() }

// Names returns the names of the tensors, sorted.
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.entries)) }

// Metadata returns a copy of the header's __metadata__, nil where there is none.
func (f *File) Metadata() map[string]string { return maps.Clone(f.metadata) }

// Tensor returns the tensor of that name. It is an error when there is none, or
// its elements are of a type that this package does not decode (8-bit floats and
// smaller, complex numbers).
func (f *File) Tensor(name string) (*tensor.Tensor, error) {
	e, ok := f.entries[name]
	if !ok {
		return nil, fmt.Errorf("no tensor %.100q", name)
	}
	d, ok := tensor.ParseDType(e.dtype)
	if !ok {
		return nil, fmt.Errorf("tensor %.100q: elements of type %s cannot be read", name, e.dtype)
	}
	return tensor.New(name, tensor.Layout{DType: d, Shape: e.shape}, tensor.Section(f.data, f.start+e.begin, e.end-e.begin))
}
