// Package fault holds the causes of this library's errors, and makes the errors
// that wrap them. The public packages export the causes under names of their own,
// such as ksparse.ErrShape.
package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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

// In returns err with the path of its file at the end, unless it Names that already.
func In(path string, err error) error {
	if Names(err, path) {
		return err
	}
	return fmt.Errorf("%w (in %s)", err, path)
}

// Names reports whether the text of err names the path, or what lies below it. A word that
// stands in the text by chance is not taken for a path: one without a separator or a dot
// counts only in an error of package os.
func Names(err error, path string) bool {
	var one *fs.PathError
	var two *os.LinkError
	if errors.As(err, &one) && one.Path == path || errors.As(err, &two) && two.New == path {
		return true
	}
	path = strings.TrimRight(path, `/\`)
	if !strings.ContainsAny(path, `/\.`) {
		return false
	}
	before, after, found := strings.Cut(Text(err), path)
	return found && (before == "" || strings.HasSuffix(before, " ") || strings.HasSuffix(before, "(")) &&
		(after == "" || strings.ContainsRune(`:),/\ `, rune(after[0])))
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
