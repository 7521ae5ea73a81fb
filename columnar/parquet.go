package columnar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/tensor"
)

// parquetFile is a Parquet file: what its footer says.
//
// The format is read by hand, after its specification (parquet.thrift, Encodings.md and
// Compression.md), for two things that no library gives: the pages of a column without an
// index of them in the file, and bounds on what a damaged file makes it allocate.
type parquetFile struct {
	r        io.ReaderAt
	size     int64
	columns  []parquetColumn // those of the top, in order
	groups   []parquetGroup
	metadata map[string]string
}

// parquetGroup is a row group.
type parquetGroup struct {
	rows   int64
	chunks []parquetChunk // of each leaf of the schema
}

// parquetChunk is where a column of a row group is.
type parquetChunk struct {
	codec             int64
	values            int64
	start, dictionary int64 // of the first data page; of the dictionary or 0
	length            int64 // of all pages
}

// parquetColumn is a column of the top of the schema.
type parquetColumn struct {
	name      string
	kind      string       // in words
	leaf      int          // the first leaf in it
	leaves    int          // how many there are
	dtype     tensor.DType // of a leaf of numbers
	isText    bool         // the leaf is one of strings
	lists     int          // how many lists the leaf stands in
	levels    int          // how many of its parents and itself may be missing or repeated
	plainSize int          // bytes of a number
}

// Parquet's types, repetitions and logical types, as parquet.thrift numbers them.
const (
	parquetInt32         = 1
	parquetInt64         = 2
	parquetFloat         = 4
	parquetDouble        = 5
	parquetBytes         = 6
	parquetFixed         = 7
	parquetRequired      = 0
	parquetRepeated      = 2
	logicalFloat16       = 15
	parquetMagic         = "PAR1"
	parquetEncryptedFile = "PARE"
)

// openParquet reads the footer of a file.
func openParquet(r io.ReaderAt, size int64) (*parquetFile, error) {
	const tail = 8
	if size < 2*tail {
		return nil, io.ErrUnexpectedEOF
	}
	var b [tail]byte
	if err := tensor.ReadFull(r, b[:], size-tail); err != nil {
		return nil, err
	}
	switch string(b[4:]) {
	case parquetMagic:
	case parquetEncryptedFile:
		return nil, errors.New("it is encrypted, which is not supported")
	default:
		return nil, errors.New("this Parquet file has no end: it was cut short, or is still being written")
	}
	n := int64(binary.LittleEndian.Uint32(b[:]))
	if n > size-tail-4 {
		return nil, fmt.Errorf("its footer has %d bytes, the file %d", n, size)
	}
	footer := make([]byte, n)
	if err := tensor.ReadFull(r, footer, size-tail-n); err != nil {
		return nil, err
	}
	p := &parquetFile{r: r, size: size, metadata: map[string]string{}}
	return p, p.parse(&compact{b: footer})
}

// parse reads the FileMetaData of the footer.
func (p *parquetFile) parse(c *compact) error {
	var elements []parquetElement
	encrypted := false
	c.fields(func(id int, kind byte) bool {
		switch id {
		case 2:
			return c.structs(kind, func() { elements = append(elements, parseElement(c)) })
		case 4:
			return c.structs(kind, func() { p.groups = append(p.groups, parseGroup(c)) })
		case 5:
			return c.structs(kind, func() {
				var pair [2]string
				c.fields(func(id int, kind byte) bool {
					if (id == 1 || id == 2) && kind == thriftBinary {
						pair[id-1] = c.text()
						return true
					}
					return false
				})
				p.metadata[pair[0]] = pair[1]
			})
		case 8:
			encrypted = true
		}
		return false
	})
	switch {
	case c.bad:
		return errors.New("its footer is damaged")
	case encrypted:
		return errors.New("it is encrypted, which is not supported")
	case len(elements) == 0:
		return errors.New("its footer has no schema")
	}
	return p.arrange(elements)
}

// parquetElement is an element of the schema, which lists a tree depth first.
type parquetElement struct {
	name                            string
	kind, length, repetition        int64
	children                        int64
	converted                       int64
	logical                         int // which logical type; 0 is none
	bits                            int64
	unsigned, hasKind, wasConverted bool
}

// parseElement reads a SchemaElement.
func parseElement(c *compact) (e parquetElement) {
	c.fields(func(id int, kind byte) bool {
		number := map[int]*int64{1: &e.kind, 2: &e.length, 3: &e.repetition, 5: &e.children, 6: &e.converted}[id]
		switch {
		case number != nil && kind == thriftI32:
			*number = c.int()
			e.hasKind = e.hasKind || id == 1
			e.wasConverted = e.wasConverted || id == 6
		case id == 4 && kind == thriftBinary:
			e.name = c.text()
		case id == 10 && kind == thriftStruct:
			c.fields(func(id int, kind byte) bool {
				e.logical = id
				return id == 10 && kind == thriftStruct && parseInteger(c, &e)
			})
		default:
			return false
		}
		return true
	})
	return e
}

// parseInteger reads an IntType.
func parseInteger(c *compact, e *parquetElement) bool {
	c.fields(func(id int, kind byte) bool {
		switch {
		case id == 1 && kind == thriftByte:
			e.bits = int64(c.byte())
		case id == 2:
			e.unsigned = kind == thriftFalse
			return false // the type is the value
		default:
			return false
		}
		return true
	})
	return true
}

