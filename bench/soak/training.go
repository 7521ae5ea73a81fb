package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

func networkFile(folder string) string    { return filepath.Join(folder, "network.ksp") }
func checkpointFile(folder string) string { return filepath.Join(folder, "training.checkpoint") }

// work draws what a round works on: a network, rows and how to train.
func work(seed uint64) (*ksparse.Network, *mat.Dense, ksparse.TrainConfig, error) {
	rng := rand.New(rand.NewPCG(seed, 0x736f616b))
	pick := func(n int) int { return rng.IntN(n) }
	cfg := ksparse.Config{
		Classic: true,
		Inputs:  8 + pick(60), Latents: 50 + pick(500), K: 1 + pick(12), Activation: ksparse.ReLU, Seed: seed,
		Selection:     []ksparse.Selection{ksparse.SelectTopK, ksparse.SelectAbsTopK, ksparse.SelectBatchTopK}[pick(3)],
		PreBias:       pick(2) == 0,
		Tied:          pick(3) == 0,
		Normalization: ksparse.Normalization(pick(3)),
	}
	if cfg.Selection == ksparse.SelectAbsTopK {
		cfg.Activation = ksparse.Identity
	}
	x := mat.NewDense(300+pick(700), cfg.Inputs, nil)
	x.Apply(func(_, _ int, _ float64) float64 { return rng.NormFloat64() }, x)
	how := ksparse.TrainConfig{
		Epochs: 2 + pick(4), BatchSize: 16 + pick(100), Seed: seed,
		Optimizer: []train.Optimizer{train.Adam{}, train.AdamW{}, train.SGD{Momentum: 0.9}}[pick(3)],
		EMA:       0.9 * float64(pick(2)),
		ClipNorm:  float64(pick(2)),
		MaxNorm:   10 * float64(pick(2)),
		Recipe:    ksparse.Recipe{UnitNorm: pick(2) == 0, DeadAfter: 200},
	}
	if cfg.Selection != ksparse.SelectAbsTopK && pick(2) == 0 {
		how.Recipe.AuxK = 8
	}
	if pick(2) == 0 {
		how.Validation = ksparse.Validation{Fraction: 0.1, Patience: 3}
	}
	net, err := ksparse.New(cfg)
	return net, x, how, err
}

// trained returns the network of a seed, trained in one piece.
func trained(seed uint64) (*ksparse.Network, error) {
	net, x, how, err := work(seed)
	if err != nil {
		return nil, err
	}
	_, err = net.Train(context.Background(), x, x, how)
	return net, err
}

// trainInProcess is the training in a process of its own: it goes on from the checkpoint, if there
// is one, and writes the network.
func trainInProcess(folder string, seed uint64) error {
	net, x, how, err := work(seed)
	if err != nil {
		return err
	}
	how.Checkpoint = ksparse.Checkpoint{File: checkpointFile(folder), Every: 2, Resume: true}
	if _, err := net.Train(context.Background(), x, x, how); err != nil {
		return err
	}
	return net.SaveFile(networkFile(folder))
}

// killedTraining trains in processes that it kills at random times, until one comes to
// its end.
func killedTraining(folder string, seed uint64, c *counts) error {
	rng := rand.New(rand.NewPCG(seed, 2))
	patience := 20 * time.Millisecond
	for {
		var output bytes.Buffer
		cmd := exec.Command(os.Args[0], "-train", folder, "-seed", fmt.Sprint(seed))
		cmd.Stdout, cmd.Stderr = &output, &output
		if _, err := os.Stat(checkpointFile(folder)); err == nil {
			c.resumes.Add(1)
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("the training: %w\n%s", err, &output)
			}
			return nil
		case <-time.After(time.Duration(rng.Int64N(int64(patience)))):
		}
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		<-done
		c.kills.Add(1)
		patience += patience / 4 // so that it comes to an end
		if err := openCheckpoint(checkpointFile(folder), c); err != nil {
			return err
		}
	}
}

// openCheckpoint opens what a killed training left behind.
func openCheckpoint(path string, c *counts) error {
	net, err := ksparse.LoadCheckpoint(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	c.checkpoints.Add(1)
	_, err = net.Encode(mat.NewDense(1, net.In(), nil))
	return err
}
