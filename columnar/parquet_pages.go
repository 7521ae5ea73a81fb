package columnar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"

	"github.com/parquet-go/parquet-go/format"

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
	*format.ColumnMetaData
	once       sync.Once
	err        error
	dictionary *parquetPage // or nil
	pages      []parquetPage
	first      []int64 // the first value of each page; at the end their number
}

// parquetPage is where a page is, and what its header says.
type parquetPage struct {
	start                  int64 // of its bytes, after the header
	compressed, inflated   int64 // bytes
	values                 int64
	encoding               format.Encoding
	defBytes, repBytes     int64 // of a data page of version 2
	rawLevels, notDeflated bool  // version 2: levels are apart; the values are not compressed
}

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
	pos, length := c.DataPageOffset, c.TotalCompressedSize
	if d := c.DictionaryPageOffset; d > 0 && d < pos {
		pos = d
	}
	if pos < 0 || length < 0 || length > size || pos > size-length {
		return io.ErrUnexpectedEOF
	}
	end := pos + length
	c.first = []int64{0}
	for found := int64(0); found < c.NumValues; {
		header, n, err := readPageHeader(r, pos, end)
		if err != nil {
			return fmt.Errorf("page at byte %d: %w", pos, err)
		}
		page := placed(header, pos+n)
		if err := page.check(size, end); err != nil {
			return fmt.Errorf("page at byte %d: %w", pos, err)
		}
		pos = page.start + page.compressed
		switch header.Type {
		case format.DictionaryPage:
			c.dictionary = &page
		case format.DataPage, format.DataPageV2:
			found += page.values
			c.pages, c.first = append(c.pages, page), append(c.first, found)
		}
	}
	if found := c.first[len(c.first)-1]; found != c.NumValues {
		return fmt.Errorf("its pages have %d numbers, the footer says %d", found, c.NumValues)
	}
	return nil
}

// readPageHeader reads the header of the page at pos, in a chunk that ends at end, and returns
// how many bytes it has.
func readPageHeader(r io.ReaderAt, pos, end int64) (*format.PageHeader, int64, error) {
	for window := int64(1 << 8); ; window *= 16 { // statistics may hold long strings
		n := min(window, end-pos)
		if n <= 0 {
			return nil, 0, io.ErrUnexpectedEOF
		}
		b := make([]byte, n)
		if err := tensor.ReadFull(r, b, pos); err != nil {
			return nil, 0, err
		}
		header := new(format.PageHeader)
		length, err := decodeThrift(b, header)
		if err == nil {
			return header, int64(length), nil
		}
		if n < window || n >= 1<<24 {
			return nil, 0, errors.New("its header is damaged")
		}
	}
}

// placed returns what the header of a page says whose bytes begin at start.
func placed(header *format.PageHeader, start int64) parquetPage {
	p := parquetPage{start: start, compressed: int64(header.CompressedPageSize), inflated: int64(header.UncompressedPageSize)}
	switch header.Type {
	case format.DictionaryPage:
		h := &header.DictionaryPageHeader.V
		p.values, p.encoding = int64(h.NumValues), h.Encoding
	case format.DataPage:
		h := &header.DataPageHeader.V
		p.values, p.encoding = int64(h.NumValues), h.Encoding
	case format.DataPageV2:
		h := &header.DataPageHeaderV2.V
		p.values, p.encoding = int64(h.NumValues), h.Encoding
		p.defBytes, p.repBytes = int64(h.DefinitionLevelsByteLength), int64(h.RepetitionLevelsByteLength)
		p.rawLevels, p.notDeflated = true, h.IsCompressed.Valid && !h.IsCompressed.V
	}
	return p
}

// check returns an error where the numbers in the header of a page of a file of size bytes, in a
// chunk that ends at end, cannot be.
func (p *parquetPage) check(size, end int64) error {
	switch {
	case p.compressed < 0 || p.compressed > end-p.start || p.inflated < 0 || p.values < 0 ||
		p.defBytes < 0 || p.repBytes < 0 || p.defBytes+p.repBytes > min(p.compressed, p.inflated):
		return errors.New("its header is damaged")
	case p.inflated > budget(size) || p.values > budget(size)/8:
		return fmt.Errorf("%d numbers in %d bytes are more than this file may hold", p.values, p.inflated)
	}
	return nil
}

// codecs are Parquet's, as they are named here.
var codecs = map[format.CompressionCodec]codec{
	format.Uncompressed: stored, format.Snappy: snappyBlock, format.Gzip: gzipped, format.Zstd: zstandard, format.Lz4Raw: lz4Block,
}

// pageBuffers keeps the memory that pages are read and inflated into.
var pageBuffers = sync.Pool{New: func() any { return new([2][]byte) }}

// withPage calls f with the inflated bytes of a page, which it may use until it returns.
func (c *parquetReader) withPage(chunk *pagedChunk, p *parquetPage, f func(raw []byte) error) error {
	kind, ok := codecs[chunk.Codec]
	if !ok {
		return fmt.Errorf("it is compressed by %v, which is not supported", chunk.Codec)
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
