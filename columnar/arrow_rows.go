package columnar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/tensor"
)

// arrowRows are the rows of a column of lists of numbers.
type arrowRows struct {
	*arrowColumn
	sizes  []int // how many elements a list of each level has
	cols   int   // their product
	blocks *cache[float64]
}

// rowsOf returns the rows of column i. The lists have the lengths of those of the first row.
func (a *arrowFile) rowsOf(shard, i int, blocks *cache[float64]) (rowColumn, error) {
	column, err := a.column(shard, i)
	if err != nil {
		return nil, err
	}
	c := &arrowRows{arrowColumn: column, blocks: blocks}
	if err := c.measure(); err != nil {
		return nil, err
	}
	for j := range c.batches {
		if err := c.checkSize(j); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// measure finds the lengths of the lists of the first row.
func (c *arrowRows) measure() error {
	first := &c.batches[0]
	readers, err := c.open(first)
	if err != nil {
		return err
	}
	c.cols = 1
	element, buffer := int64(0), 0
	for at := range len(c.levels) - 1 {
		level, size := c.levels[at], int64(c.levels[at].size)
		if err := first.checkNulls(at, readers[buffer], element, element+1, 0, 1); err != nil {
			return err
		}
		if level.typ == arrowFixedSizeList {
			element *= max(size, 1)
		} else {
			offsets, err := readOffsets(readers[buffer+1], level, element, 2)
			if err != nil {
				return err
			}
			element, size = offsets[0], offsets[1]-offsets[0]
		}
		if size < 1 || size > math.MaxInt32/int64(c.cols) {
			return fault.Errorf(fault.ErrShape, "the lists of its first row have %d numbers", size*int64(c.cols))
		}
		c.sizes = append(c.sizes, int(size))
		c.cols *= int(size)
		buffer += level.buffers
	}
	return nil
}

// checkSize returns an error unless the numbers of batch i can be in its last buffer.
func (c *arrowRows) checkSize(i int) error {
	b := &c.batches[i]
	most := b.buffers[len(b.buffers)-1].length / int64(c.dtype().Size())
	if b.codec != stored {
		most = budget(c.size) / 8
	}
	if int64(b.rows) <= most/int64(c.cols) {
		return nil
	}
	readers, err := c.open(b)
	if err != nil {
		return err
	}
	if err := b.checkNulls(0, readers[0], 0, int64(b.rows), c.starts[i], 1); err != nil {
		return err
	}
	if level := c.levels[0]; level.typ != arrowFixedSizeList {
		if _, _, err := c.elements(readers[1], level, 0, int64(b.rows), 0, c.starts[i], 1); err != nil {
			return err
		}
	}
	if b.codec != stored {
		return fmt.Errorf("record batch %d has %d lists of %d numbers, too many to inflate at once: for a file of this size the limit is %d MiB", i, b.rows, c.cols, budget(c.size)>>20)
	}
	return fmt.Errorf("%d lists of %d numbers do not fit in record batch %d", b.rows, c.cols, i)
}

// dtype returns the type of the numbers.
func (c *arrowRows) dtype() tensor.DType { return c.levels[len(c.levels)-1].dtype }

// dims returns the number of rows, and how many numbers each has.
func (c *arrowRows) dims() (rows, cols int) { return c.rows(), c.cols }

// read writes the rows lo to hi to dst.
func (c *arrowRows) read(dst []float64, lo, hi int) error {
	for lo < hi {
		i := c.find(lo)
		b, start := &c.batches[i], c.starts[i]
		n := min(hi-start, b.rows) - (lo - start)
		if err := c.readBatch(dst[:n*c.cols], i, lo-start, lo-start+n); err != nil {
			return err
		}
		dst, lo = dst[n*c.cols:], lo+n
	}
	return nil
}

// readBatch writes the rows lo to hi of batch i to dst: straight from the file or, where the
// batch is compressed, from the block that it is inflated to.
func (c *arrowRows) readBatch(dst []float64, i, lo, hi int) error {
	b := &c.batches[i]
	if b.codec == stored {
		return c.decode(dst, i, lo, hi)
	}
	return c.blocks.use(key{c.shard, i, 0}, func(memory []float64) ([]float64, error) {
		memory = grow(memory, b.rows*c.cols)
		return memory, c.decode(memory, i, 0, b.rows)
	}, func(values []float64) error {
		copy(dst, values[lo*c.cols:hi*c.cols])
		return nil
	})
}

// decode writes the rows lo to hi of batch i to dst. At every level of lists it checks that
// none is missing and that all have one length, so that their elements are neighbours.
func (c *arrowRows) decode(dst []float64, i, lo, hi int) error {
	b := &c.batches[i]
	readers, err := c.open(b)
	if err != nil {
		return err
	}
	row := c.starts[i] + lo
	from, to, perRow, buffer := int64(lo), int64(hi), 1, 0
	for at, size := range c.sizes {
		level := c.levels[at]
		if err := b.checkNulls(at, readers[buffer], from, to, row, perRow); err != nil {
			return err
		}
		if level.typ == arrowFixedSizeList {
			if from, to = from*int64(size), to*int64(size); to > maxElement {
				return errOffset
			}
		} else if from, to, err = c.elements(readers[buffer+1], level, from, to, at, row, perRow); err != nil {
			return err
		}
		perRow *= size
		buffer += level.buffers
	}
	if err := b.checkNulls(len(c.sizes), readers[buffer], from, to, row, perRow); err != nil {
		return err
	}
	return readNumbers(dst, c.field.name, readers[buffer+1], c.dtype(), from)
}

// elements returns where the elements of the lists from to to of a level begin and end, which
// its offsets say. perRow of the lists are in a row; row is the first.
func (c *arrowRows) elements(r buffer, level *arrowField, from, to int64, at, row, perRow int) (first, end int64, err error) {
	offsets, err := readOffsets(r, level, from, int(to-from)+1)
	if err != nil {
		return 0, 0, err
	}
	for j := range offsets[1:] {
		if n := offsets[j+1] - offsets[j]; n != int64(c.sizes[at]) {
			inner := 1
			for _, size := range c.sizes[at+1:] {
				inner *= size
			}
			if perRow > 1 {
				return 0, 0, fault.Errorf(fault.ErrShape, "row %d has a list of %d lists or numbers in it, the first row lists of %d", row+j/perRow, n, c.sizes[at])
			}
			return 0, 0, ragged(row+j, n*int64(inner), c.cols)
		}
	}
	return offsets[0], offsets[len(offsets)-1], nil
}

// checkNulls returns an error where a value from to to of level at of the batch is missing.
func (b *arrowBatch) checkNulls(at int, r buffer, from, to int64, row, perRow int) error {
	if !b.nulls[at] || from == to {
		return nil
	}
	return checkNulls(r, from, to, row, perRow)
}

// checkNulls returns an error where a value from to to is missing. perRow of them are in a
// row; row is the first. The bitmap r has a bit for each value, 0 where it is missing.
func checkNulls(r buffer, from, to int64, row, perRow int) error {
	if to > 8*r.Size() {
		return errors.New("a batch says that values are missing, and not which")
	}
	bits := make([]byte, (to-1)/8-from/8+1)
	if err := tensor.ReadFull(r, bits, from/8); err != nil {
		return err
	}
	for i := from; i < to; i++ {
		if bits[i/8-from/8]>>(i%8)&1 == 0 {
			return missing(row + int(i-from)/perRow)
		}
	}
	return nil
}

// maxElement is the largest number of an element of a list. Times the length of a list it is
// an int64.
const maxElement = 1 << 40

// errOffset is the error for a larger one.
var errOffset = errors.New("an offset of a list is out of range")

// readOffsets reads n offsets of lists from number first on.
func readOffsets(r buffer, level *arrowField, first int64, n int) ([]int64, error) {
	size := 4
	if level.typ == arrowLargeList || level.typ == arrowLargeUtf8 {
		size = 8
	}
	if first+int64(n) > r.Size()/int64(size) {
		return nil, errors.New("the offsets of its lists end too early")
	}
	raw := make([]byte, n*size)
	if err := tensor.ReadFull(r, raw, first*int64(size)); err != nil {
		return nil, err
	}
	offsets := make([]int64, n)
	for i := range offsets {
		if size == 8 {
			offsets[i] = int64(binary.LittleEndian.Uint64(raw[8*i:]))
		} else {
			offsets[i] = int64(int32(binary.LittleEndian.Uint32(raw[4*i:])))
		}
		if offsets[i] < 0 || offsets[i] > maxElement {
			return nil, errOffset
		}
	}
	return offsets, nil
}

// readNumbers sets dst to numbers of type d, from number first of r on.
func readNumbers(dst []float64, name string, r io.ReaderAt, d tensor.DType, first int64) error {
	size := int64(d.Size())
	t, err := tensor.New(name, tensor.Layout{DType: d, Shape: []int{len(dst)}}, tensor.Section(r, first*size, int64(len(dst))*size))
	if err != nil {
		return err
	}
	return t.ReadRows(dst, 0, len(dst))
}
