// Command paper repeats the MNIST experiment of the paper that introduced
// k-sparse autoencoders (Makhzani and Frey 2013, arXiv:1312.5663): 1,000 latents
// learn to reconstruct the digits without labels, and a logistic regression
// recognises the digits from their codes alone. Then, for one k, the encoder is
// fine-tuned together with the classifier.
//
//	go run ./paper            # k = 10, 25, 40
//	go run ./paper -k 25      # only that k
//	go run ./paper -quick     # a look, in a minute: its error rates say nothing about the paper's
//
// As in the paper: linear activations, tied weights, SGD with momentum 0.9 and a
// learning rate that falls to 0.001, k falling from 100 over the first half of the
// epochs, the α·k largest latents when encoding. Unlike the paper, so that it takes
// minutes and not a day: 40 epochs, not 5,000, with a learning rate from 0.03, not
// 0.01, and weights that start from digits, not from noise.
//
// The α and the penalty of the classifier are those with the lowest error rate on the
// last sixth of the training digits, which is held out. Then the classifier is trained
// on all training digits. The test digits are used once for each line of the table.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/ksparse/ksparse/examples/mnistdata"
)

// main runs the program until it ends or Ctrl-C interrupts it.
func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C kills at once
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "paper:", err)
		os.Exit(1)
	}
}

// The paper's test error rates in percent, by k, from our notes. The notes were not
// compared with the paper: read the paper before you quote these numbers.
var (
	published      = map[int]string{10: "2.10", 25: "1.35", 40: "1.54"}
	publishedTuned = map[int]string{25: "1.08"}
)

// run is the program with the given flags. It writes to w.
func run(ctx context.Context, args []string, w io.Writer) error {
	var (
		ks     = []int{10, 25, 40}
		flags  = flag.NewFlagSet("paper", flag.ContinueOnError)
		tuned  = flags.Int("finetune", 25, "the k to fine-tune for, 0 for none")
		epochs = flags.Int("epochs", allEpochs, "passes of the autoencoder over the training digits")
		digits = flags.Int("digits", allDigits, "how many training digits to use")
		seed   = flags.Uint64("seed", 1, "of the digits to start from, and of the order in which they come")
		quick  = flags.Bool("quick", false, "10 epochs on 12000 digits, k = 25: a look, whose error rates are not those of the paper's experiment")
	)
	flags.Func("k", "latents that are active, a list (default 10,25,40)", func(list string) (err error) {
		ks, err = parseList(list)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *quick {
		ks, *epochs, *digits = []int{25}, 10, 12000
	}
	if *epochs < 1 {
		return fmt.Errorf("-epochs is %d, want at least 1", *epochs)
	}
	if *digits < latents { // each latent starts from a digit
		return fmt.Errorf("-digits is %d, want at least %d", *digits, latents)
	}
	training, err := mnistdata.Train()
	if err != nil {
		return err
	}
	test, err := mnistdata.Test()
	if err != nil {
		return err
	}
	d := split(training.Head(*digits), test)

	begin := time.Now()
	var table strings.Builder
	for _, k := range ks {
		if err = experiment(ctx, w, &table, d, k, *epochs, k == *tuned, *seed); err != nil {
			break
		}
	}
	fmt.Fprintf(w, "\n%s\n%3s  %-12s  %3s  %4s  %12s  %6s  %5s  %7s\n%s", caveat(len(d.all.Labels), *epochs), "k", "", "α", "dead", "validation %", "test %", "paper", "seconds", &table)
	fmt.Fprintf(w, "%d training digits, seed %d, %v in all.\n", len(d.all.Labels), *seed, time.Since(begin).Round(time.Second))
	return err
}

// What the whole program and the paper train with, from our notes of the paper.
const (
	allDigits   = 60000
	allEpochs   = 40
	paperEpochs = 5000
)

// caveat says how far the error rates can be compared with the paper's beside them.
func caveat(digits, epochs int) string {
	if digits < allDigits || epochs < allEpochs {
		return fmt.Sprintf("DO NOT COMPARE these error rates with the paper's: this run used %d training digits and %d epochs,\n"+
			"the whole program uses %d and %d, and the paper %d and %d; the %d latents are the same.", digits, epochs, allDigits, allEpochs, allDigits, paperEpochs, latents)
	}
	return fmt.Sprintf("The paper's error rates are of %d epochs, these of %d; both of %d training digits and %d latents.", paperEpochs, epochs, digits, latents)
}

// experiment adds the lines for one k to the table.
func experiment(ctx context.Context, w, table io.Writer, d sets, k, epochs int, tune bool, seed uint64) error {
	begin := time.Now()
	net, err := learn(ctx, w, d.all.Images, k, epochs, seed)
	if err != nil {
		return err
	}
	r, err := classify(ctx, w, net, d, k, seed)
	if err != nil {
		return err
	}
	fmt.Fprintf(table, "%3d  %-12s  %3.1f  %4d  %12.2f  %6.2f  %5s  %7.0f\n", k, "unsupervised",
		r.alpha, r.dead, 100*r.validation, 100*r.test, published[k], time.Since(begin).Seconds())
	if !tune {
		return nil
	}
	begin = time.Now()
	missed, err := fineTune(ctx, w, net, d, k, r.l2, seed)
	if err != nil {
		return err
	}
	fmt.Fprintf(table, "%3d  %-12s  %3.1f  %4s  %12s  %6.2f  %5s  %7.0f\n", k, "fine-tuned",
		float64(tunedAlpha), "", "", 100*missed, publishedTuned[k], time.Since(begin).Seconds())
	return nil
}

// parseList reads a list of k, with commas between them.
func parseList(list string) ([]int, error) {
	var ks []int
	for _, field := range strings.Split(list, ",") {
		k, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || k < 1 || k > firstK {
			return nil, fmt.Errorf("%q is not a number from 1 to %d", field, firstK)
		}
		ks = append(ks, k)
	}
	return ks, nil
}
