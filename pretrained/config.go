package pretrained

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxConfig is the largest configuration file that is read, in bytes.
const maxConfig = 8 << 20

// A config is one JSON object of a model's configuration. It remembers which of
// its fields were asked for, so that the others can be listed as ignored.
type config struct {
	*faults
	name   string         // how errors call it: "cfg.json", "config.json: trainer"
	path   string         // of the file
	fields map[string]any // numbers are json.Number
	asked  map[string]bool
}

// readConfig reads the file at path, which must hold one JSON object, as Python
// writes it: with NaN and Infinity too.
func readConfig(path string, f *faults) (*config, error) {
	name := filepath.Base(path)
	text, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	fields, err := parseObject(text)
	if err != nil {
		return nil, unknown("%s is not a JSON object: %v", name, err)
	}
	return &config{faults: f, name: name, path: path, fields: fields, asked: make(map[string]bool)}, nil
}

// readSmall reads a file that has at most maxConfig bytes.
func readSmall(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // read only
	text, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err == nil && len(text) > maxConfig {
		err = unknown("%s has more than %d bytes", filepath.Base(path), maxConfig)
	}
	return text, err
}

func parseObject(text []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(quoteNaN(text)))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil {
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

// has reports whether the field is there and not null.
func (c *config) has(key string) bool { return c.fields[key] != nil }

// get returns the value of a field, nil where it is absent or null.
func (c *config) get(key string) any {
	c.asked[key] = true
	return c.fields[key]
}

// wrong says that a field has a value of another kind than wanted.
func (c *config) wrong(key, want string) {
	value, there := c.fields[key]
	if !there {
		c.fail(unknown("%s has no %s, want %s", c.name, key, want))
		return
	}
	c.fail(unknown("%s: %s is %s, want %s", c.name, key, describe(value), want))
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
func (c *config) integer(key string) int {
	n, ok := asInteger(c.get(key))
	if !ok || n < 1 {
		c.wrong(key, "an integer above 0")
		return 0
	}
	return n
}

// integerOr is integer, or value where the field is absent.
func (c *config) integerOr(key string, value int) int {
	if _, there := c.fields[key]; !there {
		return value
	}
	return c.integer(key)
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
func (c *config) number(key string) float64 {
	if n, ok := c.get(key).(json.Number); ok {
		if v, err := n.Float64(); err == nil && !math.IsInf(v, 0) {
			return v
		}
	}
	c.wrong(key, "a number")
	return 0
}

// boolOr returns a field that is true or false, or value where it is absent.
func (c *config) boolOr(key string, value bool) bool {
	if _, there := c.fields[key]; !there {
		return value
	}
	b, ok := c.get(key).(bool)
	if !ok {
		c.wrong(key, "true or false")
	}
	return b
}

// textOr returns a field that is a string, or value where it is absent.
func (c *config) textOr(key, value string) string {
	if _, there := c.fields[key]; !there {
		return value
	}
	s, ok := c.get(key).(string)
	if !ok {
		c.wrong(key, "a string")
	}
	return s
}

// remark returns what a field says that no result depends on, "" where it is
// absent: for Info.
func (c *config) remark(key string) string {
	switch v := c.get(key).(type) {
	case string:
		return v
	case json.Number:
		return string(v)
	}
	return ""
}

// object returns a field that is an object, an empty one where it is absent or
// null.
func (c *config) object(key string) *config {
	in := &config{faults: c.faults, name: c.name + ": " + key, path: c.path, asked: make(map[string]bool)}
	if value := c.get(key); value != nil {
		fields, ok := value.(map[string]any)
		if !ok {
			c.wrong(key, "an object")
		}
		in.fields = fields
	}
	return in
}

// integers returns a field that is a list of integers above 0, or the same as a
// string, as in "[4, 8, 12]"; nil where it is absent or null.
func (c *config) integers(key string) []int {
	value := c.get(key)
	if s, ok := value.(string); ok {
		d := json.NewDecoder(strings.NewReader(s))
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
		c.wrong(key, "a list of integers above 0")
		return nil
	}
	return out
}

// equal checks that a field is there and has the value that a tensor has.
func (c *config) equal(key string, value int, tensor string) {
	if n := c.integer(key); c.err == nil && n != value {
		c.fail(unknown("%s: %s is %d, the tensor %s says %d", c.name, key, n, tensor, value))
	}
}

// same is equal for a field that may be absent.
func (c *config) same(key string, value int, tensor string) {
	if c.has(key) {
		c.equal(key, value, tensor)
	}
}

// ignored lists the fields that nobody asked for, with prefix in front.
func (c *config) ignored(prefix string) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(c.fields)) {
		if !c.asked[key] {
			out = append(out, fmt.Sprintf("%s%.100s", prefix, key))
		}
	}
	return out
}
