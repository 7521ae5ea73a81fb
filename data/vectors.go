package data

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/tensor"
)

// vectorTypes has the elements of files whose names end so.
var vectorTypes = map[string]tensor.DType{
	".fvecs": tensor.F32, ".bvecs": tensor.U8, ".ivecs": tensor.I32,
	".fbin": tensor.F32, ".u8bin": tensor.U8, ".i8bin": tensor.I8,
}

// vectorRows are the rows of a .fvecs, .bvecs or .ivecs file (the TEXMEX corpus, Jégou et al.
// 2011): each is an int32, its dimension, and then as many numbers. The dimension must be the same
// everywhere, which is checked when a row is read.
type vectorRows struct {
	r          io.ReaderAt
	rows, cols int
	dtype      tensor.DType
}

const dimensionBytes = 4 // before each vector

// readVectors reads a file of vectors.
func readVectors(r io.ReaderAt, size int64, path string, o Options) (opened, error) {
	extension := strings.ToLower(filepath.Ext(path))
	kind := extension[1:]
	if err := refuseOptions(o, kind, false, false); err != nil {
		return opened{}, err
	}
	head := make([]byte, dimensionBytes)
	if err := tensor.ReadFull(r, head, 0); err != nil {
		return opened{}, err
	}
	v := &vectorRows{r: r, dtype: vectorTypes[extension]}
	cols := int64(int32(binary.LittleEndian.Uint32(head)))
	pitch := dimensionBytes + cols*int64(v.dtype.Size())
	switch {
	case cols < 1:
		return opened{}, fmt.Errorf("the first vector has the dimension %d", cols)
	case size%pitch != 0:
		return opened{}, fmt.Errorf("the first vector has the dimension %d, but %d bytes are no whole number of such vectors of %d bytes", cols, size, pitch)
	case size/pitch > math.MaxInt/8/cols:
		return opened{}, fmt.Errorf("%d vectors of %d numbers are too many", size/pitch, cols)
	}
	v.rows, v.cols = int(size/pitch), int(cols)
	return opened{v, kind, typeName(v.dtype), ""}, nil
}

// dims returns the number of vectors and their dimension.
func (v *vectorRows) dims() (rows, cols int) { return v.rows, v.cols }

// read decodes vector by vector.
func (v *vectorRows) read(dst []float64, lo, hi int) error {
	pitch := dimensionBytes + v.cols*v.dtype.Size()
	return tensor.Pieces(v.r, int64(lo)*int64(pitch), int64(hi-lo)*int64(pitch), pitch, func(b []byte) error {
		for len(b) > 0 {
			if d := int32(binary.LittleEndian.Uint32(b)); int(d) != v.cols {
				return fmt.Errorf("row %d has the dimension %d, the first has %d", lo, d, v.cols)
			}
			if err := tensor.Decode(dst[:v.cols], b[dimensionBytes:pitch], v.dtype); err != nil {
				return fmt.Errorf("row %d: %w", lo, err)
			}
			dst, b, lo = dst[v.cols:], b[pitch:], lo+1
		}
		return nil
	})
}

// readCounted reads a .fbin, .u8bin or .i8bin file (big-ann-benchmarks): two uint32, the numbers
// of rows and of columns, and then the numbers.
func readCounted(r io.ReaderAt, size int64, path string, o Options) (opened, error) {
	extension := strings.ToLower(filepath.Ext(path))
	kind := extension[1:]
	if err := refuseOptions(o, kind, false, false); err != nil {
		return opened{}, err
	}
	var head [8]byte
	if err := tensor.ReadFull(r, head[:], 0); err != nil {
		return opened{}, err
	}
	rows, cols := int64(binary.LittleEndian.Uint32(head[:])), int64(binary.LittleEndian.Uint32(head[4:]))
	if rows == 0 || cols == 0 {
		return opened{}, fault.Errorf(fault.ErrEmpty, "it holds %d x %d numbers, which is no data", rows, cols)
	}
	return openPlain(r, int64(len(head)), size, rows, cols, vectorTypes[extension], kind)
}

// readRaw reads a file of nothing but float32 numbers.
func readRaw(r io.ReaderAt, size int64, _ string, o Options) (opened, error) {
	const kind = "raw"
	if err := refuseOptions(o, kind, false, false); err != nil {
		return opened{}, err
	}
	if o.Cols == 0 {
		return opened{}, fault.Errorf(fault.ErrRange, "a file of numbers without a header: Options.Cols must say how many a row has")
	}
	cols := int64(o.Cols)
	if rowBytes := 4 * cols; cols > size || size%rowBytes != 0 {
		return opened{}, fault.Errorf(fault.ErrShape, "%d bytes are no whole number of rows of %d float32 numbers", size, cols)
	}
	return openPlain(r, 0, size, size/(4*cols), cols, tensor.F32, kind)
}

// openPlain makes rows of a file of size bytes that is nothing but numbers after its first start
// bytes.
func openPlain(r io.ReaderAt, start, size, rows, cols int64, d tensor.DType, kind string) (opened, error) {
	if rows > size || cols > size { // products of them may overflow
		return opened{}, fmt.Errorf("cut short: %d bytes for %d x %d of %s", size, rows, cols, typeName(d))
	}
	count, err := tensor.Count([]int{int(rows), int(cols)})
	if err != nil {
		return opened{}, err
	}
	switch have, want := size-start, int64(count)*int64(d.Size()); {
	case have < want:
		return opened{}, fmt.Errorf("cut short: %d bytes of numbers, want %d for %d x %d of %s", have, want, rows, cols, typeName(d))
	case have > want:
		return opened{}, fmt.Errorf("%d bytes of numbers, want %d for %d x %d of %s", have, want, rows, cols, typeName(d))
	}
	t, err := tensor.New("", tensor.Layout{DType: d, Shape: []int{int(rows), int(cols)}}, tensor.Section(r, start, size-start))
	if err != nil {
		return opened{}, err
	}
	return opened{arrayRows{t}, kind, typeName(d), ""}, nil
}
