package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
	"github.com/ksparse/ksparse/train"
)

// model returns the autoencoder of the folder, or trains one on the rows and keeps it there: with Adam at a moderate
// rate, which uses latents far more equally than the larger steps that are chosen where a training is to be short, and
// so makes short lists.
func (o options) model(ctx context.Context, rows data.Source) (*ksparse.Network, error) {
	path := filepath.Join(o.work, "model.ksparse")
	net, err := ksparse.LoadFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return net, err
	}
	_, cols := rows.Dims()
	cfg, how := ksparse.Config{Inputs: cols, Latents: 4096, K: 16}, ksparse.TrainConfig{
		Steps: 2000, BatchSize: 2048, Optimizer: train.Adam{}, LearningRate: 1e-3, Schedule: train.LinearDecay{},
	}
	if o.data == "emb" {
		cfg.Latents, cfg.K, how.Steps, how.BatchSize = 16384, 32, 1500, 1024
	}
	if net, err = ksparse.New(cfg); err != nil {
		return nil, err
	}
	history, err := net.TrainSource(ctx, rows, how)
	if err != nil {
		return nil, err
	}
	last := history.Epochs[len(history.Epochs)-1]
	fmt.Fprintf(o.progress, "trained in %v, training loss %.4g, %d dead\n", history.Time.Round(time.Second), last.TrainLoss, last.Dead)
	return net, net.SaveFile(path)
}
