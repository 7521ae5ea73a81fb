// Package fault holds the causes of this library's errors, and makes the errors
// that wrap them. The public packages export the causes under names of their own,
// such as ksparse.ErrShape.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// The causes. What each of them means to a caller stands where it is exported.
var (
	// Shape: a matrix, layer or mask has the wrong size for its place.
	Shape = errors.New("wrong shape")
	// Empty: a matrix is nil or has no rows.
	Empty = errors.New("no data")
	// NotFinite: data, or a result, holds NaN or an infinity.
	NotFinite = errors.New("not a finite number")
	// Range: a number lies outside the range in which it makes sense.
	Range = errors.New("out of range")
	// NoSparseLayer: codes were asked of a network without a sparse layer.
	NoSparseLayer = errors.New("no sparse layer")
	// NoDecoder: outputs were asked of a network without a decoder.
	NoDecoder = errors.New("no decoder")
	// Frozen: training, or gradients, were asked of a network that can only be used.
	Frozen = errors.New("cannot be trained")
	// Unset: the network needs a number that was never learned or set.
	Unset = errors.New("never learned")
	// Pass: Backprop was given a Pass that another network made.
	Pass = errors.New("pass of another network")
	// Diverged: in training, the loss or a parameter was about to become NaN or infinite.
	Diverged = errors.New("training diverged")
	// Format: a saved network or checkpoint is damaged, cut short or of another format.
	Format = errors.New("not a valid network file")
	// Checkpoint: the checkpoint was made by a training of another network, other data
	// or another configuration.
	Checkpoint = errors.New("checkpoint of another training")
	// Stop is for a training callback to return: the training ends without an error.
	Stop = errors.New("stop training")
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

// First returns the first of errs that is not nil, nil if there is none.
func First(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
