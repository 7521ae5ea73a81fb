package main

import (
	"context"
	"fmt"
	"io"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/examples/mnistdata"
)

// tunedAlpha and the settings below are those with which the validation digits,
// held out, gained most.
const tunedAlpha = 4

// fineTune trains the encoder and the classifier together, with labels: the
// gradient of the classifier's loss passes the selection on its way to the encoder.
// It returns the share of the test digits that the two get wrong.
func fineTune(ctx context.Context, w io.Writer, autoencoder *ksparse.Network, d data, k int, l2 float64, seed uint64) (float64, error) {
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
	_, err = net.Train(ctx, d.all.Images, d.all.OneHot(), ksparse.TrainConfig{
		Epochs: 10, BatchSize: 100,
		Loss:         ksparse.SoftmaxCrossEntropy,
		Optimizer:    ksparse.SGD{Momentum: 0.9},
		LearningRate: 0.05,
		Schedule:     ksparse.LinearDecay{},
		Seed:         seed,
		Callback: func(p ksparse.Progress) error {
			if p.EpochEnd {
				fmt.Fprintf(w, "fine-tuning  epoch %2d/%d  loss %.4f  %6.0f digits/s\n", p.Epoch, p.Epochs, p.EpochLoss, p.SamplesPerSecond)
			}
			return nil
		},
	})
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
	// The autoencoder takes its decoder's biases from the digits first:
	// W(x-b) + c = Wx + (c-Wb).
	var shift mat.VecDense
	shift.MulVec(from.Weights(), decoder.Biases())
	encoder.Biases().SubVec(from.Biases(), &shift)
	digits.Weights().Copy(logits.Weights())
	digits.Biases().CopyVec(logits.Biases())
	return net, nil
}
