package columnar

import (
	"errors"
	"sort"
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
		if int64(reader.starts[g+1]-reader.starts[g]) != chunk.values {
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
		if c.levels > 0 {
			other, err := firstOther(def, widthOf(c.levels), n, uint32(c.levels))
			if err != nil {
				return err
			}
			if other < n {
				return missing(c.starts[g] + int(chunk.first[i]) + other)
			}
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
	case encodingPlain:
		return byteLengths(src, n)
	case encodingDeltaLengths:
		return deltaLengths(src, n)
	case encodingPlainDictionary, encodingDictionary:
		return c.lookUpTexts(src, n, chunk)
	}
	return nil, errEncoding(p)
}

// lookUpTexts returns n entries of the dictionary.
func (c *parquetTexts) lookUpTexts(src []byte, n int, chunk *pagedChunk) (texts []string, err error) {
	if chunk.dictionary == nil || len(src) == 0 {
		return nil, errors.New("a page needs a dictionary, which is not there")
	}
	var entries []string
	if err := c.withPage(chunk, chunk.dictionary, func(raw []byte) (err error) {
		entries, err = byteLengths(raw, int(chunk.dictionary.values))
		return err
	}); err != nil {
		return nil, err
	}
	texts = make([]string, n)
	return texts, withPlaces(n, src, func(i, place int) error {
		if place >= len(entries) {
			return errPlace
		}
		texts[i] = entries[place]
		return nil
	})
}

// deltaLengths returns n strings, which follow their lengths.
func deltaLengths(src []byte, n int) ([]string, error) {
	sizes, rest, err := deltaNumbers(src, n)
	if err != nil {
		return nil, err
	}
	texts := make([]string, n)
	for i, size := range sizes {
		if size < 0 || size > int64(len(rest)) {
			return nil, errors.New("its strings end too early")
		}
		texts[i], rest = string(rest[:size]), rest[size:]
	}
	return texts, nil
}
