package search

import "github.com/ksparse/ksparse/internal/fault"

// Next returns the ID that the next row gets which is added: one more than the largest that was ever given.
func (x *Index) Next() int64 { return x.next }

// HasRows reports whether the index keeps rows, so that it can answer Nearest.
func (x *Index) HasRows() bool { return x.dense != nil }

// Row appends to dst the numbers of the row with this ID, which the index keeps in float32. Errors wrap
// ksparse.ErrUnset where the index keeps no rows, ksparse.ErrRange where there is no such row; os.ErrClosed after
// Close.
func (x *Index) Row(dst []float64, id int64) (row []float64, err error) {
	if x.dense == nil {
		return dst, fault.Errorf(fault.ErrUnset, "the index has codes alone: Build it with Options.Rows to keep rows")
	}
	faults, err := x.begin()
	if err != nil {
		return dst, err
	}
	defer x.end(faults, &err)
	p, i, err := x.find(id)
	if err != nil {
		return dst, err
	}
	cols := x.dense.cols
	for _, v := range p.near.rows[i*cols:][:cols] {
		dst = append(dst, float64(v))
	}
	return dst, nil
}
