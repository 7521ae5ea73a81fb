package data

import "github.com/ksparse/ksparse/internal/fault"

// FromFloat32 returns a Source of float32 samples: rows x cols numbers, row after
// row. The slice is not copied: leave it as it is while the source is in use. Errors
// wrap ksparse.ErrEmpty (no rows or columns), ksparse.ErrShape (the slice does not
// have rows x cols numbers) or ksparse.ErrNotFinite.
func FromFloat32(data []float32, rows, cols int) (Source, error) {
	if rows < 1 || cols < 1 {
		return nil, fault.Errorf(fault.ErrEmpty, "a source of %d x %d has no data", rows, cols)
	}
	if len(data)%cols != 0 || len(data)/cols != rows { // rows·cols may overflow
		return nil, fault.Errorf(fault.ErrShape, "a source of %d x %d was given %d numbers", rows, cols, len(data))
	}
	for e, v := range data {
		if v-v != 0 {
			return nil, fault.Errorf(fault.ErrNotFinite, "the source holds %v at row %d, column %d", v, e/cols, e%cols)
		}
	}
	return float32Source{data, rows, cols}, nil
}

// float32Source is a Source of float32 numbers in memory.
type float32Source struct {
	data       []float32
	rows, cols int
}

func (s float32Source) Dims() (rows, cols int) { return s.rows, s.cols }

// ReadRows writes the rows lo to hi to dst, in float64.
func (s float32Source) ReadRows(dst []float64, lo, hi int) error {
	if err := checkRead(s, dst, lo, hi); err != nil {
		return err
	}
	for e, v := range s.data[lo*s.cols : hi*s.cols] {
		dst[e] = float64(v)
	}
	return nil
}
