package rows

import (
	"context"
	"fmt"
)

// held are the rows of a source in memory. The source still says where they come from.
type held struct {
	Source
	narrow []float32
	wide   []float64 // in place of narrow, where a number is no float32
}

// Hold reads the rows of s, once, and returns them in memory: in float32 where that is exact, else in float64. Where they
// take more bytes than most, and with an error, it returns s. ok is whether they are in memory.
func Hold(ctx context.Context, s Source, most int64) (_ Source, ok bool, _ error) {
	rows, cols := s.Dims()
	numbers := int64(rows) * int64(cols)
	if numbers > most/4 {
		return s, false, nil
	}
	h := &held{Source: s, narrow: make([]float32, numbers)}
	piece := max(1, 1<<18/cols) // rows at a time
	buffer := make([]float64, min(piece, rows)*cols)
	for lo := 0; lo < rows; lo += piece {
		if err := ctx.Err(); err != nil {
			return s, false, err
		}
		hi := min(lo+piece, rows)
		read := buffer[:(hi-lo)*cols]
		if err := s.ReadRows(read, lo, hi); err != nil {
			return s, false, err
		}
		if !h.put(read, lo*cols) {
			if numbers > most/8 {
				return s, false, nil
			}
			h.widen(lo * cols)
			h.put(read, lo*cols)
		}
	}
	return h, true, nil
}

// put takes numbers in, from place at on, and reports whether there is room for all their digits.
func (h *held) put(numbers []float64, at int) bool {
	if h.wide != nil {
		copy(h.wide[at:], numbers)
		return true
	}
	for i, v := range numbers {
		f := float32(v)
		if float64(f) != v && v == v { // a NaN stays one
			return false
		}
		h.narrow[at+i] = f
	}
	return true
}

// widen makes the numbers float64, of which the first n are there.
func (h *held) widen(n int) {
	h.wide = make([]float64, len(h.narrow))
	for i, f := range h.narrow[:n] {
		h.wide[i] = float64(f)
	}
	h.narrow = nil
}

// ReadRows writes the rows lo to hi to dst.
func (h *held) ReadRows(dst []float64, lo, hi int) error {
	rows, cols := h.Dims()
	if lo < 0 || lo > hi || hi > rows || len(dst) != (hi-lo)*cols {
		return fmt.Errorf("rows %d to %d of %d x %d are read into %d numbers", lo, hi, rows, cols, len(dst))
	}
	if h.wide != nil {
		copy(dst, h.wide[lo*cols:])
		return nil
	}
	for i, f := range h.narrow[lo*cols : hi*cols] {
		dst[i] = float64(f)
	}
	return nil
}

// Origin says where a row comes from, for errors.
func (h *held) Origin(row int) string {
	if o, knows := h.Source.(interface{ Origin(row int) string }); knows {
		return o.Origin(row)
	}
	return fmt.Sprintf("row %d", row)
}
