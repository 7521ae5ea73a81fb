package safetensors

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/ksparse/ksparse/internal/tensor"
)

// An Entry is a tensor for Write. Exactly one of the three sequences is set; it
// gives the elements in row-major order, in runs of any length, and is used once.
type Entry struct {
	Name  string
	DType tensor.DType // F32 or F64, for which values are rounded or widened, or I64
	Shape []int        // none for a scalar

	Float32s iter.Seq[[]float32]
	Float64s iter.Seq[[]float64]
	Int64s   iter.Seq[[]int64]
}

// Write writes a safetensors file as the reference library would: metadata first
// (nil for none), the tensors ordered by type (I64, F64, F32), then by name, and
// the elements aligned to 8 bytes. Values are taken a run at a time, so no second
// copy of the tensors is made; each run is a call of w.Write or more, so buffer w
// when they are short. It is an error, before anything is written, when two names
// are equal or a name is no UTF-8 or that of the metadata; and later, when an
// entry's values do not fit its shape or type.
func Write(w io.Writer, metadata map[string]string, entries []Entry) error {
	entries = slices.SortedFunc(slices.Values(entries), func(a, b Entry) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.DType), slices.Index(order, b.DType)), cmp.Compare(a.Name, b.Name))
	})
	header, err := makeHeader(metadata, entries)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for i := range entries {
		if err := entries[i].write(w); err != nil {
			return fmt.Errorf("tensor %.100q: %w", entries[i].Name, err)
		}
	}
	return nil
}

// order has the types in the order in which their tensors are written.
var order = []tensor.DType{tensor.I64, tensor.F64, tensor.F32}

// write writes the elements.
func (e *Entry) write(w io.Writer) error {
	count, err := tensor.Count(e.Shape)
	if err != nil {
		return err
	}
	switch {
	case e.Float32s != nil:
		return tensor.Write(w, e.DType, count, e.Float32s)
	case e.Float64s != nil:
		return tensor.Write(w, e.DType, count, e.Float64s)
	}
	return tensor.Write(w, e.DType, count, e.Int64s)
}

// check returns an error where the entry would make an invalid file.
func (e *Entry) check() error {
	sources := 0
	for _, set := range []bool{e.Float32s != nil, e.Float64s != nil, e.Int64s != nil} {
		if set {
			sources++
		}
	}
	switch {
	case !utf8.ValidString(e.Name) || e.Name == metadataKey:
		return errors.New("not a name for a tensor")
	case sources != 1:
		return fmt.Errorf("%d sequences of values, want 1", sources)
	case !slices.Contains(order, e.DType) || (e.DType == tensor.I64) != (e.Int64s != nil):
		return fmt.Errorf("its values cannot be written as %v", e.DType)
	}
	return nil
}

// makeHeader returns the length of the header and the header, padded.
func makeHeader(metadata map[string]string, entries []Entry) ([]byte, error) {
	const lengthSize, align = 8, 8
	b := make([]byte, lengthSize, 256)
	b = append(b, '{')
	if metadata != nil {
		b = append(appendString(b, metadataKey), ":{"...)
		for i, key := range slices.Sorted(maps.Keys(metadata)) {
			if !utf8.ValidString(key) || !utf8.ValidString(metadata[key]) {
				return nil, fmt.Errorf("metadata %.100q is no UTF-8", key)
			}
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(append(appendString(b, key), ':'), metadata[key])
		}
		b = append(b, '}')
	}
	names := map[string]bool{}
	offset := int64(0)
	for i := range entries {
		e := &entries[i]
		if len(b) > lengthSize+1 {
			b = append(b, ',')
		}
		var err error
		if b, offset, err = e.describe(b, offset); err == nil && names[e.Name] {
			err = errors.New("there twice")
		}
		if err != nil {
			return nil, fmt.Errorf("tensor %.100q: %w", e.Name, err)
		}
		names[e.Name] = true
	}
	b = append(b, '}')
	for len(b)%align != 0 {
		b = append(b, ' ')
	}
	if len(b)-lengthSize > maxHeader {
		return nil, fmt.Errorf("a header of %d bytes, want at most %d", len(b)-lengthSize, maxHeader)
	}
	binary.LittleEndian.PutUint64(b, uint64(len(b)-lengthSize))
	return b, nil
}

// describe appends the entry, whose elements begin at offset, and returns where they
// end.
func (e *Entry) describe(b []byte, offset int64) ([]byte, int64, error) {
	if err := e.check(); err != nil {
		return nil, 0, err
	}
	count, err := tensor.Count(e.Shape)
	if err != nil {
		return nil, 0, err
	}
	size := int64(e.DType.Size())
	if int64(count) > (math.MaxInt64-offset)/size {
		return nil, 0, errors.New("too large")
	}
	b = fmt.Appendf(appendString(b, e.Name), `:{"dtype":"%v","shape":[`, e.DType)
	for k, n := range e.Shape {
		if k > 0 {
			b = append(b, ',')
		}
		b = fmt.Append(b, n)
	}
	end := offset + int64(count)*size
	return fmt.Appendf(b, `],"data_offsets":[%d,%d]}`, offset, end), end, nil
}

// appendString appends s in JSON, with no more escapes than are needed, as the
// reference library writes it. (encoding/json escapes more.)
func appendString(b []byte, s string) []byte {
	short := map[byte]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case short[c] != 0:
			b = append(b, '\\', short[c])
		case c < ' ':
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
