package columnar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/tensor"
)

// parquetFile is a Parquet file: what its footer says.
//
// parquet-go reads what is in the format: the footer, the headers of pages, levels and encodings.
// What is done here is what its reader of files has no function for: the places of the pages of
// a column without an index of them in the file, and bounds on what a damaged file makes it
// allocate.
type parquetFile struct {
	r       io.ReaderAt
	size    int64
	meta    format.FileMetaData
	columns []parquetColumn // those of the top, in order
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

const (
	parquetMagic         = "PAR1"
	parquetEncryptedFile = "PARE"
)

// errEncrypted is the error for a file that is encrypted, all of it or its columns.
var errEncrypted = errors.New("it is encrypted, which is not supported")

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
		return nil, errEncrypted
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
	p := &parquetFile{r: r, size: size}
	if _, err := decodeThrift(footer, &p.meta); err != nil {
		return nil, errors.New("its footer is damaged")
	}
	switch {
	case p.meta.EncryptionAlgorithm.Value != nil:
		return nil, errEncrypted
	case len(p.meta.Schema) == 0:
		return nil, errors.New("its footer has no schema")
	}
	return p, p.arrange()
}

// note returns what the writer noted under a key, "" if nothing.
func (p *parquetFile) note(key string) string {
	for _, pair := range p.meta.KeyValueMetadata {
		if pair.Key == key {
			return pair.Value
		}
	}
	return ""
}

// arrange makes the columns of the schema, which lists a tree depth first.
func (p *parquetFile) arrange() error {
	rest, leaf := []format.SchemaElement(p.meta.Schema[1:]), 0
	for range p.meta.Schema[0].NumChildren.V {
		if len(rest) == 0 {
			return errSchema
		}
		column := parquetColumn{name: rest[0].Name, leaf: leaf}
		var err error
		if rest, err = column.add(rest, 0, 0, 0); err != nil {
			return err
		}
		column.describe()
		leaf += column.leaves
		p.columns = append(p.columns, column)
	}
	if len(rest) > 0 {
		return errSchema
	}
	for i := range p.meta.RowGroups {
		if g := &p.meta.RowGroups[i]; len(g.Columns) != leaf || g.NumRows < 0 || g.NumRows > math.MaxInt/16 {
			return fmt.Errorf("row group %d does not fit its schema", i)
		}
	}
	return nil
}

// errSchema is the error for a schema that is no tree, or one that is too high.
var errSchema = errors.New("its schema is damaged")

// maxDepth is how deep columns may stand in one another.
const maxDepth = 32

// add adds the first element and those in it to the column, and returns those after it.
func (c *parquetColumn) add(elements []format.SchemaElement, depth, lists, levels int) ([]format.SchemaElement, error) {
	if len(elements) == 0 || depth > maxDepth {
		return nil, errSchema
	}
	e := &elements[0]
	if e.RepetitionType.V != format.Required {
		levels++
	}
	if e.RepetitionType.V == format.Repeated {
		lists++
	}
	rest := elements[1:]
	if e.Type.Valid {
		c.leaves++
		c.lists, c.levels = lists, levels
		c.dtype, c.plainSize, c.kind = numberOf(e)
		c.isText = e.Type.V == format.ByteArray && lists == 0
		return rest, nil
	}
	var err error
	for range e.NumChildren.V {
		if rest, err = c.add(rest, depth+1, lists, levels); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// numberOf returns the type of the numbers of a leaf, how many bytes each takes, and a word for
// it.
func numberOf(e *format.SchemaElement) (d tensor.DType, size int, word string) {
	converted := e.ConvertedType
	unsigned := converted.Valid && converted.V >= deprecated.Uint8 && converted.V <= deprecated.Uint64
	isInteger := !converted.Valid || converted.V >= deprecated.Uint8 && converted.V <= deprecated.Int64
	isHalf := false
	switch logical := e.LogicalType.Value.(type) {
	case nil:
	case *format.IntType:
		unsigned, isInteger = unsigned || !logical.IsSigned, true
	case *format.Float16Type:
		isHalf = true
	default:
		isInteger = false
	}
	switch kind := e.Type.V; {
	case kind == format.Float:
		return tensor.F32, 4, "float"
	case kind == format.Double:
		return tensor.F64, 8, "double"
	case kind == format.FixedLenByteArray && e.TypeLength.V == 2 && isHalf:
		return tensor.F16, 2, "float16"
	case kind == format.Int32 && isInteger && unsigned:
		return tensor.U32, 4, "unsigned integer"
	case kind == format.Int32 && isInteger:
		return tensor.I32, 4, "integer"
	case kind == format.Int64 && isInteger && unsigned:
		return tensor.U64, 8, "unsigned integer"
	case kind == format.Int64 && isInteger:
		return tensor.I64, 8, "integer"
	case kind == format.ByteArray:
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
	for g := range p.meta.RowGroups {
		group := &p.meta.RowGroups[g]
		if group.NumRows == 0 {
			continue
		}
		start := c.starts[len(c.starts)-1]
		if int(group.NumRows) > math.MaxInt/16-start {
			return nil, errors.New("it has too many rows")
		}
		c.chunks = append(c.chunks, &pagedChunk{ColumnMetaData: &group.Columns[c.leaf].MetaData})
		c.starts = append(c.starts, start+int(group.NumRows))
	}
	if len(c.chunks) == 0 {
		return nil, fault.Errorf(fault.ErrEmpty, "it has no rows")
	}
	return c, nil
}
