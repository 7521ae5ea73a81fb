package data

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/lines"
)

// table is the rows of CSV, TSV or other text with fields between commas, tabs, semicolons or
// spaces. A field may stand in double quotes (RFC 4180), but not between spaces; then it may hold the
// separator, line feeds, and two quotes for one.
type table struct {
	text    *lines.File
	comma   byte     // between fields: a space is any run of spaces and tabs
	names   []string // of the columns; nil without a header
	width   int      // fields of a row
	sample  []string // the fields of the first row
	begin   int64    // where the rows begin, and in which line
	line    int
	columns []int // those that are read
}

// readTable reads columns of numbers. It checks every row.
func readTable(r io.ReaderAt, size int64, path string, o Options) (opened, error) {
	if err := refuseOptions(o, "text", false, true); err != nil {
		return opened{}, err
	}
	t, err := newTable(r, size, path)
	if err != nil {
		return opened{}, err
	}
	if t.columns, err = t.numberColumns(o.Column); err != nil {
		return opened{}, err
	}
	row := make([]float64, len(t.columns))
	if err := t.text.Index(t.begin, t.line, func(r *lines.Reader, text []byte) error { return t.parse(row, r, text) }); err != nil {
		return opened{}, err
	}
	what := fmt.Sprintf("%d of %d columns", len(t.columns), t.width)
	if t.names == nil {
		what += " without names"
	}
	return opened{t, t.kind(), what, ""}, nil
}

// kind names the format.
func (t *table) kind() string {
	return map[byte]string{',': "CSV", '\t': "TSV", ';': "CSV (semicolons)", ' ': "text"}[t.comma]
}

// dims returns the number of rows and of the columns that are read.
func (t *table) dims() (rows, cols int) { return t.text.Rows, len(t.columns) }

// read parses the rows lo to hi.
func (t *table) read(dst []float64, lo, hi int) error {
	cols := len(t.columns)
	return t.text.Read(lo, hi, func(r *lines.Reader, i int, row []byte) error {
		return t.parse(dst[i*cols:(i+1)*cols], r, row)
	})
}

// parse sets dst to the numbers of a row.
func (t *table) parse(dst []float64, r *lines.Reader, row []byte) error {
	if err := t.split(r, row); err != nil {
		return err
	}
	for i, c := range t.columns {
		v, err := lines.Number(r.Fields[c])
		if err != nil {
			return fault.Errorf(err, "%s: %s", t.columnName(c), fault.Text(err))
		}
		dst[i] = v
	}
	return nil
}

// columnName names column c for errors.
func (t *table) columnName(c int) string {
	if t.names == nil {
		return fmt.Sprintf("column %d", c+1)
	}
	return fmt.Sprintf("column %d, %.60q", c+1, t.names[c])
}

// isNumber reports whether a field has the form of a number. NaN and infinities have it.
func isNumber(field string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(field), 64)
	return err == nil || errors.Is(err, strconv.ErrRange)
}

// newTable looks at the first two rows of a table. Its rows are still to be found.
func newTable(r io.ReaderAt, size int64, path string) (*table, error) {
	t := &table{text: lines.New(r, size), line: 1}
	var err error
	if t.begin, err = t.text.Start(); err != nil {
		return nil, err
	}
	line, err := t.text.Reader(t.begin).Next()
	if err != nil {
		return nil, noRows(err)
	}
	if t.comma = separator(line, strings.ToLower(filepath.Ext(path))); t.comma != ' ' {
		t.text.Comma = t.comma
	}
	head := t.text.Reader(t.begin)
	first, err := t.fields(head)
	if err != nil {
		return nil, fault.Errorf(err, "line %d: %s", head.Line(), fault.Text(err))
	}
	t.sample, t.width = first, len(first)
	second, err := t.fields(head)
	if err != nil && err != io.EOF {
		return nil, fault.Errorf(err, "line %d: %s", head.Line(), fault.Text(err))
	}
	if isHeader(first, second) {
		if err == io.EOF {
			return nil, noRows(err)
		}
		t.names, t.sample, t.begin, t.line = first, second, head.Begin(), head.Line()
		for i := range t.names {
			t.names[i] = strings.TrimSpace(t.names[i])
		}
	}
	return t, nil
}

// noRows is the error for a text that ends before its first row, and else err.
func noRows(err error) error {
	if err == io.EOF {
		return fault.Errorf(fault.ErrEmpty, "it has no rows")
	}
	return err
}

// fields returns a copy of the fields of the next row.
func (t *table) fields(r *lines.Reader) ([]string, error) {
	row, err := r.Next()
	if err == nil {
		err = t.split(r, row)
	}
	if err != nil {
		return nil, err
	}
	fields := make([]string, len(r.Fields))
	for i, f := range r.Fields {
		fields[i] = string(f)
	}
	return fields, nil
}

// isHeader reports whether the first row has names: a column is no number there and one in the
// second row, or no field of either is a number.
func isHeader(first, second []string) bool {
	numbers := false
	for i, field := range first {
		switch {
		case field != "" && !isNumber(field) && i < len(second) && isNumber(second[i]):
			return true
		case isNumber(field):
			numbers = true
		}
	}
	return !numbers && !slices.ContainsFunc(second, isNumber)
}

// separator returns what stands between the fields of a line.
func separator(line []byte, extension string) byte {
	candidates := "\t,; "
	switch extension {
	case ".tsv":
		return '\t'
	case ".csv":
		candidates = ",;\t"
	}
	for i := range len(candidates) {
		quoted := false
		for _, c := range line {
			if c == '"' {
				quoted = !quoted
			}
			if c == candidates[i] && !quoted {
				return c
			}
		}
	}
	return ','
}

// split sets r.Fields to the fields of row, which it may change: quoted ones without their quotes.
func (t *table) split(r *lines.Reader, row []byte) error {
	r.Fields = r.Fields[:0]
	if t.comma == ' ' {
		for field := range bytes.FieldsSeq(row) {
			r.Fields = append(r.Fields, field)
		}
	} else if err := t.splitQuoted(r, row); err != nil {
		return err
	}
	if t.width > 0 && len(r.Fields) != t.width {
		return fmt.Errorf("%d fields, want %d", len(r.Fields), t.width)
	}
	return nil
}

// splitQuoted is split for fields that may be quoted.
func (t *table) splitQuoted(r *lines.Reader, row []byte) error {
	for more := true; more; {
		var field []byte
		if len(row) == 0 || row[0] != '"' {
			field, row, more = bytes.Cut(row, []byte{t.comma})
			r.Fields = append(r.Fields, field)
			continue
		}
		end := lines.QuoteEnd(row, 0)
		if end < 0 {
			return fmt.Errorf("column %d: a quote does not end", len(r.Fields)+1)
		}
		field = unquoted(row[1 : end-1])
		var after []byte
		if after, row, more = bytes.Cut(row[end:], []byte{t.comma}); len(bytes.TrimSpace(after)) > 0 {
			return fmt.Errorf("column %d: %.40q follows the quote that ends it", len(r.Fields)+1, after)
		}
		r.Fields = append(r.Fields, field)
	}
	return nil
}

// unquoted makes one quote of two, in the memory of text.
func unquoted(text []byte) []byte {
	if bytes.IndexByte(text, '"') < 0 {
		return text
	}
	out := text[:0]
	for i := 0; i < len(text); i++ {
		if out = append(out, text[i]); text[i] == '"' {
			i++
		}
	}
	return out
}
