// Package job trains one model on rows in files: from the data to the model and its figures.
package job

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/rows"
	"github.com/ksparse/ksparse/data"
)

// Data are the rows of a training, open.
type Data struct {
	About           string // what was found, in words
	Rows            int    // to train on
	Inputs, Outputs int
	Transcoder      bool // there are targets, which are not the inputs
	InMemory        bool // the files were read, once

	train  data.Source // inputs, with their targets where there are some
	held   data.Source // the same of the rows held out; nil for none
	opened []rows.Source
}

// OpenData opens the rows in the files at paths, and their targets where there are some. Every hold-th row is held
// out; 0 is none. Rows without targets that take at most so many bytes of memory are read here, once; else they are read
// when they are wanted, and each time.
func OpenData(ctx context.Context, o rows.Options, paths []string, targets string, hold int, memory int64) (*Data, error) {
	d := new(Data)
	err := d.open(o, paths, targets)
	if err == nil {
		if n, _ := d.train.Dims(); n == 1 {
			err = fmt.Errorf("one row is too few to train on")
		}
	}
	if err == nil && targets == "" {
		d.opened[0], d.InMemory, err = rows.Hold(ctx, d.opened[0], memory)
		d.train = d.opened[0]
	}
	if err == nil && hold > 0 {
		if n, _ := d.train.Dims(); hold > n {
			err = fmt.Errorf("--hold %d holds out no row of %d: take a smaller number", hold, n)
		} else {
			d.train, d.held, err = data.HoldOut(d.train, hold)
		}
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	d.Rows, _ = d.train.Dims()
	if err := d.differ(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// differ returns an error where the figures could not be computed at the end, for want of a variance: where the rows to
// measure on, or their targets, are all equal. Two rows mostly show that they are not.
func (d *Data) differ() error {
	n, cols := d.measured().Dims()
	first, row := make([]float64, cols), make([]float64, cols)
	for i := range n {
		if err := d.measured().ReadRows(row, i, i+1); err != nil {
			return err
		}
		if i == 0 {
			copy(first, row)
		}
		if !slices.Equal(row[cols-d.Outputs:], first[cols-d.Outputs:]) {
			return nil
		}
	}
	if n == 1 {
		return fmt.Errorf("there is one row to measure on, and FVU needs two or more: see --hold")
	}
	return fmt.Errorf("%s are all equal, so they have no variance of which FVU could be a share", d.MeasuredOn())
}

// open opens the rows, and puts the targets beside them.
func (d *Data) open(o rows.Options, paths []string, targets string) error {
	x, err := rows.Open(o, paths...)
	if err != nil {
		return err
	}
	d.opened = append(d.opened, x)
	_, d.Inputs = x.Dims()
	d.About, d.Outputs, d.train = x.String(), d.Inputs, x
	if targets == "" {
		return nil
	}
	y, err := rows.Open(o, targets)
	if err != nil {
		return err
	}
	d.opened = append(d.opened, y)
	_, d.Outputs = y.Dims()
	d.About += "; targets: " + y.String()
	d.Transcoder = true
	d.train, err = rows.Pair(x, y, paths, targets)
	return err
}

// measured returns the rows that the figures are of.
func (d *Data) measured() data.Source {
	if d.held != nil {
		return d.held
	}
	return d.train
}

// MeasuredOn says which rows the figures are of.
func (d *Data) MeasuredOn() string {
	n, _ := d.measured().Dims()
	if d.held != nil {
		return fmt.Sprintf("%d rows held out", n)
	}
	return fmt.Sprintf("the %d rows of the training", n)
}

// Close closes the files.
func (d *Data) Close() error {
	var errs []error
	for _, s := range d.opened {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
