package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/examples/mnistdata"
	"github.com/ksparse/ksparse/examples/program"
	"github.com/ksparse/ksparse/train"
)

// tunedAlpha is the α of the fine-tuned network. This value, and the settings below,
// gave the lowest error rate on the validation digits, which were held out.
const tunedAlpha = 4

// fineTune trains the encoder and the classifier together, with labels: the
// gradient of the classifier's loss passes the selection on its way to the encoder.
// It returns their error rate on the test digits.
func fineTune(ctx context.Context, w io.Writer, autoencoder *ksparse.Network, d sets, k int, l2 float64, seed uint64) (float64, error) {
	codes, err := encode(autoencoder, d.all, k, tunedAlpha)
	if err != nil {
		return 0, err
	}
	softmax, err := regress(ctx, codes, d.all.OneHot(), l2, seed)
	if err != nil {
		return 0, err
	}
	net, err := stack(autoencoder, softmax)
	if err != nil {
		return 0, err
	}
	history, err := net.Train(ctx, d.all.Images, d.all.OneHot(), ksparse.TrainConfig{
		Epochs: 10, BatchSize: 100,
		Loss:         ksparse.SoftmaxCrossEntropy,
		Optimizer:    train.SGD{Momentum: 0.9},
		LearningRate: 0.05,
		Schedule:     train.LinearDecay{},
		Seed:         seed,
		Callback: func(p train.Progress) error {
			if p.EpochEnd {
				fmt.Fprintf(w, "fine-tuning  epoch %2d/%d  loss %.4f  %6.0f digits/s  %v left\n",
					p.Epoch, p.Epochs, p.EpochLoss, p.SamplesPerSecond, p.Left.Round(time.Second))
			}
			return nil
		},
	})
	program.PrintAdvice(w, history)
	if err != nil {
		return 0, err
	}
	return errorRate(net, d.test.Images, d.test)
}

// stack makes one network, from pixels to logits, of a copy of the encoder and one
// of the classifier.
func stack(autoencoder, softmax *ksparse.Network) (*ksparse.Network, error) {
	from, decoder, logits := autoencoder.Layers()[0].(*ksparse.SparseLayer), autoencoder.Layers()[1], softmax.Layers()[0]
	encoder := ksparse.NewSparseLayer("encoder", mnistdata.Pixels, latents, from.K(), ksparse.Identity)
	digits := ksparse.NewLinearLayer("digits", latents, 10, ksparse.Identity)
	net, err := ksparse.NewNetwork(encoder, digits)
	if err != nil {
		return nil, err
	}
	encoder.Weights().Copy(from.Weights())
	// The autoencoder subtracts its decoder's biases b from the digits first. With c,
	// the encoder's biases, W(x-b) + c = Wx + (c-Wb).
	var shift mat.VecDense
	shift.MulVec(from.Weights(), decoder.Biases())
	encoder.Biases().SubVec(from.Biases(), &shift)
	digits.Weights().Copy(logits.Weights())
	digits.Biases().CopyVec(logits.Biases())
	return net, nil
}
