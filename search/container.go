package search

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"io"
	"unsafe"

	"github.com/ksparse/ksparse/internal/fault"
)

// A file of an index is a head, a description in JSON, and sections. All numbers are little-endian. The head:
//
//	0   8 bytes  "KSPINDEX"
//	8   uint32   the version, 1
//	12  uint32   how many bytes the description takes, which begins at byte 24
//	16  uint32   the checksum of the description
//	20  uint32   the checksum of bytes 0 to 19
//
// Checksums are CRC-32C. The description says what the file holds, and has the name, the place, the size and the
// checksum of each section. Sections begin at multiples of 64 bytes, in their order, with zeros between; the file
// ends with the last one. They are arrays of bytes, of integers of 4 or 8 bytes and of floats, as they lie in memory,
// so that a mapped file is used in place.
const (
	magic    = "KSPINDEX"
	version  = 1
	headSize = 24
	align    = 64

	maxDescription = 64 << 20
)

// castagnoli is the table of the checksums.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// section is an array in a file.
type section struct {
	Name  string `json:"name"`
	At    int64  `json:"at"`
	Size  int64  `json:"size"`
	Check uint32 `json:"check"`
	bytes []byte
}

// description is what a file says of itself: a segment or the list of segments.
type description struct {
	Segment  *segmentInfo `json:"segment,omitempty"`
	Index    *indexInfo   `json:"index,omitempty"`
	Sections []section    `json:"sections"`
}

// number is an element of a section.
type number interface {
	~uint8 | ~int32 | ~uint32 | ~int64 | ~uint64 | ~float32 | ~float64
}

// littleEndian reports whether numbers lie in memory as they do in files.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// bytesOf returns the bytes that a section of v has: v itself where that is possible.
func bytesOf[T number](v []T) []byte {
	if len(v) == 0 {
		return nil
	}
	if littleEndian {
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(v[0])))
	}
	b, err := binary.Append(nil, binary.LittleEndian, v)
	if err != nil {
		panic(err) // the type has a fixed size
	}
	return b
}

// numbers returns the numbers of a section, b itself where that is possible. b begins at a multiple of 8 bytes.
func numbers[T number](b []byte) ([]T, error) {
	var zero T
	size := int(unsafe.Sizeof(zero))
	if len(b)%size != 0 {
		return nil, fault.Errorf(fault.ErrFormat, "%d bytes are no numbers of %d bytes", len(b), size)
	}
	if len(b) == 0 {
		return nil, nil
	}
	if littleEndian {
		return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/size), nil
	}
	v := make([]T, len(b)/size)
	_, err := binary.Decode(b, binary.LittleEndian, v)
	return v, err
}

// describe sets the places and the checksums of the sections of d, and returns its text.
func (d *description) describe() []byte {
	for i := range d.Sections {
		s := &d.Sections[i]
		s.Size, s.Check = int64(len(s.bytes)), crc32.Checksum(s.bytes, castagnoli)
	}
	var text []byte
	for { // places depend on the length of the text, which places are part of
		at := roundUp(headSize + int64(len(text)))
		for i := range d.Sections {
			d.Sections[i].At = at
			at = roundUp(at + d.Sections[i].Size)
		}
		again, err := json.Marshal(d)
		if err != nil {
			panic(err) // it has numbers and strings alone
		}
		if len(again) == len(text) {
			return again
		}
		text = again
	}
}

// roundUp returns the next multiple of align.
func roundUp(n int64) int64 { return (n + align - 1) / align * align }

// write writes the file, whose description has the given text.
func (d *description) write(w io.Writer, text []byte) error {
	head := make([]byte, headSize)
	copy(head, magic)
	binary.LittleEndian.PutUint32(head[8:], version)
	binary.LittleEndian.PutUint32(head[12:], uint32(len(text)))
	binary.LittleEndian.PutUint32(head[16:], crc32.Checksum(text, castagnoli))
	binary.LittleEndian.PutUint32(head[20:], crc32.Checksum(head[:20], castagnoli))
	at := int64(0)
	put := func(b []byte) error {
		n, err := w.Write(b)
		at += int64(n)
		return err
	}
	if err := fault.First(put(head), put(text)); err != nil {
		return err
	}
	for _, s := range d.Sections {
		if err := fault.First(put(make([]byte, s.At-at)), put(s.bytes)); err != nil {
			return err
		}
	}
	return nil
}

// readHead returns the text of the description of a file that begins with b. Nothing but its checksum is checked.
func readHead(b []byte) ([]byte, error) {
	le := binary.LittleEndian
	if len(b) < headSize || string(b[:8]) != magic {
		return nil, fault.Errorf(fault.ErrFormat, "it is no file of an index")
	}
	if le.Uint32(b[20:]) != crc32.Checksum(b[:20], castagnoli) {
		return nil, fault.Errorf(fault.ErrFormat, "it is damaged: the checksum of its first bytes differs")
	}
	if v := le.Uint32(b[8:]); v != version {
		return nil, fault.Errorf(fault.ErrFormat, "it has version %d of the format, and this program knows version %d", v, version)
	}
	size := int64(le.Uint32(b[12:]))
	if size > maxDescription || size > int64(len(b)-headSize) {
		return nil, fault.Errorf(fault.ErrFormat, "it is cut short, within its description of %d bytes", size)
	}
	text := b[headSize : headSize+size]
	if le.Uint32(b[16:]) != crc32.Checksum(text, castagnoli) {
		return nil, fault.Errorf(fault.ErrFormat, "it is damaged: the checksum of its description differs")
	}
	return text, nil
}

// read reads a file whose bytes are b, and checks everything but what the numbers mean.
func (d *description) read(b []byte) error {
	text, err := readHead(b)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, d); err != nil {
		return fault.Errorf(fault.ErrFormat, "its description is damaged: %v", err)
	}
	end := int64(headSize + len(text))
	for i := range d.Sections {
		s := &d.Sections[i]
		if s.At != roundUp(end) || s.Size < 0 || s.Size > int64(len(b))-s.At {
			return fault.Errorf(fault.ErrFormat, "it is cut short or damaged: section %q of %d bytes at byte %d of %d", s.Name, s.Size, s.At, len(b))
		}
		s.bytes = b[s.At : s.At+s.Size : s.At+s.Size]
		if crc32.Checksum(s.bytes, castagnoli) != s.Check {
			return fault.Errorf(fault.ErrFormat, "it is damaged: the checksum of section %q differs", s.Name)
		}
		end = s.At + s.Size
	}
	if end != int64(len(b)) {
		return fault.Errorf(fault.ErrFormat, "it has %d bytes, want %d", len(b), end)
	}
	return nil
}

// sectionOf sets v to the numbers of a section. It wants n of them; -1 stands for any number.
func sectionOf[T number](d *description, name string, n int64, v *[]T) (err error) {
	for i := range d.Sections {
		s := &d.Sections[i]
		if s.Name != name {
			continue
		}
		if *v, err = numbers[T](s.bytes); err != nil {
			return fault.Errorf(err, "section %q: %s", name, fault.Text(err))
		}
		if n >= 0 && int64(len(*v)) != n {
			return fault.Errorf(fault.ErrFormat, "section %q has %d numbers, want %d", name, len(*v), n)
		}
		return nil
	}
	return fault.Errorf(fault.ErrFormat, "there is no section %q", name)
}
