package tensor

import (
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"math"
)

// Write writes count elements of type d, little-endian: the values of runs one
// after another, whatever the lengths of the runs. The values float32 and float64
// can be written as F32 and F64, the values int64 as I64. A float64 written as F32
// is rounded to the nearest; it is an error when that makes a finite value
// infinite, and when runs gives more or fewer values than count.
func Write[T float32 | float64 | int64](w io.Writer, d DType, count int, runs iter.Seq[[]T]) error {
	var zero T
	_, integers := any(zero).(int64)
	if integers != (d == I64) || !(d == I64 || d == F64 || d == F32) {
		return fmt.Errorf("values of type %T cannot be written as %v", zero, d)
	}
	buf := make([]byte, min(runBytes, count*d.Size()))
	left := count
	for run := range runs {
		if left -= len(run); left < 0 {
			return fmt.Errorf("more than %d values", count)
		}
		for len(run) > 0 {
			n := min(len(run), len(buf)/d.Size())
			if err := encode(buf, run[:n], d); err != nil {
				return err
			}
			if _, err := w.Write(buf[:n*d.Size()]); err != nil {
				return err
			}
			run = run[n:]
		}
	}
	if left > 0 {
		return fmt.Errorf("%d values, want %d", count-left, count)
	}
	return nil
}

// encode sets the first bytes of buf to the values as elements of type d.
func encode[T float32 | float64 | int64](buf []byte, values []T, d DType) error {
	le := binary.LittleEndian
	switch d {
	case F64:
		for i, v := range values {
			le.PutUint64(buf[8*i:], math.Float64bits(float64(v)))
		}
	case F32:
		for i, v := range values {
			f := float32(v)
			if f-f != 0 && v-v == 0 { // infinite, of a finite value
				return fmt.Errorf("%v is too large for %v", v, d)
			}
			le.PutUint32(buf[4*i:], math.Float32bits(f))
		}
	case I64:
		for i, v := range values {
			le.PutUint64(buf[8*i:], uint64(v))
		}
	}
	return nil
}
