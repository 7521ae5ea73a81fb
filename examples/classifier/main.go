// Command classifier trains a network with a sparse hidden layer to recognise the
// MNIST digits: of its 1000 hidden units only k are active on each digit.
//
//	go run ./classifier
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/examples/mnistdata"
	"github.com/ksparse/ksparse/examples/program"
	"github.com/ksparse/ksparse/probe"
	"github.com/ksparse/ksparse/train"
)

// main runs the program.
func main() { program.Main("classifier", run) }

// settings are the program's flags.
type settings struct {
	hidden, k, epochs, digits int
	seed                      uint64
}

// run is the program with the given flags. It writes to w.
func run(ctx context.Context, args []string, w io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("classifier", flag.ContinueOnError)
	flags.IntVar(&s.hidden, "hidden", 1000, "hidden units")
	flags.IntVar(&s.k, "k", 100, "hidden units that may be active")
	flags.IntVar(&s.epochs, "epochs", 8, "passes over the training digits")
	flags.IntVar(&s.digits, "digits", 60000, "how many training digits to use")
	flags.Uint64Var(&s.seed, "seed", 1, "of the first weights and of the order of the digits")
	if _, err := program.Parse(flags, args); err != nil {
		return err
	}
	err := program.Check(program.Count{Flag: "hidden", Value: s.hidden, Least: 1, Most: 50_000}, program.Count{Flag: "k", Value: s.k, Least: 1, Most: 50_000},
		program.Count{Flag: "epochs", Value: s.epochs, Least: 1, Most: program.MaxEpochs}, program.Count{Flag: "digits", Value: s.digits, Least: 1, Most: 60_000})
	if err != nil {
		return err
	}
	if s.k > s.hidden {
		return fmt.Errorf("-k is %d, want at most the %d of -hidden", s.k, s.hidden)
	}
	training, err := mnistdata.Train()
	if err != nil {
		return err
	}
	test, err := mnistdata.Test()
	if err != nil {
		return err
	}
	net, err := ksparse.NewNetwork(
		ksparse.NewSparseLayer("hidden", mnistdata.Pixels, s.hidden, s.k, ksparse.ReLU),
		ksparse.NewLinearLayer("digits", s.hidden, 10, ksparse.Identity), // logits
	)
	if err != nil {
		return err
	}
	net.Init(s.seed)

	trainErr := learn(ctx, w, net, training.Head(s.digits), test, s)
	if trainErr != nil && !errors.Is(trainErr, context.Canceled) {
		return trainErr
	}
	accuracy, err := testAccuracy(net, test)
	if err != nil {
		return err
	}
	if trainErr != nil {
		fmt.Fprint(w, "Interrupted before the end; as far as the training came: ")
	}
	fmt.Fprintf(w, "Test accuracy: %.2f %% of %d digits\n", 100*accuracy, len(test.Labels))
	return trainErr
}

// learn trains the network, and writes a line about each epoch.
func learn(ctx context.Context, w io.Writer, net *ksparse.Network, training, test mnistdata.Set, s settings) error {
	fmt.Fprintf(w, "%d-%d-10, %d of the %d hidden units active, %d training digits\n",
		mnistdata.Pixels, s.hidden, s.k, s.hidden, len(training.Labels))
	history, err := net.Train(ctx, training.Images, training.OneHot(), ksparse.TrainConfig{
		Epochs:       s.epochs,
		BatchSize:    100,
		Loss:         ksparse.SoftmaxCrossEntropy,
		Optimizer:    train.Adam{},
		LearningRate: 0.001,
		Schedule:     train.CosineDecay{},
		Seed:         s.seed,
		Callback: func(p train.Progress) error {
			if !p.EpochEnd {
				return nil
			}
			accuracy, err := testAccuracy(net, test)
			fmt.Fprintf(w, "epoch %2d/%d  loss %.4f  test accuracy %.2f %%  %6.0f samples/s  %v left\n",
				p.Epoch, p.Epochs, p.EpochLoss, 100*accuracy, p.SamplesPerSecond, p.Left.Round(time.Second))
			return err
		},
	})
	program.PrintAdvice(w, history)
	return err
}

// testAccuracy returns the share of the test digits for which the largest of the ten
// outputs is that of the right digit.
func testAccuracy(net *ksparse.Network, test mnistdata.Set) (float64, error) {
	logits, err := net.Predict(test.Images)
	if err != nil {
		return 0, err
	}
	return probe.Accuracy(logits, test.OneHot())
}
