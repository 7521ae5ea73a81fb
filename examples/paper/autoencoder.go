package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/examples/mnistdata"
	"github.com/ksparse/ksparse/examples/program"
	"github.com/ksparse/ksparse/train"
)

const (
	latents = 1000
	firstK  = 100 // latents active in the first step
)

// learn trains the autoencoder, without labels.
func learn(ctx context.Context, w io.Writer, digits *mat.Dense, k, epochs int, seed uint64) (*ksparse.Network, error) {
	net, err := ksparse.New(ksparse.Config{
		Classic: true,
		Inputs:  mnistdata.Pixels, Latents: latents, K: k,
		Activation: ksparse.Identity,
		Tied:       true,
		PreBias:    true, // gives the biases better start values; the encoder has biases too, so the model is the same
		Seed:       seed,
	})
	if err != nil {
		return nil, err
	}
	src, err := data.FromMatrix(digits)
	if err != nil {
		return nil, err
	}
	// A latent that is never among the k largest never learns. With random weights that
	// happens to one latent in ten or more. So each latent starts as the difference of a
	// digit from the mean digit. Its norm is 0.1: the sum of a hundred atoms of norm 1 has
	// far too much ink.
	if err := net.StartFrom(src, ksparse.Start{PreBias: data.MeanRow, Atoms: true, Norm: 0.1, Seed: seed}); err != nil {
		return nil, err
	}

	history, err := net.Train(ctx, digits, digits, ksparse.TrainConfig{
		Epochs:       epochs,
		BatchSize:    100,
		Optimizer:    train.SGD{Momentum: 0.9},
		LearningRate: 0.03,
		Schedule:     train.LinearDecay{End: 1.0 / 30},
		Recipe:       ksparse.Recipe{KStart: firstK}, // falls to k over the first half of the steps
		Seed:         seed,
		Callback: func(p train.Progress) error {
			if p.EpochEnd {
				fmt.Fprintf(w, "k = %d  epoch %2d/%d  L0 %5.1f  FVU %.4f  %6.0f digits/s  %v left\n",
					k, p.Epoch, p.Epochs, p.L0, p.EpochFVU, p.SamplesPerSecond, p.Left.Round(time.Second))
			}
			return nil
		},
	})
	program.PrintAdvice(w, history)
	return net, err
}
