package columnar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"

	"github.com/ksparse/ksparse/internal/tensor"
)

// parquetReader is a column of a Parquet file.
type parquetReader struct {
	*parquetFile
	*parquetColumn
	shard  int
	chunks []*pagedChunk // of the row groups that have rows
	starts []int         // the first row of each; at the end the number of rows
	blocks *cache[float64]
}

// pagedChunk is a chunk whose pages are found when it is first read.
type pagedChunk struct {
	parquetChunk
	once       sync.Once
	err        error
	dictionary *parquetPage // or nil
	pages      []parquetPage
	first      []int64 // the first value of each page; at the end their number
}

// parquetPage is where a page is, and what its header says.
type parquetPage struct {
	kind                   int64
	start                  int64 // of its bytes, after the header
	compressed, inflated   int64 // bytes
	values, nulls          int64
	encoding               int64
	defBytes, repBytes     int64 // of a data page of version 2
	rawLevels, notDeflated bool  // version 2: levels are apart; the values are not compressed
}

// The kinds of pages, as parquet.thrift numbers them.
const (
	pageData       = 0
	pageIndex      = 1
	pageDictionary = 2
	pageDataV2     = 3
)

// rows returns the number of rows.
func (c *parquetReader) rows() int { return c.starts[len(c.starts)-1] }

// find returns the chunk that holds the row.
func (c *parquetReader) find(row int) int { return sort.SearchInts(c.starts, row+1) - 1 }

// chunk returns chunk i with its pages.
func (c *parquetReader) chunk(i int) (*pagedChunk, error) {
	chunk := c.chunks[i]
	chunk.once.Do(func() {
		if chunk.err = chunk.findPages(c.r, c.size); chunk.err != nil {
			chunk.err = fmt.Errorf("the column in row group %d: %w", i, chunk.err)
		}
	})
	return chunk, chunk.err
}

// findPages reads the headers of all pages.
func (c *pagedChunk) findPages(r io.ReaderAt, size int64) error {
	pos := c.start
	if d := c.parquetChunk.dictionary; d > 0 && d < pos {
		pos = d
	}
	if pos < 0 || c.length < 0 || c.length > size || pos > size-c.length {
		return io.ErrUnexpectedEOF
	}
	end := pos + c.length
	c.first = []int64{0}
	for found := int64(0); found < c.values; {
		page, err := readPageHeader(r, pos, end)
		if err == nil {
			err = page.check(size)
		}
		if err != nil {
			return fmt.Errorf("page at byte %d: %w", pos, err)
		}
		pos = page.start + page.compressed
		switch page.kind {
		case pageDictionary:
			c.dictionary = page
		case pageData, pageDataV2:
			found += page.values
			c.pages, c.first = append(c.pages, *page), append(c.first, found)
		}
	}
	if found := c.first[len(c.first)-1]; found != c.values {
		return fmt.Errorf("its pages have %d numbers, the footer says %d", found, c.values)
	}
	return nil
}

// check returns an error where the numbers in the header of a page of a file of size bytes
// cannot be.
func (p *parquetPage) check(size int64) error {
	switch {
	case p.inflated < 0 || p.values < 0 || p.defBytes < 0 || p.repBytes < 0 || p.defBytes+p.repBytes > min(p.compressed, p.inflated):
		return errors.New("its header is damaged")
	case p.inflated > budget(size) || p.values > budget(size)/8:
		return fmt.Errorf("%d numbers in %d bytes are more than this file may hold", p.values, p.inflated)
	}
	return nil
}

// readPageHeader reads the header of the page at pos, in a chunk that ends at end.
func readPageHeader(r io.ReaderAt, pos, end int64) (*parquetPage, error) {
	for window := int64(1 << 8); ; window *= 16 { // statistics may hold long strings
		n := min(window, end-pos)
		if n <= 0 {
			return nil, io.ErrUnexpectedEOF
		}
		b := make([]byte, n)
		if err := tensor.ReadFull(r, b, pos); err != nil {
			return nil, err
		}
		c := &compact{b: b}
		page := parsePage(c)
		if c.bad && n == window && n < 1<<24 {
			continue
		}
		page.start = pos + int64(c.pos)
		if c.bad || page.compressed < 0 || page.compressed > end-page.start {
			return nil, errors.New("its header is damaged")
		}
		return &page, nil
	}
}

