package data

import (
	"os"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/npy"
	"github.com/ksparse/ksparse/internal/sniff"
)

// Npy is a Source of the rows of a NumPy file. They are read from the file when they
// are asked for: none of them stay in memory. Its methods may be called from any
// number of goroutines at once.
type Npy struct {
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
// Errors wrap ksparse.ErrFormat, for a file that is not of this kind or cut short (the text
// says of which kind it is, and which function opens it),
// ksparse.ErrShape, for an array of other than two dimensions, or ksparse.ErrEmpty,
// or are those of package os. NaN and infinities are found by those who read them.
func OpenNpy(path string) (*Npy, error) {
	if err := sniff.Want(path, sniff.Npy); err != nil {
		return nil, err
	}
	file, err := npy.OpenFile(path)
	if err != nil {
		return nil, fault.InFile(path, err)
	}
	shape := file.Shape()
	switch {
	case len(shape) != 2:
		err = fault.Errorf(fault.ErrShape, "%s has an array of shape %v, want two dimensions", path, shape)
	case shape[0] == 0 || shape[1] == 0:
		err = fault.Errorf(fault.ErrEmpty, "%s has an array of %d x %d, which is empty", path, shape[0], shape[1])
	default:
		return &Npy{file, path, shape[0], shape[1]}, nil
	}
	file.Close() // it was only read: nothing can be lost
	return nil, err
}

// Dims returns the number of rows (samples) and columns, also once s is closed.
func (s *Npy) Dims() (rows, cols int) {
	if s == nil {
		return 0, 0
	}
	return s.rows, s.cols
}

// ReadRows writes the rows lo to hi to dst: see Source. Errors are those of File.ReadRows.
func (s *Npy) ReadRows(dst []float64, lo, hi int) error {
	if err := checkRead(s, dst, lo, hi); err != nil {
		return err
	}
	if lo == hi {
		return nil
	}
	if err := s.file.ReadRows(dst, lo, hi); err != nil {
		return readError(s.path, err)
	}
	return nil
}

// ReadsAhead returns true: training reads the next rows of the file while it uses others. See
// Prefetch.
func (s *Npy) ReadsAhead() bool { return true }

// Close closes the file. Of an Npy that OpenNpy did not make, nil too, the error wraps
// os.ErrInvalid.
func (s *Npy) Close() error {
	if s == nil || s.file == nil {
		return os.ErrInvalid
	}
	return s.file.Close()
}
