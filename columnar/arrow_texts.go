package columnar

import (
	"encoding/binary"
	"errors"
	"io"
	"strconv"

	"github.com/ksparse/ksparse/internal/tensor"
)

// arrowTexts are the texts, or integers, of a column.
type arrowTexts struct {
	*arrowColumn
	blocks *cache[string]
}

// textsOf returns the texts of column i.
func (a *arrowFile) textsOf(shard, i int, blocks *cache[string]) (textColumn, error) {
	column, err := a.column(shard, i)
	if err != nil {
		return nil, err
	}
	return &arrowTexts{column, blocks}, nil
}

// text returns the text of a row. Those of its batch are kept.
func (c *arrowTexts) text(row int) (text string, err error) {
	i := c.find(row)
	err = c.blocks.use(key{c.shard, i, 0}, func([]string) ([]string, error) {
		return c.decode(i)
	}, func(texts []string) error {
		text = texts[row-c.starts[i]]
		return nil
	})
	return text, err
}

// decode returns the texts of batch i.
func (c *arrowTexts) decode(i int) ([]string, error) {
	b := &c.batches[i]
	buffers, err := c.open(b)
	if err != nil {
		return nil, err
	}
	if b.nulls[0] {
		if err := checkNulls(buffers[0], 0, int64(b.rows), c.starts[i], 1); err != nil {
			return nil, err
		}
	}
	switch c.field.typ {
	case arrowInt:
		return integers(buffers[1], c.field, b.rows)
	case arrowUtf8View:
		return views(buffers[1], buffers[2:], b.rows)
	}
	return stringsOf(buffers[1], buffers[2], c.field, b.rows)
}

// integers returns numbers as texts.
func integers(r buffer, f *arrowField, rows int) ([]string, error) {
	if int64(rows) > r.Size()/int64(f.dtype.Size()) {
		return nil, io.ErrUnexpectedEOF
	}
	numbers := make([]float64, rows)
	if err := readNumbers(numbers, f.name, r, f.dtype, 0); err != nil {
		return nil, err
	}
	return numberTexts(numbers), nil
}

// numberTexts returns integers as texts.
func numberTexts(numbers []float64) []string {
	texts := make([]string, len(numbers))
	for i, v := range numbers {
		texts[i] = strconv.FormatInt(int64(v), 10)
	}
	return texts
}

// stringsOf returns the strings that the offsets cut from data.
func stringsOf(offsets, data buffer, f *arrowField, rows int) ([]string, error) {
	ends, err := readOffsets(offsets, f, 0, rows+1)
	if err != nil {
		return nil, err
	}
	raw, err := whole(data)
	if err != nil {
		return nil, err
	}
	texts := make([]string, rows)
	for i := range texts {
		from, to := ends[i], ends[i+1]
		if from > to || to > int64(len(raw)) {
			return nil, errors.New("the offsets of its strings are damaged")
		}
		texts[i] = string(raw[from:to])
	}
	return texts, nil
}

// views returns the strings of an array of views: each has its length and, where that is 12
// or less, the string; else four bytes of it, the number of a buffer, and its place there.
func views(r buffer, data []buffer, rows int) ([]string, error) {
	const size, inline = 16, 12
	if int64(rows) > r.Size()/size {
		return nil, io.ErrUnexpectedEOF
	}
	list, err := whole(r)
	if err != nil {
		return nil, err
	}
	pool := make([][]byte, len(data))
	for i := range data {
		if pool[i], err = whole(data[i]); err != nil {
			return nil, err
		}
	}
	texts := make([]string, rows)
	for i := range texts {
		view := list[size*i : size*(i+1)]
		n := int64(int32(binary.LittleEndian.Uint32(view)))
		if 0 <= n && n <= inline {
			texts[i] = string(view[4 : 4+n])
			continue
		}
		which, at := int64(binary.LittleEndian.Uint32(view[8:])), int64(binary.LittleEndian.Uint32(view[12:]))
		if n < 0 || which >= int64(len(pool)) || at+n > int64(len(pool[which])) {
			return nil, errors.New("the views of its strings are damaged")
		}
		texts[i] = string(pool[which][at : at+n])
	}
	return texts, nil
}

// whole returns all bytes of a buffer, which are in the file or were inflated.
func whole(b buffer) ([]byte, error) {
	raw := make([]byte, b.Size())
	return raw, tensor.ReadFull(b, raw, 0)
}