// parsePage reads a PageHeader.
func parsePage(c *compact) (p parquetPage) {
	c.fields(func(id int, kind byte) bool {
		number := map[int]*int64{1: &p.kind, 2: &p.inflated, 3: &p.compressed}[id]
		switch {
		case number != nil && kind == thriftI32:
			*number = c.int()
		case (id == 5 || id == 7) && kind == thriftStruct: // DataPageHeader, DictionaryPageHeader
			parseNumbers(c, map[int]*int64{1: &p.values, 2: &p.encoding})
		case id == 8 && kind == thriftStruct: // DataPageHeaderV2
			p.rawLevels = true
			c.fields(func(id int, kind byte) bool {
				number := map[int]*int64{1: &p.values, 2: &p.nulls, 4: &p.encoding, 5: &p.defBytes, 6: &p.repBytes}[id]
				if id == 7 {
					p.notDeflated = kind == thriftFalse
				}
				if number == nil || kind != thriftI32 {
					return false
				}
				*number = c.int()
				return true
			})
		default:
			return false
		}
		return true
	})
	return p
}

// parseNumbers reads a struct of which the given fields are wanted.
func parseNumbers(c *compact, numbers map[int]*int64) {
	c.fields(func(id int, kind byte) bool {
		if numbers[id] == nil || kind != thriftI32 {
			return false
		}
		*numbers[id] = c.int()
		return true
	})
}

// codecs are Parquet's, as parquet.thrift numbers them.
var codecs = map[int64]codec{0: stored, 1: snappyBlock, 2: gzipped, 6: zstandard, 7: lz4Block}

// codecNames are those that are not read.
var codecNames = map[int64]string{3: "LZO", 4: "Brotli", 5: "the old LZ4"}

// pageBuffers keeps the memory that pages are read and inflated into.
var pageBuffers = sync.Pool{New: func() any { return new([2][]byte) }}

// withPage calls f with the inflated bytes of a page, which it may use until it returns.
func (c *parquetReader) withPage(chunk *pagedChunk, p *parquetPage, f func(raw []byte) error) error {
	kind, ok := codecs[chunk.codec]
	if !ok {
		return fmt.Errorf("it is compressed by %s, which is not supported", codecNames[chunk.codec])
	}
	memory := pageBuffers.Get().(*[2][]byte)
	defer pageBuffers.Put(memory)
	memory[0] = grow(memory[0], int(p.compressed))
	raw := memory[0]
	if err := tensor.ReadFull(c.r, raw, p.start); err != nil {
		return err
	}
	if kind == stored || p.notDeflated {
		return f(raw)
	}
	memory[1] = grow(memory[1], int(p.inflated))
	apart := p.defBytes + p.repBytes // never compressed
	copy(memory[1], raw[:apart])
	if err := inflate(kind, memory[1][apart:], raw[apart:]); err != nil {
		return err
	}
	return f(memory[1])
}

// cut divides the bytes of a data page into its repetition levels, definition levels and
// values.
func (c *parquetReader) cut(p *parquetPage, raw []byte) (rep, def, values []byte, err error) {
	if p.rawLevels {
		return raw[:p.repBytes], raw[p.repBytes:][:p.defBytes], raw[p.repBytes+p.defBytes:], nil
	}
	next := func(there bool) (levels []byte) {
		if !there || err != nil {
			return nil
		}
		if len(raw) < 4 || int64(binary.LittleEndian.Uint32(raw)) > int64(len(raw)-4) {
			err = errors.New("its levels are damaged")
			return nil
		}
		n := int(binary.LittleEndian.Uint32(raw))
		levels, raw = raw[4:4+n], raw[4+n:]
		return levels
	}
	rep = next(c.lists > 0)
	def = next(c.levels > 0)
	return rep, def, raw, err
}
