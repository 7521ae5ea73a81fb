// Package rows opens the data of the commands: rows of numbers in files, of any kind that package data or
// module columnar reads.
package rows

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/say"
	"github.com/ksparse/ksparse/columnar"
	"github.com/ksparse/ksparse/data"
)

// Options are what the files cannot say of themselves.
type Options struct{ data.Options }

// AddFlags adds the flags of o.
func (o *Options) AddFlags(f *pflag.FlagSet) {
	f.StringVar(&o.Tensor, "tensor", "", "the `array` of an .npz or safetensors file that holds the rows")
	f.IntVar(&o.Cols, "cols", 0, "`numbers` in a row of a raw file of float32")
	f.StringVar(&o.Column, "column", "", "the `column` of a table, or field of JSON lines, that holds the rows: name, number from 1, or first:last")
}

// A Source is an open source of rows.
type Source interface {
	data.Source
	Close() error
	String() string // what was found, in one line
}

// Open opens the rows in the files, folders or patterns at the paths, one after the other.
func Open(o Options, paths ...string) (Source, error) {
	if len(paths) == 1 && columnar.Is(paths[0]) {
		if o.Tensor != "" || o.Cols != 0 {
			return nil, say.Wrong("--tensor and --cols are not for %s, which is a table", paths[0])
		}
		return columnar.Open(paths[0], o.Column)
	}
	for _, path := range paths {
		if columnar.Is(path) {
			return openEach(o, paths)
		}
	}
	return data.Open(o.Options, paths...)
}

// several are sources one after another.
type several struct {
	data.Source
	parts []Source
}

// openEach opens files of which some are tables.
func openEach(o Options, paths []string) (Source, error) {
	s := new(several)
	var all []data.Source
	for _, path := range paths {
		part, err := Open(o, path)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.parts, all = append(s.parts, part), append(all, part)
	}
	var err error
	if s.Source, err = data.Concat(all...); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes all of them.
func (s *several) Close() error {
	var errs []error
	for _, part := range s.parts {
		errs = append(errs, part.Close())
	}
	return errors.Join(errs...)
}

// String says how many there are, and what the first is.
func (s *several) String() string {
	rows, cols := s.Dims()
	return fmt.Sprintf("%d sources, the first %s; %d x %d together", len(s.parts), s.parts[0], rows, cols)
}
