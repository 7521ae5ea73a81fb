package lines

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/ksparse/ksparse/internal/fault"
)

// What follows finds parts of one line of JSON in place, without a copy of them. The line has been
// checked by encoding/json when its file was opened; if the file has changed, an error is all that
// may come of it.

// errNotJSON is the error for a line that is not JSON.
var errNotJSON = errors.New("not JSON")

// Field returns the value of a field of the object that line is.
func Field(line []byte, field string) ([]byte, error) {
	var found []byte
	err := Fields(line, func(name, value []byte) error {
		if !isNamed(name, field) {
			return nil
		}
		if found != nil {
			return fmt.Errorf("the field %.100q is there twice", field)
		}
		found = value
		return nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("no field %.100q", field)
	}
	return found, err
}

// Fields calls f for each field of the object that line is. The name is still in quotes.
func Fields(line []byte, f func(name, value []byte) error) error {
	i := skipSpace(line, 0)
	if i == len(line) || line[i] != '{' {
		return fmt.Errorf("%.40q is neither an object nor a list", line)
	}
	if i = skipSpace(line, i+1); i < len(line) && line[i] == '}' {
		return nil
	}
	for {
		if i == len(line) || line[i] != '"' {
			return errNotJSON
		}
		end := jsonEnd(line, i)
		if end < 0 {
			return errNotJSON
		}
		name := line[i:end]
		if i = skipSpace(line, end); i == len(line) || line[i] != ':' {
			return errNotJSON
		}
		i = skipSpace(line, i+1)
		if end = jsonEnd(line, i); end <= i {
			return errNotJSON
		}
		if err := f(name, line[i:end]); err != nil {
			return err
		}
		switch i = skipSpace(line, end); {
		case i < len(line) && line[i] == '}':
			return nil
		case i == len(line) || line[i] != ',':
			return errNotJSON
		}
		i = skipSpace(line, i+1)
	}
}

// Numbers appends the numbers of a list, or a single one, to dst.
func Numbers(dst []float64, value []byte) ([]float64, error) {
	if len(value) == 0 || value[0] != '[' {
		v, err := Number(value)
		return append(dst, v), err
	}
	i := skipSpace(value, 1)
	if i < len(value) && value[i] == ']' {
		return dst, nil
	}
	for {
		end := jsonEnd(value, i)
		if end <= i {
			return dst, errNotJSON
		}
		v, err := Number(value[i:end])
		if err != nil {
			return dst, fault.Errorf(err, "column %d: %s", len(dst)+1, fault.Text(err))
		}
		dst = append(dst, v)
		switch i = skipSpace(value, end); {
		case i < len(value) && value[i] == ']':
			return dst, nil
		case i == len(value) || value[i] != ',':
			return dst, errNotJSON
		}
		i = skipSpace(value, i+1)
	}
}

// skipSpace returns the first place in b from i on that is no white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// jsonEnd returns where the value ends that begins at b[i], -1 where b does not have its end.
func jsonEnd(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i = stringEnd(b, i); i < 0 {
				return -1
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		default:
			if depth > 0 {
				continue
			}
			return tokenEnd(b, i)
		}
		if depth <= 0 {
			return i + 1
		}
	}
	return -1
}

// tokenEnd returns where the number or word ends that begins at b[i].
func tokenEnd(b []byte, i int) int {
	for ; i < len(b); i++ {
		switch b[i] {
		case ',', ']', '}', ' ', '\t', '\r', '\n':
			return i
		}
	}
	return i
}

// stringEnd returns the place of the quote that ends the text that begins at b[i], -1 where there is
// none.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// isNamed reports whether the name of a field, in quotes, is that text.
func isNamed(name []byte, text string) bool {
	if bytes.IndexByte(name, '\\') < 0 {
		return string(name[1:len(name)-1]) == text
	}
	unquoted, err := Text(name)
	return err == nil && unquoted == text
}

// Text returns the text that a JSON string means.
func Text(quoted []byte) (string, error) {
	var text string
	err := json.Unmarshal(quoted, &text)
	return text, err
}

// CheckJSON returns an error unless a line is a JSON value.
func CheckJSON(line []byte) error {
	if json.Valid(line) {
		return nil
	}
	var none json.RawMessage
	return fmt.Errorf("the line is not JSON: %w", json.Unmarshal(line, &none))
}

// number returns the number that a field of text is.
func Number(field []byte) (float64, error) {
	field = bytes.TrimSpace(field)
	v, err := strconv.ParseFloat(string(field), 64)
	switch {
	case len(field) == 0:
		return 0, errors.New("it is empty, want a number")
	case errors.Is(err, strconv.ErrRange):
		return 0, fault.Errorf(fault.ErrNotFinite, "%.40q is too large for a float64", field)
	case err != nil:
		return 0, fmt.Errorf("%.40q is no number", field)
	case v-v != 0:
		return 0, fault.Errorf(fault.ErrNotFinite, "%.40q is not finite", field)
	}
	return v, nil
}
