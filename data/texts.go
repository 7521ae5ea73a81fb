package data

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/lines"
	"github.com/ksparse/ksparse/internal/mapped"
	"github.com/ksparse/ksparse/internal/npy"
	"github.com/ksparse/ksparse/internal/sniff"
)

// Texts are texts or labels, one for each row of a File: see OpenTexts. Its methods may be
// called from any number of goroutines at once.
type Texts struct {
	files *mapped.Set
	path  string
	rows  int
	text  func(i int) (string, error)
}

// OpenTexts opens the file at path for the texts, or labels, that belong to rows of numbers: the
// lines of a .txt file, blank ones too; a column of CSV or TSV, by its name or its number from 1
// ("" is the only one that holds no numbers); a field of JSON lines ("" is the only one that holds
// a text); or a .npy file of integers in one dimension, which Text writes in decimal.
//
// A text file is read once as a whole, which checks that each row has the column. Of its rows
// only the place of every 256th stays in memory. Errors name the file and the row and are
// those of Open. Close it when it is no longer needed.
func OpenTexts(path, column string) (*Texts, error) {
	is, err := sniff.File(path)
	if err != nil {
		return nil, fault.Errorf(err, "%s", err)
	}
	find, ok := textFinder(path, is)
	if !ok {
		return nil, fault.Errorf(fault.ErrFormat, "%s is %s, want texts: .txt, CSV, TSV, JSON lines, or integers in a .npy file", path, is)
	}
	t := &Texts{files: new(mapped.Set), path: path}
	h, err := t.files.Open(path)
	if err != nil {
		return nil, fault.Errorf(err, "%s", err)
	}
	if err = find(t, h, h.Size(), column); err == nil && t.rows == 0 {
		err = fault.Errorf(fault.ErrEmpty, "it has no rows")
	}
	if err != nil {
		t.files.Close() // read only
		return nil, fault.InFile(path, err)
	}
	return t, nil
}

// textFinder returns the function that finds the texts in a file of the kind.
func textFinder(path string, is sniff.Kind) (find func(t *Texts, r io.ReaderAt, size int64, column string) error, ok bool) {
	switch is {
	case sniff.Npy:
		return (*Texts).findLabels, true
	case sniff.JSON, sniff.Text:
		switch extension := strings.ToLower(filepath.Ext(path)); {
		case extension == ".csv" || extension == ".tsv":
			return (*Texts).findColumn, true
		case extension == ".jsonl" || extension == ".ndjson" || extension != ".txt" && is == sniff.JSON:
			return (*Texts).findField, true
		}
		return (*Texts).findLines, true
	}
	return nil, false
}

// findLabels finds the integers of a .npy file.
func (t *Texts) findLabels(r io.ReaderAt, size int64, column string) error {
	array, err := npy.Read(r, size)
	switch {
	case err != nil:
		return err
	case column != "":
		return fault.Errorf(fault.ErrRange, "the column is %.100q, but a .npy file has no columns with names", column)
	case len(array.Shape()) != 1:
		return fault.Errorf(fault.ErrShape, "an array of shape %v, want one dimension: a label for each row", array.Shape())
	case array.DType().Floating():
		return fault.Errorf(fault.ErrShape, "an array of %s, want integers", typeName(array.DType()))
	}
	t.rows = array.Rows()
	t.text = func(i int) (string, error) {
		var v [1]float64 // which holds the integers up to 2^53; others are an error
		err := array.ReadRows(v[:], i, i+1)
		return strconv.FormatInt(int64(v[0]), 10), err
	}
	return nil
}

// findLines finds the lines of a text.
func (t *Texts) findLines(r io.ReaderAt, size int64, column string) error {
	if column != "" {
		return fault.Errorf(fault.ErrRange, "the column is %.100q, but the file is lines of text, without columns", column)
	}
	text := lines.New(r, size)
	text.Blanks = true
	begin, err := text.Start()
	if err != nil {
		return err
	}
	return t.findRows(text, begin, 1, func(_ *lines.Reader, row []byte) (string, error) { return string(row), nil })
}

// findColumn finds the fields in a column of a table.
func (t *Texts) findColumn(r io.ReaderAt, size int64, column string) error {
	table, err := newTable(r, size, t.path)
	if err != nil {
		return err
	}
	c, err := table.textColumn(column)
	if err != nil {
		return err
	}
	return t.findRows(table.text, table.begin, table.line, func(r *lines.Reader, row []byte) (string, error) {
		if err := table.split(r, row); err != nil {
			return "", err
		}
		return string(r.Fields[c]), nil
	})
}

// findField finds the values of a field in JSON lines.
func (t *Texts) findField(r io.ReaderAt, size int64, field string) error {
	text := lines.New(r, size)
	begin, err := text.Start()
	if err != nil {
		return err
	}
	first, err := text.Reader(begin).Next()
	if err != nil {
		return noRows(err)
	}
	isText := func(value []byte) bool { return value[0] == '"' }
	if err = lines.CheckJSON(first); err == nil {
		field, err = chooseField(first, field, isText, "texts, the column must be named")
	}
	if err != nil {
		return fault.Errorf(err, "row 0: %s", fault.Text(err))
	}
	return t.findRows(text, begin, 1, func(_ *lines.Reader, row []byte) (string, error) {
		if err := lines.CheckJSON(row); err != nil {
			return "", err
		}
		value, err := lines.Field(row, field)
		if err != nil {
			return "", err
		}
		if value[0] == '"' {
			return lines.Text(value)
		}
		if string(value) == "null" {
			return "", nil
		}
		return string(value), nil
	})
}

// findRows finds the rows of a text file, in each of which get finds the text.
func (t *Texts) findRows(text *lines.File, begin int64, line int, get func(r *lines.Reader, row []byte) (string, error)) error {
	err := text.Index(begin, line, func(r *lines.Reader, row []byte) error {
		_, err := get(r, row)
		return err
	})
	t.rows = text.Rows
	t.text = func(i int) (found string, err error) {
		err = text.Read(i, i+1, func(r *lines.Reader, _ int, row []byte) error {
			var err error
			found, err = get(r, row)
			return err
		})
		return found, err
	}
	return err
}

// Len returns the number of texts, also once t is closed.
func (t *Texts) Len() int {
	if t == nil {
		return 0
	}
	return t.rows
}

// Text returns text i. Texts that follow one another are found at once; in a text file
// others after up to 255 rows that are read and passed over. Errors wrap ksparse.ErrRange, or
// name the file and the row and are those of File.ReadRows.
func (t *Texts) Text(i int) (string, error) {
	if i < 0 || i >= t.Len() {
		return "", fault.Errorf(fault.ErrRange, "text %d of %d", i, t.Len())
	}
	if err := t.files.Check(t.path); err != nil {
		return "", fault.Errorf(err, "%s", err)
	}
	text, err := t.text(i)
	if err != nil {
		return "", readError(t.path, err)
	}
	return text, nil
}

// Close closes the file. Of Texts that OpenTexts did not make, nil too, the error wraps
// os.ErrInvalid; of closed ones os.ErrClosed.
func (t *Texts) Close() error {
	if t == nil || t.files == nil {
		return os.ErrInvalid
	}
	return t.files.Close()
}
