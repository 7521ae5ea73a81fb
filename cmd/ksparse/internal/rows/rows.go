// Package rows opens the data of the commands: rows of numbers in files, of any kind that package data or
// module columnar reads.
package rows

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

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

// Pair puts the targets of the file at the path beside the rows of those at paths: see data.Pair.
func Pair(x, targets Source, paths []string, path string) (data.Source, error) {
	n, _ := x.Dims()
	if m, _ := targets.Dims(); m != n {
		return nil, fmt.Errorf("%s has %d rows, and the targets in %s have %d: each row has one target", strings.Join(paths, ", "), n, path, m)
	}
	return data.Pair(x, targets)
}

// Want returns an error where the rows of the files at paths have other than so many numbers, which a model takes.
func Want(x interface{ Dims() (rows, cols int) }, cols int, paths []string) error {
	if _, have := x.Dims(); have != cols {
		return fmt.Errorf("%s has %d numbers in a row, and the model takes %d", strings.Join(paths, ", "), have, cols)
	}
	return nil
}

// isTable reports whether package columnar reads the file. The first bytes of a safetensors file are a length, which in a
// damaged one may be the mark of Arrow.
func isTable(path string) bool {
	return !strings.EqualFold(filepath.Ext(path), ".safetensors") && columnar.Is(path)
}

// Open opens the rows in the files, folders or patterns at the paths, one after the other.
func Open(o Options, paths ...string) (Source, error) {
	if len(paths) == 1 && isTable(paths[0]) {
		if o.Tensor != "" || o.Cols != 0 {
			return nil, say.Wrong("--tensor and --cols are not for %s, which is a table", paths[0])
		}
		return columnar.Open(paths[0], o.Column)
	}
	for _, path := range paths {
		if isTable(path) {
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