// parseGroup reads a RowGroup.
func parseGroup(c *compact) (g parquetGroup) {
	c.fields(func(id int, kind byte) bool {
		switch {
		case id == 1:
			return c.structs(kind, func() { g.chunks = append(g.chunks, parseChunk(c)) })
		case id == 3 && kind == thriftI64:
			g.rows = c.int()
			return true
		}
		return false
	})
	return g
}

// parseChunk reads the ColumnMetaData of a ColumnChunk.
func parseChunk(c *compact) (chunk parquetChunk) {
	c.fields(func(id int, kind byte) bool {
		if id != 3 || kind != thriftStruct {
			return false
		}
		c.fields(func(id int, kind byte) bool {
			number := map[int]*int64{4: &chunk.codec, 5: &chunk.values, 7: &chunk.length, 9: &chunk.start, 11: &chunk.dictionary}[id]
			if number == nil || kind != thriftI32 && kind != thriftI64 {
				return false
			}
			*number = c.int()
			return true
		})
		return true
	})
	return chunk
}

// arrange makes the columns of the schema's elements.
func (p *parquetFile) arrange(elements []parquetElement) error {
	rest, leaf := elements[1:], 0
	for range elements[0].children {
		var column parquetColumn
		var err error
		if len(rest) == 0 {
			return errors.New("its schema is damaged")
		}
		column.name, column.leaf = rest[0].name, leaf
		if rest, err = column.add(rest, 0, 0, 0); err != nil {
			return err
		}
		column.describe()
		leaf += column.leaves
		p.columns = append(p.columns, column)
	}
	if len(rest) > 0 {
		return errors.New("its schema is damaged")
	}
	for i := range p.groups {
		if g := &p.groups[i]; len(g.chunks) != leaf || g.rows < 0 || g.rows > math.MaxInt/16 {
			return fmt.Errorf("row group %d does not fit its schema", i)
		}
	}
	return nil
}

// add adds the first element and those in it to the column, and returns those after it.
func (c *parquetColumn) add(elements []parquetElement, depth, lists, levels int) ([]parquetElement, error) {
	if len(elements) == 0 || depth > maxDepth {
		return nil, errors.New("its schema is damaged")
	}
	e := elements[0]
	if e.repetition != parquetRequired {
		levels++
	}
	if e.repetition == parquetRepeated {
		lists++
	}
	rest := elements[1:]
	if e.hasKind {
		c.leaves++
		c.lists, c.levels = lists, levels
		c.dtype, c.plainSize, c.kind = e.number()
		c.isText = e.kind == parquetBytes && lists == 0
		return rest, nil
	}
	var err error
	for range e.children {
		if rest, err = c.add(rest, depth+1, lists, levels); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// number returns the type of the numbers of a leaf, how many bytes each takes, and a word for
// it.
func (e *parquetElement) number() (d tensor.DType, size int, word string) {
	const convertedUint8, convertedUint64 = 11, 14
	unsigned := e.unsigned || e.wasConverted && e.converted >= convertedUint8 && e.converted <= convertedUint64
	isInteger := e.logical == 0 && (!e.wasConverted || e.converted >= convertedUint8 && e.converted <= convertedUint64+4) || e.logical == 10
	switch {
	case e.kind == parquetFloat:
		return tensor.F32, 4, "float"
	case e.kind == parquetDouble:
		return tensor.F64, 8, "double"
	case e.kind == parquetFixed && e.length == 2 && e.logical == logicalFloat16:
		return tensor.F16, 2, "float16"
	case e.kind == parquetInt32 && isInteger && unsigned:
		return tensor.U32, 4, "unsigned integer"
	case e.kind == parquetInt32 && isInteger:
		return tensor.I32, 4, "integer"
	case e.kind == parquetInt64 && isInteger && unsigned:
		return tensor.U64, 8, "unsigned integer"
	case e.kind == parquetInt64 && isInteger:
		return tensor.I64, 8, "integer"
	case e.kind == parquetBytes:
		return 0, 0, "string"
	}
	return 0, 0, "something else than numbers or strings"
}

// describe says in words what the column is, once its leaves are known.
func (c *parquetColumn) describe() {
	switch {
	case c.leaves != 1:
		c.kind, c.dtype, c.isText = fmt.Sprintf("struct with %d columns", c.leaves), 0, false
	case c.lists > 0:
		c.kind = strings.Repeat("list of ", c.lists) + c.kind
	}
}

// fields returns the columns.
func (p *parquetFile) fields() []field {
	fields := make([]field, len(p.columns))
	for i, c := range p.columns {
		fields[i] = field{c.name, c.kind, forNothing}
		switch {
		case c.dtype != 0 && c.lists > 0:
			fields[i].use = forRows
		case c.isText, c.dtype != 0 && !c.dtype.Floating():
			fields[i].use = forTexts
		}
	}
	return fields
}

// column returns the places of column i in all row groups that have rows.
// Its blocks go to the cache.
func (p *parquetFile) column(shard, i int, blocks *cache[float64]) (*parquetReader, error) {
	c := &parquetReader{parquetFile: p, parquetColumn: &p.columns[i], shard: shard, starts: []int{0}, blocks: blocks}
	for g := range p.groups {
		group := &p.groups[g]
		if group.rows == 0 {
			continue
		}
		start := c.starts[len(c.starts)-1]
		if int(group.rows) > math.MaxInt/16-start {
			return nil, errors.New("it has too many rows")
		}
		c.chunks = append(c.chunks, &pagedChunk{parquetChunk: group.chunks[c.leaf]})
		c.starts = append(c.starts, start+int(group.rows))
	}
	if len(c.chunks) == 0 {
		return nil, fault.Errorf(fault.ErrEmpty, "it has no rows")
	}
	return c, nil
}
