package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/ksparse/ksparse"
	"github.com/ksparse/ksparse/data"
)

// model returns the autoencoder of the folder, or trains one on the rows and keeps it there.
func (o options) model(ctx context.Context, rows data.Source) (*ksparse.Network, error) {
	path := filepath.Join(o.work, "model.ksparse")
	net, err := ksparse.LoadFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return net, err
	}
	_, cols := rows.Dims()
	cfg, train := ksparse.Config{Inputs: cols, Latents: 4096, K: 16}, ksparse.TrainConfig{Steps: 2000, BatchSize: 2048}
	if o.data == "emb" {
		cfg.Latents, cfg.K, train.Steps, train.BatchSize = 16384, 32, 1500, 1024
	}
	if net, err = ksparse.New(cfg); err != nil {
		return nil, err
	}
	history, err := net.TrainSource(ctx, rows, train)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(o.progress, history)
	return net, net.SaveFile(path)
}
