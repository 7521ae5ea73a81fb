package tensor

import (
	"io"
	"os"
)

// OpenFile opens the file at path and calls read, which gets its size in bytes and reads
// what its container needs. Errors of read are passed on as they are, without the path; the
// file is closed on errors.
func OpenFile[T any](path string, read func(r io.ReaderAt, size int64) (T, error)) (T, *os.File, error) {
	var none T
	f, err := os.Open(path)
	if err != nil {
		return none, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return none, nil, err
	}
	v, err := read(f, info.Size())
	if err != nil {
		f.Close()
		return none, nil, err
	}
	return v, f, nil
}
