package data

import (
	"io"
	"unicode/utf8"

	"github.com/ksparse/ksparse/internal/atomicfile"
	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/npy"
	"github.com/ksparse/ksparse/internal/safetensors"
	"github.com/ksparse/ksparse/internal/tensor"
)

// WriteNpy writes the rows of src to a .npy file, as numpy.save does: float32, or float64
// where float64s says so. The file appears, or replaces the one that was there, at once and whole;
// after an error the old one is as it was. A megabyte of rows is in memory at a time, and at
// least one row.
//
// Errors wrap ksparse.ErrEmpty, or ksparse.ErrNotFinite for a number that is not finite, or
// too large for float32, or are those of src and of package os.
func WriteNpy(path string, src Source, float64s bool) error {
	return writeRows(path, src, func(w io.Writer, rows *rowWriter) error {
		if float64s {
			return npy.Write(w, rows.rows, rows.cols, rows.float64s)
		}
		return npy.Write(w, rows.rows, rows.cols, rows.float32s)
	})
}

// WriteSafetensors writes the rows of src to a safetensors file, as an array of that name. All
// else is as in WriteNpy. A name that is empty, no UTF-8 or "__metadata__" is an error that
// wraps ksparse.ErrRange.
func WriteSafetensors(path, name string, src Source, float64s bool) error {
	if name == "" || name == "__metadata__" || !utf8.ValidString(name) {
		return fault.Errorf(fault.ErrRange, "%.100q is no name for an array", name)
	}
	return writeRows(path, src, func(w io.Writer, rows *rowWriter) error {
		entry := safetensors.Entry{Name: name, Shape: []int{rows.rows, rows.cols}}
		if float64s {
			entry.DType, entry.Float64s = tensor.F64, rows.float64s
		} else {
			entry.DType, entry.Float32s = tensor.F32, rows.float32s
		}
		return safetensors.Write(w, nil, []safetensors.Entry{entry})
	})
}

// rowWriter hands out the rows of a source, a block at a time.
type rowWriter struct {
	src        Source
	rows, cols int
	err        error // of the source
}

// writeRows writes a file, all of which write writes.
func writeRows(path string, src Source, write func(w io.Writer, rows *rowWriter) error) error {
	if fault.IsNil(src) {
		return fault.Errorf(fault.ErrEmpty, "the source to write is nil")
	}
	rows := &rowWriter{src: src}
	if rows.rows, rows.cols = src.Dims(); rows.rows < 1 || rows.cols < 1 {
		return fault.Errorf(fault.ErrEmpty, "the source to write has no data (it is %d x %d)", rows.rows, rows.cols)
	}
	if _, err := tensor.Count([]int{rows.rows, rows.cols}); err != nil {
		return fault.Errorf(fault.ErrShape, "the source to write: %s", err)
	}
	err := atomicfile.Write(path, func(w io.Writer) error {
		err := write(w, rows)
		return fault.First(rows.err, err)
	})
	if err != nil {
		err = fault.In(path, err)
		return fault.Errorf(err, "%s", fault.Text(err))
	}
	return nil
}

// float64s hands out the numbers as they are.
func (r *rowWriter) float64s(yield func([]float64) bool) {
	r.blocks(func(lo int, x []float64) bool { return yield(x) })
}

// float32s hands out the numbers rounded to float32. One that float32 does not hold finitely is an error.
func (r *rowWriter) float32s(yield func([]float32) bool) {
	var narrow []float32
	r.blocks(func(lo int, x []float64) bool {
		if narrow == nil {
			narrow = make([]float32, len(x))
		}
		for e, v := range x {
			narrow[e] = float32(v)
			if narrow[e]-narrow[e] != 0 {
				r.err = fault.Errorf(fault.ErrNotFinite, "%v at row %d, column %d is too large for float32", v, lo+e/r.cols, e%r.cols)
				return false
			}
		}
		return yield(narrow[:len(x)])
	})
}

// blocks calls f with a block of rows after the other, from row lo on, until f returns false. It
// checks that the numbers are finite.
func (r *rowWriter) blocks(f func(lo int, x []float64) bool) {
	const numbers = 1 << 17 // a megabyte
	n := min(max(1, numbers/r.cols), r.rows)
	x := make([]float64, n*r.cols)
	for lo := 0; lo < r.rows; lo += n {
		hi := min(lo+n, r.rows)
		x = x[:(hi-lo)*r.cols]
		if r.err = r.src.ReadRows(x, lo, hi); r.err != nil {
			return
		}
		for e, v := range x {
			if v-v != 0 {
				r.err = fault.Errorf(fault.ErrNotFinite, "the source holds %v at row %d, column %d", v, lo+e/r.cols, e%r.cols)
				return
			}
		}
		if !f(lo, x) {
			return
		}
	}
}
