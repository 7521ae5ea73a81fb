// Package lines finds the rows of text files, each a line or a few, and reads them at any place. It finds
// what stands in a line of JSON, too.
package lines

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/tensor"
)

const (
	rowsPerOffset = 256      // rows from one place that is kept to the next
	textBuffer    = 64 << 10 // bytes that are read at a time
	maxRow        = 64 << 20 // bytes of the longest row
	byteOrderMark = "\ufeff" // what some programs begin a text with
)

// File finds the rows of a text file, which are its lines: of a table, lines that a quoted
// field may join. It keeps the place of every 256th, 8 bytes for each of them.
type File struct {
	Comma  byte // stands between fields that may be quoted; 0 where none may be
	Blanks bool // blank lines are rows too
	Rows   int  // how many Index found

	r       io.ReaderAt
	size    int64
	starts  []int64 // the places of rows 0, 256, 512, ...
	readers sync.Pool
}

// New returns the rows of the size bytes of r, whose places Index is to find.
func New(r io.ReaderAt, size int64) *File {
	t := &File{r: r, size: size}
	t.readers.New = func() any { return t.Reader(0) }
	return t
}

// Reader returns a Reader of the rows from offset on. It counts lines from there.
func (t *File) Reader(offset int64) *Reader {
	return &Reader{file: t, buf: make([]byte, textBuffer), offset: offset, row: math.MaxInt, line: 1}
}

// Start returns where the text begins: after a byte order mark.
func (t *File) Start() (int64, error) {
	head := make([]byte, min(t.size, int64(len(byteOrderMark))))
	if err := tensor.ReadFull(t.r, head, 0); err != nil {
		return 0, err
	}
	if string(head) == byteOrderMark {
		return int64(len(head)), nil
	}
	return 0, nil
}

// Index finds the rows from offset on, which is in line of the file (from 1), and calls f for each
// of them. An error of f gets the row and its line.
func (t *File) Index(offset int64, line int, f func(r *Reader, row []byte) error) error {
	r := t.Reader(offset)
	for r.row, r.line = 0, line; ; t.Rows++ {
		at := r.line
		row, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			at = r.first // blank lines were passed over
			err = f(r, row)
		}
		if err != nil {
			return fault.Errorf(err, "row %d (line %d): %s", t.Rows, at, fault.Text(err))
		}
		if t.Rows%rowsPerOffset == 0 {
			t.starts = append(t.starts, r.begin)
		}
	}
}

// Read calls f for the rows lo to hi, which are there. i counts from 0. Rows that follow those of
// the call before are found at once; others after up to 255 rows that are read and passed over.
func (t *File) Read(lo, hi int, f func(r *Reader, i int, row []byte) error) error {
	r := t.readers.Get().(*Reader)
	defer t.readers.Put(r)
	block := lo / rowsPerOffset
	if r.row > lo || r.row < block*rowsPerOffset {
		r.from, r.to = 0, 0
		r.offset, r.row = t.starts[block], block*rowsPerOffset
	}
	for i := r.row; i < hi; i++ {
		row, err := r.Next()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err == nil && i >= lo {
			err = f(r, i-lo, row)
		}
		if err != nil {
			r.row = math.MaxInt // begin anew
			return fault.Errorf(err, "row %d: %s", i, fault.Text(err))
		}
	}
	return nil
}

// Reader reads rows one after the other.
type Reader struct {
	file     *File
	buf      []byte
	from, to int      // buf[from:to] has been read from the file, and not been returned
	offset   int64    // in the file, of buf[to]
	begin    int64    // in the file, of the row that Next returned
	row      int      // the number of the row that Next returns
	line     int      // the line that comes next, from 1
	first    int      // the line in which the row begins that Next returned
	Fields   [][]byte // memory for the parts of a row
}

// Next returns the next row without the end of its line, io.EOF after the last. The row stays until
// the next call.
func (r *Reader) Next() ([]byte, error) {
	for {
		b := r.buf[r.from:r.to]
		end := rowEnd(b, r.file.Comma)
		if end < 0 && r.offset < r.file.size {
			if err := r.fill(); err != nil {
				return nil, err
			}
			continue
		}
		if len(b) == 0 {
			return nil, io.EOF
		}
		r.begin, r.first = r.offset-int64(len(b)), r.line
		r.from = r.to
		if end >= 0 {
			r.from -= len(b) - end - 1
			b = b[:end]
		}
		r.line++
		if r.file.Comma != 0 {
			r.line += bytes.Count(b, []byte("\n"))
		}
		if b = bytes.TrimSuffix(b, []byte("\r")); !r.file.Blanks && isBlank(b, r.file.Comma) {
			continue
		}
		r.row++
		return b, nil
	}
}

// Begin returns where in the file the row begins that Next returned.
func (r *Reader) Begin() int64 { return r.begin }

// Line returns the line, from 1, in which the row begins that Next returned.
func (r *Reader) Line() int { return r.first }

// isBlank reports whether a row has nothing in it. A row of tabs has empty fields.
func isBlank(row []byte, comma byte) bool {
	return len(row) == 0 || comma == 0 && len(bytes.TrimSpace(row)) == 0
}

// rowEnd returns where in b the line feed is that ends the row at the start of b, -1 if b does not
// have it. A line feed in a quoted field ends no row.
func rowEnd(b []byte, comma byte) int {
	end := bytes.IndexByte(b, '\n')
	if comma == 0 || end < 0 || bytes.IndexByte(b[:end], '"') < 0 {
		return end
	}
	for i := 0; i < len(b); i++ { // at the start of a field
		if b[i] == '"' {
			if i = QuoteEnd(b, i); i < 0 {
				return -1
			}
		}
		for i < len(b) && b[i] != comma && b[i] != '\n' {
			i++
		}
		if i < len(b) && b[i] == '\n' {
			return i
		}
	}
	return -1
}

// QuoteEnd returns where b goes on after the quoted text that begins at b[i]; two quotes in it are
// one of the text. It is -1 where b does not have its end.
func QuoteEnd(b []byte, i int) int {
	for {
		n := bytes.IndexByte(b[i+1:], '"')
		if n < 0 {
			return -1
		}
		if i += n + 2; i == len(b) || b[i] != '"' {
			return i
		}
	}
}

// fill reads more of the file. A buffer that a row fills doubles.
func (r *Reader) fill() error {
	copy(r.buf, r.buf[r.from:r.to])
	r.from, r.to = 0, r.to-r.from
	if r.to == len(r.buf) {
		if r.to >= maxRow {
			return fmt.Errorf("it is longer than %d MiB: is there a quote that does not end?", maxRow>>20)
		}
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
	n := int(min(int64(len(r.buf)-r.to), r.file.size-r.offset))
	if err := tensor.ReadFull(r.file.r, r.buf[r.to:r.to+n], r.offset); err != nil {
		return err
	}
	r.to += n
	r.offset += int64(n)
	return nil
}
