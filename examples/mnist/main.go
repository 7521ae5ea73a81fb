// Command mnist trains the k-sparse autoencoder 784-100-784 on the 60,000 MNIST
// digits for several k, prints how well each rebuilds the test digits, and
// draws what it learned.
//
//	go run ./mnist              # k = 5, 10, 20, 30, 50; about a minute on two cores
//	go run ./mnist -quick       # a look, in some seconds
//	go run ./mnist -k 8,16 -epochs 20 -out /tmp/pictures
//
// Ctrl-C ends the training; the table and the pictures then show what is done.
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

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/examples/mnistdata"
)

const latents = 100

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C kills at once
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "mnist:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, w io.Writer) error {
	var (
		ks     = []int{5, 10, 20, 30, 50}
		flags  = flag.NewFlagSet("mnist", flag.ContinueOnError)
		epochs = flags.Int("epochs", 10, "passes over the training digits")
		digits = flags.Int("digits", 60000, "how many training digits to use")
		seed   = flags.Uint64("seed", 1, "of the order in which the digits come")
		out    = flags.String("out", "out", "folder for the pictures")
		quick  = flags.Bool("quick", false, "3 epochs on 6000 digits")
	)
	flags.Func("k", "latents that may be active, a list (default 5,10,20,30,50)", func(list string) (err error) {
		ks, err = parseList(list)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *quick {
		*epochs, *digits = 3, 6000
	}
	if *digits < latents { // each latent starts from a digit, see start
		return fmt.Errorf("-digits is %d, want at least %d", *digits, latents)
	}

	train, err := mnistdata.Train()
	if err != nil {
		return err
	}
	test, err := mnistdata.Test()
	if err != nil {
		return err
	}
	train = train.Head(*digits)

	var results []*result
	for _, k := range ks {
		r, err := learn(ctx, w, k, *epochs, *seed, train.Images, test.Images)
		if r != nil {
			results = append(results, r)
		}
		if errors.Is(err, context.Canceled) {
			fmt.Fprintf(w, "\nInterrupted at k = %d; the figures of that are as far as it came.\n", k)
			break
		}
		if err != nil {
			return fmt.Errorf("k = %d: %w", k, err)
		}
	}
	if len(results) == 0 {
		return ctx.Err()
	}
	printTable(w, results)
	if err := drawPictures(*out, test, results); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nPictures are in %s: reconstructions, atoms, training, frequencies.\n", *out)
	return ctx.Err()
}

// learn trains one network and measures it on the test digits. When ctx ends
// the training it returns the network as it is by then, and the error of ctx.
func learn(ctx context.Context, w io.Writer, k, epochs int, seed uint64, train, test *mat.Dense) (*result, error) {
	net, err := ksparse.New(ksparse.Config{
		Inputs:           mnistdata.Pixels,
		Latents:          latents,
		K:                k,
		Activation:       ksparse.ReLU,
		OutputActivation: ksparse.Sigmoid, // ink is between 0 and 1, so the output is
	})
	if err != nil {
		return nil, err
	}
	start(net, train) // instead of the random weights of New
	r := &result{k: k, net: net}
	show := newDisplay(w, fmt.Sprintf("k = %-2d", k))
	_, trainErr := net.Train(ctx, train, train, ksparse.TrainConfig{
		Epochs:       epochs,
		BatchSize:    200,
		Loss:         ksparse.SquaredError,
		Optimizer:    ksparse.Adam{},
		LearningRate: 0.01,
		Schedule:     ksparse.CosineDecay{},
		L2:           3e-4, // smooth atoms, and none of them inks where there is never ink
		Seed:         seed,
		// The test digits are looked at, never learned from: nothing here stops
		// early or chooses among networks by this loss.
		ValidationX: test,
		ValidationY: test,
		Callback: func(p ksparse.Progress) error {
			r.record(p)
			show.update(p)
			return nil
		},
	})
	show.close()
	if len(r.testCurve) == 0 { // not even one epoch
		return nil, trainErr
	}
	if err := r.measure(test); err != nil {
		return nil, err
	}
	return r, trainErr
}

func parseList(list string) ([]int, error) {
	var ks []int
	for _, field := range strings.Split(list, ",") {
		k, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || k < 1 || k > latents {
			return nil, fmt.Errorf("%q is not a number from 1 to %d", field, latents)
		}
		ks = append(ks, k)
	}
	return ks, nil
}
