// Package sniff tells what a file is by its first bytes: for readers that choose by it,
// and for errors that say which function opens the file.
package sniff

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/ksparse/ksparse/internal/fault"
)

// A Kind is a kind of file.
type Kind uint8

// The kinds.
const (
	Unknown    Kind = iota
	Network         // of Network.SaveFile
	Checkpoint      // of a training
	Codes           // of codefile.Write
	Safetensors
	Torch // of torch.save: a zip archive or a single stream
	Npz
	Npy
	Zip // any other
	Tar // torch.save of the first versions of PyTorch too
	Gzip
	HDF5
	Arrow   // an IPC file or, by its first message, a stream
	Parquet // also an encrypted one
	LFS     // what Git has in place of a file that it keeps elsewhere
	HTML
	JSON
	Text
	Empty
	Folder
	Special // a device, a pipe, ...: it is not looked into
)

// columnarOpens is the advice for files of columns.
const columnarOpens = "columnar.Open of the module columnar opens it, as rows of data"

// kinds has what each kind is called, and what to do with it, which may be nothing.
var kinds = [...]struct{ name, advice string }{
	Unknown:     {"a file of no kind that is known here", ""},
	Network:     {"a network file", "ksparse.LoadFile or pretrained.Open opens it"},
	Checkpoint:  {"a checkpoint of a training", "ksparse.LoadCheckpoint or pretrained.Open opens it"},
	Codes:       {"a file of codes (.ksc)", "codefile.Open opens it"},
	Safetensors: {"a safetensors file", "pretrained.Open opens it"},
	Torch:       {"a file of torch.save", "pretrained.Open opens it"},
	Npz:         {"an .npz file", "pretrained.Open opens it"},
	Npy:         {"a NumPy array (.npy)", "data.OpenNpy opens it, as rows of data"},
	Zip:         {"a zip archive", "unpack it: pretrained.Open opens the folder"},
	Tar:         {"a tar archive", "unpack it: pretrained.Open opens the folder; if PyTorch before 0.1.10 wrote it, load and save it with a newer one"},
	Gzip:        {"a gzip file", "unpack it: pretrained.Open opens what is inside"},
	HDF5:        {"an HDF5 file", "save its arrays as .npy or safetensors"},
	Arrow:       {"an Arrow file", columnarOpens},
	Parquet:     {"a Parquet file", columnarOpens},
	LFS:         {"a pointer of Git LFS in place of the file itself, which is still to be downloaded", ""},
	HTML:        {"an HTML page, perhaps of a download that failed", ""},
	JSON:        {"a JSON file", "pretrained.Open opens the folder of the model that it may describe"},
	Text:        {"a text file", ""},
	Empty:       {"empty", ""},
	Folder:      {"a folder", "pretrained.Open opens the model in it"},
	Special:     {"no regular file (a device, a pipe, ...)", ""},
}

// String names the kind, as in "it is a safetensors file".
func (k Kind) String() string { return kinds[k].name }

// Advice says which function opens a file of the kind, or what else to do. It is "" where
// nothing helps.
func (k Kind) Advice() string { return kinds[k].advice }

// Instead says that a file of the kind is not what is wanted.
func (k Kind) Instead(wanted string) string { return k.String() + ", not " + wanted }

// Want returns an error where what is at path is certain to be of another kind: nil leaves
// it to the reader of the kind to say what is wrong. A pipe or device is not opened, which
// could wait for ever. The error names the file and wraps fault.ErrFormat, or is that of
// package os.
func Want(path string, kind Kind) error {
	is, err := File(path)
	switch {
	case err != nil:
		return fmt.Errorf("ksparse: %w", err)
	case is == kind, is == Unknown:
		return nil
	}
	return fault.Advise(fault.ErrFormat, is.Advice(), "%s is %s", path, is.Instead(kind.String()))
}

// Open opens the file at path where Want has no error. Errors are those of Want.
func Open(path string, kind Kind) (*os.File, error) {
	if err := Want(path, kind); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("ksparse: %w", err)
	}
	return f, nil
}

// headSize is how many bytes are looked at, at most.
const headSize = 512

