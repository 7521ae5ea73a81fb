package data

import (
	"io"
	"path/filepath"
	"strings"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/sniff"
)

// A fileReader finds the rows in the size bytes of r, the file at path. Its errors do not name
// the file. Where they wrap no cause of package fault, the file is damaged.
type fileReader func(r io.ReaderAt, size int64, path string, o Options) (opened, error)

// binaryReaders has the formats that only a name tells, by its extension: the files have no mark. That of
// safetensors is a length, which in a damaged file may be the mark of another format.
var binaryReaders = map[string]fileReader{
	".fvecs": readVectors, ".bvecs": readVectors, ".ivecs": readVectors,
	".fbin": readCounted, ".u8bin": readCounted, ".i8bin": readCounted,
	".f32": readRaw, ".raw": readRaw,
	".safetensors": readSafetensors,
}

// textReaders has those of text.
var textReaders = map[string]fileReader{
	".csv": readTable, ".tsv": readTable, ".txt": readTable,
	".jsonl": readJSONLines, ".ndjson": readJSONLines,
}

// readable says what Open reads, for errors.
const readable = "data.Open reads .npy, .npz, safetensors, .fvecs, .bvecs, .ivecs, .fbin, .u8bin, .i8bin, " +
	"CSV, TSV and JSON lines, and files of float32 numbers with Options.Cols; columnar.Open reads Arrow and Parquet"

// recognise returns the reader for the file at path. An error wraps fault.ErrFormat, for a file
// that cannot be read, or is of package os.
func recognise(path string, o Options) (fileReader, error) {
	is, err := sniff.File(path)
	if err != nil {
		return nil, fault.Errorf(err, "%s", err)
	}
	extension := strings.ToLower(filepath.Ext(path))
	read := binaryReaders[extension]
	if extension == ".bin" && o.Cols > 0 {
		read = readRaw
	}
	if read != nil && !hasMark(is) {
		return read, nil
	}
	switch is {
	case sniff.Npy:
		return readNpy, nil
	case sniff.Npz:
		return readNpz, nil
	case sniff.Safetensors:
		return readSafetensors, nil
	case sniff.JSON, sniff.Text:
		switch read := textReaders[extension]; {
		case read != nil:
			return read, nil
		case is == sniff.JSON:
			return readJSONLines, nil
		}
		return readTable, nil
	case sniff.Arrow, sniff.Parquet:
		return nil, fault.Advise(fault.ErrFormat, is.Advice(), "%s is %s", path, is)
	case sniff.Unknown:
		if o.Cols > 0 {
			return readRaw, nil
		}
	}
	return nil, fault.Advise(fault.ErrFormat, readable, "%s is %s, not rows of numbers", path, is)
}

// hasMark reports whether a file of the kind is sure to be one, whatever its name is. The other
// kinds go by so few bytes that numbers may look like them: vectors of dimension 128 begin as
// a file of torch.save does, and a missing number as a stream of Arrow.
func hasMark(is sniff.Kind) bool {
	switch is {
	case sniff.Unknown, sniff.Torch, sniff.Safetensors, sniff.Tar, sniff.Gzip, sniff.Arrow, sniff.JSON, sniff.Text:
		return false
	}
	return true
}

// refuseOptions returns an error where o names something that a file of this kind does not have.
func refuseOptions(o Options, kind string, hasTensors, hasColumns bool) error {
	switch {
	case o.Tensor != "" && !hasTensors:
		return fault.Errorf(fault.ErrRange, "Options.Tensor is %.100q, but a %s file has no arrays with names", o.Tensor, kind)
	case o.Column != "" && !hasColumns:
		return fault.Errorf(fault.ErrRange, "Options.Column is %.100q, but a %s file has no columns with names", o.Column, kind)
	}
	return nil
}
