package columnar

import (
	"errors"
	"sort"

	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/plain"
	"github.com/parquet-go/parquet-go/format"
)

// parquetTexts are the texts, or integers, of a column.
type parquetTexts struct {
	*parquetReader
	texts *cache[string]
}

// textsOf returns the texts of column i.
func (p *parquetFile) textsOf(shard, i int, texts *cache[string]) (textColumn, error) {
	reader, err := p.column(shard, i, &cache[float64]{size: numbersSize})
	if err != nil {
		return nil, err
	}
	for g, chunk := range reader.chunks {
		if int64(reader.starts[g+1]-reader.starts[g]) != chunk.NumValues {
			return nil, errors.New("a column of texts has another number of rows than its file")
		}
	}
	return &parquetTexts{reader, texts}, nil
}

// text returns the text of a row. Those of its page are kept.
func (c *parquetTexts) text(row int) (text string, err error) {
	g := c.find(row)
	chunk, err := c.chunk(g)
	if err != nil {
		return "", err
	}
	at := int64(row - c.starts[g])
	i := sort.Search(len(chunk.pages), func(i int) bool { return chunk.first[i+1] > at })
	err = c.texts.use(key{c.shard, g, i}, func([]string) ([]string, error) {
		return c.decode(chunk, g, i)
	}, func(texts []string) error {
		text = texts[at-chunk.first[i]]
		return nil
	})
	return text, err
}

// decode returns the texts of page i.
func (c *parquetTexts) decode(chunk *pagedChunk, g, i int) (texts []string, err error) {
	p := &chunk.pages[i]
	n := int(p.values)
	err = c.withPage(chunk, p, func(raw []byte) error {
		_, def, values, err := c.cut(p, raw)
		if err != nil {
			return err
		}
		defs, err := levels(nil, def, n, c.levels)
		if err != nil {
			return err
		}
		if other := firstOther(defs, uint8(c.levels)); other < n {
			return missing(c.starts[g] + int(chunk.first[i]) + other)
		}
		texts, err = c.values(values, n, chunk, g, p)
		return err
	})
	return texts, err
}

// values returns the n texts in a page.
func (c *parquetTexts) values(src []byte, n int, chunk *pagedChunk, g int, p *parquetPage) ([]string, error) {
	if !c.isText {
		numbers := make([]float64, n)
		err := c.numbers(numbers, src, chunk, g, p)
		return numberTexts(numbers), err
	}
	switch p.encoding {
	case plainDictionary, format.RLEDictionary:
		return c.lookUpTexts(src, n, chunk)
	case format.Plain:
		return cutTexts(new(plain.Encoding), src, n)
	case format.DeltaLengthByteArray:
		if err := checkDeltas(src, n); err != nil {
			return nil, err
		}
		return cutTexts(new(delta.LengthByteArrayEncoding), src, n)
	}
	return nil, errEncoding(p)
}

// lookUpTexts returns n entries of the dictionary.
func (c *parquetTexts) lookUpTexts(src []byte, n int, chunk *pagedChunk) ([]string, error) {
	if chunk.dictionary == nil {
		return nil, errNoDictionary
	}
	var entries []string
	err := c.withPage(chunk, chunk.dictionary, func(raw []byte) (err error) {
		entries, err = cutTexts(new(plain.Encoding), raw, int(chunk.dictionary.values))
		return err
	})
	if err != nil {
		return nil, err
	}
	texts := make([]string, n)
	return texts, places(texts, src, entries)
}

// cutTexts returns the n texts that src holds in the encoding.
func cutTexts(e encoding.Encoding, src []byte, n int) ([]string, error) {
	var raw []byte
	var ends []uint32
	err := sound(func() (err error) {
		raw, ends, err = e.DecodeByteArray(nil, src, nil)
		return err
	})
	if err == nil && len(ends) <= n {
		err = errors.New("its strings end too early")
	}
	if err != nil {
		return nil, err
	}
	all, texts := string(raw), make([]string, n)
	for i := range texts {
		texts[i] = all[ends[i]:ends[i+1]]
	}
	return texts, nil
}
