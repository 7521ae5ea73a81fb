package columnar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ksparse/ksparse/internal/tensor"
)

// arrowFile is an Arrow IPC file or stream: a schema, and where its record batches are.
//
// The tables of its metadata are read through the library of flatbuffers, after the format's
// specification (Message.fbs, Schema.fbs, File.fbs and "Columnar.rst"), for two things that no
// library of Arrow gives: the place of one column's numbers, so that some rows of it are read
// without the rest of their batch, and bounds on what a damaged file makes it allocate.
type arrowFile struct {
	r        io.ReaderAt
	size     int64
	columns  []arrowField
	metadata map[string]string
	batches  []arrowMessage
}

// arrowMessage is a message: its metadata is at start, its body follows at body.
type arrowMessage struct {
	kind        int
	start, body int64
	length      int // of the metadata
	bodyLength  int64
}

const (
	arrowMagic      = "ARROW1"
	arrowContinue   = -1 // stands before the length of the metadata, since version 0.15
	messageSchema   = 1
	messageBatch    = 3
	maxArrowMessage = 256 << 20 // bytes of metadata
)

// isArrowStream reports whether the file begins with a message that holds a schema.
func isArrowStream(r io.ReaderAt, size int64) bool {
	m, _, err := readMessage(r, size, 0)
	return err == nil && m != nil && m.kind == messageSchema
}

// openArrow reads the schema of a file or stream, and finds the record batches.
func openArrow(r io.ReaderAt, size int64) (*arrowFile, error) {
	a := &arrowFile{r: r, size: size}
	var magic [len(arrowMagic)]byte
	if err := tensor.ReadFull(r, magic[:], 0); err != nil {
		return nil, err
	}
	if string(magic[:]) == arrowMagic {
		return a, a.openFile()
	}
	return a, a.openStream()
}

// openFile reads the footer of an IPC file.
func (a *arrowFile) openFile() (err error) {
	defer damaged(&err)
	const tail = int64(4 + len(arrowMagic))
	b := make([]byte, tail)
	if a.size < 2*tail {
		return io.ErrUnexpectedEOF
	}
	if err := tensor.ReadFull(a.r, b, a.size-tail); err != nil {
		return err
	}
	if string(b[4:]) != arrowMagic {
		return errors.New("this Arrow file has no end: it was cut short, or is still being written")
	}
	n := int(int32(binary.LittleEndian.Uint32(b)))
	if n < 8 || int64(n) > a.size-2*tail || n > maxArrowMessage {
		return fmt.Errorf("its footer has %d bytes, which is not possible", n)
	}
	b = make([]byte, n)
	if err := tensor.ReadFull(a.r, b, a.size-tail-int64(n)); err != nil {
		return err
	}
	footer := root(b)
	schema, ok := footer.table(1)
	if !ok {
		return errors.New("its footer has no schema")
	}
	if a.columns, a.metadata, err = parseSchema(schema); err != nil {
		return err
	}
	pos, count := footer.vector(3, 24)
	for i := range count {
		m, _, err := readMessage(a.r, a.size, footer.i64(pos+24*i))
		if err == nil && m == nil {
			err = errors.New("its end comes too early")
		}
		if err != nil {
			return fmt.Errorf("record batch %d: %w", i, err)
		}
		a.batches = append(a.batches, *m)
	}
	return nil
}

// openStream goes through the messages of a stream.
func (a *arrowFile) openStream() (err error) {
	defer damaged(&err)
	for pos := int64(0); ; {
		m, head, err := readMessage(a.r, a.size, pos)
		if err != nil {
			return fmt.Errorf("message at byte %d: %w", pos, err)
		}
		if m == nil {
			break
		}
		switch kind := m.kind; {
		case pos == 0:
			schema, ok := head.table(2)
			if kind != messageSchema || !ok {
				return errors.New("it does not begin with a schema")
			}
			if a.columns, a.metadata, err = parseSchema(schema); err != nil {
				return err
			}
		case kind == messageBatch:
			a.batches = append(a.batches, *m)
		}
		pos = m.body + m.bodyLength
	}
	if a.columns == nil {
		return errors.New("it has no columns")
	}
	return nil
}

// readMessage reads the metadata of the message at pos. At the end of a stream it returns
// nil.
func readMessage(r io.ReaderAt, size, pos int64) (_ *arrowMessage, _ table, err error) {
	defer damaged(&err)
	if pos < 0 || pos > size {
		return nil, table{}, io.ErrUnexpectedEOF
	}
	if pos == size {
		return nil, table{}, nil // a stream may end without saying so
	}
	window := make([]byte, min(1<<10, size-pos)) // most messages need no second read
	if err := tensor.ReadFull(r, window, pos); err != nil {
		return nil, table{}, err
	}
	if len(window) < 4 {
		return nil, table{}, io.ErrUnexpectedEOF
	}
	prefix, n := 4, int(int32(binary.LittleEndian.Uint32(window)))
	if n == arrowContinue {
		if len(window) < 8 {
			return nil, table{}, io.ErrUnexpectedEOF
		}
		prefix, n = 8, int(int32(binary.LittleEndian.Uint32(window[4:])))
	}
	switch {
	case n == 0:
		return nil, table{}, nil
	case n < 8 || n > maxArrowMessage:
		return nil, table{}, errors.New("this is not an Arrow message")
	case int64(n) > size-pos-int64(prefix):
		return nil, table{}, io.ErrUnexpectedEOF
	}
	m := &arrowMessage{start: pos + int64(prefix), length: n}
	m.body = m.start + int64(n)
	head, err := m.metadata(r, window[prefix:])
	if err != nil {
		return nil, table{}, err
	}
	m.kind, m.bodyLength = head.byte(1), head.int64(3)
	if m.bodyLength < 0 {
		return nil, table{}, errors.New("its metadata is damaged")
	}
	if m.bodyLength > size-m.body {
		return nil, table{}, io.ErrUnexpectedEOF
	}
	return m, head, nil
}

// metadata returns the table Message. known are the bytes that were read of it already. It panics
// as a table does.
func (m *arrowMessage) metadata(r io.ReaderAt, known []byte) (table, error) {
	if len(known) < m.length {
		known = make([]byte, m.length)
		if err := tensor.ReadFull(r, known, m.start); err != nil {
			return table{}, err
		}
	}
	head := root(known[:m.length:m.length])
	if version := head.int16(0); version < 3 || version > 4 { // V4 and V5
		return table{}, fmt.Errorf("the version %d of its metadata is not supported", version+1)
	}
	return head, nil
}

// fields returns the columns.
func (a *arrowFile) fields() []field {
	fields := make([]field, len(a.columns))
	for i := range a.columns {
		f := &a.columns[i]
		fields[i] = field{f.name, f.words(), f.use()}
	}
	return fields
}
