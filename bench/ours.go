package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// turn takes steps for about the given length, after a first one that does not count,
// and returns the seconds of each step. The next turn goes on with the same data and
// model.
type turn func(ctx context.Context, length time.Duration) ([]float64, error)

// training is a network with the data and the settings that it is trained with.
type training struct {
	net *ksparse.Network
	x   *mat.Dense
	cfg ksparse.TrainConfig
}

// newTraining makes the standard autoencoder with Adam. The PyTorch peers have the same
// model and loss, and so the same work per step. In addition, ours puts the samples
// into a new order each epoch and gathers them into batches: Train does that, and so
// its time is part of the figure.
func newTraining(s shape) (*training, error) {
	net, err := newNetwork(s)
	if err != nil {
		return nil, err
	}
	return &training{net, samples(batches*s.batch, s.inputs), ksparse.TrainConfig{
		BatchSize: s.batch, Optimizer: train.Adam{}, LearningRate: 1e-4,
	}}, nil
}

// newOriginal makes the network that this library started from: sigmoids on both
// sides, and gradient descent without momentum.
func newOriginal(s shape) (*training, error) {
	net, err := ksparse.New(ksparse.Config{
		Classic: true,
		Inputs:  s.inputs, Latents: s.latents, K: s.k,
		Activation: ksparse.Sigmoid, OutputActivation: ksparse.Sigmoid,
	})
	if err != nil {
		return nil, err
	}
	return &training{net, pixels(batches*s.batch, s.inputs), ksparse.TrainConfig{
		BatchSize: s.batch, Optimizer: train.SGD{}, LearningRate: 0.01,
	}}, nil
}

// batches is how many different batches a training goes over.
const batches = 4

// newNetwork makes the standard autoencoder, with ReLU.
func newNetwork(s shape) (*ksparse.Network, error) {
	return ksparse.New(ksparse.Config{Classic: true, Inputs: s.inputs, Latents: s.latents, K: s.k, Activation: ksparse.ReLU})
}

// samples returns rows of normal numbers.
func samples(rows, cols int) *mat.Dense {
	rng := rand.New(rand.NewPCG(uint64(rows), uint64(cols)))
	data := make([]float64, rows*cols)
	for i := range data {
		data[i] = rng.NormFloat64()
	}
	return mat.NewDense(rows, cols, data)
}

// pixels returns rows of numbers from 0 to 1.
func pixels(rows, cols int) *mat.Dense {
	rng := rand.New(rand.NewPCG(uint64(rows), uint64(cols)))
	data := make([]float64, rows*cols)
	for i := range data {
		data[i] = rng.Float64()
	}
	return mat.NewDense(rows, cols, data)
}

// each trains until more, which is called after every step, returns false.
func (t *training) each(ctx context.Context, more func() bool) error {
	cfg := t.cfg
	cfg.Epochs = 1 << 30
	cfg.Callback = func(train.Progress) error {
		if !more() {
			return ksparse.ErrStop
		}
		return nil
	}
	_, err := t.net.Train(ctx, t.x, t.x, cfg)
	return err
}

// turn is a turn of training. A step lasts from one call of the callback to the next.
// Each call of Train allocates its memory again, so the first step does not count.
func (t *training) turn(ctx context.Context, length time.Duration) ([]float64, error) {
	c := clock{length: length}
	err := t.each(ctx, c.more)
	return c.times, err
}

// repeated makes a turn of calls of step.
func repeated(step func() error) turn {
	return func(ctx context.Context, length time.Duration) ([]float64, error) {
		c := clock{length: length}
		for {
			if err := step(); err != nil {
				return nil, err
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if !c.more() {
				return c.times, nil
			}
		}
	}
}

// clock takes the time of steps.
type clock struct {
	length      time.Duration
	begin, last time.Time
	times       []float64
}

// more is called after every step. The first step is the warm-up and is not timed. more
// reports whether there should be another step: until length is over and three steps
// are timed, or one step where that takes ten times length.
func (c *clock) more() bool {
	now := time.Now()
	if c.begin.IsZero() {
		c.begin = now
	} else {
		c.times = append(c.times, now.Sub(c.last).Seconds())
	}
	done, n := now.Sub(c.begin), len(c.times)
	if n >= 3 && done >= c.length || n >= 1 && done >= 10*c.length {
		return false
	}
	c.last = time.Now()
	return true
}
