package data

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/ksparse/ksparse/internal/fault"
)

// jsonLines is the rows of JSON lines: each line is a list of numbers, or an object that has one
// in a field.
type jsonLines struct {
	text  *textFile
	field string
	bare  bool // a line is a list itself
	cols  int
}

// readJSONLines reads a list of numbers from each line. It checks every line.
func readJSONLines(r io.ReaderAt, size int64, _ string, o Options) (opened, error) {
	if err := refuseOptions(o, "JSON lines", false, true); err != nil {
		return opened{}, err
	}
	j := &jsonLines{text: newTextFile(r, size), field: o.Column}
	begin, err := j.text.start()
	if err != nil {
		return opened{}, err
	}
	first, err := j.text.reader(begin).next()
	if err != nil {
		return opened{}, noRows(err)
	}
	if err := j.choose(first); err != nil {
		return opened{}, fault.Errorf(err, "row 0: %s", fault.Text(err))
	}
	row := make([]float64, j.cols)
	err = j.text.index(begin, 1, func(_ *rowReader, text []byte) error {
		if err := checkJSON(text); err != nil {
			return err
		}
		return j.parse(row, text)
	})
	if err != nil {
		return opened{}, err
	}
	what := "a list per line"
	if !j.bare {
		what = fmt.Sprintf("field %.100q", j.field)
	}
	return opened{j, "JSON lines", what, ""}, nil
}

// checkJSON returns an error unless a line is a JSON value.
func checkJSON(line []byte) error {
	if json.Valid(line) {
		return nil
	}
	var none json.RawMessage
	return fmt.Errorf("the line is not JSON: %w", json.Unmarshal(line, &none))
}

// choose finds out by the first line which field to read and how many numbers it has.
func (j *jsonLines) choose(line []byte) error {
	if err := checkJSON(line); err != nil {
		return err
	}
	value := bytes.TrimSpace(line)
	if j.bare = j.field == "" && value[0] == '['; !j.bare {
		var err error
		if j.field, err = chooseField(line, j.field, isNumbers, "lists of numbers, Options.Column must name the one to read"); err != nil {
			return err
		}
		if value, err = jsonField(line, j.field); err != nil {
			return err
		}
	}
	numbers, err := jsonNumbers(nil, value)
	j.cols = len(numbers)
	return err
}

// isNumbers reports whether a value is a list of numbers.
func isNumbers(value []byte) bool {
	numbers, err := jsonNumbers(nil, value)
	return err == nil && value[0] == '[' && len(numbers) > 0
}

// dims returns the number of lines and of the numbers in each.
func (j *jsonLines) dims() (rows, cols int) { return j.text.rows, j.cols }

// read parses the lines lo to hi.
func (j *jsonLines) read(dst []float64, lo, hi int) error {
	return j.text.read(lo, hi, func(_ *rowReader, i int, row []byte) error {
		return j.parse(dst[i*j.cols:(i+1)*j.cols], row)
	})
}

// parse sets dst to the numbers of a line.
func (j *jsonLines) parse(dst []float64, line []byte) error {
	value := bytes.TrimSpace(line)
	if !j.bare {
		var err error
		if value, err = jsonField(line, j.field); err != nil {
			return err
		}
	} else if value[0] != '[' {
		return fmt.Errorf("%.40q is no list", value)
	}
	numbers, err := jsonNumbers(dst[:0:len(dst)], value)
	if err != nil {
		return err
	}
	if len(numbers) != len(dst) {
		return fmt.Errorf("%d numbers, want %d", len(numbers), len(dst))
	}
	return nil
}
