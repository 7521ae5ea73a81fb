// Package sniff tells what a file is by its first bytes: for readers that choose by it,
// and for errors that say which function opens the file.
package sniff

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// A Kind is a kind of file.
type Kind uint8

// The kinds.
const (
	Unknown    Kind = iota
	Network         // of Network.SaveFile
	Checkpoint      // of a training
	Safetensors
	Torch // of torch.save: a zip archive, a single stream, or the tar file of its first versions
	Npz
	Npy
	Zip // any other
	Gzip
	HDF5
	JSON
	Text
	Empty
	Folder
	Special // a device, a pipe, ...: it is not looked into
)

// kinds has what each kind is called, and what to do with it, which may be nothing.
var kinds = [...]struct{ name, advice string }{
	Unknown:     {"a file of no kind that is known here", ""},
	Network:     {"a network file", "ksparse.LoadFile or pretrained.Open opens it"},
	Checkpoint:  {"a checkpoint of a training", "ksparse.LoadCheckpoint or pretrained.Open opens it"},
	Safetensors: {"a safetensors file", "pretrained.Open opens it"},
	Torch:       {"a file of torch.save", "pretrained.Open opens it"},
	Npz:         {"an .npz file", "pretrained.Open opens it"},
	Npy:         {"a NumPy array (.npy)", "data.OpenNpy opens it, as rows of data"},
	Zip:         {"a zip archive", "unpack it: pretrained.Open opens the folder"},
	Gzip:        {"a gzip file", "unpack it: pretrained.Open opens what is inside"},
	HDF5:        {"an HDF5 file", "save its arrays as .npy or safetensors"},
	JSON:        {"a JSON file", "pretrained.Open opens the folder of the model that it may describe"},
	Text:        {"a text file", ""},
	Empty:       {"empty", ""},
	Folder:      {"a folder", "pretrained.Open opens the model in it"},
	Special:     {"no regular file", ""},
}

// String names the kind, as in "it is a safetensors file".
func (k Kind) String() string { return kinds[k].name }

// Advice says which function opens a file of the kind, or what else to do. It is "" where
// nothing helps.
func (k Kind) Advice() string { return kinds[k].advice }

// Instead says that a file of the kind is not what is wanted, and what to do.
func (k Kind) Instead(wanted string) string {
	text := k.String() + ", not " + wanted
	if k.Advice() != "" {
		text += ": " + k.Advice()
	}
	return text
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
	return Head(head[:n]), nil
}

// Head tells what a file is that begins with head, all of it or its first bytes.
func Head(head []byte) Kind {
	begins := func(magic string) bool { return strings.HasPrefix(string(head), magic) }
	switch {
	case len(head) == 0:
		return Empty
	case begins("\x89ksp\r\n\x1a\n"):
		return Network
	case begins("\x89ksc\r\n\x1a\n"):
		return Checkpoint
	case begins("PK\x03\x04"), begins("PK\x05\x06"):
		return zipKind(head)
	case len(head) > 8 && head[8] == '{' && binary.LittleEndian.Uint64(head) < 1<<32: // the header's length
		return Safetensors
	case len(head) > 1 && head[0] == 0x80 && head[1] <= 5, len(head) >= 262 && string(head[257:262]) == "ustar":
		return Torch
	case begins("\x93NUMPY"):
		return Npy
	case begins("\x1f\x8b"):
		return Gzip
	case begins("\x89HDF\r\n\x1a\n"):
		return HDF5
	}
	return textKind(head)
}

// zipKind tells .npz, which has arrays at its top, and torch.save, which has everything in
// one folder and the pickle first, from other archives.
func zipKind(head []byte) Kind {
	const nameAt = 30
	if len(head) < nameAt {
		return Zip
	}
	name := string(head[nameAt:min(len(head), nameAt+int(binary.LittleEndian.Uint16(head[26:])))])
	folder, file, inFolder := strings.Cut(name, "/")
	switch {
	case !inFolder && strings.HasSuffix(name, ".npy"):
		return Npz
	case inFolder && folder != "" && (file == "data.pkl" || file == "constants.pkl" || file == "version" || file == "byteorder"):
		return Torch
	}
	return Zip
}

// textKind tells text, and JSON by its first character, from other bytes.
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
	if text := strings.TrimSpace(string(whole)); strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		return JSON
	}
	return Text
}
