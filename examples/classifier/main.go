// Command classifier trains a network with a sparse hidden layer to tell the
// MNIST digits apart: of its 1000 hidden units only k are active on any digit.
//
//	go run ./classifier
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/examples/mnistdata"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C kills at once
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "classifier:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, w io.Writer) error {
	flags := flag.NewFlagSet("classifier", flag.ContinueOnError)
	hidden := flags.Int("hidden", 1000, "hidden units")
	k := flags.Int("k", 100, "hidden units that may be active")
	epochs := flags.Int("epochs", 8, "passes over the training digits")
	digits := flags.Int("digits", 60000, "how many training digits to use")
	seed := flags.Uint64("seed", 1, "of the first weights and of the order of the digits")
	if err := flags.Parse(args); err != nil {
		return err
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

	net, err := ksparse.NewNetwork(
		ksparse.NewSparseLayer("hidden", mnistdata.Pixels, *hidden, *k, ksparse.ReLU),
		ksparse.NewLinearLayer("digits", *hidden, 10, ksparse.Identity), // logits
	)
	if err != nil {
		return err
	}
	net.Init(*seed)

	fmt.Fprintf(w, "%d-%d-10, %d of the %d hidden units active, %d training digits\n",
		mnistdata.Pixels, *hidden, *k, *hidden, len(train.Labels))
	_, err = net.Train(ctx, train.Images, train.OneHot(), ksparse.TrainConfig{
		Epochs:       *epochs,
		BatchSize:    100,
		Loss:         ksparse.SoftmaxCrossEntropy,
		Optimizer:    ksparse.Adam{},
		LearningRate: 0.001,
		Schedule:     ksparse.CosineDecay{},
		Seed:         *seed,
		Callback: func(p ksparse.Progress) error {
			if !p.EpochEnd {
				return nil
			}
			accuracy, err := testAccuracy(net, test)
			fmt.Fprintf(w, "epoch %2d/%d  loss %.4f  test accuracy %.2f %%  %6.0f samples/s\n",
				p.Epoch, p.Epochs, p.EpochLoss, 100*accuracy, p.SamplesPerSecond)
			return err
		},
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	accuracy, measureErr := testAccuracy(net, test)
	if measureErr != nil {
		return measureErr
	}
	fmt.Fprintf(w, "Test accuracy: %.2f %% of %d digits\n", 100*accuracy, len(test.Labels))
	return err
}

// testAccuracy is the share of the test digits for which the largest of the ten
// outputs is that of the right digit.
func testAccuracy(net *ksparse.Network, test mnistdata.Set) (float64, error) {
	logits, err := net.Predict(test.Images)
	if err != nil {
		return 0, err
	}
	return ksparse.Accuracy(logits, test.OneHot())
}
