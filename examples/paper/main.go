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
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ksparse/ksparse/examples/mnistdata"
	"github.com/ksparse/ksparse/examples/program"
)

// main runs the program.
func main() { program.Main("paper", run) }

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
		quick  = flags.Bool("quick", false, "10 epochs on 12000 digits, k = 25, unless other flags say otherwise: a look, whose error rates are not those of the paper's experiment")
	)
	flags.Func("k", "latents that are active, a list (default 10,25,40)", func(list string) (err error) {
		ks, err = parseList(list)
		return err
	})
	given, err := program.Parse(flags, args)
	if err != nil {
		return err
	}
	if *quick {
		quicken(given, &ks, epochs, digits)
	}
	err = program.Check(program.Count{Flag: "epochs", Value: *epochs, Least: 1, Most: program.MaxEpochs},
		program.Count{Flag: "digits", Value: *digits, Least: latents, Most: allDigits}) // each latent starts from a digit
	if err != nil {
		return err
	}
	if given["finetune"] && *tuned != 0 && !slices.Contains(ks, *tuned) {
		return fmt.Errorf("-finetune is %d, want 0 or one of the k, %v", *tuned, ks)
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
			fmt.Fprintf(w, "\nEnded in the middle of k = %d; the table has what was complete by then.\n", k)
			break
		}
	}
	if table.Len() == 0 {
		return err
	}
	fmt.Fprintf(w, "\n%s\n%3s  %-12s  %3s  %4s  %12s  %6s  %5s  %7s\n%s", caveat(len(d.all.Labels), *epochs), "k", "", "α", "dead", "validation %", "test %", "paper", "seconds", &table)
	fmt.Fprintf(w, "%d training digits, seed %d, %v in all.\n", len(d.all.Labels), *seed, time.Since(begin).Round(time.Second))
	return err
}

// quicken takes the settings of -quick where no flag was given for them.
func quicken(given map[string]bool, ks *[]int, epochs, digits *int) {
	if !given["k"] {
		*ks = []int{25}
	}
	if !given["epochs"] {
		*epochs = 10
	}
	if !given["digits"] {
		*digits = 12000
	}
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
