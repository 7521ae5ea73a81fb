package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/ksparse/ksparse"
	"gonum.org/v1/gonum/mat"
)

// turn takes steps for about so long, after one that does not count, and returns
// the seconds of each. What it works on stays as it is for the next turn.
type turn func(ctx context.Context, length time.Duration) ([]float64, error)

// shape is the size of an autoencoder and of the batches it gets.
type shape struct{ inputs, latents, k, batch int }

// training is a network with what it is trained on.
type training struct {
	net *ksparse.Network
	x   *mat.Dense
	cfg ksparse.TrainConfig
}

// newTraining makes the standard autoencoder with Adam, as the PyTorch peers
// have it. Their loss is the same, and so is the work per step; ours also puts
// the samples into a new order each epoch and gathers them.
func newTraining(s shape) (*training, error) {
	net, err := newNetwork(s)
	if err != nil {
		return nil, err
	}
	return &training{net, samples(batches*s.batch, s.inputs), ksparse.TrainConfig{
		BatchSize: s.batch, Optimizer: ksparse.Adam{}, LearningRate: 1e-4,
	}}, nil
}

// newOriginal makes the network that this library started from: sigmoids on both
// sides, and plain gradient descent.
func newOriginal(s shape) (*training, error) {
	net, err := ksparse.New(ksparse.Config{
		Inputs: s.inputs, Latents: s.latents, K: s.k,
		Activation: ksparse.Sigmoid, OutputActivation: ksparse.Sigmoid,
	})
	if err != nil {
		return nil, err
	}
	return &training{net, pixels(batches*s.batch, s.inputs), ksparse.TrainConfig{
		BatchSize: s.batch, Optimizer: ksparse.SGD{}, LearningRate: 0.01,
	}}, nil
}

// batches is how many different batches a training goes over.
const batches = 4

func newNetwork(s shape) (*ksparse.Network, error) {
	return ksparse.New(ksparse.Config{Inputs: s.inputs, Latents: s.latents, K: s.k, Activation: ksparse.ReLU})
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

// each trains until more, called after every step, says that it is enough.
func (t *training) each(ctx context.Context, more func() bool) error {
	cfg := t.cfg
	cfg.Epochs = 1 << 30
	cfg.Callback = func(ksparse.Progress) error {
		if !more() {
			return ksparse.ErrStop
		}
		return nil
	}
	_, err := t.net.Train(ctx, t.x, t.x, cfg)
	return err
}

// turn times steps from one call of the callback to the next. Train gets its
// memory anew each time, which is why its first step does not count.
func (t *training) turn(ctx context.Context, length time.Duration) ([]float64, error) {
	c := clock{length: length}
	err := t.each(ctx, c.more)
	return c.times, err
}

// repeated makes a turn of a step that is simply called.
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

// more is called after every step, the first one included, which it takes as the
// warm-up. It says whether there should be another one: until length is over
// and there are three, but one is enough where steps are that slow.
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
