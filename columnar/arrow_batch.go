package columnar

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/tensor"
)

// arrowBatch is where the arrays of one column are in a record batch.
type arrowBatch struct {
	rows    int
	nulls   []bool // of each level: whether a value is missing
	buffers []span // of the column, those of the outermost level first
	codec   codec
}

// span is a range of bytes of a file.
type span struct{ start, length int64 }

// arrowColumn is a column of an Arrow file.
type arrowColumn struct {
	*arrowFile
	shard   int
	field   *arrowField
	levels  []*arrowField // the column, its child and so on: lists, and the numbers or texts in them
	batches []arrowBatch
	starts  []int // the first row of each batch; at the end the number of rows
}

// column finds the arrays of column i in all batches.
func (a *arrowFile) column(shard, i int) (*arrowColumn, error) {
	c := &arrowColumn{arrowFile: a, shard: shard, field: &a.columns[i], starts: []int{0}}
	for f := c.field; ; f = &f.children[0] {
		c.levels = append(c.levels, f)
		if !f.isList() {
			break
		}
	}
	var p place
	for j := range i {
		p = p.after(&a.columns[j])
	}
	for j := range a.batches {
		b, err := c.batch(&a.batches[j], p)
		if err != nil {
			return nil, fmt.Errorf("record batch %d: %w", j, err)
		}
		if b.rows == 0 {
			continue
		}
		start := c.starts[len(c.starts)-1]
		if b.rows > math.MaxInt/16-start {
			return nil, fmt.Errorf("record batch %d: %d rows are too many", j, b.rows)
		}
		c.batches = append(c.batches, b)
		c.starts = append(c.starts, start+b.rows)
	}
	if len(c.batches) == 0 {
		return nil, fault.Errorf(fault.ErrEmpty, "it has no rows")
	}
	return c, nil
}

// batch finds the arrays of the column, which stand at p, in the message m.
func (c *arrowColumn) batch(m *arrowMessage, p place) (b arrowBatch, err error) {
	defer damaged(&err)
	head, err := m.metadata(c.r, nil)
	if err != nil {
		return b, err
	}
	batch, ok := head.table(2)
	if !ok || m.kind != messageBatch {
		return b, errors.New("this is not a record batch")
	}
	if b.codec, err = batchCodec(batch); err != nil {
		return b, err
	}
	views, n := batch.vector(4, 8)
	for i := range p.views {
		if i >= n {
			return b, errors.New("its metadata does not fit its schema")
		}
		p.buffer += int(min(batch.i64(views+8*i), math.MaxInt32))
	}
	count := 0 // of the column's buffers
	for _, level := range c.levels {
		count += level.buffers
	}
	if c.field.isView() && p.views < n {
		count += int(min(batch.i64(views+8*p.views), math.MaxInt32))
	}
	nodes, nodeCount := batch.vector(1, 16)
	buffers, bufferCount := batch.vector(2, 16)
	if p.buffer < 0 || count < 0 || p.buffer > bufferCount-count || p.node > nodeCount-len(c.levels) {
		return b, errors.New("its metadata does not fit its schema")
	}
	rows := batch.int64(0)
	if rows < 0 || rows > math.MaxInt/16 || batch.i64(nodes+16*p.node) != rows {
		return b, fmt.Errorf("its column has %d rows, the batch %d", batch.i64(nodes+16*p.node), rows)
	}
	b.rows = int(rows)
	for i := range c.levels {
		b.nulls = append(b.nulls, batch.i64(nodes+16*(p.node+i)+8) != 0)
	}
	for i := p.buffer; i < p.buffer+count; i++ {
		s := span{batch.i64(buffers + 16*i), batch.i64(buffers + 16*i + 8)}
		if s.start < 0 || s.length < 0 || s.length > m.bodyLength || s.start > m.bodyLength-s.length {
			return b, errors.New("a buffer lies outside of it")
		}
		s.start += m.body
		b.buffers = append(b.buffers, s)
	}
	return b, nil
}

// batchCodec returns how the buffers of a record batch are compressed.
func batchCodec(batch table) (codec, error) {
	compression, ok := batch.table(3)
	if !ok {
		return stored, nil
	}
	kind, method := compression.byte(0), compression.byte(1)
	if method != 0 || kind > 1 {
		return 0, fmt.Errorf("its compression (%d, %d) is unknown", kind, method)
	}
	return [...]codec{lz4Frame, zstandard}[kind], nil
}

// find returns the batch that holds the row.
func (c *arrowColumn) find(row int) int {
	return sort.SearchInts(c.starts, row+1) - 1
}

// rows returns the number of rows.
func (c *arrowColumn) rows() int { return c.starts[len(c.starts)-1] }

// buffer gives the bytes of an Arrow buffer.
type buffer interface {
	io.ReaderAt
	Size() int64
}

// open returns the buffers of the column in batch b. Those that are compressed are inflated
// first.
func (c *arrowColumn) open(b *arrowBatch) ([]buffer, error) {
	readers := make([]buffer, len(b.buffers))
	for i, s := range b.buffers {
		if b.codec == stored || s.length == 0 {
			readers[i] = io.NewSectionReader(c.r, s.start, s.length)
			continue
		}
		raw, err := c.inflate(s, b.codec)
		if err != nil {
			return nil, err
		}
		readers[i] = bytes.NewReader(raw)
	}
	return readers, nil
}

// inflate returns the bytes of a buffer that begins with their number, -1 where they are not
// compressed after all.
func (c *arrowColumn) inflate(s span, kind codec) ([]byte, error) {
	if s.length > budget(c.size) || s.length < 8 {
		return nil, fmt.Errorf("a compressed buffer has %d bytes", s.length)
	}
	raw := make([]byte, s.length)
	if err := tensor.ReadFull(c.r, raw, s.start); err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint64(raw))
	if n == -1 {
		return raw[8:], nil
	}
	if n < 0 || n > budget(c.size) {
		return nil, fmt.Errorf("a buffer of %d bytes is more than this file may hold", n)
	}
	out := make([]byte, n)
	return out, inflate(kind, out, raw[8:])
}
