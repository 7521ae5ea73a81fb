package tensor

import (
	"fmt"
	"io"
)

// A column-major tensor is read in tiles.
const (
	tileRows = 2048 // elements of one run for each column of a tile, a few KiB
	tileCols = 64   // columns of a tile: a row of it fills whole cache lines of the result
	tilePad  = 16   // elements between two columns, which keep them out of the same cache sets
)

// Float64s returns all elements. It is an error when one is an integer above 2^53,
// which float64 may not hold.
func (t *Tensor) Float64s() ([]float64, error) {
	out := make([]float64, t.count)
	if err := t.ReadRows(out, 0, t.Rows()); err != nil {
		return nil, err
	}
	return out, nil
}

// Float32s returns all elements, of a tensor whose DType is Exact32.
func (t *Tensor) Float32s() ([]float32, error) {
	if err := t.check32(); err != nil {
		return nil, err
	}
	out := make([]float32, t.count)
	if err := t.ReadRows32(out, 0, t.Rows()); err != nil {
		return nil, err
	}
	return out, nil
}

// ReadRows fills dst, of (to-from)*Cols values, with the rows from up to, but not
// including, to. Errors are those of Float64s. A column-major tensor is read fast
// where a call reads thousands of rows, slowly where it reads one.
func (t *Tensor) ReadRows(dst []float64, from, to int) error { return readRows(t, dst, from, to) }

// ReadRows32 is ReadRows for a tensor whose DType is Exact32; any other is an
// error.
func (t *Tensor) ReadRows32(dst []float32, from, to int) error {
	if err := t.check32(); err != nil {
		return err
	}
	return readRows(t, dst, from, to)
}

// check32 returns an error unless float32 holds every value of the type of t.
func (t *Tensor) check32() error {
	if !t.DType().Exact32() {
		return fmt.Errorf("%s: float32 does not hold every %v", label(t.name), t.DType())
	}
	return nil
}

// readRows is ReadRows for either type of values.
func readRows[T float](t *Tensor, dst []T, from, to int) error {
	rows, cols := t.Rows(), t.Cols()
	if from < 0 || to < from || to > rows {
		return fmt.Errorf("%s: rows %d to %d of %d", label(t.name), from, to, rows)
	}
	if len(dst) != (to-from)*cols {
		return fmt.Errorf("%s: %d rows of %d values into a slice of %d", label(t.name), to-from, cols, len(dst))
	}
	if len(dst) == 0 {
		return nil
	}
	src, err := t.storage.open()
	if err == nil {
		err = readMatrix(t, src, dst, from, to)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", label(t.name), err)
	}
	return nil
}

// readMatrix chooses the way to read by the strides.
func readMatrix[T float](t *Tensor, src io.ReaderAt, dst []T, from, to int) error {
	rows, cols := t.Rows(), t.Cols()
	rowStride, colStride, ok := t.matrix()
	l := &t.layout
	first := int64(t.layout.Offset) + int64(from)*int64(rowStride)
	switch {
	case !ok:
		return gather(t, dst, from, to)
	case colStride == 1 && (rowStride == cols || rows == 1):
		return readRun(l, src, dst, first)
	case colStride == 1 && cols > 1:
		for i := range to - from {
			if err := readRun(l, src, dst[i*cols:(i+1)*cols], first+int64(i)*int64(rowStride)); err != nil {
				return err
			}
		}
		return nil
	case rowStride == 1:
		return readTransposed(l, src, dst, cols, first, colStride)
	}
	return gather(t, dst, from, to)
}

// matrix returns the strides of t as a matrix of Rows x Cols; not ok means that
// the elements of a row have no common stride. Where there is one row or one column,
// its stride is never used, and the one returned is that of a row-major matrix.
func (t *Tensor) matrix() (row, col int, ok bool) {
	shape, strides := t.layout.Shape, t.layout.Strides
	col, next := 1, 0 // next: the stride at which the dimension before continues the row
	for i := len(shape) - 1; i > 0; i-- {
		if shape[i] == 1 {
			continue
		}
		if next == 0 {
			col = strides[i]
		} else if strides[i] != next {
			return 0, 0, false
		}
		next = strides[i] * shape[i]
		if next == 0 {
			return 0, 0, false // repeated elements
		}
	}
	row = t.Cols()
	if len(shape) > 0 && shape[0] > 1 {
		row = strides[0]
	}
	return row, col, true
}

