package safetensors

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/ksparse/ksparse/internal/tensor"
)

const metadataKey = "__metadata__"

// An entry describes one tensor: begin and end are bytes from the start of the
// elements.
type entry struct {
	dtype      string
	shape      []int
	begin, end int64
}

// elementBits has the types that a header may name. Those that tensor.ParseDType
// knows can be read; a file may hold the others too.
var elementBits = map[string]int64{
	"BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
	"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "C64": 64,
	"F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
	"F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}

// parseHeader returns the tensors and the metadata of a header. It reads token by token:
// decoding into a map would take the last of two equal names, and match the names of
// fields in upper or lower case.
func parseHeader(text []byte) (map[string]entry, map[string]string, error) {
	if !utf8.Valid(text) {
		return nil, nil, errors.New("not UTF-8")
	}
	if len(text) == 0 || text[0] != '{' {
		return nil, nil, fmt.Errorf("begins with %.20q, want a JSON object", text)
	}
	p := &parser{json.NewDecoder(bytes.NewReader(text))}
	p.UseNumber()
	entries := map[string]entry{}
	var metadata map[string]string
	err := p.object(func(name string) error {
		if _, twice := entries[name]; twice || name == metadataKey && metadata != nil {
			return errors.New("there twice")
		}
		if name == metadataKey {
			metadata = map[string]string{}
			return p.object(func(key string) error {
				if _, twice := metadata[key]; twice {
					return errors.New("there twice")
				}
				var err error
				metadata[key], err = p.text()
				return err
			})
		}
		e, err := p.entry()
		entries[name] = e
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if _, err := p.Token(); err != io.EOF {
		return nil, nil, errors.New("something follows the JSON object")
	}
	return entries, metadata, nil
}

// checkLayout checks that the tensors cover size bytes without gap or overlap.
func checkLayout(entries map[string]entry, size int64) error {
	names := slices.SortedFunc(maps.Keys(entries), func(a, b string) int {
		x, y := entries[a], entries[b]
		return cmp.Or(cmp.Compare(x.begin, y.begin), cmp.Compare(x.end, y.end))
	})
	at := int64(0)
	for _, name := range names {
		e := entries[name]
		if e.begin != at {
			return fmt.Errorf("tensor %.100q begins at byte %d, want %d, where the one before it ends", name, e.begin, at)
		}
		at = e.end
	}
	switch {
	case at > size:
		return fmt.Errorf("cut short: the tensors take %d bytes, the file holds %d", at, size)
	case at < size:
		return fmt.Errorf("the tensors take %d bytes, the file holds %d", at, size)
	}
	return nil
}

// A parser reads the few kinds of JSON value that a header has.
type parser struct{ *json.Decoder }

// entry reads and checks the description of one tensor.
func (p *parser) entry() (entry, error) {
	var e entry
	var offsets []int64
	seen := map[string]bool{}
	err := p.object(func(field string) error {
		if seen[field] {
			return errors.New("there twice")
		}
		seen[field] = true
		var err error
		switch field {
		case "dtype":
			e.dtype, err = p.text()
		case "shape":
			e.shape, err = p.shape()
		case "data_offsets":
			offsets, err = p.numbers(2)
		default:
			err = errors.New("unknown field")
		}
		return err
	})
	if err != nil {
		return e, err
	}
	if len(seen) != 3 {
		return e, errors.New("want dtype, shape and data_offsets")
	}
	bits, ok := elementBits[e.dtype]
	if !ok {
		return e, fmt.Errorf("unknown dtype %.40q", e.dtype)
	}
	if len(offsets) != 2 || offsets[0] > offsets[1] {
		return e, fmt.Errorf("data_offsets %v, want begin and end", offsets)
	}
	e.begin, e.end = offsets[0], offsets[1]
	count, err := tensor.Count(e.shape)
	if err != nil {
		return e, err
	}
	if int64(count) > math.MaxInt64/bits || int64(count)*bits%8 != 0 || int64(count)*bits/8 != e.end-e.begin {
		return e, fmt.Errorf("%d bytes for shape %v of %s", e.end-e.begin, e.shape, e.dtype)
	}
	return e, nil
}

// shape reads an array of sizes; never nil.
func (p *parser) shape() ([]int, error) {
	sizes, err := p.numbers(64)
	shape := make([]int, len(sizes))
	for i, n := range sizes {
		if n > math.MaxInt {
			return nil, fmt.Errorf("size %d is too large", n)
		}
		shape[i] = int(n)
	}
	return shape, err
}

// numbers reads an array of at most limit whole numbers from 0 to 2^63-1.
func (p *parser) numbers(limit int) ([]int64, error) {
	if err := p.delim('['); err != nil {
		return nil, err
	}
	var out []int64
	for p.More() {
		t, err := p.Token()
		if err != nil {
			return nil, err
		}
		number, _ := t.(json.Number)
		n, err := strconv.ParseUint(string(number), 10, 63)
		if err != nil {
			return nil, fmt.Errorf("%.40q is no whole number from 0 to 2^63-1", fmt.Sprint(t))
		}
		if len(out) == limit {
			return nil, fmt.Errorf("more than %d numbers", limit)
		}
		out = append(out, int64(n))
	}
	return out, p.delim(']')
}

// object reads an object; read is called after each name to read its value.
func (p *parser) object(read func(name string) error) error {
	if err := p.delim('{'); err != nil {
		return err
	}
	for p.More() {
		name, err := p.text()
		if err != nil {
			return err
		}
		if err := read(name); err != nil {
			return fmt.Errorf("%.100q: %w", name, err)
		}
	}
	return p.delim('}')
}

// text reads a string.
func (p *parser) text() (string, error) {
	t, err := p.Token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("%.40q should be a text", fmt.Sprint(t))
	}
	return s, nil
}

// delim reads the bracket or brace want.
func (p *parser) delim(want json.Delim) error {
	t, err := p.Token()
	if err != nil {
		return err
	}
	if t != want {
		return fmt.Errorf("%.40q should be %q", fmt.Sprint(t), want.String())
	}
	return nil
}
