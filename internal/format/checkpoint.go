package format

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/sniff"
)

const (
	checkpointMagic   = sniff.CheckpointMagic
	checkpointVersion = 3
	checkpointStart   = len(checkpointMagic) + 8 // bytes before the header
)

// Setting is something that a training and the checkpoint that it resumes from must
// agree in.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Section is one part of the state of a training, of either kind of number.
type Section struct {
	Name   string
	Floats []float64
	Counts []int64
}

// SectionHeader has how many numbers of which kind a section is.
type SectionHeader struct {
	Name   string `json:"name"`
	Floats int    `json:"floats,omitempty"`
	Counts int    `json:"counts,omitempty"`
}

func (s *Section) header() SectionHeader {
	return SectionHeader{s.Name, len(s.Floats), len(s.Counts)}
}

// checkpointHeader is the header of a checkpoint file.
type checkpointHeader struct {
	Settings []Setting       `json:"settings"`
	Network  json.RawMessage `json:"network"`
	Left     string          `json:"left"`
	Sections []SectionHeader `json:"sections"`
}

// WriteCheckpoint writes a checkpoint file. The header describes the network n; the
// sections hold its parameters, those called left, see Checkpoint.Network. Errors are those
// of w, or wrap fault.ErrFormat where the header would be too long to be read.
func WriteCheckpoint(w io.Writer, settings []Setting, n *Network, left string, sections []Section) error {
	network, _, err := headerOf(n).text()
	if err != nil {
		return err
	}
	h := checkpointHeader{Settings: settings, Network: network, Left: left}
	for i := range sections {
		h.Sections = append(h.Sections, sections[i].header())
	}
	header, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if len(header) > maxHeader {
		return fault.Errorf(fault.ErrFormat, "the checkpoint's header would have %d bytes, at most %d can be read", len(header), maxHeader)
	}
	e := encoder{w: w, buf: make([]byte, 0, chunk)}
	start := append([]byte(nil), checkpointMagic...)
	start = binary.LittleEndian.AppendUint32(start, checkpointVersion)
	start = binary.LittleEndian.AppendUint32(start, uint32(len(header)))
	e.bytes(start)
	e.bytes(header)
	for _, s := range sections {
		writeParameters(&e, s.Floats)
		e.counts(s.Counts)
	}
	e.checksum()
	e.flush()
	return e.err
}

// counts writes numbers of 8 bytes.
func (e *encoder) counts(x []int64) {
	var number [8]byte
	for _, v := range x {
		binary.LittleEndian.PutUint64(number[:], uint64(v))
		e.bytes(number[:])
	}
}

// Checkpoint is a checkpoint file whose numbers are still to be read.
type Checkpoint struct {
	Settings []Setting
	Sections []SectionHeader
	network  []byte            // the header of the network
	left     string            // the sections of its parameters
	file     *os.File          // where body lies at its end, before the checksum
	body     *io.LimitedReader // the bytes of the sections
}

