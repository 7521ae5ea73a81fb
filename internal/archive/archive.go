// Package archive opens the zip files that torch.save and numpy.savez make, for
// reading entries by name. A stored entry is read in place, a deflated one is inflated
// when it is opened, up to the size that the directory gives. Nothing is ever extracted
// to disk.
package archive

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strings"

	"github.com/ksparse/ksparse/internal/tensor"
)

// An Archive is the directory of a zip file.
type Archive struct {
	r       io.ReaderAt
	size    int64
	entries map[string]*zip.File
	names   []string
}

// Read reads the directory of a zip file of size bytes. It is an error when two
// entries have one name, a name is absolute or contains "..", an entry is
// encrypted or compressed other than by deflate, or the sizes of the entries add
// up to more than the file (stored ones) or tensor.Budget (all).
func Read(r io.ReaderAt, size int64) (*Archive, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("cut short or damaged: %w", err)
	}
	a := &Archive{r: r, size: size, entries: make(map[string]*zip.File, len(z.File))}
	stored, all := uint64(0), uint64(0)
	for _, f := range z.File {
		if err := checkEntry(f); err != nil {
			return nil, fmt.Errorf("entry %.100q: %w", f.Name, err)
		}
		if a.entries[f.Name] != nil {
			return nil, fmt.Errorf("entry %.100q is there twice", f.Name)
		}
		if f.Method == zip.Store {
			stored += min(f.UncompressedSize64, uint64(size)+1)
		}
		all += min(f.UncompressedSize64, 1<<62)
		if stored > uint64(size) || all > uint64(tensor.Budget(size)) {
			return nil, fmt.Errorf("the entries up to %.100q hold %d bytes, too many for a file of %d", f.Name, all, size)
		}
		a.entries[f.Name] = f
		a.names = append(a.names, f.Name)
	}
	return a, nil
}

// checkEntry refuses names that leave the archive and contents that cannot be read.
func checkEntry(f *zip.File) error {
	switch {
	case strings.HasPrefix(f.Name, "/") || strings.Contains(f.Name, "\\"):
		return errors.New("not a relative path")
	case f.Flags&1 != 0:
		return errors.New("it is encrypted")
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return fmt.Errorf("compression method %d, want stored or deflated", f.Method)
	case f.Method == zip.Store && f.CompressedSize64 != f.UncompressedSize64:
		return fmt.Errorf("a stored entry of %d bytes takes %d", f.UncompressedSize64, f.CompressedSize64)
	}
	for folder := range strings.SplitSeq(f.Name, "/") {
		if folder == ".." {
			return errors.New(`".." in its name`)
		}
	}
	return nil
}

// Names returns the names of all entries, in the order of the directory.
func (a *Archive) Names() []string { return a.names }

// Size returns the size of an entry's contents in bytes, and whether the entry is
// there.
func (a *Archive) Size(name string) (int64, bool) {
	f := a.entries[name]
	if f == nil {
		return 0, false
	}
	return int64(f.UncompressedSize64), true
}

// Open returns the contents of an entry. They have been checked against the CRC-32
// of the directory, unless that is 0, with which PyTorch marks an entry without.
// A deflated entry is in memory after that.
func (a *Archive) Open(name string) (io.ReaderAt, error) {
	r, err := a.open(name)
	if err != nil {
		return nil, fmt.Errorf("entry %.100q: %w", name, err)
	}
	return r, nil
}

// open is Open, with errors that do not name the entry.
func (a *Archive) open(name string) (io.ReaderAt, error) {
	f, in, err := a.raw(name)
	if err != nil {
		return nil, err
	}
	sum := crc32.NewIEEE()
	var out io.ReaderAt = in
	if f.Method == zip.Deflate {
		if f.UncompressedSize64 > math.MaxInt/4 {
			return nil, fmt.Errorf("%d bytes are too many to inflate", f.UncompressedSize64)
		}
		data, err := inflate(in, int(f.UncompressedSize64))
		if err != nil {
			return nil, err
		}
		sum.Write(data)
		out = bytes.NewReader(data)
	} else if f.CRC32 != 0 {
		if _, err := io.Copy(sum, in); err != nil {
			return nil, err
		}
	}
	if f.CRC32 != 0 && f.CRC32 != sum.Sum32() {
		return nil, fmt.Errorf("damaged: CRC-32 %08x, want %08x", sum.Sum32(), f.CRC32)
	}
	return out, nil
}

// Head returns the first n bytes of an entry, fewer if it has fewer, without
// checking or inflating the rest.
func (a *Archive) Head(name string, n int) ([]byte, error) {
	f, in, err := a.raw(name)
	if err == nil {
		var r io.Reader = in
		if f.Method == zip.Deflate {
			r = flate.NewReader(in)
		}
		n = int(min(uint64(n), f.UncompressedSize64))
		head := make([]byte, n)
		if _, err = io.ReadFull(r, head); err == nil {
			return head, nil
		}
	}
	return nil, fmt.Errorf("entry %.100q: %w", name, err)
}

// raw returns the bytes of an entry as they are in the file.
func (a *Archive) raw(name string) (*zip.File, *io.SectionReader, error) {
	f := a.entries[name]
	if f == nil {
		return nil, nil, errors.New("it is not in the archive")
	}
	offset, err := f.DataOffset()
	if err != nil {
		return nil, nil, err
	}
	n := int64(f.CompressedSize64)
	if n < 0 || n > a.size || offset < 0 || offset > a.size-n {
		return nil, nil, fmt.Errorf("%d bytes at byte %d of a file of %d", f.CompressedSize64, offset, a.size)
	}
	return f, io.NewSectionReader(a.r, offset, n), nil
}

// inflate returns the size bytes to which r inflates; more or fewer are an error.
func inflate(r io.Reader, size int) ([]byte, error) {
	in := flate.NewReader(r)
	var out bytes.Buffer // grows with what is inflated, not with the size in the directory
	n, err := io.Copy(&out, io.LimitReader(in, int64(size)+1))
	if err != nil {
		return nil, fmt.Errorf("after %d bytes inflated: %w", n, err)
	}
	if n != int64(size) {
		return nil, fmt.Errorf("inflates to other than the %d bytes its directory entry says", size)
	}
	return out.Bytes(), nil
}
