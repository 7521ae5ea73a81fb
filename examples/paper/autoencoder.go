package main

import (
	"context"
	"fmt"
	"io"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/examples/mnistdata"
)

const (
	latents = 1000
	firstK  = 100 // latents active in the first step
)

// learn trains the autoencoder, without labels.
func learn(ctx context.Context, w io.Writer, digits *mat.Dense, k, epochs int, seed uint64) (*ksparse.Network, error) {
	net, err := ksparse.New(ksparse.Config{
		Inputs: mnistdata.Pixels, Latents: latents, K: k,
		Activation: ksparse.Identity,
		Tied:       true,
		PreBias:    true, // no other model, as the encoder has biases; they begin better
		Seed:       seed,
	})
	if err != nil {
		return nil, err
	}
	// A latent that is never among the k largest never learns. From random weights
	// that happens to one in ten or more. So each starts as the difference of a digit
	// from the mean digit, and short: a hundred atoms of norm 1 draw far too much ink.
	if err := net.StartFrom(digits, ksparse.Start{PreBias: ksparse.MeanPreBias, Atoms: true, Norm: 0.1, Seed: seed}); err != nil {
		return nil, err
	}

	_, err = net.Train(ctx, digits, digits, ksparse.TrainConfig{
		Epochs:       epochs,
		BatchSize:    100,
		Optimizer:    ksparse.SGD{Momentum: 0.9},
		LearningRate: 0.03,
		Schedule:     ksparse.LinearDecay{End: 1.0 / 30},
		KStart:       firstK, // and down to k over the first half
		Seed:         seed,
		Callback: func(p ksparse.Progress) error {
			if p.EpochEnd {
				fmt.Fprintf(w, "k = %d  epoch %2d/%d  L0 %5.1f  FVU %.4f  %6.0f digits/s\n", k, p.Epoch, p.Epochs, p.L0, p.FVU, p.SamplesPerSecond)
			}
			return nil
		},
	})
	return net, err
}
