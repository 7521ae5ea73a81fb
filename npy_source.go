package ksparse

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/ksparse/ksparse/internal/npy"
)

// NpySource is a Source of the rows of a NumPy file, which are read from the file
// when they are asked for: nothing of it stays in memory. Its methods may be called
// from any number of goroutines at once.
type NpySource struct {
	file       *npy.File
	path       string
	rows, cols int
}

// OpenNpy opens the .npy file at path (numpy.save) of a two-dimensional array, one
// sample per row, and reads its header. Elements are float64, float32 or float16, or
// integers or booleans, in either byte order; a float64 holds each of them exactly,
// or reading is an error. An array in Fortran order will do, but reading few rows of
// it at a time is slow. Close it when it is no longer needed.
//
// Errors wrap ErrFormat, for a file that is not of this kind or cut short, ErrShape,
// for an array of other than two dimensions, or ErrEmpty, or are those of package os.
// NaN and infinities are found by those who read them.
func OpenNpy(path string) (*NpySource, error) {
	file, err := npy.OpenFile(path)
	if err != nil {
		if pathError := (*fs.PathError)(nil); !errors.As(err, &pathError) {
			err = errors.Join(ErrFormat, err)
		}
		return nil, errorf(err, "opening NumPy file: %s", strings.TrimPrefix(err.Error(), ErrFormat.Error()+"\n"))
	}
	shape := file.Shape()
	switch {
	case len(shape) != 2:
		err = errorf(ErrShape, "%s has an array of shape %v, want two dimensions", path, shape)
	case shape[0] == 0 || shape[1] == 0:
		err = errorf(ErrEmpty, "%s has an array of %d x %d, which is empty", path, shape[0], shape[1])
	default:
		return &NpySource{file, path, shape[0], shape[1]}, nil
	}
	file.Close() // read only: nothing can be lost
	return nil, err
}

// Dims returns the number of rows (samples) and columns, also once s is closed.
func (s *NpySource) Dims() (rows, cols int) {
	if s == nil {
		return 0, 0
	}
	return s.rows, s.cols
}

// ReadRows writes the rows lo to hi to dst: see Source. Errors wrap ErrRange, ErrShape
// or those of the file: os.ErrClosed once s is closed, io.ErrUnexpectedEOF for a file
// that was cut short meanwhile.
func (s *NpySource) ReadRows(dst []float64, lo, hi int) error {
	if err := checkRead(s, dst, lo, hi); err != nil {
		return err
	}
	if lo == hi {
		return nil
	}
	if err := s.file.ReadRows(dst, lo, hi); err != nil {
		return errorf(err, "%s: %v", s.path, err)
	}
	return nil
}

// Close closes the file.
func (s *NpySource) Close() error { return s.file.Close() }
