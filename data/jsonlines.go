package data

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/ksparse/ksparse/internal/fault"
	"github.com/ksparse/ksparse/internal/lines"
)

// jsonLines is the rows of JSON lines: each line is a list of numbers, or an object that has one
// in a field.
type jsonLines struct {
	text  *lines.File
	field string
	bare  bool // a line is a list itself
	cols  int
}

// readJSONLines reads a list of numbers from each line. It checks every line.
func readJSONLines(r io.ReaderAt, size int64, _ string, o Options) (opened, error) {
	if err := refuseOptions(o, "JSON lines", false, true); err != nil {
		return opened{}, err
	}
	j := &jsonLines{text: lines.New(r, size), field: o.Column}
	begin, err := j.text.Start()
	if err != nil {
		return opened{}, err
	}
	first, err := j.text.Reader(begin).Next()
	if err != nil {
		return opened{}, noRows(err)
	}
	if err := j.choose(first); err != nil {
		return opened{}, fault.Errorf(err, "row 0: %s", fault.Text(err))
	}
	row := make([]float64, j.cols)
	err = j.text.Index(begin, 1, func(_ *lines.Reader, text []byte) error {
		if err := lines.CheckJSON(text); err != nil {
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

// choose finds out by the first line which field to read and how many numbers it has.
func (j *jsonLines) choose(line []byte) error {
	if err := lines.CheckJSON(line); err != nil {
		return err
	}
	value := bytes.TrimSpace(line)
	if j.bare = j.field == "" && value[0] == '['; !j.bare {
		var err error
		if j.field, err = chooseField(line, j.field, isNumbers, "lists of numbers, Options.Column must name the one to read"); err != nil {
			return err
		}
		if value, err = lines.Field(line, j.field); err != nil {
			return err
		}
	}
	numbers, err := lines.Numbers(nil, value)
	j.cols = len(numbers)
	return err
}

// isNumbers reports whether a value is a list of numbers.
func isNumbers(value []byte) bool {
	numbers, err := lines.Numbers(nil, value)
	return err == nil && value[0] == '[' && len(numbers) > 0
}

// dims returns the number of lines and of the numbers in each.
func (j *jsonLines) dims() (rows, cols int) { return j.text.Rows, j.cols }

// read parses the lines lo to hi.
func (j *jsonLines) read(dst []float64, lo, hi int) error {
	return j.text.Read(lo, hi, func(_ *lines.Reader, i int, row []byte) error {
		return j.parse(dst[i*j.cols:(i+1)*j.cols], row)
	})
}

// parse sets dst to the numbers of a line.
func (j *jsonLines) parse(dst []float64, line []byte) error {
	value := bytes.TrimSpace(line)
	if !j.bare {
		var err error
		if value, err = lines.Field(line, j.field); err != nil {
			return err
		}
	} else if value[0] != '[' {
		return fmt.Errorf("%.40q is no list", value)
	}
	numbers, err := lines.Numbers(dst[:0:len(dst)], value)
	if err != nil {
		return err
	}
	if len(numbers) != len(dst) {
		return fmt.Errorf("%d numbers, want %d", len(numbers), len(dst))
	}
	return nil
}

// chooseField returns the field of the object that line is: the one that is asked for, or for "" the
// only one whose value fits. kind says what fits, and how to choose, for errors.
func chooseField(line []byte, field string, fits func(value []byte) bool, kind string) (string, error) {
	var names, fitting []string
	err := lines.Fields(line, func(name, value []byte) error {
		text, err := lines.Text(name)
		names = append(names, text)
		if fits(value) {
			fitting = append(fitting, text)
		}
		return err
	})
	switch {
	case err != nil:
		return "", err
	case field != "" && !slices.Contains(names, field):
		return "", fault.Errorf(fault.ErrRange, "no field %.100q: there are %.500q", field, names)
	case field != "":
		return field, nil
	case len(fitting) != 1:
		return "", fault.Errorf(fault.ErrRange, "%d fields are %s: there are %.500q", len(fitting), kind, names)
	}
	return fitting[0], nil
}
