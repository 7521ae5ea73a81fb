package ksparse

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"os"
)

// A checkpoint file, all numbers little-endian:
//
//	8 bytes   magic: 89 6b 73 63 0d 0a 1a 0a ("\x89ksc\r\n\x1a\n")
//	uint32    version: 1
//	uint32    length of the header in bytes, at most 8 MiB
//	header    one JSON object in UTF-8, checkpointHeader
//	sections  the numbers of each, 8 bytes a number: float64 or int64
//	uint32    CRC-32C of all bytes before it
//
// It is for the training that wrote it, not an exchange format: a network on its
// own is what Network.Save writes.
const (
	checkpointMagic   = "\x89ksc\r\n\x1a\n"
	checkpointVersion = 1
	checkpointStart   = len(checkpointMagic) + 8
)

type checkpointHeader struct {
	Settings []setting       `json:"settings"`
	Sections []sectionHeader `json:"sections"`
}

// sectionHeader has how many numbers of which kind a section is.
type sectionHeader struct {
	Name   string `json:"name"`
	Floats int    `json:"floats,omitempty"`
	Counts int    `json:"counts,omitempty"`
}

func headerOf(s section) sectionHeader { return sectionHeader{s.name, len(s.floats), len(s.counts)} }

func writeCheckpoint(w io.Writer, settings []setting, sections []section) error {
	h := checkpointHeader{Settings: settings}
	for _, s := range sections {
		h.Sections = append(h.Sections, headerOf(s))
	}
	header, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if len(header) > maxHeader {
		return errorf(ErrFormat, "the checkpoint's header would have %d bytes, at most %d can be read", len(header), maxHeader)
	}
	e := encoder{w: w, buf: make([]byte, 0, chunk)}
	start := append([]byte(nil), checkpointMagic...)
	start = binary.LittleEndian.AppendUint32(start, checkpointVersion)
	start = binary.LittleEndian.AppendUint32(start, uint32(len(header)))
	e.bytes(start)
	e.bytes(header)
	for _, s := range sections {
		e.floats(s.floats)
		e.counts(s.counts)
	}
	e.checksum()
	e.flush()
	return e.err
}

func (e *encoder) counts(x []int64) {
	var number [8]byte
	for _, v := range x {
		binary.LittleEndian.PutUint64(number[:], uint64(v))
		e.bytes(number[:])
	}
}

// readCheckpoint checks the file and that it belongs to this training, reads the
// training's sections and returns them. So what it allocates beyond the header
// depends on the training, not on the file.
func (t *trainer) readCheckpoint(f *os.File) ([]section, error) {
	header, body, err := openCheckpoint(f)
	if err != nil {
		return nil, err
	}
	if err := sameSettings(header.Settings, t.settings()); err != nil {
		return nil, err
	}
	wrong := errorf(ErrFormat, "the checkpoint does not have the sections of this training")
	if len(header.Sections) < copied {
		return nil, wrong
	}
	epochs := header.Sections[copied-1].Counts / epochCounts
	if epochs < 0 || epochs > t.cfg.Epochs {
		return nil, wrong
	}
	t.history.Epochs = make([]EpochStats, epochs)
	all, size := t.sections(), 0
	if len(header.Sections) != len(all) {
		return nil, wrong
	}
	for i, s := range all {
		if headerOf(s) != header.Sections[i] {
			return nil, errorf(ErrFormat, "the checkpoint has the section %+v, want %+v", header.Sections[i], headerOf(s))
		}
		size += 8 * (len(s.floats) + len(s.counts))
	}
	if int64(size) != body.N {
		return nil, errorf(ErrFormat, "the checkpoint has %d bytes of numbers, its header names %d", body.N, size)
	}
	for _, s := range all {
		err := errors.Join(
			readNumbers(body, len(s.floats), func(i int, v uint64) { s.floats[i] = math.Float64frombits(v) }),
			readNumbers(body, len(s.counts), func(i int, v uint64) { s.counts[i] = int64(v) }))
		if err != nil {
			return nil, errorf(errors.Join(ErrFormat, err), "reading %s of the checkpoint: %v", s.name, err)
		}
	}
	return all, nil
}

// openCheckpoint checks f as a whole and returns its header and the bytes of the
// sections.
func openCheckpoint(f *os.File) (*checkpointHeader, *io.LimitedReader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, nil, errorf(err, "the checkpoint: %v", err)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errorf(ErrFormat, "the checkpoint is no regular file")
	}
	size := info.Size()
	if size < int64(checkpointStart+crc32.Size) {
		return nil, nil, errorf(ErrFormat, "the checkpoint is cut short: it has %d bytes", size)
	}
	failed := func(err error) error { return errorf(errors.Join(ErrFormat, err), "reading the checkpoint: %v", err) }
	var start [checkpointStart]byte
	if _, err := io.ReadFull(f, start[:]); err != nil {
		return nil, nil, failed(err)
	}
	numbers := start[len(checkpointMagic):]
	if !bytes.HasPrefix(start[:], []byte(checkpointMagic)) {
		return nil, nil, errorf(ErrFormat, "not a checkpoint: it begins with %q, want %q", start[:len(checkpointMagic)], checkpointMagic)
	}
	if v := binary.LittleEndian.Uint32(numbers); v != checkpointVersion {
		return nil, nil, errorf(ErrFormat, "the checkpoint has version %d, this package reads version %d", v, checkpointVersion)
	}
	body := &io.LimitedReader{R: f, N: size - int64(checkpointStart+crc32.Size)}
	headerSize := int64(binary.LittleEndian.Uint32(numbers[4:]))
	if headerSize > min(maxHeader, body.N) {
		return nil, nil, errorf(ErrFormat, "the checkpoint's header has %d bytes, want at most %d", headerSize, min(maxHeader, body.N))
	}
	sum := crc32.New(castagnoli)
	sum.Write(start[:])
	var stored [crc32.Size]byte
	if _, err := io.Copy(sum, body); err != nil {
		return nil, nil, failed(err)
	}
	if _, err := io.ReadFull(f, stored[:]); err != nil {
		return nil, nil, failed(err)
	}
	if got, want := sum.Sum32(), binary.LittleEndian.Uint32(stored[:]); got != want {
		return nil, nil, errorf(ErrFormat, "the checkpoint is damaged or cut short: its checksum is %08x, want %08x", got, want)
	}
	if _, err := f.Seek(int64(checkpointStart), io.SeekStart); err != nil {
		return nil, nil, failed(err)
	}
	body.N = size - int64(checkpointStart+crc32.Size)
	text := make([]byte, headerSize)
	if _, err := io.ReadFull(body, text); err != nil {
		return nil, nil, failed(err)
	}
	header := new(checkpointHeader)
	if err := json.Unmarshal(text, header); err != nil {
		return nil, nil, errorf(ErrFormat, "the checkpoint's header: %v", err)
	}
	return header, body, nil
}

// sameSettings names the first setting in which two trainings differ.
func sameSettings(there, here []setting) error {
	for i, want := range here {
		if i >= len(there) || there[i].Name != want.Name {
			return errorf(ErrFormat, "the checkpoint does not say what %s is", want.Name)
		}
		if got := there[i].Value; got != want.Value {
			return errorf(ErrCheckpoint, "the checkpoint is of another training: %s is %.200s there and %.200s here", want.Name, got, want.Value)
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
