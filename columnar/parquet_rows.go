package columnar

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/ksparse/ksparse/internal/fault"
)

// parquetRows are the rows of a column of lists of numbers.
type parquetRows struct {
	*parquetReader
	cols    int
	pattern []uint8 // the repetition levels of a row, 0 first: the same for all rows
}

// rowsOf returns the rows of column i. The lists have the lengths of those of the first row.
func (p *parquetFile) rowsOf(shard, i int, blocks *cache[float64]) (rowColumn, error) {
	reader, err := p.column(shard, i, blocks)
	if err != nil {
		return nil, err
	}
	c := &parquetRows{parquetReader: reader}
	if err := c.measure(); err != nil {
		return nil, err
	}
	c.cols = len(c.pattern)
	for g := range c.chunks {
		rows := int64(c.starts[g+1] - c.starts[g])
		values := c.chunks[g].NumValues
		if values%int64(c.cols) == 0 && values/int64(c.cols) == rows {
			continue
		}
		if err := c.check(g); err != nil { // says which row it is
			return nil, err
		}
		if short := values - (rows-1)*int64(c.cols); short > 0 && short < int64(c.cols) {
			return nil, ragged(c.starts[g+1]-1, short, c.cols)
		}
		return nil, fmt.Errorf("row group %d has %d numbers in %d rows, the first row has %d", g, values, rows, c.cols)
	}
	return c, nil
}

// measure finds the repetition levels of the first row, which may go on over several pages.
func (c *parquetRows) measure() error {
	chunk, err := c.chunk(0)
	if err != nil {
		return err
	}
	for i := range chunk.pages {
		levels, err := c.repetition(chunk, &chunk.pages[i])
		if err != nil {
			return err
		}
		end := len(levels)
		for j, level := range levels {
			if level == 0 && len(c.pattern)+j > 0 { // the second row
				end = j
				break
			}
		}
		c.pattern = append(c.pattern, levels[:end]...)
		if end < len(levels) {
			break
		}
	}
	if len(c.pattern) == 0 || c.pattern[0] != 0 {
		return errors.New("its first row group has no numbers")
	}
	return nil
}

// repetition returns the repetition levels of a page. Its first number must be there.
func (c *parquetRows) repetition(chunk *pagedChunk, p *parquetPage) (reps []uint8, err error) {
	err = c.withPage(chunk, p, func(raw []byte) error {
		rep, def, _, err := c.cut(p, raw)
		if err != nil {
			return err
		}
		defs, err := levels(nil, def, int(p.values), c.levels)
		if err != nil {
			return err
		}
		if firstOther(defs, uint8(c.levels)) == 0 && p.values > 0 {
			return missing(0)
		}
		reps, err = levels(nil, rep, int(p.values), c.lists)
		return err
	})
	return reps, err
}

// check returns the error of the first row of row group g that is unlike the first row, nil
// where there is none.
func (c *parquetRows) check(g int) error {
	chunk, err := c.chunk(g)
	if err != nil {
		return err
	}
	for i := range chunk.pages {
		p := &chunk.pages[i]
		err := c.withPage(chunk, p, func(raw []byte) error {
			rep, def, _, err := c.cut(p, raw)
			if err != nil {
				return err
			}
			return c.checkLevels(rep, def, g, chunk.first[i], int(p.values))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// dims returns the number of rows, and how many numbers each has.
func (c *parquetRows) dims() (rows, cols int) { return c.rows(), c.cols }

// read writes the rows lo to hi to dst.
func (c *parquetRows) read(dst []float64, lo, hi int) error {
	for lo < hi {
		g := c.find(lo)
		n := min(hi, c.starts[g+1]) - lo
		if err := c.readChunk(dst[:n*c.cols], g, int64(lo-c.starts[g])*int64(c.cols)); err != nil {
			return err
		}
		dst, lo = dst[n*c.cols:], lo+n
	}
	return nil
}

// readChunk sets dst to the numbers of row group g, from number from on. As all rows have one
// length, the page of a number follows from how many numbers the pages have; a row may begin
// in one page and end in the next.
func (c *parquetRows) readChunk(dst []float64, g int, from int64) error {
	chunk, err := c.chunk(g)
	if err != nil {
		return err
	}
	for len(dst) > 0 {
		i := sort.Search(len(chunk.pages), func(i int) bool { return chunk.first[i+1] > from })
		if i == len(chunk.pages) {
			return errors.New("its pages have too few numbers")
		}
		n := 0
		err := c.blocks.use(key{c.shard, g, i}, func(memory []float64) ([]float64, error) {
			return c.decode(memory, g, i)
		}, func(values []float64) error {
			n = copy(dst, values[from-chunk.first[i]:])
			return nil
		})
		if err != nil {
			return err
		}
		dst, from = dst[n:], from+int64(n)
	}
	return nil
}

// decode returns the numbers of page i of row group g.
func (c *parquetRows) decode(memory []float64, g, i int) ([]float64, error) {
	chunk := c.chunks[g]
	p := &chunk.pages[i]
	dst := grow(memory, int(p.values))
	return dst, c.withPage(chunk, p, func(raw []byte) error {
		rep, def, values, err := c.cut(p, raw)
		if err != nil {
			return err
		}
		if err := c.checkLevels(rep, def, g, chunk.first[i], len(dst)); err != nil {
			return err
		}
		return c.numbers(dst, values, chunk, g, p)
	})
}

// checkLevels checks the levels of n numbers of row group g, from number first on: none is
// missing, and rows begin where they should.
func (c *parquetRows) checkLevels(rep, def []byte, g int, first int64, n int) (err error) {
	cols := int64(c.cols)
	rowOf := func(i int) int { return c.starts[g] + int((first+int64(i))/cols) }
	memory := levelBuffers.Get().(*[2][]uint8)
	defer levelBuffers.Put(memory)
	if memory[0], err = levels(memory[0], def, n, c.levels); err != nil {
		return err
	}
	if memory[1], err = levels(memory[1], rep, n, c.lists); err != nil {
		return err
	}
	other := firstOther(memory[0], uint8(c.levels))
	for at := 0; at < n; {
		phase := int((first + int64(at)) % cols)
		want := c.pattern[phase:min(c.cols, phase+n-at)]
		got := memory[1][at : at+len(want)]
		if !bytes.Equal(got, want) {
			bad := 0
			for got[bad] == want[bad] {
				bad++
			}
			if other <= at+bad {
				break // before the lengths, a number was missing
			}
			row := rowOf(at)
			if phase+bad == 0 { // the row before goes on
				row--
			}
			return fault.Errorf(fault.ErrShape, "row %d has another number of numbers than the first row, which has %d", row, c.cols)
		}
		at += len(want)
	}
	if other < n {
		return missing(rowOf(other))
	}
	return nil
}

// firstOther returns the place of the first level that is not v, their number where all are.
func firstOther(levels []uint8, v uint8) int {
	if bytes.Count(levels, []byte{v}) == len(levels) {
		return len(levels)
	}
	return slices.IndexFunc(levels, func(level uint8) bool { return level != v })
}
