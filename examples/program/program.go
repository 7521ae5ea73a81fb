// Package program has what the example programs share: how they begin and end, how they
// read their flags, how they write files, and how they print the advice of a training.
package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/ksparse/ksparse/train"
)

// Main runs a program until it ends or Ctrl-C interrupts it, and exits with 1 after an
// error. That its output could not be written is an error too, and ends it.
func Main(name string, run func(ctx context.Context, args []string, w io.Writer) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C kills at once
	if err := start(ctx, os.Stdout, os.Args[1:], run); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// start is Main without the process around it.
func start(ctx context.Context, to *os.File, args []string, run func(ctx context.Context, args []string, w io.Writer) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := &output{file: to, cancel: cancel}
	err := run(ctx, args, out)
	switch {
	case out.failed != nil:
		return out.failed
	case errors.Is(err, flag.ErrHelp):
		return nil
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	}
	return err
}

// output is where a program writes. It keeps the first error, for the callers of fmt.Fprintf
// do not look, and ends the program.
type output struct {
	file   *os.File
	cancel func()
	failed error
}

// Write writes to the file.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	if err != nil && o.failed == nil {
		o.failed = err
		o.cancel()
	}
	return n, err
}

// Fd returns the descriptor of the file, by which a terminal can be told.
func (o *output) Fd() uintptr { return o.file.Fd() }

// Parse reads the flags, after which nothing may stand, and returns the names of those that
// were given.
func Parse(flags *flag.FlagSet, args []string) (given map[string]bool, err error) {
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%q is no flag, and there are no other arguments", flags.Arg(0))
	}
	given = make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	return given, nil
}

// A Count is the value of a flag and what it may be.
type Count struct {
	Flag               string
	Value, Least, Most int
}

// MaxEpochs is more passes over the data than anyone waits for.
const MaxEpochs = 1_000_000

// Check returns an error that names the first flag whose value it may not have.
func Check(counts ...Count) error {
	for _, c := range counts {
		switch {
		case c.Value < c.Least:
			return fmt.Errorf("-%s is %d, want at least %d", c.Flag, c.Value, c.Least)
		case c.Value > c.Most:
			return fmt.Errorf("-%s is %d, want at most %d", c.Flag, c.Value, c.Most)
		}
	}
	return nil
}

// WriteFile writes a file whole or not at all: it gets its name when all of it is on the
// disk. What is there and no regular file, such as a device or a link, is written in place.
func WriteFile(path string, content []byte) error {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(path, content, 0o644)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".example-*")
	if err != nil {
		return about(path, err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return about(path, err)
}

// about gives an error about a temporary file the path that was meant.
func about(path string, err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return &fs.PathError{Op: of.Op, Path: path, Err: of.Err}
	}
	return err
}

// MakeFolder makes the folder that a flag names, with those above it, and returns an error
// where no file can be written in it.
func MakeFolder(flag, path string) error {
	if path == "" {
		return fmt.Errorf("-%s is empty, want a folder", flag)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("-%s: %w", flag, err)
	}
	f, err := os.CreateTemp(path, ".example-*")
	if err != nil {
		return fmt.Errorf("-%s: %w", flag, about(path, err))
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// PrintAdvice writes what a training says could be better, a line each; nothing where it says
// nothing. The history is nil where the training did not begin.
func PrintAdvice(w io.Writer, h *train.History) {
	if h == nil {
		return
	}
	for _, sentence := range h.Advice {
		fmt.Fprintln(w, "advice:", sentence)
	}
}
