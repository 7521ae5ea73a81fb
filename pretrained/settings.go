package pretrained

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// maxSmall is the size of the largest configuration that is read, in bytes.
const maxSmall = 8 << 20

// settings are one JSON object of a model's configuration. They remember which of
// their fields were asked for, so that the others can be listed as ignored.
type settings struct {
	*faults
	name    string         // how errors call it: "run/cfg.json", "run/config.json: trainer"
	path    string         // of the file, "" for an object in another
	fields  map[string]any // numbers are json.Number
	asked   map[string]bool
	assumed []string // the defaults that were taken of fields that are absent, for a note
}

// readSettings reads the file at path, which must hold one JSON object.
func readSettings(path string, f *faults) (*settings, error) {
	text, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	s, err := parseSettings(path, text, f)
	if err != nil {
		return nil, unknown("%s is not a JSON object: %v", path, err)
	}
	s.path = path
	return s, nil
}

// parseSettings reads a text that holds one JSON object, as Python writes it: with NaN
// and Infinity too. Errors call it by name.
func parseSettings(name string, text []byte, f *faults) (*settings, error) {
	fields, err := parseObject(text)
	if err != nil {
		return nil, err
	}
	return &settings{faults: f, name: name, fields: fields, asked: make(map[string]bool)}, nil
}

// readSmall reads a file that has at most maxSmall bytes.
func readSmall(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // a pipe would wait for who writes to it
		return nil, unknown("%s is no regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // read only
	text, err := io.ReadAll(io.LimitReader(file, maxSmall+1))
	if err == nil && len(text) > maxSmall {
		err = unknown("%s has more than %d bytes", path, maxSmall)
	}
	return text, err
}

// parseObject returns the fields of a text that holds one JSON object and nothing else.
func parseObject(text []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(quoteNaN(text)))
	d.UseNumber()
	var fields map[string]any
	var other *json.UnmarshalTypeError
	switch err := d.Decode(&fields); {
	case errors.As(err, &other):
		return nil, fmt.Errorf("it holds a JSON %s", other.Value)
	case err != nil:
		return nil, err
	}
	if fields == nil {
		return nil, fmt.Errorf("it is null")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("something follows the object")
	}
	return fields, nil
}

// quoteNaN puts the numbers that Python writes and JSON does not know in quotes.
func quoteNaN(text []byte) []byte {
	var out []byte
	done, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == 'N' || c == 'I' || c == '-'):
			for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
				if bytes.HasPrefix(text[i:], []byte(word)) {
					out = append(append(out, text[done:i]...), `"`+word+`"`...)
					i += len(word) - 1
					done = i + 1
					break
				}
			}
		}
	}
	if done == 0 {
		return text
	}
	return append(out, text[done:]...)
}

// holds reports whether the field is there, null or not. A nil s holds nothing.
func (s *settings) holds(key string) bool {
	if s == nil {
		return false
	}
	_, there := s.fields[key]
	return there
}

// get returns the value of a field, nil where it is absent or null.
func (s *settings) get(key string) any {
	s.asked[key] = true
	return s.fields[key]
}

// wrong says that a field has a value of another kind than wanted.
func (s *settings) wrong(key, want string) {
	value, there := s.fields[key]
	if !there {
		s.fail(unknown("%s has no %s, want %s", s.name, key, want))
		return
	}
	s.fail(unknown("%s: %s is %s, want %s", s.name, key, describe(value), want))
}

// describe writes a JSON value for an error.
func describe(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("the string %.60q", v)
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	}
	return fmt.Sprintf("%.60v", value)
}

// integer returns a field that must be there: an integer of at least 1.
func (s *settings) integer(key string) int {
	n, ok := asInteger(s.get(key))
	if !ok || n < 1 {
		s.wrong(key, "an integer above 0")
		return 0
	}
	return n
}

// asInteger returns a number that is written as an integer and fits into 32 bits.
func asInteger(value any) (int, bool) {
	number, ok := value.(json.Number)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(string(number), 10, 32)
	return int(n), err == nil
}

// number returns a field that must be there: a finite number.
func (s *settings) number(key string) float64 {
	if n, ok := s.get(key).(json.Number); ok {
		if v, err := n.Float64(); err == nil && !math.IsInf(v, 0) {
			return v
		}
	}
	s.wrong(key, "a number")
	return 0
}

// bool returns a field that must be there: true or false.
func (s *settings) bool(key string) bool {
	b, ok := s.get(key).(bool)
	if !ok {
		s.wrong(key, "true or false")
	}
	return b
}

// absent says that a field must be absent or null, because the model is what it is.
func (s *settings) absent(key, model string) {
	if value := s.get(key); value != nil {
		s.fail(unknown("%s: %s is %s, and the model is %s, which has none", s.name, key, describe(value), model))
	}
}

// boolOr is bool, or value where the field is absent, which is noted.
func (s *settings) boolOr(key string, value bool) bool {
	if !s.holds(key) {
		s.assume(key, value)
		return value
	}
	return s.bool(key)
}

// flag is bool, or false where the field is absent: the project leaves it out then.
func (s *settings) flag(key string) bool { return s.holds(key) && s.bool(key) }

// off says that a field, where it is there, must be false: it switches on what is not
// supported.
func (s *settings) off(key string) {
	if s.flag(key) {
		s.wrong(key, "false: what it switches on is not supported")
	}
}

// assume remembers that a default was taken for a field that is absent.
func (s *settings) assume(key string, value any) {
	s.assumed = append(s.assumed, fmt.Sprintf("%s (%v)", key, value))
}

// textOr returns a field that is a string, or value where it is absent, which is noted
// unless it is "".
func (s *settings) textOr(key, value string) string {
	if !s.holds(key) {
		if value != "" {
			s.assume(key, value)
		}
		return value
	}
	text, ok := s.get(key).(string)
	if !ok {
		s.wrong(key, "a string")
	}
	return text
}

// remark returns what a field says that no result depends on, "" where it is
// absent: for Info.
func (s *settings) remark(key string) string {
	switch v := s.get(key).(type) {
	case string:
		return v
	case json.Number:
		return string(v)
	}
	return ""
}

// object returns a field that is an object, an empty one where it is absent or
// null.
func (s *settings) object(key string) *settings {
	in := &settings{faults: s.faults, name: s.name + ": " + key, asked: make(map[string]bool)}
	if value := s.get(key); value != nil {
		fields, ok := value.(map[string]any)
		if !ok {
			s.wrong(key, "an object")
		}
		in.fields = fields
	}
	return in
}

// integers returns a field that is a list of integers above 0, or the same as a
// string, as in "[4, 8, 12]"; nil where it is absent or null.
func (s *settings) integers(key string) []int {
	value := s.get(key)
	if text, ok := value.(string); ok {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var list []any
		if d.Decode(&list) == nil {
			value = list
		}
	}
	if value == nil {
		return nil
	}
	list, ok := value.([]any)
	out := make([]int, len(list))
	for i, v := range list {
		n, isInteger := asInteger(v)
		ok = ok && isInteger && n > 0
		out[i] = n
	}
	if !ok {
		s.wrong(key, "a list of integers above 0")
		return nil
	}
	return out
}

// equal checks that a field is there and has the value that a tensor has.
func (s *settings) equal(key string, value int, tensor string) {
	if n := s.integer(key); s.err == nil && n != value {
		s.fail(unknown("%s: %s is %d, the tensor %s says %d", s.name, key, n, tensor, value))
	}
}

// same is equal for a field that may be absent or null.
func (s *settings) same(key string, value int, tensor string) {
	if s.get(key) != nil {
		s.equal(key, value, tensor)
	}
}