// File tells what is at path. Errors are those of package os.
func File(path string) (Kind, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return Unknown, err
	case info.IsDir():
		return Folder, nil
	case !info.Mode().IsRegular():
		return Special, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return Unknown, err
	}
	defer file.Close() // read only
	head := make([]byte, headSize)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Unknown, err
	}
	kind := Head(head[:n])
	if kind == Zip { // its first entry says nothing: ask the others
		kind = insideZip(file, info.Size())
	}
	return kind, nil
}

// How the library's own files begin.
const (
	NetworkMagic    = "\x89ksp\r\n\x1a\n"
	CheckpointMagic = "\x89ksc\r\n\x1a\n"
	CodesMagic      = "\x89kco\r\n\x1a\n"
)

// Head tells what a file is that begins with head, all of it or its first bytes.
func Head(head []byte) Kind {
	begins := func(magic string) bool { return strings.HasPrefix(string(head), magic) }
	switch {
	case len(head) == 0:
		return Empty
	case begins(NetworkMagic):
		return Network
	case begins(CheckpointMagic):
		return Checkpoint
	case begins(CodesMagic):
		return Codes
	case begins("PK\x03\x04"), begins("PK\x05\x06"):
		return zipKind(head)
	case len(head) > 8 && head[8] == '{' && binary.LittleEndian.Uint64(head) < 1<<32: // the header's length
		return Safetensors
	case len(head) > 1 && head[0] == 0x80 && head[1] <= 5:
		return Torch
	case len(head) >= 262 && string(head[257:262]) == "ustar":
		return Tar
	case begins("\x93NUMPY"):
		return Npy
	case begins("\x1f\x8b"):
		return Gzip
	case begins("\x89HDF\r\n\x1a\n"):
		return HDF5
	}
	if kind := textKind(head); kind != Unknown { // these begin with a few letters, as text may
		return kind
	}
	switch {
	case begins("ARROW1"), begins("\xff\xff\xff\xff"):
		return Arrow
	case begins("PAR1"), begins("PARE"):
		return Parquet
	}
	return Unknown
}

// zipKind tells a zip archive by its first entry.
func zipKind(head []byte) Kind {
	const nameAt = 30
	if len(head) < nameAt {
		return Zip
	}
	return entryKind(string(head[nameAt:min(len(head), nameAt+int(binary.LittleEndian.Uint16(head[26:])))]))
}

// insideZip tells a zip archive by all of its entries: torch.save where one is, else .npz.
// A directory that cannot be read tells nothing.
func insideZip(r io.ReaderAt, size int64) Kind {
	kind := Zip
	all, err := zip.NewReader(r, size)
	if err != nil {
		return kind
	}
	for _, f := range all.File {
		switch entryKind(f.Name) {
		case Torch:
			return Torch
		case Npz:
			kind = Npz
		}
	}
	return kind
}

// entryKind tells .npz, which has arrays at its top, and torch.save, which has a pickle in a
// folder, from other archives by the name of an entry.
func entryKind(name string) Kind {
	folder, file, inFolder := strings.Cut(name, "/")
	switch {
	case !inFolder && strings.HasSuffix(name, ".npy"):
		return Npz
	case inFolder && folder != "" && (file == "data.pkl" || file == "constants.pkl" || file == "version" || file == "byteorder"):
		return Torch
	}
	return Zip
}

// textKind tells text, and some kinds of it by how they begin, from other bytes.
func textKind(head []byte) Kind {
	whole := head
	for range utf8.UTFMax - 1 { // the last character may be cut
		if len(head) == headSize && !utf8.Valid(whole) {
			whole = whole[:len(whole)-1]
		}
	}
	control := func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\r\f", r) || r == 0x7f }
	if !utf8.Valid(whole) || strings.IndexFunc(string(whole), control) >= 0 {
		return Unknown
	}
	text := strings.ToLower(strings.TrimSpace(string(whole)))
	begins := func(with string) bool { return strings.HasPrefix(text, with) }
	switch {
	case begins("version https://git-lfs"):
		return LFS
	case begins("<!doctype html"), begins("<html"):
		return HTML
	case begins("{"), begins("["):
		return JSON
	}
	return Text
}