// OpenCheckpoint checks a checkpoint file as a whole and reads its header. What it
// allocates depends on the header's length, which is limited. Errors wrap
// fault.ErrFormat and do not name the file. The caller closes f, after ReadInto.
func OpenCheckpoint(f *os.File) (*Checkpoint, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fault.Errorf(err, "the checkpoint: %v", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fault.Errorf(fault.ErrFormat, "the checkpoint is no regular file")
	}
	size := info.Size()
	var start [checkpointStart]byte
	n, err := io.ReadFull(f, start[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, checkpointError(err)
	}
	if magic := start[:min(n, len(checkpointMagic))]; !strings.HasPrefix(checkpointMagic, string(magic)) {
		return nil, fault.Errorf(fault.ErrFormat, "not a checkpoint: it begins with %q, want %q", magic, checkpointMagic)
	}
	if size < int64(checkpointStart+crc32.Size) {
		return nil, fault.Errorf(fault.ErrFormat, "the checkpoint is cut short: it has %d bytes", size)
	}
	body := &io.LimitedReader{R: f, N: size - int64(checkpointStart+crc32.Size)}
	text, err := checkStart(start, body.N)
	if err != nil {
		return nil, err
	}
	if err := checkSum(f, body, start); err != nil {
		return nil, err
	}
	if _, err := f.Seek(int64(checkpointStart), io.SeekStart); err != nil {
		return nil, checkpointError(err)
	}
	body.N = size - int64(checkpointStart+crc32.Size)
	header := make([]byte, text)
	if _, err := io.ReadFull(body, header); err != nil {
		return nil, checkpointError(err)
	}
	var h checkpointHeader
	if err := json.Unmarshal(header, &h); err != nil {
		return nil, fault.Errorf(fault.ErrFormat, "the checkpoint's header: %v", err)
	}
	return &Checkpoint{h.Settings, h.Sections, h.Network, h.Left, f, body}, nil
}

// checkpointError is the error of a read that failed.
func checkpointError(err error) error {
	return fault.Errorf(errors.Join(fault.ErrFormat, err), "reading the checkpoint: %v", err)
}

// checkStart checks the numbers before the header and returns the header's length,
// which is at most limit: so much follows.
func checkStart(start [checkpointStart]byte, limit int64) (int64, error) {
	numbers := start[len(checkpointMagic):]
	switch v := binary.LittleEndian.Uint32(numbers); {
	case v < checkpointVersion:
		return 0, fault.Errorf(fault.ErrFormat, "the checkpoint has version %d, this package reads version %d: an older release of this library wrote it, and only that can resume it and save the network with SaveFile",
			v, checkpointVersion)
	case v != checkpointVersion:
		return 0, fault.Errorf(fault.ErrFormat, "the checkpoint has version %d, this package reads version %d", v, checkpointVersion)
	}
	size := int64(binary.LittleEndian.Uint32(numbers[4:]))
	if size > maxHeader {
		return 0, fault.Errorf(fault.ErrFormat, "the checkpoint's header has %d bytes, want at most %d", size, maxHeader)
	}
	if size > limit {
		return 0, fault.Errorf(fault.ErrFormat, "the checkpoint is cut short in its header, which has %d bytes", size)
	}
	return size, nil
}

// checkSum reads body, which follows start in f, and the checksum after it.
func checkSum(f *os.File, body io.Reader, start [checkpointStart]byte) error {
	sum := crc32.New(castagnoli)
	sum.Write(start[:])
	if _, err := io.Copy(sum, body); err != nil {
		return checkpointError(err)
	}
	var stored [crc32.Size]byte
	if _, err := io.ReadFull(f, stored[:]); err != nil {
		return checkpointError(err)
	}
	if got, want := sum.Sum32(), binary.LittleEndian.Uint32(stored[:]); got != want {
		return fault.Errorf(fault.ErrFormat, "the checkpoint is damaged or cut short: its checksum is %08x, want %08x", got, want)
	}
	return nil
}

// Same returns an error that names the first of the settings, in the order given, in which
// the checkpoint differs, and wraps fault.ErrCheckpoint; or fault.ErrFormat where it does not have the
// setting.
func (c *Checkpoint) Same(settings []Setting) error {
	for _, want := range settings {
		i := slices.IndexFunc(c.Settings, func(s Setting) bool { return s.Name == want.Name })
		if i < 0 {
			return fault.Errorf(fault.ErrFormat, "the checkpoint does not say what %s is", want.Name)
		}
		if got := c.Settings[i].Value; got != want.Value {
			return fault.Errorf(fault.ErrCheckpoint, "the checkpoint is of another training: %s is %.200s there and %.200s here", want.Name, got, want.Value)
		}
	}
	return nil
}

// ReadInto fills the sections, once. The checkpoint must have sections of these names
// and sizes and no others, else the error wraps fault.ErrFormat and nothing is read.
func (c *Checkpoint) ReadInto(sections []Section) error {
	if len(c.Sections) != len(sections) {
		return fault.Errorf(fault.ErrFormat, "the checkpoint does not have the sections of this training")
	}
	size := 0
	for i := range sections {
		s := &sections[i]
		if want := s.header(); c.Sections[i] != want {
			return fault.Errorf(fault.ErrFormat, "the checkpoint has the section %.200s, want %+v", fmt.Sprintf("%+v", c.Sections[i]), want)
		}
		size += 8 * (len(s.Floats) + len(s.Counts))
	}
	if int64(size) != c.body.N {
		return fault.Errorf(fault.ErrFormat, "the checkpoint has %d bytes of numbers, its header names %d", c.body.N, size)
	}
	for _, s := range sections {
		err := errors.Join(
			readNumbers(c.body, len(s.Floats), func(i int, v uint64) { s.Floats[i] = math.Float64frombits(v) }),
			readNumbers(c.body, len(s.Counts), func(i int, v uint64) { s.Counts[i] = int64(v) }))
		if err != nil {
			return fault.Errorf(errors.Join(fault.ErrFormat, err), "reading %s of the checkpoint: %v", s.Name, err)
		}
	}
	return nil
}

// readNumbers reads n numbers of 8 bytes.
func readNumbers(r io.Reader, n int, set func(i int, bits uint64)) error {
	var buffer [8 << 10]byte
	for i := 0; i < n; {
		part := buffer[:min(len(buffer), 8*(n-i))]
		if _, err := io.ReadFull(r, part); err != nil {
			return err
		}
		for ; len(part) > 0; part = part[8:] {
			set(i, binary.LittleEndian.Uint64(part))
			i++
		}
	}
	return nil
}
