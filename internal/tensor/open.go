package tensor

import (
	"io"

	"github.com/ksparse/ksparse/internal/mapped"
)

// OpenFile opens the file at path and calls read, which gets its size in bytes and reads
// what its container needs. Errors of read are passed on as they are, without the path; the
// file is closed on errors. Else the Set has no other file.
func OpenFile[T any](path string, read func(r io.ReaderAt, size int64) (T, error)) (T, *mapped.Set, error) {
	var none T
	set := new(mapped.Set)
	f, err := set.Open(path)
	if err != nil {
		return none, nil, err
	}
	v, err := read(f, f.Size())
	if err != nil {
		set.Close() // read only
		return none, nil, err
	}
	return v, set, nil
}
