// Package fault holds the causes of this library's errors, and makes the errors
// that wrap them. The public packages export the causes under names of their own,
// such as ksparse.ErrShape.
package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// The causes. What each of them means to a caller stands where it is exported.
var (
	// ErrShape: a matrix, layer or mask has the wrong size for its place.
	ErrShape = errors.New("wrong shape")
	// ErrEmpty: a matrix is nil or has no rows.
	ErrEmpty = errors.New("no data")
	// ErrNotFinite: data, or a result, holds NaN or an infinity.
	ErrNotFinite = errors.New("not a finite number")
	// ErrRange: a number lies outside the range in which it makes sense.
	ErrRange = errors.New("out of range")
	// ErrNoSparseLayer: codes were asked of a network without a sparse layer.
	ErrNoSparseLayer = errors.New("no sparse layer")
	// ErrNoDecoder: outputs were asked of a network without a decoder.
	ErrNoDecoder = errors.New("no decoder")
	// ErrFrozen: training, or gradients, were asked of a network that can only be used.
	ErrFrozen = errors.New("cannot be trained")
	// ErrUnset: the network needs a number that was never learned or set.
	ErrUnset = errors.New("never learned")
	// ErrDiverged: in training, the loss or a parameter was about to become NaN or infinite.
	ErrDiverged = errors.New("training diverged")
	// ErrFormat: a saved network or checkpoint is damaged, cut short or of another format.
	ErrFormat = errors.New("not a valid network file")
	// ErrCheckpoint: the checkpoint was made by a training of another network, other data
	// or another configuration.
	ErrCheckpoint = errors.New("checkpoint of another training")
	// ErrStop is for a training callback to return: the training ends without an error.
	ErrStop = errors.New("stop training")
)

// prefix begins the text of every error that Errorf makes.
const prefix = "ksparse: "

// Errorf makes an error that wraps cause and reads "ksparse: text".
func Errorf(cause error, format string, args ...any) error {
	return &causedError{cause, prefix + fmt.Sprintf(format, args...)}
}

// causedError is an error whose text does not repeat that of its cause.
type causedError struct {
	cause error
	text  string
}

func (e *causedError) Error() string { return e.text }
func (e *causedError) Unwrap() error { return e.cause }

// Text returns the text of err without the "ksparse: " that it may begin with, for
// a place inside the text of another error.
func Text(err error) string { return strings.TrimPrefix(err.Error(), prefix) }

// Advise makes an error like Errorf that ends in ": advice", for what a caller in Go can do.
// A program whose users do not write Go leaves that away: the method Reason of the error,
// which errors.As finds by an interface, gives the text without advice and prefix.
func Advise(cause error, advice, format string, args ...any) error {
	err := &advisedError{causedError{cause, prefix + fmt.Sprintf(format, args...)}, advice}
	if advice == "" {
		return &err.causedError
	}
	return err
}

// advisedError is an error with advice.
type advisedError struct {
	causedError
	advice string
}

func (e *advisedError) Error() string  { return e.text + ": " + e.advice }
func (e *advisedError) Reason() string { return strings.TrimPrefix(e.text, prefix) }

// In returns err with the path of its file at the end. Whoever was given the path calls it,
// once: readers of a stream do not know the path. Only an error of package os names it
// already.
func In(path string, err error) error {
	if FromOS(err) {
		return err
	}
	return fmt.Errorf("%w (in %s)", err, path)
}

// InFile makes of an error about the file at path one that begins with the path, for whoever reads the
// contents of files that people name. Where err wraps none of the causes, it wraps ErrFormat beside: the
// file is not what it should be. An error of package os stays what it is.
func InFile(path string, err error) error {
	if FromOS(err) {
		return Errorf(err, "%s", Text(err))
	}
	cause := err
	if !wrapsAny(err, ErrShape, ErrEmpty, ErrNotFinite, ErrRange, ErrFormat) {
		cause = errors.Join(ErrFormat, err)
	}
	return Errorf(cause, "%s: %s", path, Text(err))
}

// wrapsAny reports whether err wraps one of the causes.
func wrapsAny(err error, causes ...error) bool {
	return slices.ContainsFunc(causes, func(cause error) bool { return errors.Is(err, cause) })
}

// FromOS reports whether err is, or wraps, an error of package os about a file, whose text
// names the file.
func FromOS(err error) bool {
	var one *fs.PathError
	var two *os.LinkError
	return errors.As(err, &one) || errors.As(err, &two)
}

// First returns the first of errs that is not nil, nil if there is none.
func First(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
