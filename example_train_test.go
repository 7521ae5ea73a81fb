package ksparse_test

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/train"
	"gonum.org/v1/gonum/mat"
)

// The caller makes each batch, and looks at the network between two steps.
func ExampleNewTrainer() {
	const steps = 300
	net, err := ksparse.New(ksparse.Config{Inputs: 8, Latents: 24, K: 3})
	if err != nil {
		log.Fatal(err)
	}
	t, err := ksparse.NewTrainer(net, ksparse.TrainConfig{Steps: steps})
	if err != nil {
		log.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var first, last float64
	for step := range steps {
		x := mat.NewDense(32, 8, nil) // one sample per row: a few numbers of eight
		for i := range 32 {
			for range 2 {
				x.Set(i, rng.IntN(8), 1+rng.Float64())
			}
		}
		progress, err := t.Step(x, x) // an autoencoder's target is its input
		if err != nil {
			log.Fatal(err)
		}
		if step == 0 {
			first = progress.Loss
		}
		last = progress.Loss
	}
	history, err := t.Finish()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(history.Steps, "steps")
	fmt.Println("a tenth of the first loss is left, or less:", last < first/10)
	// Output:
	// 300 steps
	// a tenth of the first loss is left, or less: true
}

// Of the samples, which could be in a file larger than memory, 100 rows are in memory
// at a time.
func ExampleNetwork_TrainSource() {
	const rows, cols = 1000, 8
	numbers := make([]float32, rows*cols)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range rows {
		for range 2 {
			numbers[i*cols+rng.IntN(cols)] = 1 + rng.Float32()
		}
	}
	src, err := data.FromFloat32(numbers, rows, cols)
	if err != nil {
		log.Fatal(err)
	}
	net, err := ksparse.New(ksparse.Config{Inputs: cols, Latents: 24, K: 3})
	if err != nil {
		log.Fatal(err)
	}
	history, err := net.TrainSource(context.Background(), src, ksparse.TrainConfig{Buffer: 100})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(history.Steps, "steps,", history.Stop)
	fmt.Println("less than 10 % of the variance unexplained:", history.Epochs[9].FVU < 0.1)
	// Output:
	// 320 steps, all done
	// less than 10 % of the variance unexplained: true
}

// A training that was stopped goes on from its checkpoint, and ends with the bits of one
// that was not.
func ExampleCheckpoint() {
	folder, err := os.MkdirTemp("", "ksparse")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	x := dictionaryData(100, 8, 16, 2, 1)
	run := func(cfg ksparse.TrainConfig) (*ksparse.Network, *train.History) {
		net, err := ksparse.New(ksparse.Config{Inputs: 8, Latents: 16, K: 2})
		if err != nil {
			log.Fatal(err)
		}
		cfg.Epochs, cfg.BatchSize = 3, 20 // 15 steps
		history, err := net.Train(context.Background(), x, x, cfg)
		if err != nil {
			log.Fatal(err)
		}
		return net, history
	}

	cfg := ksparse.TrainConfig{Checkpoint: ksparse.Checkpoint{File: filepath.Join(folder, "state"), Resume: true}}
	cfg.Callback = func(p train.Progress) error {
		if p.Step == 7 {
			return ksparse.ErrStop
		}
		return nil
	}
	_, history := run(cfg)
	fmt.Println(history.Steps, "steps,", history.Stop)

	cfg.Callback = nil
	resumed, history := run(cfg)
	fmt.Println(history.Steps, "steps,", history.Stop)

	whole, _ := run(ksparse.TrainConfig{})
	same := mat.Equal(resumed.Layers()[0].Weights(), whole.Layers()[0].Weights())
	fmt.Println("the same weights as without the stop:", same)
	// Output:
	// 7 steps, stopped by callback
	// 15 steps, all done
	// the same weights as without the stop: true
}

// The sparse layers of a classifier learn from samples without labels, one after the
// other. Train then trains all layers together, with labels.
func ExampleNetwork_Pretrain() {
	net, err := ksparse.NewNetwork(
		ksparse.NewSparseLayer("first", 8, 32, 4, ksparse.ReLU),
		ksparse.NewSparseLayer("second", 32, 16, 4, ksparse.ReLU),
		ksparse.NewLinearLayer("classes", 16, 3, ksparse.Identity),
	)
	if err != nil {
		log.Fatal(err)
	}
	x := dictionaryData(200, 8, 16, 2, 1)
	histories, err := net.Pretrain(context.Background(), x, ksparse.PretrainConfig{
		Train: ksparse.TrainConfig{Epochs: 20, BatchSize: 20},
	})
	if err != nil {
		log.Fatal(err)
	}
	for i, h := range histories {
		first, last := h.Epochs[0].TrainLoss, h.Epochs[19].TrainLoss
		fmt.Printf("layer %q: the loss is halved, or better: %v\n", net.Layers()[i].Name(), last < first/2)
	}
	// Output:
	// layer "first": the loss is halved, or better: true
	// layer "second": the loss is halved, or better: true
}