// readRun fills dst with the contiguous elements from position first of the storage on.
func readRun[T float](l *Layout, src io.ReaderAt, dst []T, first int64) error {
	size := l.DType.Size()
	return Pieces(src, first*int64(size), int64(len(dst)*size), size, func(b []byte) error {
		n := len(b) / size
		to := dst[:n]
		dst = dst[n:]
		if l.BigEndian && size > 1 {
			return decodeSwapped(to, b, l.DType)
		}
		return decode(to, b, l.DType)
	})
}

// readTransposed fills dst, rows of cols values, from a storage where the elements
// of a column are neighbours and columns are stride elements apart; first is the
// position of dst[0]. It reads a band of columns at a time, so that the file is read
// almost in order, and writes whole cache lines of dst.
func readTransposed[T float](l *Layout, src io.ReaderAt, dst []T, cols int, first int64, stride int) error {
	rows := len(dst) / cols
	height, width := min(rows, tileRows), min(cols, tileCols)
	pitch := height + tilePad
	tile := make([]T, width*pitch)
	for c := 0; c < cols; c += width {
		w := min(width, cols-c)
		for i := 0; i < rows; i += height {
			h := min(height, rows-i)
			for j := range w {
				if err := readRun(l, src, tile[j*pitch:][:h], first+int64(i)+int64(c+j)*int64(stride)); err != nil {
					return err
				}
			}
			transpose(dst[i*cols+c:], cols, tile, pitch, h, w)
		}
	}
	return nil
}

// transpose sets dst[k*cols+j] to tile[j*pitch+k] for k < h and j < w.
func transpose[T float](dst []T, cols int, tile []T, pitch, h, w int) {
	const few = 128 // rows at a time, so that their cache lines stay in a near cache until they are full
	for k := 0; k < h; k += few {
		n := min(few, h-k)
		j := 0
		for ; j+4 <= w; j += 4 {
			t0, t1, t2, t3 := tile[j*pitch+k:][:n], tile[(j+1)*pitch+k:][:n], tile[(j+2)*pitch+k:][:n], tile[(j+3)*pitch+k:][:n]
			at := k*cols + j
			for i := range t0 {
				d := dst[at : at+4 : at+4]
				d[0], d[1], d[2], d[3] = t0[i], t1[i], t2[i], t3[i]
				at += cols
			}
		}
		for ; j < w; j++ {
			for i, v := range tile[j*pitch+k:][:n] {
				dst[(k+i)*cols+j] = v
			}
		}
	}
}

// gather fills dst with the rows from up to to of a tensor of any strides. It has
// the whole storage in memory, so its cost does not depend on the strides.
func gather[T float](t *Tensor, dst []T, from, to int) error {
	data, err := t.storage.whole()
	if err != nil {
		return err
	}
	shape, strides := t.layout.Shape, t.layout.Strides
	size := t.layout.DType.Size()
	at := int64(t.layout.Offset) // the element of dst[i]
	index := make([]int, len(shape))
	if len(shape) > 0 {
		index[0] = from
		at += int64(from) * int64(strides[0])
	}
	var element [8]byte
	for i := range dst {
		b := element[:copy(element[:], data[at*int64(size):(at+1)*int64(size)])]
		if t.layout.BigEndian {
			swap(b, size)
		}
		if err := decode(dst[i:i+1], b, t.layout.DType); err != nil {
			return err
		}
		for k := len(shape) - 1; k >= 0; k-- {
			index[k]++
			at += int64(strides[k])
			if index[k] < shape[k] || k == 0 {
				break
			}
			at -= int64(shape[k]) * int64(strides[k])
			index[k] = 0
		}
	}
	return nil
}
